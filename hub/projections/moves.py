"""The projection behind meals and crowds: who went into which place inside the plant and out of it, from the journal.

Kept are passages of lanes that lead into a place (`PersonPassage.place`), and those of gates that have a limit. Whoever
was stopped and then let in by a guard's measurement or word moved at that moment; the two may be heard in any order,
for they travel on different streams. Each move stands under the offset by which it became known, so that a replay
changes nothing; the cursor moves in the same transaction. `worked` is what the moves of a day amount to, kept by
whoever works it out. `told` is a second cursor: up to where somebody was told of that.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import NamedTuple

from hub.crowds.counting import Move
from hub.journal import Entry
from hub.projections.file import FileProjection
from wire.events import AnyEvent, Direction, Outcome, Override, PersonPassage, Reason, SecondaryMeasurement

KEEP_NS = 60 * 86_400 * 10**9
_WENT = frozenset({Reason.TAILGATING, Reason.UNSCREENED_ENTRY, Reason.ENTERED_REFUSED})
"""Whoever is told of like that has gone through, whatever was decided."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS moves (
    "offset" INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL, at TEXT NOT NULL, who TEXT NOT NULL, enters INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS moves_by_time ON moves (at, time_ns);
CREATE INDEX IF NOT EXISTS moves_by_age ON moves (time_ns);
CREATE TABLE IF NOT EXISTS stopped (
    gate TEXT NOT NULL, passage TEXT NOT NULL, time_ns INTEGER NOT NULL, at TEXT NOT NULL, who TEXT NOT NULL,
    enters INTEGER NOT NULL, "offset" INTEGER NOT NULL, PRIMARY KEY (gate, passage)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS waved (
    "offset" INTEGER PRIMARY KEY, gate TEXT NOT NULL, passage TEXT NOT NULL, time_ns INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS waved_by_passage ON waved (gate, passage);
CREATE TABLE IF NOT EXISTS worked (
    at TEXT NOT NULL, day TEXT NOT NULL, what TEXT NOT NULL, until_ns INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (at, day, what)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS told (name TEXT PRIMARY KEY, "offset" INTEGER NOT NULL) WITHOUT ROWID;
"""


_JOINED = """INSERT OR REPLACE INTO moves SELECT max(w."offset", s."offset"), w.time_ns, s.at, s.who, s.enters
    FROM waved w JOIN stopped s ON s.gate = w.gate AND s.passage = w.passage WHERE w.gate = ? AND w.passage = ?
    ORDER BY w."offset" """
_FORGET = ("DELETE FROM moves", "DELETE FROM stopped", "DELETE FROM waved")


class Went(NamedTuple):
    """Somebody who was let in: at which checkpoint, and which way."""

    at: str
    who: str
    enters: bool


class Extent(NamedTuple):
    """Of the moves of a time: how many, the sum of their offsets in the journal, and the last of them."""

    from_ns: int
    until_ns: int
    moves: int
    offsets: float
    last: int


class News(NamedTuple):
    """What came since somebody was last told: the checkpoints with the times of their new moves, and up to where."""

    times: dict[str, list[int]]
    offset: int


class Moves(FileProjection):
    """Owns the file of moves, and a thread for it. Methods raise `JournalError`."""

    name = "moves"

    def __init__(self, path: Path, gates: Collection[str] = (), fever_from_c: float = 37.3) -> None:
        """`gates` are those whose own passages count, as checkpoints of that name. `fever_from_c` is the fever of a
        contact thermometer: whoever is below it is let in."""
        super().__init__(path, "moves", _SCHEMA)
        self._gates = frozenset(gates)
        self._fever_from_c = fever_from_c

    async def between(self, at: str, from_ns: int, until_ns: int) -> list[Move]:
        """The moves at a checkpoint from one moment to before another, in the order of time."""
        return await self._file.run(partial(self._between, at, from_ns, until_ns))

    async def extent(self, at: str, from_ns: int, until_ns: int) -> Extent:
        """How many moves `between` would give, and which: the same extent is the same moves."""
        return await self._file.run(partial(self._extent, at, from_ns, until_ns))

    async def worked(self, at: str, day: date, what: str) -> bytes | None:
        """What was kept of a day of a checkpoint under that name; see `keep`."""
        return await self._file.run(partial(self._worked, (at, day.isoformat(), what)))

    async def keep(self, at: str, day: date, what: str, until_ns: int, body: bytes) -> None:
        """Keep what a day of a checkpoint amounts to, as long as its moves: until the day's end is too old."""
        row = (at, day.isoformat(), what, until_ns, body)
        await self._file.run(partial(self._keep, row))

    async def news(self) -> News:
        """What nobody was told of yet."""
        return await self._file.run(self._news)

    async def told(self, offset: int) -> None:
        """Somebody was told of everything up to there."""
        await self._file.run(partial(self._told, offset))

    def _take(self, entries: Sequence[Entry]) -> None:
        last = entries[-1]
        with self._file.transaction() as db:
            for entry in entries:
                self._take_one(db, entry, entry.event())
            for forget in _FORGET:
                db.execute(f"{forget} WHERE time_ns < ?", (last.received_ns - KEEP_NS,))
            self._file.move(db, last.offset)

    def _take_one(self, db: sqlite3.Connection, entry: Entry, event: AnyEvent | None) -> None:
        gate, at_ns = entry.stream.gate, entry.time_ns
        match event:
            case PersonPassage(passage=passage):
                went = self._went(gate, event)
                if went is None:
                    return
                if event.outcome is Outcome.ALLOW or _WENT.intersection(event.reasons):
                    db.execute("INSERT OR REPLACE INTO moves VALUES (?, ?, ?, ?, ?)", (entry.offset, at_ns, *went))
                    return
                row = (gate, passage, at_ns, *went, entry.offset)
                db.execute("INSERT OR REPLACE INTO stopped VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            case SecondaryMeasurement(passage=str(passage)) if self._lets_in(event):
                db.execute("INSERT OR REPLACE INTO waved VALUES (?, ?, ?, ?)", (entry.offset, gate, passage, at_ns))
            case Override(passage=str(passage), outcome=Outcome.ALLOW):
                db.execute("INSERT OR REPLACE INTO waved VALUES (?, ?, ?, ?)", (entry.offset, gate, passage, at_ns))
            case _:
                return
        db.execute(_JOINED, (gate, passage))

    def _went(self, gate: str, event: PersonPassage) -> Went | None:
        """Where somebody is or would be; None where nobody counts."""
        at = event.place or (gate if gate in self._gates else None)
        if at is None or event.direction is Direction.OTHER:
            return None
        return Went(at, event.badge or f"passage {event.passage}", event.direction is Direction.IN)

    def _lets_in(self, event: SecondaryMeasurement) -> bool:
        """A gate that had nothing to decide any more leaves the outcome to the reading."""
        return event.outcome is Outcome.ALLOW or (event.outcome is None and event.body_c < self._fever_from_c)

    def _between(self, at: str, from_ns: int, until_ns: int) -> list[Move]:
        query = """SELECT time_ns, who, enters FROM moves WHERE at = ? AND time_ns >= ? AND time_ns < ?
            ORDER BY time_ns, "offset" """
        with self._file.transaction() as db:
            rows = db.execute(query, (at, from_ns, until_ns)).fetchall()
        return [Move(time_ns, who, bool(enters)) for time_ns, who, enters in rows]

    def _extent(self, at: str, from_ns: int, until_ns: int) -> Extent:
        query = """SELECT count(*), total("offset"), coalesce(max("offset"), 0) FROM moves
            WHERE at = ? AND time_ns >= ? AND time_ns < ?"""
        with self._file.transaction() as db:
            return Extent(from_ns, until_ns, *db.execute(query, (at, from_ns, until_ns)).fetchone())

    def _worked(self, key: tuple[str, str, str]) -> bytes | None:
        with self._file.transaction() as db:
            row = db.execute("SELECT body FROM worked WHERE at = ? AND day = ? AND what = ?", key).fetchone()
        return None if row is None else bytes(row[0])

    def _keep(self, row: tuple[str, str, str, int, bytes]) -> None:
        with self._file.transaction() as db:
            db.execute("INSERT OR REPLACE INTO worked VALUES (?, ?, ?, ?, ?)", row)
            db.execute("DELETE FROM worked WHERE until_ns < ?", (row[3] - KEEP_NS,))

    def _news(self) -> News:
        with self._file.transaction() as db:
            row = db.execute("SELECT \"offset\" FROM told WHERE name = 'watch'").fetchone()
            after = 0 if row is None else int(row[0])
            times: dict[str, list[int]] = {}
            for offset, time_ns, at in db.execute(
                'SELECT "offset", time_ns, at FROM moves WHERE "offset" > ? ORDER BY "offset" LIMIT 20000', (after,)
            ):
                times.setdefault(at, []).append(time_ns)
                after = offset
        return News(times, after)

    def _told(self, offset: int) -> None:
        with self._file.transaction() as db:
            db.execute("INSERT OR REPLACE INTO told VALUES ('watch', ?)", (offset,))
