"""Ingest over real brokers: acknowledged after the commit and never before, and nothing stops it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import aiomqtt
import pytest
from msgspec import json
from msgspec.structs import replace

from hub.archive import Archive
from hub.ingest import Ingest, parse_batch
from hub.journal import JournalReader
from hub.presence import Presence
from tests.support.events import fever, routine
from tests.support.journals import ROUTINE, URGENT, batch
from tests.support.servers import eventually
from wire import topics
from wire.errors import DecodeError, JournalError
from wire.events import Urgency
from wire.link import BrokerSettings
from wire.messages import SCHEMA_VERSION, SpoolDepth, Status, Vitals, Watermark, decode, encode

EVENTS = topics.events("site", "north", Urgency.URGENT)
ROUTINE_EVENTS = topics.events("site", "north", Urgency.ROUTINE)


class Hub:
    def __init__(self, folder, port: int) -> None:
        self.archive = Archive(folder / "journal.db")
        self.presence = Presence(self.archive, 60.0)
        broker = BrokerSettings(port=port, backoff_min_s=0.05, backoff_max_s=0.2)
        self.ingest = Ingest(self.archive, self.presence, broker, "hub-under-test", "site")

        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self.archive.start()
        self._task = asyncio.create_task(self.ingest.run())
        await eventually(lambda: self.ingest.connected, "the hub is connected")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
            await self.archive.stop()

    async def count(self) -> int:
        return await self.archive.read(lambda reader: reader.count())

    async def letters(self) -> list[str]:
        return [letter.reason for letter in await self.archive.read(lambda reader: reader.dead_letters())]

    async def all_letters(self, count: int) -> list[str]:
        """Once there are so many: what comes by the other connection may come later than a watermark."""
        async with asyncio.timeout(20):
            while len(found := await self.letters()) < count:
                await asyncio.sleep(0.01)
        return found


@pytest.fixture
async def hub(tmp_path, broker) -> AsyncIterator[Hub]:
    hub = Hub(tmp_path, broker.port)
    await hub.start()
    yield hub
    await hub.stop()


class Gate:
    """A client that says what it is told and keeps the watermarks."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self._client = client
        self.marks: list[Watermark] = []

    async def listen(self) -> None:
        async for message in self._client.messages:
            self.marks.append(decode(Watermark, bytes(message.payload)))

    async def say(self, topic: str, payload: bytes) -> None:
        await self._client.publish(topic, payload, qos=1)


@pytest.fixture
async def gate(hub, broker) -> AsyncIterator[Gate]:
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        await client.subscribe(topics.acks_for("site", "north"), qos=1)
        gate = Gate(client)
        task = asyncio.create_task(gate.listen())
        yield gate
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_an_event_is_acknowledged_once_it_is_in_the_journal(hub, gate):
    await gate.say(EVENTS, encode(batch([fever(1), fever(2)])))
    await eventually(lambda: bool(gate.marks), "a watermark")
    assert gate.marks == [Watermark(1, URGENT, 2)]
    assert await hub.count() == 2


async def test_a_journal_that_cannot_be_written_acknowledges_nothing_and_recovers(hub, gate, monkeypatch):
    async def fails(batches):
        raise JournalError("disk full")

    with monkeypatch.context() as broken:
        broken.setattr(hub.archive, "append", fails)
        await gate.say(EVENTS, encode(batch([fever(1)])))
        await gate.say(topics.status("site", "north"), encode(Status(1, True, "e1", 1)))
        await eventually(lambda: bool(gate.marks), "the birth is answered")
        await eventually(lambda: hub.ingest.error == "disk full", "it is told to the dead man's switch")
    assert {mark.through for mark in gate.marks} == {0}
    await gate.say(EVENTS, encode(batch([fever(1)])))
    await eventually(lambda: any(mark.through == 1 for mark in gate.marks), "a watermark")
    assert not hub.ingest.error


async def test_a_hole_is_answered_with_where_to_go_on(hub, gate):
    await gate.say(EVENTS, encode(batch([fever(9)], first=9)))
    await eventually(lambda: bool(gate.marks), "a watermark")
    assert gate.marks == [Watermark(1, URGENT, 0, resend=True)]


async def test_a_birth_is_answered_for_both_streams(hub, gate):
    await gate.say(EVENTS, encode(batch([fever(1)])))
    await gate.say(topics.status("site", "north"), encode(Status(1, True, "e1", 1)))
    await eventually(lambda: {mark.stream.urgency for mark in gate.marks} == set(Urgency), "both are answered")
    await eventually(lambda: any(mark.through == 1 for mark in gate.marks), "and with what was committed")


