"""How one hub grows: thousands of gates, a million events of backlog, large registries, old journals.

Real processes throughout: mosquitto with the deployed limits, InfluxDB 1.6.7, `menshen hub run`, and gates that speak
the protocol in a process of their own (`tests.bench.fleet`). A delay is from the making of an event at its gate to the
hub's word there that it is in the journal: longer than to the journal alone.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench import aged, figures
from tests.bench.growth import draw
from tests.bench.rig import Fleet, Hub, Meter, site

GOALS = {"live_p99_ms": 500.0, "memory_mb": 500.0, "backlog_s": 60.0, "urgent_ms": 1000.0}
PARTS = ("live", "backlog", "gates", "people", "age")
REST_S = 10.0
"""What a hub that just started has to do for itself is not counted to the events."""
COSTS = ("hub_cores", "p50_ms", "p99_ms", "hub_peak_mb", "start_cpu_s", "start_s")

Found = dict[str, Any]


class Load(NamedTuple):
    """So many gates, each with an event a second, for so long."""

    gates: int
    seconds: int


class Sizes(NamedTuple):
    """What is measured; of `gates` the last is the crowd of the live part, `crowds` have the backlog."""

    gates: Sequence[int]
    seconds: int
    crowds: Sequence[int]
    events: int
    people: Sequence[int]
    age: Sequence[int]
    grown_gates: int
    grown_s: int


FULL = Sizes(
    (50, 500, 5000), 60, (20, 1000), 1_000_000, (1000, 10_000, 100_000), (100_000, 1_000_000, 10_000_000), 200, 15
)
QUICK = Sizes((50, 150, 500), 10, (20, 100), 100_000, (1000, 3000, 10_000), (30_000, 100_000, 300_000), 100, 6)


def live(folder: Path, load: Load, prepare: Callable[[Hub], None] | None = None, rest_s: float = 0.0) -> Found:
    """Every gate an event a second, after a hub that just started had so long for itself."""
    gates, seconds = load
    with site(folder, prepare) as running:
        time.sleep(rest_s)
        idle = figures.process(running.hub.pid)
        fleet = Fleet(running, "live", gates=gates, seconds=seconds)
        while fleet.newest.get("open", 0) != gates:
            time.sleep(0.1)
            if not fleet.runs:
                raise RuntimeError(f"the fleet ended early: {fleet.newest}")
        before = fleet.newest
        meter = Meter({**running.pids(), "gates": fleet.pid}, folder)
        while fleet.newest.get("made", 0) < gates * seconds:
            time.sleep(0.2)
        use = meter.use()
        end = fleet.end()
        ended_s, made = time.monotonic(), end["made"] - before["made"]
        while running.hub.written() < running.hub.last() and time.monotonic() < ended_s + 60:
            time.sleep(0.1)
        return {
            "gates": gates,
            "events": end["made"],
            "lost": end["made"] - running.hub.stored(),
            "p50_ms": round(figures.percentile(end["delays_ms"], 0.5), 1),
            "p99_ms": round(figures.percentile(end["delays_ms"], 0.99), 1),
            "urgent_p99_ms": round(figures.percentile(end["urgent_ms"], 0.99), 1),
            "sent_again": end["again"],
            "influx_behind_s": round(time.monotonic() - ended_s, 1),
            "hub_cores": round(use.cpu_s["hub"] / use.seconds, 3),
            "hub_cpu_us_per_event": round(use.cpu_s["hub"] / max(1, made) * 1e6, 1),
            "broker_cores": round(use.cpu_s["broker"] / use.seconds, 3),
            "influx_cores": round(use.cpu_s["influx"] / use.seconds, 3),
            "gates_cores": round(use.cpu_s["gates"] / use.seconds, 3),
            "hub_peak_mb": use.peak_mb,
            "hub_idle_mb": round(idle.rss_mb, 1),
            "start_cpu_s": round(idle.cpu_s, 2),
            "start_s": round(running.hub.started_s, 2),
            "load": use.load,
        }


def backlog(folder: Path, gates: int, events: int, within_s: float = 600.0) -> Found:
    """Events that waited at gates, into the journal and InfluxDB, while new fevers come."""
    with site(folder) as running:
        began_s = time.monotonic()
        meter = Meter(running.pids(), folder)
        fleet = Fleet(running, "backlog", gates=gates, backlog=events, within_s=within_s)
        journal_s = series_s = 0.0
        while not series_s and time.monotonic() - began_s < within_s:
            time.sleep(0.1)
            stored = running.hub.stored()
            if not journal_s and stored >= events:
                journal_s = time.monotonic() - began_s
            if journal_s and running.hub.written() >= events:
                series_s = time.monotonic() - began_s
        use = meter.use()
        end = fleet.end()
        gates_s = end["cpu_s"]
        return {
            "gates": gates,
            "events": end["made"],
            "lost": end["made"] - running.hub.stored(),
            "journal_s": round(journal_s, 1),
            "journal_and_influx_s": round(series_s, 1),
            "urgent": len(end["urgent_ms"]),
            "urgent_p50_ms": round(figures.percentile(end["urgent_ms"], 0.5), 1),
            "urgent_p99_ms": round(figures.percentile(end["urgent_ms"], 0.99), 1),
            "urgent_max_ms": round(max(end["urgent_ms"], default=0.0), 1),
            "sent_again": end["again"],
            "sent": end["sent"],
            "cpu_s": use.cpu_s | {"gates": round(gates_s, 2)},
            "hub_peak_mb": use.peak_mb,
            "load": use.load,
        }


def grown(
    folder: Path, fill: Callable[[Path, int], None], sizes: Sequence[int], load: Load, measure: Callable[..., Found]
) -> list[Found]:
    """The same load at hubs whose data are of these sizes."""
    found = []
    for size in sizes:
        place = folder / str(size)
        try:
            made = measure(place, load, partial(_fill, fill, size), rest_s=REST_S)
            found.append({"size": size} | made)
            tell(f"{folder.name} {size}", made)
        finally:
            shutil.rmtree(place, ignore_errors=True)
    return found


def _fill(fill: Callable[[Path, int], None], size: int, hub: Hub) -> None:
    fill(hub.data, size)


def tell(what: str, found: Found) -> None:
    """Whoever waits for minutes sees how far it is."""
    shown = ("lost", "p50_ms", "p99_ms", "journal_and_influx_s", "hub_cpu_us_per_event", "hub_peak_mb", "start_s")
    print(f"{what}: " + ", ".join(f"{key} {found[key]}" for key in shown if key in found), file=sys.stderr, flush=True)


def exponents(growth: dict[str, list[Found]]) -> dict[str, dict[str, float]]:
    """How each cost grows with each size, over all of them: 1 is linear, 0 not at all."""
    return {name: {cost: _exponent(points, cost) for cost in COSTS} for name, points in growth.items()}


def last_exponents(growth: dict[str, list[Found]]) -> dict[str, dict[str, float]]:
    """The same from the last size but one to the last: what does not grow hides less there of what does."""
    return {name: {cost: _exponent(points[-2:], cost) for cost in COSTS} for name, points in growth.items()}


def _exponent(points: Sequence[Found], cost: str) -> float:
    sizes = [float(point["size"]) for point in points]
    return round(figures.exponent(sizes, [float(point[cost]) for point in points]), 2)


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, in some minutes")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--only", choices=PARTS, action="append", help="one part of it; may be said several times")
    parser.add_argument("--gates", type=int, help="how many are connected, with an event a second each")
    parser.add_argument("--seconds", type=int, help="for how long")
    parser.add_argument("--events", type=int, help="of backlog")
    parser.add_argument("--plot", type=Path, help="a picture of how costs grow: a file that ends in .png or .svg")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    parts = set(arguments.only or PARTS)
    sizes = QUICK if arguments.quick else FULL
    gates, events = arguments.gates or sizes.gates[-1], arguments.events or sizes.events
    seconds = arguments.seconds or sizes.seconds
    found: Found = {}
    growth: dict[str, list[Found]] = {}
    with tempfile.TemporaryDirectory(prefix="menshen-scale-") as name:
        folder = Path(name)
        if "live" in parts:
            found["live"] = live(folder / "live", Load(gates, seconds), rest_s=REST_S)
            tell(f"{gates} gates", found["live"])
        if "backlog" in parts:
            found["backlog"] = []
            for crowd in sizes.crowds:
                found["backlog"].append(backlog(folder / f"backlog-{crowd}", crowd, events))
                tell(f"backlog of {crowd} gates", found["backlog"][-1])
                shutil.rmtree(folder / f"backlog-{crowd}")
        if "gates" in parts:
            smaller = [
                {"size": n} | live(folder / f"gates-{n}", Load(n, sizes.grown_s), rest_s=REST_S)
                for n in sizes.gates[:-1]
            ]
            last = found.get("live") or live(folder / "gates-last", Load(sizes.gates[-1], sizes.grown_s), rest_s=REST_S)
            growth["gates"] = [*smaller, {"size": last["gates"]} | last]
        load = Load(sizes.grown_gates, sizes.grown_s)
        if "people" in parts:
            growth["people"] = grown(folder / "people", aged.register, sizes.people, load, live)
        if "age" in parts:
            growth["age"] = grown(folder / "age", aged.age_journal, sizes.age, load, live)
    found |= {
        "growth": growth,
        "exponents": exponents(growth),
        "last_exponents": last_exponents(growth),
        "goals": GOALS,
    }
    if arguments.plot is not None and growth:
        draw(growth, found["exponents"], arguments.plot)
    print(json.dumps(found, indent=None if arguments.json else 1))
    return 0
