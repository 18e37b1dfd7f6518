"""A hub's daily duties against the truth: who was measured once, and who never, of each shift. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from sim.judge.effects import day_ns
from sim.judge.findings import Fault, Finding
from sim.truth import DutyTruth, IsolationTruth, PersonTruth, Truth


class DutySeen(Struct, frozen=True):
    """One person on duty as a hub counts them, by the token of their badge."""

    site: str
    date: str
    shift: str
    badge: str
    measured: int


def strangers(truths: Iterable[Truth]) -> set[str]:
    """Whose badge is in no register: a hub cannot know that they are on duty."""
    return {
        truth.person for truth in truths if isinstance(truth, PersonTruth) and truth.person == truth.badge
        and not truth.facts.registered
    }  # fmt: skip


def isolated_by(truths: Iterable[Truth], date: str) -> set[str]:
    """Who has to be in isolation when a date is over: off duty, though some of them came in the morning."""
    ends_ns = day_ns(date)[1]
    isolations = [truth for truth in truths if isinstance(truth, IsolationTruth)]
    return {truth.person for truth in isolations if truth.time_ns < ends_ns <= truth.until_ns}


def compare_duties(truths: Sequence[Truth], seen: Iterable[DutySeen]) -> tuple[list[Finding], int]:
    """The errors of the duties of each shift that the truth tells of, and how many people were compared."""
    unknown = strangers(truths)
    have: dict[tuple[str, str, str], dict[str, int]] = {}
    for one in seen:
        have.setdefault((one.site, one.date, one.shift), {})[one.badge] = one.measured
    findings, compared = [], 0
    for duty in (truth for truth in truths if isinstance(truth, DutyTruth)):
        off = unknown | isolated_by(truths, duty.date)
        found = have.get((duty.site, duty.date, duty.shift), {})
        wanted = {**dict.fromkeys(duty.once, 1), **dict.fromkeys(duty.never, 0)}
        compared += len(found)
        asked = (wanted.keys() - off) | {badge for badge, measured in found.items() if measured < 2}
        findings += [
            _finding(duty, f"{wanted.get(badge, 2)} measurements", str(found.get(badge)), badge)
            for badge in sorted(asked)
            if min(found.get(badge, -1), 2) != wanted.get(badge, 2)
        ]
        missing = duty.on_duty - len(found)
        if not 0 <= missing <= len(off):
            findings.append(_finding(duty, f"{duty.on_duty} on duty, up to {len(off)} fewer", str(len(found))))
    return findings, compared


def _finding(duty: DutyTruth, expected: str, found: str, badge: str = "") -> Finding:
    return Finding(
        fault=Fault.DUTY_WRONG,
        site=duty.site,
        gate="",
        time_ns=duty.time_ns,
        expected=f"{expected} in {duty.shift} of {duty.date}",
        found=found,
        passage=badge,
    )
