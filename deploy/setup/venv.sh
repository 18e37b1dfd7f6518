#!/bin/sh
# Make the virtual environment .venv with the newest Python from 3.11 that works. Usage: deploy/setup/venv.sh [PYTHON]
set -eu
say() { printf '%s\n' "$*" >&2; }

usable() { "$1" -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    for name in ${1:-} python3.13 python3.12 python3.11 python3.14 python3 python; do
        if command -v "$name" >/dev/null 2>&1 && usable "$name"; then
            command -v "$name"
            return
        fi
    done
    say "menshen needs Python 3.11 or newer; found: $(python3 --version 2>/dev/null || echo none)."
    say "On Debian 12 or Raspberry Pi OS bookworm and later: sudo apt-get install python3 python3-venv"
    exit 1
}

make_venv() {
    "$1" -m venv .venv >/dev/null 2>&1 && [ -x .venv/bin/pip ]
}

[ -x .venv/bin/pip ] && usable .venv/bin/python && exit 0
rm -rf .venv
python=$(find_python "${1:-}")
make_venv "$python" && exit 0
say "python3-venv is missing, installing it"
package=$("$python" -c 'import sys; print(f"python{sys.version_info[0]}.{sys.version_info[1]}-venv")')
if sh "$(dirname "$0")/debian.sh" "$package" || sh "$(dirname "$0")/debian.sh" python3-venv; then
    rm -rf .venv
    make_venv "$python" && exit 0
fi
rm -rf .venv
"$python" -m virtualenv .venv >/dev/null 2>&1 && exit 0
say "No virtual environment can be made with $python. Run: sudo apt-get install python3-venv"
exit 1
