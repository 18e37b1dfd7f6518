"""The common log for asyncio: others write to it too, so its streams are read anew and its bell rings by looking."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from hub.archive import Archive
from hub.fleet.journal import PostgresJournal, PostgresReader
from hub.journal import JournalReader
from wire.errors import JournalError

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 0.1
"""How soon who leads hears of what another process wrote. Looking costs one row, and no connection to lose."""
AGAIN_S = 1.0


class FleetArchive(Archive):
    """An archive of which this process is not the only writer."""

    def __init__(self, journal: PostgresJournal, now_ns: Callable[[], int] = time.time_ns) -> None:
        super().__init__(journal, now_ns)
        self._common = journal

    async def refresh(self) -> None:
        """See `PostgresJournal.refresh`; after the appends that are under way."""
        await self._write(self._common.refresh)

    async def settle(self) -> None:
        """Wait until the appends that are under way have ended."""
        await self._write(lambda: None)

    async def watch(self) -> None:
        """Ring the bell for what other processes wrote, until cancelled."""
        seen = -1
        while True:
            try:
                newest = await self.read(_newest)
            except JournalError as error:
                log.warning("journal cannot be looked at", error=str(error))
                await asyncio.sleep(AGAIN_S)
                continue
            if newest != seen:
                seen = newest
                self._ring()
            await asyncio.sleep(LOOK_EVERY_S)


def _newest(reader: JournalReader) -> int:
    assert isinstance(reader, PostgresReader)
    return reader.newest_place()
