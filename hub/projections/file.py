"""The SQLite file of a projection: its thread, its cursor and its transactions."""

from __future__ import annotations

import asyncio
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from hub.journal import Entry
from hub.transactions import Transaction
from wire.errors import JournalError

T = TypeVar("T")

_CURSORS = 'CREATE TABLE IF NOT EXISTS cursors (name TEXT PRIMARY KEY, "offset" INTEGER NOT NULL) WITHOUT ROWID;'


class ProjectionFile:
    """What one projection keeps. All but `run` and `stop` is called on the file's own thread, through `run`.

    `name` is the cursor's and the thread's, `what` is what errors call the file. `schema` are statements that make what
    is not there, or brings an older file up. Everything may raise `JournalError`.
    """

    def __init__(self, path: Path, name: str, what: str, schema: str | Callable[[sqlite3.Connection], None]) -> None:
        self._path = path
        self._name = name
        self._what = f"{what} {path}"
        self._schema = schema
        self._db: sqlite3.Connection | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def stop(self) -> None:
        await self.run(self.close)
        self._thread.shutdown()

    def open(self) -> int:
        """Open the file, made if there is none; the offset of the last entry that it holds, 0 where it holds none."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")  # what a power cut undoes, the cursor knows too
            if isinstance(self._schema, str):
                self._db.executescript(self._schema)
            else:
                self._schema(self._db)
            self._db.executescript(_CURSORS)
        except (sqlite3.DatabaseError, OSError, JournalError) as error:
            self.close()
            raise JournalError(f"{self._what}: {error}") from error
        return self.cursor()

    def cursor(self) -> int:
        """The offset of the last entry that the file holds."""
        with self.transaction() as db:
            row = db.execute('SELECT "offset" FROM cursors WHERE name = ?', (self._name,)).fetchone()
        return 0 if row is None else int(row[0])

    def transaction(self) -> Transaction:
        if self._db is None:
            raise JournalError(f"{self._what}: not open")
        return Transaction(self._db, self._what)

    def move(self, db: sqlite3.Connection, offset: int) -> None:
        """Set the cursor, in the transaction that brings what the cursor stands for."""
        db.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?)", (self._name, offset))

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None


class FileProjection(ABC):
    """A projection whose effects and cursor are one file, with a thread of its own. Methods raise `JournalError`."""

    name: str
    batch_entries = 5000

    def __init__(self, path: Path, what: str, schema: str) -> None:
        """`what` is what errors call the file."""
        self._file = ProjectionFile(path, self.name, what, schema)

    async def start(self) -> int:
        return await self._file.run(self._open)

    async def apply(self, entries: Sequence[Entry]) -> None:
        await self._file.run(partial(self._take, entries))

    async def stop(self) -> None:
        await self._file.stop()

    def _open(self) -> int:
        """The offset up to which the file has its effects."""
        return self._file.open()

    @abstractmethod
    def _take(self, entries: Sequence[Entry]) -> None:
        """The entries' effects and the cursor, in one transaction; on the file's thread."""
