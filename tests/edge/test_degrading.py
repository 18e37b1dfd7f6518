"""A lane whose devices are pulled at any time: it says so, measures by hand, and recovers by itself. In virtual
time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.barrier import FireAlarm
from edge.clock import Instant
from edge.drivers.base import BadgeRead, ContactChange, ContactKind, VehicleRead
from edge.lane import Lane
from edge.rules import PolicySettings
from edge.thermal.screen import ScreenState
from edge.thermal.types import Reading, View
from sim.lanes.whole import VirtualTime, virtual_time
from tests.support.gates import GUARD, KEY, Lamp, Recorder, Socket, entry, house, lane, reading
from wire.events import (
    DeviceState,
    Health,
    LaneMode,
    LaneState,
    Outcome,
    PersonPassage,
    Reason,
    Refusal,
    SecondaryMeasurement,
    Temperature,
    VehiclePassage,
    Verdict,
)
from wire.registry import Holder
from wire.tokens import TokenKind, token

ANN = token(KEY, TokenKind.BADGE, "1")
TRUCK = token(KEY, TokenKind.PLATE, "蒙B12345")


class Picture(NamedTuple):
    """A frame, and what the screening says of it."""

    at: Instant
    readings: tuple[Reading, ...] = ()
    refusal: Refusal | None = None


class Screening:
    def __init__(self, _settings: object) -> None: ...

    def see(self, frame: Any) -> View:
        return View(frame.at, readings=frame.readings, refusal=frame.refusal)

    def flush(self) -> list[Reading]:
        return []

    def calibrate(self, temperature: Temperature, body_c: float) -> None:
        """A script learns nothing."""

    def state(self) -> ScreenState:
        return ScreenState()

    def restore(self, state: ScreenState) -> None:
        """A script remembers nothing."""


class Bench:
    """One lane with all its devices, people who come to it, and hands that pull plugs."""

    def __init__(self, kind: str = "person", **more: Any) -> None:
        self.camera, self.badge, self.contact, self.vehicle = Socket(), Socket(), Socket(), Socket()
        self.lamp = Lamp()
        self.recorder: Recorder = more.pop("recorder", None) or Recorder()
        self.refusal: Refusal | None = None
        self.devices: dict[str, Any] = {"thermal": self.camera, "contact": self.contact, "actuator": self.lamp}
        self.devices |= {"badge": self.badge} if kind == "person" else {"vehicle": self.vehicle}
        known = entry(ANN), entry(TRUCK, holder=Holder.VEHICLE, disinfected_until_ns=2**62)
        shared = house(self.recorder, VirtualTime(), *known, make_screen=Screening, **more.pop("house", {}))
        self.lane: Lane = lane(shared, dict(self.devices), kind=kind, **more)
        self._people = 0

    @property
    def modes(self) -> list[LaneMode]:
        return [event.mode for event in self.recorder.of(LaneState)]

    async def frames(self) -> None:
        while True:
            self.camera.words.put_nowait(Picture(VirtualTime().now(), (), self.refusal))
            await asyncio.sleep(1.0)

    async def come(self, verdict: Verdict = Verdict.NORMAL) -> None:
        """Ann shows face and badge, and whatever is not pulled sees it."""
        now = VirtualTime().now()
        self._people += 1
        face = Picture(now, (reading(self._people, 0, verdict, now),))
        if not self.camera.pulled and self.refusal is None:
            self.camera.words.put_nowait(face)
        if not self.badge.pulled:
            self.badge.words.put_nowait(BadgeRead("1", now))
        await asyncio.sleep(12.0)

    def last(self, kind: type = PersonPassage) -> Any:
        return self.recorder.of(kind)[-1]


def play(bench: Bench, story: Callable[[Bench], Awaitable[None]]) -> Bench:
    async def run() -> None:
        tasks = [asyncio.create_task(bench.lane.run()), asyncio.create_task(bench.frames())]
        await asyncio.sleep(5.0)
        await story(bench)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    with virtual_time() as runner:
        runner.run(run())
    return bench


def plug_in(device: Any) -> None:
    device.pulled = False


def pull(device: Any) -> None:
    if isinstance(device, Socket):
        device.pull()
    else:
        device.pulled = True


def test_what_a_lane_inside_the_plant_says_tells_where_it_leads():
    async def story(bench: Bench) -> None:
        await bench.come()

    assert play(Bench(place="canteen"), story).last().place == "canteen"
    assert play(Bench(), story).last().place is None


@pytest.mark.parametrize("name", ["thermal", "badge", "contact", "actuator"])
def test_whatever_is_pulled_the_lane_says_so_and_comes_back_by_itself(name):
    async def story(bench: Bench) -> None:
        await bench.come()
        pull(bench.devices[name])
        await bench.come()
        await bench.come()
        assert bench.lane.mode is LaneMode.MANUAL
        assert bench.last(LaneState).detail.endswith(f"people-{name} failed")
        plug_in(bench.devices[name])
        await asyncio.sleep(90.0)
        await bench.come()
        assert bench.last().outcome is Outcome.ALLOW

    bench = play(Bench(), story)
    assert bench.modes == [LaneMode.SCREENING, LaneMode.MANUAL, LaneMode.SCREENING]
    health = [state.health for state in bench.recorder.of(DeviceState) if state.device == f"people-{name}"]
    assert health == [Health.OK, Health.FAILED, Health.OK]


def test_without_its_camera_a_lane_lets_in_who_was_measured_by_hand_and_only_them():
    async def story(bench: Bench) -> None:
        pull(bench.camera)
        await bench.come()
        waiting = bench.last()
        assert (waiting.outcome, waiting.refusal) == (Outcome.REMEASURE, Refusal.NO_CAMERA)
        await bench.lane.record_contact_measurement(waiting.passage, None, 36.5, GUARD)
        measured = bench.last(SecondaryMeasurement)
        assert (measured.outcome, measured.badge, measured.by) == (Outcome.ALLOW, ANN, GUARD)
        assert bench.lamp.shown[-1][0] is Outcome.ALLOW

    play(Bench(), story)


def test_a_camera_that_sends_frames_and_measures_nobody_is_none():
    async def story(bench: Bench) -> None:
        bench.refusal = Refusal.NO_REFERENCE
        await asyncio.sleep(5.0)
        assert bench.lane.mode is LaneMode.SCREENING
        await asyncio.sleep(10.0)
        assert bench.lane.mode is LaneMode.MANUAL
        await bench.come()
        assert bench.last().refusal is Refusal.NO_CAMERA
        bench.refusal = None
        await asyncio.sleep(2.0)
        assert bench.lane.mode is LaneMode.SCREENING

    play(Bench(), story)


@pytest.mark.parametrize("refusal", [Refusal.NO_REFERENCE, Refusal.WARMING_UP])
def test_a_lost_reference_is_a_fault_of_the_camera_until_it_is_back_and_warming_up_is_none(refusal):
    async def story(bench: Bench) -> None:
        bench.refusal = refusal
        await asyncio.sleep(20.0)
        bench.refusal = None
        await asyncio.sleep(5.0)

    bench = play(Bench(), story)
    told = [state.health for state in bench.recorder.of(DeviceState) if state.device == "people-thermal"]
    lost = [Health.DEGRADED, Health.OK] if refusal is Refusal.NO_REFERENCE else []
    assert told == [Health.OK, *lost]


def test_a_lane_that_fails_safe_lets_pass_without_its_camera_and_says_why():
    async def story(bench: Bench) -> None:
        pull(bench.camera)
        await bench.come()
        assert (bench.last().outcome, Reason.DEVICE_GONE in bench.last().reasons) == (Outcome.ALLOW, True)
        assert Reason.FAIL_SAFE not in bench.lamp.shown[-1][1]  # that one holds a barrier open

    bench = play(Bench(on_failure="safe"), story)
    assert bench.lamp.shown[-1] == (Outcome.ALLOW, (Reason.FAIL_SAFE,))


def test_a_fire_alarm_holds_the_lane_open_is_on_record_and_ends():
    async def story(bench: Bench) -> None:
        def alarm(on: bool) -> None:
            bench.contact.words.put_nowait(ContactChange(ContactKind.FIRE, on, VirtualTime().now()))

        alarm(False)
        alarm(True)
        await asyncio.sleep(1.0)
        await bench.come(Verdict.FEVER)
        assert bench.last().outcome is Outcome.DENY
        assert bench.lamp.shown[-1] == (Outcome.ALLOW, (Reason.FIRE_ALARM,))
        alarm(False)
        await asyncio.sleep(1.0)
        assert bench.lamp.shown[-1] == (Outcome.DENY, ())

    bench = play(Bench(), story)
    assert bench.modes == [LaneMode.SCREENING, LaneMode.OPEN, LaneMode.SCREENING]


def test_a_fire_alarm_at_one_lane_opens_the_others_of_the_gate():
    alarm = FireAlarm()

    async def story(bench: Bench) -> None:
        other = lane(house(Recorder(), VirtualTime(), alarm=alarm), {"actuator": (lamp := Lamp())})
        task = asyncio.create_task(other.run())
        bench.contact.words.put_nowait(ContactChange(ContactKind.FIRE, True, VirtualTime().now()))
        await asyncio.sleep(1.0)
        assert lamp.shown[-1] == (Outcome.ALLOW, (Reason.FIRE_ALARM,))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    play(Bench(house={"alarm": alarm}), story)


def test_who_goes_through_behind_another_is_told_by_the_turnstile():
    async def story(bench: Bench) -> None:
        def turn(on: bool) -> None:
            bench.contact.words.put_nowait(ContactChange(ContactKind.TURN, on, VirtualTime().now()))

        turn(False)
        bench.badge.words.put_nowait(BadgeRead("1", VirtualTime().now()))
        bench.camera.words.put_nowait(Picture(VirtualTime().now(), (reading(9, 0, when=VirtualTime().now()),)))
        for _ in range(2):
            await asyncio.sleep(1.0)
            turn(True)
            turn(False)
        await asyncio.sleep(2.0)
        assert [event.reasons for event in bench.recorder.of(PersonPassage)][-1] == (Reason.TAILGATING,)

    play(Bench(counts_crossings=True), story)


def test_a_guards_own_decision_moves_the_barrier_and_is_on_record():
    async def story(bench: Bench) -> None:
        act = await bench.lane.override(Outcome.ALLOW, GUARD, "ambulance")
        assert bench.lamp.shown[-1] == (Outcome.ALLOW, ())
        assert act.event in bench.recorder.events
        with pytest.raises(ValueError, match="is for people"):
            await bench.lane.register_disinfection(TRUCK, GUARD)

    play(Bench(), story)


def test_a_vehicle_its_plate_and_its_driver_are_decided_together_and_without_the_reader_it_is_manual():
    async def story(bench: Bench) -> None:
        now = VirtualTime().now()
        bench.vehicle.words.put_nowait(VehicleRead("蒙B12345", now))
        await asyncio.sleep(1.0)
        assert bench.recorder.of(VehiclePassage) == []
        bench.camera.words.put_nowait(Picture(now, (reading(1, 0, when=now),)))
        await asyncio.sleep(1.0)
        assert bench.last(VehiclePassage).outcome is Outcome.ALLOW
        pull(bench.vehicle)
        bench.contact.words.put_nowait(ContactChange(ContactKind.LOOP, False, VirtualTime().now()))
        await asyncio.sleep(60.0)
        bench.contact.words.put_nowait(ContactChange(ContactKind.LOOP, True, VirtualTime().now()))
        await asyncio.sleep(10.0)
        assert bench.last(VehiclePassage).reasons == (Reason.UNMEASURED, Reason.VEHICLE_UNREAD)
        assert bench.lane.mode is LaneMode.MANUAL
        await bench.lane.register_disinfection(TRUCK, GUARD)

    play(Bench("vehicle"), story)


class Stalled(Recorder):
    """A card that takes nothing."""

    async def put(self, event: Any) -> None:
        await super().put(event)
        await asyncio.Event().wait()


def test_a_card_that_stalls_keeps_nobody_waiting():
    async def story(bench: Bench) -> None:
        began_s = asyncio.get_running_loop().time()
        now = VirtualTime().now()
        bench.camera.words.put_nowait(Picture(now, (reading(1, 0, when=now),)))
        bench.badge.words.put_nowait(BadgeRead("1", now))
        while bench.lamp.shown[-1][0] is not Outcome.ALLOW:
            await asyncio.sleep(0.001)
        assert asyncio.get_running_loop().time() - began_s < 0.05
        await bench.come(Verdict.FEVER)
        assert bench.lamp.shown[-1][0] is Outcome.DENY

    play(Bench(recorder=Stalled()), story)


moves = st.lists(
    st.tuples(
        st.sampled_from(["come", "fever", "pull", "plug", "wait"]),
        st.sampled_from(["thermal", "badge", "contact", "actuator"]),
    ),
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(moves)
def test_whatever_is_pulled_whenever_nobody_is_let_in_unmeasured_and_in_the_end_all_works_again(story):
    async def run(bench: Bench) -> None:
        for move, name in story:
            if move in ("come", "fever"):
                await bench.come(Verdict.FEVER if move == "fever" else Verdict.NORMAL)
            elif move == "wait":
                await asyncio.sleep(40.0)
            elif (move == "pull") is not bench.devices[name].pulled:
                (pull if move == "pull" else plug_in)(bench.devices[name])
        for device in bench.devices.values():
            plug_in(device)
        await asyncio.sleep(200.0)
        await bench.come()
        assert bench.last().outcome is Outcome.ALLOW
        assert bench.lane.mode is LaneMode.SCREENING

    bench = play(Bench(house={"policy": PolicySettings()}), run)
    for event in bench.recorder.of(PersonPassage):
        assert event.outcome is not Outcome.ALLOW or (event.temperature and event.badge == ANN)
    first = next(iter(bench.modes), None)
    assert first is LaneMode.SCREENING or any(move == "pull" for move, _ in story)
