"""The projection behind 双测: who was measured when, where and by which means, from the journal.

A measurement is a passage with a temperature, or a contact thermometer's reading, of somebody whose badge was read.
Each stands under its offset in the journal, so that a replay changes nothing; the cursor moves in the same transaction.
Followers hear of each after that, a replayed one again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct

from hub.duties.roll import Check, Means
from hub.journal import Entry
from hub.projections.file import ProjectionFile
from hub.transactions import for_rows
from wire.events import PersonPassage, SecondaryMeasurement

_SCHEMA = """
DROP TABLE IF EXISTS checks;
CREATE TABLE IF NOT EXISTS measurements (
    "offset" INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL, site TEXT NOT NULL, badge TEXT NOT NULL,
    gate TEXT NOT NULL, lane TEXT NOT NULL, means TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS measurements_by_time ON measurements (time_ns, site, badge);
CREATE INDEX IF NOT EXISTS measurements_by_badge ON measurements (site, badge, time_ns);
"""
"""`checks` is what an earlier hub kept: less of each, and rebuilt here under a cursor of its own."""


class CheckRow(Struct, frozen=True):
    """How often a badge was measured within the time that was asked for, and when first and last."""

    site: str
    badge: str
    measured: int
    first_ns: int
    last_ns: int


class Measured(NamedTuple):
    """One measurement, and whose badge was read."""

    site: str
    badge: str
    check: Check


Follower = Callable[[Sequence[Measured]], None]


class Checks:
    """Owns the file of measurements, and a thread for it."""

    name = "checks"
    batch_entries = 5000

    def __init__(self, path: Path) -> None:
        self._file = ProjectionFile(path, "measurements", "measurements", _SCHEMA)
        self.followers: list[Follower] = []

    async def start(self) -> int:
        return await self._file.run(self._file.open)

    async def apply(self, entries: Sequence[Entry]) -> None:
        found = [measured for entry in entries if (measured := _of(entry))]
        await self._file.run(partial(self._take, found, entries[-1].offset))
        for follower in self.followers if found else ():
            follower(found)

    async def stop(self) -> None:
        await self._file.stop()

    async def between(
        self, from_ns: int, until_ns: int, after: tuple[str, str] = ("", ""), most: int = -1
    ) -> list[CheckRow]:
        """Who was measured from one moment to before another, by site and badge; at most so many behind a site and
        badge. Raises `JournalError`."""
        return await self._file.run(partial(self._between, from_ns, until_ns, after, most))

    async def of(self, badges: Sequence[str], most: int) -> list[tuple[int, int, str]]:
        """Offset, time and site of each measurement of these badges, the newest first. Raises `JournalError`."""
        return await self._file.run(partial(self._of, badges, most))

    async def forget(self, before_ns: int) -> int:
        """Forget measurements before that; how many. Raises `JournalError`."""
        return await self._file.run(partial(self._forget, before_ns))

    def _of(self, badges: Sequence[str], most: int) -> list[tuple[int, int, str]]:
        blanks = ", ".join("?" * len(badges))
        query = (
            f'SELECT "offset", time_ns, site FROM measurements WHERE badge IN ({blanks}) ORDER BY "offset" DESC LIMIT ?'  # noqa: S608 - blanks only
        )
        with self._file.transaction() as db:
            return [(offset, time_ns, site) for offset, time_ns, site in db.execute(query, (*badges, most))]

    def _forget(self, before_ns: int) -> int:
        with self._file.transaction() as db:
            return db.execute("DELETE FROM measurements WHERE time_ns < ?", (before_ns,)).rowcount

    async def measured(self, from_ns: int, until_ns: int) -> list[Measured]:
        """Every measurement from one moment to before another. Raises `JournalError`."""
        return await self._file.run(partial(self._measured, from_ns, until_ns))

    async def measured_of(self, badges: Collection[str], from_ns: int, until_ns: int) -> list[Measured]:
        """Those of some badges. Raises `JournalError`."""
        return await self._file.run(partial(self._measured, from_ns, until_ns, badges))

    def _take(self, found: Sequence[Measured], offset: int) -> None:
        rows = [
            (check.number, check.time_ns, site, badge, check.gate, check.lane, check.means.value)
            for site, badge, check in found
        ]
        with self._file.transaction() as db:
            for_rows(db, "INSERT OR REPLACE INTO measurements VALUES ", rows)
            self._file.move(db, offset)

    def _between(self, from_ns: int, until_ns: int, after: tuple[str, str], most: int) -> list[CheckRow]:
        # Badge by badge, for in the order of time all would have to be read and sorted before the first is known.
        query = """SELECT site, badge, count(*), min(time_ns), max(time_ns)
            FROM measurements INDEXED BY measurements_by_badge
            WHERE (site, badge) > (?, ?) AND time_ns >= ? AND time_ns < ?
            GROUP BY site, badge ORDER BY site, badge LIMIT ?"""
        with self._file.transaction() as db:
            return [CheckRow(*row) for row in db.execute(query, (*after, from_ns, until_ns, most))]

    def _measured(self, from_ns: int, until_ns: int, badges: Collection[str] | None = None) -> list[Measured]:
        query = """SELECT site, badge, "offset", time_ns, gate, lane, means FROM measurements
            WHERE time_ns >= ? AND time_ns < ?"""
        if badges is not None:
            query += f" AND badge IN ({', '.join('?' * len(badges))})"
        with self._file.transaction() as db:
            rows = db.execute(query, (from_ns, until_ns, *(badges or ()))).fetchall()
        means = {member.value: member for member in Means}
        return [
            Measured(site, badge, Check(number, time_ns, gate, lane, means[by]))
            for site, badge, number, time_ns, gate, lane, by in rows
        ]


def _of(entry: Entry) -> Measured | None:
    """The measurement that an entry tells of, if it is one."""
    match entry.event():
        case PersonPassage(temperature=measured, badge=str(badge), lane=lane) if measured is not None:
            return _measured(entry, badge, lane, Means.GATE)
        case SecondaryMeasurement(badge=str(badge), lane=lane):
            return _measured(entry, badge, lane, Means.CONTACT)
        case _:
            return None


def _measured(entry: Entry, badge: str, lane: str, means: Means) -> Measured:
    gate = entry.stream.gate
    return Measured(entry.stream.site, badge, Check(entry.offset, entry.time_ns, gate, lane, means))
