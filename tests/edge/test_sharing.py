"""Gates tell each other which badges they saw: over each real broker, after outages, each in its own name only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiomqtt
import pytest

from edge import sharing
from edge.memory import Memory
from edge.outbox import Outbox
from edge.passage.sightings import is_inside
from edge.sharing import Sharer
from edge.spool import Spool, SpoolSettings
from edge.uplink import Uplink
from tests.support.clocks import HandClock
from tests.support.servers import eventually
from wire import topics
from wire.events import Direction
from wire.link import BrokerSettings
from wire.messages import decode, encode
from wire.sightings import Recall, Recalled, Sighting

ANN = "badge-of-ann"
S = 10**9
NOW_NS = HandClock().time_ns


def seen(gate: str, at_s: int, badge: str = ANN, *, entered: bool = True) -> Sighting:
    return Sighting(badge, gate, "people", Direction.IN, NOW_NS + at_s * S, entered)


class Gate:
    """A memory and the uplink that shares it."""

    def __init__(self, folder: Path, port: int, name: str) -> None:
        clock = HandClock()
        self.name = name
        self.memory = Memory()
        self.outbox = Outbox(Spool("site", name, SpoolSettings(path=str(folder / f"{name}.db")), clock), clock)
        broker = BrokerSettings(port=port, backoff_min_s=0.05, backoff_max_s=0.2, keepalive_s=2)
        sharer = Sharer("site", name, self.memory, clock)
        self.uplink = Uplink(self.outbox, broker, clock, "test", companions=(sharer,))

    async def start(self) -> None:
        await self.outbox.start()
        await self.connect()

    async def connect(self) -> None:
        self._task = asyncio.create_task(self.uplink.run())
        await eventually(lambda: self.uplink.connected, "it is connected")

    async def disconnect(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def stop(self) -> None:
        await self.disconnect()
        await self.outbox.stop()

    def knows(self, *sightings: Sighting) -> bool:
        return all(sighting in self.memory.sightings.of(sighting.badge) for sighting in sightings)


@pytest.fixture(autouse=True)
def settled_soon(monkeypatch):
    monkeypatch.setattr(sharing, "SETTLE_S", 1.0)


@pytest.fixture
async def gates(tmp_path, broker) -> AsyncIterator[tuple[Gate, Gate]]:
    north, south = Gate(tmp_path, broker.port, "north"), Gate(tmp_path, broker.port, "south")
    for gate in (north, south):
        await gate.start()
    yield north, south
    for gate in (north, south):
        await gate.stop()


async def test_who_went_in_at_one_gate_is_inside_for_the_other(gates):
    north, south = gates
    north.memory.saw(seen("north", 10))
    await eventually(lambda: south.knows(seen("north", 10)), "the south gate hears it")
    assert is_inside(south.memory.sightings.of(ANN), NOW_NS + 20 * S, 3600)
    assert len(north.memory.sightings.of(ANN)) == 1


async def test_what_is_seen_while_the_link_is_away_is_told_when_it_is_back(gates, broker):
    north, south = gates
    await asyncio.to_thread(broker.kill)
    for number in range(3):
        north.memory.saw(seen("north", number, f"badge-{number}-of-many"))
    assert len(north.memory.told) == 3
    await asyncio.to_thread(broker.start)
    await eventually(
        lambda: south.knows(*(seen("north", number, f"badge-{number}-of-many") for number in range(3))), "all are told"
    )
    await eventually(lambda: not north.memory.told, "nothing waits any more")


async def test_rubbish_and_one_gate_in_anothers_name_are_not_believed(gates, broker):
    north, south = gates
    forged = seen("north", 1, "badge-that-is-forged")
    async with aiomqtt.Client("127.0.0.1", broker.port, identifier="hostile") as client:
        await client.publish(topics.sightings("site", "east"), encode(forged), qos=1)
        await client.publish(topics.sightings("site", "north"), b"{", qos=1)
    north.memory.saw(seen("north", 2))
    await eventually(lambda: south.knows(seen("north", 2)), "the gates go on")
    assert south.memory.sightings.of("badge-that-is-forged") == []


async def test_a_gate_that_had_no_power_learns_what_the_others_saw_meanwhile(gates, tmp_path, broker):
    north, south = gates
    meanwhile = [seen(gate.name, number, f"badge-{number}-of-many") for number, gate in enumerate([north, south] * 3)]
    for sighting, gate in zip(meanwhile, [north, south] * 3, strict=True):
        gate.memory.saw(sighting)
    await eventually(lambda: not north.memory.told and not south.memory.told, "all of it is told")
    east = Gate(tmp_path, broker.port, "east")
    await east.start()
    await eventually(lambda: east.knows(*meanwhile), "it catches up")
    await east.stop()


async def test_what_a_gate_saw_alone_and_could_not_tell_before_its_power_failed_is_asked_for(gates):
    """Its list of what is to be told is gone; its memory, from the card, is not."""
    north, south = gates
    await south.disconnect()
    south.memory.sightings.hear(seen("south", 5))
    await south.connect()
    await eventually(lambda: north.knows(seen("south", 5)), "the other gate asks and hears it")


async def test_a_gate_that_knows_everything_is_sent_nothing(gates, broker):
    north, south = gates
    north.memory.saw(seen("north", 1))
    await eventually(lambda: south.knows(seen("north", 1)), "both know it")
    await south.disconnect()
    async with aiomqtt.Client("127.0.0.1", broker.port, identifier="listener") as client:
        await client.subscribe([("menshen/1/site/+/recalled/+", 1), ("menshen/1/site/north/recall", 1)])
        await south.connect()
        async with asyncio.timeout(20):
            heard = await anext(aiter(client.messages))
    # North answers before it asks back: the first that is heard of it is its own question.
    assert str(heard.topic) == topics.recall("site", "north")
    assert decode(Recall, bytes(heard.payload)).of == "south"


async def test_no_gate_answers_in_anothers_name(gates, broker):
    north, south = gates
    forged = seen("north", 1, "badge-that-is-forged")
    async with aiomqtt.Client("127.0.0.1", broker.port, identifier="hostile") as client:
        for answerer in ("east", "north"):
            answer = Recalled(1, answerer, [forged if answerer == "east" else seen("west", 1, forged.badge)])
            await client.publish(topics.recalled("site", answerer, "south"), encode(answer), qos=1)
        await client.publish(topics.recall("site", "west"), encode(Recall(1, "east", 0)), qos=1)
    north.memory.saw(seen("north", 2))
    await eventually(lambda: south.knows(seen("north", 2)), "the gates go on")
    assert south.memory.sightings.of(forged.badge) == []
