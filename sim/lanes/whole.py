"""Plays a situation through a whole lane, with its devices, tasks and barrier, in virtual time.

The loop's clock jumps to whatever is waited for next, so that minutes take milliseconds and every run is the same. The
devices are scripts behind the drivers' protocols; a device that is gone raises `DriverError`, as a real one does.
"""

from __future__ import annotations

import asyncio
import itertools
import selectors
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
from msgspec import Struct

from edge.clock import Instant
from edge.drivers.base import BadgeRead, ContactChange, ContactKind, ThermalFrame, VehicleRead
from edge.lane import House, Lane
from edge.memory import Memory
from edge.passage import BadgeSeen, Crossing, VehicleSeen
from edge.settings import Lane as Plugged
from edge.settings import LaneSettings
from edge.thermal.screen import ScreenState
from edge.thermal.types import Box, Person, Reading, View
from sim.lanes.play import AFTER_S, GUARD, WHY, passage_of, registry_of
from sim.lanes.situation import (
    GATE,
    LANE,
    ByHand,
    DeviceWord,
    Frame,
    Overridden,
    Situation,
    Washed,
    Word,
    moment,
)
from wire.errors import DriverError
from wire.events import AnyEvent, Direction, Outcome, Reason, Temperature, Verdict

T = TypeVar("T")

KEY = b"a key of situations that never were"
FRAME_EVERY_S = 2.0
"""An empty picture as often: a camera is never silent."""


class Shown(Struct, frozen=True):
    """What the barrier was told, and when."""

    at_s: float
    outcome: Outcome
    reasons: tuple[Reason, ...]


class _Instantly(selectors.SelectSelector):
    """Does not wait for the time, but puts it forward."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is not None and timeout > 0:
            self.now_s += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only by waiting; what belongs into a thread is done at once."""

    def __init__(self) -> None:
        self._instantly = _Instantly()
        super().__init__(self._instantly)

    def time(self) -> float:
        return self._instantly.now_s

    def run_in_executor(self, executor: object, func: Callable[..., T], *args: object) -> asyncio.Future[T]:
        """What `func` raises is raised where it is waited for."""

        async def at_once() -> T:
            return func(*args)

        return self.create_task(at_once())