async def test_a_gate_that_claims_to_be_another_is_a_dead_letter(hub, gate):
    await gate.say(topics.events("site", "south", Urgency.URGENT), encode(batch([fever(1)])))
    await gate.say(topics.events("site", "hub", Urgency.URGENT), encode(batch([fever(1)])))
    await gate.say(topics.status("site", "hub"), encode(Status(1, True, "hub", 1)))
    await gate.say(topics.vitals("site", "hub"), encode(Vitals(1, 5, "hub", 1, SpoolDepth(0, 0))))
    await gate.say(EVENTS, encode(batch([fever(1)])))
    await eventually(lambda: bool(gate.marks), "the honest one is taken")
    reasons = await hub.all_letters(4)
    assert any("does not belong" in reason for reason in reasons)
    assert sum("the hub's own" in reason for reason in reasons) == 3
    assert await hub.count() == 1
    assert set(hub.presence.gates) == {("site", "north")}


@pytest.mark.parametrize("topic", [EVENTS, topics.status("site", "north"), topics.vitals("site", "north")])
async def test_garbage_becomes_dead_letters_and_stops_nothing(hub, gate, topic):
    for payload in (b"", b"\xff\x00", b"{", b"null", b'{"v":2}', b"[" * 5000, b'{"v":1,"stream":{},"events":[]}'):
        await gate.say(topic, payload)
    await gate.say(EVENTS, encode(batch([fever(1)])))
    await eventually(lambda: bool(gate.marks), "the good one is taken")
    assert len(await hub.all_letters(7)) == 7


async def test_no_watermark_is_sent_while_the_commit_is_under_way(hub, gate, monkeypatch):
    release, append = asyncio.Event(), hub.archive.append

    async def slow(batches):
        await release.wait()
        return await append(batches)

    monkeypatch.setattr(hub.archive, "append", slow)
    await gate.say(EVENTS, encode(batch([fever(1)])))
    await gate.say(topics.status("site", "north"), encode(Status(1, True, "e1", 1)))
    await eventually(lambda: len(gate.marks) == 2, "the birth is answered")
    assert {mark.through for mark in gate.marks} == {0}
    release.set()
    await eventually(lambda: gate.marks[-1] == Watermark(1, URGENT, 1), "and the event once it is committed")


async def test_when_a_watermark_arrives_any_other_process_finds_its_events_in_the_journal(hub, gate, tmp_path):
    for number in range(1, 21):
        await gate.say(EVENTS, encode(batch([fever(number)], first=number)))
        await eventually(lambda: bool(gate.marks), "a watermark")
        mark = gate.marks.pop()
        gate.marks.clear()
        reader = JournalReader(tmp_path / "journal.db")
        assert reader.count() >= mark.through
        reader.close()


async def test_messages_that_arrive_during_a_commit_share_the_next_one(hub, gate, monkeypatch):
    release, append, sizes = asyncio.Event(), hub.archive.append, []

    async def slow(batches):
        sizes.append(len(batches))
        await release.wait()
        return await append(batches)

    monkeypatch.setattr(hub.archive, "append", slow)
    await gate.say(EVENTS, encode(batch([fever(1)])))
    await eventually(lambda: sizes == [1], "a commit is under way")
    for number in range(2, 31):
        await gate.say(EVENTS, encode(batch([fever(number)], first=number)))
    await eventually(lambda: hub.ingest.waiting == 29, "the rest has arrived")
    release.set()
    await eventually(lambda: bool(gate.marks) and gate.marks[-1].through == 30, "all are acknowledged")
    assert sizes == [1, 29]


async def test_a_fever_waits_behind_no_backlog_and_no_more_of_that_is_taken_than_there_is_room_for(
    hub, gate, monkeypatch
):
    monkeypatch.setattr("hub.ingest.MAX_WAITING_BYTES", 20_000)
    release, append, commits = asyncio.Event(), hub.archive.append, []

    async def slow(batches):
        commits.append([one.stream.urgency for one in batches])
        await release.wait()
        return await append(batches)

    monkeypatch.setattr(hub.archive, "append", slow)
    for number in range(1, 201):
        await gate.say(ROUTINE_EVENTS, encode(batch([routine(number)] * 5, stream=ROUTINE, first=5 * number - 4)))
    await eventually(lambda: hub.ingest.waiting > 20, "there is a backlog")
    await gate.say(EVENTS, encode(batch([fever(1)])))
    await eventually(lambda: bool(hub.ingest._inbox[Urgency.URGENT]), "the fever arrives all the same")
    assert hub.ingest.waiting < 100, "and most of the backlog not yet"
    release.set()
    await eventually(lambda: Watermark(1, ROUTINE, 1000) in gate.marks, "all is acknowledged in the end")
    assert commits[1][0] is Urgency.URGENT
    assert await hub.count() == 1001


