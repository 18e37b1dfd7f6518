"""The event log in PostgreSQL: the same promises as `hub.journal`, kept between several processes that write.

Each stream is in order and without holes because the database compares before it sets: an append says where it left
each stream, and is refused as a whole where the stream is elsewhere. It also names the shares and the terms under
which it may write; an append of a process that has lost one is refused in the same transaction. So neither depends on
clocks, or on a process noticing in time that it is no longer the owner.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import psycopg

from hub.fleet.postgres import connect, said, shown
from hub.fleet.shares import LEADER, share_of
from hub.journal import OWN_EPOCH, OWN_GATE, Entry, JournalReader
from hub.lineage import Laps, laps_of
from hub.taking import Bad, Tail, Taken, Taking, kind_of
from wire.errors import DecodeError, JournalError
from wire.events import AnyEvent, Urgency, urgency_of
from wire.messages import Batch, StreamId, decode_event

T = TypeVar("T")
Terms = Mapping[int, int]
"""The shares that this process has, each with the term under which it has it."""

WRITE_S = 10.0
READ_S = 120.0
_STREAMS = "SELECT site, gate, urgency, epoch, id, through FROM streams"


class PostgresJournal:
    """One process's hold on the common log. Not thread-safe; may raise `JournalError`."""

    def __init__(self, url: str, terms: Callable[[], Terms]) -> None:
        """`terms` is asked at each append: what belongs to other shares is not taken, nor answered."""
        self._url = url
        self._terms = terms
        self._db: psycopg.Connection[Any] | None = None
        self._tails: dict[StreamId, Tail] = {}
        self._laps: dict[StreamId, Laps] = {}
        self.fresh: list[Entry] = []
        """Of what was just written nothing is known that the database does not know: others write between."""
        self._outdated = False
        """Whether an append failed, so that the database may be elsewhere than the tails."""

    def open(self) -> None:
        """Connect, and make the tables where there are none."""
        self._db = connect(self._url, WRITE_S, make=True)
        self.refresh()

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def reader(self) -> PostgresReader:
        return PostgresReader(self._url)

    def refresh(self) -> None:
        """Read how far each stream is: what other processes wrote, before this one goes on in their place."""
        runs = self._ask(lambda db: db.execute("SELECT stream, first, run FROM runs").fetchall())
        rows = self._ask(
            lambda db: db.execute(f"{_STREAMS} ORDER BY id").fetchall()
        )  # later: every run's stream is there
        tails = {StreamId(row[0], row[1], Urgency(row[2]), row[3]): Tail(row[4], row[5]) for row in rows}
        self._laps = laps_of(runs, {tail.id: stream for stream, tail in tails.items()})  # first, as in `_write`
        self._tails = tails
        self._outdated = False

    # -- writing ----------------------------------------------------------------------------------------------------

    def append(self, batches: Iterable[Batch], received_ns: int) -> dict[StreamId, Taken]:
        """As `hub.journal.Journal.append`, of the gates in this process's shares only."""
        if self._outdated:
            self.refresh()
        terms, held = self._terms(), dict[int, int]()
        taking = Taking(self._known, received_ns)
        for batch in batches:
            share = share_of(batch.stream.site, batch.stream.gate)
            if share in terms:
                held[share] = terms[share]
                taking.take(batch)
        if taking.new:
            self._write(held, taking)
        return taking.taken

    def append_own(self, site: str, events: Sequence[AnyEvent], received_ns: int) -> None:
        """What the hub itself observed; only who leads may. Raises `JournalError` otherwise."""
        if self._outdated:
            self.refresh()
        terms = self._terms()
        if LEADER not in terms:
            raise JournalError("the hub's own events are for the process that leads, and this one does not")
        taking = Taking(self._known, received_ns)
        for urgency in Urgency:
            mine = [event for event in events if urgency_of(event) is urgency]
            if mine:
                taking.take_own(StreamId(site, OWN_GATE, urgency, OWN_EPOCH), mine)
        if taking.new:
            self._write({LEADER: terms[LEADER]}, taking)

    def through(self, stream: StreamId) -> int:
        """The last durable number of a stream that this process owns; of others, the last that it knows."""
        tail = self._tails.get(stream)
        return tail.through if tail else 0

    def laps(self, stream: StreamId) -> Laps:
        return self._laps.get(stream, ())

    def streams(self) -> dict[StreamId, int]:
        return {stream: tail.through for stream, tail in list(self._tails.items())}

    def forget(self, before_ns: int, through: int, most: int) -> int:
        query = """DELETE FROM entries WHERE "offset" IN (
            SELECT "offset" FROM entries WHERE "offset" <= %s ORDER BY "offset" LIMIT %s) AND received_ns < %s"""

        def work(db: psycopg.Connection[Any]) -> int:
            count = db.execute(query, (through, most, before_ns)).rowcount
            db.execute("UPDATE head SET entries = entries - %s", (count,))
            return count

        return self._ask(work)

    def set_cursor(self, name: str, offset: int) -> None:
        query = """INSERT INTO cursors VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET "offset" = excluded."offset" """
        self._ask(lambda db: db.execute(query, (name, offset)))

    def bury(self, letters: Sequence[Bad], now_ns: int) -> None:
        def work(db: psycopg.Connection[Any]) -> None:
            for letter in letters:
                _bury(db, letter, now_ns, None, None)

        self._ask(work)

    def exhume(self, letter_id: int, received_ns: int) -> str:
        """As `hub.journal.Journal.exhume`."""
        return self._ask(lambda db: _exhume(db, letter_id, received_ns))

    def forget_letter(self, letter_id: int) -> None:
        self._ask(lambda db: db.execute("DELETE FROM dead_letters WHERE id = %s", (letter_id,)))

    # -- within -----------------------------------------------------------------------------------------------------

    def _known(self, stream: StreamId) -> tuple[Tail, Laps]:
        return self._tails.get(stream) or self._new_stream(stream), self._laps.get(stream, ())

    def _new_stream(self, stream: StreamId) -> Tail:
        key = (stream.site, stream.gate, stream.urgency.value, stream.epoch)
        put = "INSERT INTO streams (site, gate, urgency, epoch) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING"
        where = "WHERE site = %s AND gate = %s AND urgency = %s AND epoch = %s"

        def work(db: psycopg.Connection[Any]) -> Tail:
            db.execute(put, key)
            row = db.execute(f"SELECT id, through FROM streams {where}", key).fetchone()  # noqa: S608 - our own text
            assert row is not None
            return Tail(*row)

        return self._ask(work)

    def _write(self, held: Terms, taking: Taking) -> None:
        after = {tail.id: tail.through for tail in taking.tails.values()}
        moved = [stream for stream, before in taking.before.items() if after[stream] != before]
        rows = [new.row for new in taking.new]
        stream, seq, last, kind, time_ns, received_ns, body = (list(column) for column in zip(*rows, strict=True))
        values = (
            *(list(held), list(held.values())),
            *(moved, [taking.before[stream] for stream in moved], [after[stream] for stream in moved]),
            *([run[at] for run in taking.runs] for at in range(3)),
            *(received_ns[0], stream, seq, last, kind, time_ns, body),
        )

        def work(db: psycopg.Connection[Any]) -> None:
            db.execute(_APPEND, values)
            for letter, stream_id, number in taking.bad:
                _bury(db, letter, received_ns[0], stream_id, number)

        self._outdated = True  # until it is certain what became of it
        self._ask(work, several=bool(taking.bad))
        self._laps.update(taking.laps)  # first: who asks meanwhile hears of no number under the run of before
        self._tails.update(taking.tails)
        self._outdated = False

    def _ask(self, work: Callable[[psycopg.Connection[Any]], T], *, several: bool = True) -> T:
        """What `work` finds, in one transaction where it has several statements; a lost connection is made again."""
        try:
            if self._db is None or self._db.closed:
                self._db = connect(self._url, WRITE_S)
            if not several:
                return work(self._db)
            with self._db.transaction():
                return work(self._db)
        except psycopg.Error as error:
            if self._db is not None and (self._db.broken or error.sqlstate is None):
                self._db.close()
            raise JournalError(f"journal {shown(self._url)}: {said(error)}") from error


