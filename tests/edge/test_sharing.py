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
from wire.messages import encode
from wire.sightings import Sighting

ANN = "badge-of-ann"
S = 10**9


def seen(gate: str, at_s: int, badge: str = ANN, *, entered: bool = True) -> Sighting:
    return Sighting(badge, gate, "people", Direction.IN, at_s * S, entered)


class Gate:
    """A memory and the uplink that shares it."""

    def __init__(self, folder: Path, port: int, name: str) -> None:
        clock = HandClock()
        self.memory = Memory()
        self.outbox = Outbox(Spool("site", name, SpoolSettings(path=str(folder / f"{name}.db")), clock), clock)
        broker = BrokerSettings(port=port, backoff_min_s=0.05, backoff_max_s=0.2, keepalive_s=2)
        self.uplink = Uplink(self.outbox, broker, clock, "test", companions=(Sharer("site", name, self.memory),))

    def knows(self, *sightings: Sighting) -> bool:
        return all(sighting in self.memory.sightings.of(sighting.badge) for sighting in sightings)


@pytest.fixture(autouse=True)
def settled_soon(monkeypatch):
    monkeypatch.setattr(sharing, "SETTLE_S", 1.0)


@pytest.fixture
async def gates(tmp_path, broker) -> AsyncIterator[tuple[Gate, Gate]]:
    north, south = Gate(tmp_path, broker.port, "north"), Gate(tmp_path, broker.port, "south")
    tasks = []
    for gate in (north, south):
        await gate.outbox.start()
        tasks.append(asyncio.create_task(gate.uplink.run()))
    await eventually(lambda: north.uplink.connected and south.uplink.connected, "both are connected")
    yield north, south
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for gate in (north, south):
        await gate.outbox.stop()


async def test_who_went_in_at_one_gate_is_inside_for_the_other(gates):
    north, south = gates
    north.memory.saw(seen("north", 10))
    await eventually(lambda: south.knows(seen("north", 10)), "the south gate hears it")
    assert is_inside(south.memory.sightings.of(ANN), 20 * S, 3600)
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
    assert not north.memory.told


async def test_rubbish_and_one_gate_in_anothers_name_are_not_believed(gates, broker):
    north, south = gates
    forged = seen("north", 1, "badge-that-is-forged")
    async with aiomqtt.Client("127.0.0.1", broker.port, identifier="hostile") as client:
        await client.publish(topics.sightings("site", "east"), encode(forged), qos=1)
        await client.publish(topics.sightings("site", "north"), b"{", qos=1)
    north.memory.saw(seen("north", 2))
    await eventually(lambda: south.knows(seen("north", 2)), "the gates go on")
    assert south.memory.sightings.of("badge-that-is-forged") == []
