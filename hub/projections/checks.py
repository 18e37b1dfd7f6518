"""The projection behind 双测: who was measured when and where, from the journal.

A measurement is a passage with a temperature, or a contact thermometer's reading, of somebody whose badge was read.
Each stands under its offset in the journal, so that a replay changes nothing; the cursor moves in the same transaction.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from hub.journal import Entry, Transaction
from wire.errors import JournalError
from wire.events import PersonPassage, SecondaryMeasurement

T = TypeVar("T")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS checks (
    "offset" INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL, site TEXT NOT NULL, badge TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS checks_by_time ON checks (time_ns, site, badge);
CREATE TABLE IF NOT EXISTS cursors (name TEXT PRIMARY KEY, "offset" INTEGER NOT NULL) WITHOUT ROWID;
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
        self._path = path
        self._db: sqlite3.Connection | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checks")

    async def start(self) -> int:
        return await self._run(self._open)

    async def apply(self, entries: Sequence[Entry]) -> None:
        rows = [(entry.offset, entry.time_ns, entry.stream.site, badge) for entry in entries if (badge := _of(entry))]
        await self._run(partial(self._take, rows, entries[-1].offset))

    async def stop(self) -> None:
        await self._run(self._close)
        self._thread.shutdown()

    async def between(self, from_ns: int, until_ns: int) -> list[CheckRow]:
        """Everybody who was measured from one moment to before another. Raises `JournalError`."""
        return await self._run(partial(self._between, from_ns, until_ns))

    def _open(self) -> int:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")  # what a power cut undoes, the cursor knows too
            self._db.executescript(_SCHEMA)
        except (sqlite3.DatabaseError, OSError) as error:
            raise JournalError(f"checks {self._path}: {error}") from error
        with self._transaction() as db:
            row = db.execute('SELECT "offset" FROM cursors WHERE name = ?', (self.name,)).fetchone()
        return 0 if row is None else int(row[0])

    def _close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def _take(self, rows: Sequence[tuple[int, int, str, str]], offset: int) -> None:
        with self._transaction() as db:
            db.executemany("INSERT OR REPLACE INTO checks VALUES (?, ?, ?, ?)", rows)
            db.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?)", (self.name, offset))

    def _between(self, from_ns: int, until_ns: int) -> list[CheckRow]:
        query = """SELECT site, badge, count(*), min(time_ns), max(time_ns) FROM checks
            WHERE time_ns >= ? AND time_ns < ? GROUP BY site, badge ORDER BY site, badge"""
        with self._transaction() as db:
            return [CheckRow(*row) for row in db.execute(query, (from_ns, until_ns))]

    def _transaction(self) -> Transaction:
        if self._db is None:
            raise JournalError(f"checks {self._path}: not open")
        return Transaction(self._db, f"checks {self._path}")

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _of(entry: Entry) -> str | None:
    """Whose measurement it is, if it is one."""
    match entry.event():
        case PersonPassage(temperature=measured, badge=badge) if measured is not None:
            return badge
        case SecondaryMeasurement(badge=badge):
            return badge
        case _:
            return None
