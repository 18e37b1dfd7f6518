# Two machines on this one, for the scripts beside this file (two-machines.sh, soak.sh), which source it: each a layer over
# this machine's files (overlayfs) with network, processes and mounts of its own. They set `here` and `work` before.
# shellcheck shell=sh disable=SC2154 # here, work: of whoever sources this
# The command as it was installed, not that of an environment that is active.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
hub_net=mhub$$ gate_net=mgate$$
began=$(date +%s)
say() { printf '== %3d s: %s\n' "$(($(date +%s) - began))" "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; tail -n 15 "$work"/*.log >&2; exit 1; }

clean_up() {
    if [ -n "${cable:-}" ]; then kill "$cable" 2>/dev/null || true; fi
    for machine in hub gate; do
        if [ -e "$work/$machine/pid" ]; then kill -9 "$(cat "$work/$machine/pid")" 2>/dev/null || true; fi
    done
    ip netns del $hub_net 2>/dev/null || true
    ip netns del $gate_net 2>/dev/null || true
}
trap clean_up EXIT
trap 'exit 1' INT TERM

lay_cable() { # lay_cable SEED: two networks, and a cable between them that can be bad (cable.py)
    ip netns add $hub_net
    ip netns add $gate_net
    for net in $hub_net $gate_net; do ip -n $net link set lo up; done
    link '{}'
    python3 "$here/deploy/try/cable.py" "$work/link.json" $hub_net 10.77.0.1/24 $gate_net 10.77.0.2/24 --seed "$1" \
        >"$work/cable.log" 2>&1 &
    cable=$!
    for _ in $(seq 50); do grep -q ready "$work/cable.log" && return; sleep 0.1; done
    fail "no cable can be laid: is there /dev/net/tun?"
}
link() { # link JSON: what the cable does from now on
    printf '%s' "$1" >"$work/link.new"
    mv "$work/link.new" "$work/link.json"
}
machine() { # machine NAME NETNS: its first process is the one whose end is the end of all others in it
    mkdir -p "$work/$1/upper" "$work/$1/work" "$work/$1/files"
    cd /
    ip netns exec "$2" unshare --mount --pid --fork --kill-child sh -eu -c '
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
start_hub() { start hub hub /usr/local/bin/menshen hub run /etc/menshen/hub.toml; }

install_hub() { # install_hub OPTIONS…: with the services that it needs, and a token for its API in $token
    on hub sh "$here/deploy/install.sh" hub --site plant --names hub.plant,10.77.0.1 "$@" >"$work/install-hub.log" 2>&1 ||
        fail "install.sh hub"
    start hub mosquitto mosquitto -c /var/lib/menshen-broker/mosquitto.conf
    start hub influxdb env INFLUXDB_HTTP_BIND_ADDRESS=127.0.0.1:8086 INFLUXDB_BIND_ADDRESS=127.0.0.1:8088 \
        runuser -u influxdb -- influxd -config /etc/influxdb/influxdb.conf
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
    code=$(on hub menshen hub enrol /etc/menshen/hub.toml north | head -n 1)
    on gate menshen edge enrol /etc/menshen/gate.toml "$code"
    reload_broker
}
start_gate() { start gate gate "$@" /usr/local/bin/menshen edge run /etc/menshen/gate.toml; }
