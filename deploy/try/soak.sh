#!/bin/sh
# A hub and a gate, installed on two machines as README says (two-machines.sh), and one fault after the other for so many
# minutes: packets lost, late and doubled; no link; gate or hub killed; power cut, so that the gate finds its card as it
# was at that instant, with all that was not on it yet missing; card full; clock wrong by years; certificate run out.
# In the end all is mended, and within three minutes the hub must have everything or have been told what is lost
# (oracle.py). The same seed makes the same faults. The last line is JSON; the exit code is 1 when anything is wrong.
# As root. Usage: soak.sh FOLDER [--minutes N] [--seed N] [install.sh's options, such as --venv DIR]
# shellcheck disable=SC2016 # what is in single quotes is for the shell inside
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
work=${1:?expected a folder for the two machines}
shift
minutes=10 seed=1
while [ $# -gt 0 ]; do
    case $1 in
        --minutes) minutes=$2; shift 2 ;;
        --seed) seed=$2; shift 2 ;;
        *) break ;;
    esac
done
mkdir -p "$work"
work=$(cd "$work" && pwd)
if [ "${1:-}" = --venv ]; then set -- --venv "$(cd "$2" && pwd)"; fi
. "$here/deploy/try/machines.sh"
state=/var/lib/menshen-gate
faketime=$(find /usr/lib -name libfaketime.so.1 2>/dev/null | head -n 1)
cuts=0 round=0 done_faults='' not_tried='' loop=''

stop_card() {
    if [ -n "$loop" ]; then
        on gate umount $state 2>/dev/null || on gate umount -l $state 2>/dev/null || true
        losetup -d "$loop" 2>/dev/null || true
        loop=''
    fi
}
trap 'stop_card; clean_up' EXIT
put_card() { # the gate's card goes in: an ext4 file system of its own, whose faults a start mends
    loop=$(losetup -f --show "$work/card.img")
    fsck.ext4 -p "$loop" >>"$work/fsck.log" 2>&1 || [ $? -le 1 ] || fail "the card cannot be mended"
    on gate mount -o noatime,nodev,nosuid,noexec,errors=remount-ro "$loop" $state
}
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
fault() { # fault NAME: make it, let it last, mend it
    say "fault $((round + 1)): $1"
    case $1 in
        bad-link)
            link "{\"loss\": 0.$((5 + $(draw 25))), \"delay_s\": 0.$((10 + $(draw 40))), \"jitter_s\": 0.1, \"doubled\": 0.05}"
            sleep $((20 + $(draw 20)))
            link '{}'
            ;;
        no-link) link '{"up": false}'; sleep $((10 + $(draw 30))); link '{}' ;;
        kill-gate) kill_gate; sleep "$(draw 3)"; start_gate ;;
        kill-hub) kill_hub; sleep "$(draw 8)"; start_hub ;;
        power-cut)
            # What is on the card is what was written through to the loop device, not what Linux still keeps of it.
            on gate kill -STOP "$(gate_pid)"
            cp --sparse=always "$work/card.img" "$work/cut.img"
            kill_gate
            stop_card
            mv "$work/cut.img" "$work/card.img"
            put_card
            start_gate
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
install_hub "$@"
truncate -s 48M "$work/card.img"
mkfs.ext4 -q -F -m 1 "$work/card.img"
on gate mkdir -p $state
put_card
install_gate "$@"
# Recordings are what the gate's people are here: not on the card, for they are no part of what it keeps.
on gate mv $state/recording.npz /run/recording.npz
on gate sed -i "s|$state/recording.npz|/run/recording.npz|" /etc/menshen/gate.toml
# Nothing sets the clock of these machines: what is taken need not wait for that.
on gate sed -i 's/^await_clock_s = .*/await_clock_s = 0.0/' /etc/menshen/gate.toml
enrol_gate
start_gate
wait_for 120 "the first passage is on the board" at_least 1
say "the first passage is on the board"

kinds='bad-link no-link kill-gate kill-hub power-cut full-card certificate-over'
if [ -n "$faketime" ]; then kinds="$kinds wrong-clock"; else not_tried='wrong-clock: install libfaketime'; fi
count=$(printf '%s' "$kinds" | wc -w)
end=$(($(date +%s) + minutes * 60))
while [ "$(date +%s)" -lt $end ] || [ $round -lt "$count" ]; do
    # Each once, in an order of the seed; then any of them but the slow one.
    if [ $round -lt "$count" ]; then
        order=$(python3 -c 'import random, sys; kinds = sys.argv[2:]; random.Random(sys.argv[1]).shuffle(kinds); print(*kinds)' \
            "$seed" $kinds)
        kind=$(printf '%s' "$order" | cut -d' ' -f$((round + 1)))
    else
        kind=$(printf '%s' "${kinds% certificate-over*} power-cut" | cut -d' ' -f$((1 + $(draw $((count - 2))))))
    fi
    fault "$kind"
    round=$((round + 1))
    wait_for 180 "the hub answers after $kind" ask /readyz
    had=$(passages)
    wait_for 180 "passages go on after $kind" at_least $((had + 1))
done

say "all is mended"
wait_for 180 "everything is sent" nothing_waits
sleep 5
ask '/api/events?after=0&limit=10000' >"$work/events"
verdict=$(python3 "$here/deploy/try/oracle.py" north "$work/gate.log" --cuts $cuts <"$work/events") && clean=true || clean=false
kill "$cable" && sleep 1
carried=$(tail -n 1 "$work/cable.log")
printf '{"clean": %s, "took_s": %s, "seed": %s, "faults": %s, "kinds": "%s", "not_tried": "%s", "cable": %s, "record": %s}\n' \
    $clean "$(($(date +%s) - began))" "$seed" $round "${done_faults# }" "$not_tried" "$carried" "$verdict"
[ $clean = true ]
