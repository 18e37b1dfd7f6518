"""Spool → MQTT, and the hub's acknowledgements back.

One connection after the other, for ever. At each: subscribe to the acknowledgements, announce the birth (with the will
as its counterpart), wait until the hub says how far it is, then send what is behind that: urgent before routine, live
events at once, backlogs in batches whose size follows what the link can carry in half a second.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from typing import Any, Protocol

import structlog
from msgspec import Raw

from edge import lineage
from edge.clock import Timekeeper
from edge.outbox import Ahead, Outbox
from edge.window import Heard, Window
from wire import topics
from wire.errors import DecodeError, LinkError, SpoolError
from wire.events import Clock, Gap, GapCause, Urgency
from wire.link import Arrival, BrokerSettings, Session, Will, hold
from wire.messages import (
    SCHEMA_VERSION,
    Batch,
    Numbered,
    Status,
    Vitals,
    Watermark,
    batch_of,
    decode,
    encode,
    encode_event,
)

log = structlog.get_logger(__name__)

MAX_BATCH_EVENTS = 500
MIN_BATCH_BYTES = 2 * 1024
FIRST_BATCH_BYTES = 16 * 1024
"""At the beginning of a connection; twice as much with each word of the hub's, as far as the link carries it."""
MAX_BATCH_BYTES = 128 * 1024
SLOW_PUBLISH_S = 0.5
"""A batch that the broker took longer for was too large for this link: an urgent event would wait behind it."""
GOODBYE_S = 1.0
AWAIT_URGENT_S = 5.0
"""A fever does not wait longer than this for a clock to be set."""
ASK_AGAIN_S = 3.0
"""The birth is repeated this often until the hub has answered it."""

VitalsSource = Callable[[], Awaitable[Vitals]]


class Companion(Protocol):
    """What uses the uplink's connection beside it: the registry's copy, the sightings of other gates."""

    @property
    def topics(self) -> list[str]:
        """What to subscribe to at each connection."""
        ...

    def takes(self, topic: str) -> bool:
        """Whether a message with that topic is for `hear`."""
        ...

    async def hear(self, session: Session, arrival: Arrival) -> None:
        """One message. Raises `DecodeError`, `LinkError`."""

    def follow(self, session: Session) -> Coroutine[Any, Any, None]:
        """Work for as long as the connection lives. Raises `LinkError`."""