class PostgresReader(JournalReader):
    """Reads the common log; one connection for one thread."""

    def __init__(self, url: str) -> None:
        super().__init__(Path())
        self._url = url
        self._connection: psycopg.Connection[Any] | None = None

    def newest_place(self) -> int:
        """The place of the last entry there ever was; cheap to ask for again and again."""
        return int(self._one('SELECT "offset" FROM head'))

    def count(self) -> int:
        return int(self._one("SELECT entries FROM head"))

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _query(self, query: str, values: tuple[object, ...] = ()) -> list[tuple]:  # type: ignore[type-arg]
        try:
            if self._connection is None or self._connection.closed:
                self._connection = connect(self._url, READ_S)
            return self._connection.execute(query.replace("?", "%s"), values).fetchall()
        except psycopg.Error as error:
            if self._connection is not None and self._connection.broken:
                self._connection.close()
            raise JournalError(f"journal {shown(self._url)}: {said(error)}") from error


_APPEND = f"""SELECT append({LEADER}, %s::int[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
    %s::bigint[], %s::bigint[], %s::text[], %s, %s::bigint[], %s::bigint[], %s::bigint[], %s::text[],
    %s::bigint[], %s::bytea[])"""


def _exhume(db: psycopg.Connection[Any], letter_id: int, received_ns: int) -> str:
    query = "SELECT stream, seq, payload FROM dead_letters WHERE id = %s AND source = 'event'"
    found = db.execute(query, (letter_id,)).fetchone()
    if found is None:
        raise JournalError(f"dead letter {letter_id}: there is no unreadable event of that number")
    stream, seq, payload = found
    try:
        event = decode_event(payload)
    except DecodeError as error:
        return f"still unreadable: {error}"
    gone = db.execute("DELETE FROM entries WHERE stream = %s AND seq = %s RETURNING last", (stream, seq)).fetchone()
    if gone is not None:  # else the entry is forgotten by now
        db.execute("UPDATE head SET entries = entries - 1")
    last = seq if gone is None else gone[0]
    place = "SELECT place(%s, %s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::bigint[], %s::bytea[])"
    db.execute(place, (received_ns, [stream], [seq], [last], [kind_of(event)], [event.time_ns], [payload]))
    db.execute("DELETE FROM dead_letters WHERE id = %s", (letter_id,))
    return f"taken as {kind_of(event)}"


def _bury(db: psycopg.Connection[Any], letter: Bad, now_ns: int, stream: int | None, seq: int | None) -> None:
    digest = sha256(f"{letter.source}\0{letter.topic}\0{stream}\0{seq}\0".encode() + letter.payload).digest()
    db.execute(
        "INSERT INTO dead_letters AS known (digest, source, topic, reason, payload, first_ns, last_ns, stream, seq)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (digest) DO UPDATE"
        " SET count = known.count + 1, last_ns = excluded.last_ns, reason = excluded.reason",
        (
            digest,
            letter.source,
            letter.topic[:500].replace("\0", "\\0"),  # PostgreSQL's text has no NUL
            letter.reason.replace("\0", "\\0"),
            letter.payload,
            now_ns,
            now_ns,
            stream,
            seq,
        ),
    )
