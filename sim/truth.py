"""Who truly passed where and when, and what ought to be decided: a plant's day, from its seed and nothing else.

People come in the morning and leave in the evening; before a lane they queue. Whoever is to be measured again, or
forgot the badge, comes again after a while; whoever is denied goes home. An illness lasts one day here.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from msgspec import Struct

from sim.orders import PersonFacts, VehicleFacts, person_ought, vehicle_ought
from sim.people import FEVER_FROM_C, SKIN_SLOPE, WELL_BELOW_C, SimPerson, fever_c, population, stream, vehicles
from sim.plant import Plant
from sim.registry import Standing, standing
from sim.scene import APPROACH_S, BREAK_S, LEAVE_S, STAND_S
from wire.events import (
    AnyEvent,
    Direction,
    Outcome,
    PersonPassage,
    Reason,
    Refusal,
    Temperature,
    VehiclePassage,
    Verdict,
)
from wire.tokens import TokenKind, token

PERSON_LANE, VEHICLE_LANE = "people", "vehicles"
PERSON_S, VEHICLE_S = APPROACH_S + STAND_S + LEAVE_S + BREAK_S, 25.0
"""How long one passage keeps a lane."""
AGAIN_S = (300.0, 600.0)
"""A face from the cold needs 5 to 10 minutes in the warm before it can be measured (FACTS)."""
BREACH_SHARE = 0.1
"""Of people in isolation, each day: comes to work all the same."""
DRIVE_SHARE = 0.5
"""Of vehicles, each day."""
_RHYTHM_C, _RHYTHM_PEAK_H = 0.25, 17.0
"""Oral temperature over the day: 0.5 K from nadir to peak, which is at 16 to 18 h (Mackowiak 1992, JAMA 268:1578)."""
_DAY_S = 86_400.0
_REFUSALS = (Refusal.NOT_FRONTAL, Refusal.TOO_COLD, Refusal.NO_FACE)


class PersonTruth(Struct, frozen=True, kw_only=True, tag="person", tag_field="kind"):
    """One person at a gate. `outcome` and `reasons` are what the order asks; `skin_c` is the face's true maximum."""

    time_ns: int
    site: str
    gate: str
    passage: str
    direction: Direction
    person: str
    """The token of the person's badge, whether it was shown or not."""
    body_c: float
    skin_c: float
    facts: PersonFacts
    refusal: Refusal | None
    outcome: Outcome
    reasons: tuple[Reason, ...]


class VehicleTruth(Struct, frozen=True, kw_only=True, tag="vehicle", tag_field="kind"):
    """One vehicle at a gate; `vehicle` is the token of its plate, whether it was read or not."""

    time_ns: int
    site: str
    gate: str
    passage: str
    direction: Direction
    vehicle: str
    facts: VehicleFacts
    outcome: Outcome
    reasons: tuple[Reason, ...]


Truth = PersonTruth | VehicleTruth


class Site(NamedTuple):
    """One site's people and vehicles, the same all days. `badges` and `plates` are tokens, in their order."""

    name: str
    seed: int
    plant: Plant
    people: list[SimPerson]
    standing: Standing
    badges: list[str]
    plates: list[str]


class _Attempt(NamedTuple):
    """Somebody who wants to pass; of those who wait at a gate the first comes first."""

    wanted_s: float
    number: int
    gate: int
    direction: Direction
    again: bool = False


class _Health(NamedTuple):
    """Somebody's illness today: its temperature, and the hour at which it begins (infinite for the well)."""

    fever_c: float
    from_h: float


def sites(plant: Plant, seed: int, key: bytes) -> list[Site]:
    """All sites of a plant. A lone site has the plant's seed, so that `menshen sim registry` writes its registry."""
    names = plant.site_names()
    if len(names) == 1:
        return [_site(plant, names[0], seed, key)]
    return [_site(plant, name, int(stream(seed, "site", name).integers(2**32)), key) for name in names]


def _site(plant: Plant, name: str, seed: int, key: bytes) -> Site:
    people = population(seed, plant.people)
    badges = [token(key, TokenKind.BADGE, person.badge) for person in people]
    plates = [token(key, TokenKind.PLATE, vehicle.plate) for vehicle in vehicles(seed, plant.vehicles)]
    return Site(name, seed, plant, people, standing(seed, plant.people, plant.vehicles), badges, plates)


