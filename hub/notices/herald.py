"""The site's notices → one retained message on the broker, and their pictures, for every gate.

At each connection everything is published anew, and again every so often: a broker that forgot it has it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

import structlog

from hub.database import Database
from hub.notices import words
from wire import topics
from wire.errors import DatabaseError
from wire.link import BrokerSettings, Session, hold
from wire.messages import encode

log = structlog.get_logger(__name__)

AGAIN_EVERY_S = 60.0


class Herald:
    """Keeps the broker's copy of one site's notices right. `tell` says that something has changed."""

    def __init__(
        self,
        site: str,
        database: Database,
        broker: BrokerSettings,
        client_id: str,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._site = site
        self._database = database
        self._broker = broker
        self._client_id = client_id
        self._now_ns = now_ns
        self._changed = asyncio.Event()

    def tell(self) -> None:
        self._changed.set()

    async def run(self) -> None:
        """Until cancelled."""
        await hold(self._broker, self._client_id, self._use)

    async def _use(self, session: Session) -> None:
        """Work with one connection until it breaks. Raises `LinkError`."""
        there: set[str] = set()
        first, told = True, ""
        while True:
            self._changed.clear()
            try:
                there = await self._publish(session, there, first=first)
                first, told = False, ""
            except DatabaseError as error:
                if str(error) != told:
                    log.error("notices cannot be read", error=str(error))
                told = str(error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(AGAIN_EVERY_S if not told else 5.0):
                    await self._changed.wait()

    async def _publish(self, session: Session, there: set[str], *, first: bool) -> set[str]:
        """Pictures before the notices that name them; then those that nobody needs any more are cleared."""
        now_ns = self._now_ns()
        notices, pictures = await self._database.read(lambda db: words.for_gates(db, now_ns))
        over = await self._database.read(lambda db: words.over_pictures(db, now_ns)) if first else set()
        for digest in sorted(pictures.keys() - there):
            await session.publish(topics.notices(self._site, digest), pictures[digest], retain=True)
        await session.publish(topics.notices(self._site), encode(notices), retain=True)
        for digest in sorted((over | there) - pictures.keys()):
            await session.publish(topics.notices(self._site, digest), b"", retain=True)
        return set(pictures)
