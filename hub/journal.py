"""The event log: the one source of truth. SQLite in WAL mode with full synchronisation.

`append` takes whole batches of many gates in one transaction, so that one fsync serves many messages. Of each stream
only the next number is taken: a lower one is a duplicate, a higher one a hole, and the answer says from where to send
again. So each stream is in order and without holes, whatever arrives.

An event whose bytes cannot be understood still takes its place (kind `unreadable`, bytes kept), so that one bad event
never stops a stream; it stands among the dead letters too, from where it can be replayed when a newer hub understands.

`Journal` blocks; `hub.archive.Archive` gives it threads of its own.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import astuple, force_setattr

from hub.lineage import Laps, laps_of
from hub.taking import UNREADABLE, Bad, New, NewRow, Tail, Taken, Taking, kind_of, own_of
from hub.transactions import Transaction, for_rows
from wire.errors import DecodeError, JournalError
from wire.events import AnyEvent, DeviceState, Urgency, urgency_of
from wire.messages import Batch, StreamId, decode_event
from wire.process import SoleOwner

__all__ = [
    "OWN_EPOCH",
    "OWN_GATE",
    "UNREADABLE",
    "Bad",
    "DeadLetter",
    "Entry",
    "Journal",
    "JournalReader",
    "Taken",
]

OWN_GATE = "hub"
"""The hub's own stream at each site: what it observed itself, such as a gate that fell silent."""
OWN_EPOCH = "hub"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS streams (
    id INTEGER PRIMARY KEY, site TEXT NOT NULL, gate TEXT NOT NULL, urgency TEXT NOT NULL, epoch TEXT NOT NULL,
    through INTEGER NOT NULL, UNIQUE (site, gate, urgency, epoch)
);
CREATE TABLE IF NOT EXISTS entries (
    "offset" INTEGER PRIMARY KEY AUTOINCREMENT, stream INTEGER NOT NULL REFERENCES streams, seq INTEGER NOT NULL,
    last INTEGER NOT NULL, kind TEXT NOT NULL, time_ns INTEGER NOT NULL, received_ns INTEGER NOT NULL,
    body BLOB NOT NULL, UNIQUE (stream, seq)
);
CREATE TABLE IF NOT EXISTS runs (
    stream INTEGER NOT NULL REFERENCES streams, first INTEGER NOT NULL, run TEXT NOT NULL, PRIMARY KEY (stream, first)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cursors (name TEXT PRIMARY KEY, "offset" INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dead_letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT, digest BLOB NOT NULL UNIQUE, source TEXT NOT NULL, topic TEXT NOT NULL,
    reason TEXT NOT NULL, payload BLOB NOT NULL, first_ns INTEGER NOT NULL, last_ns INTEGER NOT NULL,
    count INTEGER NOT NULL DEFAULT 1, stream INTEGER, seq INTEGER
);
CREATE TABLE IF NOT EXISTS totals (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS own_states (
    stream INTEGER NOT NULL, device TEXT NOT NULL, kind TEXT NOT NULL, "offset" INTEGER NOT NULL,
    PRIMARY KEY (stream, device, kind)
) WITHOUT ROWID;
"""
"""`totals` holds how many entries there are, `own_states` the newest that the hub itself said of each device: what else
would take the longer to find out, the more events the journal holds."""
_TOTAL = "INSERT INTO totals VALUES ('entries', ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value"
_COUNT_ONCE = """BEGIN IMMEDIATE;
INSERT INTO totals SELECT 'entries', count(*) FROM entries;
INSERT OR REPLACE INTO own_states SELECT e.stream, json_extract(CAST(e.body AS TEXT), '$.device'),
    json_extract(CAST(e.body AS TEXT), '$.kind'), e."offset"
    FROM entries e JOIN streams s ON s.id = e.stream
    WHERE s.gate = 'hub' AND e.kind = 'device-state' ORDER BY +e."offset";
COMMIT;
"""
"""For the journal of a hub that kept neither."""
_ENTRY = 'SELECT e."offset", e.stream, e.seq, e.last, e.kind, e.time_ns, e.received_ns, e.body FROM entries e'


class Entry(Struct, frozen=True, eq=False, gc=False):
    """One event in the journal. `offset` grows with each entry; `seq` to `last` are its numbers in its stream."""

    offset: int
    stream: StreamId
    seq: int
    last: int
    kind: str
    time_ns: int
    received_ns: int
    body: bytes
    decoded: AnyEvent | UnsetType | None = UNSET
    """What `event` gives, once somebody has asked: a dozen readers ask for each."""

    def event(self) -> AnyEvent | None:
        """The event, or None when this hub cannot read it."""
        if isinstance(self.decoded, UnsetType):
            force_setattr(self, "decoded", _readable(self.kind, self.body))
        return self.decoded  # type: ignore[return-value]  # set above

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Entry) and self._told() == other._told()

    def __hash__(self) -> int:
        return hash(self.offset)

    def _told(self) -> tuple[object, ...]:
        """All but what follows from the rest."""
        return astuple(self)[:-1]


class DeadLetter(Struct, frozen=True):
    """Something that could not be used, kept with its reason. `source`: `message`, `event` or `line`."""

    id: int
    source: str
    topic: str
    reason: str
    payload: bytes
    first_ns: int
    last_ns: int
    count: int


class Journal:
    """The event log of one hub. Not thread-safe (`reader` is for other threads); may raise `JournalError`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._owner = SoleOwner(path)
        self.fresh: list[Entry] = []
        """What the last `append` or `append_own` put in, as a reader would find it."""
        self._db: sqlite3.Connection | None = None
        self._tails: dict[StreamId, Tail] = {}
        self._laps: dict[StreamId, Laps] = {}

    def open(self) -> None:
        """Open or make the file. Raises `MenshenError` when another process has it open."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._owner.take()  # the last numbers are remembered here: a second writer would make them wrong
            self._db = _connect(self._path)
            self._db.executescript(_SCHEMA)
            for row in self._db.execute("SELECT site, gate, urgency, epoch, id, through FROM streams ORDER BY id"):
                self._tails[StreamId(row[0], row[1], Urgency(row[2]), row[3])] = Tail(row[4], row[5])
            if self._db.execute("SELECT 1 FROM totals").fetchone() is None:
                self._db.executescript(_COUNT_ONCE)
            runs = self._db.execute("SELECT stream, first, run FROM runs")
            self._laps = laps_of(runs, {tail.id: stream for stream, tail in self._tails.items()})
        except (sqlite3.DatabaseError, OSError) as error:
            raise JournalError(f"journal {self._path}: {error}") from error

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
        self._owner.release()

    def reader(self) -> JournalReader:
        """A second connection, for reading in another thread while this one writes."""
        return JournalReader(self._path)

    # -- writing ----------------------------------------------------------------------------------------------------

    def append(self, batches: Iterable[Batch], received_ns: int) -> dict[StreamId, Taken]:
        """Take of each batch what comes next in its stream, all in one transaction.

        When it returns, everything that it says was taken is durable. When it raises, nothing was.
        """
        with self._transaction() as db:
            taking = Taking(partial(self._known, db), received_ns)
            for batch in batches:
                taking.take(batch)
            db.executemany("INSERT INTO runs VALUES (?, ?, ?)", taking.runs)
            last = self._insert(db, [row for row, _ in taking.new], taking.tails.values())
            for letter, stream_id, seq in taking.bad:
                _bury(db, letter, received_ns, stream_id, seq)
        self._laps.update(taking.laps)  # first: who asks meanwhile hears of no number under the run of before
        self._tails.update(taking.tails)
        self.fresh = _entries(taking.new, taking.streams, last)
        return taking.taken

    def append_own(self, site: str, events: Sequence[AnyEvent], received_ns: int) -> None:
        """What the hub itself observed, in its own streams of that site."""
        self.fresh = []
        for urgency in Urgency:
            mine = [event for event in events if urgency_of(event) is urgency]
            if not mine:
                continue
            stream = StreamId(site, OWN_GATE, urgency, OWN_EPOCH)
            with self._transaction() as db:
                tail = self._tails.get(stream) or self._new_stream(db, stream)
                new = own_of(mine, tail, received_ns)
                tail = Tail(tail.id, tail.through + len(new))
                last = self._insert(db, [row for row, _ in new], [tail])
                _keep_states(db, tail.id, mine, last)
            self._tails[stream] = tail
            self.fresh += _entries(new, {tail.id: stream}, last)

    def through(self, stream: StreamId) -> int:
        """The last number of the stream that is durable, 0 for a stream that is not known."""
        tail = self._tails.get(stream)
        return tail.through if tail else 0

    def laps(self, stream: StreamId) -> Laps:
        return self._laps.get(stream, ())  # which runs of the gate gave the stream's numbers

    def streams(self) -> dict[StreamId, int]:
        """All streams with their last durable number."""
        return {stream: tail.through for stream, tail in self._tails.items()}

    def forget(self, before_ns: int, through: int, most: int) -> int:
        """Forget the oldest entries that were received before that, none behind `through`; how many, at most `most`.

        Numbers of streams stay as they are: what a gate sends again is still known.
        """
        query = """DELETE FROM entries WHERE "offset" IN (
            SELECT "offset" FROM entries WHERE "offset" <= ? ORDER BY "offset" LIMIT ?) AND received_ns < ?"""
        with self._transaction() as db:
            count = db.execute(query, (through, most, before_ns)).rowcount
            db.execute(_TOTAL, (-count,))
        return count

    def set_cursor(self, name: str, offset: int) -> None:
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?)", (name, offset))

    def bury(self, letters: Sequence[Bad], now_ns: int) -> None:
        """Keep what could not be used; the same thing again only counts."""
        with self._transaction() as db:
            for letter in letters:
                _bury(db, letter, now_ns, None, None)

    def exhume(self, letter_id: int, received_ns: int) -> str:
        """Try a dead letter of source `event` again: if it can be read now it becomes a new entry with its old number.

        Returns what became of it, in words. Raises `JournalError` for a letter that is not there.
        """
        with self._transaction() as db:
            query = "SELECT stream, seq, payload FROM dead_letters WHERE id = ? AND source = 'event'"
            found = db.execute(query, (letter_id,)).fetchone()
            if found is None:
                raise JournalError(f"dead letter {letter_id}: there is no unreadable event of that number")
            stream_id, seq, payload = found
            try:
                event = decode_event(payload)
            except DecodeError as error:
                return f"still unreadable: {error}"
            query = "DELETE FROM entries WHERE stream = ? AND seq = ? RETURNING last"
            gone = db.execute(query, (stream_id, seq)).fetchall()  # nothing where the entry is forgotten by now
            last = gone[0][0] if gone else seq
            db.execute(_TOTAL, (-len(gone),))
            row = (stream_id, seq, last, kind_of(event), event.time_ns, received_ns, payload)
            self._insert(db, [row], [])
            db.execute("DELETE FROM dead_letters WHERE id = ?", (letter_id,))
        return f"taken as {kind_of(event)}"

    def forget_letter(self, letter_id: int) -> None:
        """Delete a dead letter."""
        with self._transaction() as db:
            db.execute("DELETE FROM dead_letters WHERE id = ?", (letter_id,))

    # -- within -----------------------------------------------------------------------------------------------------

    def _known(self, db: sqlite3.Connection, stream: StreamId) -> tuple[Tail, Laps]:
        return self._tails.get(stream) or self._new_stream(db, stream), self._laps.get(stream, ())

    def _new_stream(self, db: sqlite3.Connection, stream: StreamId) -> Tail:
        done = db.execute(
            "INSERT OR IGNORE INTO streams (site, gate, urgency, epoch, through) VALUES (?, ?, ?, ?, 0)",
            (stream.site, stream.gate, stream.urgency, stream.epoch),
        )
        if done.rowcount:
            assert done.lastrowid is not None
            return Tail(done.lastrowid, 0)
        key = (stream.site, stream.gate, stream.urgency, stream.epoch)
        query = "SELECT id, through FROM streams WHERE site = ? AND gate = ? AND urgency = ? AND epoch = ?"
        return Tail(*db.execute(query, key).fetchone())

    def _insert(self, db: sqlite3.Connection, rows: list[NewRow], tails: Iterable[Tail]) -> int:
        """The offset of the last row; those before it have the offsets before it."""
        for_rows(db, "INSERT INTO entries (stream, seq, last, kind, time_ns, received_ns, body) VALUES ", rows)
        [(last,)] = db.execute("SELECT last_insert_rowid()")
        db.execute(_TOTAL, (len(rows),))
        for_rows(db, "UPDATE streams SET through = v.column2 FROM (VALUES ", list(tails), _OF_STREAM)
        return int(last)

    def _transaction(self) -> Transaction:
        if self._db is None:
            raise JournalError(f"journal {self._path}: not open")
        return Transaction(self._db, f"journal {self._path}")


class JournalReader:
    """Reads the journal; one connection for one thread. Every method may raise `JournalError`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection | None = None
        self._streams: dict[int, StreamId] = {}
        """By number, as far as they are known: they are never changed."""

    def after(self, offset: int, limit: int) -> list[Entry]:
        """Up to `limit` entries behind `offset`, in the order of the journal."""
        return self._entries('WHERE e."offset" > ? ORDER BY e."offset" LIMIT ?', (offset, limit))

    def newest(self, limit: int) -> list[Entry]:
        """The last entries, oldest of them first."""
        return self._entries('ORDER BY e."offset" DESC LIMIT ?', (limit,))[::-1]

    def own_states(self) -> list[Entry]:
        """The newest that the hub itself has observed of each gate and kind of device, oldest first."""
        return self._entries('JOIN own_states o ON o."offset" = e."offset" ORDER BY e."offset"', ())

    def last_own_ns(self, kind: str) -> int | None:
        """The latest time that an event of the hub's own of this kind is about; None where there is none."""
        where = "e.stream IN (SELECT id FROM streams WHERE gate = ?) AND e.kind = ?"
        [(found,)] = self._query(f"SELECT max(e.time_ns) FROM entries e WHERE {where}", (OWN_GATE, kind))  # noqa: S608
        return None if found is None else int(found)

    def last_offset(self) -> int:
        return int(self._one('SELECT coalesce(max("offset"), 0) FROM entries'))

    def first_since(self, received_ns: int) -> int:
        """The offset of the first entry that was received at that time or later; entries are received in order."""
        low, high = 0, self.last_offset() + 1
        while high - low > 1:
            middle = (low + high) // 2
            row = self._query(
                'SELECT received_ns FROM entries WHERE "offset" >= ? ORDER BY "offset" LIMIT 1', (middle,)
            )
            low, high = (low, middle) if not row or row[0][0] >= received_ns else (middle, high)
        return high

    def count(self) -> int:
        return self._one("SELECT coalesce((SELECT value FROM totals WHERE name = 'entries'), 0)")

    def count_through(self, offset: int) -> int:
        """How many entries there are up to that one; the fewer come behind it, the sooner it is known."""
        return self.count() - self._one('SELECT count(*) FROM entries WHERE "offset" > ?', (offset,))

    def cursor(self, name: str) -> int:
        """How far the projection of that name has read; 0 at first."""
        return int(self._one('SELECT coalesce((SELECT "offset" FROM cursors WHERE name = ?), 0)', (name,)))

    def dead_count(self) -> int:
        return int(self._one("SELECT count(*) FROM dead_letters"))

    def dead_letters(self, letter_id: int | None = None) -> list[DeadLetter]:
        """All dead letters, or the one with that number."""
        where, values = ("WHERE id = ?", (letter_id,)) if letter_id is not None else ("", ())
        query = (
            f"SELECT id, source, topic, reason, payload, first_ns, last_ns, count FROM dead_letters {where} ORDER BY id"  # noqa: S608 - our own text
        )
        return [DeadLetter(*row) for row in self._query(query, values)]

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def _entries(self, where: str, values: tuple[object, ...]) -> list[Entry]:
        rows = self._query(f"{_ENTRY} {where}", values)
        if not all(row[1] in self._streams for row in rows):
            self._streams = {
                id_: StreamId(site, gate, Urgency(urgency), epoch)
                for id_, site, gate, urgency, epoch in self._query("SELECT id, site, gate, urgency, epoch FROM streams")
            }
        return [Entry(row[0], self._streams[row[1]], *row[2:]) for row in rows]

    def _one(self, query: str, values: tuple[object, ...] = ()) -> int:
        return int(self._query(query, values)[0][0])

    def _query(self, query: str, values: tuple[object, ...] = ()) -> list[tuple]:  # type: ignore[type-arg]
        try:
            if self._db is None:
                if not self._path.exists():
                    raise JournalError(f"journal {self._path}: there is none yet")
                self._db = _connect(self._path)
            return self._db.execute(query, values).fetchall()
        except sqlite3.DatabaseError as error:
            raise JournalError(f"journal {self._path}: {error}") from error


def _entries(new: Sequence[New], streams: dict[int, StreamId], last: int) -> list[Entry]:
    """The entries that were made of rows, of which the last has that offset."""
    return [
        Entry(offset, streams[row[0]], *row[1:], event)
        for offset, (row, event) in enumerate(new, start=last - len(new) + 1)
    ]


def _readable(kind: str, body: bytes) -> AnyEvent | None:
    if kind == UNREADABLE:
        return None
    try:
        return decode_event(body)
    except DecodeError:
        return None


def _keep_states(db: sqlite3.Connection, stream_id: int, events: Sequence[AnyEvent], last: int) -> None:
    """The newest that the hub said of each device; the last event has that offset."""
    told = [(event, offset) for offset, event in enumerate(events, start=last - len(events) + 1)]
    rows = [(stream_id, one.device, one.kind.value, at) for one, at in told if isinstance(one, DeviceState)]
    db.executemany("INSERT OR REPLACE INTO own_states VALUES (?, ?, ?, ?)", rows)


_OF_STREAM: Final = ") v WHERE streams.id = v.column1"


def _bury(db: sqlite3.Connection, letter: Bad, now_ns: int, stream: int | None, seq: int | None) -> None:
    digest = hashlib.sha256(f"{letter.source}\0{letter.topic}\0{stream}\0{seq}\0".encode() + letter.payload).digest()
    db.execute(
        "INSERT INTO dead_letters (digest, source, topic, reason, payload, first_ns, last_ns, stream, seq)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (digest) DO UPDATE SET count = count + 1, last_ns = excluded.last_ns, reason = excluded.reason",
        (digest, letter.source, letter.topic[:500], letter.reason, letter.payload, now_ns, now_ns, stream, seq),
    )


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    # Of thousands of streams each event changes a page of its own: at the usual 1000 pages each commit would move them.
    db.execute("PRAGMA wal_autocheckpoint = 8000")
    db.execute("PRAGMA foreign_keys = ON")
    return db
