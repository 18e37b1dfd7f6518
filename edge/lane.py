"""A lane at work: devices → porter (passages, policy) → record and barrier; and what a guard does by hand.

screening ── a device fails, or the camera sees nothing usable ──► manual ── all work again ──► screening
    └──────────────── fire alarm ──► open ◄── fire alarm ──────────┘  (over: back to what the devices say)
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
import structlog

from edge.barrier import Barrier, FireAlarm
from edge.clock import Instant, Timekeeper
from edge.devices import Device
from edge.drivers.base import (
    BadgeRead,
    CelsiusImage,
    ContactChange,
    ContactKind,
    ThermalFrame,
    ThermalReport,
    VehicleRead,
)
from edge.memory import Memory
from edge.passage import BadgeSeen, Crossing, Crossings, Fusion, Passage, Turns, VehicleFusion, VehicleSeen
from edge.policy import LaneRules
from edge.porter import Act, ByHand, LaneParts, PeoplePorter, VehiclePorter
from edge.registry import Registry
from edge.rules import PolicySettings
from edge.settings import Lane as Plugged
from edge.snapshots import Album, Shots
from edge.thermal.bad_pixels import PixelMap
from edge.thermal.reports import Reports
from edge.thermal.screen import Screen, ScreenState
from edge.thermal.settings import ThermalSettings
from edge.thermal.types import Reading, View
from wire.errors import MenshenError
from wire.events import (
    AnyEvent,
    DeviceKind,
    DeviceState,
    Direction,
    Health,
    LaneMode,
    LaneState,
    Outcome,
    PersonPassage,
    Refusal,
    Temperature,
    Verdict,
)
from wire.tokens import TokenKind, token

log = structlog.get_logger(__name__)

CAMERA_SILENCE_S = 10.0
BLIND_S = 10.0
"""A camera that gave no usable frame for so long measures nobody."""
DUE_EVERY_S = 0.25
COMMIT_PATIENCE_S = 0.02
"""The barrier waits this long for the record; a stalled card must not keep people out in the cold."""
KINDS = {
    "thermal": DeviceKind.THERMAL,
    "badge": DeviceKind.BADGE,
    "vehicle": DeviceKind.VEHICLE,
    "tag": DeviceKind.VEHICLE,
    "contact": DeviceKind.CONTACT,
    "actuator": DeviceKind.ACTUATOR,
}


class Recorder(Protocol):
    """Where events go: the outbox."""

    async def put(self, event: AnyEvent) -> None: ...


class Screening(Protocol):
    """What judges a camera's frames."""

    def see(self, frame: ThermalFrame) -> View: ...

    def flush(self) -> list[Reading]: ...

    def calibrate(self, temperature: Temperature, body_c: float) -> None: ...

    def state(self) -> ScreenState: ...

    def restore(self, state: ScreenState) -> None: ...


class Shows(Protocol):
    """What a lane shows to whoever looks at it now (`edge.guard.stage`)."""

    def show(self, celsius: CelsiusImage, view: View) -> None: ...
    def tell(self, reading: Reading) -> None: ...


@dataclass(frozen=True)
class House:
    """What the lanes of one gate share."""

    gate: str
    key: bytes
    registry: Registry
    outbox: Recorder
    timekeeper: Timekeeper
    policy: PolicySettings = field(default_factory=PolicySettings)
    memory: Memory = field(default_factory=Memory)
    alarm: FireAlarm = field(default_factory=FireAlarm)
    registry_age_s: Callable[[], float | None] = lambda: None
    new_id: Callable[[], str] = lambda: secrets.token_hex(8)
    album: Album | None = None
    """Where pictures of people with a fever go, if the site wants them."""
    make_screen: Callable[[ThermalSettings], Screening] = Screen
    token_of: Callable[[bytes, TokenKind, str], str] = token


