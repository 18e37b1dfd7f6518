"""Three brokers and three hub processes; one of each is killed under load, and nothing is lost or out of order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.fleet.journal import PostgresReader
from hub.journal import Entry
from tests.support.events import routine
from tests.support.fleets import HubProcess, Load, TellingGate, broker_settings, turned
from tests.support.servers import Nats, PostgreSQL, eventually, nats_cluster
from wire.events import AnyEvent, Urgency

GATES = 6
PAUSED_LESS_THAN_S = 10.0


@pytest.fixture
def brokers(tmp_path: Path) -> Iterator[list[Nats]]:
    """A cluster of NATS servers: its brokers, and those that keep for them."""
    nodes = nats_cluster(tmp_path)
    yield nodes[3:]
    for node in nodes:
        node.kill()


@pytest.fixture
def hubs(tmp_path: Path, postgresql: PostgreSQL, database: str, brokers: list[Nats]) -> Iterator[list[HubProcess]]:
    """Three processes that are one hub, each with another broker first."""
    url, data = postgresql.make(database), tmp_path / "data"
    made = [
        HubProcess(tmp_path / f"hub-{n}", f"hub-{n}", url, turned([node.port for node in brokers], n), data)
        for n in range(3)
    ]
    for process in made:
        process.start()
    yield made
    for process in made:
        process.kill()


async def test_killing_one_of_three_brokers_and_one_of_three_hubs_loses_nothing_and_pauses_for_less_than_ten_seconds(
    tmp_path, brokers, hubs
):
    gates = [
        TellingGate(tmp_path, f"gate-{n}", broker_settings(turned([node.port for node in brokers], n), 0))
        for n in range(GATES)
    ]
    load = Load(gates)
    for gate in gates:
        await gate.start()
    try:
        await eventually(lambda: all(gate.uplink.hub_answers for gate in gates), "a hub answers each gate", 30)
        loading = asyncio.create_task(load.run())
        await asyncio.sleep(2)
        leader = next(hub for hub in hubs if hub.leads)
        leader.kill()
        brokers[0].kill()
        killed_ns = time.time_ns()
        await eventually(lambda: sum("this process leads" in hub.log for hub in hubs) == 2, "another one leads", 30)
        await asyncio.sleep(1)
        await load.end()
        await loading
    finally:
        for gate in gates:
            await gate.stop()
    reader = PostgresReader(hubs[0].database)
    entries = [entry for entry in reader.after(0, 10**6) if entry.stream.gate in load.told]
    reader.close()
    assert_all_there(entries, load.told)
    latest_s = max((entry.received_ns - entry.time_ns) / 1e9 for entry in entries)
    assert latest_s < PAUSED_LESS_THAN_S
    assert any(entry.received_ns > killed_ns for entry in entries)


def assert_all_there(entries: list[Entry], told: dict[str, list[AnyEvent]]) -> None:
    """Each gate's events once and in order, under numbers without a hole; one order of all without a hole."""
    assert [entry.offset for entry in entries] == sorted({entry.offset for entry in entries})
    for gate, events in told.items():
        for urgency in Urgency:
            mine = [entry for entry in entries if entry.stream.gate == gate and entry.stream.urgency is urgency]
            assert [entry.seq for entry in mine] == list(range(1, len(mine) + 1))
            assert [entry.event() for entry in mine] == [event for event in events if is_of(event, urgency)]


def is_of(event: AnyEvent, urgency: Urgency) -> bool:
    return (type(event) is type(routine())) == (urgency is Urgency.ROUTINE)
