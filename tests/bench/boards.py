"""Boards of a year of a 20-gate plant: how long each panel waits for its answer, and how soon an event is on a board.

A year is written as the hub would have it: hourly and daily figures of all gates, into a real InfluxDB and into the
hub's own file. Every query of every panel is asked of the whole year, but for those that look back some days whatever
the range; of these the hourly ones are asked of a year too, as somebody does who zooms out in Grafana. Then 20 gates
say an event a second each through a real broker to a real hub, and the time from the event to its point is taken.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import msgspec

from dashboards.boards import BOARDS
from dashboards.console import FiguresSource, InfluxSource, Source
from dashboards.influx import Influx
from dashboards.query import Ask, Chosen, Every, Query
from dashboards.ranges import back_ns
from hub.figures import Figures
from hub.influx import InfluxSettings, open_writer
from hub.measurements import rollup_line
from hub.projections.rollups import Rollups
from hub.rollups import HOUR_NS, Bucket, Figure, Span, Sums, day_start_ns
from hub.standings.file import Standings
from hub.standings.points import Point, point_line, tags_of
from tests.chaos.plant import DATABASE, GateProcess, HubProcess, Size
from tests.dashboards.week import ZONE
from tests.support.servers import InfluxDB1, Mosquitto

DAY_NS = 86_400 * 10**9
NOW_NS = 1_612_137_600_000_000_000
"""Midday of a winter day; the year lies before it."""
LANES = ("people", "office")
BINS = [f"{34 + n * 0.2:.1f}" for n in range(14)]
REASONS = ("temperature-normal", "unmeasured", "fever", "no-badge")
VEHICLE_REASONS = ("vehicle-registered", "vehicle-unregistered", "not-disinfected", "vehicle-unread")
AT_ONCE = 20_000
START_S = 5.0
"""What twenty gates that start at once on one machine say in their first seconds is not counted."""


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--gates", type=int, default=20)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--teams", type=int, default=400)
    parser.add_argument("--only-delay", action="store_true", help="not the year")
    parser.add_argument("--seconds", type=float, default=20.0, help="of events, for the time to a board; 0: none")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="menshen-boards-") as folder:
        figures = {} if arguments.only_delay else asyncio.run(_year(Path(folder), arguments))
        if arguments.seconds:
            figures |= _delay(Path(folder), arguments)
    if arguments.json:
        print(json.dumps(figures))
        return 0
    for name, value in figures.items():
        print(f"{name}: {value}")
    return 0


# -- a year ------------------------------------------------------------------------------------------------------------


async def _year(folder: Path, arguments: argparse.Namespace) -> dict[str, object]:
    influx = InfluxDB1(folder / "influx-year")
    influx.start()
    rollups, standings = Rollups(folder / "rollups.db", ZONE), Standings(folder / "standings.db")
    await rollups.start()
    await standings.start()
    began_s = time.monotonic()
    points = _fill(folder, influx.url, arguments)
    reader = Influx(influx.url, DATABASE, timeout_s=120.0)
    found: dict[str, object] = {"points": points, "fill_s": round(time.monotonic() - began_s, 1)}
    try:
        figures = Figures(rollups, standings, None, ZONE)
        found |= await _ask_all("influxdb", lambda: InfluxSource(reader, str(ZONE)), arguments.days)
        _tell(found)
        found |= await _ask_all("figures", lambda: FiguresSource(figures), arguments.days)
        _tell(found)
        found |= await _zoom_out(lambda: InfluxSource(reader, str(ZONE)), arguments.days)
    finally:
        await reader.close()
        await rollups.stop()
        await standings.stop()
        influx.stop()
    return found


async def _ask_all(name: str, make: Callable[[], Source], days: int) -> dict[str, object]:
    """Each query as it is asked of a year; a source knows nothing of what was asked before."""
    year = Chosen(NOW_NS - days * DAY_NS, NOW_NS, {})
    times = {}
    for where, back, query in _queries():
        own = year._replace(from_ns=back_ns(back, NOW_NS, ZONE)) if back else year
        times[where] = await _time(make(), query, own)
    return _summary(f"{name}_year", times)


async def _zoom_out(make: Callable[[], Source], days: int) -> dict[str, object]:
    """What Grafana asks when somebody drags hourly bars out to a year; the console does not let them."""
    year = Chosen(NOW_NS - days * DAY_NS, NOW_NS, {})
    hourly = [(where, query) for where, back, query in _queries()
              if back and isinstance(query, Ask) and query.every is Every.HOUR]  # fmt: skip
    return _summary("influxdb_zoomed_out", {where: await _time(make(), query, year) for where, query in hourly})


def _queries() -> list[tuple[str, str, Query]]:
    return [
        (f"{board.name}/{place.panel.title.en}/{number}", place.panel.back, query)
        for board in BOARDS
        for place in board.places()
        for number, query in enumerate(place.panel.asks)
    ]


def _tell(found: dict[str, object]) -> None:
    print(json.dumps(found), file=sys.stderr, flush=True)


async def _time(source: Source, query: Query, chosen: Chosen) -> float:
    began_s = time.monotonic()
    await source.frames(query, chosen)
    return 1000 * (time.monotonic() - began_s)


def _summary(part: str, times_ms: dict[str, float]) -> dict[str, object]:
    worst = max(times_ms, key=times_ms.__getitem__)
    return {
        f"{part}_p50_ms": round(statistics.median(times_ms.values()), 1),
        f"{part}_max_ms": round(times_ms[worst], 1),
        f"{part}_slowest": worst,
        f"{part}_over_1s": sum(ms > 1000 for ms in times_ms.values()),
    }


def _fill(folder: Path, url: str, arguments: argparse.Namespace) -> int:
    writer = open_writer(InfluxSettings(url=url, bucket=DATABASE, timeout_s=120.0))
    file = sqlite3.connect(folder / "rollups.db")
    ids: dict[Figure, int] = {}
    count = 0
    for portion in _portions(_buckets(arguments)):
        writer.write([rollup_line(bucket, sums) for bucket, sums in portion])
        _keep(file, ids, portion)
        count += len(portion)
    file.commit()
    file.close()
    own = sqlite3.connect(folder / "standings.db")
    for points in _portions(_points(arguments)):
        writer.write([point_line(point) for point in points])
        rows = [(point.name, point.time_ns, msgspec.json.encode(point.tags).decode(),
                 msgspec.msgpack.encode(point.fields)) for point in points]  # fmt: skip
        own.executemany("INSERT OR REPLACE INTO points VALUES (?, ?, ?, ?, 0)", rows)
        count += len(points)
    own.commit()
    own.close()
    writer.close()
    return count


def _keep(file: sqlite3.Connection, ids: dict[Figure, int], portion: list[tuple[Bucket, Sums]]) -> None:
    """As `Rollups` keeps them; through it a year would take an hour."""
    rows = []
    for bucket, sums in portion:
        if bucket.figure not in ids:
            tags = msgspec.json.encode(bucket.figure.tags).decode()
            added = file.execute("INSERT INTO figures (name, tags) VALUES (?, ?)", (bucket.figure.name, tags))
            ids[bucket.figure] = int(added.lastrowid or 0)
        rows.append((bucket.span.value, ids[bucket.figure], bucket.start_ns, msgspec.msgpack.encode(sums)))
    file.executemany("INSERT OR REPLACE INTO buckets VALUES (?, ?, ?, ?, 0)", rows)


def _portions(items: Iterator) -> Iterator[list]:
    portion: list = []
    for item in items:
        portion.append(item)
        if len(portion) == AT_ONCE:
            yield portion
            portion = []
    if portion:
        yield portion


def _buckets(arguments: argparse.Namespace) -> Iterator[tuple[Bucket, Sums]]:
    chance = random.Random(1)
    figures = [one for n in range(arguments.gates) for one in _of_gate(f"gate-{n + 1:02d}", n)]
    for hour in range(arguments.days * 24):
        start_ns = NOW_NS - NOW_NS % HOUR_NS - hour * HOUR_NS
        busy = (start_ns // HOUR_NS + 8) % 24 in {6, 7, 8, 12, 15, 17, 18, 22, 23}
        for figure, counts, share in figures:
            if chance.random() < (share if busy else share / 4):
                yield Bucket(Span.HOUR, start_ns, figure), _sums(counts, chance)
    for day in range(arguments.days):
        start_ns = day_start_ns(NOW_NS - day * DAY_NS, ZONE)
        for figure, counts, _ in figures:
            yield Bucket(Span.DAY, start_ns, figure), _sums(counts, chance)


def _of_gate(gate: str, number: int) -> Iterator[tuple[Figure, tuple[str, ...], float]]:
    """Its figures, the fields of each, and the share of hours that has something of it."""
    place = (("site", "bench"), ("gate", gate))
    for lane in LANES if number < 4 else LANES[:1]:
        own = (*place, ("lane", lane))
        for direction in ("in", "out"):
            people = ("passages", "allowed", "denied", "again", "fevers", "suspects", "unmeasured")
            yield Figure("people", (*own, ("direction", direction))), people, 1.0
            vehicles = ("passages", "allowed", "denied", "again", "unregistered", "unread", "undisinfected")
            yield Figure("vehicles", (*own, ("direction", direction))), vehicles, 0.5
        yield Figure("screening", own), ("measured", "looks", "skin_mc", "limited", "limit_mc", "unsynced"), 1.0
        yield Figure("fevers", own), ("people",), 0.05
        yield Figure("contact", own), ("measured",), 0.05
        for bin_c in BINS:
            yield Figure("skin", (*own, ("bin_c", bin_c))), ("people",), 0.6
        for refusal in ("no-face", "too-cold", "not-frontal"):
            yield Figure("refusals", (*own, ("refusal", refusal))), ("people",), 0.4
    for kind, reasons in (("person", REASONS), ("vehicle", VEHICLE_REASONS)):
        for reason in reasons:
            yield Figure("reasons", (*place, ("kind", kind), ("reason", reason))), ("passages",), 0.4
    for urgency in ("urgent", "routine"):
        yield Figure("events", (*place, ("urgency", urgency))), ("events", "late"), 1.0
    yield Figure("device", (*place, ("device", "people-thermal"))), ("faults",), 0.01
    yield Figure("disinfections", (*place, ("place", "vehicle"))), ("done",), 0.3


def _sums(counts: tuple[str, ...], chance: random.Random) -> Sums:
    found = {field: chance.randrange(1, 60) for field in counts}
    return Sums(found, 1, 35.6, 34.2, 37.1) if "passages" in found or counts == ("people",) else Sums(found)


def _points(arguments: argparse.Namespace) -> Iterator[Point]:
    chance = random.Random(2)
    gates = [f"gate-{n + 1:02d}" for n in range(arguments.gates)]
    for hour in range(arguments.days * 24):
        at = NOW_NS - NOW_NS % HOUR_NS - hour * HOUR_NS
        site = {"gates": 20, "online": 20, "silent": 0, "devices": 100, "failed": 0, "degraded": 1, "critical": 0,
                "warnings": 2, "notices": 0, "unsent": 3}  # fmt: skip
        yield Point("site_hour", tags_of(site="bench"), at, site)
        isolated = {
            "isolated": 4,
            "capacity": 12,
            "free": 8,
            "unplaced": 0,
            "unmeasured": 1,
            "unreported": 0,
            "over": 0,
        }
        yield Point("isolation_hour", tags_of(site="bench"), at, isolated)
        for cause in ("fever", "returnee", "contact", "suspected", "other"):
            yield Point("cause_hour", tags_of(site="bench", cause=cause), at, {"isolated": chance.randrange(4)})
        for place in ("isolation-1", "isolation-2"):
            yield Point(
                "ward_hour", tags_of(site="bench", place=place), at, {"isolated": 2, "capacity": 6, "percent": 33.3}
            )
        for gate in gates:
            pulse = {"state": 0, "worst": 0, "seen_ms": at // 10**6, "version": "0.1.0", "unsent": 0, "unsent_most": 4,
                     "oldest_s": 0.0, "registry_age_s": 4.0, "registry_entries": 120_000, "clock": 0}  # fmt: skip
            yield Point("pulse_hour", tags_of(site="bench", gate=gate), at, pulse)
            drift = {"drift_c": chance.gauss(0, 0.1), "drift_min_c": -0.1, "drift_max_c": 0.1, "frames_per_s": 8.6}
            yield Point("camera_hour", tags_of(site="bench", gate=gate, camera="people-thermal"), at, drift)
            machine = {"cpu_c": 51.0, "cpu_max_c": 55.0, "power": 0, "slowed": 0, "memory_mb": 141.0,
                       "memory_free_mb": 3120.0, "disk_free_mb": 21_400.0, "disk_least_mb": 21_400.0,
                       "wear_percent": -1, "written_gb": 310.4, "disk_errors": 0, "clock_ahead_s": 0.0,
                       "clock_error_s": 0.1, "uptime_s": 7200.0, "safe": 0}  # fmt: skip
            yield Point("machine_hour", tags_of(site="bench", gate=gate), at, machine)
            for device in ("people-thermal", "people-badge", "barrier", "contact", "clock"):
                tags = tags_of(site="bench", gate=gate, device=device, kind="thermal")
                yield Point("health_hour", tags, at, {"health": 0, "worst": 0})
    for day in range(arguments.days):
        at = day_start_ns(NOW_NS - day * DAY_NS, ZONE)
        for team in range(arguments.teams):
            tags = tags_of(site="bench", team=f"T-{team:03d}")
            duty = {
                "on_duty": 20,
                "never": 0,
                "once": 1,
                "twice": 19,
                "first_missing": 0,
                "second_missing": 1,
                "missing": 1,
            }
            yield Point("duty_day", tags_of(site="bench", team=f"T-{team:03d}", shift="day"), at, duty)
            yield Point("declared_day", tags, at, {"due": 20, "declared": 19, "missing": 1, "concerns": 0})
        for number in range(10):
            tags = tags_of(site="bench", gate=chance.choice(gates), rule="fever", severity="critical")
            alert = {"id": day * 10 + number, "open": int(day < 1), "unseen": 0, "state": "resolved", "count": 1,
                     "zh": "发热人员", "en": "Fever"}  # fmt: skip
            yield Point("alert", tags, at + chance.randrange(DAY_NS), alert)


# -- from an event to a board ------------------------------------------------------------------------------------------


def _delay(folder: Path, arguments: argparse.Namespace) -> dict[str, object]:
    events = int(arguments.seconds)
    size = Size(arguments.gates, events, 1.0, seed=1)
    broker, influx = Mosquitto(folder / "broker"), InfluxDB1(folder / "influx-now")
    hub = HubProcess(folder / "hub", broker.port, influx.url)
    gates = [GateProcess(folder / f"g{n}", f"gate-{n:02d}", size, broker.port) for n in range(arguments.gates)]
    started = []
    try:
        for program in (broker, influx, hub, *gates):
            program.start()
            started.append(program)
        seen = _watch(influx, arguments.gates * events, arguments.seconds + 30)
        times = _event_times(hub.journal)
    finally:
        for program in reversed(started):
            program.stop()
    begun_s = min(own[0] for own in times.values()) / 1e9 + START_S
    delays = sorted(
        at_s - time_ns / 1e9
        for gate, counts in seen.items()
        for at_s, count, before in counts
        for time_ns in times[gate][before:count]
        if time_ns / 1e9 > begun_s
    )
    return {
        "events": len(delays),
        "event_to_board_p50_s": round(statistics.median(delays), 2),
        "event_to_board_p99_s": round(delays[int(len(delays) * 0.99)], 2),
        "event_to_board_max_s": round(delays[-1], 2),
    }


def _watch(influx: InfluxDB1, events: int, most_s: float) -> dict[str, list[tuple[float, int, int]]]:
    """When the answer of a panel counted how many events of each gate, and how many before."""
    seen: dict[str, list[tuple[float, int, int]]] = {}
    known: dict[str, int] = {}
    until_s = time.monotonic() + most_s
    while sum(known.values()) < events and time.monotonic() < until_s:
        query = 'SELECT sum("events") FROM "events_hour" WHERE time > 0 AND "gate" =~ /^gate-/ GROUP BY "gate"'
        form = {"q": query, "db": DATABASE}
        answer = httpx.post(f"{influx.url}/query", data=form).json()["results"][0]
        at_s = time.time()
        for series in answer.get("series", []):
            gate, count = series["tags"]["gate"], int(series["values"][0][1])
            if count > known.get(gate, 0):
                seen.setdefault(gate, []).append((at_s, count, known.get(gate, 0)))
                known[gate] = count
        time.sleep(0.05)
    return seen


def _event_times(journal: Path) -> dict[str, list[int]]:
    """When the events of each gate happened, in the order in which the hub heard of them."""
    times: dict[str, list[int]] = {}
    db = sqlite3.connect(f"file:{journal}?mode=ro", uri=True)
    query = 'SELECT s.gate, e.time_ns FROM entries e JOIN streams s ON s.id = e.stream ORDER BY e."offset"'
    for gate, time_ns in db.execute(query):
        times.setdefault(gate, []).append(time_ns)
    db.close()
    return times
