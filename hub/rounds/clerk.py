"""Puts on record that a round is due: into the journal, as the hub's own event, when its time has come.

What was put on record last stands in the journal itself, and all rounds of one look are one commit: so after a crash
or an outage each round is there once, those whose time came meanwhile included.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from time import time_ns

import structlog

from hub.archive import Archive
from hub.database import Database
from hub.rounds import plan, stops
from hub.rounds.settings import RoundSettings
from hub.watching import keep_looking

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 15.0
MOST_BEHIND_NS = 14 * 86_400 * 10**9
"""A hub that was away for longer does not know who worked then."""


class Clerk:
    """Watches the plan of one site."""

    def __init__(
        self,
        site: str,
        archive: Archive,
        database: Database,
        settings: RoundSettings,
        zone: tzinfo | None,
        now_ns: Callable[[], int] = time_ns,
    ) -> None:
        self._site = site
        self._archive = archive
        self._database = database
        self._settings = settings
        self._zone = zone
        self._now_ns = now_ns
        self._through_ns: int | None = None

    async def keep(self) -> None:
        """Until cancelled."""
        await keep_looking(self.look, LOOK_EVERY_S, "rounds that are due cannot be put on record")

    async def look(self) -> None:
        """Put on record what came due since the last time. Raises `JournalError`, `DatabaseError`."""
        now_ns = self._now_ns()
        if self._through_ns is None:
            last_ns = await self._archive.read(lambda reader: reader.last_own_ns("round-due"))
            self._through_ns = now_ns if last_ns is None else max(last_ns, now_ns - MOST_BEHIND_NS)
        if now_ns <= self._through_ns:
            return
        found = await self._database.read(lambda session: stops.stops(session, now_ns))
        due = plan.due([named.stop for named in found], self._settings, self._zone, self._through_ns, now_ns)
        if due:
            await self._archive.append_own(self._site, due)
        self._through_ns = now_ns