class Uplink:
    """Brings the outbox of one gate to the hub."""

    def __init__(
        self,
        outbox: Outbox,
        broker: BrokerSettings,
        timekeeper: Timekeeper,
        version: str,
        vitals: VitalsSource | None = None,
        vitals_every_s: float = 5.0,
        companions: Sequence[Companion] = (),
    ) -> None:
        self.connected = False
        self._outbox = outbox
        self._spool = outbox.spool
        self._broker = broker
        self._timekeeper = timekeeper
        self._version = version
        self.vitals = vitals
        self._vitals_every_s = vitals_every_s
        self.companions = companions
        self._windows: dict[Urgency, Window] = {}
        self._run = ""
        """The spool's running that they are of."""
        self._batch_bytes = FIRST_BATCH_BYTES
        self._is_slow = False
        """Whether the broker took long for the last batch."""
        self._session_number = 0
        self._connected_ns = 0
        self.tries = 0
        """Connections tried and pulses sent: the link's progress."""
        self._reborn = asyncio.Event()

    async def run(self) -> None:
        """Keep sending until cancelled."""
        await self._begin_session()
        while not self._spool.run:  # a damaged spool is not replaced yet: whose numbers it has nobody knows
            self.tries += 1
            await asyncio.sleep(ASK_AGAIN_S)
            await self._begin_session()
        self._reset_windows()
        client_id = f"menshen-{self._spool.site}-{self._spool.gate}"
        await hold(self._broker, client_id, self._use, self._will, self._knows_time)

    def _knows_time(self) -> bool:
        return self._timekeeper.now().clock is Clock.SYNCED

    @property
    def hub_answers(self) -> bool:
        """Whether the hub has said on this connection how far it is, of both streams."""
        return self.connected and all(window.open for window in self._windows.values())

    @property
    def session_number(self) -> int:
        return self._session_number

    async def _begin_session(self) -> None:
        """A new number for the next connection; a disk that refuses to keep it must not end the sending."""
        try:
            self._session_number = await self._outbox.next_session()
        except SpoolError as error:
            log.error("session number could not be kept", error=str(error))
            self._session_number += 1

    def _will(self) -> Will:
        self.tries += 1
        status = encode(self._status(online=False))
        return Will(topics.status(self._spool.site, self._spool.gate), status)

    def _status(self, *, online: bool) -> Status:
        urgent, routine = self._spool.stream(Urgency.URGENT), self._spool.stream(Urgency.ROUTINE)
        return Status(
            v=SCHEMA_VERSION,
            online=online,
            epoch=urgent.epoch,
            routine_epoch=routine.epoch if routine.epoch != urgent.epoch else None,
            session=self._session_number,
            version=self._version,
            time_ns=self._timekeeper.now().time_ns if online else 0,
        )

    async def _use(self, session: Session) -> None:
        """Work with one connection until it breaks, or until a new epoch wants another."""
        for window in self._windows.values():
            window.connect()
        self._batch_bytes = FIRST_BATCH_BYTES
        self._reborn.clear()
        tasks: list[asyncio.Task[None]] = []
        try:
            await session.subscribe([topics.acks_for(self._spool.site, self._spool.gate)])
            for companion in self.companions:
                await session.subscribe(companion.topics)
            self.connected, self._connected_ns = True, self._timekeeper.now().mono_ns
            tasks += [asyncio.create_task(job) for job in self._jobs(session)]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except asyncio.CancelledError:
            await self._say_goodbye(session)
            raise
        finally:
            self.connected = False
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._begin_session()

    def _jobs(self, session: Session) -> Iterator[Coroutine[Any, Any, Any]]:
        yield self._receive(session)
        yield self._send(session)
        yield self._announce(session)
        yield self._reborn.wait()
        if self.vitals is not None:
            yield self._pulse(session, self.vitals)
        for companion in self.companions:
            yield companion.follow(session)

    async def _say_goodbye(self, session: Session) -> None:
        """Say that we go, if there is still somebody to say it to; if not, the will does."""
        topic, status = topics.status(self._spool.site, self._spool.gate), encode(self._status(online=False))
        with contextlib.suppress(LinkError, TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                await session.publish(topic, status, retain=True)

    async def _announce(self, session: Session) -> None:
        """The birth, again and again until the hub has answered for both streams; then only keep running.

        Only the first is for the broker to keep, and not of a cluster that has to vote about it: what comes after a
        birth would wait for that.
        """
        topic, keeps = topics.status(self._spool.site, self._spool.gate), self._broker.qos > 0
        while True:
            if not all(window.open for window in self._windows.values()):
                await session.publish(topic, encode(self._status(online=True)), retain=keeps)
                keeps = False
            await asyncio.sleep(ASK_AGAIN_S)

    async def _pulse(self, session: Session, vitals: VitalsSource) -> None:
        topic = topics.vitals(self._spool.site, self._spool.gate)
        while True:
            await session.publish(topic, encode(await vitals()), qos=0)
            self.tries += 1
            await asyncio.sleep(self._vitals_every_s)

    async def _receive(self, session: Session) -> None:
        async for arrival in session.arrivals():
            try:
                taker = next((one for one in self.companions if one.takes(arrival.topic)), None)
                await (self._hear(arrival) if taker is None else taker.hear(session, arrival))
            except DecodeError as error:
                log.warning("message not understood", topic=arrival.topic, error=str(error))
            except SpoolError as error:
                # What is not trimmed now is trimmed with the next watermark; the hub drops it if it is sent again.
                log.error("spool cannot be trimmed", error=str(error))

    async def _hear(self, arrival: Arrival) -> None:
        address = topics.parse(arrival.topic)
        watermark = decode(Watermark, arrival.payload)
        urgency = watermark.stream.urgency
        if self._was_replaced():
            return
        if address.channel is not topics.Channel.ACK or watermark.stream != self._spool.stream(urgency):
            return  # another epoch's
        window = self._windows[urgency]
        own = lineage.run_of(self._spool.runs(urgency), watermark.through)
        if lineage.is_foreign(own, watermark.run):
            await self._meet_another(watermark)
            return
        now_s = asyncio.get_running_loop().time()
        match window.hear(watermark.through, resend=watermark.resend, now_s=now_s):
            case Heard.FORGOT:
                log.warning(
                    "the hub asks for what it had acknowledged; asking where to go on", through=watermark.through
                )
                self._reborn.set()
            case Heard.FOREIGN:
                await self._meet_another(watermark)
            case Heard.NEWS:
                if not self._is_slow:
                    self._batch_bytes = min(MAX_BATCH_BYTES, self._batch_bytes * 2)
                await self._outbox.trim(urgency, watermark.through)
        self._outbox.changed.set()

    async def _meet_another(self, watermark: Watermark) -> None:
        """Somebody else gave numbers of this stream, too: find out where we went apart, and begin a new epoch there."""
        urgency, through = watermark.stream.urgency, watermark.through
        if watermark.run and not watermark.runs:
            self._windows[urgency].connect()  # only the answer to a birth says enough
            return
        last, runs = self._spool.last_number(urgency), self._spool.runs(urgency)
        common = lineage.in_common(runs, last, watermark.runs, through)
        detail = f"another gave numbers of {watermark.stream} too: the hub has {through}, of them {common} are ours"
        log.error("numbers were given away twice, new epoch", detail=detail, last=last)
        await self._outbox.renumber(urgency, detail, common)
        self._windows[urgency] = Window(self._spool.last_number(urgency))
        self._reborn.set()

    def _was_replaced(self) -> bool:
        """Whether the spool's file was replaced since: its numbers may be others, so the hub is asked anew."""
        if self._spool.run == self._run:
            return False
        self._reset_windows()
        self._reborn.set()
        return True

    def _reset_windows(self) -> None:
        self._run = self._spool.run
        self._windows = {urgency: Window(self._spool.last_number(urgency)) for urgency in Urgency}

    async def _send(self, session: Session) -> None:
        """Urgent first: routine events are sent only when nothing urgent can be."""
        loop = asyncio.get_running_loop()
        while True:
            self._outbox.changed.clear()
            for window in self._windows.values():
                window.overdue(loop.time())
            try:
                while await self._send_one(session, Urgency.URGENT) or await self._send_one(session, Urgency.ROUTINE):
                    pass
            except SpoolError as error:
                log.error("spool cannot be read", error=str(error))
            await self._wait_for_work(loop.time())

    async def _wait_for_work(self, now_s: float) -> None:
        due = [window.due_s for window in self._windows.values() if window.due_s is not None]
        timeout_s = max(0.01, min(due, default=now_s + ASK_AGAIN_S) - now_s)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._outbox.changed.wait()

    async def _send_one(self, session: Session, urgency: Urgency) -> bool:
        """Send one batch of a stream, if there is one and room for it; whether it did."""
        window = self._windows[urgency]
        if self._was_replaced() or not window.has_room:
            return False
        until_ns = self._undated_until_ns(urgency)
        behind = window.sent
        ahead = await self._outbox.ahead(urgency, behind, MAX_BATCH_EVENTS, self._batch_bytes, until_ns)
        if self._was_replaced() or window.sent != behind or self._windows[urgency] is not window:
            return True  # the hub spoke while this was read: something else comes next, and is no gap
        if not window.has_room:
            return False
        events = ahead.events
        first = events[0].seq if events else ahead.low + 1
        if window.sent + 1 < first <= ahead.low + 1:
            events.insert(0, self._forgotten(window.sent + 1, first - 1))
        if not events:
            return False
        payload = encode(_batch(ahead))
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        window.record(events[-1].last, began_s)
        await session.publish(topics.events(self._spool.site, self._spool.gate, urgency), payload)
        self._fit_batches(loop.time() - began_s)
        return True

    def _undated_until_ns(self, urgency: Urgency) -> int | None:
        """Of what can still be dated, that goes now which happened before; nothing soon after the link came up."""
        wait_s = self._spool.await_clock_s
        if not wait_s:
            return None
        wait_ns = int((min(wait_s, AWAIT_URGENT_S) if urgency is Urgency.URGENT else wait_s) * 1e9)
        now_ns = self._timekeeper.now().mono_ns
        return now_ns - wait_ns if now_ns - self._connected_ns >= wait_ns else 0

    def _forgotten(self, first: int, last: int) -> Numbered:
        """The numbers that the hub acknowledged once and asks for again (it was restored from a backup)."""
        now = self._timekeeper.now()
        gap = Gap(time_ns=now.time_ns, clock=now.clock, cause=GapCause.HUB_FORGOT, lost=last - first + 1)
        log.error("the hub forgot events that it had acknowledged", first=first, last=last)
        return Numbered(first, Raw(encode_event(gap)), last if last > first else None)

    def _fit_batches(self, took_s: float) -> None:
        self._is_slow = took_s > SLOW_PUBLISH_S / 4
        if took_s > SLOW_PUBLISH_S:
            self._batch_bytes = max(MIN_BATCH_BYTES, self._batch_bytes // 2)


def _batch(ahead: Ahead) -> Batch:
    """As many of the events as one run gave; the others are left out of them, too."""
    events, runs = ahead.events, ahead.runs
    end = lineage.end_of(runs, events[0].last, events[-1].last)
    while events[-1].last > end:
        events.pop()
    run, after = lineage.run_of(runs, events[-1].last), lineage.run_of(runs, events[0].seq - 1)
    return batch_of(ahead.stream, events, run, None if after == run else after)
