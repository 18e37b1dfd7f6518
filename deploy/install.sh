#!/bin/sh
# Install Menshen on this machine: `sudo sh deploy/install.sh hub` (Debian 12) or `… gate` (Raspberry Pi OS, 64 bit).
# May be run again at any time: it changes what differs, and never settings, keys or data that are there.
set -eu
umask 022
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)

usage() {
    cat <<'EOF'
Usage: install.sh hub  --site NAME [--names HOST,ADDRESS,…] [--zone ZONE] [--without PART,…]
       install.sh gate --site NAME --gate NAME --hub HOST
  --site NAME      the site, the same on hub and gates (lower case letters, digits and -)
  --names A,B      hub: under which names and addresses gates and browsers reach it; the first is what gates are told
  --zone ZONE      hub: the site's time zone; Asia/Shanghai without it
  --without A,B    hub: any of mosquitto, influxdb, nginx, where you have your own
  --gate NAME      gate: its own name
  --hub HOST       gate: the hub, one of its --names
  --read-only DEV  gate: from the next start on nothing is written to /, and the gate's data stands on the partition DEV
                   (deploy/setup/read-only.sh)
  --release-keys F gate: take updates from the hub that one of these keys signed (docs/updates.md)
  --wheels DIR     install Python packages from this folder, without a network
  --no-backup      hub: do not copy the hub before an update
  --no-start       install, and start nothing
  --root DIR       write below DIR, for an image or to look at: no packages, users or services
  --venv DIR       use this Python environment, which has Menshen already
EOF
}

say() { printf '%s\n' "$*"; }
fail() { printf 'install.sh: %s\n' "$*" >&2; exit 1; }

role=${1:-}
case $role in
    hub | gate) shift ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
esac
site='' gate='' hub='' data='' names='' zone='' without='' keys='' wheels='' root='' venv='' backup=yes start=yes
while [ $# -gt 0 ]; do
    case $1 in
        --no-backup) backup=no; shift; continue ;;
        --no-start) start=no; shift; continue ;;
        -h | --help) usage; exit 0 ;;
    esac
    [ $# -ge 2 ] || fail "$1: expected a value; see --help"
    case $1 in
        --site) site=$2 ;;
        --gate) gate=$2 ;;
        --hub) hub=$2 ;;
        --read-only) data=$2 ;;
        --names) names=$2 ;;
        --zone) zone=$2 ;;
        --without) without=$2 ;;
        --release-keys) keys=$2 ;;
        --wheels) wheels=$2 ;;
        --root) root=${2%/} ;;
        --venv) venv=$(CDPATH='' cd -- "$2" && pwd) || fail "--venv $2: there is no such folder" ;;
        *) fail "$1: no such option; see --help" ;;
    esac
    shift 2
done

opt=/opt/menshen
settings=/etc/menshen/$role.toml
case $role in
    hub) user=menshen state=/var/lib/menshen lock=runtime
         units='menshen-hub.service menshen-backup.service menshen-backup.timer menshen-broker-reload.path menshen-broker-reload.service' ;;
    gate) user=menshen-gate state=/var/lib/menshen-gate lock=edge
          units='menshen-gate.service menshen-release.service menshen-release.path menshen-release.timer menshen-release-restart.path menshen-release-restart.service' ;;
esac
broker=/var/lib/menshen-broker
releases=/var/lib/menshen-release loader=menshen-update

plain() { # what goes into settings files must need no quoting there
    case $2 in
        *[!a-zA-Z0-9._:,/-]*) fail "$1 $2: expected letters, digits and . _ : - only" ;;
    esac
}

with() { # whether a part is wanted
    case ,$without, in
        *",$1,"*) return 1 ;;
    esac
}

is_live() { [ -z "$root" ]; }
has_systemd() { is_live && [ -d /run/systemd/system ]; }

