"""The uplink over real brokers, against a hub double that speaks the wire protocol by its rule."""

from __future__ import annotations

import asyncio
import errno
import sqlite3
from collections.abc import AsyncIterator
from unittest import mock

import aiomqtt
import pytest

from edge import uplink as uplink_module
from edge.outbox import Outbox
from edge.spool import Spool, SpoolSettings
from edge.uplink import Uplink
from edge.window import Window
from tests.support.clocks import HandClock
from tests.support.events import fever, routine
from tests.support.servers import eventually
from wire import topics
from wire.errors import LinkError
from wire.events import Gap, GapCause, Urgency
from wire.link import BrokerSettings
from wire.messages import Batch, Status, StreamId, Watermark, decode, decode_event, encode


class HubDouble:
    """Takes only the next number of each stream; answers births; can be told to keep quiet."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.journal: dict[StreamId, list[object]] = {}
        self.through: dict[StreamId, int] = {}
        self.arrived: list[Batch] = []
        self.births: list[Status] = []
        self.answering = True
        self.acknowledging = True
        self.listening = asyncio.Event()

    async def run(self) -> None:
        while True:
            try:
                async with aiomqtt.Client("127.0.0.1", self.port, identifier="hub-double") as client:
                    await client.subscribe([(topic, 1) for topic in topics.from_gates()])
                    self.listening.set()
                    async for message in client.messages:
                        await self.take(client, str(message.topic), bytes(message.payload))
            except aiomqtt.MqttError:
                await asyncio.sleep(0.05)

    async def take(self, client: aiomqtt.Client, topic: str, payload: bytes) -> None:
        address = topics.parse(topic)
        if address.channel is topics.Channel.STATUS:
            status = decode(Status, payload)
            self.births.append(status)
            if status.online and self.answering:
                for urgency in Urgency:
                    await self.say(
                        client, StreamId(address.site, address.gate, urgency, status.epoch_of(urgency)), False
                    )
        elif address.channel is topics.Channel.EVENTS:
            batch = decode(Batch, payload)
            self.arrived.append(batch)
            hole = self.append(batch)
            if self.acknowledging:
                await self.say(client, batch.stream, hole)

    def append(self, batch: Batch) -> bool:
        through = self.through.get(batch.stream, 0)
        for numbered in batch.events:
            if numbered.last <= through:
                continue
            if numbered.seq > through + 1:
                return True
            self.journal.setdefault(batch.stream, []).append(decode_event(numbered.event))
            through = self.through[batch.stream] = numbered.last
        return False

    async def say(self, client: aiomqtt.Client, stream: StreamId, resend: bool) -> None:
        mark = Watermark(1, stream, self.through.get(stream, 0), resend)
        await client.publish(topics.ack(stream.site, stream.gate, stream.urgency), encode(mark), qos=1)

    def events(self, urgency: Urgency) -> list[object]:
        return [event for stream, events in self.journal.items() if stream.urgency == urgency for event in events]


class Gate:
    """An outbox and its uplink, on a broker."""

    def __init__(self, folder, port: int) -> None:
        clock = HandClock()
        self.outbox = Outbox(Spool("site", "north", SpoolSettings(path=str(folder / "spool.db")), clock), clock)
        broker = BrokerSettings(port=port, backoff_min_s=0.05, backoff_max_s=0.2, keepalive_s=2)
        self.uplink = Uplink(self.outbox, broker, clock, "test")


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(uplink_module, "ASK_AGAIN_S", 0.2)
    monkeypatch.setattr("edge.window.RESEND_MIN_S", 0.3)


@pytest.fixture
async def hub(broker) -> AsyncIterator[HubDouble]:
    double = HubDouble(broker.port)
    task = asyncio.create_task(double.run())
    await asyncio.wait_for(double.listening.wait(), 5)
    yield double
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def gate(tmp_path, broker) -> AsyncIterator[Gate]:
    gate = Gate(tmp_path, broker.port)
    await gate.outbox.start()
    yield gate
    await gate.outbox.stop()


@pytest.fixture
async def connected(gate) -> AsyncIterator[Gate]:
    task = asyncio.create_task(gate.uplink.run())
    yield gate
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_an_event_arrives_and_once_acknowledged_it_leaves_the_spool(hub, connected):
    await connected.outbox.put(fever(1))
    await eventually(lambda: hub.events(Urgency.URGENT) == [fever(1)], "the event arrives")
    await eventually(lambda: connected.outbox.spool.depth().urgent == 0, "the spool is trimmed")


async def test_nothing_is_sent_before_the_hub_has_answered_and_the_birth_is_repeated(hub, connected):
    hub.answering = False
    await connected.outbox.put(fever(1))
    await eventually(lambda: len(hub.births) >= 3, "the birth is repeated")
    assert hub.arrived == []
    hub.answering = True
    await eventually(lambda: hub.events(Urgency.URGENT) == [fever(1)], "the event arrives")


async def test_after_an_outage_the_urgent_are_sent_before_the_routine(hub, gate):
    for number in range(1200):
        gate.outbox.spool.append([routine(number)])
    gate.outbox.spool.append([fever(1)])
    task = asyncio.create_task(gate.uplink.run())
    await eventually(lambda: len(hub.events(Urgency.ROUTINE)) == 1200, "the backlog arrives")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert hub.arrived[0].stream.urgency is Urgency.URGENT
    assert hub.events(Urgency.ROUTINE) == [routine(number) for number in range(1200)]
    assert len(hub.arrived) < 20, "a backlog travels in batches"


async def test_what_stays_unacknowledged_is_sent_again(hub, connected):
    hub.acknowledging = False
    await connected.outbox.put(fever(1))
    await eventually(lambda: len(hub.arrived) >= 2, "it is sent again")
    hub.acknowledging = True
    await eventually(lambda: connected.outbox.spool.depth().urgent == 0, "it is acknowledged")
    assert hub.events(Urgency.URGENT) == [fever(1)]


async def test_a_broker_that_is_killed_and_forgets_everything_loses_nothing(hub, connected, broker):
    for number in range(40):
        await connected.outbox.put(routine(number))
        if number in {10, 25}:
            await asyncio.to_thread(broker.kill)
            await connected.outbox.put(fever(number))
            await asyncio.to_thread(broker.start)
    await eventually(lambda: len(hub.events(Urgency.ROUTINE)) == 40, "everything arrives")
    assert hub.events(Urgency.ROUTINE) == [routine(number) for number in range(40)]
    await eventually(lambda: hub.events(Urgency.URGENT) == [fever(10), fever(25)], "the urgent too")


async def test_each_connection_has_a_session_of_its_own_and_leaves_a_will(hub, connected, broker):
    await eventually(lambda: any(status.online for status in hub.births), "a birth")
    first = max(status.session for status in hub.births)
    await asyncio.to_thread(broker.restart)
    await eventually(lambda: max(s.session for s in hub.births if s.online) > first, "a birth of a later session")


async def test_a_connection_that_breaks_while_it_is_begun_is_none_and_its_session_is_over(gate):
    """Else its will, which may come late, would pass for the next connection's."""
    gate.uplink.companions = [mock.Mock(topics=["registry"])]
    session = mock.Mock()
    session.subscribe = mock.AsyncMock(side_effect=[None, LinkError("connection lost")])
    await gate.uplink._begin_session()
    before = gate.uplink.session_number
    with pytest.raises(LinkError):
        await gate.uplink._use(session)
    assert (gate.uplink.connected, gate.uplink.session_number) == (False, before + 1)


