"""The rows of a spool's file: their tables, how they are written, dated and counted, and how damage is told.

Each row carries a checksum over all that it says: a card that flips a bit in an event's bytes would else change what it
tells, and nobody would know.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

from edge.clock import Instant
from edge.dating import dated, time_of
from wire.events import Gap, Urgency
from wire.messages import decode_event

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS streams (
    urgency TEXT PRIMARY KEY, next INTEGER NOT NULL, low INTEGER, epoch TEXT, crc INTEGER
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs (
    urgency TEXT NOT NULL, first INTEGER NOT NULL, run TEXT NOT NULL, before TEXT NOT NULL, epoch TEXT NOT NULL,
    crc INTEGER NOT NULL, PRIMARY KEY (urgency, first)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS marks (source TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events (
    urgency TEXT NOT NULL, seq INTEGER NOT NULL, last INTEGER NOT NULL, time_ns INTEGER NOT NULL,
    stored_ns INTEGER NOT NULL, body BLOB NOT NULL, boot TEXT, mono_ns INTEGER, epoch TEXT, crc INTEGER,
    PRIMARY KEY (urgency, seq)
) WITHOUT ROWID;
"""
_ADDED = {
    "events": {"boot": "TEXT", "mono_ns": "INTEGER", "epoch": "TEXT", "crc": "INTEGER"},
    "streams": {"low": "INTEGER", "epoch": "TEXT", "crc": "INTEGER"},
}
"""Columns that an older version's file does not have."""
_INDEX = "CREATE INDEX IF NOT EXISTS undated ON events (boot, urgency, seq) WHERE boot IS NOT NULL"
BROKEN = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class Row(NamedTuple):
    """One event of the spool's table: the numbers `seq` to `last`, when it happened, when it was stored, its bytes.

    `stored_ns` is 0 where the clock was not right. What can still be dated has the `boot` and the moment in it.
    """

    urgency: str
    seq: int
    last: int
    time_ns: int
    stored_ns: int
    body: bytes
    boot: str | None = None
    mono_ns: int | None = None
    epoch: str | None = None
    crc: int | None = None

    def sealed(self, epoch: str) -> Row:
        row = self._replace(epoch=epoch)
        return row._replace(crc=row._sum())

    @property
    def is_whole(self) -> bool:
        return self.crc == self._sum()

    def _sum(self) -> int:
        said = f"{self.urgency} {self.seq} {self.last} {self.time_ns} {self.stored_ns} {self.boot} {self.mono_ns} "
        return zlib.crc32(self.body, zlib.crc32(f"{said}{self.epoch} ".encode()))

    @staticmethod
    def read(values: Sequence[object]) -> Row | None:
        """The row that these columns are, if they are one."""
        if len(values) != len(Row._fields) or not isinstance(values[5], bytes):
            return None
        row = Row(*values)  # type: ignore[arg-type]
        return row if row.is_whole else None


class Numbers(NamedTuple):
    """How far a stream is: the next number, and the last one that the hub had when something was last deleted."""

    urgency: str
    next: int
    low: int
    epoch: str
    crc: int = 0

    def sealed(self) -> Numbers:
        return self._replace(crc=zlib.crc32(f"numbers {self.urgency} {self.next} {self.low} {self.epoch}".encode()))

    @property
    def is_whole(self) -> bool:
        return self.crc == self.sealed().crc

    @staticmethod
    def read(values: Sequence[object]) -> Numbers | None:
        if len(values) != len(Numbers._fields):
            return None
        numbers = Numbers(*values)  # type: ignore[arg-type]
        return numbers if numbers.is_whole else None


class Run(NamedTuple):
    """One running of the agent: it gave the stream's numbers from `first` on, and `before` those before it.

    Of two cards of one origin each is a run of its own from the first number that it gave alone.
    """

    urgency: str
    first: int
    run: str
    before: str
    epoch: str
    crc: int = 0

    def sealed(self) -> Run:
        said = f"run {self.urgency} {self.first} {self.run} {self.before} {self.epoch}"
        return self._replace(crc=zlib.crc32(said.encode()))

    @property
    def is_whole(self) -> bool:
        return self.crc == self.sealed().crc

    @staticmethod
    def read(values: Sequence[object]) -> Run | None:
        if len(values) != len(Run._fields):
            return None
        run = Run(*values)  # type: ignore[arg-type]
        return run if run.is_whole else None


class Mark(NamedTuple):
    """How far a replayable source has been read: kept in one transaction with the events that came of it."""

    source: str
    position: int


def losses(rows: list[Row]) -> tuple[int, int, int]:
    """How many events the rows stand for, and the first and last of their times; earlier gaps are added up."""
    lost, times = 0, []
    for row in rows:
        event = decode_event(row.body) if row.last > row.seq else None
        if isinstance(event, Gap):
            lost += event.lost or 0
            times += [time_ns for time_ns in (event.since_ns, event.until_ns) if time_ns is not None]
        else:
            lost += 1
            times.append(row.time_ns)
    return lost, min(times, default=rows[0].time_ns), max(times, default=rows[-1].time_ns)


