# Two machines on this one, for the scripts beside this file (two-machines.sh, soak.sh), which source it: each a layer over
# this machine's files (overlayfs) with network, processes and mounts of its own. They set `here` and `work` before.
# shellcheck shell=sh disable=SC2154 # here, work: of whoever sources this
# The command as it was installed, not that of an environment that is active.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
hub_net=mhub$$ gate_net=mgate$$
began=$(date +%s)
say() { printf '== %3d s: %s\n' "$(($(date +%s) - began))" "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; tail -n 15 "$work"/*.log >&2; exit 1; }

# Whatever ends this script, if only by SIGKILL, ends what it started: the machines' first processes, the cable, the cards.
mortal='setpriv --pdeathsig KILL'

clean_up() {
    for machine in hub gate; do
        if [ -e "$work/$machine/pid" ]; then kill -9 "$(cat "$work/$machine/pid")" 2>/dev/null || true; fi
        take_card $machine
    done
    if [ -n "${cable:-}" ]; then kill "$cable" 2>/dev/null || true; fi
    ip netns del $hub_net 2>/dev/null || true
    ip netns del $gate_net 2>/dev/null || true
    wait 2>/dev/null || true
}
left_behind() { # what of this run is still there: mounts, loop devices, namespaces, processes
    awk -v work="$work/" 'index($5, work) == 1 { print "mount " $5 }' /proc/self/mountinfo
    losetup --list --noheadings --output NAME,BACK-FILE | awk -v work="$work/" 'index($2, work) == 1 { print "loop device " $1 }'
    ip netns list | awk -v hub=$hub_net -v gate=$gate_net '$1 == hub || $1 == gate { print "namespace " $1 }'
    # The script itself and its caller name the folder, too: what is meant is what was left to process 1.
    pgrep -P 1 -af "$work/" | sed 's/^/process /' || true
}
host_pid() { # host_pid MACHINE PID: the number by which this machine knows a process of another
    space=$(readlink "/proc/$(cat "$work/$1/pid")/ns/pid")
    for process in /proc/[0-9]*; do
        [ "$(readlink "$process/ns/pid" 2>/dev/null || true)" = "$space" ] || continue
        if grep -q "^NSpid:.*[[:space:]]$2\$" "$process/status" 2>/dev/null; then echo "${process#/proc/}"; fi
    done
}
sweep() { # what runs that were killed left: their namespaces, loop devices and mounts bear the number of a process that is gone
    ip netns list | cut -d' ' -f1 | grep -E '^m(hub|gate)[0-9]+$' | while read -r net; do
        if ! [ -d "/proc/${net##*[a-z]}" ]; then ip netns del "$net" 2>/dev/null || true; fi
    done
    awk -v work="$work/" 'index($5, work) == 1 { print $5 }' /proc/self/mountinfo | while read -r place; do
        umount -l "$place" 2>/dev/null || true
    done
}
all_gone() { # in the end: everything is ended, and nothing may be left
    trap - EXIT
    clean_up
    left=$(left_behind)
    [ -z "$left" ] || { printf 'left behind: %s\n' "$left" >&2; return 1; }
}
sweep
trap clean_up EXIT
trap 'exit 1' INT TERM

# Cards: a machine's folder on an ext4 of its own, on a card whose power can be cut (card.py). hub_card, gate_card: its process.
put_card() { # put_card MACHINE FOLDER SEED: the card goes in; what its file system needs is mended as at a start
    : >"$work/$1.card"
    $mortal python3 "$here/deploy/try/card.py" "$work/$1.card" "$work/$1.img" --seed "$3" --victim "$work/$1.victim" \
        >>"$work/$1.card.log" 2>&1 &
    eval "${1}_card=\$!"
    # shellcheck disable=SC2034 # read by take_card
    eval "${1}_folder=\$2"
    for _ in $(seq 50); do [ "$(stat -c %s "$work/$1.card")" != 0 ] && break; sleep 0.1; done
    device=$(losetup -f --show "$work/$1.card") || fail "$1: there is no card (is there /dev/fuse?)"
    fsck.ext4 -p "$device" >>"$work/fsck.log" 2>&1 || [ $? -le 1 ] || fail "the card of $1 cannot be mended: $(tail -n 3 "$work/fsck.log")"
    on "$1" mount -o noatime,nodev,nosuid,noexec,errors=remount-ro "$device" "$2"
    losetup -d "$device" # at its last unmounting, whoever does that
}
take_card() { # take_card MACHINE: it goes out, wherever it is
    card=$(eval "printf %s \"\${${1}_card:-}\"")
    [ -n "$card" ] || return 0
    if kill -0 "$(cat "$work/$1/pid")" 2>/dev/null; then on "$1" umount -l "$(eval "printf %s \"\${${1}_folder}\"")" 2>/dev/null || true; fi
    for _ in $(seq 50); do
        losetup --list --noheadings --output BACK-FILE | grep -qx "$work/$1.card" || break
        sleep 0.1
    done
    kill "$card" 2>/dev/null || true
    wait "$card" 2>/dev/null || true
    umount -l "$work/$1.card" 2>/dev/null || true
    eval "${1}_card="
}
cut_power() { # cut_power MACHINE PID: with writes under way; PID is ended in the same instant, before it can know
    host_pid "$1" "$2" >"$work/$1.victim"
    [ -s "$work/$1.victim" ] || fail "$1 has no process $2"
    had=$(grep -c '"cuts": 1' "$work/$1.card.log" || true)
    kill -USR1 "$(eval "printf %s \"\$${1}_card\"")"
    for _ in $(seq 200); do [ "$(grep -c '"cuts": 1' "$work/$1.card.log")" -gt "$had" ] && break; sleep 0.1; done
    [ "$(grep -c '"cuts": 1' "$work/$1.card.log")" -gt "$had" ] || fail "the power of $1 was not cut"
}

