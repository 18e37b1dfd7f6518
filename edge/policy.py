"""What was seen and what is registered → allow, deny or re-measure, with all reasons. Pure functions.

    facts, entry, rules, circumstances ─► reasons ─► each one's effect ─► deny, else re-measure, else allow

What the order asks (双控双测双隔离), rule by rule: a fever, isolation and quarantine, an unknown or missing badge, an
unregistered vehicle are denied whatever the settings say; who could not be measured is measured again; a visitor has a
host and a stated reason; nobody comes before the site resumes, or from a listed area where nobody can be isolated, or
outside of their hours and gates; vehicles are disinfected. What is about coming in is not asked of who leaves: nobody
is locked in. Effects are the site's (`edge.rules`).

Nobody unmeasured is let in, except where a device failed and the site chose `on_failure = "safe"` for that lane.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from edge.rules import PersonEffects, PolicySettings, VehicleEffects
from wire.events import Direction, Outcome, Reason, Verdict
from wire.registry import Flag, Holder, Hours, RegistryEntry


class Decision(Struct, frozen=True):
    """What the barrier is told, with every reason that applies."""

    outcome: Outcome
    reasons: tuple[Reason, ...]


class LaneRules(Struct, frozen=True):
    """What a lane can see: `reads_badges` when it has a reader, `measures` when it has a camera.

    `fail_safe`: the site chose that people pass while the device that would stop them is gone.
    """

    gate: str
    reads_badges: bool
    measures: bool
    fail_safe: bool = False


class Circumstances(Struct, frozen=True):
    """What else counts at the moment. `registry_age_s` None: the copy does not say how old it is.

    `resumes_ns` is the hub's word on when the site resumes work; None: the site's settings count.
    """

    now_ns: int
    registry_age_s: float | None = None
    camera_works: bool = True
    reader_works: bool = True
    resumes_ns: int | None = None


class PersonSeen(Struct, frozen=True):
    """What is known of one person at a lane. `badge` is the token that was read.

    `masked` None: the camera does not tell. `followed`: came at the heels of somebody with a badge. `by_hand`: the
    verdict is a contact thermometer's. `passed_back`: the badge is inside already. `elsewhere`: it was at another place
    too shortly before.
    """

    verdict: Verdict
    badge: str | None
    alone: bool = True
    direction: Direction = Direction.IN
    masked: bool | None = None
    followed: bool = False
    by_hand: bool = False
    passed_back: bool = False
    elsewhere: bool = False


class VehicleLook(Struct, frozen=True):
    """What is known of one vehicle at a lane; tokens, both None: unread, never guessed.

    `occupants` are verdicts; `measures` when the lane can measure them. `unmasked`: one of them was seen without a
    mask. `disinfected_until_ns` is what was recorded at this gate.
    """

    tag: str | None
    plate: str | None
    direction: Direction = Direction.IN
    occupants: tuple[Verdict, ...] = ()
    unmasked: bool = False
    disinfected_until_ns: int | None = None


_VERDICT_REASONS = {
    Verdict.NORMAL: Reason.TEMPERATURE_NORMAL,
    Verdict.SUSPECT: Reason.SUSPECT,
    Verdict.FEVER: Reason.FEVER,
}
_GOOD = frozenset({Reason.TEMPERATURE_NORMAL, Reason.VEHICLE_REGISTERED, Reason.MEASURED_BY_HAND, Reason.DEVICE_GONE})
_ALWAYS_DENIED = frozenset(
    {
        Reason.FEVER,
        Reason.NO_BADGE,
        Reason.UNKNOWN_BADGE,
        Reason.IN_ISOLATION,
        Reason.IN_QUARANTINE,
        Reason.TAILGATING,
        Reason.VEHICLE_UNREGISTERED,
        Reason.WRONG_DIRECTION,
    }
)


def decide_person(
    policy: PolicySettings, rules: LaneRules, seen: PersonSeen, entry: RegistryEntry | None, at: Circumstances
) -> Decision:
    """Whether one person may pass. `entry` is what is registered for the badge that was read."""
    reasons = [_VERDICT_REASONS.get(seen.verdict, Reason.UNMEASURED)]
    reasons += _manner(policy, seen)
    if rules.reads_badges or seen.badge is not None:
        reasons += _badge(policy, rules, seen, entry, at)
    reasons += _old_registry(policy, at)
    excused = _excused(rules, seen, at).intersection(reasons)
    return _decide(reasons + ([Reason.DEVICE_GONE] if excused else []), policy.person, policy, excused)


def decide_vehicle(
    policy: PolicySettings, rules: LaneRules, look: VehicleLook, entry: RegistryEntry | None, at: Circumstances
) -> Decision:
    """Whether one vehicle may pass, with those in it. `entry` is of its tag, or else of its plate."""
    reasons = list(dict.fromkeys(_VERDICT_REASONS.get(verdict, Reason.UNMEASURED) for verdict in look.occupants))
    if rules.measures and not look.occupants:
        reasons.append(Reason.UNMEASURED)
    if look.unmasked and policy.mask_required:
        reasons.append(Reason.NO_MASK)
    reasons += _vehicle(policy, rules, look, entry, at)
    reasons += _old_registry(policy, at)
    excused = frozenset({Reason.UNMEASURED}) if rules.fail_safe and not at.camera_works else frozenset()
    excused = excused.intersection(reasons)
    return _decide(reasons + ([Reason.DEVICE_GONE] if excused else []), policy.vehicle, policy, excused)


def verdict_by_hand(policy: PolicySettings, body_c: float) -> Verdict:
    """What a contact thermometer's reading in °C says."""
    return Verdict.FEVER if body_c >= policy.contact_fever_c else Verdict.NORMAL


