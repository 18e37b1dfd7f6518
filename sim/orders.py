"""What the order asks at a gate, from the truth about who stands there: the judge of what gates decide.

Written from the text of the order (double control, double measuring, double isolation, miss no one) and not from the
edge's policy or the hub's rules, so that they can be held against each other. Of facts, not of what a device saw.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from wire.events import Outcome, Reason


class Warn(StrEnum):
    """What somebody has to be told of, by the order."""

    FEVER = "fever"
    BREACH = "isolation-breach"
    TAILGATING = "tailgating"
    BADGE_MISUSE = "badge-misuse"
    UNREGISTERED_VEHICLE = "unregistered-vehicle"
    NOT_DISINFECTED = "vehicle-not-disinfected"
    DEVICE_FAULT = "device-fault"


class PersonFacts(Struct, frozen=True):
    """The truth about one passage of a person: what happened, and of whom the badge that was shown is.

    `badge_inside`: the person that the badge belongs to has gone in already and not come out.
    """

    feverish: bool
    measured: bool
    badge_shown: bool
    registered: bool
    isolated: bool
    alone: bool = True
    right_way: bool = True
    badge_inside: bool = False


class VehicleFacts(Struct, frozen=True):
    """The truth about one vehicle at a gate."""

    plate_read: bool
    registered: bool
    disinfected: bool = True


class Ought(Struct, frozen=True):
    """What ought to be decided, every reason for it, and what ought to be told to somebody."""

    outcome: Outcome
    reasons: frozenset[Reason]
    warn: frozenset[Warn]


def person_ought(facts: PersonFacts) -> Ought:
    """Isolated, abnormal or unregistered people stay outside; nobody enters unmeasured or on another's turn."""
    stays_out: set[Reason] = set()
    if facts.measured and facts.feverish:
        stays_out.add(Reason.FEVER)
    stays_out |= _badge(facts)
    if not facts.right_way:
        stays_out.add(Reason.WRONG_DIRECTION)
    again = {
        reason
        for reason, applies in ((Reason.UNMEASURED, not facts.measured), (Reason.SEVERAL_PEOPLE, not facts.alone))
        if applies
    }
    fine = {Reason.TEMPERATURE_NORMAL} if facts.measured and not facts.feverish else set()
    outcome = Outcome.DENY if stays_out else Outcome.REMEASURE if again else Outcome.ALLOW
    return Ought(outcome, frozenset(stays_out | again | fine), _told(stays_out | again))


def _badge(facts: PersonFacts) -> set[Reason]:
    if not facts.badge_shown:
        return {Reason.NO_BADGE}
    if not facts.registered:
        return {Reason.UNKNOWN_BADGE}
    found = set()
    if facts.isolated:
        found.add(Reason.IN_ISOLATION)
    if facts.badge_inside:
        found.add(Reason.PASSED_BACK)
    return found


def vehicle_ought(facts: VehicleFacts) -> Ought:
    """An unregistered or undisinfected vehicle stays outside, an unread one is looked at again."""
    if not facts.plate_read:
        return Ought(Outcome.REMEASURE, frozenset({Reason.VEHICLE_UNREAD}), frozenset())
    if not facts.registered:
        reasons = {Reason.VEHICLE_UNREGISTERED}
        return Ought(Outcome.DENY, frozenset(reasons), _told(reasons))
    if not facts.disinfected:
        reasons = {Reason.VEHICLE_REGISTERED, Reason.NOT_DISINFECTED}
        return Ought(Outcome.DENY, frozenset(reasons), _told(reasons))
    return Ought(Outcome.ALLOW, frozenset({Reason.VEHICLE_REGISTERED}), frozenset())


_TOLD = {
    Reason.FEVER: Warn.FEVER,
    Reason.IN_ISOLATION: Warn.BREACH,
    Reason.SEVERAL_PEOPLE: Warn.TAILGATING,
    Reason.PASSED_BACK: Warn.BADGE_MISUSE,
    Reason.VEHICLE_UNREGISTERED: Warn.UNREGISTERED_VEHICLE,
    Reason.NOT_DISINFECTED: Warn.NOT_DISINFECTED,
}


def _told(reasons: set[Reason]) -> frozenset[Warn]:
    return frozenset(_TOLD[reason] for reason in reasons if reason in _TOLD)
