"""Plays a run's events to a hub: for each gate a real spool and a real uplink, but no devices.

It goes on where it was when it is started again: how far a gate's file was read stands in its spool. When each event
was handed to a gate's spool is kept in `RUN/handed.jsonl`, for the judge of what came late.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from edge.clock import SystemTime
from edge.outbox import Outbox
from edge.spool import Mark, Spool, SpoolSettings
from edge.uplink import Uplink
from sim import chronicle
from sim.faults import Breakdown
from sim.links import Link
from sim.truth import FaultTruth
from wire.errors import MenshenError
from wire.events import AnyEvent
from wire.link import BrokerSettings
from wire.messages import SCHEMA_VERSION, Vitals, decode_event

HANDED = "handed.jsonl"
_SOURCE = "play"
_CHUNK = 500
_UNSENT_AT_MOST = 5_000
"""Events in a gate's spool before the next are handed to it."""
_POLL_S = 0.05
_OF_THE_LINK = frozenset({Breakdown.LINK, Breakdown.POWER, Breakdown.SLOW_LINK})


class Handed(Struct, frozen=True):
    """The events of a gate up to its line `through` (from 1) were in its spool at `at_ns`, of this machine's clock.

    `speed` is that of `Player`.
    """

    site: str
    gate: str
    through: int
    at_ns: int
    speed: float = 0.0


