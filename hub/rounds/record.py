"""The projection behind 六个必消: which rounds were due and whether they were done, from the journal alone.

The hub's `round-due` events say what had to be done, everybody's `disinfection` events what was. What became of a round
is computed when it is asked for (`hub.rounds.state`), so the order in which they arrive does not matter, and a record
that is made anew is the same. Figures of an hour or a day that may have changed are marked; `publish` of
`hub.projections.rollups` writes them to the time series.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence
from datetime import tzinfo
from functools import partial
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct

from hub.journal import OWN_GATE, Entry
from hub.projections.file import FileProjection
from hub.projections.rollups import PUBLISH_LINES, Changed
from hub.rollups import HOUR_NS, Bucket, Figure, Span, Sums, day_end_ns, day_start_ns
from hub.rounds.state import State, Window, became_of, state_of
from wire.events import Disinfection, RoundDue

FILE = "rounds.db"
FIGURE = "rounds"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS rounds (
    site TEXT NOT NULL, subject TEXT NOT NULL, due_ns INTEGER NOT NULL, kind TEXT NOT NULL, place TEXT NOT NULL,
    also TEXT NOT NULL, from_ns INTEGER NOT NULL, until_ns INTEGER NOT NULL, PRIMARY KEY (site, subject, due_ns)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS rounds_by_time ON rounds (due_ns);
CREATE TABLE IF NOT EXISTS done (
    "offset" INTEGER PRIMARY KEY, site TEXT NOT NULL, subject TEXT NOT NULL, time_ns INTEGER NOT NULL,
    gate TEXT NOT NULL, by TEXT NOT NULL, agent TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS done_by_subject ON done (site, subject, time_ns);
CREATE INDEX IF NOT EXISTS done_by_time ON done (time_ns);
CREATE TABLE IF NOT EXISTS marks (
    span TEXT NOT NULL, start_ns INTEGER NOT NULL, site TEXT NOT NULL, kind TEXT NOT NULL, place TEXT NOT NULL,
    change INTEGER NOT NULL, PRIMARY KEY (span, start_ns, site, kind, place)
) WITHOUT ROWID;
"""
_LONGEST_NS = 10 * 86_400 * 10**9
"""No round can be done late for longer: there is a working day within a week."""


class Done(Struct, frozen=True):
    """One disinfection: of which place or vehicle, when, told by which gate, by whom and with what."""

    subject: str
    time_ns: int
    gate: str
    by: str
    agent: str


class Round(NamedTuple):
    """One round that was due, and what became of it; `done` is the first disinfection that counts for it."""

    site: str
    subject: str
    kind: str
    place: str
    """Empty for a vehicle."""
    window: Window
    state: State
    done: Done | None


