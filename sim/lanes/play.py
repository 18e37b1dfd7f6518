"""Plays a situation through the edge's porters, word by word, on a clock that only the situation moves."""

from __future__ import annotations

import itertools

from edge.memory import Memory
from edge.passage import BadgeSeen, Crossing, Fusion, Turns, VehicleFusion, VehicleSeen
from edge.policy import LaneRules
from edge.porter import Act, LaneParts, PeoplePorter, VehiclePorter
from edge.porter import ByHand as ByGuard
from edge.registry import Registry
from edge.thermal.types import Reading
from sim.lanes.situation import (
    GATE,
    LANE,
    ByHand,
    DeviceWord,
    Frame,
    Overridden,
    Situation,
    Washed,
    Word,
    moment,
)
from wire.events import AnyEvent, Outcome, PersonPassage, VehiclePassage

DUE_EVERY_S = 0.25
AFTER_S = 30.0
GUARD, WHY = "guard-0001", "known to the guard"


def play(situation: Situation) -> list[AnyEvent]:
    """Everything that the lane says, in the order in which it says it."""
    events: list[AnyEvent] = []
    porter = _porter(situation)
    now_s = 0.0
    for told in situation.told:
        while now_s + DUE_EVERY_S <= told.at_s:
            now_s += DUE_EVERY_S
            events += [act.event for act in porter.due(moment(now_s))]
        events += [act.event for act in _hear(porter, told.word, told.at_s, events)]
    for _ in range(int(AFTER_S / DUE_EVERY_S)):
        now_s += DUE_EVERY_S
        events += [act.event for act in porter.due(moment(now_s))]
    return events


def registry_of(situation: Situation) -> Registry:
    return Registry(situation.entries, 1)


def passage_of(events: list[AnyEvent], token: str | None) -> str | None:
    """The name of the last passage of a badge or a vehicle."""
    for event in reversed(events):
        if isinstance(event, PersonPassage) and token is not None and event.badge == token:
            return event.passage
        if isinstance(event, VehiclePassage) and token is not None and event.vehicle == token:
            return event.passage
    return None


def _porter(situation: Situation) -> PeoplePorter | VehiclePorter:
    lane = situation.lane
    memory = Memory()
    for sighting in situation.sightings:
        memory.sightings.hear(sighting)
    names = itertools.count(1)
    rules = LaneRules(GATE, not lane.vehicles, lane.measures, lane.fail_safe)
    parts = LaneParts(
        LANE,
        rules,
        situation.policy,
        registry_of(situation),
        memory,
        lambda: f"p{next(names)}",
        lane.direction,
        lambda: situation.registry_age_s,
    )
    if lane.vehicles:
        return VehiclePorter(
            parts, VehicleFusion(reads_tags=lane.reads_tags, reads_plates=True, measures=lane.measures)
        )
    return PeoplePorter(
        parts, Fusion(reads_badges=True, measures=lane.measures), Turns(lane.direction) if lane.counts else None
    )


def _hear(porter: PeoplePorter | VehiclePorter, word: Word, at_s: float, before: list[AnyEvent]) -> list[Act]:
    now = moment(at_s)
    match word:
        case Reading():
            return porter.reading(word, now)
        case ByHand(badge, body_c, vehicle):
            passage = passage_of(before, vehicle or badge)
            return [porter.measured_by_hand(now, ByGuard(body_c, passage, badge, GUARD))]
        case Overridden(badge):
            return [porter.override(now, Outcome.ALLOW, GUARD, WHY, passage_of(before, badge))]
        case DeviceWord(device, works):
            setattr(porter.works, {"camera": "camera", "badge": "reader"}[device], works)
            return []
    return (
        _of_people(porter, word, now_s=at_s) if isinstance(porter, PeoplePorter) else _of_vehicles(porter, word, at_s)
    )


def _of_people(porter: PeoplePorter, word: Word, now_s: float) -> list[Act]:
    match word:
        case BadgeSeen():
            return porter.badge(word, moment(now_s))
        case Frame(at, tracks):
            porter.view(at, tracks)
        case Crossing():
            porter.crossed(word)
    return []


def _of_vehicles(porter: VehiclePorter, word: Word, now_s: float) -> list[Act]:
    match word:
        case VehicleSeen():
            return porter.seen(word, moment(now_s))
        case Washed(vehicle):
            return porter.disinfected(moment(now_s), vehicle, GUARD, "84")
    return []
