"""How one hub grows: thousands of gates, a million events of backlog, large registries, old journals.

Real processes throughout: mosquitto with the deployed limits, InfluxDB 1.6.7, `menshen hub run`, and gates that speak
the protocol in a process of their own (`tests.bench.fleet`). A delay is from the making of an event at its gate to the
hub's word there that it is in the journal: longer than to the journal alone.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.bench import aged, figures
from tests.bench.rig import Fleet, Hub, Meter, site

GOALS = {"live_p99_ms": 500.0, "memory_mb": 500.0, "backlog_s": 60.0, "urgent_ms": 1000.0}


def live(
    folder: Path, gates: int, seconds: int, prepare: Callable[[Hub], None] | None = None, rest_s: float = 0.0
) -> dict[str, Any]:
    """Every gate an event a second, after a hub that just started had so long for itself."""
    with site(folder, prepare) as running:
        time.sleep(rest_s)
        idle = figures.process(running.hub.pid)
        fleet = Fleet(running, "live", gates=gates, seconds=seconds)
        while fleet.newest.get("open", 0) != gates:
            time.sleep(0.1)
            if not fleet.runs:
                raise RuntimeError(f"the fleet ended early: {fleet.newest}")
        before = fleet.newest
        meter = Meter({**running.pids(), "gates": fleet.pid})
        while fleet.newest.get("made", 0) < gates * seconds:
            time.sleep(0.2)
        use = meter.use()
        end = fleet.end()
        made = end["made"] - before["made"]
        return {
            "gates": gates,
            "events": end["made"],
            "lost": end["made"] - running.hub.stored(),
            "p50_ms": round(figures.percentile(end["delays_ms"], 0.5), 1),
            "p99_ms": round(figures.percentile(end["delays_ms"], 0.99), 1),
            "urgent_p99_ms": round(figures.percentile(end["urgent_ms"], 0.99), 1),
            "sent_again": end["again"],
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


def backlog(folder: Path, gates: int, events: int, within_s: float = 600.0) -> dict[str, Any]:
    """Events that waited at gates, into the journal and InfluxDB, while new fevers come."""
    with site(folder) as running:
        began_s = time.monotonic()
        meter = Meter(running.pids())
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
    folder: Path, size: Callable[[int], Callable[[Hub], None]], sizes: Sequence[int], gates: int, seconds: int
) -> list[dict[str, Any]]:
    """The same load at hubs whose data are of these sizes."""
    found = []
    for n in sizes:
        place = folder / str(n)
        try:
            found.append({"size": n} | live(place, gates, seconds, size(n), rest_s=10.0))
        finally:
            shutil.rmtree(place, ignore_errors=True)
    return found


def _registered(people: int) -> Callable[[Hub], None]:
    return lambda hub: aged.register(hub.data, people)


def _old(events: int) -> Callable[[Hub], None]:
    return lambda hub: aged.age_journal(hub.data, events)


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, in about a minute")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--only", choices=["live", "backlog", "people", "age", "gates"], help="one part of it")
    parser.add_argument("--gates", type=int, default=5000)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="menshen-scale-") as name:
        folder = Path(name)
        found: dict[str, Any] = {}
        if arguments.only in {None, "live"}:
            found["live"] = live(folder / "live", arguments.gates, arguments.seconds)
        if arguments.only in {None, "backlog"}:
            found["backlog"] = backlog(folder / "backlog", min(arguments.gates, 20), arguments.events)
        if arguments.only == "people":
            found["people"] = grown(folder / "people", _registered, [1000, 10_000, 100_000], 200, 10)
        if arguments.only == "age":
            found["age"] = grown(folder / "age", _old, [100_000, 1_000_000], 200, 10)
    print(json.dumps(found, indent=None if arguments.json else 1))
    return 0