class RoundRecord(FileProjection):
    """Owns the file of rounds, and a thread for it. Methods raise `JournalError`."""

    name = "rounds"

    def __init__(self, path: Path, zone: tzinfo | None) -> None:
        super().__init__(path, "rounds", _SCHEMA)
        self._zone = zone

    async def between(self, from_ns: int, until_ns: int) -> list[Round]:
        """Rounds that were due from one moment to before another, in the order of time."""
        return await self._file.run(partial(self._between, from_ns, until_ns))

    async def states(self, from_ns: int, until_ns: int) -> list[tuple[str, str, str, int, State]]:
        """Of the rounds that were due from one moment to before another, in the order of time: site, kind, place, when
        each was due and what became of it; without who did it, for of a year there are tens of thousands."""
        return await self._file.run(partial(self._states, from_ns, until_ns))

    async def done(self, from_ns: int, until_ns: int) -> list[Done]:
        """All disinfections from one moment to before another, in the order of time."""
        return await self._file.run(partial(self._done, from_ns, until_ns))

    # -- figures for the time series (`hub.projections.rollups.publish`) -----------------------------------------------

    async def changed(self, most: int = PUBLISH_LINES) -> list[Changed]:
        """Figures that the time series may not have as they are now."""
        return await self._file.run(partial(self._changed, most))

    async def settle(self, published: Sequence[Changed]) -> None:
        """Take the marks off, but for those that changed again meanwhile."""
        await self._file.run(partial(self._settle, published))

    async def mark_all(self) -> None:
        """Mark every figure: the time series are to be written anew."""
        await self._file.run(self._mark_all)

    # -- on the file's thread ------------------------------------------------------------------------------------------

    def _take(self, entries: Sequence[Entry]) -> None:
        with self._file.transaction() as db:
            for entry in entries:
                match entry.event():
                    case RoundDue() as due if entry.stream.gate == OWN_GATE:
                        self._take_round(db, entry, due)
                    case Disinfection() as event if event.place or event.vehicle:
                        self._take_done(db, entry, event)
            self._file.move(db, entries[-1].offset)

    def _take_round(self, db: sqlite3.Connection, entry: Entry, due: RoundDue) -> None:
        site, subject = entry.stream.site, due.place or due.vehicle or ""
        row = (site, subject, due.time_ns, due.kind, due.place or "", due.vehicle_tag or "", due.from_ns, due.until_ns)
        db.execute("INSERT OR REPLACE INTO rounds VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        self._mark(db, site, due.kind, due.place or "", due.time_ns, entry.offset)

    def _take_done(self, db: sqlite3.Connection, entry: Entry, event: Disinfection) -> None:
        site, subject = entry.stream.site, event.place or event.vehicle or ""
        row = (entry.offset, site, subject, event.time_ns, entry.stream.gate, event.by or "", event.agent)
        db.execute("INSERT OR REPLACE INTO done VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        query = """SELECT kind, place, due_ns FROM rounds WHERE site = ? AND (subject = ? OR also = ?)
            AND due_ns > ? AND due_ns < ? AND from_ns < ? AND until_ns >= ?"""
        near = (event.time_ns - _LONGEST_NS, event.time_ns + _LONGEST_NS, event.time_ns, event.time_ns)
        for kind, place, due_ns in db.execute(query, (site, subject, subject, *near)).fetchall():
            self._mark(db, site, kind, place, due_ns, entry.offset)

    def _mark(self, db: sqlite3.Connection, site: str, kind: str, place: str, due_ns: int, change: int) -> None:
        starts = ((Span.HOUR, due_ns - due_ns % HOUR_NS), (Span.DAY, day_start_ns(due_ns, self._zone)))
        rows = [(span.value, start_ns, site, kind, place, change) for span, start_ns in starts]
        db.executemany("INSERT OR REPLACE INTO marks VALUES (?, ?, ?, ?, ?, ?)", rows)

    def _between(self, from_ns: int, until_ns: int) -> list[Round]:
        with self._file.transaction() as db:
            return _rounds(db, "due_ns >= ? AND due_ns < ? ORDER BY due_ns, kind, subject", (from_ns, until_ns))

    def _states(self, from_ns: int, until_ns: int) -> list[tuple[str, str, str, int, State]]:
        query = """SELECT site, kind, place, due_ns, (
                SELECT min(time_ns) FROM done WHERE done.site = rounds.site AND subject IN (rounds.subject, rounds.also)
                AND time_ns > rounds.from_ns AND time_ns <= rounds.until_ns
            ) FROM rounds WHERE due_ns >= ? AND due_ns < ? ORDER BY due_ns, kind, subject"""
        with self._file.transaction() as db:
            rows = db.execute(query, (from_ns, until_ns)).fetchall()
        return [
            (site, kind, place, due_ns, State.OVERDUE if at_ns is None else became_of(at_ns, due_ns))
            for site, kind, place, due_ns, at_ns in rows
        ]

    def _done(self, from_ns: int, until_ns: int) -> list[Done]:
        query = """SELECT subject, time_ns, gate, by, agent FROM done WHERE time_ns >= ? AND time_ns < ?
            ORDER BY time_ns, "offset" """
        with self._file.transaction() as db:
            return [Done(*row) for row in db.execute(query, (from_ns, until_ns))]

    def _changed(self, most: int) -> list[Changed]:
        query = "SELECT span, start_ns, site, kind, place, change FROM marks WHERE change > 0 ORDER BY change LIMIT ?"
        with self._file.transaction() as db:
            return [self._figure(db, *row) for row in db.execute(query, (most,)).fetchall()]

    def _figure(
        self, db: sqlite3.Connection, span: str, start_ns: int, site: str, kind: str, place: str, change: int
    ) -> Changed:
        end_ns = start_ns + HOUR_NS if span == Span.HOUR else day_end_ns(start_ns, self._zone)
        where = "due_ns >= ? AND due_ns < ? AND site = ? AND kind = ? AND place = ?"
        figure = Figure(FIGURE, _tags(site, kind, place))
        rounds = _rounds(db, where, (start_ns, end_ns, site, kind, place))
        sums = sums_of(Counter(one.state for one in rounds))
        return Changed(Bucket(Span(span), start_ns, figure), sums, change, 0)

    def _settle(self, published: Sequence[Changed]) -> None:
        with self._file.transaction() as db:
            for one in published:
                tags = dict(one.bucket.figure.tags)
                place = "" if tags["place"] == _VEHICLE else tags["place"]
                where = "span = ? AND start_ns = ? AND site = ? AND kind = ? AND place = ? AND change = ?"
                key = (one.bucket.span.value, one.bucket.start_ns, tags["site"], tags["kind"], place, one.change)
                db.execute(f"UPDATE marks SET change = 0 WHERE {where}", key)  # noqa: S608 - our own text

    def _mark_all(self) -> None:
        with self._file.transaction() as db:
            db.execute("UPDATE marks SET change = 1 WHERE change = 0")


def sums_of(states: Counter[State]) -> Sums:
    """How many rounds were due, and what became of them."""
    return Sums({"due": states.total(), **{str(state): states[state] for state in State}})


_VEHICLE = "vehicle"


def _tags(site: str, kind: str, place: str) -> tuple[tuple[str, str], ...]:
    return (("site", site), ("gate", OWN_GATE), ("kind", kind), ("place", place or _VEHICLE))


def _rounds(db: sqlite3.Connection, where: str, values: tuple[object, ...]) -> list[Round]:
    query = f"SELECT site, subject, also, kind, place, from_ns, due_ns, until_ns FROM rounds WHERE {where}"  # noqa: S608 - our own text
    return [_judged(db, *row) for row in db.execute(query, values).fetchall()]


def _judged(db: sqlite3.Connection, site: str, subject: str, also: str, kind: str, place: str, *times_ns: int) -> Round:
    window = Window(*times_ns)
    query = """SELECT subject, time_ns, gate, by, agent FROM done WHERE site = ? AND subject IN (?, ?)
        AND time_ns > ? AND time_ns <= ? ORDER BY time_ns, "offset" LIMIT 1"""
    subjects = (subject, also or subject)
    row = db.execute(query, (site, *subjects, window.from_ns, window.until_ns)).fetchone()
    first = None if row is None else Done(*row)
    state, _ = state_of(window, [] if first is None else [first.time_ns])
    return Round(site, subject, kind, place, window, state, first)
