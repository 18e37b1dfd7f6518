"""Devices that can only be read by waiting: a thread of their own waits, and the event loop never does.

A read can hang for ever (a USB camera that is pulled within a frame, a bus that is stuck). Then the thread is left
behind with its device, which it closes should it ever come back, and a new start makes a new one.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable
from typing import Generic, Protocol, TypeVar

from edge.clock import Instant, Timekeeper
from wire.errors import DriverError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Source(Protocol[T_co]):
    """A device, used from one thread only. Each call may wait; each raises `DriverError`."""

    def open(self) -> None:
        """Open the device."""

    def read(self) -> T_co | None:
        """Wait for the next thing that it gives; None for one that cannot be used."""

    def close(self) -> None:
        """Close it, whether it was opened or not. Never raises."""


class Grabber(Generic[T]):
    """One device that may be started and stopped again and again, each time with a source of its own."""

    def __init__(
        self, name: str, make_source: Callable[[], Source[T]], timekeeper: Timekeeper, patience_s: float
    ) -> None:
        self._name = name
        self._make_source = make_source
        self._timekeeper = timekeeper
        self._patience_s = patience_s
        self._run: _Run[T] | None = None

    async def start(self) -> None:
        """Open a source. Raises `DriverError`, also when that takes longer than `patience_s`."""
        await self.stop()
        self._run = _Run(self._name, self._make_source(), self._timekeeper, self._patience_s)
        await self._run.start()

    async def stop(self) -> None:
        """Let go of the source, at once: its thread closes it as soon as it can."""
        if self._run is not None:
            self._run.stop()

    def items(self) -> AsyncGenerator[tuple[T, Instant], None]:
        """What comes, with the moment that it came, until stopped. Raises `DriverError`."""
        if self._run is None:
            raise DriverError(f"{self._name}: was not started")
        return self._run.items()


class _Run(Generic[T]):
    """Reads one source from its start to its stop, and gives what came last: a slow reader misses, and never lags."""

    def __init__(self, name: str, source: Source[T], timekeeper: Timekeeper, patience_s: float) -> None:
        self._name = name
        self._source = source
        self._timekeeper = timekeeper
        self._patience_s = patience_s
        self._fresh: deque[tuple[T, Instant]] = deque(maxlen=2)
        self._news = asyncio.Event()
        self._fault: DriverError | None = None
        self._opened = False
        self._stop = threading.Event()
        self._loop = asyncio.get_running_loop()

    async def start(self) -> None:
        threading.Thread(target=self._work, name=f"grab {self._name}", daemon=True).start()
        while not self._opened and not self._stop.is_set():
            await self._wait("to be opened")

    def stop(self) -> None:
        self._stop.set()
        self._fresh.clear()
        self._news.set()

    async def items(self) -> AsyncGenerator[tuple[T, Instant], None]:
        while not self._stop.is_set():
            if self._fresh:
                yield self._fresh.popleft()
            else:
                await self._wait("to give anything")

    async def _wait(self, what: str) -> None:
        if self._fault is not None:
            raise self._fault
        self._news.clear()
        try:
            async with asyncio.timeout(self._patience_s):
                await self._news.wait()
        except TimeoutError as error:
            raise DriverError(f"{self._name}: hangs: waited {self._patience_s:g} s for it {what}") from error

    def _work(self) -> None:
        """The thread: open, read, close."""
        try:
            self._source.open()
            self._tell(opened=True)
            while not self._stop.is_set():
                item = self._source.read()
                if item is not None:
                    self._tell(item)
        except DriverError as error:
            self._tell(fault=error)
        finally:
            self._source.close()

    def _tell(self, item: T | None = None, *, opened: bool = False, fault: DriverError | None = None) -> None:
        at = self._timekeeper.now()

        def take() -> None:
            if self._stop.is_set():
                return
            self._opened = self._opened or opened
            self._fault = fault
            if item is not None:
                self._fresh.append((item, at))
            self._news.set()

        if not self._stop.is_set():
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile: nobody listens any more
                self._loop.call_soon_threadsafe(take)
