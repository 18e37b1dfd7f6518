#!/bin/sh
# mosquitto, and a reload whenever the hub has written anew who may speak.
set -eu
folder=${MENSHEN_BROKER:-/var/lib/menshen-broker}
mosquitto -c "$folder/mosquitto.conf" &
broker=$!
trap 'kill -TERM $broker' TERM INT
seen=$(stat -c %i "$folder/acl")
while kill -0 $broker 2>/dev/null; do
    sleep 1
    now=$(stat -c %i "$folder/acl")
    if [ "$now" != "$seen" ]; then
        seen=$now
        kill -HUP $broker
    fi
done
wait $broker || true
