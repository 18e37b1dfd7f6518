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
. "$here/deploy/try/machines.sh"

say "two machines and a cable"
rm -rf "$work"
mkdir -p "$work"
lay_cable 1
machine hub $hub_net
machine gate $gate_net
for name in hub gate; do on $name sh -c 'echo "10.77.0.1 hub.plant" >>/etc/hosts'; done

say "the hub is installed"
install_hub "$@"
say "its console answers, under TLS"

say "the gate is installed"
install_gate "$@"
enrol_gate
on gate menshen edge check /etc/menshen/gate.toml
start_gate
wait_for 90 "the first passage is on the board" at_least 1
say "the first passage is on the board"
on gate menshen doctor /etc/menshen/gate.toml || [ $? = 1 ] || fail "the doctor finds a fault at a gate that works"

say "the hub is killed"
kill_hub
sleep 10
start_hub
wait_for 60 "the hub is back" ask /readyz
had=$(passages)
wait_for 60 "passages go on" at_least $((had + 2))
wait_for 60 "nothing is lost" whole
say "the hub is back, nothing is lost"

say "the cable is pulled"
link '{"up": false}'
sleep 20
link '{}'
had=$(passages)
wait_for 60 "passages go on" at_least $((had + 2))
wait_for 60 "nothing is lost" whole
say "the cable is back, nothing is lost"

link '{"loss": 0.1, "delay_s": 0.15, "jitter_s": 0.05, "doubled": 0.02}'
say "a tenth of all packets is lost, some come twice, all late and out of order"
had=$(passages)
wait_for 120 "passages go on" at_least $((had + 3))
wait_for 90 "nothing is lost" whole
link '{}'
say "nothing is lost"

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
all_gone || fail "something is left behind"
say "nothing is left behind"