class Lane:
    """One lane of a gate. `run` works until cancelled."""

    def __init__(self, plugged: Plugged, house: House) -> None:
        settings, plugs = plugged.settings, plugged.plugs
        self.name = settings.name
        self.frames = 0
        """Frames judged since the start: the pipeline's progress."""
        self.drift_c: float | None = None
        """The reference as seen minus its set temperature, in kelvin."""
        self.stage: Shows | None = None
        """Where each frame is shown to the guard, where there is a guard's page."""
        self.mode: LaneMode | None = None
        """None until the devices have said whether they work."""
        self._house = house
        self._settings = settings
        self.devices = {
            kind: Device(
                f"{self.name}-{kind}"[:32].rstrip("-"), KINDS[kind], plug, house.timekeeper, self._device_changed
            )
            for kind, plug in plugs.items()
        }
        self._screen = house.make_screen(settings.thermal)
        self._pixels = PixelMap()
        self._reports = Reports(settings.thermal)
        camera = plugs.get("thermal")
        self.camera_silence_s = camera.trait("silence_s", CAMERA_SILENCE_S) if camera else None
        """A camera that gives nothing for longer hangs; None for one that speaks only when somebody is there."""
        self._sighted: Instant | None = None
        """When the camera last gave a usable frame."""
        self._why_blind = ""
        self._shots = Shots() if house.album is not None else None
        self._crossings = Crossings(Direction(settings.direction))
        self._people = _people_porter(plugged, house) if settings.kind == "person" else None
        self._vehicles = _vehicle_porter(plugged, house) if settings.kind == "vehicle" else None
        self._barrier: Barrier | None = None
        if "actuator" in plugs:
            safe = settings.on_failure == "safe"
            self._barrier = Barrier(plugs["actuator"], self.devices["actuator"], house.timekeeper, fail_safe=safe)
        self._records: set[asyncio.Task[None]] = set()

    @property
    def is_for_vehicles(self) -> bool:
        return self._vehicles is not None

    @property
    def _porter(self) -> PeoplePorter | VehiclePorter:
        porter = self._people or self._vehicles
        assert porter is not None, "a lane is of one of the two kinds"
        return porter

    async def run(self) -> None:
        uses: dict[str, Callable[[Any], Awaitable[None]]] = {
            "badge": self._badge,
            "vehicle": self._vehicle,
            "tag": self._vehicle,
            "contact": self._contact,
        }
        self._recall_screen()
        async with asyncio.TaskGroup() as tasks:
            if self._barrier is not None:
                tasks.create_task(self._barrier.run(), name=self.devices["actuator"].name)
            for kind, device in self.devices.items():
                if kind == "thermal":
                    tasks.create_task(self._watch(device), name=device.name)
                elif kind in uses:
                    tasks.create_task(device.read(uses[kind]), name=device.name)
            tasks.create_task(self._close_what_is_due(), name=f"{self.name} due")
            tasks.create_task(self._follow_alarm(), name=f"{self.name} alarm")

    async def tell_defect(self, detail: str) -> None:
        """Say that the lane itself failed, and why."""
        now = self._house.timekeeper.now()
        state = DeviceState(
            time_ns=now.time_ns,
            clock=now.clock,
            device=self.name,
            kind=DeviceKind.OTHER,
            health=Health.FAILED,
            detail=detail[:2000],
        )
        await self._record(state)

    # -- by hand ----------------------------------------------------------------------------------------------------

    async def announce(self, key: str) -> bool:
        """Say an announcement of the hub's, unless something else is being said; whether it was said."""
        return self._barrier is not None and await self._barrier.announce(key)

    async def record_contact_measurement(
        self, passage: str | None, badge: str | None, body_c: float, by: str | None, device: str = ""
    ) -> Act:
        """A guard measured somebody with a contact thermometer: of a passage of this lane, or of a badge (tokens).

        Raises `ValueError` for what is no body temperature, `DecodeError` for what is no token.
        """
        act = self._porter.measured_by_hand(self._house.timekeeper.now(), ByHand(body_c, passage, badge, by, device))
        await self._carry_out([act])
        self._calibrate(passage, body_c)
        return act

    def _calibrate(self, passage: str | None, body_c: float) -> None:
        """What the guard's thermometer showed is held against what the camera had said of the same person."""
        reading = self._people.reading_of(passage) if self._people is not None and passage else None
        if reading is not None and reading.temperature is not None:
            self._screen.calibrate(reading.temperature, body_c)  # kept with the next reading: a frame may be at work

    def _note_pixels(self, pixels: PixelMap | None) -> None:
        """Bad pixels are part of the camera's health, and are kept over restarts."""
        if pixels is not None and pixels != self._pixels:
            self._pixels = pixels
            self._settle_camera()
            self._note_screen()

    def _settle_camera(self) -> None:
        """What is wrong with a camera although it gives pictures: without its reference it measures nobody."""
        if self._why_blind == Refusal.NO_REFERENCE.value:
            ails = (Health.DEGRADED, "the reference is not in the picture, or not at its temperature")
        else:
            ails = (Health.DEGRADED if self._pixels.is_too_much else Health.OK, self._pixels.told())
        self.devices["thermal"].ails = ails

    def _note_screen(self) -> None:
        """What the screening learned of this lane's people is kept over restarts."""
        self._house.memory.note(f"screen {self.name}", msgspec.json.encode(self._screen.state()))

    def _recall_screen(self) -> None:
        kept = self._house.memory.noted(f"screen {self.name}")
        if kept is None:
            return
        try:
            self._screen.restore(msgspec.json.decode(kept, type=ScreenState))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            log.warning("what the screening had learned cannot be read", lane=self.name, error=str(error))

    async def override(self, outcome: Outcome, by: str, why: str, passage: str | None = None) -> Act:
        """A guard decides otherwise than the lane, by name (a token) and with a reason. Raises `DecodeError`."""
        act = self._porter.override(self._house.timekeeper.now(), outcome, by, why, passage)
        await self._carry_out([act])
        return act

    async def register_disinfection(self, vehicle: str, by: str | None, agent: str = "") -> list[Act]:
        """A vehicle (its token) was disinfected here. Raises `DecodeError`, and `ValueError` on a lane for people."""
        if self._vehicles is None:
            raise ValueError(f"lane {self.name} is for people; vehicles are disinfected at a lane for vehicles")
        acts = self._vehicles.disinfected(self._house.timekeeper.now(), vehicle, by, agent)
        await self._carry_out(acts)
        return acts

    # -- devices in -------------------------------------------------------------------------------------------------

    async def _watch(self, camera: Device) -> None:
        await camera.read(self._frame, self.camera_silence_s)
        await self._flush()

    async def _flush(self) -> None:
        """The camera is gone: whoever stood before it has had their looks."""
        for reading in self._screen.flush():
            await self.conclude(reading)

    async def _frame(self, frame: ThermalFrame | ThermalReport) -> None:
        if isinstance(frame, ThermalReport):
            await self._report(frame)
            return
        view = await asyncio.to_thread(self._screen.see, frame)
        self.frames += 1
        if self.stage is not None:
            self.stage.show(frame.celsius, view)
        set_c = self._settings.thermal.reference_c
        if view.reference is not None and set_c is not None:
            self.drift_c = view.reference.seen_c - set_c
        self._note_sight(view)
        if self._shots is not None:
            self._shots.see(frame.celsius, view)
        if self._people is not None:
            self._people.view(view.at, [person.track for person in view.people])
        for reading in view.readings:
            await self.conclude(reading)
        self._note_pixels(view.pixels)
        if view.readings:
            self._note_screen()

    async def conclude(self, reading: Reading) -> None:
        """The screening, or a camera that measures by itself, concluded about one person."""
        await self._carry_out(self._porter.reading(reading, self._house.timekeeper.now()))

    async def _report(self, report: ThermalReport) -> None:
        """A person whom the camera measured itself. What happened earlier is recorded, and moves no barrier."""
        self.frames += 1
        reading = self._reports.take(report)
        if self.stage is not None and report.live:
            self.stage.tell(reading)
        if self._people is None or (report.live and not report.reads_badges):
            await self.conclude(reading)
            return
        badge = self._token(TokenKind.BADGE, report.badge)
        passage = Passage(report.at, None if badge is None else BadgeSeen(badge, report.at), reading)
        now = self._house.timekeeper.now()
        act = self._people.together(passage, now, reads_badges=report.reads_badges, live=report.live)
        await self._carry_out([act])

    async def _badge(self, read: BadgeRead) -> None:
        try:
            seen = BadgeSeen(self._house.token_of(self._house.key, TokenKind.BADGE, read.number), read.at)
        except ValueError as error:
            log.warning("badge reader gave no number", lane=self.name, error=str(error))
            return
        if self._people is not None:
            await self._carry_out(self._people.badge(seen, self._house.timekeeper.now()))

    async def _vehicle(self, read: VehicleRead) -> None:
        seen = VehicleSeen(
            at=read.at,
            tag=self._token(TokenKind.TAG, read.tag),
            plate=self._token(TokenKind.PLATE, read.plate),
            direction=read.direction,
            confidence=read.confidence,
        )
        await self._vehicle_seen(seen)

    async def _vehicle_seen(self, seen: VehicleSeen) -> None:
        if self._vehicles is not None:
            await self._carry_out(self._vehicles.seen(seen, self._house.timekeeper.now()))

    async def _contact(self, change: ContactChange) -> None:
        if change.contact is ContactKind.FIRE:
            await self._house.alarm.set(self.name, change.active)
        elif change.contact is ContactKind.LOOP and change.active:
            await self._vehicle_seen(VehicleSeen(change.at, direction=change.direction or Direction.IN, loop=True))
        else:
            self._crossed(self._crossings.change(change))

    def _crossed(self, crossing: Crossing | None) -> None:
        """While the fire alarm holds the lane open nobody is asked who they are."""
        if crossing is not None and self._people is not None and not self._house.alarm.is_on:
            self._people.crossed(crossing)

    def _token(self, kind: TokenKind, number: str | None) -> str | None:
        return self._house.token_of(self._house.key, kind, number) if number and number.strip() else None

    async def _close_what_is_due(self) -> None:
        while True:
            await asyncio.sleep(DUE_EVERY_S)
            await self._carry_out(self._porter.due(self._house.timekeeper.now()))

    # -- how the lane works -----------------------------------------------------------------------------------------

    async def _device_changed(self, state: DeviceState) -> None:
        self._record_later(state)
        if state.kind is DeviceKind.THERMAL and state.health is Health.FAILED:
            self._sighted = None
            await self._flush()
        self._settle_mode()

    def _note_sight(self, view: View) -> None:
        """A camera that warms up, or has lost its reference, sends frames and measures nobody."""
        before = self._why_blind
        if view.refusal is None or self._sighted is None:
            self._sighted = view.at
        is_blind = view.refusal is not None and view.at.seconds_since(self._sighted) > BLIND_S
        self._why_blind = view.refusal.value if is_blind and view.refusal is not None else ""
        if before != self._why_blind:
            self._settle_camera()
        if bool(before) is not is_blind:
            self._settle_mode()

    async def _follow_alarm(self) -> None:
        held = False
        while True:
            held = await self._house.alarm.changed(held)
            if self._barrier is not None:
                await self._barrier.hold_open(held)
            self._settle_mode()

    def _settle_mode(self) -> None:
        """Tell how the lane works where that changed."""
        gone = [device.name for device in self.devices.values() if device.health is Health.FAILED]
        camera = self.devices.get("thermal")
        self._porter.works.camera = camera is None or (camera.health is not Health.FAILED and not self._why_blind)
        reader = self.devices.get("badge")
        self._porter.works.reader = reader is None or reader.health is not Health.FAILED
        mode, detail = self._mode(gone)
        if mode is None or mode is self.mode:
            return
        self.mode = mode
        log.log(20 if mode is LaneMode.SCREENING else 30, "lane", lane=self.name, mode=mode.value, detail=detail)
        now = self._house.timekeeper.now()
        self._record_later(
            LaneState(time_ns=now.time_ns, clock=now.clock, lane=self.name, mode=mode, detail=detail[:2000])
        )

    def _mode(self, gone: Sequence[str]) -> tuple[LaneMode | None, str]:
        if self._house.alarm.is_on:
            return LaneMode.OPEN, "fire alarm"
        if gone:
            return LaneMode.MANUAL, f"measure and register by hand: {', '.join(gone)} failed"
        if self._why_blind:
            return LaneMode.MANUAL, f"measure by hand: the camera gives no temperature ({self._why_blind})"
        if any(device.health is None for device in self.devices.values()):
            return None, ""
        return LaneMode.SCREENING, "all devices work"

    # -- decision out -----------------------------------------------------------------------------------------------

    async def _carry_out(self, acts: Sequence[Act]) -> None:
        """Record, then move the barrier; but the barrier does not wait for a card that stalls."""
        if not acts:
            return
        records = [self._record_later(act.event) for act in acts]
        self._picture(acts)
        await asyncio.wait(records, timeout=COMMIT_PATIENCE_S)
        for act in acts:
            if act.decision is not None and self._barrier is not None:
                await self._barrier.show(act.decision)

    def _picture(self, acts: Sequence[Act]) -> None:
        """A picture of whoever has a fever goes beside the event."""
        if self._shots is None or self._house.album is None:
            return
        fevers = [act.event for act in acts if isinstance(act.event, PersonPassage)]
        for event in (one for one in fevers if one.verdict is Verdict.FEVER):
            jpeg = self._shots.of(event.temperature)
            if jpeg:
                self._house.album.put(event.passage, event.time_ns, jpeg)

    def _record_later(self, event: AnyEvent) -> asyncio.Task[None]:
        record = asyncio.create_task(self._record(event))
        self._records.add(record)
        record.add_done_callback(self._records.discard)
        return record

    async def _record(self, event: AnyEvent) -> None:
        try:
            await self._house.outbox.put(event)
        except MenshenError as error:
            log.error("event not kept", lane=self.name, error=str(error))