check_wishes() {
    plain --site "$site"; plain --gate "$gate"; plain --hub "$hub"; plain --names "$names"; plain --zone "$zone"
    [ -z "$keys" ] || [ -r "$keys" ] || fail "--release-keys $keys: cannot be read"
    if ! [ -e "$root$settings" ]; then
        [ -n "$site" ] || fail "--site is missing; see --help"
        if [ "$role" = gate ] && { [ -z "$gate" ] || [ -z "$hub" ]; }; then fail "--gate or --hub is missing; see --help"; fi
    fi
    if [ -n "$data" ] && [ "$role" != gate ]; then fail "--read-only is for gates"; fi
    if is_live; then
        [ "$(id -u)" = 0 ] || fail "needs root: sudo sh $0 $role …"
        command -v apt-get >/dev/null || fail "expected Debian or Raspberry Pi OS, with apt-get"
    fi
}

install_packages() {
    set -- python3 python3-venv
    # A clock that nothing sets makes a gate wait with what it has to tell.
    if has_systemd && ! [ -e /lib/systemd/system/chrony.service ] && ! [ -e /lib/systemd/system/ntpsec.service ]; then
        set -- "$@" systemd-timesyncd
    fi
    if [ "$role" = hub ]; then
        for part in mosquitto influxdb nginx; do
            if with $part; then set -- "$@" $part; fi
        done
    fi
    sh "$here/deploy/setup/debian.sh" "$@"
}

make_user() {
    if ! id "$user" >/dev/null 2>&1; then
        useradd --system --user-group --no-create-home --home-dir "$state" --shell /usr/sbin/nologin "$user"
    fi
    [ "$role" = gate ] || return 0
    if ! id "$loader" >/dev/null 2>&1; then
        useradd --system --user-group --no-create-home --home-dir "$releases" --shell /usr/sbin/nologin "$loader"
    fi
    for group in video dialout input plugdev audio gpio i2c spi; do # those of the devices that this machine has
        if getent group "$group" >/dev/null; then usermod --append --groups "$group" "$user"; fi
    done
}

give() { # give USER:GROUP PATH
    if is_live; then chown "$1" "$2"; fi
}

folder() { # folder PATH MODE [OWNER:GROUP]
    mkdir -p "$root$1"
    if [ -n "${3:-}" ]; then give "$3" "$root$1"; fi
    chmod "$2" "$root$1"
}

put() { # put FILE TARGET: only where it differs; whether it did is the result in $changed
    if ! cmp -s "$1" "$root$2"; then
        mkdir -p "$root${2%/*}"
        cp "$1" "$root$2.new"
        chmod 644 "$root$2.new"
        mv "$root$2.new" "$root$2"
        changed=yes
        say "$2: written"
    fi
}

stamp_of_source() { # what is installed is as good as what is here, if this is the same
    (
        cd "$here"
        find wire edge hub sim dashboards menshen.py pyproject.toml "requirements/$lock.lock" -type f \
            ! -name '*.pyc' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1
    )
}

back_up_before_update() {
    [ "$role" = hub ] && [ "$backup" = yes ] && [ -e "$state/journal.db" ] && [ -x "$opt/bin/menshen" ] || return 0
    say "Copying the hub before the update …"
    as_user "$opt/bin/menshen" hub backup "$settings" --to /var/backups/menshen ||
        fail "the hub was not updated, for it could not be copied; --no-backup goes on without"
}

as_user() { runuser -u "$user" -- "$@"; }

