"""Processes of a fleet, and gates that tell them things, for tests."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from edge.clock import SystemTime
from edge.outbox import Outbox
from edge.spool import Spool, SpoolSettings
from edge.uplink import Uplink
from hub import cli as hub_cli
from hub.fleet.archive import FleetArchive
from hub.fleet.ingest import FleetIngest
from hub.fleet.journal import PostgresJournal
from hub.fleet.leases import Leases
from hub.fleet.member import Member
from hub.fleet.shares import SHARES
from hub.presence import Presence
from tests.support.events import fever, routine
from wire.events import AnyEvent
from wire.link import BrokerSettings

SITE = "site"


class Process:
    """What every process of a fleet runs, whether it leads or not."""

    def __init__(self, url: str, name: str, broker: BrokerSettings, lease_s: float) -> None:
        self.leases = Leases(url, name, lease_s)
        self.member = Member(self.leases, lease_s)
        self.archive = FleetArchive(PostgresJournal(url, self.member.terms))
        presence = Presence(self.archive, 60.0)
        self.ingest = FleetIngest(self.archive, presence, broker, f"hub-{name}", SITE, self.member)
        self.member.changed = self.ingest.look
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def part(self) -> int:
        """How many shares of gates it has."""
        return sum(share < SHARES for share in self.member.terms())

    async def start(self) -> None:
        await self.archive.start()
        self._tasks = [asyncio.create_task(self.member.run(self.archive)), asyncio.create_task(self.ingest.run())]

    async def stop(self) -> None:
        """It gives everything back."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.archive.stop()

    async def die(self) -> None:
        """It ends without a word: the others have to wait for the end of its lease."""
        self.leases.leave = lambda: None  # type: ignore[method-assign]
        await self.stop()


class TellingGate:
    """A gate that has only what brings its events to a hub: a real spool and a real uplink."""

    def __init__(self, folder: Path, gate: str, broker: BrokerSettings) -> None:
        clock = SystemTime()
        self.spool = Spool(SITE, gate, SpoolSettings(path=str(folder / f"{gate}.db")), clock)
        self.outbox = Outbox(self.spool, clock)
        self.uplink = Uplink(self.outbox, broker, clock, "test")
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self.outbox.start()
        self._task = asyncio.create_task(self.uplink.run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            await self.outbox.stop()

    async def waiting(self) -> int:
        """How many events no hub has acknowledged yet."""
        depth = await self.outbox.depth()
        return depth.urgent + depth.routine


def turned(ports: Sequence[int], by: int) -> list[int]:
    """The ports of brokers, another first."""
    by %= len(ports)
    return [*ports[by:], *ports[:by]]


def broker_settings(ports: Sequence[int], qos: int) -> BrokerSettings:
    """Of a client that tries the nodes in that order, soon one after the other."""
    others = [f"127.0.0.1:{port}" for port in ports[1:]]
    return BrokerSettings(
        port=ports[0],
        others=others,
        qos=qos,
        timeout_s=8.0 if qos else 1.5,
        backoff_min_s=0.05,
        backoff_max_s=1.0,
        keepalive_s=3,
    )


class Load:
    """Gates that tell of something every now and then, and remember what."""

    def __init__(self, gates: Sequence[TellingGate], every_s: float = 0.05) -> None:
        self.told: dict[str, list[AnyEvent]] = {gate.spool.gate: [] for gate in gates}
        self._gates, self._every_s = gates, every_s
        self._enough = asyncio.Event()

    async def run(self) -> None:
        number = 0
        while not self._enough.is_set():
            number += 1
            for gate in self._gates:
                make = routine if number % 4 == 0 else fever
                event = make(number, time.time_ns())
                self.told[gate.spool.gate].append(event)
                await gate.outbox.put(event)
            await asyncio.sleep(self._every_s)

    async def end(self) -> None:
        """Tell nothing more, and wait until a hub has acknowledged all."""
        self._enough.set()
        async with asyncio.timeout(60):
            while any([await gate.waiting() for gate in self._gates]):
                await asyncio.sleep(0.05)


class HubProcess:
    """`menshen hub run` as one process of a fleet, forked off a process that has its modules already."""

    _FORKS = multiprocessing.get_context("forkserver")

    def __init__(
        self,
        folder: Path,
        name: str,
        database: str,
        nodes: Sequence[int],
        data: Path,
        *,
        qos: int = 0,
        site: str = SITE,
    ) -> None:
        """`nodes` are the ports of the brokers, in the order in which they are tried; `data` is shared by all."""
        folder.mkdir(parents=True)
        self.database, self._folder = database, folder
        others = ", ".join(f'"127.0.0.1:{port}"' for port in nodes[1:])
        (folder / "hub.toml").write_text(
            f'site = "{site}"\ndata = "{data}"\ndatabase = "{database}"\n'
            f"[broker]\nport = {nodes[0]}\nothers = [{others}]\nqos = {qos}\n"
            f"keepalive_s = 3\ntimeout_s = {8.0 if qos else 1.5}\nbackoff_max_s = 1.0\n"
            f'[web]\nport = 0\n[fleet]\nname = "{name}"\n'
        )
        self._FORKS.set_forkserver_preload(["menshen", "hub.cli", "hub.fleet.process", "dashboards.console"])
        self._process = self._FORKS.Process(target=_run_hub, args=(str(folder),), daemon=True)

    def start(self) -> None:
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def leads(self) -> bool:
        return self.log.rfind('this process leads"') > self.log.rfind("this process leads no longer")

    def kill(self) -> None:
        """A crash: SIGKILL."""
        self._process.kill()
        self._process.join(10)

    @property
    def log(self) -> str:
        path = self._folder / "hub.log"
        return path.read_text() if path.exists() else ""


def _run_hub(folder: str) -> None:
    with Path(folder, "hub.log").open("w") as log:
        os.dup2(log.fileno(), 2)
        sys.exit(hub_cli.main(["run", str(Path(folder, "hub.toml"))]))
