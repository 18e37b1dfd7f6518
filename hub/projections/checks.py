"""The projection behind 双测: who was measured when and where, from the journal.

A measurement is a passage with a temperature, or a contact thermometer's reading, of somebody whose badge was read.
Each stands under its offset in the journal, so that a replay changes nothing; the cursor moves in the same transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from msgspec import Struct

from hub.journal import Entry
from hub.projections.file import ProjectionFile
from wire.events import PersonPassage, SecondaryMeasurement

_SCHEMA = """
CREATE TABLE IF NOT EXISTS checks (
    "offset" INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL, site TEXT NOT NULL, badge TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS checks_by_time ON checks (time_ns, site, badge);
"""


class CheckRow(Struct, frozen=True):
    """How often a badge was measured within the time that was asked for, and when first and last."""

    site: str
    badge: str
    measured: int
    first_ns: int
    last_ns: int


class Checks:
    """Owns the file of checks, and a thread for it."""

    name = "checks"
    batch_entries = 5000

    def __init__(self, path: Path) -> None:
        self._file = ProjectionFile(path, self.name, "checks", _SCHEMA)

    async def start(self) -> int:
        return await self._file.run(self._file.open)

    async def apply(self, entries: Sequence[Entry]) -> None:
        rows = [(entry.offset, entry.time_ns, entry.stream.site, badge) for entry in entries if (badge := _of(entry))]
        await self._file.run(partial(self._take, rows, entries[-1].offset))

    async def stop(self) -> None:
        await self._file.stop()

    async def between(self, from_ns: int, until_ns: int) -> list[CheckRow]:
        """Everybody who was measured from one moment to before another. Raises `JournalError`."""
        return await self._file.run(partial(self._between, from_ns, until_ns))

    def _take(self, rows: Sequence[tuple[int, int, str, str]], offset: int) -> None:
        with self._file.transaction() as db:
            db.executemany("INSERT OR REPLACE INTO checks VALUES (?, ?, ?, ?)", rows)
            self._file.move(db, offset)

    def _between(self, from_ns: int, until_ns: int) -> list[CheckRow]:
        query = """SELECT site, badge, count(*), min(time_ns), max(time_ns) FROM checks
            WHERE time_ns >= ? AND time_ns < ? GROUP BY site, badge ORDER BY site, badge"""
        with self._file.transaction() as db:
            return [CheckRow(*row) for row in db.execute(query, (from_ns, until_ns))]


def _of(entry: Entry) -> str | None:
    """Whose measurement it is, if it is one."""
    match entry.event():
        case PersonPassage(temperature=measured, badge=badge) if measured is not None:
            return badge
        case SecondaryMeasurement(badge=badge):
            return badge
        case _:
            return None
