#!/bin/sh
# README's installation on two machines that share nothing but a cable: from nothing to the first passage on the board,
# under TLS; then the hub is killed, the cable pulled, the link made bad, and the gate revoked.
# Each machine is a layer over this one's files (overlayfs) with network, processes and mounts of its own: this machine
# stays as it is. There is no systemd in them: what its units start, this script starts with the same words.
# As root. Usage: two-machines.sh FOLDER [install.sh's options, such as --venv DIR]
# shellcheck disable=SC2016 # what is in single quotes is for the shell inside
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
work=${1:?expected a folder for the two machines}
shift
mkdir -p "$work"
work=$(cd "$work" && pwd)
if [ "${1:-}" = --venv ]; then set -- --venv "$(cd "$2" && pwd)"; fi
hub_net=mhub$$ gate_net=mgate$$
began=$(date +%s)
say() { printf '== %3d s: %s\n' "$(($(date +%s) - began))" "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; tail -n 15 "$work"/*.log >&2; exit 1; }

clean_up() {
    for machine in hub gate; do
        if [ -e "$work/$machine/pid" ]; then kill -9 "$(cat "$work/$machine/pid")" 2>/dev/null || true; fi
    done
    ip netns del $hub_net 2>/dev/null || true
    ip netns del $gate_net 2>/dev/null || true
}
trap clean_up EXIT
trap 'exit 1' INT TERM

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

say "two machines and a cable"
rm -rf "$work"
mkdir -p "$work"
ip netns add $hub_net
ip netns add $gate_net
ip link add mh$$ type veth peer name mg$$
ip link set mh$$ netns $hub_net
ip link set mg$$ netns $gate_net
ip -n $hub_net address add 10.77.0.1/24 dev mh$$
ip -n $gate_net address add 10.77.0.2/24 dev mg$$
for at in "$hub_net mh$$" "$gate_net mg$$"; do
    ip -n "${at% *}" link set lo up
    ip -n "${at% *}" link set "${at#* }" up
done
machine hub $hub_net
machine gate $gate_net
for name in hub gate; do on $name sh -c 'echo "10.77.0.1 hub.plant" >>/etc/hosts'; done

say "the hub is installed"
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
say "its console answers, under TLS"

say "the gate is installed"
on gate sh "$here/deploy/install.sh" gate --site plant --gate north --hub hub.plant "$@" >"$work/install-gate.log" 2>&1 ||
    fail "install.sh gate"
# The cameras of this gate play a recording of people who never existed.
on gate menshen sim render --out /run/recording.npz --people 3 --fevers 1 >/dev/null
on gate install -o menshen-gate -m 600 /run/recording.npz /var/lib/menshen-gate/recording.npz
code=$(on hub menshen hub enrol /etc/menshen/hub.toml north | head -n 1)
on gate menshen edge enrol /etc/menshen/gate.toml "$code"
on gate menshen edge check /etc/menshen/gate.toml
reload_broker
start gate gate /usr/local/bin/menshen edge run /etc/menshen/gate.toml
wait_for 90 "the first passage is on the board" at_least 1
say "the first passage is on the board"
on gate menshen doctor /etc/menshen/gate.toml || [ $? = 1 ] || fail "the doctor finds a fault at a gate that works"

say "the hub is killed"
on hub sh -c 'kill -9 "$(cat /run/hub.pid)"'
sleep 10
start_hub
wait_for 60 "the hub is back" ask /readyz
had=$(passages)
wait_for 60 "passages go on" at_least $((had + 2))
wait_for 60 "nothing is lost" whole
say "the hub is back, nothing is lost"

say "the cable is pulled"
ip -n $gate_net link set mg$$ down
sleep 20
ip -n $gate_net link set mg$$ up
had=$(passages)
wait_for 60 "passages go on" at_least $((had + 2))
wait_for 60 "nothing is lost" whole
say "the cable is back, nothing is lost"

if ip netns exec $gate_net tc qdisc add dev mg$$ root netem loss 10% delay 150ms 50ms 2>"$work/tc.log"; then
    say "a tenth of all packets is lost, the rest is late"
    had=$(passages)
    wait_for 90 "passages go on" at_least $((had + 3))
    wait_for 60 "nothing is lost" whole
    ip netns exec $gate_net tc qdisc del dev mg$$ root
    say "nothing is lost"
else
    say "NOT TRIED: a bad link, for this kernel has no netem ($(head -n 1 "$work/tc.log"))"
fi

say "the gate is revoked"
on hub menshen hub revoke /etc/menshen/hub.toml north
reload_broker
revoked=$(date +%s)
refused() { on gate menshen doctor /etc/menshen/gate.toml | grep -q 'refuses us'; }
wait_for 60 "the revoked gate is refused" refused
say "it is refused, $(($(date +%s) - revoked)) s later"
had=$(passages)
sleep 15
[ "$(passages)" = "$had" ] || fail "a revoked gate was heard"
say "and was not heard again"
