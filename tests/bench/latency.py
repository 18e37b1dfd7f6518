"""From the passage to the webhook's arrival: 20 gates at one event a second each, on one machine.

Each gate is a process of its own with the real spool and uplink; the broker is a real mosquitto, the hub a process with
its journal on disk. A fever's clock starts when the gate makes the event, before it is spooled, and stops when the
request stands in the sink.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

from tests.chaos.plant import GateProcess, HubProcess, Size
from tests.support.servers import HttpSink, Mosquitto, wait_until


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--gates", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rate-per-s", type=float, default=1.0, help="events a second of each gate")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="menshen-latency-") as folder:
        delays_ms = _measure(Path(folder), arguments)
    ordered = sorted(delays_ms)
    figures = {
        "events": len(ordered),
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
    channel = f'[[channels]]\nkind = "webhook"\nname = "bench"\nurl = "{sink.url}"\n'
    hub = HubProcess(folder / "hub", broker.port, None, channel)
    gates = [
        GateProcess(folder / f"gate-{n}", f"gate-{n}", size, broker.port, all_fevers=True) for n in range(size.gates)
    ]
    started = []
    try:
        for program in (sink, broker, hub, *gates):
            program.start()
            started.append(program)
        wanted = size.gates * size.events_per_gate
        wait_until(lambda: len(sink.requests) >= wanted, f"{wanted} pages", arguments.seconds * 2 + 60)
    except TimeoutError as error:
        print(f"{error}; {len(sink.requests)} came", file=sys.stderr)
    finally:
        for program in reversed(started):
            program.stop()
    return _delays_ms(sink)


def _delays_ms(sink: HttpSink) -> list[float]:
    """Milliseconds of each page; those of the first five seconds, while processes start, do not count."""
    pages = [(request.at_ns, json.loads(request.body)["since_ns"]) for request in sink.requests]
    begun_ns = min(since_ns for _, since_ns in pages) + 5_000_000_000
    return [(at_ns - since_ns) / 1e6 for at_ns, since_ns in pages if since_ns > begun_ns]
