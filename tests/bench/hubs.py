"""Several hub processes as one: throughput by their number, and how long gates wait when one of them and a broker die.

Real processes throughout: mosquitto, or a cluster of NATS or RabbitMQ; PostgreSQL; `menshen hub run`, one of which
leads; gates that speak the protocol (`tests.bench.fleet`), or real spools and uplinks where something is killed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from hub.fleet.journal import PostgresReader
from tests.bench import figures
from tests.bench.fleet import SITE
from tests.bench.rig import LIMITS
from tests.support.fleets import HubProcess, Load, TellingGate, broker_settings, turned
from tests.support.servers import Mosquitto, PostgreSQL, Program, RabbitMQ, die_with_parent, nats_cluster, wait_until

BROKERS = ("nats", "nats-keeper", "rabbitmq")
"""What is killed beside the hub that leads: a broker of a cluster; or of NATS a broker and the keeper that leads."""
START_WITHIN_S = 240.0


def throughput(folder: Path, database: PostgreSQL, processes: int, gates: int, events: int) -> dict[str, Any]:
    """A backlog of all gates together through one mosquitto into one journal, by so many processes."""
    url = database.make(f"throughput_{processes}")
    broker = Mosquitto(folder / "mosquitto", *LIMITS)
    with _running([broker]), _hubs(folder, url, [broker.port], processes, qos=1, site=SITE) as hubs:
        reader = PostgresReader(url)
        meters = {f"hub-{n}": hub.pid for n, hub in enumerate(hubs)}
        before, machine = {name: figures.process(pid) for name, pid in meters.items()}, figures.machine()
        words = [str(broker.port), str(folder / "gates.jsonl"), f"--gates={gates}", f"--backlog={events}"]
        command = [sys.executable, "-m", "tests.bench.fleet", *words, "--fevers-per-s=1"]
        telling = subprocess.Popen(command, preexec_fn=die_with_parent)
        wait_until(lambda: reader.newest_place() > 0, "the first event is in the journal", START_WITHIN_S)
        begun_s = time.monotonic()
        wait_until(lambda: reader.newest_place() >= events, "the last event is in the journal", START_WITHIN_S)
        took_s = time.monotonic() - begun_s
        cpu_s = {name: figures.process(pid).cpu_s - before[name].cpu_s for name, pid in meters.items()}
        load = figures.load(machine, figures.machine(), sum(cpu_s.values()))
        stored = reader.count()
        reader.close()
        telling.kill()
        telling.wait()
    return {
        "processes": processes,
        "events_per_s": round(events / took_s),
        "cpu_us_per_event": round(sum(cpu_s.values()) / events * 1e6, 1),
        "cpu_s": {name: round(value, 1) for name, value in cpu_s.items()},
        "stored": stored,
        "machine": load,
    }


def pause(folder: Path, database: PostgreSQL, kind: str, gates: int, name: str) -> dict[str, Any]:
    """Under load kill one of three brokers and the hub process that leads, together; how late was the latest event?"""
    nodes = _rabbits(folder) if kind == "rabbitmq" else nats_cluster(folder)
    brokers = nodes if kind == "rabbitmq" else nodes[3:]
    url, ports = database.make(name), [node.port for node in brokers]
    try:
        with _hubs(folder, url, ports, 3, qos=0) as hubs:
            doomed = [brokers[0]] if kind != "nats-keeper" else [brokers[0], _leading_keeper(nodes[:3])]
            told = asyncio.run(_told(folder, ports, gates, hubs, doomed))
            reader = PostgresReader(url)
            entries = [entry for entry in reader.after(0, 10**7) if entry.stream.gate in told]
            reader.close()
    finally:
        for node in nodes:
            node.kill()
    found = {gate: sorted(entry.time_ns for entry in entries if entry.stream.gate == gate) for gate in told}
    in_order = sorted(entries, key=lambda entry: (str(entry.stream), entry.seq))
    times = [(str(entry.stream), entry.time_ns) for entry in in_order]
    return {
        "killed": kind,
        "events": sum(map(len, told.values())),
        "lost": sum(len(set(times_) - set(found[gate])) for gate, times_ in told.items()),
        "doubled": len(entries) - len({(entry.stream, entry.time_ns) for entry in entries}),
        "out_of_order": sum(one[0] == other[0] and one > other for one, other in pairwise(times)),
        "latest_s": round(max((entry.received_ns - entry.time_ns) / 1e9 for entry in entries), 2),
    }


async def _told(
    folder: Path, ports: Sequence[int], count: int, hubs: Sequence[HubProcess], doomed: Sequence[Program]
) -> dict[str, list[int]]:
    """The times of what the gates told, all of which a hub has acknowledged."""
    gates = [TellingGate(folder, f"gate-{n}", broker_settings(turned(ports, n), 0)) for n in range(count)]
    load = Load(gates)
    for gate in gates:
        await gate.start()
    try:
        async with asyncio.timeout(START_WITHIN_S):
            while not all(gate.uplink.hub_answers for gate in gates):
                await asyncio.sleep(0.1)
        loading = asyncio.create_task(load.run())
        await asyncio.sleep(5)
        for dying in (next(hub for hub in hubs if hub.leads), *doomed):
            dying.kill()
        await asyncio.sleep(15)
        await load.end()
        await loading
    finally:
        for gate in gates:
            await gate.stop()
    return {gate: [event.time_ns for event in events] for gate, events in load.told.items()}


def _leading_keeper(keepers: Sequence[Program]) -> Program:
    """The one that leads what is kept of connections, as its log says."""
    return next(each for each in keepers if "new stream leader for '$G > $MQTT_sess'" in _log(each))


def _log(program: Program) -> str:
    return (program.folder / "server.log").read_text()


def _rabbits(folder: Path) -> list[Program]:
    names = ["rabbit-0", "rabbit-1", "rabbit-2"]
    nodes: list[Program] = [RabbitMQ(folder / name, name, names) for name in names]
    for node in nodes:
        node.start()
    return nodes


@contextmanager
def _running(programs: Sequence[Program]) -> Iterator[None]:
    try:
        for program in programs:
            program.start()
        yield
    finally:
        for program in programs:
            program.kill()


@contextmanager
def _hubs(
    folder: Path, url: str, ports: Sequence[int], count: int, *, qos: int, site: str = "site"
) -> Iterator[list[HubProcess]]:
    """So many processes, one of which leads and each of which has its part."""
    data = folder / "data"
    made = [
        HubProcess(folder / f"hub-{n}", f"hub-{n}", url, turned(ports, n), data, qos=qos, site=site)
        for n in range(count)
    ]
    try:
        for hub in made:
            hub.start()
        wait_until(lambda: any(hub.leads for hub in made), "one leads", START_WITHIN_S)
        parts = {f"gates={64 // count}/64", f"gates={64 // count + 1}/64"}
        wait_until(lambda: all(_part(hub.log) in parts for hub in made), "each has its part", START_WITHIN_S)
        yield made
    finally:
        for hub in made:
            hub.kill()


def _part(log: str) -> str:
    held = [word for line in log.splitlines() if 'event="shares held"' in line for word in line.split()]
    return next((word for word in reversed(held) if word.startswith("gates=")), "")


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--processes", default="1,2,3", help="how many hub processes, one run each")
    parser.add_argument("--gates", type=int, default=60)
    parser.add_argument("--events", type=int, default=60_000)
    parser.add_argument("--kill", choices=BROKERS, action="append", default=[], help="measure the pause instead")
    parser.add_argument("--rounds", type=int, default=1, help="of each kill")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    database = PostgreSQL(fsync=True)
    database.start()
    results: list[dict[str, Any]] = []
    try:
        for number in [] if arguments.kill else map(int, arguments.processes.split(",")):
            with tempfile.TemporaryDirectory(prefix="menshen-hubs-") as folder:
                results.append(throughput(Path(folder), database, number, arguments.gates, arguments.events))
        for at, kind in enumerate(kind for kind in arguments.kill for _ in range(arguments.rounds)):
            with tempfile.TemporaryDirectory(prefix="menshen-hubs-") as folder:
                results.append(pause(Path(folder), database, kind, 6, f"pause_{at}"))
    finally:
        database.stop()
    for result in results:
        print(json.dumps(result) if arguments.json else msgspec.json.format(msgspec.json.encode(result)).decode())
    return 0
