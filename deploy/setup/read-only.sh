#!/bin/sh
# A gate whose system is read-only: whatever is written to / goes to memory and is gone at the next start, so that no
# power cut harms it and the card lasts; only the gate's own data is kept, on a partition of its own.
# Overlayroot (Debian, Raspberry Pi OS) does the first, a mount unit the second. As root. Takes effect at the next start.
set -eu
umask 022

usage() {
    cat <<'EOT'
Usage: read-only.sh on --data DEVICE     DEVICE: an empty partition or stick, or one that was a gate's before (ext4)
       read-only.sh off                  as it was; the data stays on its partition
       read-only.sh status               what is so now
  --root DIR   write below DIR, for an image or to look at: no packages, nothing mounted or started
To change something on a gate that is read-only: overlayroot-chroot, then as usual, exit, reboot.
EOT
}
say() { printf '%s\n' "$*"; }
fail() { printf 'read-only.sh: %s\n' "$*" >&2; exit 1; }

act=${1:-}
case $act in
    on | off | status) shift ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
esac
data='' root=''
while [ $# -gt 0 ]; do
    [ $# -ge 2 ] || fail "$1: expected a value; see --help"
    case $1 in
        --data) data=$2 ;;
        --root) root=${2%/} ;;
        *) fail "$1: no such option; see --help" ;;
    esac
    shift 2
done

user=menshen-gate
state=/var/lib/menshen-gate
units=/etc/systemd/system
mount_unit='var-lib-menshen\x2dgate.mount'
releases=/var/lib/menshen-release
releases_unit='var-lib-menshen\x2drelease.mount'
overlay=/etc/overlayroot.local.conf
journal=/etc/systemd/journald.conf.d/menshen-gate.conf
tmp_unit=tmp.mount
timers='apt-daily.timer apt-daily-upgrade.timer man-db.timer dpkg-db-backup.timer e2scrub_all.timer'

is_live() { [ -z "$root" ]; }
has_systemd() { is_live && [ -d /run/systemd/system ]; }
put() { # put TARGET: what stands on standard input, where it differs
    mkdir -p "$root${1%/*}"
    cat >"$root$1.new"
    if cmp -s "$root$1.new" "$root$1"; then
        rm "$root$1.new"
    else
        mv "$root$1.new" "$root$1"
        say "$1: written"
    fi
}

check_data() {
    [ -n "$data" ] || fail "--data is missing: the partition that keeps what the gate has; see --help"
    is_live || return 0
    [ "$(id -u)" = 0 ] || fail "needs root"
    [ -b "$data" ] || fail "--data $data: expected a partition, such as /dev/mmcblk0p3 or /dev/sda1"
    id "$user" >/dev/null 2>&1 || fail "there is no user $user: install the gate first (install.sh gate)"
    kind=$(blkid -p -o value -s TYPE "$data" || true)
    case $kind in
        '')
            [ -z "$(blkid -p -o value -s PTTYPE "$data" || true)" ] || fail "--data $data: has partitions; name one of them"
            say "$data: making an ext4 file system"
            # Every block of a journal that is written twice wears the card: data=ordered, the default, writes data once.
            mkfs.ext4 -q -L menshen-gate -m 1 "$data"
            ;;
        ext4) say "$data: has an ext4 file system; what is on it stays" ;;
        *) fail "--data $data: has a file system of type $kind; expected an empty partition or ext4. To empty it: wipefs -a" ;;
    esac
}

uuid() { if is_live; then blkid -p -o value -s UUID "$data"; else printf '%s' "$data"; fi; }

move_data() { # what the gate has goes onto its partition, once
    is_live || return 0
    if mountpoint -q "$state"; then return 0; fi
    if has_systemd; then systemctl stop menshen-gate.service 2>/dev/null || true; fi
    work=$(mktemp -d)
    mount -o noatime "$data" "$work"
    if ! [ -e "$work/.menshen-gate" ]; then
        if [ -d "$state" ]; then cp -a "$state/." "$work/"; fi
        : >"$work/.menshen-gate"
        say "$state: copied to $data"
    fi
    if ! [ -d "$work/releases" ]; then
        mkdir "$work/releases"
        if [ -d "$releases" ]; then cp -a "$releases/." "$work/releases/" && chown --reference="$releases" "$work/releases"; fi
    fi
    chown "$user:$user" "$work"
    chmod 700 "$work"
    umount "$work"
    rmdir "$work"
}