class Player:
    """One run. `speed` 0 is as fast as it goes, else so many simulated seconds a second."""

    def __init__(self, folder: Path, broker: BrokerSettings, speed: float = 0.0) -> None:
        self._folder = folder
        self._run = chronicle.read_run(folder)
        self._broker = broker
        self._speed = speed
        self._handed_file = folder / HANDED
        self._began_s = 0.0
        self.total = 0
        self.handed = 0
        self.sent = 0

    async def play(self, tell: Callable[[], None] = lambda: None) -> None:
        """Until every event is acknowledged by the hub.

        Raises a group with a `MenshenError` when files do not fit, or another process plays the same run.
        """
        gates = [_Gate(self._folder, site, gate, self._broker, self._speed) for site, gate in self._places()]
        self.total = sum(gate.lines for gate in gates)
        self._began_s = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            telling = tasks.create_task(self._tell_for_ever(gates, tell))
            playing = [tasks.create_task(self._play(gate)) for gate in gates]
            await asyncio.wait(playing)
            telling.cancel()
        self._count(gates)
        tell()

    def _places(self) -> list[tuple[str, str]]:
        plant = self._run.plant
        return list(itertools.product(plant.site_names(), plant.gate_names()))

    async def _tell_for_ever(self, gates: Sequence[_Gate], tell: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(0.5)
            self._count(gates)
            tell()

    def _count(self, gates: Sequence[_Gate]) -> None:
        self.handed = sum(gate.handed for gate in gates)
        self.sent = sum(gate.handed - gate.unsent for gate in gates)

    async def _play(self, gate: _Gate) -> None:
        try:
            await gate.start()
            async with asyncio.TaskGroup() as tasks:  # a link that fails ends the waiting for what it should send
                link = tasks.create_task(self._link(gate))
                for chunk in gate.chunks(1 if self._speed else _CHUNK):
                    await self._until(chunk[0].time_ns)
                    await gate.hand(chunk)
                    self._note(gate)
                await gate.drained()
                link.cancel()
        finally:
            await gate.stop()

    async def _until(self, time_ns: int) -> None:
        if self._speed:
            due_s = self._began_s + (time_ns - self._run.plant.begins_ns()) / 1e9 / self._speed
            await asyncio.sleep(due_s - time.monotonic())

    def _note(self, gate: _Gate) -> None:
        with self._handed_file.open("ab") as file:
            file.write(
                msgspec.json.encode(Handed(gate.site, gate.name, gate.handed, time.time_ns(), self._speed)) + b"\n"
            )

    async def _link(self, gate: _Gate) -> None:
        """The gate's uplink; at a speed its link is as the truth says: slow, or cut while link or power is gone."""
        if not self._speed:
            await gate.uplink.run()
            return
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(gate.uplink.run())
            tasks.create_task(self._spoil(gate))

    async def _spoil(self, gate: _Gate) -> None:
        assert gate.link is not None, "there is one at a speed"
        for fault in self._faults(gate):
            await self._until(fault.time_ns)
            if fault.fault is Breakdown.SLOW_LINK:
                gate.link.delay_s = fault.amount / self._speed
            else:
                gate.link.cut()
                await self._until(fault.until_ns)
                gate.link.mend()

    def _faults(self, gate: _Gate) -> list[FaultTruth]:
        return [
            truth
            for truth in chronicle.read_truth(self._folder)
            if isinstance(truth, FaultTruth)
            and (truth.site, truth.gate) == (gate.site, gate.name)
            and truth.fault in _OF_THE_LINK
        ]


class _Gate:
    """One gate's file, spool and uplink."""

    def __init__(self, folder: Path, site: str, name: str, broker: BrokerSettings, speed: float) -> None:
        self.site, self.name = site, name
        self.handed = 0
        self.unsent = 0
        self._events = folder / "events" / site / f"{name}.jsonl"
        try:
            self.lines = self._events.read_bytes().count(b"\n")
        except OSError as error:
            raise MenshenError(
                f"{self._events}: {error.strerror}; expected the events of a `menshen sim run`"
            ) from error
        spool = folder / "spools" / site / f"{name}.db"
        timekeeper = SystemTime()
        self._outbox = Outbox(Spool(site, name, SpoolSettings(path=str(spool)), timekeeper), timekeeper)
        self.link = Link(broker.host, broker.port) if speed else None
        if self.link is not None:
            broker = replace(broker, host=self.link.host, port=self.link.listen())
        self.uplink = Uplink(self._outbox, broker, timekeeper, "sim", self._vitals)

    async def start(self) -> None:
        if self.link is not None:
            await self.link.start()
        await self._outbox.start()
        self.handed = await self._outbox.mark(_SOURCE) or 0

    async def stop(self) -> None:
        await self._outbox.stop()
        if self.link is not None:
            await self.link.stop()

    def chunks(self, size: int) -> Iterator[list[AnyEvent]]:
        """What was not handed yet, in the file's order."""
        with self._events.open("rb") as lines:
            rest = itertools.islice(lines, self.handed, None)
            while chunk := list(itertools.islice(rest, size)):
                yield [decode_event(line) for line in chunk]

    async def hand(self, events: Sequence[AnyEvent]) -> None:
        """Into the spool, when the events before them are mostly sent."""
        await self._sent_but(_UNSENT_AT_MOST)
        numbered = enumerate(events, self.handed + 1)
        await asyncio.gather(*(self._outbox.put(event, Mark(_SOURCE, number)) for number, event in numbered))
        self.handed += len(events)

    async def drained(self) -> None:
        """Wait until the hub has acknowledged everything."""
        await self._sent_but(0)

    async def _sent_but(self, unsent: int) -> None:
        while True:
            depth = await self._outbox.depth()
            self.unsent = depth.urgent + depth.routine
            if self.unsent <= unsent:
                return
            await asyncio.sleep(_POLL_S)

    async def _vitals(self) -> Vitals:
        return Vitals(
            v=SCHEMA_VERSION,
            time_ns=time.time_ns(),
            epoch=self._outbox.spool.epoch,
            session=self.uplink.session_number,
            spool=await self._outbox.depth(),
            version="sim",
        )


def read_handed(folder: Path) -> list[Handed]:
    """When events were handed over; empty for a run that was never played. Raises `MenshenError`."""
    path = folder / HANDED
    if not path.exists():
        return []
    decoder = msgspec.json.Decoder(Handed)
    try:
        return [decoder.decode(line) for line in path.read_bytes().splitlines()]
    except (OSError, msgspec.DecodeError) as error:
        raise MenshenError(f"{path}: {error}; expected what `menshen sim play` wrote") from error
