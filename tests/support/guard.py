"""The guard's page on a free port of this machine, at a gate with real lanes whose devices a test speaks for."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from edge.clock import Instant, SystemTime
from edge.drivers.base import BadgeRead, VehicleRead
from edge.follower import Follower
from edge.guard.app import create_app
from edge.guard.ledger import Ledger
from edge.guard.passwords import UNNAMED, Guards, hashed, write
from edge.guard.server import GuardServer
from edge.guard.settings import GuardSettings
from edge.guard.stage import Stage
from edge.guard.station import Station
from edge.lane import House, Lane
from edge.notices import NoticeBoard
from edge.outbox import Outbox
from edge.registry import Registry
from edge.settings import Lane as Plugged
from edge.settings import LaneSettings
from edge.spool import Spool, SpoolSettings
from edge.thermal.types import Box, Person, Reading, Reference, View
from sim.frames import Pose
from sim.frames import View as SimView
from sim.people import population
from tests.support.clocks import at
from tests.support.gates import KEY, Lamp, Socket
from tests.support.pictures import render
from wire.events import AnyEvent, PersonPassage, Refusal, Temperature, VehiclePassage, Verdict
from wire.registry import RegistryEntry
from wire.tokens import TokenKind, token

T = TypeVar("T")
E = TypeVar("E", bound=AnyEvent)
PASSWORD = "correct horse"
GATE = """site = "s"
gate = "g"
token_key_file = "key"
broker.port = 9
[guard]
password_file = "guard.password"
port = 0
[[lanes]]
name = "people"
[lanes.camera]
"""
"""A gate with a guard's page; its camera's settings follow."""


def write_gate(folder: Path, text: str) -> Path:
    """The gate's file, with its key and the guard's password."""
    (folder / "key").write_text("k" * 32)
    (folder / "gate.toml").write_text(text)
    write(folder / "guard.password", PASSWORD)
    return folder / "gate.toml"


def temperature(skin_c: float) -> Temperature:
    return Temperature(skin_c=skin_c, u_c=0.4, looks=3, limit_c=36.4)


def frame() -> np.ndarray:
    return render(SimView(), population(1, 1)[0], Pose(0.48, 0.41, 1.0), np.random.default_rng(1))


def view(verdict: Verdict = Verdict.NORMAL, skin_c: float = 35.1, refusal: Refusal | None = None) -> View:
    """Somebody before the camera, who was just concluded about."""
    person = Person(1, Box(38, 30, 44, 60), verdict, temperature(skin_c), None)
    reading = Reading(1, at(1), at(0), verdict, temperature(skin_c), None)
    return View(at(1), (person,), (reading,), Reference(102.5, 105.0, 6.0, 34.7, 0.1), refusal)


class Heard:
    """The outbox, with a memory of what it was given."""

    def __init__(self, outbox: Outbox) -> None:
        self.events: list[AnyEvent] = []
        self._outbox = outbox

    async def put(self, event: AnyEvent) -> None:
        self.events.append(event)
        await self._outbox.put(event)


class Offline:
    """An uplink without a network, until a test says otherwise."""

    connected = False


class GateParts:
    """A gate of real lanes without a hub: a lane called `trucks` is for vehicles, the others for people."""

    def __init__(self, folder: Path, lanes: list[str], *entries: RegistryEntry, sealing_key: str = "") -> None:
        clock = SystemTime()
        self.outbox = Outbox(Spool("baotou-1", "north", SpoolSettings(path=str(folder / "spool.db")), clock), clock)
        self.heard = Heard(self.outbox)
        self.ledger = Ledger(self.heard)
        self.registry = Registry(entries)
        self.follower = Follower("baotou-1", folder / "registry.db", self.registry, clock)
        self.uplink = Offline()
        self.notices = NoticeBoard("baotou-1", "north", folder / "notices", clock)
        self.house = House("north", KEY, self.registry, self.ledger, clock, registry_age_s=self.follower.age_s)
        self.sockets: dict[str, dict[str, Any]] = {}
        self.lanes = {name: self._lane(name) for name in lanes}
        self.station = Station(
            list(self.lanes.values()),
            self.house,
            self.follower,
            self.uplink,
            self.outbox,
            self.ledger,
            self.notices,
        )
        self._sealing_key = sealing_key
        self._tracks = itertools.count(1)

    def _lane(self, name: str) -> Lane:
        is_vehicle = name == "trucks"
        kinds = ("vehicle", "actuator") if is_vehicle else ("badge", "thermal", "actuator")
        plugs = self.sockets[name] = {kind: Lamp() if kind == "actuator" else Quiet() for kind in kinds}
        settings = LaneSettings(name=name, kind="vehicle" if is_vehicle else "person", vehicle_wait_s=0.1)
        return Lane(Plugged(settings, plugs), self.house)

    def token(self, kind: TokenKind, number: str) -> str:
        return token(KEY, kind, number)

    async def passes(self, lane: str, badge: str | None, **seen: Any) -> PersonPassage:
        """Somebody comes to a lane for people, and is decided upon. A badge counts once in a few seconds."""
        now = self.house.timekeeper.now()
        before = len(self.ledger.rows(lane))
        if badge is not None:
            self.sockets[lane]["badge"].words.put_nowait(BadgeRead(badge, now))
            await asyncio.sleep(0.05)
        await self.lanes[lane].conclude(reading_at(self.house.timekeeper.now(), next(self._tracks), **seen))
        while len(self.ledger.rows(lane)) == before:
            await asyncio.sleep(0.01)
        passage = self.ledger.rows(lane)[0].passage
        assert isinstance(passage, PersonPassage)
        return passage

    async def drives_up(self, plate: str | None) -> VehiclePassage:
        before = len(self.ledger.rows("trucks"))
        read = VehicleRead(plate, self.house.timekeeper.now())
        self.sockets["trucks"]["vehicle"].words.put_nowait(read)
        while len(self.ledger.rows("trucks")) == before:
            await asyncio.sleep(0.01)
        passage = self.ledger.rows("trucks")[0].passage
        assert isinstance(passage, VehiclePassage)
        return passage

    async def run(self) -> None:
        await self.outbox.start()
        await self.follower.start()
        self.follower.sealing_key = self._sealing_key
        try:
            async with asyncio.TaskGroup() as tasks:
                for lane in self.lanes.values():
                    tasks.create_task(lane.run())
        finally:
            await self.outbox.stop()
            await self.follower.stop()


class Quiet(Socket):
    """A device that may say nothing for as long as a test likes."""

    silence_s = None


def reading_at(
    now: Instant,
    track: int,
    verdict: Verdict = Verdict.NORMAL,
    skin_c: float = 35.1,
    again_after_s: float | None = None,
) -> Reading:
    if verdict is Verdict.UNMEASURED:
        return Reading(track, now, now, verdict, None, Refusal.NOT_FRONTAL, again_after_s=again_after_s)
    measured = Temperature(skin_c=skin_c, u_c=0.4, looks=3, limit_c=36.4, body_c=skin_c + 1.5, body_u_c=0.5)
    return Reading(track, now, now, verdict, measured, None, again_after_s=again_after_s)


class ServedGuard:
    """The page with its server, at a gate, in a thread of its own."""

    def __init__(
        self,
        folder: Path,
        lanes: list[str],
        *entries: RegistryEntry,
        guards: Guards | None = None,
        sealing_key: str = "",
        **more: Any,
    ) -> None:
        self.settings = GuardSettings(password_file="-", port=0, **more)
        self.stage = Stage(lanes, self.settings.rate_hz)
        self._make = lambda: GateParts(folder, lanes, *entries, sealing_key=sealing_key)
        self._guards = guards or {UNNAMED: hashed(PASSWORD)}

    @property
    def url(self) -> str:
        assert self._server.url is not None
        return self._server.url

    def events(self, kind: type[E]) -> list[E]:
        return [event for event in self.gate.heard.events if isinstance(event, kind)]

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Something that happens at the gate."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    def show(self, lane: str, celsius: np.ndarray, seen: View) -> None:
        self._loop.call_soon_threadsafe(self.stage.lanes[lane].show, celsius, seen)

    def tell(self, lane: str, reading: Reading) -> None:
        self._loop.call_soon_threadsafe(self.stage.lanes[lane].tell, reading)

    def start(self) -> None:
        ready = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(ready),), name="guard")
        self._thread.start()
        assert ready.wait(20)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(10)

    async def _serve(self, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self.gate = self._make()
        app = create_app("baotou-1/north", self.stage, self.gate.station, self.settings, self._guards)
        self._server = GuardServer(app, self.settings)
        self._task = asyncio.gather(self._server.run(), self.gate.run())
        while self._server.url is None or any(lane.mode is None for lane in self.gate.lanes.values()):
            await asyncio.sleep(0.01)
        ready.set()
        await asyncio.gather(self._task, return_exceptions=True)


@contextmanager
def served_guard(*lanes: str, entries: tuple[RegistryEntry, ...] = (), **more: Any) -> Iterator[ServedGuard]:
    with tempfile.TemporaryDirectory(prefix="menshen-guard-") as folder:
        guard = ServedGuard(Path(folder), list(lanes), *entries, **more)
        guard.start()
        try:
            yield guard
        finally:
            guard.stop()
