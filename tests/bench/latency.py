"""From the passage to the webhook's arrival: 20 gates at one event a second each, on one machine.

Each gate is a process of its own with the real spool and uplink; the broker is a real mosquitto, the hub a process with
its journal on disk. A fever's clock starts when the gate makes the event, before it is spooled, and stops when the
request stands in the sink. Meanwhile many other alerts are open, as on a bad day.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from hub.alerts.bundles import Allowance
from hub.alerts.chains import AllChannels
from hub.alerts.outbox import Outcome
from hub.alerts.rules import Rule, Signal
from hub.alerts.store import AlertStore
from tests.chaos.plant import GateProcess, HubProcess, Size
from tests.support.servers import HttpSink, Mosquitto, wait_until


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--gates", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rate-per-s", type=float, default=1.0, help="events a second of each gate")
    parser.add_argument("--open", type=int, default=200, help="alerts that are open before the first event")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="menshen-latency-") as folder:
        delays_ms = _measure(Path(folder), arguments)
    if not delays_ms:
        print("no page to be timed arrived", file=sys.stderr)
        return 1
    ordered = sorted(delays_ms)
    figures = {
        "events": len(ordered),
        "open": arguments.open,
        "p50_ms": round(statistics.median(ordered), 1),
        "p99_ms": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))], 1),
    }
    if arguments.json:
        print(json.dumps(figures))
    else:
        print(f"{figures['events']} pages, p50 {figures['p50_ms']} ms, p99 {figures['p99_ms']} ms")
    return 0


def _measure(folder: Path, arguments: argparse.Namespace) -> list[float]:
    events = int(arguments.seconds * arguments.rate_per_s)
    size = Size(arguments.gates, events, arguments.rate_per_s, seed=1)
    sink, broker = HttpSink(), Mosquitto(folder / "broker")
    channel = f'[[channels]]\nkind = "webhook"\nname = "bench"\nurl = "{sink.url}"\nper_min = 100000\n'
    hub = HubProcess(folder / "hub", broker.port, None, channel)
    _open_alerts(hub.journal.with_name("alerts.db"), arguments.open)
    gates = [
        GateProcess(folder / f"gate-{n}", f"gate-{n}", size, broker.port, all_fevers=True) for n in range(size.gates)
    ]
    started = []
    try:
        for program in (sink, broker, hub, *gates):
            program.start()
            started.append(program)
        wanted = size.gates * size.events_per_gate
        wait_until(lambda: _told(sink) >= wanted, f"{wanted} fevers told", arguments.seconds * 2 + 60)
    except TimeoutError as error:
        print(f"{error}; {_told(sink)} were", file=sys.stderr)
    finally:
        for program in reversed(started):
            program.stop()
    return _delays_ms(sink)


def _told(sink: HttpSink) -> int:
    """How many alerts were told; two of one gate may travel together."""
    return sum(len(json.loads(request.body)["alerts"]) for request in list(sink.requests))


def _open_alerts(path: Path, count: int) -> None:
    """A file of alerts as a hub leaves it in which so many were told and are open."""
    store = AlertStore(path, AllChannels(("bench",)))
    store.open()
    now_ns = time.time_ns()
    faults = [
        Signal(
            key=f"device-fault/chaos/gate-{n}/cam",
            rule=Rule.DEVICE_FAULT,
            site="chaos",
            gate=f"gate-{n}",
            time_ns=now_ns,
        )
        for n in range(count)
    ]
    store.take(0, [(fault, now_ns) for fault in faults], now_ns)
    while messages := store.due(now_ns, {"bench": Allowance(count, count)}):
        for message in messages:
            store.record(message, Outcome.TAKEN, "HTTP 200: ok", now_ns)
    store.close()


def _delays_ms(sink: HttpSink) -> list[float]:
    """Milliseconds of each page; those of the first five seconds, while processes start, do not count."""
    pages = [(request.at_ns, json.loads(request.body)["since_ns"]) for request in sink.requests]
    begun_ns = min((since_ns for _, since_ns in pages), default=0) + 5_000_000_000
    return [(at_ns - since_ns) / 1e6 for at_ns, since_ns in pages if since_ns > begun_ns]
