"""What the order asks at a gate, from the truth about who stands there: the judge of what gates decide.

Written from the text of the order (DESIGN: double control, double measuring, double isolation, miss no one) and not
from the edge's policy, so that the two can be held against each other. Of the facts, not of what a device saw.
"""

from __future__ import annotations

from msgspec import Struct

from wire.events import Outcome, Reason


class PersonFacts(Struct, frozen=True):
    """The truth about one person at a gate; `badge_shown` and `measured` are what happened, the rest is what is."""

    feverish: bool
    measured: bool
    badge_shown: bool
    registered: bool
    isolated: bool
    alone: bool = True


class VehicleFacts(Struct, frozen=True):
    """The truth about one vehicle at a gate."""

    plate_read: bool
    registered: bool


class Ought(Struct, frozen=True):
    """What ought to be decided, and every reason for it."""

    outcome: Outcome
    reasons: frozenset[Reason]


def person_ought(facts: PersonFacts) -> Ought:
    """Isolated, abnormal or unregistered people stay outside; nobody enters unmeasured or on another's turn."""
    stays_out = set()
    if facts.measured and facts.feverish:
        stays_out.add(Reason.FEVER)
    if not facts.badge_shown:
        stays_out.add(Reason.NO_BADGE)
    elif not facts.registered:
        stays_out.add(Reason.UNKNOWN_BADGE)
    elif facts.isolated:
        stays_out.add(Reason.IN_ISOLATION)
    again = {
        reason
        for reason, applies in ((Reason.UNMEASURED, not facts.measured), (Reason.SEVERAL_PEOPLE, not facts.alone))
        if applies
    }
    fine = {Reason.TEMPERATURE_NORMAL} if facts.measured and not facts.feverish else set()
    outcome = Outcome.DENY if stays_out else Outcome.REMEASURE if again else Outcome.ALLOW
    return Ought(outcome, frozenset(stays_out | again | fine))


def vehicle_ought(facts: VehicleFacts) -> Ought:
    """An unregistered vehicle stays outside, an unread one is looked at again."""
    if not facts.plate_read:
        return Ought(Outcome.REMEASURE, frozenset({Reason.VEHICLE_UNREAD}))
    if not facts.registered:
        return Ought(Outcome.DENY, frozenset({Reason.VEHICLE_UNREGISTERED}))
    return Ought(Outcome.ALLOW, frozenset({Reason.VEHICLE_REGISTERED}))
