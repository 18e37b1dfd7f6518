"""A console over a board that the test writes on, served on a free port of this machine."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.accounts import desk, tokens
from hub.accounts.models import Role, User
from hub.accounts.roles import Permission
from hub.board import Snapshot
from hub.database import Database
from hub.watch import Hub
from hub.web.access import COOKIE
from hub.web.app import Office, create_app
from hub.web.doors import API_PERMISSIONS
from hub.web.serve import WebServer

ZONE = ZoneInfo("Asia/Shanghai")
EVERYTHING = tuple(API_PERMISSIONS)


async def make_database(folder: Path) -> Database:
    """A new console's database, started."""
    database = Database(f"sqlite:///{folder / 'menshen.db'}")
    await database.start()
    return database


async def signed_in(database: Database, role: Role = Role.OFFICER, *, now_ns: int | None = None) -> dict[str, str]:
    """The cookies of a browser where a user of the role, made where there is none, has signed in."""
    moment_ns = time.time_ns() if now_ns is None else now_ns

    def work(session: Session) -> str:
        user = session.scalar(select(User).where(User.login == role.value))
        if user is None:
            user = User(login=role.value, name="王芳", role=role, created_ns=moment_ns)
            session.add(user)
            session.flush()
        return desk.begin(session, user, now_ns=moment_ns)

    return {COOKIE: await database.write(work)}


async def token_for(database: Database, *permissions: Permission, name: str = "test") -> str:
    """A program's token for all that the API has, or for some of it."""
    may = permissions or EVERYTHING
    return await database.write(lambda session: tokens.add_token(session, name, may, by="test", now_ns=time.time_ns()))


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


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
        self._folder = TemporaryDirectory()
        self.cookies: dict[str, str] = {}
        """Of a browser where a safety officer is signed in."""
        self.token = ""
        """Of a program that may do everything."""
        self._version = version
        self._port = 0
        self.url = ""

    @property
    def hub(self) -> Hub:
        return Hub(self.url, self.token)

    def signed_in(self) -> list[Any]:
        """The cookies as playwright takes them."""
        return [{"name": name, "value": value, "url": self.url} for name, value in self.cookies.items()]

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
        database = await make_database(Path(self._folder.name))
        self.cookies = self.cookies or await signed_in(database)
        self.token = self.token or await token_for(database)
        app = create_app(self.board, site="baotou-1", version=self._version, zone=ZONE, office=Office(database))
        server = WebServer(app, host="127.0.0.1", port=self._port)
        await server.start()
        self.url, self._port = server.url, int(server.url.rpartition(":")[2])
        ready.set()
        await self._stopping.wait()
        await server.stop()
        await database.stop()


@contextmanager
def served(snapshot: Snapshot) -> Iterator[ServedConsole]:
    """A console that shows `snapshot` until the test writes another."""
    console = ServedConsole(WrittenBoard(snapshot)).start()
    try:
        yield console
    finally:
        console.stop()
