#!/bin/sh
# A hub and a gate, installed on two machines as README says (two-machines.sh), and one fault after the other for so many
# minutes: packets lost, late and doubled; no link; gate, hub or broker killed; the power of gate or hub cut while writes are
# under way, of which some are then on its card, some not and some in part (card.py); card full; clock wrong by years;
# certificate run out; InfluxDB away; the token key changed; the hub's machine lost, and another in its place by docs/disaster.md.
# In the end all is mended, and within three minutes the hub must have everything or have been told what is lost
# (oracle.py), and must have been told of what was wrong. The same seed makes the same faults. The last line is JSON; the
# exit code is 1 when anything is wrong, or when anything of it is left behind (processes, mounts, loop devices, namespaces).
# As root. Usage: soak.sh FOLDER [--minutes N] [--seed N] [--kinds 'KIND …'] [install.sh's options, such as --venv DIR]
# --kinds: only these faults, each once.
# shellcheck disable=SC2016 # what is in single quotes is for the shell inside
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
work=${1:?expected a folder for the two machines}
shift
minutes=10 seed=1 wanted=''
while [ $# -gt 0 ]; do
    case $1 in
        --minutes) minutes=$2; shift 2 ;;
        --seed) seed=$2; shift 2 ;;
        --kinds) wanted=$2 minutes=0; shift 2 ;;
        *) break ;;
    esac
done
mkdir -p "$work"
work=$(cd "$work" && pwd)
if [ "${1:-}" = --venv ]; then set -- --venv "$(cd "$2" && pwd)"; fi
options=$*
. "$here/deploy/try/machines.sh"
state=/var/lib/menshen-gate
faketime=$(find /usr/lib -name libfaketime.so.1 2>/dev/null | head -n 1)
hub_state=/var/lib/menshen
cuts=0 round=0 done_faults='' not_tried=''

