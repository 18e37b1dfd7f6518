#!/bin/sh
# Take Menshen off this machine: program, services, and what the installer set up at other services. Settings, keys,
# data and backups stay, so that installing again goes on where it was; --purge deletes those too, for ever.
# Usage: uninstall.sh [--purge] [--root DIR]
set -eu
purge=no root=''
while [ $# -gt 0 ]; do
    case $1 in
        --purge) purge=yes; shift ;;
        --root) root=${2%/}; shift 2 ;;
        *) printf 'Usage: uninstall.sh [--purge] [--root DIR]\n' >&2; exit 2 ;;
    esac
done
units='menshen-hub.service menshen-gate.service menshen-backup.service menshen-backup.timer menshen-broker-reload.path menshen-broker-reload.service
    menshen-release.service menshen-release.path menshen-release.timer menshen-release-restart.path menshen-release-restart.service'

is_live() { [ -z "$root" ]; }
has_systemd() { is_live && [ -d /run/systemd/system ]; }
if is_live && [ "$(id -u)" != 0 ]; then
    printf 'uninstall.sh: needs root: sudo sh %s\n' "$0" >&2
    exit 1
fi

for unit in $units; do
    if [ -e "$root/etc/systemd/system/$unit" ]; then
        if is_live && command -v systemctl >/dev/null; then
            if has_systemd; then systemctl --quiet stop "$unit"; fi
            systemctl --quiet disable "$unit" 2>/dev/null || true
        fi
        rm -f "$root/etc/systemd/system/$unit"
    fi
done

# What made the system read-only (deploy/setup/read-only.sh); the data's partition stays where it is mounted.
rm -rf "$root/etc/systemd/system/menshen-gate.service.d"
if [ -e "$root/etc/overlayroot.local.conf" ]; then printf 'overlayroot="disabled"\n' >"$root/etc/overlayroot.local.conf"; fi
rm -f "$root/etc/systemd/journald.conf.d/menshen-gate.conf"
if grep -qs '^Description=Temporary files, in memory' "$root/etc/systemd/system/tmp.mount"; then
    if is_live && command -v systemctl >/dev/null; then systemctl --quiet disable tmp.mount 2>/dev/null || true; fi
    rm -f "$root/etc/systemd/system/tmp.mount"
fi

if [ -e "$root/etc/systemd/system.conf.d/menshen-gate.conf" ]; then
    rm -f "$root/etc/systemd/system.conf.d/menshen-gate.conf"
    rmdir --ignore-fail-on-non-empty "$root/etc/systemd/system.conf.d"
    if has_systemd; then systemctl daemon-reexec; fi
fi

changed=
for service in mosquitto influxdb grafana-server; do
    drop_in=$root/etc/systemd/system/$service.service.d
    if [ -e "$drop_in/menshen.conf" ]; then
        rm -f "$drop_in/menshen.conf"
        rmdir --ignore-fail-on-non-empty "$drop_in"
        changed="$changed $service"
    fi
done
if [ -L "$root/etc/nginx/sites-enabled/menshen" ]; then
    rm -f "$root/etc/nginx/sites-enabled/menshen"
    changed="$changed nginx"
fi
rm -f "$root/etc/nginx/sites-available/menshen" \
    "$root/etc/grafana/provisioning/datasources/menshen.yaml" "$root/etc/grafana/provisioning/dashboards/menshen.yaml"
rm -rf "$root/var/lib/grafana/dashboards/menshen"
if [ -L "$root/opt/menshen" ]; then rm -f "$root/opt/menshen"; else rm -rf "$root/opt/menshen"; fi
rm -f "$root/usr/local/bin/menshen"
# Programs, and nothing that a gate knows; where it stands on the data's partition, only what is in it can go.
unit="$root/etc/systemd/system/var-lib-menshen\\x2drelease.mount"
if [ -d "$root/var/lib/menshen-release" ]; then find "$root/var/lib/menshen-release" -mindepth 1 -delete; fi
if [ -e "$unit" ]; then
    if has_systemd; then systemctl --quiet disable --now 'var-lib-menshen\x2drelease.mount' 2>/dev/null || true; fi
    rm -f "$unit"
fi
rmdir "$root/var/lib/menshen-release" 2>/dev/null || true
if has_systemd; then
    systemctl daemon-reload
    for service in $changed; do systemctl try-restart "$service.service"; done
fi

if [ $purge = yes ]; then
    unit="$root/etc/systemd/system/var-lib-menshen\\x2dgate.mount"
    if [ -e "$unit" ]; then
        if has_systemd; then systemctl --quiet disable --now 'var-lib-menshen\x2dgate.mount' 2>/dev/null || true; fi
        rm -f "$unit"
    fi
    rm -rf "$root/etc/menshen" "$root/var/lib/menshen" "$root/var/lib/menshen-gate" "$root/var/lib/menshen-broker" \
        "$root/var/backups/menshen"
    for user in menshen menshen-gate menshen-update; do
        if is_live && id "$user" >/dev/null 2>&1; then userdel "$user"; fi
    done
    printf 'Menshen, its settings, keys, data and backups are deleted.\n'
else
    printf 'Menshen is taken off. What it knew stays in /etc/menshen, /var/lib/menshen*, /var/backups/menshen; --purge deletes it.\n'
fi
printf 'Debian packages stay (mosquitto, influxdb, nginx): apt-get remove takes those that nothing else needs.\n'
