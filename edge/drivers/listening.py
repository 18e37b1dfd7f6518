"""Devices that are a file descriptor: read on the event loop whenever there is something to read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from edge.clock import Timekeeper
from edge.drivers.feed import Reader

D = TypeVar("D")
T = TypeVar("T")


class Source(Protocol):
    """An open device."""

    def fileno(self) -> int: ...

    def close(self) -> None: ...


class Listening(Generic[D]):
    """Hands on what `read` gives, until it is closed, which closes the device too, or the device goes away."""

    def __init__(
        self, source: Source, read: Callable[[], D], use: Callable[[D], None], fail: Callable[[str], None]
    ) -> None:
        """`read` raises `OSError` when the device is gone; `fail` is then told why."""
        self._source = source
        self._read = read
        self._use = use
        self._fail = fail
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(source.fileno(), self._readable)

    def close(self) -> None:
        self._loop.remove_reader(self._source.fileno())
        self._source.close()

    def _readable(self) -> None:
        """A device that is gone stays readable for ever: it is asked no more."""
        try:
            data = self._read()
        except BlockingIOError:
            return
        except OSError as error:
            self._loop.remove_reader(self._source.fileno())
            self._fail(f"the device was lost: {error.strerror or error}")
            return
        self._use(data)


class Silence:
    """Calls `over` when nothing was heard for `wait_s` seconds after something was."""

    def __init__(self, wait_s: float, over: Callable[[], None]) -> None:
        self._wait_s = wait_s
        self._over = over
        self._timer: asyncio.TimerHandle | None = None

    def heard(self) -> None:
        self.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._wait_s, self._over)

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class DescriptorReader(Reader[T], Generic[T, D]):
    """A driver whose `_open` sets `_listening`, and `_silence` where a silence means something."""

    def __init__(self, name: str, timekeeper: Timekeeper) -> None:
        super().__init__(name, timekeeper)
        self._listening: Listening[D] | None = None
        self._silence: Silence | None = None

    async def _close(self) -> None:
        silence, self._silence = self._silence, None
        if silence is not None:
            silence.cancel()
        listening, self._listening = self._listening, None
        if listening is not None:
            listening.close()