def insert(db: sqlite3.Connection, row: Row, epoch: str) -> None:
    db.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row.sealed(epoch))


def replace(db: sqlite3.Connection, row: Row, epoch: str) -> None:
    db.execute("INSERT OR REPLACE INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row.sealed(epoch))


def date(row: Row, now: Instant) -> Row:
    """The row under its right time."""
    time_ns = time_of(row.mono_ns or 0, now)
    body = dated(row.body, time_ns - row.time_ns)
    return row._replace(time_ns=time_ns, stored_ns=time_ns, body=body, boot=None, mono_ns=None)


def bring_up(db: sqlite3.Connection) -> None:
    """Bring the file of an older version up to this one; in a transaction."""
    is_old = False
    for table, columns in _ADDED.items():
        have = {row[1] for row in db.execute(f"PRAGMA table_info({table})")}
        for name, kind in columns.items():
            if name not in have:
                db.execute(f"ALTER TABLE {table} ADD COLUMN {name} {kind}")
                is_old = True
    db.execute(_INDEX)
    if is_old:
        _seal_all(db)


def _seal_all(db: sqlite3.Connection) -> None:
    """What an older version wrote counts as right, as it did there."""
    found = db.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()
    if found is None:
        return
    epoch = str(found[0])
    for values in db.execute("SELECT * FROM events").fetchall():
        replace(db, Row(*values), epoch)
    for urgency, upto in db.execute("SELECT urgency, next FROM streams").fetchall():
        query = "SELECT min(seq) FROM events WHERE urgency = ?"
        first = db.execute(query, (urgency,)).fetchone()[0]
        set_numbers(db, Numbers(urgency, upto, (upto if first is None else first) - 1, epoch))


def set_numbers(db: sqlite3.Connection, numbers: Numbers) -> None:
    db.execute(
        "INSERT OR REPLACE INTO streams (urgency, next, low, epoch, crc) VALUES (?, ?, ?, ?, ?)", numbers.sealed()
    )


def numbering(db: sqlite3.Connection, new_epoch: Callable[[], str]) -> list[tuple[Numbers, list[Run]]]:
    """Each stream's numbers and runs, made where the file is new. Raises `sqlite3.DatabaseError` when something is not
    as it was written."""
    numbers = [Numbers(*row) for row in db.execute("SELECT urgency, next, low, epoch, crc FROM streams")]
    if not numbers:
        epoch = new_epoch()
        numbers = [Numbers(urgency, 1, 0, epoch).sealed() for urgency in Urgency]
        for one in numbers:
            set_numbers(db, one)
    runs = [Run(*row) for row in db.execute("SELECT * FROM runs ORDER BY urgency, first")]
    epochs = {one.urgency: one.epoch for one in numbers if one.is_whole}
    if len(epochs) < len(Urgency) or any(not run.is_whole or run.epoch != epochs.get(run.urgency) for run in runs):
        raise broken("the numbering is not as it was written")
    return [(one, [run for run in runs if run.urgency == one.urgency]) for one in numbers]


def add_run(db: sqlite3.Connection, run: Run) -> None:
    """A run that gives the numbers from its first one on, in place of whatever seemed to give them."""
    db.execute("DELETE FROM runs WHERE urgency = ? AND first >= ?", (run.urgency, run.first))
    db.execute("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?)", run.sealed())


def set_meta(db: sqlite3.Connection, key: str, value: str | int) -> None:
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))


def meta(db: sqlite3.Connection, key: str) -> str | int | None:
    row = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return None if row is None else row[0]


def count_undated(db: sqlite3.Connection, boot: str) -> int:
    return int(db.execute("SELECT count(*) FROM events WHERE boot = ?", (boot,)).fetchone()[0])


def heads(db: sqlite3.Connection) -> list[int]:
    """When the oldest event of each stream happened."""
    query = "SELECT time_ns FROM events WHERE urgency = ? ORDER BY seq LIMIT 1"
    return [int(row[0]) for urgency in Urgency for row in db.execute(query, (urgency,))]


def aged_upto(db: sqlite3.Connection, urgency: Urgency, before_ns: int) -> int:
    """The last number, from the head of a stream on, of what was stored before that moment; 0 where nothing was."""
    upto = 0
    query = "SELECT last, stored_ns FROM events WHERE urgency = ? ORDER BY seq"
    for last, stored_ns in db.execute(query, (urgency,)):
        if stored_ns >= before_ns:
            break
        upto = last if stored_ns else upto
    return upto


def code_of(error: sqlite3.Error) -> int:
    """SQLite's primary result code."""
    return int(getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF


def broken(text: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(text)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error
