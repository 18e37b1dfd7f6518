"""A lane at work: devices → passage → decision → barrier and outbox."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable

import structlog

from edge.clock import Timekeeper
from edge.devices import Device
from edge.drivers.base import Actuator, BadgeRead, ThermalFrame, VehicleRead
from edge.outbox import Outbox
from edge.passage import BadgeSeen, Fusion, Passage
from edge.policy import Decision, LaneRules, decide_person, decide_vehicle
from edge.registry import Registry
from edge.settings import Lane as LaneParts
from edge.thermal.screen import Screen
from wire.errors import DriverError, MenshenError
from wire.events import (
    AnyEvent,
    DeviceKind,
    DeviceState,
    Health,
    PersonPassage,
    Refusal,
    VehiclePassage,
)
from wire.tokens import TokenKind, token

log = structlog.get_logger(__name__)

CAMERA_SILENCE_S = 10.0
DUE_EVERY_S = 0.25
COMMIT_PATIENCE_S = 0.2
"""The barrier waits this long for the record; a stalled card must not keep people out in the cold."""
KINDS = {
    "thermal": DeviceKind.THERMAL,
    "badge": DeviceKind.BADGE,
    "vehicle": DeviceKind.VEHICLE,
    "actuator": DeviceKind.ACTUATOR,
}


class Lane:
    """One lane of a gate. `run` works until cancelled."""

    def __init__(
        self,
        gate: str,
        parts: LaneParts,
        key: bytes,
        registry: Registry,
        outbox: Outbox,
        timekeeper: Timekeeper,
        new_id: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        settings = parts.settings
        self.name = settings.name
        self.frames = 0
        """Frames judged since the start: the pipeline's progress."""
        self.drift_c: float | None = None
        """The reference as seen minus its set temperature, in kelvin."""
        self.devices = {
            kind: Device(f"{self.name}-{kind}"[:32].rstrip("-"), KINDS[kind], plug, timekeeper, self._tell_state)
            for kind, plug in parts.plugs.items()
        }
        measures, reads = "thermal" in parts.plugs, "badge" in parts.plugs
        self._rules = LaneRules(gate, reads, measures)
        self._fusion = Fusion(
            reads_badges=reads, measures=measures, before_s=settings.pair_before_s, after_s=settings.pair_after_s
        )
        self._screen = Screen(settings.thermal)
        self._set_c = settings.thermal.reference_c
        self._actuator: Actuator | None = (
            parts.plugs["actuator"].make(timekeeper) if "actuator" in parts.plugs else None
        )
        self._key = key
        self._registry = registry
        self._outbox = outbox
        self._timekeeper = timekeeper
        self._new_id = new_id

    async def run(self) -> None:
        if self._actuator is not None:
            await self._actuator.start()
        try:
            async with asyncio.TaskGroup() as tasks:
                for kind, device in self.devices.items():
                    if kind == "thermal":
                        tasks.create_task(self._watch(device), name=device.name)
                    elif kind != "actuator":
                        use = self._badge if kind == "badge" else self._vehicle
                        tasks.create_task(device.read(use), name=device.name)
                tasks.create_task(self._close_what_is_due(), name=f"{self.name} due")
        finally:
            if self._actuator is not None:
                await self._actuator.stop()

    async def tell_defect(self, detail: str) -> None:
        """Say that the lane itself failed, and why."""
        now = self._timekeeper.now()
        await self._tell_state(
            DeviceState(
                time_ns=now.time_ns,
                clock=now.clock,
                device=self.name,
                kind=DeviceKind.OTHER,
                health=Health.FAILED,
                detail=detail[:2000],
            )
        )

    # -- devices in -------------------------------------------------------------------------------------------------

    async def _watch(self, camera: Device) -> None:
        await camera.read(self._frame, CAMERA_SILENCE_S)
        for reading in self._screen.flush():
            await self._conclude(self._fusion.reading(reading))

    async def _frame(self, frame: ThermalFrame) -> None:
        view = await asyncio.to_thread(self._screen.see, frame)
        self.frames += 1
        if view.reference is not None and self._set_c is not None:
            self.drift_c = view.reference.seen_c - self._set_c
        for reading in view.readings:
            await self._conclude(self._fusion.reading(reading))

    async def _badge(self, read: BadgeRead) -> None:
        try:
            seen = BadgeSeen(token(self._key, TokenKind.BADGE, read.number), read.at)
        except ValueError as error:
            log.warning("badge reader gave no number", lane=self.name, error=str(error))
            return
        await self._conclude(self._fusion.badge(seen))

    async def _vehicle(self, read: VehicleRead) -> None:
        vehicle = self._vehicle_token(read)
        entry = self._registry.find(vehicle)
        decision = decide_vehicle(self._rules, vehicle, entry, read.at.time_ns)
        await self._carry_out(
            decision,
            VehiclePassage(
                time_ns=read.at.time_ns,
                clock=read.at.clock,
                passage=self._new_id(),
                lane=self.name,
                outcome=decision.outcome,
                direction=read.direction,
                vehicle=vehicle,
                registered=entry is not None,
                confidence=min(1.0, max(0.0, read.confidence)),
                reasons=decision.reasons,
            ),
        )

    def _vehicle_token(self, read: VehicleRead) -> str | None:
        """A tag is surer than a plate."""
        for kind, number in ((TokenKind.TAG, read.tag), (TokenKind.PLATE, read.plate)):
            if number and number.strip():
                return token(self._key, kind, number)
        return None

    async def _close_what_is_due(self) -> None:
        while True:
            await asyncio.sleep(DUE_EVERY_S)
            await self._conclude(self._fusion.due(self._timekeeper.now()))

    # -- decision out -----------------------------------------------------------------------------------------------

    async def _conclude(self, passages: list[Passage]) -> None:
        for passage in passages:
            badge = passage.badge.token if passage.badge else None
            alone = passage.reading.alone if passage.reading else True
            entry = self._registry.find(badge)
            decision = decide_person(self._rules, passage.verdict, badge, entry, passage.at.time_ns, alone=alone)
            unmeasured = self._why_unmeasured() if self._rules.measures else None
            await self._carry_out(decision, person_event(self.name, self._new_id(), passage, decision, unmeasured))

    def _why_unmeasured(self) -> Refusal:
        camera = self.devices.get("thermal")
        return Refusal.NO_FACE if camera is not None and camera.health is Health.OK else Refusal.NO_CAMERA

    async def _carry_out(self, decision: Decision, event: AnyEvent) -> None:
        """Record, then move the barrier; but the barrier does not wait for a card that stalls."""
        began_s = time.monotonic()
        record = asyncio.create_task(self._record(event))
        await asyncio.wait([record], timeout=COMMIT_PATIENCE_S)
        await self._show(decision)
        log.debug("decided", lane=self.name, outcome=decision.outcome.value, took_s=time.monotonic() - began_s)
        await record

    async def _show(self, decision: Decision) -> None:
        if self._actuator is None:
            return
        device = self.devices["actuator"]
        try:
            await self._actuator.show(decision.outcome, decision.reasons)
            await device.say(Health.OK)
        except DriverError as error:
            await device.say(Health.FAILED, str(error))

    async def _record(self, event: AnyEvent) -> None:
        try:
            await self._outbox.put(event)
        except MenshenError as error:
            log.error("event not kept", lane=self.name, error=str(error))

    async def _tell_state(self, state: DeviceState) -> None:
        await self._record(state)


def person_event(
    lane: str, passage_id: str, passage: Passage, decision: Decision, unmeasured: Refusal | None
) -> PersonPassage:
    """What a lane says of a passage; `unmeasured` is why there is no reading, where there is none."""
    reading = passage.reading
    return PersonPassage(
        time_ns=passage.at.time_ns,
        clock=passage.at.clock,
        passage=passage_id,
        lane=lane,
        outcome=decision.outcome,
        verdict=passage.verdict,
        badge=passage.badge.token if passage.badge else None,
        temperature=reading.temperature if reading else None,
        refusal=reading.refusal if reading else unmeasured,
        reasons=decision.reasons,
        again_after_s=reading.again_after_s if reading else None,
    )
