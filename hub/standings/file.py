"""The file of standings: points that replace themselves, and which of them the time series do not have yet."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from hub.projections.file import ProjectionFile
from hub.rollups import Where, fits
from hub.standings.points import Point, point_line

FILE = "standings.db"
DAY_NS = 86_400 * 10**9
KEPT_DAYS = {"health_hour": 60}
"""How long this file keeps points; the time series have their own retention."""
KEPT_ELSE_DAYS = 400

_SCHEMA = """
CREATE TABLE IF NOT EXISTS points (
    name TEXT NOT NULL, time_ns INTEGER NOT NULL, tags TEXT NOT NULL, fields BLOB NOT NULL, change INTEGER NOT NULL,
    PRIMARY KEY (name, time_ns, tags)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS points_by_change ON points (change) WHERE change > 0;
"""


class ChangedPoint(NamedTuple):
    """A point that the time series do not have as it is now; `change` is the mark that is taken off once they do."""

    point: Point
    change: int

    def line(self) -> str:
        return point_line(self.point)


class Standings:
    """Owns the file, and a thread for it. Methods raise `JournalError`."""

    name = "standings"

    def __init__(self, path: Path) -> None:
        self._file = ProjectionFile(path, self.name, "standings", _SCHEMA)
        self._change = 0

    async def start(self) -> None:
        await self._file.run(self._open)

    async def stop(self) -> None:
        await self._file.stop()

    async def put(self, points: Sequence[Point]) -> int:
        """Keep points, each in the place of the one of its name, tags and time; how many are new or another."""
        return await self._file.run(partial(self._put, points))

    async def between(self, name: str, from_ns: int, until_ns: int, where: Where = ()) -> list[Point]:
        """The points of a measurement from one moment to before another, in the order of time; of each tag in `where`
        only those with one of its values."""
        return await self._file.run(partial(self._between, name, from_ns, until_ns, where))

    async def changed(self, most: int) -> list[ChangedPoint]:
        """Points that the time series do not have as they are now, the longest waiting first."""
        return await self._file.run(partial(self._changed, most))

    async def settle(self, published: Sequence[ChangedPoint]) -> None:
        """Take the marks off, but for those that changed again meanwhile."""
        await self._file.run(partial(self._settle, published))

    async def mark_all(self) -> None:
        """Mark every point: the time series are to be written anew."""
        await self._file.run(self._mark_all)

    async def forget(self, now_ns: int) -> None:
        """Drop what is older than this file keeps it."""
        await self._file.run(partial(self._forget, now_ns))

    def _open(self) -> None:
        self._file.open()
        with self._file.transaction() as db:
            self._change = db.execute("SELECT max(change) FROM points WHERE change > 0").fetchone()[0] or 0

    def _put(self, points: Sequence[Point]) -> int:
        news = 0
        with self._file.transaction() as db:
            for point in points:
                news += self._put_one(db, point)
        return news

    def _put_one(self, db: sqlite3.Connection, point: Point) -> bool:
        key = (point.name, point.time_ns, msgspec.json.encode(point.tags).decode())
        row = db.execute("SELECT fields FROM points WHERE name = ? AND time_ns = ? AND tags = ?", key).fetchone()
        body = msgspec.msgpack.encode(point.fields)
        if row is not None and row[0] == body:
            return False
        self._change += 1
        db.execute("INSERT OR REPLACE INTO points VALUES (?, ?, ?, ?, ?)", (*key, body, self._change))
        return True

    def _between(self, name: str, from_ns: int, until_ns: int, where: Where) -> list[Point]:
        query = "SELECT time_ns, tags, fields FROM points WHERE name = ? AND time_ns >= ? AND time_ns < ?"
        with self._file.transaction() as db:
            rows = db.execute(f"{query} ORDER BY time_ns, tags", (name, from_ns, until_ns)).fetchall()
        known = {text: _tags(text) for text in {tags for _, tags, _ in rows}}
        wanted = {text: tags for text, tags in known.items() if fits(tags, where)}
        return [Point(name, wanted[tags], at, _fields(fields)) for at, tags, fields in rows if tags in wanted]

    def _changed(self, most: int) -> list[ChangedPoint]:
        query = "SELECT name, time_ns, tags, fields, change FROM points WHERE change > 0 ORDER BY change LIMIT ?"
        with self._file.transaction() as db:
            rows = db.execute(query, (most,)).fetchall()
        return [ChangedPoint(_point(name, at, tags, fields), change) for name, at, tags, fields, change in rows]

    def _settle(self, published: Sequence[ChangedPoint]) -> None:
        done = [
            (one.point.name, one.point.time_ns, msgspec.json.encode(one.point.tags).decode(), one.change)
            for one in published
        ]
        with self._file.transaction() as db:
            db.executemany(
                "UPDATE points SET change = 0 WHERE name = ? AND time_ns = ? AND tags = ? AND change = ?", done
            )

    def _mark_all(self) -> None:
        with self._file.transaction() as db:
            db.execute("UPDATE points SET change = 1 WHERE change = 0")

    def _forget(self, now_ns: int) -> None:
        with self._file.transaction() as db:
            names = [name for (name,) in db.execute("SELECT DISTINCT name FROM points")]
            for name in names:
                before_ns = now_ns - KEPT_DAYS.get(name, KEPT_ELSE_DAYS) * DAY_NS
                db.execute("DELETE FROM points WHERE name = ? AND time_ns < ?", (name, before_ns))


def _point(name: str, time_ns: int, tags: str, fields: bytes) -> Point:
    return Point(name, _tags(tags), time_ns, _fields(fields))


def _tags(text: str) -> tuple[tuple[str, str], ...]:
    return tuple((key, value) for key, value in msgspec.json.decode(text))


_fields = msgspec.msgpack.Decoder(dict[str, float | int | bool | str]).decode