def _manner(policy: PolicySettings, seen: PersonSeen) -> Iterator[Reason]:
    """How somebody came."""
    if seen.by_hand:
        yield Reason.MEASURED_BY_HAND
    elif not seen.alone:
        yield Reason.SEVERAL_PEOPLE
    if seen.followed:
        yield Reason.TAILGATING
    if seen.masked is False and policy.mask_required:
        yield Reason.NO_MASK


def _badge(
    policy: PolicySettings, rules: LaneRules, seen: PersonSeen, entry: RegistryEntry | None, at: Circumstances
) -> Iterator[Reason]:
    if seen.badge is None:
        yield Reason.NO_BADGE
        return
    if seen.elsewhere:
        yield Reason.TWO_GATES
    if entry is None or entry.holder is Holder.VEHICLE:
        yield Reason.UNKNOWN_BADGE
        return
    if seen.passed_back and policy.antipassback != "off":
        yield Reason.PASSED_BACK
    yield from _isolated(entry, seen, at)
    if seen.direction is not Direction.OUT:
        yield from _times(policy, rules, entry, at)
        yield from _person_in(policy, entry, at)


def _isolated(entry: RegistryEntry, seen: PersonSeen, at: Circumstances) -> Iterator[Reason]:
    """A camera only sorts out: the isolation that nothing but its fever began ends with a guard's own measurement,
    here as at the hub (`hub.cases.rule`), which has often isolated before the thermometer was read."""
    is_cleared = seen.by_hand and seen.verdict is Verdict.NORMAL and _still(entry.recheck_until_ns, at)
    if Flag.ISOLATION in entry.flags and not is_cleared:
        yield Reason.IN_ISOLATION
    if Flag.QUARANTINE in entry.flags:
        yield Reason.IN_QUARANTINE
    if Flag.OTHER in entry.flags:
        yield Reason.OTHER


def _person_in(policy: PolicySettings, entry: RegistryEntry, at: Circumstances) -> Iterator[Reason]:
    """What is asked of people who come in."""
    if Flag.LISTED_AREA in entry.flags and not policy.isolation_place:
        yield Reason.NO_ISOLATION_PLACE
    if entry.holder is Holder.VISITOR:
        if not entry.reason_stated:
            yield Reason.NO_STATED_REASON
        if not entry.hosted:
            yield Reason.NO_HOST
        if entry.until_ns is None:
            yield Reason.NOT_VALID_NOW
    if Flag.DECLARED_ILL in entry.flags:
        yield Reason.DECLARED_ILL
    if policy.declaration_required and not _still(entry.declared_until_ns, at):
        yield Reason.NOT_DECLARED


