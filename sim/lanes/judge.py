"""Holds what a lane said of a situation against what it ought to have said."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from sim.lanes.situation import ZERO_NS, Expected, Situation, What
from wire.events import (
    AnyEvent,
    Outcome,
    Override,
    PersonPassage,
    Reason,
    SecondaryMeasurement,
    VehiclePassage,
    Verdict,
)

NEAR_S = 0.6
"""An event is dated so near to what it is about."""
_OF_CROSSINGS = {Reason.UNSCREENED_ENTRY, Reason.TAILGATING, Reason.ENTERED_REFUSED, Reason.WRONG_DIRECTION}


class Fault(StrEnum):
    WRONG_DECISION = "wrong-decision"
    """Decided otherwise than it ought, not decided, or decided about nobody."""
    UNREPORTED_ENTRY = "unreported-entry"
    WRONG_PAIRING = "wrong-pairing"
    """One person's temperature with another's badge."""


class Wrong(Struct, frozen=True):
    """One fault of one situation: what was expected, and what was there instead."""

    fault: Fault
    expected: str
    found: str


class _Said(Struct):
    """One event in the terms of `Expected`."""

    what: What
    at_s: float
    outcome: Outcome
    reasons: frozenset[Reason]
    badge: str | None
    face: int | None


def judge(situation: Situation, events: Sequence[AnyEvent]) -> list[Wrong]:
    """Everything that is wrong with what was said; nothing where all is right."""
    said = [it for event in events if (it := _said(situation, event)) is not None]
    wrong = _pairings(situation, events)
    for expected in situation.expected:
        found = next((it for it in said if _is_about(expected, it)), None)
        if found is None:
            fault = Fault.UNREPORTED_ENTRY if expected.entry else Fault.WRONG_DECISION
            wrong.append(Wrong(fault, _text(expected), "nothing"))
            continue
        said.remove(found)
        if (found.outcome, found.reasons) != (expected.outcome, expected.reasons):
            wrong.append(Wrong(Fault.WRONG_DECISION, _text(expected), _text(found)))
    return wrong + [Wrong(Fault.WRONG_DECISION, "nothing", _text(it)) for it in said]


def _pairings(situation: Situation, events: Sequence[AnyEvent]) -> list[Wrong]:
    """Of each temperature that stands beside a badge, whether the badge's holder was expected to have that face."""
    whose = {expected.face: expected.badge for expected in situation.expected if expected.face is not None}
    found = []
    for event in events:
        if isinstance(event, PersonPassage) and event.badge is not None and event.temperature is not None:
            face = situation.faces[event.temperature.skin_c]
            if whose.get(face) != event.badge:
                found.append(Wrong(Fault.WRONG_PAIRING, f"face {face} is {whose.get(face)}", event.badge))
    return found


def _said(situation: Situation, event: AnyEvent) -> _Said | None:
    at_s = (event.time_ns - ZERO_NS) / 1e9
    match event:
        case PersonPassage():
            face = situation.faces[event.temperature.skin_c] if event.temperature else None
            what = What.PERSON if _is_of_lane(event) else What.CROSSING
            return _Said(what, at_s, event.outcome, frozenset(event.reasons), event.badge, face)
        case VehiclePassage():
            return _Said(What.VEHICLE, at_s, event.outcome, frozenset(event.reasons), event.vehicle, None)
        case SecondaryMeasurement():
            outcome = event.outcome or Outcome.OTHER
            return _Said(What.BY_HAND, at_s, outcome, frozenset(event.reasons), event.badge, None)
        case Override():
            return _Said(What.OVERRIDE, at_s, event.outcome, frozenset(), None, None)
        case _:
            return None


def _is_of_lane(event: PersonPassage) -> bool:
    """Of somebody at the place, rather than of somebody going through."""
    return event.verdict is not Verdict.UNMEASURED or len(event.reasons) != 1 or not _OF_CROSSINGS & {*event.reasons}


def _is_about(expected: Expected, said: _Said) -> bool:
    badges = {expected.badge, None} if expected.what is What.CROSSING else {expected.badge}
    return (
        said.what is expected.what
        and said.badge in badges
        and said.face == expected.face
        and abs(said.at_s - expected.at_s) <= NEAR_S
    )


def _text(it: Expected | _Said) -> str:
    who = " ".join(filter(None, (it.badge, f"face {it.face}" if it.face is not None else None)))
    return f"{it.what} {who or 'nobody known'} at {it.at_s:.2f} s: {it.outcome} ({', '.join(sorted(it.reasons))})"
