"""The barrier is closed at each start, never shown an old decision, held open by the fire alarm, and comes back by
itself."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from edge import barrier as room
from edge.barrier import Barrier, FireAlarm
from edge.clock import SystemTime
from edge.devices import Device
from edge.policy import Decision
from tests.support.gates import Lamp
from tests.support.servers import eventually
from wire.events import DeviceKind, DeviceState, Health, Outcome, Reason
from wire.link import Backoff

ALLOW = Decision(Outcome.ALLOW, (Reason.TEMPERATURE_NORMAL,))
DENY = Decision(Outcome.DENY, (Reason.FEVER,))
REST = (Outcome.DENY, ())
OPEN = (Outcome.ALLOW, (Reason.FIRE_ALARM,))


@pytest.fixture(autouse=True)
def _quickly(monkeypatch):
    monkeypatch.setattr(room, "Backoff", lambda *_: Backoff(0.01, 0.02))
    monkeypatch.setattr(room, "SHOW_WITHIN_S", 0.05)
    monkeypatch.setattr(room, "AGAIN_EVERY_S", 0.02)


@asynccontextmanager
async def running(lamp: Lamp, *, fail_safe: bool = False):
    states: list[DeviceState] = []

    async def tell(state: DeviceState) -> None:
        states.append(state)

    device = Device("lamp", DeviceKind.ACTUATOR, lamp, SystemTime(), tell)  # type: ignore[arg-type]
    barrier = Barrier(lamp, device, SystemTime(), fail_safe=fail_safe)  # type: ignore[arg-type]
    task = asyncio.create_task(barrier.run())
    try:
        yield barrier, states
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_it_is_closed_first_and_shows_what_is_decided():
    lamp = Lamp()
    async with running(lamp) as (barrier, states):
        await eventually(lambda: bool(states), "it works")
        await barrier.show(ALLOW)
        await barrier.show(DENY)
    assert lamp.shown == [REST, (ALLOW.outcome, ALLOW.reasons), (DENY.outcome, DENY.reasons)]


async def test_a_voice_that_fails_beside_it_is_told_once_and_the_barrier_goes_on():
    lamp = Lamp()
    async with running(lamp) as (barrier, states):
        await eventually(lambda: bool(states), "it works")
        lamp.ailing = "no sound device"
        await barrier.show(ALLOW)
        await barrier.show(DENY)
        lamp.ailing = ""
        await barrier.show(ALLOW)
    assert [(state.health, state.detail) for state in states] == [
        (Health.OK, "started"),
        (Health.DEGRADED, "no sound device"),
        (Health.OK, ""),
    ]
    assert len(lamp.shown) == 4


async def test_a_decision_that_could_not_be_shown_is_not_shown_to_the_next_person():
    lamp = Lamp()
    async with running(lamp) as (barrier, states):
        await eventually(lambda: bool(states), "it works")
        lamp.pulled = True
        await barrier.show(ALLOW)
        await barrier.show(ALLOW)
        lamp.pulled = False
        await eventually(lambda: states[-1].health is Health.OK and len(states) == 3, "it comes back")
    assert [state.health for state in states] == [Health.OK, Health.FAILED, Health.OK]
    assert lamp.shown == [REST, REST]


async def test_one_that_hangs_counts_as_failed_and_is_started_again():
    lamp = Lamp()
    async with running(lamp) as (barrier, states):
        await eventually(lambda: bool(states), "it works")
        lamp.hangs = True
        await barrier.show(ALLOW)
        assert "did not take a decision" in states[-1].detail
        lamp.hangs = False
        await eventually(lambda: states[-1].health is Health.OK, "it comes back")


async def test_a_slow_answer_is_not_overtaken_by_the_next_persons():
    lamp = Lamp()
    async with running(lamp) as (barrier, states):
        await eventually(lambda: bool(states), "it works")
        lamp.slow_s = 0.02
        await asyncio.gather(barrier.show(ALLOW), barrier.show(DENY))
    assert [outcome for outcome, _ in lamp.shown] == [Outcome.DENY, Outcome.ALLOW, Outcome.DENY]


async def test_one_that_is_not_there_at_the_start_is_told_and_waited_for():
    lamp = Lamp()
    lamp.pulled = True
    async with running(lamp) as (_, states):
        await eventually(lambda: bool(states), "it is told")
        lamp.pulled = False
        await eventually(lambda: states[-1].health is Health.OK, "it comes")
    assert states[0].health is Health.FAILED


async def test_the_fire_alarm_holds_it_open_over_decisions_and_restarts_until_it_is_over():
    lamp = Lamp()
    async with running(lamp) as (barrier, states):
        await eventually(lambda: bool(states), "it works")
        await barrier.hold_open(True)
        await barrier.show(DENY)
        await eventually(lambda: lamp.shown.count(OPEN) >= 3, "it is told again and again")
        lamp.pulled = True
        await eventually(lambda: states[-1].health is Health.FAILED, "it fails")
        lamp.pulled = False
        await eventually(lambda: states[-1].health is Health.OK, "it comes back")
        assert lamp.shown[-1] == OPEN
        await barrier.hold_open(False)
        await barrier.show(DENY)
    assert lamp.shown[-2:] == [REST, (DENY.outcome, DENY.reasons)]
    assert set(lamp.shown[1:-2]) == {OPEN}


@pytest.mark.parametrize(("fail_safe", "last"), [(True, (Outcome.ALLOW, (Reason.FAIL_SAFE,))), (False, REST)])
async def test_when_the_agent_ends_it_is_left_as_the_site_chose(fail_safe, last):
    lamp = Lamp()
    async with running(lamp, fail_safe=fail_safe) as (_, states):
        await eventually(lambda: bool(states), "it works")
    assert lamp.shown[-1] == last


async def test_the_alarm_is_on_while_any_contact_says_so():
    alarm = FireAlarm()
    await alarm.set("one", True)
    await alarm.set("two", True)
    await alarm.set("one", False)
    assert alarm.is_on
    waiting = asyncio.create_task(alarm.changed(True))
    await alarm.set("two", False)
    assert await waiting is False