gate_pid() { process gate gate | tr -d ' '; }
kill_gate() {
    on gate kill -KILL "$(gate_pid)"
    cuts=$((cuts + 1))
    sleep 0.5
}
draw() { # draw N: 0 … N-1, by seed and round
    python3 -c 'import random, sys; print(random.Random(f"{sys.argv[1]}/{sys.argv[2]}/{sys.argv[3]}").randrange(int(sys.argv[3])))' \
        "$seed" "$round" "$1"
}
unsent() { ask /api/state | python3 -c '
import json, sys
[gate] = [gate for gate in json.load(sys.stdin)["gates"] if gate["gate"] == "north"]
print(gate.get("spool_urgent", 0) + gate.get("spool_routine", 0) if gate["state"] == "online" else 10**6)'; }
nothing_waits() { [ "$(unsent)" -le 2 ]; } # people keep coming

days() { # for how long the hub's certificates for gates last
    on hub sed -i "/^\[authority\]/,/^\$/s/^days = .*/days = $1/" /etc/menshen/hub.toml
    on hub grep -q "^days = $1" /etc/menshen/hub.toml || fail "hub.toml has no days in [authority]"
}
has_new_key() { # has_new_key OLD
    key=$(on gate cat $state/token.key)
    [ "$key" != "$1" ] && [ "$key" = "$(on hub cat $hub_state/token.key)" ] &&
        on hub menshen doctor /etc/menshen/hub.toml | grep -q 'is at all enrolled gates'
}
fault() { # fault NAME: make it, let it last, mend it
    say "fault $((round + 1)): $1"
    case $1 in
        bad-link)
            bad_link $((5 + $(draw 25))) $((100 + $(draw 400))) 100 5
            sleep $((20 + $(draw 20)))
            good_link
            ;;
        no-link) link '{"up": false}'; sleep $((65 + $(draw 30))); link '{}' ;; # long enough to be told
        kill-gate) kill_gate; sleep "$(draw 3)"; start_gate ;;
        kill-hub) kill_hub; sleep "$(draw 8)"; start_hub ;;
        power-cut)
            cut_power gate "$(gate_pid)"
            cuts=$((cuts + 1))
            take_card gate
            put_card gate $state "$seed$round"
            start_gate
            ;;
        power-cut-hub)
            cut_power hub "$(process hub hub | tr -d ' ')"
            take_card hub
            put_card hub $hub_state "$seed$round"
            sleep "$(draw 5)"
            start_hub
            ;;
        kill-broker) # it keeps nothing
            on hub sh -c 'kill -KILL "$(cat /run/mosquitto.pid)"'
            sleep "$(draw 6)"
            start_mosquitto
            ;;
        no-influxdb)
            on hub kill -KILL "$(process hub influxdb | tr -d ' ')"
            sleep 20
            start_influxdb
            ;;
        full-card)
            on gate dd if=/dev/zero of=$state/filler bs=64k status=none 2>/dev/null || true
            sleep 25
            on gate rm $state/filler
            ;;
        wrong-clock)
            kill_gate
            way=+800d
            if [ "$(draw 2)" = 0 ]; then way=-800d; fi
            start_gate env LD_PRELOAD="$faketime" FAKETIME=$way FAKETIME_DONT_FAKE_MONOTONIC=1
            sleep 30
            kill_gate
            start_gate
            ;;
        new-key) # docs/disaster.md
            old=$(on gate cat $state/token.key)
            kill_hub
            on hub menshen hub registry rekey /etc/menshen/hub.toml >>"$work/install-hub.log" 2>&1 || fail "rekey"
            start_hub
            wait_for 180 "the gate has the new key, and the old one is over" has_new_key "$old"
            ;;
        hub-lost) # with all that it had got since its last copy
            on hub menshen hub backup /etc/menshen/hub.toml --to /var/backups/menshen/copy.tar.gz >/dev/null
            sleep 12
            kill_hub
            on hub sh -c 'kill -KILL "$(cat /run/mosquitto.pid)"'
            take_card hub
            mkfs.ext4 -q -F -m 1 "$work/hub.img"
            on hub sh -c 'mv /var/backups/menshen/copy.tar.gz /run && rm -rf /etc/menshen /var/lib/menshen-broker /var/backups/menshen'
            put_card hub $hub_state "$seed$round"
            # shellcheck disable=SC2086 # words are meant
            on hub sh "$here/deploy/install.sh" hub --site plant --names hub.plant,10.77.0.1 --no-start $options >>"$work/install-hub.log" 2>&1
            on hub sh -eu -c '
                install -o menshen -g menshen -m 600 /run/copy.tar.gz /var/backups/menshen/COPY.tar.gz
                tar -xOzf /run/copy.tar.gz settings/hub.toml >/etc/menshen/hub.toml
                find /var/lib/menshen -mindepth 1 -delete
                menshen hub restore /etc/menshen/hub.toml /var/backups/menshen/COPY.tar.gz
                menshen hub broker /etc/menshen/hub.toml' >>"$work/install-hub.log" 2>&1 || fail "the hub does not come back: $(tail -n 5 "$work/install-hub.log")"
            start_mosquitto
            start_hub
            ;;
        certificate-over)
            days 0.0007
            kill_hub
            start_hub
            wait_for 90 "the hub is back" ask /readyz
            kill_gate
            enrol_gate >/dev/null
            days 90
            kill_hub
            sleep 75
            start_hub
            on gate menshen doctor /etc/menshen/gate.toml | grep -q 'ran out' || fail "the certificate is still good"
            start_gate
            ;;
    esac
    done_faults="$done_faults $1"
}

