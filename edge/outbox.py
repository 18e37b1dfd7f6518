"""The spool with a thread of its own: many events share one fsync, and a failing disk never stops a decision."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import NamedTuple, TypeVar

import structlog

from edge.clock import Timekeeper
from edge.spool import Mark, Spool
from edge.spool_rows import Run
from wire.errors import DecodeError, SpoolError
from wire.events import AnyEvent, Gap, GapCause, Urgency, urgency_of
from wire.link import Backoff
from wire.messages import Numbered, SpoolDepth, StreamId, encode_event

log = structlog.get_logger(__name__)
T = TypeVar("T")

MAX_WAITING = 20_000
"""Events kept in memory while the disk refuses; beyond it the oldest routine ones are lost, and a gap says so."""

_MEMORY_SCARCE = 0.5
"""From this share of it on, room is made on a full disk by giving up the oldest that is there."""

MAX_COMMIT = 1000
"""Events in one transaction at most."""


class _Waiting(NamedTuple):
    event: AnyEvent
    mark: Mark | None
    kept: asyncio.Future[None]


class Ahead(NamedTuple):
    """The oldest events of a stream behind a number, the runs that gave its numbers, and the last one that is deleted:
    all of one moment."""

    events: list[Numbered]
    stream: StreamId
    runs: list[Run]
    low: int


class Outbox:
    """The gate's outbox for asyncio: `put` returns when the event is durable."""

    def __init__(self, spool: Spool, timekeeper: Timekeeper, max_waiting: int = MAX_WAITING) -> None:
        self.spool = spool
        self.changed = asyncio.Event()
        """Set whenever something new can be sent."""
        self.fault = ""
        """What the disk said last, empty when all is well."""
        self.tries = 0
        """How often it was tried to write."""
        self._timekeeper = timekeeper
        self._max_waiting = max_waiting
        self._waiting: deque[_Waiting] = deque()
        self._lost = 0
        self._wake = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self._writer: asyncio.Task[None] | None = None
        self._commit: asyncio.Task[None] | None = None
        self._in_commit = 0
        """So many of the first that wait are being written."""

    async def start(self) -> None:
        """Open the spool and begin to write. Raises `SpoolError` when its folder cannot be used."""
        await self._run(self.spool.open)
        self._writer = asyncio.create_task(self._write_for_ever(), name="spool writer")

    async def stop(self) -> None:
        """Write what waits, then close."""
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
            self._writer = None
        if self._commit is not None:  # the disk does not stop with us: what it is just keeping must not be kept again
            await asyncio.gather(self._commit, return_exceptions=True)
        if self._waiting:
            try:
                await self._write()
            except SpoolError as error:
                log.error("events not kept at stop", events=len(self._waiting), error=str(error))
        await self._run(self.spool.close)
        self._thread.shutdown()

    @property
    def has_work(self) -> bool:
        """Whether something waits to be written."""
        return bool(self._waiting)

    async def put(self, event: AnyEvent, mark: Mark | None = None) -> None:
        """Keep one event; return when it is durable. Raises `DecodeError` for an event that nobody could read."""
        waiting = _Waiting(event, mark, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._bound_waiting()
        self._wake.set()
        await asyncio.shield(waiting.kept)

    async def read(
        self, urgency: Urgency, after: int, max_events: int, max_bytes: int, undated_until_ns: int | None = None
    ) -> list[Numbered]:
        return await self._run(lambda: self.spool.read(urgency, after, max_events, max_bytes, undated_until_ns))

    async def ahead(
        self, urgency: Urgency, after: int, max_events: int, max_bytes: int, undated_until_ns: int | None = None
    ) -> Ahead:
        """What is to be sent next, and whose numbers it has: the stream may begin anew while somebody waits for it."""
        return await self._run(
            lambda: Ahead(
                self.spool.read(urgency, after, max_events, max_bytes, undated_until_ns),
                self.spool.stream(urgency),
                self.spool.runs(urgency),
                self.spool.trimmed(urgency),
            )
        )

    async def trim(self, urgency: Urgency, through: int) -> None:
        await self._run(lambda: self.spool.trim(urgency, through))

    async def depth(self) -> SpoolDepth:
        return await self._run(self.spool.depth)

    async def renumber(self, urgency: Urgency, detail: str, in_common: int = 0) -> None:
        await self._run(lambda: self.spool.renumber(urgency, detail, in_common))
        self.changed.set()

    async def next_session(self) -> int:
        return await self._run(self.spool.next_session)

    async def mark(self, source: str) -> int | None:
        return await self._run(lambda: self.spool.mark(source))

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _write_for_ever(self) -> None:
        backoff = Backoff(0.2, 10.0)
        while True:
            await self._wake.wait()
            self._wake.clear()
            self.tries += 1
            try:
                await self._write()
            except SpoolError as error:
                if str(error) != self.fault:
                    log.error("spool cannot be written, events wait in memory", error=str(error))
                self.fault = str(error)
                await self._make_room()
                await asyncio.sleep(backoff.next_s())
                self._wake.set()
            else:
                self.fault = ""
                backoff.reset()

    async def _write(self) -> None:
        """Everything that waits, in as few transactions as can be."""
        while self._waiting:
            batch = self._next_batch()
            self._in_commit = len(batch)  # before anybody else runs
            self._commit = asyncio.create_task(self._keep(batch), name="spool commit")
            await asyncio.shield(self._commit)

    async def _keep(self, batch: list[_Waiting]) -> None:
        """One transaction. Raises `SpoolError`; then all of it still waits."""
        events = [waiting.event for waiting in batch]
        lost, self._lost = self._lost, 0
        if lost:
            events.insert(0, self._lost_gap(lost))
        mark = next((waiting.mark for waiting in reversed(batch) if waiting.mark), None)
        try:
            await self._run(partial(self.spool.append, events, mark))
        except SpoolError:
            self._lost += lost
            raise
        except DecodeError:
            self._lost += lost
            self._refuse_unreadable(batch)
            return
        finally:
            self._in_commit = 0
        for waiting in batch:
            self._waiting.popleft()
            if not waiting.kept.done():
                waiting.kept.set_result(None)
        self.changed.set()

    def _next_batch(self) -> list[_Waiting]:
        """What goes into one transaction: at most one source's marks, of which the last says it all."""
        batch: list[_Waiting] = []
        source: str | None = None
        for waiting in self._waiting:
            if waiting.mark is not None and source not in {None, waiting.mark.source}:
                break
            source = waiting.mark.source if waiting.mark else source
            batch.append(waiting)
            if len(batch) == MAX_COMMIT:
                break
        return batch

    def _refuse_unreadable(self, batch: list[_Waiting]) -> None:
        """Take out what cannot be encoded, and tell those who put it; the rest is tried again."""
        for waiting in batch:
            try:
                encode_event(waiting.event)
            except DecodeError as error:
                self._waiting.remove(waiting)
                waiting.kept.set_exception(error)

    def _lost_gap(self, lost: int) -> Gap:
        now = self._timekeeper.now()
        return Gap(time_ns=now.time_ns, clock=now.clock, cause=GapCause.WRITE_FAILED, lost=lost)

    def _bound_waiting(self) -> None:
        if len(self._waiting) <= self._max_waiting:
            return
        free = list(islice(self._waiting, self._in_commit, None))
        victim = next((waiting for waiting in free if urgency_of(waiting.event) is Urgency.ROUTINE), free[0])
        self._waiting.remove(victim)
        self._lost += 1
        if not victim.kept.done():
            victim.kept.set_exception(SpoolError("memory full while the disk refuses; counted in a gap"))

    async def _make_room(self) -> None:
        """The disk may be full: give up a tenth of the oldest events rather than every new one; but not before memory
        runs out, too. Until then the disk may have room again, and nothing was lost."""
        if "full" not in self.fault or len(self._waiting) < self._max_waiting * _MEMORY_SCARCE:
            return
        try:
            depth = await self.depth()
            await self._run(lambda: self.spool.drop_oldest(GapCause.SPOOL_FULL, int(depth.bytes * 0.9)))
        except SpoolError as error:
            log.error("no room could be made", error=str(error))
