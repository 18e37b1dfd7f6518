"""Vehicles one after the other at a lane with a reader of tags, of plates, a camera at the driver's window, or
several."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from msgspec.structs import replace

from edge.passage import VehicleSeen
from edge.rules import PolicySettings
from edge.thermal.types import Reading
from sim.lanes.situation import ZERO_NS, ByHand, Expected, LaneFacts, Situation, Told, Washed, What, Word, moment
from sim.orders import VehicleFacts, vehicle_ought
from wire.events import Direction, Reason, Refusal, Temperature, Verdict
from wire.registry import Holder, Hours, RegistryEntry

APART_S = (9.0, 30.0)
"""Between two vehicles: a lane is longer than a car."""
TOGETHER_S = 2.4
DECIDED_S = 4.0
H = 3600 * 10**9
_FINE = VehicleFacts(plate_read=True, registered=True)
_NOW = datetime.fromtimestamp(ZERO_NS // 10**9, timezone(timedelta(hours=8)))
_OF_PEOPLE = {Reason.TEMPERATURE_NORMAL, Reason.FEVER, Reason.UNMEASURED}


@dataclass(frozen=True)
class Vehicle:
    """One vehicle, and what is true of this visit; its tag is another vehicle's where `facts.own_tag` is False."""

    number: int
    facts: VehicleFacts

    @property
    def plate(self) -> str:
        return f"plate-{self.number:04d}"

    @property
    def tag(self) -> str:
        return f"tag-{self.number:06d}"


@dataclass
class Road:
    """Puts vehicles one after the other."""

    draw: random.Random
    lane: LaneFacts
    policy: PolicySettings
    entries: list[RegistryEntry] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    expected: list[Expected] = field(default_factory=list)
    faces: dict[float, int] = field(default_factory=dict)
    now_s: float = 5.0
    count: int = 0

    def vehicle(self, facts: VehicleFacts = _FINE, **entry: object) -> Vehicle:
        """A registered vehicle with nothing wrong but what `facts` and `entry` change."""
        self.count += 1
        vehicle = Vehicle(self.count, replace(facts, leaves=self.lane.direction is Direction.OUT))
        known = RegistryEntry(vehicle.plate, Holder.VEHICLE, disinfected_until_ns=ZERO_NS + H)
        plate = vehicle.plate if facts.own_tag else "plate-of-another"
        if facts.registered:
            known = replace(known, **entry)
            self.entries += [known, replace(known, token=vehicle.tag, plate=plate)]
        return vehicle

    def come(self, vehicle: Vehicle, body_c: float | None = None) -> None:
        """One vehicle comes and is decided upon."""
        begin_s = self.now_s + self.draw.uniform(*APART_S)
        parts = self._parts(vehicle, begin_s)
        for at_s, word in parts:
            self._say(word, at_s)
        facts = vehicle.facts
        measured = facts.measured is not False if self.lane.measures else None
        if not facts.plate_read and self.lane.reads_tags:
            facts = replace(facts, plate_read=True)  # the tag tells
        self._expect(vehicle, replace(facts, measured=measured), [at_s for at_s, _ in parts])
        self.now_s = begin_s + TOGETHER_S + DECIDED_S
        if body_c is not None:
            self._by_hand(vehicle, replace(facts, feverish=body_c >= 37.3, measured=True), body_c)

    def wash(self, vehicle: Vehicle) -> None:
        """A guard disinfects it where it stands, and it is decided upon again."""
        self.now_s += self.draw.uniform(300, 900)
        token = vehicle.tag if self.lane.reads_tags else vehicle.plate
        self.told.append(Told(self.now_s, Washed(token)))
        facts = replace(vehicle.facts, disinfected=True, measured=True if self.lane.measures else None)
        ought = vehicle_ought(facts)
        self.expected.append(Expected(What.VEHICLE, self.now_s, ought.outcome, ought.reasons, token))

    def _parts(self, vehicle: Vehicle, begin_s: float) -> list[tuple[float, Word]]:
        """What is seen of it, and when."""
        times = [begin_s + self.draw.uniform(0, TOGETHER_S) for _ in range(3)]
        tag_at, plate_at, face_at = (moment(at_s) for at_s in times)
        way, parts = self.lane.direction, []
        if self.lane.reads_tags:
            parts.append((times[0], VehicleSeen(tag_at, tag=vehicle.tag, direction=way)))
        plate = vehicle.plate if vehicle.facts.plate_read else None
        parts.append((times[1], VehicleSeen(plate_at, plate=plate, direction=way, confidence=0.9)))
        found: list[tuple[float, Word]] = list(parts)
        if self.lane.measures:
            found.append((times[2], self._reading(vehicle, face_at)))
        return found

    def _reading(self, vehicle: Vehicle, at: object) -> Reading:
        assert isinstance(at, type(moment(0)))
        if vehicle.facts.measured is False:
            return Reading(vehicle.number, at, at, Verdict.UNMEASURED, None, Refusal.NOT_FRONTAL)
        skin_c = round((37.6 if vehicle.facts.feverish else 35.2) + 0.001 * vehicle.number, 3)
        self.faces[skin_c] = vehicle.number
        verdict = Verdict.FEVER if vehicle.facts.feverish else Verdict.NORMAL
        return Reading(vehicle.number, at, at, verdict, Temperature(skin_c=skin_c, u_c=0.3, looks=3), None)

    def _expect(self, vehicle: Vehicle, facts: VehicleFacts, times: list[float]) -> None:
        ought = vehicle_ought(facts)
        token = vehicle.tag if self.lane.reads_tags else vehicle.plate if facts.plate_read else None
        self.expected.append(Expected(What.VEHICLE, max(times), ought.outcome, ought.reasons, token))
        if self.lane.measures:
            of_driver = frozenset(ought.reasons & _OF_PEOPLE)
            face = vehicle.number if facts.measured else None
            self.expected.append(Expected(What.PERSON, times[-1], ought.outcome, of_driver, None, face))

    def _by_hand(self, vehicle: Vehicle, facts: VehicleFacts, body_c: float) -> None:
        at_s = self.now_s + self.draw.uniform(5, 30)
        token = vehicle.tag if self.lane.reads_tags else vehicle.plate
        self.told.append(Told(at_s, ByHand(None, body_c, token)))
        ought = vehicle_ought(facts)
        reasons = ought.reasons | {Reason.MEASURED_BY_HAND}
        self.expected.append(Expected(What.BY_HAND, at_s, ought.outcome, reasons))
        self.now_s = at_s

    def _say(self, word: Word, at_s: float) -> None:
        late_s = self.draw.uniform(0, 0.45)
        self.told.append(Told(at_s + late_s, word))
        if self.draw.random() < 0.2:
            self.told.append(Told(at_s + late_s + self.draw.uniform(0.01, 2.0), word))