install_program() {
    if [ -n "$venv" ]; then
        if [ -d "$root$opt" ] && ! [ -L "$root$opt" ]; then fail "$opt is there already; --venv wants to be it"; fi
        mkdir -p "$root${opt%/*}"
        ln -sfn "$venv" "$root$opt"
        return
    fi
    stamp=$(stamp_of_source)
    [ "$(cat "$root$opt/.menshen-$role" 2>/dev/null)" = "$stamp" ] && return
    if is_live; then back_up_before_update; fi
    say "Installing the program into $opt; this takes some minutes …"
    [ -x "$root$opt/bin/pip" ] || python3 -m venv "$root$opt"
    work=$(mktemp -d)
    (cd "$here" && cp -R pyproject.toml README.md LICENSE menshen.py wire edge hub sim dashboards "$work")
    set -- install --quiet --disable-pip-version-check --no-deps
    if [ -n "$wheels" ]; then set -- "$@" --no-index --find-links "$wheels"; fi
    "$root$opt/bin/python" -m pip "$@" --require-hashes -r "$here/requirements/$lock.lock"
    "$root$opt/bin/python" -m pip "$@" --no-build-isolation --force-reinstall "$work"
    # Read-only at run time: what Python would compile at each start is compiled once.
    "$root$opt/bin/python" -m compileall -q "$root$opt"/lib/python3*/site-packages >/dev/null 2>&1 || true
    printf '%s\n' "$stamp" >"$root$opt/.menshen-$role"
    program_changed=yes
    # What was installed here by hand is what runs, whatever came from afar before.
    [ "$role" = hub ] || rm -f "$root$releases/slots.json"
}

write_command() {
    cat >"$tmp/menshen" <<'EOF'
#!/bin/sh
# Menshen's command. As root it goes on as the user whose files it works on, so that none of them becomes root's.
# A gate's is that of the release that runs there, where one came from the hub.
user= program=/opt/menshen/bin/menshen release=/var/lib/menshen-release/current/bin/menshen
case "${1:-} ${2:-}" in
    "hub "* | "doctor "*hub.toml) user=menshen ;;
    "edge "* | "doctor "*gate.toml)
        user=menshen-gate
        if [ -x "$release" ]; then program=$release; fi
        ;;
esac
if [ -n "$user" ] && [ "$(id -u)" = 0 ] && id "$user" >/dev/null 2>&1; then
    exec runuser -u "$user" -- "$program" "$@"
fi
exec "$program" "$@"
EOF
    put "$tmp/menshen" /usr/local/bin/menshen
    chmod 755 "$root/usr/local/bin/menshen"
}

write_settings() {
    folder /etc/menshen 755
    [ -e "$root$settings" ] && return
    if [ "$role" = hub ]; then hub_settings; else gate_settings; fi >"$root$settings.new"
    give "root:$user" "$root$settings.new"
    chmod 640 "$root$settings.new"
    mv "$root$settings.new" "$root$settings"
    say "$settings: written"
}

