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

    `badge_inside`: the person that the badge belongs to has gone in already and not come out. `by_hand`: it was a guard
    who measured. `elsewhere`: the badge was at another gate so shortly before that nobody walks that fast. `leaves`: on
    the way out. `open_to`: the site has resumed work, or this person is exempted. `accounted`: whoever is from outside
    has stated a reason, and whom they visit. `in_time` and `here`: the hours and the gates that they are allowed.
    `listed_area`: back from an area of the list. `declared_ill`: said so, and was not cleared. `follows`: came within
    three seconds of another's badge and showed none. `excused`: no device can measure, and the site lets people pass
    this lane then. `masked` and `declared` are what the order demands of everybody.
    """

    feverish: bool
    measured: bool
    badge_shown: bool
    registered: bool
    isolated: bool
    alone: bool = True
    right_way: bool = True
    badge_inside: bool = False
    quarantined: bool = False
    elsewhere: bool = False
    leaves: bool = False
    valid: bool = True
    open_to: bool = True
    accounted: bool = True
    hosted: bool = True
    in_time: bool = True
    here: bool = True
    listed_area: bool = False
    declared_ill: bool = False
    masked: bool = True
    declared: bool = True
    by_hand: bool = False
    follows: bool = False
    excused: bool = False


class VehicleFacts(Struct, frozen=True):
    """The truth about one vehicle at a gate, and about who sits in it where that is looked at.

    `own_tag`: the tag on it is its own. `accounted`: a vehicle from outside has stated a reason.
    """

    plate_read: bool
    registered: bool
    disinfected: bool = True
    own_tag: bool = True
    leaves: bool = False
    valid: bool = True
    open_to: bool = True
    accounted: bool = True
    in_time: bool = True
    here: bool = True
    feverish: bool = False
    measured: bool | None = None
    """None where the lane does not measure drivers."""


class SiteFacts(Struct, frozen=True):
    """What the site has, and what it demands beyond the order's least."""

    isolation_place: bool = True
    demands_masks: bool = True
    demands_declarations: bool = True
    stale: bool = False
    """What is known of people is older than the site lets it be: a guard looks at everybody."""


class Ought(Struct, frozen=True):
    """What ought to be decided, every reason for it, and what ought to be told to somebody."""

    outcome: Outcome
    reasons: frozenset[Reason]
    warn: frozenset[Warn]


_ORDERLY = SiteFacts()


def person_ought(facts: PersonFacts, site: SiteFacts = _ORDERLY) -> Ought:
    """Isolated, abnormal or unregistered people stay outside; nobody enters unmeasured or on another's turn."""
    stays_out: set[Reason] = set()
    if facts.measured and facts.feverish:
        stays_out.add(Reason.FEVER)
    stays_out |= _badge(facts, site)
    if not facts.right_way:
        stays_out.add(Reason.WRONG_DIRECTION)
    if facts.follows:
        stays_out.add(Reason.TAILGATING)
    again = _again(facts, site)
    fine = {Reason.TEMPERATURE_NORMAL} if facts.measured and not facts.feverish else set()
    fine |= {Reason.MEASURED_BY_HAND} if facts.by_hand else set()
    fine |= {Reason.DEVICE_GONE} if facts.excused else set()
    counts = again - {Reason.UNMEASURED} if facts.excused else again
    outcome = Outcome.DENY if stays_out else Outcome.REMEASURE if counts else Outcome.ALLOW
    return Ought(outcome, frozenset(stays_out | again | fine), _told(stays_out | again))


def _again(facts: PersonFacts, site: SiteFacts) -> set[Reason]:
    """What can be put right at the gate: 测温, one by one; 要求其佩戴口罩; 健康状况申报."""
    known = facts.badge_shown and facts.registered
    asked = known and not facts.leaves and site.demands_declarations
    return {
        reason
        for reason, applies in (
            (Reason.UNMEASURED, not facts.measured),
            (Reason.SEVERAL_PEOPLE, not facts.alone and not facts.by_hand),
            (Reason.NO_MASK, site.demands_masks and not facts.masked),
            (Reason.NOT_DECLARED, asked and not facts.declared),
            (Reason.REGISTRY_OLD, site.stale),
        )
        if applies
    }


