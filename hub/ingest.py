"""MQTT → journal → acknowledgement.

    urgent events, births ──► one connection ──┐
    routine events, pulses ──► another ────────┴─► inbox, urgent first ──► commit ──► watermarks

Messages that arrive while a commit is under way go into the next one together, so that one fsync serves many. A
watermark is published after the commit and never before; of several that wait for one stream only the last is sent. It
goes with quality of service 0: a gate that misses one sends again, and is answered again.

A backlog of thousands of gates fills the broker's queue of one connection and the hub's inbox up to its bound, and a
fever waits behind none of it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

import structlog

from hub.archive import Archive
from hub.journal import OWN_GATE, Bad, Taken
from hub.lineage import TOLD, run_at
from hub.presence import Presence
from wire import bulk, topics
from wire.bulk import BulkSession
from wire.errors import DecodeError, JournalError
from wire.events import Urgency
from wire.link import Arrival, Backoff, BrokerSettings, hold_by
from wire.messages import SCHEMA_VERSION, Batch, Status, StreamId, Vitals, Watermark, decode, encode
from wire.mqtt import Message
from wire.topics import Address, Channel

log = structlog.get_logger(__name__)

URGENT: Final = "urgent"
ROUTINE: Final = "routine"
"""The two connections."""
MAX_COMMIT_BYTES = 1024 * 1024
"""A commit takes no more than this, so that it stays short: an urgent event waits for one at most."""
COMMIT_EVERY_S = 0.02
COMMIT_LATE_S = 0.1
"""After a commit behind which nothing waits: no more often than this, nor for more than half of the time (a slow disk,
a busy machine), but never later than that; of each commit a part is for itself alone. What arrived during a commit goes
at once into the next."""
HOLD_S = 0.5
HOLD_LOOK_S = 0.005
"""Routine events wait so long at most for the journal's readers to keep up (`Ingest.readers_lag`)."""
MOST_BAD = 1_000
"""Messages that were not understood and wait to be kept, while the journal cannot be written."""
MAX_WAITING_BYTES = 8 * MAX_COMMIT_BYTES
"""Of routine events that wait for their commit; beyond it nothing more is taken from the broker."""


