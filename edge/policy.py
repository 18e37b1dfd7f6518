"""Passage and registry entry → allow, deny or re-measure, with all reasons. Pure functions.

The order of severity: whoever should be in isolation, has a fever, or is not registered is denied; whoever could not be
measured, or only suspiciously, is measured again; everybody else is let through. Nobody unmeasured is ever allowed.
"""

from __future__ import annotations

from msgspec import Struct

from wire.events import Outcome, Reason, Verdict
from wire.registry import Flag, RegistryEntry


class Decision(Struct, frozen=True):
    """What the barrier is told, with every reason that applies."""

    outcome: Outcome
    reasons: tuple[Reason, ...]


class LaneRules(Struct, frozen=True):
    """What a lane can see: `reads_badges` when it has a reader, `measures` when it has a camera."""

    gate: str
    reads_badges: bool
    measures: bool


_DENIED = frozenset(
    {
        Reason.FEVER,
        Reason.NO_BADGE,
        Reason.UNKNOWN_BADGE,
        Reason.NOT_VALID_NOW,
        Reason.IN_ISOLATION,
        Reason.VEHICLE_UNREGISTERED,
        Reason.NOT_DISINFECTED,
    }
)
_AGAIN = frozenset({Reason.SUSPECT, Reason.UNMEASURED, Reason.SEVERAL_PEOPLE, Reason.VEHICLE_UNREAD})

_VERDICT_REASONS = {
    Verdict.NORMAL: Reason.TEMPERATURE_NORMAL,
    Verdict.SUSPECT: Reason.SUSPECT,
    Verdict.FEVER: Reason.FEVER,
    Verdict.UNMEASURED: Reason.UNMEASURED,
}


def decide_person(
    rules: LaneRules,
    verdict: Verdict,
    badge: str | None,
    entry: RegistryEntry | None,
    now_ns: int,
    *,
    alone: bool = True,
) -> Decision:
    """Whether one person may pass. `badge` is the token that was read, `entry` what is registered for it."""
    reasons = [_VERDICT_REASONS.get(verdict, Reason.UNMEASURED)]
    if not alone:
        reasons.append(Reason.SEVERAL_PEOPLE)
    if rules.reads_badges:
        reasons += _badge_reasons(rules, badge, entry, now_ns)
    return _decide(reasons)


def decide_vehicle(rules: LaneRules, vehicle: str | None, entry: RegistryEntry | None, now_ns: int) -> Decision:
    """Whether one vehicle may pass; unread is never guessed."""
    if vehicle is None:
        return _decide([Reason.VEHICLE_UNREAD])
    if entry is None:
        return _decide([Reason.VEHICLE_UNREGISTERED])
    reasons = [Reason.VEHICLE_REGISTERED]
    if not _valid(entry, rules.gate, now_ns):
        reasons.append(Reason.NOT_VALID_NOW)
    if entry.disinfected_until_ns is not None and now_ns >= entry.disinfected_until_ns:
        reasons.append(Reason.NOT_DISINFECTED)
    return _decide(reasons)


def _badge_reasons(rules: LaneRules, badge: str | None, entry: RegistryEntry | None, now_ns: int) -> list[Reason]:
    if badge is None:
        return [Reason.NO_BADGE]
    if entry is None:
        return [Reason.UNKNOWN_BADGE]
    reasons = [] if _valid(entry, rules.gate, now_ns) else [Reason.NOT_VALID_NOW]
    if Flag.ISOLATION in entry.flags:
        reasons.append(Reason.IN_ISOLATION)
    return reasons


def _valid(entry: RegistryEntry, gate: str, now_ns: int) -> bool:
    begun = entry.from_ns is None or now_ns >= entry.from_ns
    over = entry.until_ns is not None and now_ns >= entry.until_ns
    return begun and not over and (not entry.gates or gate in entry.gates)


def _decide(reasons: list[Reason]) -> Decision:
    if _DENIED.intersection(reasons):
        outcome = Outcome.DENY
    elif _AGAIN.intersection(reasons):
        outcome = Outcome.REMEASURE
    else:
        outcome = Outcome.ALLOW
    return Decision(outcome, tuple(reasons))