def day(site: Site, number: int) -> list[Truth]:
    """All passages of one site on one day, in the order of their time; days count from 0.

    Raises `ValueError` when the queues before the gates are not through by midnight: too many people for too few gates.
    """
    found: list[Truth] = [*_PeopleOfDay(site, number).passages(), *_VehiclesOfDay(site, number).passages()]
    found.sort(key=lambda truth: (truth.time_ns, truth.gate, truth.passage))
    if found and found[-1].time_ns >= site.plant.day_begins_ns(number) + _DAY_S * 1e9:
        raise ValueError(
            f"site {site.name}: {site.plant.people} people and {site.plant.vehicles} vehicles are not through "
            f"{site.plant.gates} gates by midnight; expected more gates"
        )
    return found


class _PeopleOfDay:
    """The people of one site on one day."""

    def __init__(self, site: Site, number: int) -> None:
        self._site, self._plant = site, site.plant
        self._day, self._begins_ns = number, site.plant.day_begins_ns(number)
        self._gates = site.plant.gate_names()
        self._draw = stream(site.seed, "day", str(number), "people")
        self._health: dict[int, _Health] = {}
        self._count = 0

    def passages(self) -> Iterator[PersonTruth]:
        arrivals = [attempt for number in range(self._plant.people) if (attempt := self._arrival(number))]
        queue = _Queue(arrivals, PERSON_S)
        for attempt, at_s in queue:
            truth = self._truth(attempt, at_s)
            if (following := self._next(attempt, at_s, truth)) is not None:
                queue.push(following)
            yield truth

    def _arrival(self, number: int) -> _Attempt | None:
        draw, plant = self._draw, self._plant
        absent, breach, ill = draw.random(3)
        ill_c, from_h = fever_c(draw), draw.uniform(0, plant.work_to_h)
        wanted_h, gate = draw.normal(plant.work_from_h - 0.3, 0.2), int(draw.integers(plant.gates))
        self._health[number] = _Health(ill_c, from_h if ill < plant.fever_share else math.inf)
        if absent < plant.absent_share or (self._site.standing.isolated[number] and breach >= BREACH_SHARE):
            return None
        return _Attempt(max(0.0, wanted_h * 3600), number, gate, Direction.IN)

    def _truth(self, attempt: _Attempt, at_s: float) -> PersonTruth:
        site, number = self._site, attempt.number
        body_c = self._body_c(number, at_s / 3600)
        person = site.people[number]
        facts, refusal = self._facts(attempt, body_c)
        ought = person_ought(facts)
        self._count += 1
        return PersonTruth(
            time_ns=self._begins_ns + int(at_s * 1e6) * 1000,
            site=site.name,
            gate=self._gates[attempt.gate],
            passage=f"{site.name}-{self._day}-p{self._count}",
            direction=attempt.direction,
            person=site.badges[number],
            body_c=round(body_c, 3),
            skin_c=round(person.skin_c + SKIN_SLOPE * (body_c - person.body_c), 3),
            facts=facts,
            refusal=refusal,
            outcome=ought.outcome,
            reasons=tuple(sorted(ought.reasons)),
        )

    def _facts(self, attempt: _Attempt, body_c: float) -> tuple[PersonFacts, Refusal | None]:
        """What happens at the gate; nothing goes wrong twice."""
        plant = self._plant
        forgotten, unmeasured, tailgating = self._draw.random(3) < (
            plant.forgotten_badge_share,
            plant.unmeasured_share,
            plant.tailgating_share,
        )
        refusal = _REFUSALS[int(self._draw.integers(len(_REFUSALS)))]
        fails = bool(unmeasured) and not attempt.again
        facts = PersonFacts(
            feverish=body_c >= FEVER_FROM_C,
            measured=not fails,
            badge_shown=attempt.again or not forgotten,
            registered=self._site.standing.known[attempt.number],
            isolated=self._site.standing.isolated[attempt.number],
            alone=attempt.again or not tailgating,
        )
        return facts, refusal if fails else None

    def _body_c(self, number: int, hour: float) -> float:
        health = self._health[number]
        if hour >= health.from_h:
            return health.fever_c
        rhythm_c = _RHYTHM_C * math.cos(math.tau * (hour - _RHYTHM_PEAK_H) / 24)
        return min(self._site.people[number].body_c + rhythm_c, WELL_BELOW_C)

    def _next(self, attempt: _Attempt, at_s: float, truth: PersonTruth) -> _Attempt | None:
        """When that person comes to the gate again today, if at all."""
        forgot = set(truth.reasons) - {Reason.TEMPERATURE_NORMAL} == {Reason.NO_BADGE}
        if truth.outcome is Outcome.REMEASURE or forgot:
            return attempt._replace(wanted_s=at_s + self._draw.uniform(*AGAIN_S), again=True)
        if truth.outcome is not Outcome.ALLOW or attempt.direction is Direction.OUT:
            return None
        home_s = self._draw.normal(self._plant.work_to_h + 0.2, 0.2) * 3600
        return _Attempt(max(home_s, at_s + 3600), attempt.number, attempt.gate, Direction.OUT)


