"""A file descriptor that is read whenever there is something to read, on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Listening(Generic[T]):
    """Hands on what `read` gives, until it is closed or the device goes away. The descriptor's owner closes it."""

    def __init__(self, fd: int, read: Callable[[], T], use: Callable[[T], None], fail: Callable[[str], None]) -> None:
        """`read` raises `OSError` when the device is gone; `fail` is then told why."""
        self._fd = fd
        self._read = read
        self._use = use
        self._fail = fail
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(fd, self._readable)

    def close(self) -> None:
        self._loop.remove_reader(self._fd)

    def _readable(self) -> None:
        """A device that is gone stays readable for ever: it is asked no more."""
        try:
            data = self._read()
        except BlockingIOError:
            return
        except OSError as error:
            self.close()
            self._fail(f"the device was lost: {error.strerror or error}")
            return
        self._use(data)
