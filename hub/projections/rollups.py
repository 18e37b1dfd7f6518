"""The projection that keeps the hourly and daily figures, and the task that brings them to the time series.

Figures and cursor change in one transaction of one file, and entries at or below the cursor are left out: a replay
changes nothing. A bucket that changed is marked; `publish` writes what is marked to the time-series server and takes
the mark off once the server has it, so an outage only makes marks wait. Without a server the figures are there all the
same, for the console's own boards.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import tzinfo
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

import msgspec
import structlog

from hub.influx import InfluxSettings, Proof, Rejected, Writer, beside, open_writer, write_all
from hub.journal import Entry
from hub.measurements import rollup_line
from hub.projections.file import FileProjection
from hub.rollups import Bucket, Figure, Span, Sums, Where, added_by, fits
from hub.transactions import for_rows
from wire.errors import JournalError, StoreError
from wire.link import Backoff

log = structlog.get_logger(__name__)

FILE = "rollups.db"
PUBLISH_LINES = 5000
PUBLISH_EVERY_S = 0.5
"""Figures of the present hour change with every event: they are written this often at most …"""
PUBLISH_SHARE = 0.1
PUBLISH_LATE_S = 20.0
"""… and more seldom where that takes more than a part of the time: of thousands of gates there are many figures."""

_AT_ONCE = 150
_BREATH_S = 0.004
"""Of buckets that are written, in the file's own thread."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS figures (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, tags TEXT NOT NULL, UNIQUE (name, tags)
);
CREATE TABLE IF NOT EXISTS buckets (
    span TEXT NOT NULL, figure INTEGER NOT NULL REFERENCES figures, start_ns INTEGER NOT NULL, sums BLOB NOT NULL,
    change INTEGER NOT NULL, PRIMARY KEY (span, figure, start_ns)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS buckets_by_change ON buckets (change) WHERE change > 0;
CREATE INDEX IF NOT EXISTS buckets_by_time ON buckets (span, start_ns);
"""

_RENEWED = " ON CONFLICT DO UPDATE SET sums = excluded.sums, change = excluded.change"
_MOST_HELD = 100_000


class Changed(NamedTuple):
    """A bucket that the time series do not have yet; `change` is the mark that is taken off once they do."""

    bucket: Bucket
    sums: Sums
    change: int
    figure_id: int

    def line(self) -> str:
        return rollup_line(self.bucket, self.sums)


class Unwritten(Protocol):
    """What the time series do not have yet, as a line."""

    def line(self) -> str: ...


U = TypeVar("U", bound=Unwritten)


class Marked(Protocol[U]):
    """A file that marks what the time series do not have, and takes the marks off. Both raise `JournalError`."""

    async def changed(self, most: int) -> list[U]: ...

    async def settle(self, published: Sequence[U]) -> None: ...


class Rollups(FileProjection):
    """Owns the file of figures, and a thread for it. Methods raise `JournalError`."""

    name = "rollups"
    may_lag_s = 5.0
    batch_entries = 25_000
    """What 5,000 gates tell in that time, in one go: each batch writes every gate's figures anew."""

    def __init__(self, path: Path, zone: tzinfo | None) -> None:
        super().__init__(path, "figures", _SCHEMA)
        self._zone = zone
        self._offset = 0
        self._ids: dict[Figure, int] = {}
        self._held: dict[tuple[str, int, int], Sums] = {}
        """Buckets as they stand in the file: those that change now change again soon."""

    async def buckets(
        self, span: Span, name: str, from_ns: int, until_ns: int, where: Where = ()
    ) -> list[tuple[Bucket, Sums]]:
        """The figures of that name whose buckets begin from one moment to before another, in the order of time; of
        each tag in `where` only those with one of its values."""
        return await self._file.run(partial(self._between, span, name, from_ns, until_ns, where))

    async def changed(self, most: int = PUBLISH_LINES) -> list[Changed]:
        """Buckets that the time series do not have as they are now, the longest waiting first."""
        return await self._file.run(partial(self._changed, most))

    async def settle(self, published: Sequence[Changed]) -> None:
        """Take the marks off, but for those that changed again meanwhile."""
        await self._file.run(partial(self._settle, published))

    async def mark_all(self) -> None:
        """Mark every bucket: the time series are to be written anew."""
        await self._file.run(self._mark_all)

    def _open(self) -> int:
        self._offset = self._file.open()
        with self._file.transaction() as db:
            self._ids = {_figure(name, tags): id_ for id_, name, tags in db.execute("SELECT * FROM figures")}
        return self._offset

    def _take(self, entries: Sequence[Entry]) -> None:
        last = max(entries[-1].offset, self._offset)
        added = added_by((entry for entry in entries if entry.offset > self._offset), self._zone)
        new_ids: dict[Figure, int] = {}
        try:
            with self._file.transaction() as db:
                for part in _parts(list(added.items())):
                    rows = [self._row(db, bucket, sums, last, new_ids) for bucket, sums in part]
                    for_rows(db, "INSERT INTO buckets VALUES ", rows, _RENEWED)
                self._file.move(db, last)
        except BaseException:
            self._held.clear()  # some of it stands in no file
            raise
        self._ids |= new_ids
        self._offset = last

    def _row(
        self, db: sqlite3.Connection, bucket: Bucket, sums: Sums, change: int, new: dict[Figure, int]
    ) -> tuple[str, int, int, bytes, int]:
        """A bucket as it is with what is added."""
        figure = self._ids.get(bucket.figure) or new.get(bucket.figure)
        if figure is None:
            tags = msgspec.json.encode(bucket.figure.tags).decode()
            figure = db.execute("INSERT INTO figures (name, tags) VALUES (?, ?)", (bucket.figure.name, tags)).lastrowid
            assert figure is not None, "an INSERT gives a row id"
            new[bucket.figure] = figure
        key = (bucket.span.value, figure, bucket.start_ns)
        held = self._held.get(key)
        if held is None:
            row = db.execute("SELECT sums FROM buckets WHERE span = ? AND figure = ? AND start_ns = ?", key).fetchone()
            held = Sums() if row is None else _sums(row[0])
            if len(self._held) >= _MOST_HELD:
                self._held.clear()
            self._held[key] = held
        held.add(sums)
        return (*key, _body(held), change)

    def _between(self, span: Span, name: str, from_ns: int, until_ns: int, where: Where) -> list[tuple[Bucket, Sums]]:
        # Figure by figure, for of a year all figures of that time are many more than those of one name.
        query = """SELECT start_ns, figure, sums FROM buckets
            WHERE span = ? AND figure = ? AND start_ns >= ? AND start_ns < ?"""
        with self._file.transaction() as db:
            of_name = db.execute("SELECT id, tags FROM figures WHERE name = ?", (name,)).fetchall()
            figures = {id_: figure for id_, tags in of_name if fits((figure := _figure(name, tags)).tags, where)}
            rows = [row for id_ in figures for row in db.execute(query, (span.value, id_, from_ns, until_ns))]
        rows.sort(key=lambda row: row[:2])
        return [(Bucket(span, start_ns, figures[id_]), _sums(sums)) for start_ns, id_, sums in rows]

    def _changed(self, most: int) -> list[Changed]:
        query = """SELECT b.span, b.start_ns, f.name, f.tags, b.sums, b.change, f.id FROM buckets b
            JOIN figures f ON f.id = b.figure WHERE b.change > 0 ORDER BY b.change LIMIT ?"""
        with self._file.transaction() as db:
            rows = db.execute(query, (most,)).fetchall()
        return [
            Changed(Bucket(Span(span), start_ns, _figure(name, tags)), _sums(sums), change, figure)
            for span, start_ns, name, tags, sums, change, figure in rows
        ]

    def _settle(self, published: Iterable[Changed]) -> None:
        done = [(one.bucket.span.value, one.figure_id, one.bucket.start_ns, one.change) for one in published]
        with self._file.transaction() as db:
            db.executemany(
                "UPDATE buckets SET change = 0 WHERE span = ? AND figure = ? AND start_ns = ? AND change = ?", done
            )

    def _mark_all(self) -> None:
        with self._file.transaction() as db:
            db.execute("UPDATE buckets SET change = 1 WHERE change = 0")


def _parts(added: list[tuple[Bucket, Sums]]) -> Iterator[list[tuple[Bucket, Sums]]]:
    """So many at once, with a breath in between: of thousands of gates there is a second of work, and gates wait."""
    for begin in range(0, len(added), _AT_ONCE):
        if begin:
            time.sleep(_BREATH_S)
        yield added[begin : begin + _AT_ONCE]


async def publish(source: Marked[U], settings: InfluxSettings, every_s: float = PUBLISH_EVERY_S) -> None:
    """Bring what changed to the time-series server, until cancelled. An outage only makes it wait."""
    backoff = Backoff(1.0, 60.0)
    writer: Writer | None = None
    told, proof, busy_s, loop = "", Proof(), 0.0, asyncio.get_running_loop()
    while True:
        try:
            if writer is None:
                writer = await beside(partial(open_writer, settings))
            begun_s = loop.time()
            waits = await publish_once(source, writer, proof)
            backoff.reset()
            told = ""
            took_s = loop.time() - begun_s
            busy_s += took_s
            if waits:
                await asyncio.sleep(took_s)  # of very many figures no more than half of the time is theirs
            else:
                await asyncio.sleep(max(every_s, min(PUBLISH_LATE_S, busy_s / PUBLISH_SHARE)))
                busy_s = 0.0
        except (StoreError, JournalError) as error:
            if str(error) != told:
                log.warning("figures wait for the time-series server", error=str(error))
                told = str(error)
            writer = None  # the server that comes back may be another
            await asyncio.sleep(backoff.next_s())


async def publish_once(source: Marked[U], writer: Writer, proof: Proof | None = None) -> bool:
    """Write what changed; whether more waits. Raises `StoreError` (retry), `JournalError`."""
    changed = await source.changed(PUBLISH_LINES)
    if not changed:
        return False
    refused = await beside(partial(_write, writer, changed, proof))
    if refused:
        log.error("time-series server refuses figures", lines=len(refused), first=refused[0].reason)
    await source.settle(changed)
    return len(changed) == PUBLISH_LINES


def _write(writer: Writer, changed: Sequence[Unwritten], proof: Proof | None) -> list[Rejected]:
    return write_all(writer, [one.line() for one in changed], proof)


def _figure(name: str, tags: str) -> Figure:
    return Figure(name, tuple((key, value) for key, value in msgspec.json.decode(tags)))


def _body(sums: Sums) -> bytes:
    return msgspec.msgpack.encode(sums)


_sums = msgspec.msgpack.Decoder(Sums).decode