hub_settings() {
    if [ -z "$names" ]; then names=$(hostname -I 2>/dev/null | cut -d' ' -f1),$(hostname -f 2>/dev/null || hostname); fi
    names=${names#,}
    quoted=$(printf '%s' "$names" | sed 's/,/", "/g')
    sed -e "s|^site = \"[^\"]*\"|site = \"$site\"|" \
        -e "s|^data = \"[^\"]*\"|data = \"$state\"|" \
        -e "s|^# token_key_file = \"[^\"]*\"|token_key_file = \"$state/token.key\"|" \
        -e "s|^zone = \"[^\"]*\"|zone = \"${zone:-Asia/Shanghai}\"|" \
        -e "/^\[broker\]/,/^\$/{s|^# username = .*|username = \"hub\"|;s|^# password_file = .*|password_file = \"$state/mqtt.password\"|;}" \
        -e '/^# \[authority\]/,/^$/s|^# ||' \
        -e "s|^# names = .*|names = [\"$quoted\"]|;s|^names = .*|names = [\"$quoted\"]|" \
        -e "s|^\(# \)*broker_path = \"[^\"]*\"|broker_path = \"$broker\"|" \
        -e '/^\[embedded_broker\]/,/^$/s|^enabled = true|enabled = false|' \
        "$here/deploy/examples/hub.toml" >"$tmp/hub.toml"
    if with influxdb; then
        sed -i -e '/^# \[influx\]/,/^$/{s|^# \[influx\]|[influx]|;s|^# url = |url = |;}' "$tmp/hub.toml"
    fi
    if with nginx; then
        sed -i -e "s|^# public_url = \"[^\"]*\"|public_url = \"https://${names%%,*}\"|" "$tmp/hub.toml"
    fi
    cat "$tmp/hub.toml"
}

gate_settings() {
    sed -e "s|^site = \"[^\"]*\"|site = \"$site\"|" \
        -e "s|^gate = \"[^\"]*\"|gate = \"$gate\"|" \
        -e "s|\"token.key\"|\"$state/token.key\"|" \
        -e "s|\"var/|\"$state/|" \
        -e "s|^# hub = \"[^\"]*\"|hub = \"http://$hub\"|" \
        -e "/^\[broker\]/,/^\$/{s|^host = .*|host = \"${hub%%:*}\"|;s|^port = .*|port = 8883|;}" \
        -e '/^# \[broker.tls\]/,/^$/{s|^# \[broker.tls\]|[broker.tls]|' \
        -e "s|^# ca = .*|ca = \"$state/site-ca.pem\"|;s|^# certificate = .*|certificate = \"$state/gate.pem\"|;}" \
        -e "s|^path = \"recording.npz\"|path = \"$state/recording.npz\"|" \
        -e "/^# \[updates\]/,/^\$/{${keys:+s|^# ||}}" \
        "$here/deploy/examples/gate.toml"
}

make_state() {
    mode=750
    if [ "$role" = gate ]; then mode=700; fi
    folder "$state" $mode "$user:$user"
    if [ "$role" = gate ]; then
        folder "$releases" 755 "$loader:$loader"
        # The agent writes here, and the loader reads by its group.
        folder "$releases/inbox" 2750 "$user:$loader"
        if [ -n "$keys" ]; then
            put "$keys" /etc/menshen/release-keys
            grep -q '^\[updates\]' "$root$settings" || say "$settings: add a table [updates], or nothing comes from the hub"
        fi
        return 0
    fi
    folder /var/backups/menshen 700 "$user:$user"
    if ! [ -e "$root$state/token.key" ]; then
        (umask 077 && head -c 32 /dev/urandom | base64 >"$root$state/token.key")
        give "$user:$user" "$root$state/token.key"
    fi
}

write_units() {
    for unit in $units; do put "$here/deploy/systemd/$unit" "/etc/systemd/system/$unit"; done
}

set_up_watchdog() { # the machine's own
    was=$changed
    changed=no
    put "$here/deploy/drop-in/hardware-watchdog.conf" /etc/systemd/system.conf.d/menshen-gate.conf
    # Only a new process 1 reads it.
    if [ $changed = yes ] && has_systemd; then systemctl daemon-reexec; fi
    if [ $was = yes ]; then changed=yes; fi
}

set_up_mosquitto() {
    with mosquitto || return 0
    # The hub writes here, and mosquitto reads by its group; the hub's data it cannot read.
    group=mosquitto
    folder "$broker" 2750 "$user:$group"
    # Once the hub runs it keeps them right by itself.
    if is_live && ! [ -e "$broker/mosquitto.conf" ]; then
        as_user "$opt/bin/menshen" hub broker "$settings" >/dev/null
    fi
    put "$here/deploy/drop-in/mosquitto.conf" /etc/systemd/system/mosquitto.service.d/menshen.conf
}

set_up_influxdb() {
    with influxdb || return 0
    put "$here/deploy/drop-in/influxdb.conf" /etc/systemd/system/influxdb.service.d/menshen.conf
}

set_up_grafana() {
    [ -d "$root/etc/grafana" ] || return 0
    put "$here/deploy/grafana/provisioning/datasources/menshen.yaml" /etc/grafana/provisioning/datasources/menshen.yaml
    put "$here/deploy/grafana/provisioning/dashboards/menshen.yaml" /etc/grafana/provisioning/dashboards/menshen.yaml
    (cd "$here/deploy/grafana/dashboards" && find . -type f -name '*.json') >"$tmp/boards"
    while read -r board; do
        put "$here/deploy/grafana/dashboards/$board" "/var/lib/grafana/dashboards/menshen/${board#./}"
    done <"$tmp/boards"
    put "$here/deploy/drop-in/grafana-server.conf" /etc/systemd/system/grafana-server.service.d/menshen.conf
}

set_up_nginx() {
    with nginx || return 0
    site_file=/etc/nginx/sites-available/menshen
    if ! [ -e "$root$site_file" ]; then
        spaced=$(sed -n 's|^names = \[\(.*\)\].*|\1|p' "$root$settings" | tr -d '",')
        sed "s|@NAMES@|$spaced|" "$here/deploy/proxy/nginx.conf" >"$tmp/nginx.conf"
        put "$tmp/nginx.conf" $site_file
    fi
    mkdir -p "$root/etc/nginx/sites-enabled"
    [ -L "$root/etc/nginx/sites-enabled/menshen" ] ||
        ln -s ../sites-available/menshen "$root/etc/nginx/sites-enabled/menshen"
}

enable_and_start() {
    is_live || return 0
    if ! command -v systemctl >/dev/null; then
        say "There is no systemd here: nothing was enabled or started."
        return 0
    fi
    set -- menshen-gate.service menshen-release.path menshen-release.timer menshen-release-restart.path
    if [ "$role" = hub ]; then set -- menshen-hub.service menshen-broker-reload.path menshen-backup.timer; fi
    if has_systemd; then systemctl daemon-reload; fi
    systemctl --quiet enable "$@"
    if [ $start = no ] || ! has_systemd; then return 0; fi
    if [ "$role" = gate ]; then
        systemctl start menshen-release.path menshen-release.timer menshen-release-restart.path
        # Before it is enrolled it has nothing to run with.
        [ -e "$state/token.key" ] || return 0
        systemctl start menshen-gate.service
        if [ $changed$program_changed != nono ]; then systemctl restart menshen-gate.service; fi
        return 0
    fi
    for part in mosquitto influxdb nginx; do
        with $part || continue
        systemctl --quiet enable $part.service
        if [ $changed = yes ]; then systemctl restart $part.service; else systemctl start $part.service; fi
    done
    if [ -d /etc/grafana ] && [ $changed = yes ]; then systemctl try-restart grafana-server.service; fi
    systemctl start "$@"
    if [ $changed$program_changed != nono ]; then systemctl restart menshen-hub.service; fi
}

next_steps() {
    say
    if [ "$role" = gate ]; then
        say "Installed. What is next:"
        say "  1. your lanes and cameras: $settings (examples: deploy/examples)"
        say "  2. on the hub: sudo menshen hub enrol /etc/menshen/hub.toml GATE   prints a code"
        say "  3. here: sudo menshen edge enrol $settings CODE"
        say "           sudo menshen edge check $settings && sudo systemctl restart menshen-gate"
        say "  4. what is wrong, if anything: sudo menshen doctor $settings"
        return
    fi
    say "Installed. What is next:"
    say "  1. the first administrator: sudo journalctl -u menshen-hub | grep administrator   shows a link that works once,"
    say "     or: sudo menshen hub user add $settings admin --role admin"
    say "  2. whom to tell: [[channels]] in $settings, then: sudo systemctl restart menshen-hub"
    say "  3. for each gate: sudo menshen hub enrol $settings GATE   prints a code for it"
    say "  4. what is wrong, if anything: sudo menshen doctor $settings"
    if with nginx; then
        say "The console is at https://$(sed -n 's|^names = \["\([^"]*\)".*|\1|p' "$root$settings"); browsers trust it once they are given $broker/authority.pem"
    fi
}

changed=no program_changed=no
tmp=$(mktemp -d)
trap 'rm -rf "$tmp" "${work:-}"' EXIT
check_wishes
if is_live; then
    install_packages
    make_user
fi
install_program
write_command
write_settings
make_state
if is_live; then
    if [ "$role" = hub ]; then as_user "$opt/bin/menshen" hub check "$settings"; fi
fi
write_units
if [ "$role" = hub ]; then
    set_up_mosquitto
    set_up_influxdb
    set_up_grafana
    set_up_nginx
else
    set_up_watchdog
fi
if [ -n "$data" ]; then
    sh "$here/deploy/setup/read-only.sh" on --data "$data" ${root:+--root "$root"}
fi
enable_and_start
next_steps
