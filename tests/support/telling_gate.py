"""A gate that has only what brings its events to a hub: a real spool and a real uplink, over a real broker."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edge.clock import SystemTime
from edge.outbox import Outbox
from edge.spool import Spool, SpoolSettings
from edge.uplink import Uplink
from wire.events import AnyEvent
from wire.link import BrokerSettings

WITHIN_S = 60.0


class TellingGate:
    """Tells the hub what it is told, from a thread of its own."""

    def __init__(self, outbox: Outbox, loop: asyncio.AbstractEventLoop) -> None:
        self._outbox, self._loop = outbox, loop

    def tell(self, *events: AnyEvent) -> None:
        """Returns once the hub has acknowledged all."""
        self._do(self._tell(events))

    async def _tell(self, events: tuple[AnyEvent, ...]) -> None:
        for event in events:
            await self._outbox.put(event)
        while (depth := await self._outbox.depth()).urgent + depth.routine:
            await asyncio.sleep(0.02)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(WITHIN_S)


async def _begun(uplink: Uplink) -> asyncio.Task[None]:
    return asyncio.create_task(uplink.run())


async def _ended(running: asyncio.Task[None]) -> None:
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@contextmanager
def telling_gate(folder: Path, site: str, gate: str, port: int) -> Iterator[TellingGate]:
    """A gate of the site, connected to the broker at the port."""
    loop, clock = asyncio.new_event_loop(), SystemTime()
    thread = threading.Thread(target=loop.run_forever, name=f"gate {gate}")
    thread.start()
    outbox = Outbox(Spool(site, gate, SpoolSettings(path=str(folder / f"{gate}.db")), clock), clock)
    uplink = Uplink(outbox, BrokerSettings(port=port, backoff_min_s=0.05), clock, "test")
    asyncio.run_coroutine_threadsafe(outbox.start(), loop).result(WITHIN_S)
    running = asyncio.run_coroutine_threadsafe(_begun(uplink), loop).result(WITHIN_S)
    try:
        yield TellingGate(outbox, loop)
    finally:
        asyncio.run_coroutine_threadsafe(_ended(running), loop).result(WITHIN_S)
        asyncio.run_coroutine_threadsafe(outbox.stop(), loop).result(WITHIN_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(WITHIN_S)
        loop.close()