lay_cable() { # lay_cable SEED: two networks, and a cable between them that can be bad (cable.py)
    ip netns add $hub_net
    ip netns add $gate_net
    # The kernel's own bad link where it has one; else the cable's.
    netem=no
    if tc -n $hub_net qdisc add dev lo root netem delay 1ms 2>/dev/null; then netem=yes; tc -n $hub_net qdisc del dev lo root; fi
    for net in $hub_net $gate_net; do ip -n $net link set lo up; done
    link '{}'
    $mortal python3 "$here/deploy/try/cable.py" "$work/link.json" $hub_net 10.77.0.1/24 $gate_net 10.77.0.2/24 --seed "$1" \
        >"$work/cable.log" 2>&1 &
    cable=$!
    for _ in $(seq 50); do grep -q ready "$work/cable.log" && return; sleep 0.1; done
    fail "no cable can be laid: is there /dev/net/tun?"
}
link() { # link JSON: what the cable does from now on
    printf '%s' "$1" >"$work/link.new"
    mv "$work/link.new" "$work/link.json"
}
bad_link() { # bad_link LOSS% DELAY_MS JITTER_MS DOUBLED%: both ways; mended by good_link
    if [ $netem = yes ]; then
        for net in $hub_net $gate_net; do
            tc -n $net qdisc replace dev cable0 root netem delay "$2ms" "$3ms" loss "$1%" duplicate "$4%"
        done
    else
        link "$(printf '{"loss": %s, "delay_s": %s, "jitter_s": %s, "doubled": %s}' \
            "$(share "$1" 100)" "$(share "$2" 1000)" "$(share "$3" 1000)" "$(share "$4" 100)")"
    fi
}
share() { awk -v n="$1" -v of="$2" 'BEGIN { printf "%.3f", n / of }'; }
good_link() {
    if [ $netem = yes ]; then for net in $hub_net $gate_net; do tc -n $net qdisc del dev cable0 root 2>/dev/null || true; done; fi
    link '{}'
}
machine() { # machine NAME NETNS: its first process is the one whose end is the end of all others in it
    mkdir -p "$work/$1/upper" "$work/$1/work" "$work/$1/files"
    cd /
    $mortal ip netns exec "$2" unshare --mount --pid --fork --kill-child sh -eu -c '
        mount -t overlay overlay -o "lowerdir=/,upperdir=$0/upper,workdir=$0/work" "$0/files"
        mount --rbind /dev "$0/files/dev"
        mount -t proc proc "$0/files/proc"
        mount -t tmpfs tmpfs "$0/files/run"
        # An environment and a checkout that only root can reach are to be used by the services; in this layer only.
        for path in /root "$@"; do
            while [ "$path" != / ]; do chmod o+x "$0/files$path"; path=$(dirname "$path"); done
        done
        : >"$0/ready"
        cd /
        exec chroot "$0/files" sleep infinity' "$work/$1" "$here" >"$work/$1.log" 2>&1 &
    outer=$!
    for _ in $(seq 100); do [ -e "$work/$1/ready" ] && break; sleep 0.1; done
    [ -e "$work/$1/ready" ] || fail "$1: no such machine can be made here"
    sleep 0.2
    tr -d ' ' <"/proc/$outer/task/$outer/children" >"$work/$1/pid"
}
on() { # on MACHINE COMMAND…
    target=$(cat "$work/$1/pid")
    shift
    nsenter --target "$target" --mount --pid --net --root --wd -- "$@"
}
start() { # start MACHINE NAME COMMAND…: in the background; its end is by `stop NAME`
    where=$1 name=$2
    shift 2
    on "$where" sh -c 'echo $$ >"/run/$0.pid"; exec "$@"' "$name" "$@" >>"$work/$name.log" 2>&1 &
}
process() { # process MACHINE NAME: of what was started; runuser only watches over it, and its end would end nothing
    on "$1" sh -c 'pid=$(cat "/run/$0.pid"); child=$(cat "/proc/$pid/task/$pid/children"); echo ${child:-$pid}' "$2"
}
kill_hub() { # its lock goes with it, a moment later
    on hub kill -KILL "$(process hub hub | tr -d ' ')"
    sleep 1
}
wait_for() { # wait_for SECONDS WHAT COMMAND…
    limit=$(($(date +%s) + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ "$(date +%s)" -lt "$limit" ] || fail "not in time: $what"
        sleep 0.5
    done
}
ask() { # ask PATH: what the console says, asked from the gate's machine, under TLS
    on gate python3 -c '
import ssl, sys, urllib.request
context = ssl.create_default_context(cafile="/run/authority.pem")
request = urllib.request.Request("https://hub.plant" + sys.argv[1], headers={"Authorization": "Bearer " + sys.argv[2]})
sys.stdout.write(urllib.request.urlopen(request, timeout=10, context=context).read().decode())' "$1" "$token"
}
passages() { ask '/api/events?after=0&limit=10000' | grep -c '"person-passage"'; }
at_least() { [ "$(passages)" -ge "$1" ]; }
whole() { # each stream of the gate is there from its first number to its last
    ask '/api/events?after=0&limit=10000' | python3 -c '
import collections, json, sys
streams = collections.defaultdict(list)
for line in sys.stdin:
    row = json.loads(line)
    stream = row.get("stream") or row
    if stream["gate"] == "north":
        streams[stream["urgency"], stream["epoch"]].append(row["seq"])
assert streams, "no events"
for name, numbers in streams.items():
    assert numbers == list(range(1, len(numbers) + 1)), (name, numbers)'
}
reload_broker() { # menshen-broker-reload.path does this on a machine with systemd
    on hub sh -c 'kill -HUP "$(cat /run/mosquitto.pid)"'
}
start_mosquitto() { start hub mosquitto mosquitto -c /var/lib/menshen-broker/mosquitto.conf; }
start_influxdb() {
    start hub influxdb env INFLUXDB_HTTP_BIND_ADDRESS=127.0.0.1:8086 INFLUXDB_BIND_ADDRESS=127.0.0.1:8088 \
        runuser -u influxdb -- influxd -config /etc/influxdb/influxdb.conf
}
start_hub() { start hub hub /usr/local/bin/menshen hub run /etc/menshen/hub.toml; }

install_hub() { # install_hub OPTIONS…: with the services that it needs, and a token for its API in $token
    on hub sh "$here/deploy/install.sh" hub --site plant --names hub.plant,10.77.0.1 "$@" >"$work/install-hub.log" 2>&1 ||
        fail "install.sh hub"
    start_mosquitto
    start_influxdb
    start_hub
    start hub nginx nginx -g 'daemon off;'
    on hub cat /var/lib/menshen-broker/authority.pem | on gate sh -c 'cat >/run/authority.pem'
    token=$(on hub menshen hub token add /etc/menshen/hub.toml try --may board --may records)
    wait_for 90 "the console answers under TLS" ask /readyz
}
install_gate() { # install_gate OPTIONS…: it plays a recording of people who never existed
    on gate sh "$here/deploy/install.sh" gate --site plant --gate north --hub hub.plant "$@" >"$work/install-gate.log" 2>&1 ||
        fail "install.sh gate"
    on gate menshen sim render --out /run/recording.npz --people 3 --fevers 1 >/dev/null
    on gate install -o menshen-gate -m 600 /run/recording.npz /var/lib/menshen-gate/recording.npz
}
enrol_gate() {
    code=$(on hub menshen hub enrol /etc/menshen/hub.toml north | sed -n 1p)
    on gate menshen edge enrol /etc/menshen/gate.toml "$code"
    reload_broker
}
start_gate() { start gate gate "$@" /usr/local/bin/menshen edge run /etc/menshen/gate.toml; }
