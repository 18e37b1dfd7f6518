#!/bin/sh
# Install hub and gate into a Debian that was never used (debootstrap, in a folder of its own), twice, and take them off
# again: a second run must change nothing, and only data may be left. As root; needs debootstrap and a Debian mirror.
# Usage: clean-debian.sh FOLDER   (a root that is there from the last time is used again)
# shellcheck disable=SC2016 # what is in single quotes is for the shell inside
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
root=${1:?expected a folder for the root}
packages='systemd python3 python3-venv mosquitto influxdb nginx'
say() { printf '== %s\n' "$*"; }

if ! [ -e "$root/etc/debian_version" ]; then
    say "debootstrap"
    debootstrap --variant=minbase --include=ca-certificates,systemd,adduser bookworm "$root" >/dev/null
fi
cp /etc/resolv.conf "$root/etc/resolv.conf"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
if [ -e /etc/pip.conf ]; then cp /etc/pip.conf "$root/etc/pip.conf"; fi
rm -rf "$root/srv/menshen"
mkdir -p "$root/srv/menshen"
(cd "$here" && git ls-files -z | xargs -0 cp --parents -t "$root/srv/menshen")

inside() { # in the root, with a /proc and processes of its own
    unshare --mount --pid --fork sh -c 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"' "$root" "$@"
}
files() { # what there is, but for what the system itself keeps changing
    (cd "$root" && find etc opt usr/local var/lib var/backups -xdev ! -type d \
        ! -path 'var/lib/dpkg/*' ! -path 'var/lib/apt/*' ! -path 'etc/passwd*' ! -path 'etc/group*' \
        ! -path 'etc/shadow*' ! -path 'etc/gshadow*' ! -path 'etc/subuid*' ! -path 'etc/subgid*' "$@" | LC_ALL=C sort)
}
install_hub() { inside sh /srv/menshen/deploy/install.sh hub --site plant --names hub.plant,127.0.0.1; }
install_gate() { inside sh /srv/menshen/deploy/install.sh gate --site plant --gate north --hub hub.plant; }

say "packages"
# shellcheck disable=SC2086 # words are meant
inside sh /srv/menshen/deploy/setup/debian.sh $packages
inside sh /srv/menshen/deploy/uninstall.sh --purge >/dev/null
files >"$root.before"

say "hub"
install_hub
say "gate"
install_gate
files -printf '%P %i %T@ %m %u:%g\n' >"$root.once"
say "both again"
install_hub >/dev/null
install_gate >/dev/null
files -printf '%P %i %T@ %m %u:%g\n' >"$root.twice"
diff "$root.once" "$root.twice"
say "the second run changed nothing"

say "each command is there, and works as its own user"
inside menshen hub check /etc/menshen/hub.toml
inside menshen hub enrol /etc/menshen/hub.toml north
inside menshen hub gates /etc/menshen/hub.toml
inside sh -c 'test -z "$(find /var/lib/menshen /var/lib/menshen-gate /var/lib/menshen-broker -user root)"'
inside sh -c 'for f in mosquitto.conf acl users server.key revoked.pem; do
    runuser -u mosquitto -- cat /var/lib/menshen-broker/$f >/dev/null; done'
if inside runuser -u mosquitto -- ls /var/lib/menshen 2>/dev/null; then
    say "mosquitto's user can read the hub's data"
    exit 1
fi
inside nginx -t
inside systemctl is-enabled menshen-hub.service menshen-gate.service menshen-backup.timer menshen-broker-reload.path

say "off again"
inside sh /srv/menshen/deploy/uninstall.sh
files | grep -v -e '^etc/menshen/' -e '^var/lib/menshen' >"$root.after"
diff "$root.before" "$root.after"
say "only settings and data are left"
inside sh /srv/menshen/deploy/uninstall.sh --purge
files >"$root.after"
diff "$root.before" "$root.after"
say "nothing is left"
