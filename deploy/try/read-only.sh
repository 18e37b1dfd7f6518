#!/bin/sh
# A gate whose system is read-only, booted for real: a Debian of its own (debootstrap) with its own kernel, install.sh gate
# --read-only, and a machine (qemu) whose power is cut while the gate writes, as often as is asked. The gate's data is on a
# card of which some of what was under way is then there, some not and some in part (card.py). After each cut it must come
# up by itself with every event that it had, and in the end not one byte of the system's own disk may have changed. Last, its
# kernel is made to hang: the machine's own watchdog must start it anew.
# There is no hub: what the gate measures stays in its spool, so that what was lost would show.
# As root; needs debootstrap and a Debian mirror, qemu-system-x86, /dev/fuse. A root that is there from the last time is used
# again. Usage: read-only.sh FOLDER [--cuts N] [--seed N]
# shellcheck disable=SC2016 # what is in single quotes is for the shell inside
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
work=${1:?expected a folder for the machine}
shift
cuts=3 seed=1
while [ $# -gt 0 ]; do
    case $1 in
        --cuts) cuts=$2 ;;
        --seed) seed=$2 ;;
        *) echo "$1: no such option" >&2; exit 2 ;;
    esac
    shift 2
done
mkdir -p "$work"
work=$(cd "$work" && pwd)
root=$work/root
state=/var/lib/menshen-gate
began=$(date +%s)
say() { printf '== %4d s: %s\n' "$(($(date +%s) - began))" "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; tail -n 15 "$work/console" "$work/told" >&2 2>/dev/null; exit 1; }
qemu='' card='' loop=''
clean_up() {
    if [ -n "$qemu" ]; then kill -KILL "$qemu" 2>/dev/null || true; fi
    take_card
    if [ -n "$loop" ]; then
        umount "$root/dev/$(basename "$loop")" 2>/dev/null || true
        losetup -d "$loop" 2>/dev/null || true
    fi
}
take_card() {
    [ -n "$card" ] || return 0
    kill "$card" 2>/dev/null || true
    wait "$card" 2>/dev/null || true
    umount -l "$work/data.card" 2>/dev/null || true
    card=''
}
trap clean_up EXIT
trap 'exit 1' INT TERM
inside() { # in the root, with a /proc and processes of its own
    unshare --mount --pid --fork sh -c 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"' "$root" "$@"
}

if ! [ -e "$root/etc/debian_version" ]; then
    say "debootstrap"
    debootstrap --variant=minbase --include=ca-certificates,systemd,systemd-sysv,udev,adduser,python3,python3-venv bookworm "$root" >/dev/null
fi
cp /etc/resolv.conf "$root/etc/resolv.conf"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
if [ -e /etc/pip.conf ]; then cp /etc/pip.conf "$root/etc/pip.conf"; fi
rm -rf "$root/srv/menshen"
mkdir -p "$root/srv/menshen"
(cd "$here" && git ls-files -z | xargs -0 cp --parents -t "$root/srv/menshen")
say "kernel and gate are installed"
inside sh -c 'DEBIAN_FRONTEND=noninteractive apt-get update -q && apt-get install -y -q --no-install-recommends systemd-sysv udev linux-image-amd64 initramfs-tools' >"$work/apt.log" 2>&1 ||
    fail "no kernel: $(tail -n 3 "$work/apt.log")"
inside sh /srv/menshen/deploy/install.sh gate --site plant --gate north --hub hub.plant >"$work/install.log" 2>&1 || fail "install.sh gate: $(tail -n 5 "$work/install.log")"
inside /opt/menshen/bin/pip install --quiet rich matplotlib httpx jinja2 2>/dev/null # a gate has no need of it, the simulator has
inside menshen sim render --out /srv/recording.npz --people 3 --fevers 1 >/dev/null
sed -i "s|$state/recording.npz|/srv/recording.npz|; s/^await_clock_s = .*/await_clock_s = 0.0/" "$root/etc/menshen/gate.toml"
inside sh -c "head -c 32 /dev/urandom | base64 >$state/token.key && chmod 600 $state/token.key && chown menshen-gate: $state/token.key"
# An emulated machine is some twenty times slower than a Pi: what would be a fault there is not one here.
mkdir -p "$root/etc/systemd/system/menshen-gate.service.d"
printf '[Service]\nTimeoutStartSec=20min\nWatchdogSec=20min\n' >"$root/etc/systemd/system/menshen-gate.service.d/emulated.conf"
mkdir -p "$root/etc/systemd/system.conf.d"
printf '[Manager]\nRuntimeWatchdogSec=90s\n' >"$root/etc/systemd/system.conf.d/zz-emulated.conf"
cat >"$root/usr/local/sbin/tell" <<'EOT'
#!/bin/sh
# What this machine says of itself on its second serial line, a line of JSON each.
was=no
if [ -e /etc/left-behind ]; then was=yes; fi
touch /etc/left-behind
while sleep 3; do
    events=$(python3 -c 'import sqlite3; print(sqlite3.connect("file:/var/lib/menshen-gate/spool.db?mode=ro", uri=True).execute("SELECT count(*) FROM events").fetchone()[0])' 2>/dev/null || echo -1)
    status=$(sh /srv/menshen/deploy/setup/read-only.sh status >/dev/null 2>&1 && echo yes || echo no)
    fed=$(systemctl show --value --property=WatchdogLastPingTimestampMonotonic)
    printf '{"root": "%s", "read_only": "%s", "gate": "%s", "events": %s, "left_behind": "%s", "watchdog_fed": %s}\n' \
        "$(findmnt -n -o FSTYPE /)" "$status" "$(systemctl is-active menshen-gate.service)" "$events" $was "${fed:-0}" >/dev/ttyS1
done
EOT
chmod 755 "$root/usr/local/sbin/tell"
printf '[Service]\nExecStart=/usr/local/sbin/tell\n[Install]\nWantedBy=multi-user.target\n' >"$root/etc/systemd/system/tell.service"
inside systemctl --quiet enable tell.service menshen-gate.service

say "the system is made read-only, its data goes onto a partition"
truncate -s 64M "$work/data.img"
wipefs -aq "$work/data.img"
loop=$(losetup -f --show "$work/data.img")
: >"$root/dev/$(basename "$loop")"
mount --bind "$loop" "$root/dev/$(basename "$loop")"
rm -f "$root/etc/overlayroot.local.conf"
inside sh /srv/menshen/deploy/install.sh gate --read-only "$loop" >>"$work/install.log" 2>&1 || fail "install.sh gate --read-only: $(tail -n 5 "$work/install.log")"
umount "$root/dev/$(basename "$loop")"
rm "$root/dev/$(basename "$loop")"
losetup -d "$loop"
loop=''
rm -rf "${root:?}/var/cache/apt/archives" "${root:?}/var/lib/apt/lists"
kernel=$(find "$root/boot" -name 'vmlinuz-*' | sort | tail -n 1)
# The emulated machine's watchdog has its driver in a module; a Raspberry Pi's is built in.
grep -qx i6300esb "$root/etc/initramfs-tools/modules" || echo i6300esb >>"$root/etc/initramfs-tools/modules"
inside update-initramfs -u >>"$work/apt.log" 2>&1
rm -f "$work/system.img"
mke2fs -q -t ext4 -d "$root" "$work/system.img" 4G
sum=$(sha256sum "$work/system.img" | cut -d' ' -f1)
say "a disk for the system, of $(du -m "$work/system.img" | cut -f1) MB, and a card for the data"

last() { tail -n 1 "$work/told" 2>/dev/null | python3 -c 'import json, sys; print(json.loads(sys.stdin.read() or "{}").get(sys.argv[1], ""))' "$1" 2>/dev/null || true; }
wait_for() { # wait_for SECONDS WHAT COMMAND…
    limit=$(($(date +%s) + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        kill -0 "$qemu" 2>/dev/null || fail "the machine ended: $what"
        [ "$(date +%s)" -lt "$limit" ] || fail "not in time: $what"
        sleep 1
    done
}
works() { [ "$(last gate)" = active ] && [ "$(last events)" -ge "$1" ]; }
# nested virtualisation is not to be had everywhere, so the processor is emulated
boot() { # boot N: with the card in
    : >"$work/data.card"
    python3 "$here/deploy/try/card.py" "$work/data.card" "$work/data.img" --seed "$seed$1" --victim "$work/victim" >>"$work/card.log" 2>&1 &
    card=$!
    for _ in $(seq 50); do [ "$(stat -c %s "$work/data.card")" != 0 ] && break; sleep 0.1; done
    : >"$work/told"
    qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 1 -m 1280 -display none -no-reboot -nic none \
        -kernel "$kernel" -initrd "$(printf '%s' "$kernel" | sed 's/vmlinuz/initrd.img/')" -append "root=/dev/vda ro console=ttyS0 systemd.show_status=0 unknown_nmi_panic" \
        -device i6300esb -action watchdog=reset -monitor "unix:$work/monitor,server=on,wait=off" \
        -drive "file=$work/system.img,format=raw,if=virtio" -drive "file=$work/data.card,format=raw,if=virtio,cache=writeback" \
        -serial "file:$work/console" -serial "file:$work/told" 2>"$work/qemu.log" &
    qemu=$!
    echo $qemu >"$work/victim"
}
had=0 round=0
while [ $round -le "$cuts" ]; do
    boot $round
    wait_for 900 "it comes up after $round cuts, with the $had events that it had and new ones" works $((had + 3))
    [ "$(last root)" = overlay ] || fail "/ is $(last root), expected overlay"
    [ "$(last read_only)" = yes ] || fail "read-only.sh status says that it is not"
    [ "$(last left_behind)" = no ] || fail "what was written to / at the last start is still there"
    say "up: / is an overlay, the data on its own partition, the gate works, $(last events) events (had $had)"
    had=$(last events)
    [ $round -lt "$cuts" ] || break
    kill -USR1 $card # the machine ends in the same instant
    wait $qemu 2>/dev/null || true
    qemu=''
    take_card
    round=$((round + 1))
done
[ "$(last watchdog_fed)" -gt 0 ] || fail "nothing feeds the machine's watchdog"
python3 -c '
import socket, sys, time
with socket.socket(socket.AF_UNIX) as monitor:
    monitor.connect(sys.argv[1])
    time.sleep(1)
    monitor.sendall(b"nmi\n")
    time.sleep(1)' "$work/monitor"
hung=$(date +%s)
while kill -0 "$qemu" 2>/dev/null; do # with -no-reboot a machine that starts anew ends here
    [ $(($(date +%s) - hung)) -lt 300 ] || fail "a kernel that hangs stays so"
    sleep 1
done
grep -q 'Kernel panic' "$work/console" || fail "the kernel did not hang"
say "a kernel that hung was ended by the machine's watchdog $(($(date +%s) - hung)) s later"
wait $qemu 2>/dev/null || true
qemu=''
take_card
after=$(sha256sum "$work/system.img" | cut -d' ' -f1)
[ "$sum" = "$after" ] || fail "the system's disk has changed"
torn=$(awk '/"cuts": 1/ && !seen[$0]++' "$work/card.log" | tr '\n' ' ')
say "after $cuts cuts not one byte of the system's disk has changed; cards: $torn"
