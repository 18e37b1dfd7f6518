"""How things stand becomes points that replace themselves, hold no person, and are written once they changed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from hub.board import AlertRow, DeviceRow, GateRow, GateVitals, Snapshot
from hub.influx import InfluxSettings, open_writer
from hub.projections.rollups import publish_once
from hub.standings.file import DAY_NS, Standings
from hub.standings.gates import Pulse, merged, points_of, points_of_alerts
from hub.standings.keeper import Keeper
from hub.standings.points import ALERT, CAMERA, HEALTH, HOUR_NS, MACHINE, PULSE, SITE, STANDINGS, Point, point_line
from wire.machine import ClockQuality, Machine
from wire.messages import RegistryHeld

HOUR = 439_236 * HOUR_NS
NOW = HOUR + 7 * 60 * 10**9
GATE = GateRow(
    site="site",
    gate="north",
    state="online",
    seen_ns=NOW - 2 * 10**9,
    version="0.1.0",
    spool_urgent=1,
    spool_routine=4,
    spool_oldest_ns=NOW - 30 * 10**9,
    registry=RegistryHeld(version=3, entries=500, age_s=12.0),
    devices=(DeviceRow("cam", "thermal", "ok"), DeviceRow("clock", "clock", "degraded")),
)
FEVER = AlertRow(
    id=1007,
    key="fever/site/north",
    rule="fever",
    severity="critical",
    state="firing",
    since_ns=NOW + 123,
    last_ns=NOW,
    count=2,
    site="site",
    gate="north",
    detail="badge 6f0c",
)
PULSES = {("site", "north"): Pulse({"cam": 0.2}, {"cam": 8.5})}


def snapshot(*gates: GateRow, alerts: tuple[AlertRow, ...] = (), now_ns: int = NOW) -> Snapshot:
    return Snapshot(now_ns, "site", gates, (), alerts, (), 0, 0, 0.0)


def by_name(points: list[Point]) -> dict[str, list[Point]]:
    found: dict[str, list[Point]] = {}
    for point in points:
        found.setdefault(point.name, []).append(point)
    return found


@pytest.fixture
async def standings(tmp_path) -> AsyncIterator[Standings]:
    standings = Standings(tmp_path / "standings.db")
    await standings.start()
    yield standings
    await standings.stop()


def test_a_snapshot_is_the_gates_devices_cameras_and_the_site_of_its_hour():
    south = replace(GATE, gate="south", state="silent", seen_ns=0, registry=None, devices=())
    found = by_name(points_of(snapshot(GATE, south, alerts=(FEVER,)), PULSES))
    [site] = found[SITE.name]
    assert site.fields == {
        "gates": 2, "online": 1, "silent": 1, "devices": 2, "failed": 0, "degraded": 1, "critical": 1, "warnings": 0,
        "notices": 0, "unsent": 10,
    }  # fmt: skip
    north, other = found[PULSE.name]
    assert north.fields == {
        "state": 0, "worst": 0, "seen_ms": (NOW - 2 * 10**9) // 10**6, "version": "0.1.0", "unsent": 5,
        "unsent_most": 5, "oldest_s": 30.0, "registry_age_s": 12.0, "registry_entries": 500, "clock": 1,
    }  # fmt: skip
    assert (other.fields["state"], other.fields["seen_ms"], other.fields["registry_age_s"]) == (1, 0, -1.0)
    assert [dict(point.tags)["device"] for point in found[HEALTH.name]] == ["cam", "clock"]
    assert found[CAMERA.name][0].fields["drift_c"] == 0.2
    assert {point.time_ns for points in found.values() for point in points} == {HOUR}


def test_a_camera_of_a_gate_that_is_silent_tells_nothing_new():
    found = by_name(points_of(snapshot(replace(GATE, state="offline")), PULSES))
    assert CAMERA.name not in found


def test_an_hour_keeps_its_extremes_and_else_what_is_newest():
    first = Point(CAMERA.name, (), HOUR, {"drift_c": 0.5, "drift_min_c": 0.5, "drift_max_c": 0.5, "frames_per_s": 9.0})
    second = Point(CAMERA.name, (), HOUR, {"drift_c": 0.1, "drift_min_c": 0.1, "drift_max_c": 0.1, "frames_per_s": 8.0})
    both = merged(second, first)
    assert both.fields == {"drift_c": 0.1, "drift_min_c": 0.1, "drift_max_c": 0.5, "frames_per_s": 8.0}
    worst = merged(Point(PULSE.name, (), HOUR, {"worst": 0, "unsent_most": 0}),
                   Point(PULSE.name, (), HOUR, {"worst": 2, "unsent_most": 7}))  # fmt: skip
    assert worst.fields == {"worst": 2, "unsent_most": 7}


def test_two_alerts_of_one_microsecond_are_two_points_and_no_detail_is_in_them():
    one, other = points_of_alerts([FEVER, replace(FEVER, id=1008)])
    assert (one.tags, one.time_ns + 1) == (other.tags, other.time_ns)
    assert "6f0c" not in point_line(one)


SAID = GateVitals(
    time_ns=NOW, uptime_s=7264.0, memory_mb=141.2, disk_free_mb=21_400.4, clock_ahead_s=-0.04,
    machine=Machine(cpu_c=51.26, throttled=0x50001, wear_percent=20, written_gb=310.44, memory_free_mb=3120.0,
                    clock=ClockQuality(True, 0.0, 0.012)),
)  # fmt: skip


def test_a_machine_s_point_says_what_it_told_and_what_it_did_not():
    [told] = by_name(points_of(snapshot(replace(GATE, vitals=SAID)), {}))[MACHINE.name]
    assert told.fields == {
        "cpu_c": 51.3, "cpu_max_c": 51.3, "power": 2, "slowed": 1, "memory_mb": 141.2, "memory_free_mb": 3120.0,
        "disk_free_mb": 21_400.0, "disk_least_mb": 21_400.0, "wear_percent": 20, "written_gb": 310.4,
        "disk_errors": -1, "clock_ahead_s": 0.0, "clock_error_s": 0.0, "uptime_s": 7260.0, "safe": 0,
    }  # fmt: skip
    [silent] = by_name(points_of(snapshot(replace(GATE, vitals=GateVitals(time_ns=NOW))), {}))[MACHINE.name]
    assert {silent.fields[name] for name in ("power", "slowed", "wear_percent", "written_gb", "disk_least_mb")} == {-1}
    assert silent.fields["cpu_c"] == -273.15
    assert {type(told.fields[name]) for name in told.fields} == {type(silent.fields[name]) for name in told.fields}
    hotter = told._replace(fields=told.fields | {"cpu_max_c": 77.0, "disk_least_mb": 3.0})
    both = merged(told, hotter)
    assert (both.fields["cpu_max_c"], both.fields["disk_least_mb"]) == (77.0, 3.0)
    assert MACHINE.name not in by_name(points_of(snapshot(replace(GATE, state="silent", vitals=SAID)), {}))


async def test_a_point_takes_the_place_of_the_older_and_only_what_changed_waits_to_be_written(standings):
    point = Point("pulse_hour", (("gate", "north"),), HOUR, {"state": 0})
    assert await standings.put([point, point._replace(time_ns=HOUR + HOUR_NS)]) == 2
    assert await standings.put([point]) == 0
    waiting = await standings.changed(10)
    await standings.put([point._replace(fields={"state": 2})])
    await standings.settle(waiting)
    assert [one.point.fields for one in await standings.changed(10)] == [{"state": 2}]
    assert [one.fields["state"] for one in await standings.between("pulse_hour", HOUR, HOUR + 2 * HOUR_NS)] == [2, 0]


async def test_what_is_older_than_it_is_kept_is_dropped(standings):
    await standings.put([Point("health_hour", (), HOUR, {"health": 0}), Point("pulse_hour", (), HOUR, {"state": 0})])
    await standings.forget(HOUR + 61 * DAY_NS)
    assert await standings.between("health_hour", 0, HOUR + 1) == []
    assert len(await standings.between("pulse_hour", 0, HOUR + 1)) == 1


async def test_a_real_influxdb_has_every_standing_under_its_declared_names(standings, influxdb1, database):
    made = points_of(snapshot(replace(GATE, vitals=SAID), alerts=(FEVER,)), PULSES) + points_of_alerts([FEVER])
    await standings.put(made)
    writer = open_writer(InfluxSettings(url=influxdb1.url, bucket=database))
    assert await publish_once(standings, writer) is False
    assert await standings.changed(10) == []
    writer.close()
    declared = {one.name: one for one in STANDINGS}
    for point in made:
        known = declared[point.name]
        rows = influxdb1.query(f'SELECT * FROM "{point.name}"', database)
        assert set(rows[0]) == {"time", "site", *known.tags, *known.fields}


class Desk:
    """Alerts as a test says them."""

    def __init__(self) -> None:
        self.rows: dict[int, AlertRow] = {}

    @property
    def open(self) -> list[AlertRow]:
        return [row for row in self.rows.values() if row.state != "resolved"]

    async def alerts_after(self, number: int, limit: int) -> list[AlertRow]:
        return [row for row in self.rows.values() if row.id > number][:limit]

    async def ask(self, work):
        return work(SimpleNamespace(alert=self.rows.get), NOW)


async def test_an_alert_that_ends_is_shown_as_ended_even_after_a_restart_in_between(standings):
    desk = Desk()
    board = SimpleNamespace(snapshot=lambda: snapshot(GATE, alerts=tuple(desk.open)))
    presence = SimpleNamespace(gates={})
    desk.rows[1007] = FEVER
    await Keeper(standings, board, presence, desk, now_ns=lambda: NOW).look()
    desk.rows[1007] = replace(FEVER, state="resolved")
    again = Keeper(standings, board, presence, desk, now_ns=lambda: NOW)
    await again._remember()
    await again.look()
    [alert] = await standings.between(ALERT.name, 0, NOW + DAY_NS)
    assert (alert.fields["open"], alert.fields["state"]) == (0, "resolved")
