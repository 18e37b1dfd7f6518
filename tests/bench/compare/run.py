"""The same 100,000 events through mosquitto into one InfluxDB 1.6.7: Menshen, Node-RED and telegraf, in one run.

Menshen's hub also keeps a durable journal, acknowledges end to end, and does all else that it does for each event
(alerts, figures, the console); the others hold in memory what is on its way. Figures are as they are all the same. What
counts is what stands in InfluxDB. A process's CPU is counted until it is quiet again, so that work put off counts too.
Contenders take turns, round by round; printed is the median of the rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import httpx

from tests.bench.compare.contenders import Contender, Menshen, NodeRed, Telegraf, has_node_red, has_telegraf
from tests.bench.compare.events import letters
from tests.support.servers import InfluxDB1, Mosquitto, die_with_parent, wait_until
from wire import mqtt

Make = Callable[[Path, int, str, str], Contender]

LOOK_EVERY_S, LOOK_CLOSELY_EVERY_S = 0.25, 0.1
"""Counting costs InfluxDB something: more often only towards the end."""
GIVE_UP_S = 20.0
"""So long after the last new point what is missing counts as lost."""
QUIET_S, QUIET_SHARE, QUIET_WITHIN_S = 1.0, 0.1, 120.0
_TICKS = os.sysconf("SC_CLK_TCK")
_COUNT = 'SELECT count("seq") FROM /^(person|vehicle).passage$/ WHERE "gate" =~ /^gate-/'


class Run(NamedTuple):
    """One contender, once."""

    events_per_s: float
    cpu_us_per_event: float
    peak_mb: float
    lost: int
    broker_us: float
    influx_us: float
    sender_us: float
    settled_s: float
    """From the first message until the contender was quiet."""


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--gates", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", action="append", choices=CONTENDERS, help="not all of them")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


CONTENDERS: dict[str, tuple[Make, Callable[[], bool]]] = {
    "menshen_live": (lambda folder, *rest: Menshen(folder, "live", *rest), lambda: True),
    "menshen_catch_up": (lambda folder, *rest: Menshen(folder, "backlog", *rest), lambda: True),
    "node_red": (NodeRed, has_node_red),
    "telegraf": (Telegraf, has_telegraf),
}


def run(arguments: argparse.Namespace) -> int:
    found: dict[str, list[Run]] = {name: [] for name in CONTENDERS}
    load = [os.getloadavg()[0]]
    with tempfile.TemporaryDirectory(prefix="menshen-compare-") as folder:
        servers = _Servers(Path(folder))
        servers.start()
        try:
            for number in range(arguments.rounds):
                for name in arguments.only or CONTENDERS:
                    if CONTENDERS[name][1]():
                        found[name].append(servers.measure(name, number, arguments))
                        print(f"round {number + 1}, {name}: {_told(found[name][-1])}", file=sys.stderr)
        finally:
            servers.stop()
    load.append(os.getloadavg()[0])
    figures = _figures(found, arguments, load)
    print(json.dumps(figures) if arguments.json else _table(figures))
    return 0


class _Servers:
    """The broker and the InfluxDB that all share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # Nothing is dropped for anybody: whoever is slow finds what is waiting.
        self._broker = Mosquitto(
            folder / "broker", "max_queued_messages 0", "max_inflight_messages 1000", "log_type none"
        )
        self._influx = InfluxDB1(folder / "influx")

    def start(self) -> None:
        self._broker.start()
        self._influx.start()

    def stop(self) -> None:
        self._influx.stop()
        self._broker.stop()

    def measure(self, name: str, number: int, arguments: argparse.Namespace) -> Run:
        database = f"{name}_{number}"
        httpx.post(f"{self._influx.url}/query", data={"q": f'CREATE DATABASE "{database}"'}).raise_for_status()
        make, _ = CONTENDERS[name]
        contender = make(self._folder / database, self._broker.port, self._influx.url, database)
        contender.start()
        try:
            if contender.mode == "flood":
                self._warm_up(database)
            return self._measure(contender, database, arguments)
        finally:
            contender.stop()

    def _warm_up(self, database: str) -> None:
        """It is ready when an event of another gate arrives."""

        def arrived() -> bool:
            asyncio.run(self._say_one())
            time.sleep(0.5)
            return bool(self._influx.query('SELECT count("seq") FROM /passage/', database))

        wait_until(arrived, f"the first point in {database}", 30)

    async def _say_one(self) -> None:
        connection = await mqtt.open_connection("127.0.0.1", self._broker.port, mqtt.Login("warm-up", 60), 10, None)
        [letter] = letters("warm-up", 1, time.time_ns(), 1)
        await connection.publish(mqtt.Message(letter.topic, letter.payload), qos=1)
        connection.close()

    def _measure(self, contender: Contender, database: str, arguments: argparse.Namespace) -> Run:
        words = [contender.mode, "--port", self._broker.port, "--gates", arguments.gates, "--events", arguments.events]
        command = [sys.executable, "-m", "tests.bench.compare.sender", *map(str, words)]
        pids = (contender.pid, self._broker.pid, self._influx.pid)
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent
        ) as sender:
            assert sender.stdin is not None
            assert sender.stdout is not None
            if sender.stdout.readline() != "ready\n":
                raise RuntimeError(f"the sender did not get ready for {database}")
            before = [_cpu_s(pid) for pid in pids]
            begun_s = time.monotonic()
            sender.stdin.write("\n")
            sender.stdin.flush()
            stored, done_s = self._wait(database, arguments.events)
            sender.stdin.close()
            if stored < arguments.events:
                sender.kill()
            told = sender.stdout.readline()
        settled_s = _quiet(contender.pid)
        spent = [_cpu_s(pid) - was for pid, was in zip(pids, before, strict=True)]
        each_us = [1e6 * cpu_s / arguments.events for cpu_s in spent]
        return Run(
            stored / (done_s - begun_s),
            each_us[0],
            _peak_mb(contender.pid),
            arguments.events - stored,
            each_us[1],
            each_us[2],
            1e6 * json.loads(told)["cpu_s"] / arguments.events if told else 0.0,
            settled_s - begun_s,
        )

    def _wait(self, database: str, events: int) -> tuple[int, float]:
        """How many points there are in the end, and when the last of them was seen first."""
        stored, last_s = 0, time.monotonic()
        while stored < events and time.monotonic() - last_s < GIVE_UP_S:
            time.sleep(LOOK_EVERY_S if stored < 0.7 * events else LOOK_CLOSELY_EVERY_S)
            now_s = time.monotonic()
            rows = self._influx.query(_COUNT, database)
            count = sum(int(row["count"]) for row in rows)
            if count > stored:
                stored, last_s = count, now_s
        return stored, last_s


