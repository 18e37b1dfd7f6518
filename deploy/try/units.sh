#!/bin/sh
# Hub and gate under a real systemd: a layer over this machine's files is booted (systemd-nspawn, with a network of its
# own), both are installed in it as README says, and systemd starts, watches, restarts and shuts them off.
# As root; needs systemd-container. Usage: units.sh FOLDER [install.sh's options, such as --venv DIR]
# shellcheck disable=SC2016 # what is in single quotes is for the shell inside
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
work=${1:?expected a folder for the machine}
shift
rm -rf "$work"
mkdir -p "$work/upper" "$work/work" "$work/files"
work=$(cd "$work" && pwd)
if [ "${1:-}" = --venv ]; then venv=$(cd "$2" && pwd); shift 2; set -- --venv "$venv" "$@"; fi
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
began=$(date +%s)
say() { printf '== %3d s: %s\n' "$(($(date +%s) - began))" "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; inside journalctl --no-pager -n 60 -u 'menshen-*' >&2 2>/dev/null || tail -n 30 "$work/log" >&2; exit 1; }
nspawn='' leader=''
clean_up() {
    if [ -n "$leader" ]; then kill -KILL "$leader" 2>/dev/null || true; fi
    if [ -n "$nspawn" ]; then kill -TERM "$nspawn" 2>/dev/null || true; wait "$nspawn" 2>/dev/null || true; fi
    umount "$work/files" 2>/dev/null || umount -l "$work/files" 2>/dev/null || true
}
trap clean_up EXIT
trap 'exit 1' INT TERM
inside() { nsenter --target "$leader" --mount --pid --net --ipc --uts --root --wd -- "$@"; }
wait_for() { # wait_for SECONDS WHAT COMMAND…
    limit=$(($(date +%s) + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ "$(date +%s)" -lt "$limit" ] || fail "not in time: $what"
        sleep 0.5
    done
}
property() { inside systemctl show -p "$2" --value "$1"; }
is_active() { [ "$(property "$1" ActiveState)" = active ]; }
restarted() { [ "$(property "$1" NRestarts)" -ge "$2" ] && is_active "$1"; }
has_passage() { inside menshen hub gates /etc/menshen/hub.toml >/dev/null && ask '/api/events?after=0&limit=1000' | grep -q '"person-passage"'; }
ask() {
    inside python3 -c '
import ssl, sys, urllib.request
context = ssl.create_default_context(cafile="/var/lib/menshen-broker/authority.pem")
request = urllib.request.Request("https://hub.plant" + sys.argv[1], headers={"Authorization": "Bearer " + sys.argv[2]})
sys.stdout.write(urllib.request.urlopen(request, timeout=10, context=context).read().decode())' "$1" "$token"
}

mount -t overlay overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/work" "$work/files"
rm -f "$work/files/etc/machine-id"
# What this machine runs is not started in there: it goes up to basic.target, and what is installed starts the rest.
path=$here
while [ "$path" != / ]; do chmod o+x "$work/files$path"; path=$(dirname "$path"); done
bound=''
if [ -n "${venv:-}" ]; then
    # Services see no /tmp and no /root: an environment of theirs, with what is in the given one.
    python3 -m venv --without-pip "$work/files/opt/environment"
    sed -i "s|$work/files||g" "$work"/files/opt/environment/pyvenv.cfg
    packages=$(find "$venv/lib" -maxdepth 2 -name site-packages)
    own=$(find "$work/files/opt/environment/lib" -maxdepth 2 -name site-packages)
    printf '%s\n/opt/packages\n' "$here" >"$own/given.pth"
    printf '#!/opt/environment/bin/python3\nimport sys\nfrom menshen import main\nsys.exit(main(sys.argv[1:]))\n' \
        >"$work/files/opt/environment/bin/menshen"
    chmod 755 "$work/files/opt/environment/bin/menshen"
    mkdir -p "$work/files/opt/packages"
    bound=--bind-ro="$packages:/opt/packages"
    shift 2
    set -- --venv /opt/environment "$@"
fi
# Nobody is to wait for a network that there is not.
ln -sf /dev/null "$work/files/etc/systemd/system/systemd-networkd-wait-online.service"
grep -q hub.plant "$work/files/etc/hosts" || echo '127.0.0.1 hub.plant' >>"$work/files/etc/hosts"
systemd-nspawn --quiet --directory="$work/files" --register=no --keep-unit --private-network --machine=plant --resolv-conf=off \
    --bind-ro="$here" ${bound:+"$bound"} --boot systemd.unit=basic.target >"$work/log" 2>&1 &
nspawn=$!
for _ in $(seq 60); do
    leader=$(pgrep -P "$nspawn" | head -n 1) && [ -n "$leader" ] && break
    sleep 0.5
done
[ -n "$leader" ] || fail "systemd does not boot here: $(tail -n 3 "$work/log")"
wait_for 60 "systemd is up" inside systemctl is-active basic.target
say "systemd $(inside systemctl --version | head -n 1 | cut -d' ' -f2) is up, as process 1"

inside sh "$here/deploy/install.sh" hub --site plant --names hub.plant,127.0.0.1 "$@" >"$work/install.log" 2>&1 || fail "install.sh hub"
wait_for 120 "hub is ready by its own word" is_active menshen-hub.service
for unit in mosquitto.service influxdb.service nginx.service menshen-backup.timer menshen-broker-reload.path; do
    is_active "$unit" || fail "$unit is not active"
done
say "the hub said READY, and its services run"
token=$(inside menshen hub token add /etc/menshen/hub.toml try --may board --may records)

inside sh "$here/deploy/install.sh" gate --site plant --gate north --hub hub.plant "$@" >>"$work/install.log" 2>&1 || fail "install.sh gate"
inside menshen sim render --out /run/recording.npz --people 3 --fevers 1 >/dev/null
inside install -o menshen-gate -m 600 /run/recording.npz /var/lib/menshen-gate/recording.npz
inside menshen edge enrol /etc/menshen/gate.toml "$(inside menshen hub enrol /etc/menshen/hub.toml north | head -n 1)"
inside systemctl restart menshen-gate.service
wait_for 60 "gate is ready by its own word" is_active menshen-gate.service
wait_for 120 "the first passage" has_passage
say "the gate said READY, and its first passage is on the board"

had=$(property menshen-gate.service NRestarts)
inside kill -KILL "$(property menshen-gate.service MainPID)"
wait_for 30 "a killed gate is started anew" restarted menshen-gate.service $((had + 1))
say "a killed gate is started anew"
had=$(property menshen-gate.service NRestarts)
inside kill -STOP "$(property menshen-gate.service MainPID)"
stopped=$(date +%s)
wait_for 90 "a gate that stands still is ended by the watchdog and started anew" restarted menshen-gate.service $((had + 1))
inside journalctl --no-pager -u menshen-gate | grep -q 'Watchdog timeout' || fail "it was not the watchdog"
say "a gate that stood still was ended by the watchdog and is back, $(($(date +%s) - stopped)) s later"
inside kill -STOP "$(property menshen-hub.service MainPID)"
had=$(property menshen-hub.service NRestarts)
stopped=$(date +%s)
wait_for 180 "a hub that stands still is ended by the watchdog and started anew" restarted menshen-hub.service $((had + 1))
say "so is the hub, $(($(date +%s) - stopped)) s later"

inside menshen hub revoke /etc/menshen/hub.toml north --why "a trial" >/dev/null 2>&1
refused() { inside menshen doctor /etc/menshen/gate.toml | grep -q 'refuses us'; }
revoked=$(date +%s)
wait_for 60 "a revoked gate is refused, for the broker was told to reload" refused
say "the path unit had the broker reload: a revoked gate is refused, $(($(date +%s) - revoked)) s later"
inside systemctl start menshen-backup.service || fail "menshen-backup.service"
inside sh -c 'test -n "$(ls /var/backups/menshen/*.tar.gz)"' || fail "no backup"
say "the hub was backed up by its unit"

for unit in menshen-gate menshen-hub; do
    score=$(inside systemd-analyze security --no-pager "$unit.service" | sed -n 's/.*Overall exposure level for [^:]*: \([0-9.]*\).*/\1/p')
    say "$unit: exposure $score of 10, by the running systemd"
done
for unit in menshen-gate menshen-hub; do
    user=$(inside ps -o user= -p "$(property $unit.service MainPID)" | tr -d ' ')
    [ "$user" != root ] || fail "$unit runs as root"
done
inside sh "$here/deploy/uninstall.sh" >/dev/null
if inside systemctl is-active menshen-gate.service menshen-hub.service >/dev/null; then fail "still active after uninstall.sh"; fi
say "taken off: nothing of it runs"