class Ingest:
    """The hub's end of the delivery protocol."""

    def __init__(
        self,
        archive: Archive,
        presence: Presence,
        broker: BrokerSettings,
        client_id: str,
        site: str | None = None,
        new_events: Callable[[int], None] = lambda count: None,
    ) -> None:
        self.commits = 0
        """Commits tried: its progress, for the watchdog."""
        self.error = ""
        """Why the journal cannot be written, at the last commit; empty when it could."""
        self.readers_lag: Callable[[], bool] = lambda: False
        """Whether a reader of the journal is about to fall so far behind that it must read from disk what is in memory
        now, and decode it again: a backlog is done sooner, altogether, where it does not run ahead of them."""
        self._archive = archive
        self._presence = presence
        self._broker = broker
        self._client_id = client_id
        self._site = site
        self._new_events = new_events
        self._up: set[str] = set()
        self._inbox: dict[Urgency, deque[tuple[int, Batch]]] = {urgency: deque() for urgency in Urgency}
        self._waiting_bytes = 0
        self._room = asyncio.Event()
        self._room.set()
        self._bad: list[Bad] = []
        self._arrived = asyncio.Event()
        self._marks: dict[StreamId, Watermark] = {}
        self._marked = asyncio.Event()

    @property
    def connected(self) -> bool:
        """Whether gates can be heard, in every respect."""
        return self._up == {URGENT, ROUTINE}

    @property
    def waiting(self) -> int:
        """How many messages that arrived wait for their commit."""
        return sum(map(len, self._inbox.values()))

    @property
    def has_work(self) -> bool:
        """Whether something that arrived waits for its commit."""
        return any(self._inbox.values())

    async def run(self) -> None:
        """Until cancelled. What waited at an end before was not acknowledged, and is sent again."""
        self._empty()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._commit_for_ever(), name="journal commits")
            for link in (URGENT, ROUTINE):
                name = self._client_id if link == URGENT else f"{self._client_id}-{link}"
                tasks.create_task(
                    hold_by(bulk.connect, self._broker, name, partial(self._use, link)), name=f"hub link, {link}"
                )

    async def _use(self, link: str, session: BulkSession) -> None:
        if heard := self._heard(link):
            await session.subscribe(heard)
        self._up.add(link)
        jobs = [self._receive(session, waits=link == ROUTINE), self._follow(link, session)]
        if link == URGENT:
            jobs.append(self._acknowledge(session))
        tasks = [asyncio.create_task(job, name=f"hub link, {link}") for job in jobs]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self._up.discard(link)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _heard(self, link: str) -> list[str]:
        """What to subscribe to at each connection."""
        return (topics.urgent_from_gates if link == URGENT else topics.routine_from_gates)(self._site)

    async def _follow(self, link: str, session: BulkSession) -> None:
        """What else there is to do while a connection lasts; a hub that is alone hears all its gates from the first."""
        await asyncio.Event().wait()

    # -- in ---------------------------------------------------------------------------------------------------------

    async def _receive(self, session: BulkSession, *, waits: bool) -> None:
        async for arrival in session.arrivals():
            if waits and self._waiting_bytes > MAX_WAITING_BYTES:
                self._room.clear()
                await self._room.wait()
            try:
                self._take(arrival)
            except DecodeError as error:
                log.warning("message not understood", topic=arrival.topic, error=str(error))
                if len(self._bad) < MOST_BAD:
                    self._bad.append(Bad("message", arrival.topic, str(error), arrival.payload))
                self._arrived.set()

    def _take(self, arrival: Arrival) -> None:
        address = _of_a_gate(topics.parse(arrival.topic))
        match address.channel:
            case Channel.EVENTS:
                batch = _batch(address, arrival.payload)
                self._presence.heard(address.site, address.gate)
                size = len(arrival.payload)
                self._inbox[batch.stream.urgency].append((size, batch))
                self._waiting_bytes += size
                self._arrived.set()
            case Channel.STATUS:
                self._take_status(address, decode(Status, arrival.payload))
            case Channel.VITALS:
                self._presence.pulse(address.site, address.gate, decode(Vitals, arrival.payload))

    def _take_status(self, address: Address, status: Status) -> None:
        """A birth is answered with how far the hub is: only then the gate begins to send."""
        if not self._presence.status(address.site, address.gate, status) or not status.online:
            return
        for urgency in Urgency:
            stream = StreamId(address.site, address.gate, urgency, status.epoch_of(urgency))
            self._mark(stream, self._archive.through(stream), resend=False, is_first=True)

    # -- commit -----------------------------------------------------------------------------------------------------

    async def _commit_for_ever(self) -> None:
        backoff, loop = Backoff(0.1, 10.0), asyncio.get_running_loop()
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            begun_s = loop.time()
            try:
                await self._commit_all()
                self.error = ""
                backoff.reset()
                took_s = loop.time() - begun_s
                await asyncio.sleep(max(COMMIT_EVERY_S, min(2 * took_s, COMMIT_LATE_S)) - took_s)
            except JournalError as error:
                # Nothing was acknowledged: the gates keep it and send it again.
                self.error = str(error)
                log.error("journal cannot be written", error=self.error)
                self._empty()
                await asyncio.sleep(backoff.next_s())

    def _empty(self) -> None:
        for inbox in self._inbox.values():
            inbox.clear()
        self._waiting_bytes = 0
        self._room.set()

    async def _commit_all(self) -> None:
        while self.has_work or self._bad:
            self.commits += 1
            if self._bad:
                letters = list(self._bad)
                await self._archive.bury(letters)
                del self._bad[: len(letters)]
            await self._wait_for_readers()
            batches = self._next_batches()
            if batches:
                taken = await self._archive.append(batches)
                self._acknowledge_later(taken)

    async def _wait_for_readers(self) -> None:
        """An urgent event waits for nobody, a routine one not for long: a reader may be stuck."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + HOLD_S
        while self.readers_lag() and not self._inbox[Urgency.URGENT] and loop.time() < until_s:  # noqa: ASYNC110 - no bell
            await asyncio.sleep(HOLD_LOOK_S)

    def _next_batches(self) -> list[Batch]:
        """Of what waits, urgent streams first; the order within each stream stays."""
        taken, batches = 0, []
        for urgency in (Urgency.URGENT, Urgency.ROUTINE):
            inbox = self._inbox[urgency]
            while inbox and taken < MAX_COMMIT_BYTES:
                size, batch = inbox.popleft()
                taken += size
                batches.append(batch)
        self._waiting_bytes -= taken
        if self._waiting_bytes <= MAX_WAITING_BYTES // 2:
            self._room.set()
        return batches

    # -- out --------------------------------------------------------------------------------------------------------

    def _acknowledge_later(self, taken: dict[StreamId, Taken]) -> None:
        for stream, result in taken.items():
            self._mark(stream, result.through, resend=result.resend)
        self._new_events(sum(result.new for result in taken.values()))

    def _mark(self, stream: StreamId, through: int, *, resend: bool, is_first: bool = False) -> None:
        waiting, laps = self._marks.get(stream), self._archive.laps(stream)
        resend = resend or (waiting is not None and waiting.resend)
        told = list(laps[-TOLD:]) if is_first or (waiting is not None and waiting.runs) else []
        self._marks[stream] = Watermark(SCHEMA_VERSION, stream, through, resend, run_at(laps, through), told)
        self._marked.set()

    async def _acknowledge(self, session: BulkSession) -> None:
        while True:
            await self._marked.wait()
            self._marked.clear()
            marks, self._marks = self._marks, {}
            await session.publish_all([_said(mark) for mark in marks.values()], qos=0)


def _said(mark: Watermark) -> Message:
    return Message(topics.ack(mark.stream.site, mark.stream.gate, mark.stream.urgency), encode(mark))


def parse_batch(topic: str, payload: bytes) -> Batch:
    """The batch in a message with that topic. Raises `DecodeError`."""
    return _batch(_of_a_gate(topics.parse(topic)), payload)


def _of_a_gate(address: Address) -> Address:
    """The address itself. Raises `DecodeError` when it is the hub's own: no gate may pass for the hub."""
    if address.gate == OWN_GATE:
        raise DecodeError(f"topic: the name {OWN_GATE!r} is the hub's own, no gate may have it")
    return address


def _batch(address: Address, payload: bytes) -> Batch:
    """The batch in a message. Raises `DecodeError`, also when it claims to be of another gate than its topic's."""
    batch = decode(Batch, payload)
    stream = batch.stream
    if (stream.site, stream.gate, stream.urgency) != (address.site, address.gate, address.urgency):
        raise DecodeError(f"batch: stream {stream} does not belong to topic {address}")
    if "\0" in f"{stream.epoch}{batch.run}{batch.after or ''}":
        raise DecodeError("batch: a NUL in the name of an epoch or a run, which no database of texts takes")
    return batch