say "two machines and a cable"
rm -rf "$work"
mkdir -p "$work"
lay_cable "$seed"
machine hub $hub_net
machine gate $gate_net
for name in hub gate; do on $name sh -c 'echo "10.77.0.1 hub.plant" >>/etc/hosts'; done
truncate -s 48M "$work/gate.img"
truncate -s 512M "$work/hub.img"
for name in hub gate; do mkfs.ext4 -q -F -m 1 "$work/$name.img"; done
on gate mkdir -p $state
on hub mkdir -p $hub_state
put_card gate $state "$seed"
put_card hub $hub_state "$seed"
install_hub "$@"
install_gate "$@"
# Recordings are what the gate's people are here: not on the card, for they are no part of what it keeps.
on gate mv $state/recording.npz /run/recording.npz
on gate sed -i "s|$state/recording.npz|/run/recording.npz|" /etc/menshen/gate.toml
# Nothing sets the clock of these machines: what is taken need not wait for that.
on gate sed -i 's/^await_clock_s = .*/await_clock_s = 0.0/; s/^clock_fault_after_s = .*/clock_fault_after_s = 60.0/' /etc/menshen/gate.toml
enrol_gate
start_gate
wait_for 120 "the first passage is on the board" at_least 1
say "the first passage is on the board"

kinds='bad-link no-link kill-gate kill-hub kill-broker power-cut power-cut-hub full-card no-influxdb new-key hub-lost certificate-over'
if [ -n "$faketime" ]; then kinds="$kinds wrong-clock"; else not_tried='wrong-clock: install libfaketime'; fi
kinds=${wanted:-$kinds}
count=$(printf '%s' "$kinds" | wc -w)
end=$(($(date +%s) + minutes * 60))
while [ "$(date +%s)" -lt $end ] || [ $round -lt "$count" ]; do
    # Each once, in an order of the seed; then any of them but the slow one.
    if [ $round -lt "$count" ]; then
        order=$(python3 -c 'import random, sys; kinds = sys.argv[2:]; random.Random(sys.argv[1]).shuffle(kinds); print(*kinds)' \
            "$seed" $kinds)
        kind=$(printf '%s' "$order" | cut -d' ' -f$((round + 1)))
    else
        kind=$(printf '%s' "${kinds% new-key*} power-cut power-cut-hub" | cut -d' ' -f$((1 + $(draw $((count - 2))))))
    fi
    fault "$kind"
    round=$((round + 1))
    wait_for 180 "the hub answers after $kind" ask /readyz
    had=$(passages)
    wait_for 180 "passages go on after $kind" at_least $((had + 1))
done

say "all is mended"
wait_for 180 "everything is sent" nothing_waits
# Nothing that is in the record is missing in the time series; what a hub that was lost had written there is in it, too.
all_points() { [ "$(points)" -ge "$(passages)" ]; }
points() {
    on hub python3 -c '
import json, urllib.request
url = "http://127.0.0.1:8086/query?db=menshen&q=select+count(seq)+from+person_passage"
found = json.load(urllib.request.urlopen(url, timeout=10))["results"][0]
print(int(found["series"][0]["values"][0][1]) if "series" in found else 0)'
}
on gate kill -KILL "$(gate_pid)" # nobody comes any more
wait_for 120 "everybody is in InfluxDB" all_points
ask '/api/events?after=0&limit=10000' >"$work/events"
told='clock gate spool'
if [ -n "$wanted" ]; then told=''; fi
verdict=$(python3 "$here/deploy/try/oracle.py" north "$work/gate.log" --cuts $cuts --told "$told" <"$work/events") && clean=true || clean=false
in_influxdb=$(points)
all_gone || clean=false
torn=$(awk '/"cuts": 1/ && !seen[$0]++' "$work"/*.card.log | python3 -c '
import json, sys
print(json.dumps({key: sum(row[key] for row in rows) for key in ("cuts", "kept", "lost", "torn")} if (rows := [json.loads(line) for line in sys.stdin]) else {}))')
carried=$(tail -n 1 "$work/cable.log")
printf '{"clean": %s, "took_s": %s, "seed": %s, "faults": %s, "kinds": "%s", "not_tried": "%s", "netem": "%s", "cable": %s, "cards": %s, "points": %s, "record": %s}\n' \
    $clean "$(($(date +%s) - began))" "$seed" $round "${done_faults# }" "$not_tried" $netem "$carried" "$torn" "$in_influxdb" "$verdict"
[ $clean = true ]