async def test_a_backlog_waits_for_those_who_read_the_journal_but_not_for_ever_and_a_fever_not_at_all(
    hub, gate, monkeypatch
):
    hub.ingest.readers_lag = lambda: True
    monkeypatch.setattr("hub.ingest.HOLD_S", 30.0)
    await gate.say(ROUTINE_EVENTS, encode(batch([routine(1)], stream=ROUTINE)))
    await eventually(lambda: hub.ingest.waiting == 1, "it waits")
    await gate.say(EVENTS, encode(batch([fever(1)])))
    await eventually(lambda: Watermark(1, URGENT, 1) in gate.marks, "the fever does not")
    monkeypatch.setattr("hub.ingest.HOLD_S", 0.05)
    await gate.say(ROUTINE_EVENTS, encode(batch([routine(2)], stream=ROUTINE, first=2)))
    await eventually(lambda: Watermark(1, ROUTINE, 2) in gate.marks, "nor does anything for longer than that")


async def test_damaged_messages_of_every_kind_stop_nothing(hub, gate):
    draw = random.Random(20200212)
    honest = {
        EVENTS: encode(batch([fever(1), fever(2)])),
        topics.status("site", "north"): encode(Status(1, True, "e1", 1)),
        topics.vitals("site", "north"): encode(Vitals(1, 5, "e1", 1, SpoolDepth(1, 2))),
    }
    for topic, payload in honest.items():
        for _ in range(100):
            damaged = bytearray(payload)
            for _ in range(draw.randint(1, 4)):
                damaged[draw.randrange(len(damaged))] = draw.choice(b'{}[]",:\\\x00\xff9eu')
            await gate.say(topic, bytes(damaged[: draw.randint(1, len(damaged))]))
    await gate.say(EVENTS, b'{"v":1,"stream":{"site":"\\ud800"}}')
    stream = replace(URGENT, epoch="e2")
    await gate.say(EVENTS, encode(batch([fever(1)], stream=stream)))
    await eventually(lambda: Watermark(1, stream, 1) in gate.marks, "the good one is taken")
    assert len(await hub.letters()) > 100


async def test_a_hub_that_starts_again_continues_where_it_was(hub, gate, broker, tmp_path):
    await gate.say(EVENTS, encode(batch([fever(1), fever(2)])))
    await eventually(lambda: gate.marks == [Watermark(1, URGENT, 2)], "a watermark")
    await hub.stop()
    gate.marks.clear()
    again = Hub(tmp_path, broker.port)
    await again.start()
    await gate.say(topics.status("site", "north"), encode(Status(1, True, "e1", 2)))
    await gate.say(EVENTS, encode(batch([fever(2), fever(3)], first=2)))
    await eventually(lambda: Watermark(1, URGENT, 3) in gate.marks, "it goes on")
    assert await again.count() == 3
    await again.stop()


async def test_a_broker_that_starts_again_is_found_again(hub, broker):
    await asyncio.to_thread(broker.kill)
    await eventually(lambda: not hub.ingest.connected, "the broker is gone")
    await asyncio.to_thread(broker.start)
    await eventually(lambda: hub.ingest.connected, "and back")
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        await client.publish(EVENTS, encode(batch([fever(1)])), qos=1)
        await eventually(lambda: hub.archive.through(URGENT) == 1, "events are taken")


async def test_the_newest_pulse_is_known(hub, gate):
    pulse = Vitals(v=1, time_ns=5, epoch="e1", session=1, spool=SpoolDepth(1, 2), version="9")
    await gate.say(topics.vitals("site", "north"), encode(pulse))
    await eventually(lambda: ("site", "north") in hub.presence.gates, "the gate is known")
    known = hub.presence.gates["site", "north"]
    assert known.vitals == pulse
    assert hub.presence.state(known) == "online"


@pytest.mark.parametrize("where", ["epoch", "run"])
def test_a_name_that_no_database_takes_is_a_dead_letter_and_not_a_journal_that_cannot_be_written(where):
    stream = {"site": "s", "gate": "g", "urgency": "routine", "epoch": "e"}
    message = {"v": SCHEMA_VERSION, "stream": stream, "events": [{"seq": 1, "event": {}}], "run": "r"}
    (stream if where == "epoch" else message)[where] = "a\0b"
    with pytest.raises(DecodeError, match="NUL"):
        parse_batch(topics.events("s", "g", Urgency.ROUTINE), json.encode(message))
