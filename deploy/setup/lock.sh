#!/bin/sh
# Write requirements/*.lock: exact versions and hashes of everything, for all platforms and Pythons that we support.
# What is locked stays as it is unless it has to change; `--upgrade` takes the newest of everything.
# Usage: deploy/setup/lock.sh PYTHON [--upgrade]
set -eu
python=$1
upgrade=${2:-}
lock() {
    out=requirements/$1.lock
    shift
    cp "$out" "$out.new"
    "$python" -m uv pip compile --quiet $upgrade --universal --python-version 3.11 --generate-hashes --no-header \
        --no-annotate --no-emit-index-url --no-emit-find-links "$@" pyproject.toml requirements/build.in -o "$out.new"
    mv "$out.new" "$out"
}
lock edge --extra edge --extra enrol --extra guard
lock runtime --extra edge --extra hub --extra sim --extra dashboards
lock plates --extra plates
lock dev --extra edge --extra devices --extra guard --extra watch --extra plates --extra plots --extra hub --extra postgresql --extra sim --extra dashboards --group dev