def _badge(facts: PersonFacts, site: SiteFacts) -> set[Reason]:
    if not facts.badge_shown:
        return {Reason.NO_BADGE}
    found = {Reason.TWO_GATES} if facts.elsewhere else set()
    if not facts.registered:
        return found | {Reason.UNKNOWN_BADGE}
    if facts.isolated:
        found.add(Reason.IN_ISOLATION)
    if facts.quarantined:
        found.add(Reason.IN_QUARANTINE)
    if facts.badge_inside:
        found.add(Reason.PASSED_BACK)
    return found if facts.leaves else found | _coming(facts, site)


def _coming(facts: PersonFacts, site: SiteFacts) -> set[Reason]:
    """外来人员 state a reason and are registered in detail; 复产时间; 固定观察点;
    劝其不上班; whoever is allowed here and now."""
    wanted = (
        (Reason.NOT_VALID_NOW, facts.valid),
        (Reason.NOT_RESUMED, facts.open_to),
        (Reason.DECLARED_ILL, not facts.declared_ill),
        (Reason.NO_STATED_REASON, facts.accounted),
        (Reason.NO_HOST, facts.hosted),
        (Reason.NOT_AT_THIS_HOUR, facts.in_time),
        (Reason.NOT_AT_THIS_GATE, facts.here),
        (Reason.NO_ISOLATION_PLACE, site.isolation_place or not facts.listed_area),
    )
    return {reason for reason, is_so in wanted if not is_so}


def vehicle_ought(facts: VehicleFacts) -> Ought:
    """An unregistered or undisinfected vehicle stays outside, an unread or unmeasured one is looked at again."""
    stays_out: set[Reason] = {Reason.FEVER} if facts.measured and facts.feverish else set()
    again = {Reason.UNMEASURED} if facts.measured is False else set()
    fine = {Reason.TEMPERATURE_NORMAL} if facts.measured and not facts.feverish else set()
    if not facts.plate_read:
        again.add(Reason.VEHICLE_UNREAD)
    elif not facts.registered:
        stays_out.add(Reason.VEHICLE_UNREGISTERED)
    else:
        fine.add(Reason.VEHICLE_REGISTERED)
        stays_out |= _vehicle(facts)
    outcome = Outcome.DENY if stays_out else Outcome.REMEASURE if again else Outcome.ALLOW
    return Ought(outcome, frozenset(stays_out | again | fine), _told(stays_out | again))


def _vehicle(facts: VehicleFacts) -> set[Reason]:
    """外来车辆 state a reason, are registered and disinfected before they come in, 否则一律不得进入."""
    found = set() if facts.own_tag else {Reason.TAG_MISMATCH}
    if facts.leaves:
        return found
    wanted = (
        (Reason.NOT_DISINFECTED, facts.disinfected),
        (Reason.NOT_VALID_NOW, facts.valid),
        (Reason.NOT_RESUMED, facts.open_to),
        (Reason.NO_STATED_REASON, facts.accounted),
        (Reason.NOT_AT_THIS_HOUR, facts.in_time),
        (Reason.NOT_AT_THIS_GATE, facts.here),
    )
    return found | {reason for reason, is_so in wanted if not is_so}


_TOLD = {
    Reason.FEVER: Warn.FEVER,
    Reason.IN_ISOLATION: Warn.BREACH,
    Reason.IN_QUARANTINE: Warn.BREACH,
    Reason.SEVERAL_PEOPLE: Warn.TAILGATING,
    Reason.TAILGATING: Warn.TAILGATING,
    Reason.PASSED_BACK: Warn.BADGE_MISUSE,
    Reason.TWO_GATES: Warn.BADGE_MISUSE,
    Reason.VEHICLE_UNREGISTERED: Warn.UNREGISTERED_VEHICLE,
    Reason.NOT_DISINFECTED: Warn.NOT_DISINFECTED,
}


def _told(reasons: set[Reason]) -> frozenset[Warn]:
    return frozenset(_TOLD[reason] for reason in reasons if reason in _TOLD)