async def test_numbers_given_away_twice_begin_a_new_epoch_and_lose_nothing(hub, gate):
    """An SD card restored from an image: the hub has more of this epoch than the spool ever gave away."""
    gate.outbox.spool.append([fever(1), routine(1)])
    stream = gate.outbox.spool.stream(Urgency.URGENT)
    hub.through[stream] = 50
    task = asyncio.create_task(gate.uplink.run())
    await eventually(lambda: fever(1) in hub.events(Urgency.URGENT), "the event arrives in a new epoch")
    await eventually(lambda: hub.events(Urgency.ROUTINE) == [routine(1)], "the other stream too")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert gate.outbox.spool.epoch != stream.epoch
    causes = [event.cause for event in hub.events(Urgency.URGENT) if isinstance(event, Gap)]
    assert causes == [GapCause.SPOOL_CORRUPT]


async def test_a_hub_that_asks_to_send_again_while_the_spool_is_read_is_not_told_of_a_gap(hub, gate, monkeypatch):
    """What is read by then is behind what is asked for; what is between is there, and is not lost."""
    read = gate.outbox.ahead

    async def asked_meanwhile(urgency, after, *limits):
        ahead = await read(urgency, after, *limits)
        if ahead.events and urgency is Urgency.URGENT and after == 4:
            gate.uplink._windows[urgency].hear(0, resend=True)
        return ahead

    monkeypatch.setattr(gate.outbox, "ahead", asked_meanwhile)
    monkeypatch.setattr("edge.window.RESEND_MIN_S", 5.0)
    hub.acknowledging = False
    task = asyncio.create_task(gate.uplink.run())
    for number in range(1, 5):
        await gate.outbox.put(fever(number))
    await eventually(lambda: len(hub.events(Urgency.URGENT)) == 4, "what was told arrives")
    hub.journal.clear(), hub.through.clear()  # the hub had to let go of what had arrived, and asks for it again
    hub.acknowledging = True
    await gate.outbox.put(fever(5))
    await eventually(lambda: len(hub.events(Urgency.URGENT)) == 5, "all arrives")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert hub.events(Urgency.URGENT) == [fever(number) for number in range(1, 6)]


