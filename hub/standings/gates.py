"""What the live board and the gates' pulses say, as points of the present hour. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from hub.alerts.texts import name as rule_name
from hub.board import AlertRow, DeviceRow, GateRow, Snapshot
from hub.measurements import FieldValue
from hub.standings.machines import LEAST, MOST, machine_point
from hub.standings.points import ALERT, CAMERA, HEALTH, HOUR_NS, MACHINE, PULSE, SITE, Point, tags_of
from wire.events import DeviceKind

_STATES = {"online": 0, "silent": 1, "offline": 2}
_HEALTHS = {"ok": 0, "degraded": 1, "failed": 2}
_UNKNOWN_HEALTH = 3
_MOST = {
    PULSE.name: ("worst", "unsent_most"),
    HEALTH.name: ("worst",),
    CAMERA.name: ("drift_max_c",),
    MACHINE.name: MOST,
}
_LEAST = {CAMERA.name: ("drift_min_c",), MACHINE.name: LEAST}


class Pulse(NamedTuple):
    """What a gate's newest pulse says of its cameras."""

    drift_c: Mapping[str, float]
    frames_per_s: Mapping[str, float]


def points_of(snapshot: Snapshot, pulses: Mapping[tuple[str, str], Pulse]) -> list[Point]:
    """The points of the hour in which the snapshot was taken; `pulses` by site and gate."""
    hour_ns = snapshot.time_ns - snapshot.time_ns % HOUR_NS
    points = list(_of_sites(snapshot, hour_ns))
    for gate in snapshot.gates:
        points.append(_of_gate(gate, snapshot.time_ns, hour_ns))
        points += [_of_device(gate, device, hour_ns) for device in gate.devices]
        points += _of_cameras(gate, pulses.get((gate.site, gate.gate)), hour_ns)
        points += machine_point(gate, hour_ns)
    return points


def merged(newer: Point, older: Point | None) -> Point:
    """The point of an hour that has one already: the extremes of both, else the newer."""
    if older is None:
        return newer
    fields = dict(newer.fields)
    for pick, names in ((max, _MOST.get(newer.name, ())), (min, _LEAST.get(newer.name, ()))):
        for field in names:
            fields[field] = pick(fields[field], older.fields.get(field, fields[field]))
    return newer._replace(fields=fields)


def points_of_alerts(rows: Iterable[AlertRow]) -> list[Point]:
    """Each alert at the microsecond of its beginning; its number makes the nanosecond its own."""
    return [_of_alert(row) for row in rows]


def _of_sites(snapshot: Snapshot, hour_ns: int) -> Iterator[Point]:
    by_site: dict[str, list[GateRow]] = {snapshot.site: []}
    for gate in snapshot.gates:
        by_site.setdefault(gate.site, []).append(gate)
    for site, gates in sorted(by_site.items()):
        health = Counter(device.health for gate in gates for device in gate.devices)
        alerts = Counter(alert.severity for alert in snapshot.alerts if alert.site == site)
        online = sum(gate.state == "online" for gate in gates)
        fields: dict[str, FieldValue] = {
            "gates": len(gates),
            "online": online,
            "silent": len(gates) - online,
            "devices": health.total(),
            "failed": health["failed"],
            "degraded": health["degraded"],
            "critical": alerts["critical"],
            "warnings": alerts["warning"],
            "notices": alerts["info"],
            "unsent": sum(gate.spool_urgent + gate.spool_routine for gate in gates),
        }
        yield Point(SITE.name, tags_of(site=site), hour_ns, fields)


def _of_gate(gate: GateRow, now_ns: int, hour_ns: int) -> Point:
    state = _STATES.get(gate.state, 1)
    unsent = gate.spool_urgent + gate.spool_routine
    held = gate.registry
    oldest_ns = gate.spool_oldest_ns
    free = any(device.kind == DeviceKind.CLOCK and device.health != "ok" for device in gate.devices)
    fields: dict[str, FieldValue] = {
        "state": state,
        "worst": state,
        "seen_ms": gate.seen_ns // 10**6,
        "version": gate.version or "?",
        "unsent": unsent,
        "unsent_most": unsent,
        "oldest_s": 0.0 if not oldest_ns else round(max(0.0, (now_ns - oldest_ns) / 1e9), 1),
        "registry_age_s": -1.0 if held is None or held.age_s is None else round(float(held.age_s), 1),
        "registry_entries": 0 if held is None else held.entries,
        "clock": int(free),
    }
    return Point(PULSE.name, tags_of(site=gate.site, gate=gate.gate), hour_ns, fields)


def _of_device(gate: GateRow, device: DeviceRow, hour_ns: int) -> Point:
    health = _HEALTHS.get(device.health, _UNKNOWN_HEALTH)
    tags = tags_of(site=gate.site, gate=gate.gate, device=device.name, kind=device.kind)
    return Point(HEALTH.name, tags, hour_ns, {"health": health, "worst": health})


def _of_cameras(gate: GateRow, pulse: Pulse | None, hour_ns: int) -> Iterator[Point]:
    if pulse is None or gate.state != "online":
        return
    for camera, drift_c in sorted(pulse.drift_c.items()):
        drift = round(float(drift_c), 3)
        frames = round(float(pulse.frames_per_s.get(camera, 0.0)), 2)
        fields: dict[str, FieldValue] = {
            "drift_c": drift, "drift_min_c": drift, "drift_max_c": drift, "frames_per_s": frames,
        }  # fmt: skip
        yield Point(CAMERA.name, tags_of(site=gate.site, gate=gate.gate, camera=camera), hour_ns, fields)


def _of_alert(row: AlertRow) -> Point:
    tags = tags_of(site=row.site, gate=row.gate, rule=row.rule, severity=row.severity)
    fields: dict[str, FieldValue] = {
        "id": row.id,
        "open": int(row.state != "resolved"),
        "unseen": int(row.state == "firing"),
        "state": row.state,
        "count": row.count,
        "zh": rule_name(row.rule, "zh"),
        "en": rule_name(row.rule, "en"),
    }
    return Point(ALERT.name, tags, row.since_ns - row.since_ns % 1000 + row.id % 1000, fields)
