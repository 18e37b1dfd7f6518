"""The durable outbox: what the hub has not acknowledged yet, on disk, numbered.

SQLite in WAL mode with full synchronisation: when `append` returns, a power cut loses nothing. Two streams (urgent and
routine) share one epoch, which is made with the file. The spool is bounded in bytes and in age; when it must drop it
drops the oldest routine events first, and a `gap` event takes over their numbers, so that the stream has no holes.

A file that turns out to be corrupt never stops the gate: it is put aside, what can still be read of it is carried over
with its numbers, holes become gaps, and where not even the numbering can be read a new epoch begins with a gap event.

A card that was restored from an image, or lied about a write, would give numbers away twice. The hub's first watermark
of a connection tells: it acknowledges what this spool never sent. Then `renumber` starts a new epoch (invariant 6).

This class blocks; `edge.outbox.Outbox` gives it a thread of its own.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
import structlog
from msgspec import Meta, Struct

from edge import spool_rows as table
from edge.clock import Instant, Timekeeper, boot_id
from edge.dating import Moments
from edge.salvage import Row, Salvage, salvage
from wire.errors import SpoolError
from wire.events import AnyEvent, Gap, GapCause, Urgency, urgency_of
from wire.messages import Numbered, SpoolDepth, StreamId, encode_event
from wire.process import SoleOwner

log = structlog.get_logger(__name__)

_ROOM_AFTER_DROP = 0.95
"""A spool that dropped is this full afterwards, so that it does not drop at every event."""
_DATE_AT_ONCE = 2000
"""Events dated in one transaction: what is read meanwhile ends before those that are not."""


class SpoolSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the spool is and how much it may keep.

    A gate whose clock may be wrong at boot sends what it cannot date yet only when the link is up and the event known
    for `await_clock_s`, urgent events for 5 s at most: most clocks are set in that time. 0 where there is nothing
    that would set the clock. From the share `full_at` of `max_bytes` on it fills up, which is told as a fault.
    """

    path: str = "var/spool.db"
    max_bytes: Annotated[int, Meta(ge=64 * 1024)] = 512 * 1024 * 1024
    max_age_s: Annotated[float, Meta(ge=60)] = 60 * 86400.0
    await_clock_s: Annotated[float, Meta(ge=0, le=3600)] = 0.0
    full_at: Annotated[float, Meta(gt=0, le=1)] = 0.5


class Mark(NamedTuple):
    """How far a replayable source has been read: kept in one transaction with the events that came of it."""

    source: str
    position: int


