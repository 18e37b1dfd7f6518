#!/bin/sh
# Make a release of this checkout for gates, not signed yet: `sh deploy/release.sh menshen.release [KIND …]`.
# KIND is Python and processor of gates: 3.11-aarch64 (Raspberry Pi OS bookworm, 64 bit; without any), 3.13-aarch64 …
# Needs a network, or a pip that is told of an index or folder (PIP_INDEX_URL, PIP_FIND_LINKS).
# PYTHON: which to use; one with Menshen's hub installed. MORE: a file of further locked requirements (drivers' packages).
# KEYS: a file of public keys that gates trust from this release on.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
python=${PYTHON:-$here/.venv/bin/python}
out=${1:-}
case $out in
    '' | -*) sed -n '2,6s/^# //p' "$0" >&2; exit 2 ;;
esac
shift
[ $# -gt 0 ] || set -- 3.11-aarch64
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What of the locks is for that Python and processor: pip would look at the machine that it runs on.
cat >"$work/chosen.py" <<'END'
import re
import sys

from pip._vendor.packaging.requirements import Requirement

version, machine = sys.argv[1].split("-", 1)
where = {"python_version": version, "python_full_version": f"{version}.0", "platform_machine": machine,
         "sys_platform": "linux", "platform_system": "Linux", "os_name": "posix",
         "implementation_name": "cpython", "platform_python_implementation": "CPython"}
for lock in sys.argv[2:]:
    for block in re.split(r"\n(?=\S)", open(lock, encoding="utf-8").read().strip()):
        if block.startswith("#") or not block:
            continue
        needed = Requirement(block.split("\\")[0].split(" --hash")[0].strip())
        if needed.marker is None or needed.marker.evaluate(where):
            print(re.sub(r" ; [^\\\n]*(?= \\)", "", block))
END

mkdir "$work/source" "$work/own"
(cd "$here" && cp -R pyproject.toml README.md LICENSE menshen.py wire edge hub sim dashboards "$work/source")
"$python" -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation -w "$work/own" "$work/source"
wheels=
for kind in "$@"; do
    version=${kind%%-*} machine=${kind#*-}
    folder=$work/$kind
    mkdir "$folder"
    # shellcheck disable=SC2086 # MORE may be several
    "$python" "$work/chosen.py" "$kind" "$here/requirements/edge.lock" ${MORE:-} >"$work/$kind.lock"
    set -f
    tags=
    for glibc in 2_17 2_24 2_26 2_27 2_28 2_31 2_34 2_35 2_36; do tags="$tags --platform manylinux_${glibc}_$machine"; done
    # shellcheck disable=SC2086
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
        --implementation cp --python-version "$version" --platform "manylinux2014_$machine" $tags \
        -r "$work/$kind.lock" -d "$folder"
    set +f
    # What only builds is nothing that a gate needs.
    rm -f "$folder"/setuptools-*.whl
    cp "$work"/own/menshen-*.whl "$folder"
    wheels="$wheels --wheels $kind=$folder"
done
# shellcheck disable=SC2086
PYTHONPATH="$here" "$python" -m menshen release build "$out" $wheels ${KEYS:+--keys "$KEYS"}
printf 'Next, where the secret key is: menshen release sign %s KEY\n' "$out"
