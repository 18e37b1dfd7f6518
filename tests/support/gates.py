"""A lane's parts for tests: devices that do as they are told, a barrier and a record that remember."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from typing import Any

from edge.clock import Instant
from edge.lane import House, Lane
from edge.memory import Memory
from edge.passage import BadgeSeen, Fusion, Turns
from edge.policy import LaneRules
from edge.porter import LaneParts, PeoplePorter
from edge.registry import Registry
from edge.rules import PolicySettings
from edge.settings import Lane as Plugged
from edge.settings import LaneSettings
from edge.thermal.types import Reading
from tests.support.clocks import at
from wire.errors import DriverError
from wire.events import AnyEvent, Direction, Outcome, Reason, Refusal, Temperature, Verdict
from wire.registry import Holder, RegistryEntry

KEY = b"0123456789abcdef0123456789abcdef"
GUARD = "guard-0001"


class Socket:
    """A device that says what is pushed into it, until it is pulled."""

    def __init__(self) -> None:
        self.words: asyncio.Queue[Any] = asyncio.Queue()
        self.pulled = False
        self.starts = 0

    def make(self, _timekeeper: object) -> Socket:
        return self

    def trait(self, name: str, default: Any) -> Any:
        return getattr(self, name, default)

    async def start(self) -> None:
        self._check()
        self.starts += 1

    async def stop(self) -> None:
        """Nothing is held open."""

    def pull(self) -> None:
        self.pulled = True
        self.words.put_nowait(None)

    async def reads(self) -> AsyncIterator[Any]:
        while True:
            word = await self.words.get()
            self._check()
            if word is not None:
                yield word

    frames = reads

    def _check(self) -> None:
        if self.pulled:
            raise DriverError("no such device")


class Recorder:
    """Keeps events in memory."""

    def __init__(self) -> None:
        self.events: list[AnyEvent] = []

    async def put(self, event: AnyEvent) -> None:
        self.events.append(event)

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


class Lamp:
    """An actuator that remembers what it was told, and fails when it is pulled."""

    def __init__(self) -> None:
        self.shown: list[tuple[Outcome, tuple[Reason, ...]]] = []
        self.pulled = False
        self.hangs = False
        self.slow_s = 0.0
        """The next decision takes so long."""
        self.starts = 0

    def make(self, _timekeeper: object) -> Lamp:
        return self

    async def start(self) -> None:
        if self.pulled:
            raise DriverError("no such relay")
        self.starts += 1

    async def stop(self) -> None:
        """Nothing to close."""

    async def show(self, outcome: Outcome, reasons: Sequence[Reason]) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.slow_s:
            slow_s, self.slow_s = self.slow_s, 0.0
            await asyncio.sleep(slow_s)
        if self.pulled:
            raise DriverError("relay does not answer")
        self.shown.append((outcome, tuple(reasons)))


def entry(token: str, **known: Any) -> RegistryEntry:
    return RegistryEntry(token, **{"holder": Holder.EMPLOYEE, **known})


def reading(track: int, at_s: float, verdict: Verdict = Verdict.NORMAL, when: Instant | None = None) -> Reading:
    moment = when or at(at_s)
    if verdict is Verdict.UNMEASURED:
        return Reading(track, moment, moment, verdict, None, Refusal.NOT_FRONTAL)
    skin_c = 38.0 if verdict is Verdict.FEVER else 35.5
    return Reading(track, moment, moment, verdict, Temperature(skin_c=skin_c, u_c=0.3, looks=3), None)


def badge(token: str, at_s: float) -> BadgeSeen:
    return BadgeSeen(token, at(at_s))


def people_porter(
    *entries: RegistryEntry,
    policy: PolicySettings | None = None,
    counts: bool = False,
    memory: Memory | None = None,
    name: str = "people",
    direction: Direction = Direction.IN,
    place: str | None = None,
    registry: Registry | None = None,
) -> PeoplePorter:
    names = itertools.count(1)
    parts = LaneParts(
        name,
        LaneRules("north", reads_badges=True, measures=True),
        policy or PolicySettings(),
        registry or Registry(entries),
        memory or Memory(),
        lambda: f"p{next(names)}",
        direction,
        place=place,
    )
    return PeoplePorter(parts, Fusion(reads_badges=True, measures=True), Turns(direction) if counts else None)


def house(recorder: Recorder, timekeeper: Any, *entries: RegistryEntry, **more: Any) -> House:
    return House("north", KEY, Registry(entries), recorder, timekeeper, **more)


def lane(house: House, plugs: dict[str, Any], **settings: Any) -> Lane:
    return Lane(Plugged(LaneSettings(name="people", **settings), plugs), house)