def _parts(plugged: Plugged, house: House) -> LaneParts:
    settings, plugs = plugged.settings, plugged.plugs
    rules = LaneRules(house.gate, "badge" in plugs, "thermal" in plugs, fail_safe=settings.on_failure == "safe")
    return LaneParts(
        settings.name,
        rules,
        house.policy,
        house.registry,
        house.memory,
        house.new_id,
        Direction(settings.direction),
        house.registry_age_s,
        settings.place,
    )


def _people_porter(plugged: Plugged, house: House) -> PeoplePorter:
    settings, parts = plugged.settings, _parts(plugged, house)
    fusion = Fusion(
        reads_badges=parts.rules.reads_badges,
        measures=parts.rules.measures,
        before_s=settings.pair_before_s,
        after_s=settings.pair_after_s,
    )
    turns = Turns(parts.direction, settings.turn_s) if settings.counts_crossings else None
    return PeoplePorter(parts, fusion, turns)


def _vehicle_porter(plugged: Plugged, house: House) -> VehiclePorter:
    parts = _parts(plugged, house)
    fusion = VehicleFusion(
        reads_tags="tag" in plugged.plugs,
        reads_plates="vehicle" in plugged.plugs,
        measures=parts.rules.measures,
        wait_s=plugged.settings.vehicle_wait_s,
        same=house.registry.same,
    )
    return VehiclePorter(parts, fusion)