async def test_a_stream_that_begins_anew_while_it_is_read_takes_no_number_of_before_with_it(hub, gate, monkeypatch):
    """The spool has a thread of its own: it may be done with both before anybody hears of the first."""
    spool, loop = gate.outbox.spool, asyncio.get_running_loop()
    spool.append([fever(1), fever(2)])
    before, run = spool.stream(Urgency.URGENT), gate.outbox._run

    def replace_window() -> None:
        gate.uplink._windows[Urgency.URGENT] = Window(spool.last_number(Urgency.URGENT))
        gate.uplink._reborn.set()

    async def both(work):
        found = await run(work)
        events = getattr(found, "events", found)
        if events and isinstance(events, list) and spool.stream(Urgency.URGENT) == before:
            await run(lambda: spool.renumber(Urgency.URGENT, "another gave numbers, too"))
            loop.call_later(0.1, replace_window)
        return found

    monkeypatch.setattr(gate.outbox, "_run", both)
    task = asyncio.create_task(gate.uplink.run())
    await eventually(lambda: spool.trimmed(Urgency.URGENT) == 3, "all is acknowledged in the new epoch")
    anew = hub.journal[spool.stream(Urgency.URGENT)]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert isinstance(anew[0], Gap)
    assert anew[1:] == [fever(1), fever(2)]


async def test_a_hub_that_forgot_what_it_acknowledged_is_told_of_the_gap(hub, gate):
    """A hub restored from a backup asks for numbers that the gate has deleted."""
    spool = gate.outbox.spool
    spool.append([fever(number) for number in range(1, 6)])
    spool.trim(Urgency.URGENT, 4)
    task = asyncio.create_task(gate.uplink.run())
    await eventually(lambda: fever(5) in hub.events(Urgency.URGENT), "the waiting event arrives")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    gap = hub.events(Urgency.URGENT)[0]
    assert isinstance(gap, Gap)
    assert (gap.cause, gap.lost) == (GapCause.HUB_FORGOT, 4)


async def test_a_hub_that_is_restored_behind_a_broker_that_stays_goes_on_with_a_gap(hub, connected):
    """The gate sees no end of its connection."""
    for number in range(5):
        await connected.outbox.put(fever(number))
    spool = connected.outbox.spool
    await eventually(lambda: spool.trimmed(Urgency.URGENT) == 5, "all is at the hub")
    stream = spool.stream(Urgency.URGENT)
    del hub.journal[stream][2:]
    hub.through[stream] = 2
    await connected.outbox.put(fever(9))
    await eventually(lambda: fever(9) in hub.events(Urgency.URGENT), "the fever after it")
    gaps = [(event.cause, event.lost) for event in hub.events(Urgency.URGENT) if isinstance(event, Gap)]
    assert gaps == [(GapCause.HUB_FORGOT, 3)]


async def test_an_empty_spool_whose_numbering_was_destroyed_goes_on_at_once_under_a_new_epoch(hub, connected):
    outbox, spool = connected.outbox, connected.outbox.spool
    for number in range(5):
        await outbox.put(fever(number))
    await eventually(lambda: spool.trimmed(Urgency.URGENT) == 5, "all is at the hub")

    def destroy() -> None:
        for suffix in ("", "-wal"):
            path = spool._path.with_name(spool._path.name + suffix)
            path.write_bytes(b"\0" * path.stat().st_size)
        spool._replacing.begin(sqlite3.DatabaseError("database disk image is malformed"))

    await outbox._run(destroy)
    await outbox.put(fever(9))
    await eventually(lambda: fever(9) in hub.events(Urgency.URGENT), "the fever after it")
    gaps = [event.cause for event in hub.events(Urgency.URGENT) if isinstance(event, Gap)]
    assert gaps == [GapCause.SPOOL_CORRUPT]


async def test_a_damaged_spool_that_cannot_be_replaced_yet_is_waited_for_and_its_events_are_sent_as_they_were(
    hub, tmp_path, monkeypatch
):
    monkeypatch.setattr("edge.replacing.TRY_AGAIN_S", 0.0)
    before, path = Gate(tmp_path, hub.port), tmp_path / "spool.db"
    await before.outbox.start()
    await before.outbox.put(fever(1))
    await before.outbox.stop()
    path.write_bytes(b"\0" * 100 + path.read_bytes()[100:])
    full = OSError(errno.ENOSPC, "No space left on device")
    with monkeypatch.context() as disk:
        disk.setattr("edge.setting_aside.discard", mock.Mock(side_effect=full))
        again = Gate(tmp_path, hub.port)
        await again.outbox.start()
        task = asyncio.create_task(again.uplink.run())
        put = asyncio.create_task(again.outbox.put(fever(2)))
        await asyncio.sleep(0.3)
        assert (hub.births, put.done()) == ([], False)
    await eventually(lambda: {fever(1), fever(2)} <= set(hub.events(Urgency.URGENT)), "both fevers")
    assert hub.events(Urgency.URGENT)[0] == fever(1)
    assert len({stream.epoch for stream in hub.journal}) == 1
    task.cancel()
    await asyncio.gather(task, put, return_exceptions=True)
    await again.outbox.stop()


async def test_garbage_on_the_acknowledgement_topic_changes_nothing(hub, connected):
    async with aiomqtt.Client("127.0.0.1", hub.port) as vandal:
        for payload in (b"", b"\xff\xfe", b"{}", b'{"v":1,"stream":3}', b"[" * 10_000):
            await vandal.publish("menshen/1/site/north/ack/urgent", payload, qos=1)
    await connected.outbox.put(fever(1))
    await eventually(lambda: hub.events(Urgency.URGENT) == [fever(1)], "the event arrives")
