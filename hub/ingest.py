"""MQTT → journal → acknowledgement.

Messages that arrive while a commit is under way go into the next one together, so that one fsync serves many. A
watermark is published after the commit and never before; of several that wait for one stream only the last is sent.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

import structlog

from hub.archive import Archive
from hub.journal import OWN_GATE, Bad, Taken
from hub.presence import Presence
from wire import topics
from wire.errors import DecodeError, JournalError
from wire.events import Urgency
from wire.link import Arrival, Backoff, BrokerSettings, Session, hold
from wire.messages import SCHEMA_VERSION, Batch, Status, StreamId, Vitals, Watermark, decode, encode
from wire.topics import Address, Channel

log = structlog.get_logger(__name__)

MAX_COMMIT_BYTES = 4 * 1024 * 1024
"""A commit takes no more than this, so that it stays short."""


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
        self.connected = False
        self.commits = 0
        """Commits tried: its progress, for the watchdog."""
        self.error = ""
        """Why the journal cannot be written, at the last commit; empty when it could."""
        self._archive = archive
        self._presence = presence
        self._broker = broker
        self._client_id = client_id
        self._site = site
        self._new_events = new_events
        self._inbox: deque[tuple[Arrival, Batch]] = deque()
        self._bad: list[Bad] = []
        self._arrived = asyncio.Event()
        self._marks: dict[StreamId, Watermark] = {}
        self._marked = asyncio.Event()

    @property
    def has_work(self) -> bool:
        """Whether something that arrived waits for its commit."""
        return bool(self._inbox)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._commit_for_ever(), name="journal commits")
            tasks.create_task(hold(self._broker, self._client_id, self._use), name="hub link")

    async def _use(self, session: Session) -> None:
        self._marks.clear()
        await session.subscribe(topics.from_gates(self._site))
        self.connected = True
        acknowledging = asyncio.create_task(self._acknowledge(session), name="watermarks")
        receiving = asyncio.create_task(self._receive(session), name="arrivals")
        try:
            done, _ = await asyncio.wait([acknowledging, receiving], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self.connected = False
            for task in (acknowledging, receiving):
                task.cancel()
            await asyncio.gather(acknowledging, receiving, return_exceptions=True)

    # -- in ---------------------------------------------------------------------------------------------------------

    async def _receive(self, session: Session) -> None:
        async for arrival in session.arrivals():
            try:
                self._take(arrival)
            except DecodeError as error:
                log.warning("message not understood", topic=arrival.topic, error=str(error))
                self._bad.append(Bad("message", arrival.topic, str(error), arrival.payload))
                self._arrived.set()

    def _take(self, arrival: Arrival) -> None:
        address = _of_a_gate(topics.parse(arrival.topic))
        match address.channel:
            case Channel.EVENTS:
                batch = _batch(address, arrival.payload)
                self._presence.heard(address.site, address.gate)
                self._inbox.append((arrival, batch))
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
            stream = StreamId(address.site, address.gate, urgency, status.epoch)
            self._mark(stream, self._archive.through(stream), resend=False)

    # -- commit -----------------------------------------------------------------------------------------------------

    async def _commit_for_ever(self) -> None:
        backoff = Backoff(0.1, 10.0)
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            try:
                await self._commit_all()
                self.error = ""
                backoff.reset()
            except JournalError as error:
                # Nothing was acknowledged: the gates keep it and send it again.
                self.error = str(error)
                log.error("journal cannot be written", error=self.error)
                self._inbox.clear()
                await asyncio.sleep(backoff.next_s())

    async def _commit_all(self) -> None:
        while self._inbox or self._bad:
            self.commits += 1
            if self._bad:
                letters, self._bad = self._bad, []
                await self._archive.bury(letters)
            batches = self._next_batches()
            if batches:
                taken = await self._archive.append(batches)
                self._acknowledge_later(taken)

    def _next_batches(self) -> list[Batch]:
        size, batches = 0, []
        while self._inbox and size < MAX_COMMIT_BYTES:
            arrival, batch = self._inbox.popleft()
            size += len(arrival.payload)
            batches.append(batch)
        return batches

    # -- out --------------------------------------------------------------------------------------------------------

    def _acknowledge_later(self, taken: dict[StreamId, Taken]) -> None:
        for stream, result in taken.items():
            self._mark(stream, result.through, resend=result.resend)
        self._new_events(sum(result.new for result in taken.values()))

    def _mark(self, stream: StreamId, through: int, *, resend: bool) -> None:
        waiting = self._marks.get(stream)
        resend = resend or (waiting is not None and waiting.resend)
        self._marks[stream] = Watermark(SCHEMA_VERSION, stream, through, resend)
        self._marked.set()

    async def _acknowledge(self, session: Session) -> None:
        while True:
            await self._marked.wait()
            self._marked.clear()
            marks, self._marks = self._marks, {}
            await asyncio.gather(*(_publish(session, mark) for mark in marks.values()))


async def _publish(session: Session, mark: Watermark) -> None:
    await session.publish(topics.ack(mark.stream.site, mark.stream.gate, mark.stream.urgency), encode(mark))


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
    return batch