def _quiet(pid: int) -> float:
    """Wait until a process does next to nothing any more; when its quiet second began."""
    deadline_s = time.monotonic() + QUIET_WITHIN_S
    while True:
        before_s, now_s = _cpu_s(pid), time.monotonic()
        time.sleep(QUIET_S)
        if _cpu_s(pid) - before_s < QUIET_SHARE * QUIET_S or now_s > deadline_s:
            return now_s


def _cpu_s(pid: int) -> float:
    """A process's processor time so far (proc(5): fields 14 and 15 of its stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _peak_mb(pid: int) -> float:
    """The most memory that a process ever held."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) / 1024


def _figures(found: dict[str, list[Run]], arguments: argparse.Namespace, load: list[float]) -> dict[str, object]:
    middle = {name: _median(runs) for name, runs in found.items()}
    figures: dict[str, object] = {name: None if one is None else _shown(one) for name, one in middle.items()}
    figures["ratios"] = {
        f"{ours}/{theirs}": round(mine.events_per_s / other.events_per_s, 2)
        for ours, mine in middle.items()
        for theirs, other in middle.items()
        if ours.startswith("menshen") and not theirs.startswith("menshen") and mine and other
    }
    figures["beside"] = {
        name: {
            "broker_us_per_event": round(one.broker_us, 1),
            "influxdb_us_per_event": round(one.influx_us, 1),
            "sender_us_per_event": round(one.sender_us, 1),
            "settled_s": round(one.settled_s, 1),
            "rounds_events_per_s": [round(each.events_per_s) for each in found[name]],
        }
        for name, one in middle.items()
        if one is not None
    }
    figures["run"] = {
        "events": arguments.events,
        "gates": arguments.gates,
        "rounds": arguments.rounds,
        "load_before": round(load[0], 2),
        "load_after": round(load[1], 2),
    }
    return figures


def _median(runs: list[Run]) -> Run | None:
    """Of each figure by itself; of what was lost the most."""
    if not runs:
        return None
    middle = Run(*(statistics.median(column) for column in zip(*runs, strict=True)))
    return middle._replace(lost=max(one.lost for one in runs))


def _shown(one: Run) -> dict[str, float]:
    return {
        "events_per_s": round(one.events_per_s),
        "cpu_us_per_event": round(one.cpu_us_per_event, 1),
        "peak_mb": round(one.peak_mb, 1),
        "lost": one.lost,
    }


def _told(one: Run) -> str:
    return (
        f"{one.events_per_s:.0f} events/s, {one.cpu_us_per_event:.0f} µs CPU an event, {one.peak_mb:.0f} MB, "
        f"{one.lost} lost; broker {one.broker_us:.0f} µs, InfluxDB {one.influx_us:.0f} µs, sender "
        f"{one.sender_us:.0f} µs, quiet after {one.settled_s:.1f} s"
    )


def _table(figures: dict[str, object]) -> str:
    lines = [f"{'':18}{'events/s':>10}{'CPU µs':>10}{'MB':>8}{'lost':>8}"]
    for name in CONTENDERS:
        one = figures[name]
        if isinstance(one, dict):
            lines.append(
                f"{name:18}{one['events_per_s']:>10}{one['cpu_us_per_event']:>10}{one['peak_mb']:>8}{one['lost']:>8}"
            )
    return "\n".join([*lines, json.dumps(figures["ratios"]), json.dumps(figures["run"])])