write_mount() {
    # Not in fstab: overlayroot writes that anew. Wanted, not required: a gate whose partition is gone still measures,
    # and tells that what it keeps stands in memory only.
    put "$units/$mount_unit" <<EOT
# What the gate keeps: spool, registry, keys, settings from afar. Written by deploy/setup/read-only.sh.
[Unit]
Description=The gate's own data
Wants=systemd-fsck@dev-disk-by\\x2duuid-$(printf '%s' "$(uuid)" | sed 's/-/\\x2d/g').service
After=systemd-fsck@dev-disk-by\\x2duuid-$(printf '%s' "$(uuid)" | sed 's/-/\\x2d/g').service
Before=menshen-gate.service

[Mount]
What=/dev/disk/by-uuid/$(uuid)
Where=$state
Type=ext4
Options=noatime,nodev,nosuid,noexec,errors=remount-ro
TimeoutSec=30s

[Install]
WantedBy=local-fs.target menshen-gate.service
EOT
    put "$units/$releases_unit" <<EOT
# Releases of the program that came from the hub, on the same partition; the only files on it that may be run.
[Unit]
Description=Releases of the gate's program
Requires=$mount_unit
After=$mount_unit
Before=menshen-gate.service menshen-release.service

[Mount]
What=$state/releases
Where=$releases
Type=none
Options=bind,exec,nodev,nosuid

[Install]
WantedBy=local-fs.target menshen-gate.service
EOT
    put "$units/menshen-gate.service.d/data.conf" <<EOT
# The data first, if it comes at all.
[Unit]
After=$mount_unit $releases_unit
EOT
}

write_rest() {
    put $journal <<'EOT'
# The log in memory, bounded: it wears no card. What matters is an event.
[Journal]
Storage=volatile
RuntimeMaxUse=32M
EOT
    put $units/$tmp_unit <<'EOT'
# Bounded, so that nothing that fills /tmp takes the memory of everything.
[Unit]
Description=Temporary files, in memory
DefaultDependencies=no
Conflicts=umount.target
Before=local-fs.target umount.target
After=swap.target

[Mount]
What=tmpfs
Where=/tmp
Type=tmpfs
Options=mode=1777,strictatime,nosuid,nodev,size=64M

[Install]
WantedBy=local-fs.target
EOT
    put $overlay <<'EOT'
# Read by overlayroot in the initramfs. recurse=0: only /, so that the gate's data stays on its partition.
overlayroot="tmpfs:recurse=0"
EOT
}

switch_on() {
    check_data
    # What it does before the system starts it does with busybox, which its package does not ask for: without that, / is
    # written to as before.
    if is_live; then
        sh "$(dirname -- "$0")/debian.sh" overlayroot busybox ||
            fail "overlayroot and busybox cannot be installed; without a network: dpkg -i both and what they depend on"
    fi
    move_data
    write_mount
    write_rest
    if is_live && command -v systemctl >/dev/null; then
        systemctl enable "$mount_unit" "$releases_unit" $tmp_unit >/dev/null 2>&1 || true
        if has_systemd; then systemctl daemon-reload && systemctl start "$mount_unit" "$releases_unit"; fi
        # What they would write is gone at the next start; and swap wears the card most of all.
        for timer in $timers dphys-swapfile.service; do systemctl disable --now "$timer" >/dev/null 2>&1 || true; done
    fi
    say "At the next start / is read-only. Reboot, then: sudo sh $0 status"
}

switch_off() {
    if [ -d /media/root-ro ] && is_live; then
        fail "this system is read-only now: overlayroot-chroot sh $0 off, then reboot"
    fi
    printf 'overlayroot="disabled"\n' | put $overlay
    rm -f "$root$journal" "$root$units/$tmp_unit"
    if is_live && command -v systemctl >/dev/null; then
        systemctl disable $tmp_unit >/dev/null 2>&1 || true
        for timer in $timers; do systemctl enable "$timer" >/dev/null 2>&1 || true; done
    fi
    say "At the next start / is written to again; the gate's data stays where it is."
}

status() {
    kind=$(findmnt -n -o FSTYPE /)
    source=$(findmnt -n -o SOURCE -T "$state")
    if [ "$kind" = overlay ]; then say "/: read-only, changes go to memory"; else say "/: written to ($kind)"; fi
    if mountpoint -q "$state"; then say "$state: on $source"; else say "$state: NOT on a partition of its own"; fi
    if [ -d /run/log/journal ] && ! [ -d /var/log/journal ]; then say "log: in memory"; else say "log: on the card"; fi
    [ "$kind" = overlay ] && mountpoint -q "$state"
}

case $act in
    on) switch_on ;;
    off) switch_off ;;
    status) status ;;
esac
