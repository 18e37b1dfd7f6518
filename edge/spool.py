"""The durable outbox: what the hub has not acknowledged yet, on disk, numbered.

SQLite in WAL mode with full synchronisation: when `append` returns, a power cut loses nothing. Two streams (urgent and
routine) share one epoch, which is made with the file. The spool is bounded in bytes and in age; when it must drop it
drops the oldest routine events first, and a `gap` event takes over their numbers, so that the stream has no holes.

A file that turns out to be corrupt never stops the gate: it is put aside, every row of it that is still whole is
carried over with its numbers, holes become gaps, and where not even the numbering can be read a new epoch begins with a
gap event. Where power or room on the disk does not last for that, it is done again from what was put aside
(`edge.setting_aside`). Rows carry checksums, so that a bit that flipped in one is found before it is sent.

A card that was restored from an image, or lied about a write, gives numbers away twice, and so do two machines with
images of one card. Each running of the agent is a run with a name (`edge.lineage`): the hub's watermark names the run
of the number, and where that is another's, `renumber` starts a new epoch (invariant 6).

This class blocks; `edge.outbox.Outbox` gives it a thread of its own.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import structlog

from edge import setting_aside
from edge import spool_rows as table
from edge.carrying import carry
from edge.clock import Instant, Timekeeper, boot_id
from edge.dating import Moments
from edge.lineage import before
from edge.replacing import Replacing
from edge.salvage import PAGE, Salvage, damage, size
from edge.spool_guard import Guard
from edge.spool_rows import Mark, Numbers, Row, Run
from edge.spool_settings import SpoolSettings
from wire.errors import SpoolError
from wire.events import AnyEvent, Gap, GapCause, Urgency, urgency_of
from wire.messages import Numbered, SpoolDepth, StreamId, encode_event
from wire.process import SoleOwner

__all__ = ["Mark", "Spool", "SpoolSettings"]
log = structlog.get_logger(__name__)

_ROOM_AFTER_DROP = 0.95
"""A spool that dropped is this full afterwards, so that it does not drop at every event."""
_DATE_AT_ONCE = 2000
"""Events dated in one transaction: what is read meanwhile ends before those that are not."""


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
        self._epochs = dict.fromkeys(Urgency, "")
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
        self._is_open = False
        self._replacing = Replacing(self._path, timekeeper, self._disconnect, self._has_all_of, self._carry_over)
        self._events = dict.fromkeys(Urgency, 0)
        self._bytes = 0
        self._next, self._low = dict.fromkeys(Urgency, 1), dict.fromkeys(Urgency, 0)
        self._run = ""
        self._runs: dict[Urgency, list[Run]] = {urgency: [] for urgency in Urgency}

    @property
    def epoch(self) -> str:
        """The epoch of the urgent stream, empty until the spool is open; the routine one's is the same until one of the
        two had to begin anew."""
        return self._epochs[Urgency.URGENT]

    @property
    def run(self) -> str:
        return self._run  # another whenever the file was replaced: numbers may be others than before

    @property
    def await_clock_s(self) -> float:
        """For how long what may still be dated waits to be sent."""
        return self._settings.await_clock_s

    # -- life -------------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Open or make the file. A corrupt one is put aside and replaced; where that must wait for room on the disk,
        everything but this raises `SpoolError` until it was done.

        Raises `SpoolError` for a folder that cannot be used, `MenshenError` when another process has the spool open.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            is_lost = self._owner.was_taken and not size(self._path) and setting_aside.pending(self._path) is None
        except OSError as error:
            raise SpoolError(f"spool folder {self._path.parent}: {error.strerror}") from error
        self._owner.take()
        self._is_open = True
        try:
            self._open_file()
        except SpoolError as error:
            if not self._replacing.fault:
                self.close()
                raise
            log.error("damaged spool is not replaced yet, events wait in memory", error=str(error))
            return
        if is_lost:
            self.append([self._gap(GapCause.SPOOL_CORRUPT, None, "the spool's file is gone, or empty")])

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._is_open = False
        self._disconnect()
        self._owner.release()

    def _disconnect(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            db.close()

    def stream(self, urgency: Urgency) -> StreamId:
        return StreamId(self.site, self.gate, urgency, self._epochs[urgency])

    def next_session(self) -> int:
        """A number that grows by one with each call, for as long as the file lives."""
        with self._transaction() as db:
            session = 1 + int(table.meta(db, "session") or 0)
            table.set_meta(db, "session", session)
        return session

    # -- events in --------------------------------------------------------------------------------------------------

    def append(self, events: Sequence[AnyEvent], mark: Mark | None = None) -> None:
        """Keep the events, and the mark, durably and all together, each in its stream.

        Raises `DecodeError` for an event that could not be read again. Where it raises, nothing was written."""
        now = self._timekeeper.now()
        numbers = dict(self._next)
        rows = []
        for event in events:
            urgency = urgency_of(event)
            rows.append(self._row(event, urgency, numbers[urgency], numbers[urgency], now))
            numbers[urgency] += 1
        with self._transaction() as db:
            for row in rows:
                table.insert(db, row, self._epochs[Urgency(row.urgency)])
            begun = [run for stream in {Urgency(row.urgency) for row in rows} if (run := self._begin_run(db, stream))]
            for stream in {Urgency(row.urgency) for row in rows}:
                self._set_next(db, stream, numbers[stream])
            if mark is not None:
                db.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", mark)
        self._next = numbers
        for run in begun:
            self._runs[Urgency(run.urgency)] = [*before(self._runs[Urgency(run.urgency)], run.first), run]
        for row in rows:
            self._events[Urgency(row.urgency)] += 1
            self._bytes += len(row.body)
            self._undated += row.boot is not None
        try:
            if now.clock.is_right:
                self._date(now)
                self._keep_young(now.time_ns)
            self._keep_small()
        except SpoolError as error:  # the events are kept: whoever brought them must not bring them again
            log.error("spool cannot be tidied", error=str(error))

    def _begin_run(self, db: sqlite3.Connection, urgency: Urgency) -> Run | None:
        """Note that the stream's numbers from the next on are of this running, if they were another's before."""
        runs = before(self._runs[urgency], self._next[urgency])
        last = runs[-1].run if runs else ""
        if last == self._run:
            return None
        run = Run(urgency, self._next[urgency], self._run, last, self._epochs[urgency]).sealed()
        table.add_run(db, run)
        return run

    def _set_next(self, db: sqlite3.Connection, urgency: Urgency, number: int) -> None:
        table.set_numbers(db, Numbers(urgency, number, self._low[urgency], self._epochs[urgency]))

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
        try:
            return self._read(urgency, after, max_events, max_bytes, undated_until_ns)
        except sqlite3.DatabaseError as error:  # found by a checksum: SQLite does not look at what rows say
            self._replacing.begin(error)
        return self._read(urgency, after, max_events, max_bytes, undated_until_ns)

    def _read(
        self, urgency: Urgency, after: int, max_events: int, max_bytes: int, undated_until_ns: int | None
    ) -> list[Numbered]:
        """Raises `sqlite3.DatabaseError` for a row that is not as it was written, or is missing."""
        now, broken, upto = self._timekeeper.now(), "", self._next[urgency]
        found: list[Numbered] = []
        size, expected, is_all = 0, max(after, self._low[urgency]) + 1, False
        query = "SELECT * FROM events WHERE urgency = ? AND last > ? ORDER BY seq LIMIT ?"
        with self._guard() as db:
            for values in db.execute(query, (urgency, after, max_events)):
                row = Row(*values)
                if not row.is_whole or row.seq > expected or row.epoch != self._epochs[urgency]:
                    broken = f"{urgency} {expected} is missing" if row.is_whole else f"{urgency} {row.seq} is not whole"
                    break
                size += len(row.body)
                if found and size > max_bytes:
                    break
                if row.boot == self._boot and not self._may_go(row.mono_ns or 0, now, undated_until_ns):
                    break
                found.append(Numbered(row.seq, msgspec.Raw(row.body), row.last if row.last > row.seq else None))
                expected = row.last + 1
            else:
                is_all = len(found) < max_events
        if is_all and expected < upto:
            broken = f"{urgency} {expected} to {upto - 1} are missing"
        if broken:
            raise table.broken(f"rows: {broken}")
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
                table.replace(db, table.date(row, now), self._epochs[Urgency(row.urgency)])
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
            low = max(self._low[urgency], min(through, self._next[urgency] - 1))
            table.set_numbers(db, Numbers(urgency, self._next[urgency], low, self._epochs[urgency]))
        self._low[urgency] = low
        self._events[urgency] -= count
        self._bytes -= size or 0

    def last_number(self, urgency: Urgency) -> int:
        """The last number that was given away, 0 when none was."""
        return self._next[urgency] - 1

    def trimmed(self, urgency: Urgency) -> int:
        return self._low[urgency]  # the last number that was deleted because the hub had it

    def runs(self, urgency: Urgency) -> list[Run]:
        return self._runs[urgency]  # which gave the stream's numbers, oldest first

    def depth(self) -> SpoolDepth:
        """What waits for the hub."""
        with self._guard() as db:
            oldest_ns = min(table.heads(db), default=None)
        return SpoolDepth(self._events[Urgency.URGENT], self._events[Urgency.ROUTINE], self._bytes, oldest_ns)

    def renumber(self, urgency: Urgency, detail: str, in_common: int = 0) -> None:
        """Start a new epoch of one stream: what waits is numbered anew from 1, but for what the hub has, which is
        everything up to the number `in_common`; and a gap event tells why."""
        if urgency is not Urgency.URGENT:
            self.append([self._gap(GapCause.SPOOL_CORRUPT, None, detail)])  # first: rather told twice than never
        query = "SELECT * FROM events WHERE urgency = ? AND last > ? ORDER BY seq"
        with self._transaction() as db:
            rows = [Row(*row) for row in db.execute(query, (urgency, in_common))]
            db.execute("DELETE FROM events WHERE urgency = ?", (urgency,))
            db.execute("DELETE FROM runs WHERE urgency = ?", (urgency,))
            epoch = self._new_epoch()
            if urgency is Urgency.URGENT:
                told = self._row(self._gap(GapCause.SPOOL_CORRUPT, None, detail), urgency, 1, 1, self._timekeeper.now())
                rows.insert(0, told)
            for seq, row in enumerate(rows, start=1):
                table.insert(db, row._replace(seq=seq, last=seq), epoch)
            run = Run(urgency, 1, self._run, "", epoch).sealed()
            table.add_run(db, run)
            table.set_numbers(db, Numbers(urgency, len(rows) + 1, 0, epoch))
        self._epochs[urgency], self._next[urgency], self._low[urgency] = epoch, len(rows) + 1, 0
        self._runs[urgency] = [run]
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
        with self._guard() as db:
            upto = table.aged_upto(db, urgency, before_ns)
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
        table.insert(db, row._replace(stored_ns=rows[-1].stored_ns), self._epochs[urgency])
        return lost

    def _gap(
        self, cause: GapCause, lost: int | None, detail: str, since_ns: int | None = None, until_ns: int | None = None
    ) -> Gap:
        now = self._timekeeper.now()
        return Gap(
            time_ns=now.time_ns, clock=now.clock, cause=cause, lost=lost, since_ns=since_ns, until_ns=until_ns,
            detail=detail,
        )  # fmt: skip

    # -- the file ---------------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        if found := damage(self._path):
            raise table.broken(found)
        db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        try:
            db.execute(f"PRAGMA page_size = {PAGE}")
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            found = db.execute("PRAGMA quick_check").fetchone()[0]
            if found != "ok":
                raise table.broken(f"quick_check: {found}")  # noqa: TRY301 - handled like SQLite's own word for it
            db.executescript(table.SCHEMA)
            self._db = db
            self._load()
        except BaseException:
            self._db = None
            db.close()
            raise

    def _load(self) -> None:
        """Take up the numbering. Raises `sqlite3.DatabaseError` when it is not as it was written."""
        assert self._db is not None
        self._db.execute("BEGIN IMMEDIATE")  # without a guard: whoever opens the file replaces it, if need be
        table.bring_up(self._db)
        found = table.numbering(self._db, self._new_epoch)
        self._db.execute("COMMIT")
        for one, runs in found:
            urgency = Urgency(one.urgency)
            self._epochs[urgency], self._next[urgency], self._low[urgency] = one.epoch, one.next, one.low
            self._runs[urgency] = runs
        self._run = secrets.token_hex(4)
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
            self._undated = table.count_undated(db, self._boot)

    def _open_file(self) -> None:
        """Connect; what is damaged, or was put aside and not carried over yet, is replaced. Raises `SpoolError`."""
        try:
            if (left := setting_aside.pending(self._path)) is not None:
                self._replacing.go_on(left)
            else:
                self._connect()
        except sqlite3.DatabaseError as error:
            if table.code_of(error) not in table.BROKEN:
                raise SpoolError(f"spool {self._path}: {error}") from error
            self._replacing.begin(error)
        except OSError as error:
            raise SpoolError(f"spool {self._path}: {error.strerror}") from error

    def _has_all_of(self, aside: str) -> bool:
        """Whether this file has all of what was put aside under that name. Raises `sqlite3.DatabaseError`."""
        try:
            self._connect()
            assert self._db is not None
            return table.meta(self._db, "carried") == aside
        except sqlite3.DatabaseError as error:
            if table.code_of(error) in {*table.BROKEN, sqlite3.SQLITE_FULL}:
                return False
            raise

    def _carry_over(self, saved: Salvage, why: str, aside: str) -> None:
        """Make a file with all of this, and say in it last that it is so. Raises `SpoolError`, `DatabaseError`."""
        self._next, self._low = dict.fromkeys(Urgency, 1), dict.fromkeys(Urgency, 0)
        self._connect()
        with self._transaction() as db:
            carry(db, saved, lambda urgency, first, last: self._hole(urgency, first, last, why))
        self._load()
        self.append([self._gap(GapCause.SPOOL_CORRUPT, None, why)])
        with self._transaction() as db:
            table.set_meta(db, "carried", aside)
        log.warning("spool carried over", events=sum(len(found.rows) for found in saved.streams.values()))

    def _hole(self, urgency: Urgency, first: int, last: int, why: str) -> Row:
        gap = self._gap(GapCause.SPOOL_CORRUPT, last - first + 1, why)
        return self._row(gap, urgency, first, last, self._timekeeper.now())

    # -- SQLite -----------------------------------------------------------------------------------------------------

    def _guard(self, *, begin: bool = False) -> Guard:
        return Guard(self._lend, f"spool {self._path}", self._replacing.begin, begin=begin)

    def _lend(self) -> sqlite3.Connection | None:
        """The connection. Where there is none because a damaged file could not be replaced, that is tried again, and
        whoever asked fails once more: the numbers may be others. Raises `SpoolError`."""
        if self._db is None and self._is_open and not self._replacing.is_under_way:
            self._replacing.check_due()
            self._open_file()
            raise SpoolError(f"spool {self._path}: was replaced just now, try again")
        return self._db

    def _transaction(self) -> Guard:
        return self._guard(begin=True)
