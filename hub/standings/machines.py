"""What a gate's pulse says of its machine, as the point of the present hour. Pure."""

from __future__ import annotations

from hub.board import GateRow
from hub.measurements import FieldValue
from hub.standings.points import MACHINE, Point, tags_of
from wire.machine import SINCE_BOOT, SLOWED, UNDERVOLTAGE

MOST, LEAST = ("cpu_max_c",), ("disk_least_mb",)
"""Fields that keep the extreme of their hour."""
UNTOLD, UNTOLD_C = -1.0, -273.15


def machine_point(gate: GateRow, hour_ns: int) -> list[Point]:
    """Nothing of a gate that is away: what it said then is no news."""
    said = gate.vitals
    if said is None or gate.state != "online":
        return []
    machine, clock = said.machine, said.machine.clock
    disk_mb, cpu_c = _told(said.disk_free_mb, 0), _told(machine.cpu_c, 1, UNTOLD_C)
    fields: dict[str, FieldValue] = {
        "cpu_c": cpu_c,
        "cpu_max_c": cpu_c,
        "power": _bits(machine.throttled, UNDERVOLTAGE),
        "slowed": _bits(machine.throttled, SLOWED),
        "memory_mb": _told(said.memory_mb, 1),
        "memory_free_mb": _told(machine.memory_free_mb, 0),
        "disk_free_mb": disk_mb,
        "disk_least_mb": disk_mb,
        "wear_percent": -1 if machine.wear_percent is None else machine.wear_percent,
        "written_gb": _told(machine.written_gb, 1),
        "disk_errors": -1 if machine.disk_errors is None else machine.disk_errors,
        "clock_ahead_s": 0.0 if said.clock_ahead_s is None else round(said.clock_ahead_s, 1) + 0.0,  # no -0.0
        "clock_error_s": _told(None if clock is None else clock.error_s, 1),
        "uptime_s": float(said.uptime_s // 60 * 60),
        "safe": int(said.safe),
    }
    return [Point(MACHINE.name, tags_of(site=gate.site, gate=gate.gate), hour_ns, fields)]


def _told(value: float | None, digits: int, untold: float = UNTOLD) -> float:
    """Rounded, so that a point changes only with something worth writing; always a float, as its series began."""
    return untold if value is None else round(float(value), digits)


def _bits(throttled: int | None, mask: int) -> int:
    """2 now, 1 since the boot, 0 neither; -1 where the machine does not tell."""
    if throttled is None:
        return -1
    return 2 if throttled & mask else int(bool(throttled >> SINCE_BOOT & mask))
