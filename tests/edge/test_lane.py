"""A lane at work with the real drivers' supervision: faults are told, readings decided upon, and nothing stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest

from edge import settings as gate_settings
from edge.agent import Agent
from edge.clock import SystemTime
from edge.devices import Device
from edge.drivers.base import BadgeRead
from sim.gates import SimulatedGate, gate_file
from sim.plant import Plant
from sim.roster import registry, site
from tests.support.servers import eventually
from wire.errors import DriverError, SettingsError
from wire.events import (
    DeviceKind,
    DeviceState,
    Direction,
    Health,
    PersonPassage,
    Refusal,
    Urgency,
    VehiclePassage,
    Verdict,
)
from wire.link import Backoff
from wire.messages import decode_event
from wire.sightings import Sighting

KEY = b"0123456789abcdef0123456789abcdef"


class Reader:
    """A badge reader that does what its script says: a number is read, an error is raised."""

    script: list[str | DriverError]

    def __init__(self, script: list[str | DriverError]) -> None:
        self.script = script
        self.starts = 0

    def make(self, timekeeper: SystemTime) -> Reader:
        return self

    async def start(self) -> None:
        self.starts += 1

    async def stop(self) -> None:
        """Nothing is held open."""

    async def reads(self) -> AsyncIterator[BadgeRead]:
        while self.script:
            step = self.script.pop(0)
            if isinstance(step, DriverError):
                raise step
            yield BadgeRead(step, SystemTime().now())
        await asyncio.Event().wait()


async def watch(reader: Reader, until: int, silence_s: float | None = None) -> list[DeviceState]:
    """Run a device until it has told so many states."""
    told: list[DeviceState] = []

    async def tell(state: DeviceState) -> None:
        told.append(state)

    async def use(_: BadgeRead) -> None:
        """What is read does not matter here."""

    device = Device("door", DeviceKind.BADGE, reader, SystemTime(), tell)  # type: ignore[arg-type]
    task = asyncio.create_task(device.read(use, silence_s))
    await eventually(lambda: len(told) >= until, f"{until} states are told")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return told


async def test_a_device_that_fails_is_told_and_started_again():
    reader = Reader(["1", DriverError("unplugged"), "2"])
    told = await watch(reader, 3)
    assert [state.health for state in told] == [Health.OK, Health.FAILED, Health.OK]
    assert told[1].detail == "unplugged"
    assert reader.starts == 2


async def test_the_same_fault_again_and_again_is_told_once():
    reader = Reader([DriverError("a"), DriverError("b"), "1"])
    reader.script.insert(0, "0")
    told = await watch(reader, 3)
    assert [state.health for state in told] == [Health.OK, Health.FAILED, Health.OK]


async def test_a_device_that_holds_after_a_fault_is_well_again_without_a_reading(monkeypatch):
    monkeypatch.setattr("edge.devices.STEADY_S", 0.01)
    told = await watch(Reader(["1", DriverError("unplugged")]), 3)
    assert [state.health for state in told] == [Health.OK, Health.FAILED, Health.OK]


async def test_a_camera_that_hangs_counts_as_failed():
    told = await watch(Reader([]), 1, silence_s=0.05)
    assert (told[0].health, told[0].detail) == (Health.FAILED, "gave nothing for 0 s, expected frames")


def write_gate(folder: Path, text: str) -> Path:
    (folder / "token.key").write_bytes(KEY)
    (folder / "registry.json").write_bytes(msgspec.json.encode(registry(site(Plant(people=50), "s", 1, KEY))))
    (folder / "gate.toml").write_text(text)
    return folder / "gate.toml"


@pytest.mark.timeout(60)
async def test_a_simulated_gate_decides_with_no_broker_at_all_and_keeps_everything(tmp_path):
    wanted = SimulatedGate(site="s", gate="g", port=9, seed=1, people=50, rate_per_min=60.0, fever_share=0.5)
    agent = Agent(gate_settings.load(write_gate(tmp_path, gate_file(wanted))), "test")
    task = asyncio.create_task(agent.run())

    def kept() -> list[object]:
        spool = agent.outbox.spool
        rows = [row for urgency in Urgency for row in spool.read(urgency, 0, 1000, 10**7)]
        return [decode_event(row.event) for row in rows]

    await eventually(lambda: bool(agent.outbox.spool.epoch), "the spool is open")

    def people() -> list[PersonPassage]:
        return [event for event in kept() if isinstance(event, PersonPassage)]

    await eventually(lambda: len(people()) >= 4 and any(isinstance(e, VehiclePassage) for e in kept()), "passages", 45)
    await eventually(lambda: any(passage.verdict is Verdict.FEVER for passage in people()), "a fever", 45)
    passages = people()
    fevers = {passage.passage for passage in passages if passage.verdict is Verdict.FEVER}
    pictured = set(agent.house.album.waiting)
    assert fevers <= pictured <= {event.passage for event in people() if event.verdict is Verdict.FEVER} | fevers
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert {Verdict.FEVER, Verdict.NORMAL} >= {passage.verdict for passage in passages} - {Verdict.SUSPECT}
    assert sum(passage.badge is not None for passage in passages) >= len(passages) - 1
    assert all(passage.temperature or passage.refusal for passage in passages)


@pytest.mark.timeout(60)
async def test_a_lane_whose_camera_is_gone_says_so_and_lets_nobody_in_unmeasured(tmp_path):
    wanted = SimulatedGate(site="s", gate="g", port=9, seed=1, people=50, rate_per_min=60.0)
    text = gate_file(wanted).replace("reference_c = 35.0\n\n[lanes.badge]", "fail_after_s = 0.0\n\n[lanes.badge]")
    agent = Agent(gate_settings.load(write_gate(tmp_path, text)), "test")
    task = asyncio.create_task(agent.run())
    await eventually(lambda: bool(agent.outbox.spool.epoch), "the spool is open")

    def urgent() -> list[object]:
        return [decode_event(row.event) for row in agent.outbox.spool.read(Urgency.URGENT, 0, 1000, 10**7)]

    def routine() -> list[object]:
        return [decode_event(row.event) for row in agent.outbox.spool.read(Urgency.ROUTINE, 0, 1000, 10**7)]

    await eventually(lambda: any(isinstance(e, PersonPassage) for e in urgent() + routine()), "a passage", 30)
    events = urgent() + routine()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    faults = [e for e in events if isinstance(e, DeviceState) and e.kind is DeviceKind.THERMAL]
    assert faults[0].health is Health.FAILED
    passage = next(e for e in events if isinstance(e, PersonPassage))
    assert (passage.verdict, passage.refusal, passage.temperature) == (Verdict.UNMEASURED, Refusal.NO_CAMERA, None)
    assert passage.outcome != "allow"


def test_a_short_token_key_is_refused(tmp_path):
    path = write_gate(tmp_path, gate_file(SimulatedGate(site="s", gate="g", port=9, seed=1, people=5)))
    (tmp_path / "token.key").write_text("short")
    with pytest.raises(SettingsError, match="expected at least 16"):
        Agent(gate_settings.load(path), "test")


def test_a_registry_that_is_none_is_refused(tmp_path):
    path = write_gate(tmp_path, gate_file(SimulatedGate(site="s", gate="g", port=9, seed=1, people=5)))
    (tmp_path / "registry.json").write_text('{"v":1}')
    with pytest.raises(SettingsError, match="no registry"):
        Agent(gate_settings.load(path), "test")


@pytest.mark.timeout(60)
async def test_a_defect_in_one_lane_is_told_and_the_lane_is_started_again(tmp_path, monkeypatch):
    wanted = SimulatedGate(site="s", gate="g", port=9, seed=1, people=50, rate_per_min=60.0)
    agent = Agent(gate_settings.load(write_gate(tmp_path, gate_file(wanted))), "test")
    people, vehicles = agent.lanes
    starts = []

    async def fails() -> None:
        starts.append(1)
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(people, "run", fails)
    monkeypatch.setattr("edge.agent.Backoff", lambda *_: Backoff(0.01, 0.05))
    task = asyncio.create_task(agent.run())
    await eventually(lambda: len(starts) >= 2, "it is started again")
    await eventually(lambda: agent.outbox.spool.depth().urgent >= 2, "it is told")
    assert vehicles.devices["vehicle"].health is Health.OK
    told = [decode_event(row.event) for row in agent.outbox.spool.read(Urgency.URGENT, 0, 100, 10**6)]
    assert any(isinstance(e, DeviceState) and "a defect" in e.detail for e in told)
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.timeout(60)
async def test_where_badges_were_is_known_again_after_a_restart(tmp_path):
    path = write_gate(tmp_path, gate_file(SimulatedGate(site="s", gate="g", port=9, seed=1, people=5)))
    seen = Sighting("badge-ann", "g", "people", Direction.IN, SystemTime().now().time_ns, entered=True)

    async def live(until: Callable[[Agent], bool]) -> None:
        agent = Agent(gate_settings.load(path), "test")
        task = asyncio.create_task(agent.run())
        await eventually(lambda: until(agent), "the gate is as it should be")
        agent.house.memory.sightings.hear(seen)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    await live(lambda agent: agent.lanes[0].mode is not None)
    await live(lambda agent: agent.house.memory.sightings.of("badge-ann") == [seen])
