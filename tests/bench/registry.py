"""A gate's copy of a large registry: how fast a token is found, what it weighs, how soon a change at the hub is there.

100,000 people and 20,000 vehicles by default, through a real mosquitto: the first copy of an empty gate, then single
changes, each timed from the write into the hub's store to the answer of the gate's look-up.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from pathlib import Path

from edge.clock import SystemTime
from edge.follower import Follower
from edge.outbox import Outbox
from edge.registry import Registry
from edge.spool import Spool, SpoolSettings
from edge.uplink import Uplink
from hub.registry.publisher import Publisher
from hub.registry.store import Registrar, RegistryStore
from tests.support.servers import Mosquitto
from wire.link import BrokerSettings
from wire.registry import Flag, Holder, RegistryEntry
from wire.tokens import TokenKind, token

_KEY = b"bench-key-0123456789"
_PAGE_BYTES = 4096


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--vehicles", type=int, default=20_000)
    parser.add_argument("--changes", type=int, default=50)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="menshen-registry-") as folder:
        broker = Mosquitto(Path(folder) / "broker")
        broker.start()
        try:
            figures = asyncio.run(_measure(Path(folder), broker.port, arguments))
        finally:
            broker.stop()
    print(json.dumps(figures) if arguments.json else "\n".join(f"{name}: {value}" for name, value in figures.items()))
    return 0


async def _measure(folder: Path, port: int, arguments: argparse.Namespace) -> dict[str, float]:
    entries = _entries(arguments.people, arguments.vehicles)
    registrar = Registrar(RegistryStore(folder / "hub.db"))
    await registrar.start()
    await registrar.ask(lambda store: store.replace(entries))
    registry, settings = Registry(), BrokerSettings(port=port)
    follower = Follower("bench", folder / "copy.db", registry, SystemTime())
    outbox = Outbox(Spool("bench", "gate", SpoolSettings(path=str(folder / "spool.db")), SystemTime()), SystemTime())
    before_mb = _memory_mb()
    await follower.start()
    await outbox.start()
    began_s = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        work = [
            tasks.create_task(Publisher("bench", registrar, settings, "publisher").run()),
            tasks.create_task(Uplink(outbox, settings, SystemTime(), "bench", companions=(follower,)).run()),
        ]
        while len(registry) < len(entries):
            await asyncio.sleep(0.01)
        first_s = time.monotonic() - began_s
        grown_mb = _memory_mb() - before_mb
        delays_ms = [await _change(registrar, registry, entry) for entry in entries[: arguments.changes]]
        for task in work:
            task.cancel()
    await outbox.stop()
    await follower.stop()
    await registrar.stop()
    return {
        "entries": len(entries),
        "first_copy_s": round(first_s, 2),
        "copy_file_mb": round((folder / "copy.db").stat().st_size / 1e6, 1),
        "memory_mb": round(grown_mb, 1),
        "load_s": round(await _load(folder), 2),
        "find_p99_us": round(_find_us(registry, entries), 2),
        "change_p50_ms": round(statistics.median(delays_ms), 1),
        "change_max_ms": round(max(delays_ms), 1),
    }


def _entries(people: int, vehicles: int) -> list[RegistryEntry]:
    staff = [RegistryEntry(token(_KEY, TokenKind.BADGE, str(n)), Holder.EMPLOYEE) for n in range(people)]
    return staff + [RegistryEntry(token(_KEY, TokenKind.PLATE, str(n)), Holder.VEHICLE) for n in range(vehicles)]


async def _change(registrar: Registrar, registry: Registry, entry: RegistryEntry) -> float:
    """Milliseconds from an isolation's entry at the hub until the gate knows of it."""
    isolated = RegistryEntry(entry.token, entry.holder, flags=(Flag.ISOLATION,))
    began_s = time.monotonic()
    await registrar.ask(lambda store: store.put([isolated]))
    while registry.find(entry.token) != isolated:
        await asyncio.sleep(0.001)
    return (time.monotonic() - began_s) * 1e3


async def _load(folder: Path) -> float:
    """Seconds that a gate takes to read its copy when it starts."""
    follower = Follower("bench", folder / "copy.db", Registry(), SystemTime())
    began_s = time.monotonic()
    await follower.start()
    took_s = time.monotonic() - began_s
    await follower.stop()
    return took_s


def _find_us(registry: Registry, entries: list[RegistryEntry]) -> float:
    """The 99th percentile of a look-up, in microseconds, over tokens in random order."""
    took_us = []
    for entry in random.Random(1).sample(entries, min(len(entries), 20_000)):
        began_ns = time.perf_counter_ns()
        registry.find(entry.token)
        took_us.append((time.perf_counter_ns() - began_ns) / 1e3)
    return sorted(took_us)[int(len(took_us) * 0.99)]


def _memory_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES / 1e6