class Spool:
    """The outbox of one gate. Not thread-safe; every method may raise `SpoolError`."""

    def __init__(
        self,
        site: str,
        gate: str,
        settings: SpoolSettings,
        timekeeper: Timekeeper,
        new_epoch: Callable[[], str] = lambda: secrets.token_hex(6),
        boot: str | None = None,
    ) -> None:
        self.site = site
        self.gate = gate
        self.epoch = ""
        self._path = Path(settings.path)
        self._owner = SoleOwner(self._path)
        self._settings = settings
        self._timekeeper = timekeeper
        self._new_epoch = new_epoch
        self._boot = boot or boot_id()
        self._moments = Moments()
        self._undated = 0
        """Events that can be dated as soon as the clock is right."""
        self._db: sqlite3.Connection | None = None
        self._events = dict.fromkeys(Urgency, 0)
        self._bytes = 0
        self._next = dict.fromkeys(Urgency, 1)

    @property
    def await_clock_s(self) -> float:
        """For how long what may still be dated waits to be sent."""
        return self._settings.await_clock_s

    # -- life -------------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Open or make the file. A corrupt one is put aside and replaced.

        Raises `SpoolError` for a folder that cannot be used, `MenshenError` when another process has the spool open.
        """
        self._make_folder()
        self._owner.take()
        try:
            self._connect()
        except sqlite3.DatabaseError as error:
            if table.code_of(error) not in table.BROKEN:
                raise SpoolError(f"spool {self._path}: {error}") from error
            self._replace_corrupt(error)

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._disconnect()
        self._owner.release()

    def _disconnect(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def stream(self, urgency: Urgency) -> StreamId:
        return StreamId(self.site, self.gate, urgency, self.epoch)

    def next_session(self) -> int:
        """A number that grows by one with each call, for as long as the file lives."""
        with self._transaction() as db:
            session = int(self._meta(db, "session") or 0) + 1
            table.set_meta(db, "session", session)
        return session

    # -- events in --------------------------------------------------------------------------------------------------

    def append(self, events: Sequence[AnyEvent], mark: Mark | None = None) -> None:
        """Keep the events, and the mark, durably and all together, each in its stream.

        Raises `DecodeError` for an event that could not be read again, before anything is written.
        """
        now = self._timekeeper.now()
        numbers = dict(self._next)
        rows = []
        for event in events:
            urgency = urgency_of(event)
            rows.append(self._row(event, urgency, numbers[urgency], numbers[urgency], now))
            numbers[urgency] += 1
        with self._transaction() as db:
            for row in rows:
                table.insert(db, row)
            for stream in {Urgency(row.urgency) for row in rows}:
                table.set_next(db, stream, numbers[stream])
            if mark is not None:
                db.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", mark)
        self._next = numbers
        for row in rows:
            self._events[Urgency(row.urgency)] += 1
            self._bytes += len(row.body)
            self._undated += row.boot is not None
        if now.clock.is_right:
            self._date(now)
            self._keep_young(now.time_ns)
        self._keep_small()

    def _row(self, event: AnyEvent, urgency: Urgency, first: int, last: int, now: Instant) -> Row:
        """The event's row under the numbers `first` to `last`. Raises `DecodeError`."""
        mono_ns = self._moments.of(event, now)
        stored_ns = now.time_ns if now.clock.is_right else 0
        boot = None if mono_ns is None else self._boot
        return Row(urgency, first, last, event.time_ns, stored_ns, encode_event(event), boot, mono_ns)

    def mark(self, source: str) -> int | None:
        """How far the source had been read when its last event was kept."""
        with self._guard() as db:
            row = db.execute("SELECT position FROM marks WHERE source = ?", (source,)).fetchone()
        return None if row is None else int(row[0])

    # -- events out -------------------------------------------------------------------------------------------------

    def read(
        self, urgency: Urgency, after: int, max_events: int, max_bytes: int, undated_until_ns: int | None = None
    ) -> list[Numbered]:
        """The oldest events of a stream behind the number `after`, in order; at least one if there is any.

        They end before the first that can still be dated, unless the clock is not right and that one happened before
        `undated_until_ns` of the monotonic clock (None: whenever it happened).
        """
        now = self._timekeeper.now()
        if now.clock.is_right:
            self._date(now)
        found: list[Numbered] = []
        size = 0
        query = "SELECT seq, last, body, boot, mono_ns FROM events WHERE urgency = ? AND last > ? ORDER BY seq LIMIT ?"
        with self._guard() as db:
            for seq, last, body, boot, mono_ns in db.execute(query, (urgency, after, max_events)):
                size += len(body)
                if found and size > max_bytes:
                    break
                if boot == self._boot and not self._may_go(mono_ns, now, undated_until_ns):
                    break
                found.append(Numbered(seq, msgspec.Raw(body), last if last > seq else None))
        return found

    def _may_go(self, mono_ns: int, now: Instant, until_ns: int | None) -> bool:
        return not now.clock.is_right and (until_ns is None or mono_ns < until_ns)

    def _date(self, now: Instant) -> None:
        """Date what was taken in this boot before the clock was right, urgent events first, as many as go at once."""
        if not self._undated:
            return
        query = "SELECT * FROM events WHERE boot = ? AND urgency = ? ORDER BY seq LIMIT ?"
        with self._transaction() as db:
            left, rows = _DATE_AT_ONCE, []
            for urgency in (Urgency.URGENT, Urgency.ROUTINE):
                rows += [Row(*row) for row in db.execute(query, (self._boot, urgency, left))]
                left = _DATE_AT_ONCE - len(rows)
            for row in rows:
                table.replace(db, table.date(row, now))
        if len(rows) < _DATE_AT_ONCE:
            self._recount()
        else:
            self._undated -= len(rows)

    def trim(self, urgency: Urgency, through: int) -> None:
        """Delete what the hub has: everything of the stream up to the number `through`."""
        done = "FROM events WHERE urgency = ? AND seq <= ? AND last <= ?"
        with self._transaction() as db:
            count, size = db.execute(
                f"SELECT count(*), sum(length(body)) {done}", (urgency, through, through)
            ).fetchone()
            db.execute(f"DELETE {done}", (urgency, through, through))
        self._events[urgency] -= count
        self._bytes -= size or 0

    def last_number(self, urgency: Urgency) -> int:
        """The last number that was given away, 0 when none was."""
        return self._next[urgency] - 1

    def depth(self) -> SpoolDepth:
        """What waits for the hub."""
        heads = []
        with self._guard() as db:
            for urgency in Urgency:
                query = "SELECT time_ns FROM events WHERE urgency = ? ORDER BY seq LIMIT 1"
                heads += [row[0] for row in db.execute(query, (urgency,))]
        oldest_ns = min(heads, default=None)
        return SpoolDepth(self._events[Urgency.URGENT], self._events[Urgency.ROUTINE], self._bytes, oldest_ns)

    def renumber(self, detail: str) -> None:
        """Start a new epoch: what waits is numbered anew from 1, behind a gap event that tells why."""
        gap = self._gap(GapCause.SPOOL_CORRUPT, None, detail)
        with self._transaction() as db:
            rows = [Row(*row) for row in db.execute("SELECT * FROM events ORDER BY urgency, seq")]
            db.execute("DELETE FROM events")
            epoch = self._new_epoch()
            table.set_meta(db, "epoch", epoch)
            numbers = dict.fromkeys(Urgency, 1)
            gap_row = self._row(gap, Urgency.URGENT, 1, 1, self._timekeeper.now())
            for row in [gap_row, *rows]:
                seq = numbers[Urgency(row.urgency)]
                numbers[Urgency(row.urgency)] = seq + 1
                table.insert(db, row._replace(seq=seq, last=seq))
            for urgency, number in numbers.items():
                table.set_next(db, urgency, number)
        self.epoch, self._next = epoch, numbers
        self._recount()

    # -- bounds -----------------------------------------------------------------------------------------------------

    def drop_oldest(self, cause: GapCause, to_bytes: int) -> int:
        """Drop the oldest events, routine before urgent, until at most `to_bytes` are left; the number dropped."""
        dropped = 0
        for urgency in (Urgency.ROUTINE, Urgency.URGENT):
            if self._bytes <= to_bytes:
                break
            with self._transaction() as db:
                excess, upto = self._bytes - to_bytes, 0
                query = "SELECT last, length(body) FROM events WHERE urgency = ? ORDER BY seq"
                for last, size in db.execute(query, (urgency,)):
                    excess, upto = excess - size, last
                    if excess <= 0:
                        break
                dropped += self._drop(db, urgency, upto, cause)
            self._recount()
        return dropped

    def _keep_small(self) -> None:
        if self._bytes > self._settings.max_bytes:
            dropped = self.drop_oldest(GapCause.SPOOL_FULL, int(self._settings.max_bytes * _ROOM_AFTER_DROP))
            log.error("spool full, oldest events dropped", dropped=dropped, max_bytes=self._settings.max_bytes)

    def _keep_young(self, now_ns: int) -> None:
        """By a clock that is right only: one that is wrong would take everything for old, or nothing."""
        aged_ns = now_ns - int(self._settings.max_age_s * 1e9)
        for urgency in Urgency:
            self._drop_aged(urgency, aged_ns)

    def _drop_aged(self, urgency: Urgency, before_ns: int) -> None:
        """Drop what was stored before that moment. Head first: a stream is stored in the order of its numbers, so what
        was stored at an unknown time is as old as whatever follows it."""
        query = "SELECT last, stored_ns FROM events WHERE urgency = ? ORDER BY seq"
        upto = 0
        with self._guard() as db:
            for last, stored_ns in db.execute(query, (urgency,)):
                if stored_ns >= before_ns:
                    break
                upto = last if stored_ns else upto
        if not upto:
            return
        with self._transaction() as db:
            dropped = self._drop(db, urgency, upto, GapCause.SPOOL_AGED)
        if dropped:
            self._recount()
            log.error("spool too old, events dropped", dropped=dropped, urgency=urgency)

    def _drop(self, db: sqlite3.Connection, urgency: Urgency, upto: int, cause: GapCause) -> int:
        """Replace the stream's events up to the number `upto` by one gap that stands for them; the number lost."""
        query = "SELECT * FROM events WHERE urgency = ? AND last <= ? ORDER BY seq"
        rows = [Row(*row) for row in db.execute(query, (urgency, upto))]
        if not rows or (len(rows) == 1 and rows[0].last > rows[0].seq):
            return 0  # nothing, or nothing but the gap that is there already
        lost, since_ns, until_ns = table.losses(rows)
        gap = self._gap(cause, lost, "", since_ns, until_ns)
        db.execute("DELETE FROM events WHERE urgency = ? AND last <= ?", (urgency, upto))
        row = self._row(gap, urgency, rows[0].seq, upto, self._timekeeper.now())
        table.insert(db, row._replace(stored_ns=rows[-1].stored_ns))
        return lost

    def _gap(
        self, cause: GapCause, lost: int | None, detail: str, since_ns: int | None = None, until_ns: int | None = None
    ) -> Gap:
        now = self._timekeeper.now()
        return Gap(
            time_ns=now.time_ns,
            clock=now.clock,
            cause=cause,
            lost=lost,
            since_ns=since_ns,
            until_ns=until_ns,
            detail=detail,
        )

    # -- the file ---------------------------------------------------------------------------------------------------

    def _make_folder(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SpoolError(f"spool folder {self._path.parent}: {error.strerror}") from error

    def _connect(self) -> None:
        db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            found = db.execute("PRAGMA quick_check").fetchone()[0]
            if found != "ok":
                raise table.broken(f"quick_check: {found}")  # noqa: TRY301 - handled like SQLite's own word for it
            db.executescript(table.SCHEMA)
            table.bring_up(db)
            self._db = db
            self._load()
        except BaseException:
            self._db = None
            db.close()
            raise

    def _load(self) -> None:
        with self._transaction() as db:
            epoch = self._meta(db, "epoch")
            if epoch is None:
                epoch = self._new_epoch()
                table.set_meta(db, "epoch", epoch)
            self.epoch = str(epoch)
            for urgency in Urgency:
                row = db.execute("SELECT next FROM streams WHERE urgency = ?", (urgency,)).fetchone()
                self._next[urgency] = 1 if row is None else int(row[0])
        self._recount()

    def _recount(self) -> None:
        """Count what is in the file, rather than trust sums kept beside it."""
        self._events = dict.fromkeys(Urgency, 0)
        self._bytes = 0
        query = "SELECT urgency, count(*), sum(length(body)) FROM events GROUP BY urgency"
        with self._guard() as db:
            for urgency, count, size in db.execute(query):
                self._events[Urgency(urgency)] = count
                self._bytes += size
            undated = db.execute("SELECT count(*) FROM events WHERE boot = ?", (self._boot,)).fetchone()
        self._undated = int(undated[0])

    def _replace_corrupt(self, cause: Exception) -> None:
        """Put the corrupt file aside and carry over what it still says."""
        self._disconnect()
        aside = self._path.with_name(f"{self._path.name}.corrupt-{self._timekeeper.now().time_ns}")
        for suffix in ("", "-wal", "-shm"):
            part = self._path.with_name(self._path.name + suffix)
            if part.exists():
                part.rename(aside.with_name(aside.name + suffix))
        log.error("spool corrupt, put aside", file=str(aside), error=str(cause))
        saved = salvage(aside)
        try:
            self._connect()
        except sqlite3.DatabaseError as error:
            raise SpoolError(f"spool {self._path}: {error}") from error
        self._carry_over(saved, f"{cause}; the old file is kept as {aside.name}")

    def _carry_over(self, saved: Salvage, why: str) -> None:
        if saved.epoch is None:
            self.append([self._gap(GapCause.SPOOL_CORRUPT, None, why)])
            return
        with self._transaction() as db:
            table.set_meta(db, "epoch", saved.epoch)
            table.set_meta(db, "session", saved.session)
            db.executemany("INSERT OR REPLACE INTO marks VALUES (?, ?)", saved.marks)
            for urgency in Urgency:
                rows = [row for row in saved.rows if row.urgency == urgency]
                upto = max(saved.next.get(urgency, 1), rows[-1].last + 1 if rows else 1)
                for row in self._without_holes(rows, urgency, upto, why):
                    table.insert(db, row)
                table.set_next(db, urgency, upto)
        self._load()
        self.append([self._gap(GapCause.SPOOL_CORRUPT, None, why)])
        log.warning("spool carried over", events=len(saved.rows))

    def _without_holes(self, rows: list[Row], urgency: Urgency, upto: int, why: str) -> Iterator[Row]:
        """The rows with gaps for the numbers that are missing between them, and behind them before `upto`.

        Nothing can be said of what was before the first: the hub may have it. The uplink sees when it has not.
        """
        if not rows:
            return
        expected = rows[0].seq
        for row in rows:
            if row.seq > expected:
                yield self._hole(urgency, expected, row.seq - 1, why)
            yield row
            expected = row.last + 1
        if expected < upto:
            yield self._hole(urgency, expected, upto - 1, why)

    def _hole(self, urgency: Urgency, first: int, last: int, why: str) -> Row:
        gap = self._gap(GapCause.SPOOL_CORRUPT, last - first + 1, why)
        return self._row(gap, urgency, first, last, self._timekeeper.now())

    # -- SQLite -----------------------------------------------------------------------------------------------------

    def _guard(self) -> _Guard:
        return _Guard(self, begin=False)

    def _transaction(self) -> _Guard:
        return _Guard(self, begin=True)

    def _meta(self, db: sqlite3.Connection, key: str) -> str | int | None:
        row = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else row[0]


class _Guard:
    """Lends the connection, in a transaction if asked, and turns SQLite's errors into `SpoolError`.

    A file that turns out to be corrupt is replaced at once; the caller's work fails and may be tried again.
    """

    def __init__(self, spool: Spool, *, begin: bool) -> None:
        self._spool = spool
        self._begin = begin

    def __enter__(self) -> sqlite3.Connection:
        db = self._spool._db
        if db is None:
            raise SpoolError(f"spool {self._spool._path}: not open")
        if self._begin:
            try:
                db.execute("BEGIN IMMEDIATE")
            except sqlite3.DatabaseError as error:
                raise self._translate(error) from error
        return db

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        db = self._spool._db
        assert db is not None
        try:
            if self._begin and db.in_transaction:
                db.execute("ROLLBACK" if error else "COMMIT")
        except sqlite3.DatabaseError as failed:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise self._translate(failed) from failed
        if isinstance(error, sqlite3.DatabaseError):
            raise self._translate(error) from error

    def _translate(self, error: sqlite3.DatabaseError) -> SpoolError:
        if table.code_of(error) in table.BROKEN:
            self._spool._replace_corrupt(error)
        return SpoolError(f"spool {self._spool._path}: {error}")