@contextmanager
def virtual_time() -> Iterator[asyncio.Runner]:
    """A runner whose time is virtual."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        yield runner


class VirtualTime:
    """The gate's clock: the loop's."""

    def now(self) -> Instant:
        return moment(asyncio.get_running_loop().time())


class Script:
    """One device: what it says when. It keeps its place over restarts, and is gone between its `gone` moments."""

    def __init__(self, words: Sequence[tuple[float, Any]], gone: Sequence[tuple[float, float]] = ()) -> None:
        self._words = list(words)
        self._gone = gone
        self._next = 0

    def make(self, _timekeeper: object) -> Script:
        return self

    def trait(self, name: str, default: Any) -> Any:  # noqa: ANN401 - what a driver's class says of itself
        return getattr(self, name, default)

    async def start(self) -> None:
        self._check()

    async def stop(self) -> None:
        """Nothing is held open."""

    async def reads(self) -> AsyncIterator[Any]:
        """Each word at its moment; what is due while the device is gone is never said."""
        now_s = asyncio.get_running_loop().time()
        while self._next < len(self._words) and self._words[self._next][0] < now_s:
            self._next += 1
        while self._next < len(self._words):
            at_s, word = self._words[self._next]
            await self._until(at_s)
            self._next += 1
            yield word
        await self._until(float("inf"))

    frames = reads

    async def _until(self, at_s: float) -> None:
        loop = asyncio.get_running_loop()
        fails_s = min((begin_s for begin_s, _ in self._gone if begin_s > loop.time()), default=float("inf"))
        if min(at_s, fails_s) == float("inf"):
            await asyncio.Event().wait()
        await asyncio.sleep(max(0.0, min(at_s, fails_s) - loop.time()))
        self._check()

    def _check(self) -> None:
        now_s = asyncio.get_running_loop().time()
        if any(begin_s <= now_s < end_s for begin_s, end_s in self._gone):
            raise DriverError("no such device")


class Barrier:
    """An actuator that remembers what it was told."""

    def __init__(self) -> None:
        self.shown: list[Shown] = []

    def make(self, _timekeeper: object) -> Barrier:
        return self

    async def start(self) -> None:
        """Nothing to open."""

    async def stop(self) -> None:
        """Nothing to close."""

    async def show(self, outcome: Outcome, reasons: Sequence[Reason]) -> None:
        self.shown.append(Shown(asyncio.get_running_loop().time(), outcome, tuple(reasons)))


class ScriptedScreen:
    """In the place of the screening: what it would say of each picture stands in the script, by the picture's
    number."""

    def __init__(self, views: Sequence[View]) -> None:
        self._views = views

    def see(self, frame: ThermalFrame) -> View:
        return self._views[int(frame.celsius[0, 0])]

    def flush(self) -> list[Reading]:
        return []

    def calibrate(self, temperature: Temperature, body_c: float) -> None:
        """A script learns nothing."""

    def state(self) -> ScreenState:
        return ScreenState()

    def restore(self, state: ScreenState) -> None:
        """A script remembers nothing."""


class Ledger:
    """In the place of the outbox: keeps events in memory."""

    def __init__(self) -> None:
        self.events: list[AnyEvent] = []

    async def put(self, event: AnyEvent) -> None:
        self.events.append(event)


class Whole:
    """A lane with scripted devices."""

    def __init__(self, situation: Situation) -> None:
        self.ledger, self.barrier = Ledger(), Barrier()
        self._situation = situation
        names = itertools.count(1)
        memory = Memory()
        for sighting in situation.sightings:
            memory.sightings.hear(sighting)
        views, frames = _pictures(situation)
        house = House(
            GATE,
            KEY,
            registry_of(situation),
            self.ledger,
            VirtualTime(),
            policy=situation.policy,
            memory=memory,
            registry_age_s=lambda: situation.registry_age_s,
            new_id=lambda: f"p{next(names)}",
            make_screen=lambda _settings: ScriptedScreen(views),
            token_of=lambda _key, _kind, number: number,
        )
        plugs: dict[str, Any] = {**_readers(situation), "actuator": self.barrier}
        if situation.lane.measures:
            plugs["thermal"] = Script(frames, _gone(situation, "camera"))
        self.lane = Lane(Plugged(_settings(situation), plugs), house)

    async def run(self) -> None:
        """The whole situation, and what comes of waiting after it."""
        task = asyncio.create_task(self.lane.run())
        loop = asyncio.get_running_loop()
        for told in self._situation.told:
            if isinstance(told.word, ByHand | Overridden | Washed):
                await asyncio.sleep(max(0.0, told.at_s - loop.time()))
                await self._by_hand(told.word)
        last_s = self._situation.told[-1].at_s if self._situation.told else 0.0
        await asyncio.sleep(max(0.0, last_s - loop.time()) + AFTER_S)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _by_hand(self, word: Word) -> None:
        events = self.ledger.events
        match word:
            case ByHand(badge, body_c, vehicle):
                passage = passage_of(events, vehicle or badge)
                await self.lane.record_contact_measurement(passage, badge, body_c, GUARD)
            case Overridden(badge):
                await self.lane.override(Outcome.ALLOW, GUARD, WHY, passage_of(events, badge))
            case Washed(vehicle):
                await self.lane.register_disinfection(vehicle, GUARD, "84")


def play_whole(situation: Situation) -> list[AnyEvent]:
    """Everything that a whole lane says of a situation."""
    whole = Whole(situation)
    with virtual_time() as runner:
        runner.run(whole.run())
    return whole.ledger.events


def _settings(situation: Situation) -> LaneSettings:
    lane = situation.lane
    return LaneSettings(
        name=LANE,
        kind="vehicle" if lane.vehicles else "person",
        direction="out" if lane.direction is Direction.OUT else "in",
        counts_crossings=lane.counts,
        on_failure="safe" if lane.fail_safe else "secure",
    )


def _readers(situation: Situation) -> dict[str, Any]:
    badges: list[tuple[float, BadgeRead]] = []
    tags: list[tuple[float, VehicleRead]] = []
    plates: list[tuple[float, VehicleRead]] = []
    turns: list[tuple[float, ContactChange]] = []
    for told in situation.told:
        match told.word:
            case BadgeSeen(number, at):
                badges.append((told.at_s, BadgeRead(number, at)))
            case VehicleSeen(at, tag, plate, direction, confidence):
                read = VehicleRead(plate, at, confidence, tag, direction)
                (plates if tag is None else tags).append((told.at_s, read))
            case Crossing(at, direction):
                turns += [(told.at_s, ContactChange(ContactKind.TURN, on, at, direction)) for on in (False, True)]
    if situation.lane.vehicles:
        found = {"vehicle": Script(plates)}
        return {**found, "tag": Script(tags)} if situation.lane.reads_tags else found
    return {"badge": Script(badges, _gone(situation, "badge")), "contact": Script(turns)}


def _pictures(situation: Situation) -> tuple[list[View], list[tuple[float, ThermalFrame]]]:
    """What the screening says of each picture, and when the pictures come."""
    views = []
    for told in situation.told:
        match told.word:
            case Frame(at, tracks):
                box = Box(0, 0, 1, 1)
                people = tuple(Person(track, box, Verdict.UNMEASURED, None, None) for track in tracks)
                views.append((told.at_s, View(at, people)))
            case Reading(at=at):
                views.append((told.at_s, View(at, readings=(told.word,))))
    last_s = situation.told[-1].at_s if situation.told else 0.0
    empty_s = [number * FRAME_EVERY_S for number in range(int((last_s + AFTER_S) / FRAME_EVERY_S))]
    views += [(at_s, View(moment(at_s))) for at_s in empty_s]
    views.sort(key=lambda pair: pair[0])
    frames = [
        (at_s, ThermalFrame(np.full((1, 1), number, np.float32), view.at)) for number, (at_s, view) in enumerate(views)
    ]
    return [view for _, view in views], frames


def _gone(situation: Situation, device: str) -> list[tuple[float, float]]:
    words = [
        (told.at_s, told.word.works)
        for told in situation.told
        if isinstance(told.word, DeviceWord) and told.word.device == device
    ]
    begins = [at_s for at_s, works in words if not works]
    ends = [at_s for at_s, works in words if works]
    return list(itertools.zip_longest(begins, ends, fillvalue=float("inf")))