def _times(policy: PolicySettings, rules: LaneRules, entry: RegistryEntry, at: Circumstances) -> Iterator[Reason]:
    """Whether this is the time and the place for the holder."""
    begun = entry.from_ns is None or at.now_ns >= entry.from_ns
    if not begun or (entry.until_ns is not None and at.now_ns >= entry.until_ns):
        yield Reason.NOT_VALID_NOW
    if entry.gates and rules.gate not in entry.gates:
        yield Reason.NOT_AT_THIS_GATE
    if entry.hours and not any(_within(hours, policy, at.now_ns) for hours in entry.hours):
        yield Reason.NOT_AT_THIS_HOUR
    resumes_ns = policy.resumes_ns if at.resumes_ns is None else at.resumes_ns
    if at.now_ns < resumes_ns and Flag.EXEMPT not in entry.flags:
        yield Reason.NOT_RESUMED


def _within(hours: Hours, policy: PolicySettings, now_ns: int) -> bool:
    local = datetime.fromtimestamp(now_ns // 10**9, UTC) + timedelta(hours=policy.utc_offset_h)
    minute = local.hour * 60 + local.minute
    today, yesterday = local.isoweekday(), (local - timedelta(days=1)).isoweekday()
    if hours.from_min <= hours.until_min:
        return hours.from_min <= minute < hours.until_min and (not hours.days or today in hours.days)
    if minute >= hours.from_min:
        return not hours.days or today in hours.days
    return minute < hours.until_min and (not hours.days or yesterday in hours.days)


def _vehicle(
    policy: PolicySettings, rules: LaneRules, look: VehicleLook, entry: RegistryEntry | None, at: Circumstances
) -> Iterator[Reason]:
    if look.tag is None and look.plate is None:
        yield Reason.VEHICLE_UNREAD
        return
    if entry is None or entry.holder is not Holder.VEHICLE:
        yield Reason.VEHICLE_UNREGISTERED
        return
    yield Reason.VEHICLE_REGISTERED
    if look.tag is not None and None not in (look.plate, entry.plate) and look.plate != entry.plate:
        yield Reason.TAG_MISMATCH
    if look.direction is Direction.OUT:
        return
    yield from _times(policy, rules, entry, at)
    if entry.outside and not entry.reason_stated:
        yield Reason.NO_STATED_REASON
    is_clean = _still(entry.disinfected_until_ns, at) or _still(look.disinfected_until_ns, at)
    if policy.disinfection_required and not is_clean:
        yield Reason.NOT_DISINFECTED


def _still(until_ns: int | None, at: Circumstances) -> bool:
    return until_ns is not None and at.now_ns < until_ns


def _old_registry(policy: PolicySettings, at: Circumstances) -> list[Reason]:
    """A copy that does not say how old it is counts as old where the site sets a limit."""
    if policy.registry_max_age_h is None:
        return []
    is_fresh = at.registry_age_s is not None and at.registry_age_s <= policy.registry_max_age_h * 3600
    return [] if is_fresh else [Reason.REGISTRY_OLD]


def _excused(rules: LaneRules, seen: PersonSeen, at: Circumstances) -> frozenset[Reason]:
    """What does not count because the device that would show it is gone, where the site lets people pass then."""
    if not rules.fail_safe:
        return frozenset()
    excused = set()
    if not at.camera_works and seen.verdict is Verdict.UNMEASURED:
        excused.add(Reason.UNMEASURED)
    if not at.reader_works and not seen.followed:
        excused.add(Reason.NO_BADGE)
    return frozenset(excused)


def _decide(
    reasons: list[Reason], effects: PersonEffects | VehicleEffects, policy: PolicySettings, excused: frozenset[Reason]
) -> Decision:
    found = {_effect(reason, effects, policy) for reason in reasons if reason not in excused}
    outcome = Outcome.DENY if "deny" in found else Outcome.REMEASURE if "remeasure" in found else Outcome.ALLOW
    return Decision(outcome, tuple(reasons))


def _effect(reason: Reason, effects: PersonEffects | VehicleEffects, policy: PolicySettings) -> str:
    """A reason that nothing is said about has a guard look: a newer hub's flag, say."""
    if reason in _GOOD:
        return "note"
    if reason in _ALWAYS_DENIED:
        return "deny"
    if reason is Reason.PASSED_BACK:
        return "deny" if policy.antipassback == "hard" else "note"
    return str(getattr(effects, reason.value.replace("-", "_"), "remeasure"))
