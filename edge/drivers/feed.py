"""What a device said and the lane has not taken yet, and what all readers share because of it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator
from typing import ClassVar, Generic, TypeVar

from edge.clock import Instant, Timekeeper
from edge.drivers.needs import Needs
from wire.errors import DriverError

T = TypeVar("T")

ROOM = 256
"""Readings that may wait. A lane takes each at once: more means a device gone mad, or a lane that hangs."""


class Feed(Generic[T]):
    """Readings from callbacks on one side, an iterator on the other; bounded, and it ends with a fault or a stop."""

    def __init__(self, name: str, room: int = ROOM) -> None:
        self._name = name
        self._room = room
        self._waiting: deque[T] = deque()
        self._news = asyncio.Event()
        self._fault: str | None = None
        self._closed = False

    @property
    def over(self) -> bool:
        """Nothing that comes now is taken any more."""
        return self._closed or self._fault is not None

    def put(self, reading: T) -> None:
        """Take a reading; too many of them are a fault, since none may be dropped in silence."""
        if self.over:
            return
        if len(self._waiting) >= self._room:
            self.fail(f"gave more than {self._room} readings at once")
            return
        self._waiting.append(reading)
        self._news.set()

    def fail(self, text: str) -> None:
        """The device failed: the iterator raises `DriverError` after what was read before. The first fault counts."""
        if not self.over:
            self._fault = f"{self._name}: {text}"
            self._news.set()

    def close(self) -> None:
        """The driver was stopped: the iterator ends, and what waits is dropped."""
        self._waiting.clear()
        self._fault = None
        self._closed = True
        self._news.set()

    async def readings(self) -> AsyncIterator[T]:
        """What was put, in order. Raises `DriverError` after a fault."""
        while True:
            while self._waiting:
                yield self._waiting.popleft()
            if self._fault is not None:
                raise DriverError(self._fault)
            if self._closed:
                return
            self._news.clear()
            await self._news.wait()


class Reader(ABC, Generic[T]):
    """A driver whose device speaks by itself: opened by `_open`, which puts what it says into a feed, until `_close`.

    `name` is how errors call the device; `needs` are the packages that it cannot do without.
    """

    needs: ClassVar[Needs | None] = None

    def __init__(self, name: str, timekeeper: Timekeeper) -> None:
        self._name = name
        self._timekeeper = timekeeper
        self._feed: Feed[T] | None = None

    async def start(self) -> None:
        if self._feed is not None and not self._feed.over:
            return
        await self.stop()
        self._feed = Feed(self._name)
        try:
            if self.needs is not None:
                await asyncio.to_thread(self.needs.load)
            await self._open(self._feed)
        except OSError as error:
            await self.stop()
            raise DriverError(f"{self._name}: cannot be opened: {error.strerror or error}") from error
        except DriverError:
            await self.stop()
            raise

    async def stop(self) -> None:
        if self._feed is not None:
            self._feed.close()
        await self._close()

    async def reads(self) -> AsyncIterator[T]:
        if self._feed is None:
            raise DriverError(f"{self._name}: was not started")
        async for reading in self._feed.readings():
            yield reading

    @abstractmethod
    async def _open(self, feed: Feed[T]) -> None:
        """Open the device. Raises `DriverError` or `OSError`."""

    @abstractmethod
    async def _close(self) -> None:
        """Close what is open of the device; called at any time, also after half an opening. Never raises."""


class Repeats:
    """Readers say a badge or tag again and again while it is before them: each counts once per stay."""

    def __init__(self, quiet_s: float) -> None:
        self._quiet_s = quiet_s
        self._seen: dict[str, Instant] = {}

    def is_new(self, number: str, at: Instant) -> bool:
        """Whether it was not seen during the last `quiet_s`; being seen again makes its stay longer."""
        self._seen = {
            key: seen for key, seen in self._seen.items() if key == number or at.seconds_since(seen) <= self._quiet_s
        }
        before = self._seen.get(number)
        self._seen[number] = at
        return before is None or at.seconds_since(before) > self._quiet_s


def moment(timekeeper: Timekeeper, mono_ns: int) -> Instant:
    """The moment at which the monotonic clock showed `mono_ns`, a little while ago."""
    now = timekeeper.now()
    return Instant(now.time_ns - (now.mono_ns - mono_ns), mono_ns, now.clock)
