"""What a gate says of itself: a store that fills up, a clock that is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.clock import Instant
from edge.selfcheck import ClockWatch, SelfCheck, spool_health
from tests.support.clocks import HandClock
from wire.errors import SpoolError
from wire.events import AnyEvent, Clock, DeviceKind, DeviceState, Health
from wire.machine import Machine
from wire.messages import SpoolDepth

S_NS = 10**9


class Box:
    """An outbox of any depth."""

    def __init__(self) -> None:
        self.fault = ""
        self.bytes = 0
        self.is_gone = False
        self.said: list[DeviceState] = []

    async def depth(self) -> SpoolDepth:
        if self.is_gone:
            raise SpoolError("disk I/O error")
        return SpoolDepth(1, 2, self.bytes)

    async def put(self, event: AnyEvent) -> None:
        assert isinstance(event, DeviceState)
        self.said.append(event)

    @property
    def told(self) -> list[tuple[DeviceKind, Health]]:
        return [(state.kind, state.health) for state in self.said]


def check(box: Box, fault_after_s: float = 600.0) -> SelfCheck:
    return SelfCheck(box, HandClock(), max_bytes=1000, full_at=0.5, clock_fault_after_s=fault_after_s)


async def test_a_store_that_fills_up_is_told_once_and_well_again_only_well_below_the_limit():
    box = Box()
    mine = check(box)
    for size in (0, 499, 500, 501, 499, 401, 399, 0):
        box.bytes = size
        await mine.look()
    spool = [health for kind, health in box.told if kind is DeviceKind.SPOOL]
    assert spool == [Health.OK, Health.DEGRADED, Health.OK]
    [full] = [state for state in box.said if state.health is Health.DEGRADED]
    assert full.detail == "3 events wait for the hub, 50 % of the room for them"


async def test_a_disk_that_refuses_is_told_with_its_own_words():
    box = Box()
    mine = check(box)
    box.fault = "disk full"
    await mine.look()
    box.fault, box.is_gone = "", True
    await mine.look()
    box.is_gone = False
    await mine.look()
    spool = [(state.health, state.detail) for state in box.said if state.kind is DeviceKind.SPOOL]
    assert spool == [(Health.FAILED, "disk full"), (Health.OK, "")]


async def test_power_that_comes_and_goes_is_one_fault_and_each_of_the_machine_s_is_told_once():
    box, clock, looks = Box(), HandClock(), [0, 1, 0, 1, 0, 0, 0]
    now = Machine()
    mine = SelfCheck(box, clock, max_bytes=1000, full_at=0.5, clock_fault_after_s=0.0, machine=lambda: now)
    for bits in looks:
        now = Machine(throttled=bits, wear_percent=20, cpu_c=90.0)
        await mine.look()
        clock.pass_s(50.0)
    machine = [(kind.value, health.value) for kind, health in box.told[2:]]
    assert machine == [
        ("power", "ok"), ("heat", "degraded"), ("storage", "ok"), ("power", "degraded"), ("power", "ok"),
    ]  # fmt: skip


def moment(at_s: float, clock: Clock) -> Instant:
    return Instant(round(at_s * S_NS), round(at_s * S_NS), clock)


def test_a_clock_has_its_time_after_the_start_and_is_a_fault_after_it_until_it_is_set():
    watch = ClockWatch(600.0)
    told = [watch.see(moment(at_s, Clock.FREE)) for at_s in (0, 599, 600, 900)]
    assert [found and found.health for found in told] == [None, None, Health.DEGRADED, Health.DEGRADED]
    assert watch.see(moment(901, Clock.SYNCED)).health is Health.OK
    assert watch.see(moment(902, Clock.FREE)) is None, "it has its time again"


def test_where_nothing_sets_the_clock_it_is_no_fault():
    watch = ClockWatch(0.0)
    assert [watch.see(moment(at_s, Clock.FREE)) for at_s in (0, 10**6)] == [None, None]


@given(
    st.integers(0, 2000),
    st.sampled_from(["", "disk full"]),
    st.sampled_from([None, *Health]),
    st.floats(0.01, 1.0, allow_nan=False),
)
def test_however_full_it_is_said_and_what_is_full_is_never_well(size, fault, before, full_at):
    found = spool_health(SpoolDepth(0, 1, size), fault, max_bytes=1000, full_at=full_at, before=before)
    if fault:
        assert found.health is Health.FAILED
    elif size / 1000 >= full_at:
        assert found.health is Health.DEGRADED
    elif size / 1000 < full_at * 0.8:
        assert found.health is Health.OK


@pytest.mark.parametrize("fault_after_s", [600.0, 0.0])
async def test_what_did_not_change_is_told_once(fault_after_s):
    box = Box()
    mine = check(box, fault_after_s)
    for _ in range(5):
        await mine.look()
    assert box.told == [(DeviceKind.SPOOL, Health.OK), (DeviceKind.CLOCK, Health.OK)]
