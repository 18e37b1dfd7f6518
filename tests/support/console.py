"""A console over a board that the test writes on, served on a free port of this machine."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Self
from zoneinfo import ZoneInfo

from hub.board import Snapshot
from hub.web.app import create_app
from hub.web.serve import WebServer

ZONE = ZoneInfo("Asia/Shanghai")


class WrittenBoard:
    """A `BoardSource` that shows what it was last given; `write` and `fail` may be called from any thread."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._problems: dict[str, str] = {}
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()

    def write(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        for loop, event in list(self._waiting):
            loop.call_soon_threadsafe(event.set)

    def fail(self, **problems: str) -> None:
        self._problems = problems

    def snapshot(self) -> Snapshot:
        return self._snapshot

    def ready(self) -> dict[str, str]:
        return self._problems

    @property
    def readers(self) -> int:
        """How many clients follow the changes at this moment."""
        return len(self._waiting)

    async def changes(self) -> AsyncIterator[Snapshot]:
        entry = asyncio.get_running_loop(), asyncio.Event()
        self._waiting.add(entry)
        try:
            while True:
                await entry[1].wait()
                entry[1].clear()
                yield self._snapshot
        finally:
            self._waiting.discard(entry)


class ServedConsole:
    """A console with its server in a thread of its own; `stop` and `start` may follow each other on the same port."""

    def __init__(self, board: WrittenBoard, *, version: str = "0.1.0") -> None:
        self.board = board
        self._version = version
        self._port = 0
        self.url = ""

    def start(self) -> Self:
        ready = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(ready),), name="console")
        self._thread.start()
        if not ready.wait(10):
            raise RuntimeError("the console did not start within 10 s")
        return self

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(10)

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        app = create_app(self.board, site="baotou-1", version=self._version, zone=ZONE)
        server = WebServer(app, host="127.0.0.1", port=self._port)
        await server.start()
        self.url, self._port = server.url, int(server.url.rpartition(":")[2])
        ready.set()
        await self._stopping.wait()
        await server.stop()


@contextmanager
def served(snapshot: Snapshot) -> Iterator[ServedConsole]:
    """A console that shows `snapshot` until the test writes another."""
    console = ServedConsole(WrittenBoard(snapshot)).start()
    try:
        yield console
    finally:
        console.stop()