def _registered(road: Road) -> None:
    for _ in range(road.draw.randint(1, 4)):
        road.come(road.vehicle())


def _with(**facts: bool | None) -> VehicleFacts:
    return replace(_FINE, **facts)


def _then_clean(facts: VehicleFacts, **entry: object) -> Callable[[Road], None]:
    def make(road: Road) -> None:
        road.come(road.vehicle())
        road.come(road.vehicle(facts, **entry))
        road.come(road.vehicle())

    return make


def _unwashed(road: Road) -> None:
    """Not disinfected: it waits, is disinfected at the gate, and goes in."""
    vehicle = road.vehicle(_with(disinfected=False), disinfected_until_ns=ZERO_NS)
    road.come(vehicle)
    if road.lane.direction is Direction.IN:
        road.wash(vehicle)
    road.come(road.vehicle())


def _driver(facts: VehicleFacts, body_c: float | None = None) -> Callable[[Road], None]:
    def make(road: Road) -> None:
        road.lane = replace(road.lane, measures=True)
        road.come(road.vehicle())
        road.come(road.vehicle(facts), body_c)

    return make


def _mismatched(road: Road) -> None:
    road.lane = replace(road.lane, reads_tags=True)
    road.come(road.vehicle(_with(own_tag=False)))
    road.come(road.vehicle())


def _not_resumed(road: Road) -> None:
    road.policy = replace(road.policy, resumes=_NOW + timedelta(days=1))
    road.come(road.vehicle(_with(open_to=False)))


KINDS: dict[str, Callable[[Road], None]] = {
    "vehicle": _registered,
    "vehicle-unregistered": _then_clean(_with(registered=False)),
    "vehicle-unread": _then_clean(_with(plate_read=False)),
    "vehicle-not-disinfected": _unwashed,
    "vehicle-over": _then_clean(_with(valid=False), until_ns=ZERO_NS),
    "vehicle-no-reason": _then_clean(_with(accounted=False), outside=True),
    "vehicle-announced": _then_clean(_FINE, outside=True, reason_stated=True, until_ns=ZERO_NS + H),
    "vehicle-other-gate": _then_clean(_with(here=False), gates=("south",)),
    "vehicle-other-hour": _then_clean(_with(in_time=False), hours=(Hours(600, 700),)),
    "vehicle-not-resumed": _not_resumed,
    "vehicle-other-tag": _mismatched,
    "driver-fever": _driver(_with(feverish=True)),
    "driver-fever-confirmed": _driver(_with(feverish=True), 38.2),
    "driver-unmeasured": _driver(_with(measured=False), 36.4),
}


def situation(draw: random.Random, number: int, kind: str) -> Situation:
    """The situation of that number, of one of `KINDS`."""
    lane = LaneFacts(
        vehicles=True,
        direction=Direction.OUT if draw.random() < 0.15 else Direction.IN,
        reads_tags=draw.random() < 0.5,
        measures=draw.random() < 0.5,
    )
    road = Road(draw, lane, PolicySettings())
    KINDS[kind](road)
    told = tuple(sorted(road.told, key=lambda told: told.at_s))
    return Situation(
        number, kind, road.lane, road.policy, tuple(road.entries), (), 60.0, told, tuple(road.expected), road.faces
    )