class _VehiclesOfDay:
    """The vehicles of one site on one day: they come during working hours, and leave after loading."""

    def __init__(self, site: Site, number: int) -> None:
        self._site, self._plant = site, site.plant
        self._day, self._begins_ns = number, site.plant.day_begins_ns(number)
        self._gates = site.plant.gate_names()
        self._draw = stream(site.seed, "day", str(number), "vehicles")
        self._count = 0

    def passages(self) -> Iterator[VehicleTruth]:
        draw, plant = self._draw, self._plant
        coming = np.flatnonzero(draw.random(plant.vehicles) < DRIVE_SHARE).tolist()
        hours = draw.uniform(plant.work_from_h, plant.work_to_h, len(coming))
        gates = draw.integers(plant.gates, size=len(coming))
        queue = _Queue(
            [
                _Attempt(float(hour) * 3600, number, int(gate), Direction.IN)
                for number, hour, gate in zip(coming, hours, gates, strict=True)
            ],
            VEHICLE_S,
        )
        for attempt, at_s in queue:
            truth = self._truth(attempt, at_s)
            if truth.outcome is Outcome.REMEASURE:
                queue.push(attempt._replace(wanted_s=at_s + 60.0, again=True))
            elif truth.outcome is Outcome.ALLOW and attempt.direction is Direction.IN:
                stay_s = draw.uniform(1200, 3600)
                queue.push(_Attempt(at_s + stay_s, attempt.number, attempt.gate, Direction.OUT))
            yield truth

    def _truth(self, attempt: _Attempt, at_s: float) -> VehicleTruth:
        site = self._site
        unread = self._draw.random() < self._plant.unread_share
        facts = VehicleFacts(attempt.again or not unread, site.standing.vehicles[attempt.number])
        ought = vehicle_ought(facts)
        self._count += 1
        return VehicleTruth(
            time_ns=self._begins_ns + int(at_s * 1e6) * 1000,
            site=site.name,
            gate=self._gates[attempt.gate],
            passage=f"{site.name}-{self._day}-v{self._count}",
            direction=attempt.direction,
            vehicle=site.plates[attempt.number],
            facts=facts,
            outcome=ought.outcome,
            reasons=tuple(sorted(ought.reasons)),
        )


class _Queue:
    """One queue before each gate: (attempt, when it is served) in the order of wishes; more may be pushed meanwhile."""

    def __init__(self, attempts: list[_Attempt], service_s: float) -> None:
        self._waiting = attempts
        heapq.heapify(self._waiting)
        self._service_s = service_s
        self._free_s: dict[int, float] = {}

    def push(self, attempt: _Attempt) -> None:
        heapq.heappush(self._waiting, attempt)

    def __iter__(self) -> Iterator[tuple[_Attempt, float]]:
        while self._waiting:
            attempt = heapq.heappop(self._waiting)
            at_s = max(attempt.wanted_s, self._free_s.get(attempt.gate, 0.0))
            self._free_s[attempt.gate] = at_s + self._service_s
            yield attempt, at_s


def event_of(truth: Truth) -> AnyEvent:
    """What a gate without any fault or noise would say of that passage: its thermometer has no uncertainty."""
    if isinstance(truth, VehicleTruth):
        return VehiclePassage(
            time_ns=truth.time_ns,
            passage=truth.passage,
            lane=VEHICLE_LANE,
            outcome=truth.outcome,
            direction=truth.direction,
            vehicle=truth.vehicle if truth.facts.plate_read else None,
            registered=truth.facts.plate_read and truth.facts.registered,
            reasons=truth.reasons,
        )
    seen = truth.facts.measured
    return PersonPassage(
        time_ns=truth.time_ns,
        passage=truth.passage,
        lane=PERSON_LANE,
        outcome=truth.outcome,
        verdict=verdict_of(truth.facts),
        direction=truth.direction,
        badge=truth.person if truth.facts.badge_shown else None,
        temperature=Temperature(skin_c=truth.skin_c, u_c=0.0, looks=1) if seen else None,
        refusal=truth.refusal,
        reasons=truth.reasons,
    )


def verdict_of(facts: PersonFacts) -> Verdict:
    """What a perfect screening says."""
    if not facts.measured:
        return Verdict.UNMEASURED
    return Verdict.FEVER if facts.feverish else Verdict.NORMAL
