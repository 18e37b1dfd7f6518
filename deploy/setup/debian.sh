#!/bin/sh
# Install those of the named Debian packages that are missing: as root, or by sudo where it asks for no password.
# Usage: deploy/setup/debian.sh PACKAGE…
set -eu
missing=
for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ]; then
    as_root=
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    as_root="sudo -n"
else
    printf 'Missing Debian packages, and no right to install them. Run: sudo apt-get install%s\n' "$missing" >&2
    exit 1
fi
printf 'Installing Debian packages:%s\n' "$missing" >&2
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # words are meant
$as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1 || {
    $as_root apt-get update -qq
    $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
}
