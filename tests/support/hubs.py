"""A whole hub in a thread of its own, without a broker: events are put into its journal as ingest would."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from msgspec import Raw

import menshen
from hub.accounts import desk
from hub.accounts.models import Role
from hub.server import Hub
from hub.settings import HubSettings, WebSettings
from tests.support.office import KEY, PASSWORD
from wire.events import AnyEvent, Urgency, urgency_of
from wire.link import BrokerSettings
from wire.messages import Numbered, StreamId, batch_of, encode_event
from wire.tokens import TokenKind, token

SITE = "baotou-1"


class RunningHub:
    """One user of each role may sign in with `PASSWORD` (none where it is `new`); `say` is what a gate tells."""

    def __init__(self, folder: Path, *, new: bool = False, **settings: object) -> None:
        self._roles = () if new else tuple(Role)
        (folder / "token.key").write_bytes(KEY)
        chosen = {
            "site": SITE,
            "data": str(folder / "data"),
            "token_key_file": str(folder / "token.key"),
            "broker": BrokerSettings(port=9, backoff_min_s=5.0),
            "web": WebSettings(port=0),
            "zone": "Asia/Shanghai",
        }
        self._settings = HubSettings(**{**chosen, **settings})
        self._numbers: dict[tuple[str, Urgency], int] = {}
        self.url = ""

    def start(self) -> Self:
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run(started)), name="hub")
        self._thread.start()
        if not started.wait(30):
            raise RuntimeError("the hub did not start within 30 s")
        return self

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(20)

    def do(self, work: Callable[[Hub], object]) -> object:
        """Something within the hub's loop: `work` gives a coroutine."""
        return asyncio.run_coroutine_threadsafe(work(self.hub), self._loop).result(20)  # type: ignore[arg-type]

    def say(self, event: AnyEvent, gate: str = "north") -> None:
        key = gate, urgency_of(event)
        number = self._numbers[key] = self._numbers.get(key, 0) + 1
        stream = StreamId(SITE, gate, key[1], "e1")
        batch = batch_of(stream, [Numbered(number, Raw(encode_event(event)))])
        self.do(lambda hub: hub.archive.append([batch]))

    def read(self, reader: str) -> None:
        """Wait until a projection has read everything."""
        runner = next(one for one in self.hub._runners if one.projection.name == reader)
        until_s = time.monotonic() + 20
        while runner.cursor < self.do(lambda hub: hub.archive.read(lambda journal: journal.last_offset())):
            if time.monotonic() > until_s:
                raise RuntimeError(f"{reader} did not read everything within 20 s: {runner.error}")
            time.sleep(0.01)

    async def _run(self, started: threading.Event) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        self.hub = Hub(self._settings, "0", menshen.boards())
        ready = asyncio.Event()
        running = asyncio.create_task(self.hub.run(ready))
        await ready.wait()
        for role in self._roles:
            await self.hub.database.write(
                lambda session, role=role: desk.add_user(
                    session, role.value, "王芳", role, PASSWORD, by="test", now_ns=1
                )
            )
        self.url = self.hub.web.url
        started.set()
        await self._stopping.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def badge(number: str) -> str:
    """The token of a badge's number at this hub's gates."""
    return token(KEY, TokenKind.BADGE, number)


@contextmanager
def running_hub(folder: Path, *, new: bool = False, **settings: object) -> Iterator[RunningHub]:
    hub = RunningHub(folder, new=new, **settings).start()
    try:
        yield hub
    finally:
        hub.stop()
