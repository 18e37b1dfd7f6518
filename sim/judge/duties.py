"""A hub's daily duties (双测) against the truth: who is on duty in each shift, how often each was measured, and who is
missing. Pure functions, written from the order.

每天要对上岗员工进行2次体温检测: two measurements of everybody on duty. A measurement is of whoever's badge was shown,
for that is what gates can tell; it belongs to a shift from three hours before its beginning until three after its end.
Who is in isolation when a date is over is not on duty then, though some of them came in the morning.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence

from msgspec import Struct

from sim.judge.effects import day_ns
from sim.judge.findings import Fault, Finding
from sim.judge.isolations import Ground, wanted_of
from sim.plant import Shift
from sim.truth import DutyTruth, PersonTruth, SecondaryTruth, Truth

AROUND_NS = 3 * 3600 * 10**9
_HOUR_NS = 3600 * 10**9
NEVER, ONCE, TWICE = "first-missing", "second-missing", "done"
"""What a hub calls it once a shift is over."""


class DutySeen(Struct, frozen=True):
    """One person on duty as a hub counts them, by the token of their badge; `over`: the shift was over when asked."""

    site: str
    date: str
    shift: str
    badge: str
    measured: int
    standing: str = ""
    over: bool = False


class Known(Struct, frozen=True):
    """What a hub was given before: whose badges it knows, who is back from elsewhere when, and the working hours."""

    badges: Collection[str]
    returns: Mapping[str, dt.date]
    shifts: Sequence[Shift]


def dates_of(truths: Iterable[Truth], shifts: Sequence[Shift]) -> list[str]:
    """The dates of whose every shift the truth tells."""
    told: dict[str, set[str]] = {}
    for truth in truths:
        if isinstance(truth, DutyTruth):
            told.setdefault(truth.date, set()).add(truth.shift)
    return sorted(date for date, names in told.items() if names == {shift.name for shift in shifts})


def compare_duties(truths: Sequence[Truth], known: Known, seen: Iterable[DutySeen]) -> tuple[list[Finding], int]:
    """The errors of the duties of each shift on `dates_of`, and how many people there ought to be on them."""
    dates = set(dates_of(truths, known.shifts))
    have: dict[tuple[str, str, str], list[DutySeen]] = {}
    for one in seen:
        have.setdefault((one.site, one.date, one.shift), []).append(one)
    findings: list[Finding] = []
    compared = 0
    rolls = [truth for truth in truths if isinstance(truth, DutyTruth) and truth.date in dates]
    times = _measurements(truths)
    signs = [truth for truth in truths if isinstance(truth, SecondaryTruth) or _is_fever(truth)]
    off = {date: _isolated(signs, known, date) for date in dates}
    for roll in rolls:
        on_duty = ({*roll.twice, *roll.once, *roll.never} & set(known.badges)) - off[roll.date]
        wanted = _measured(times, roll, known, on_duty)
        compared += len(wanted)
        findings += _of_roll(roll, wanted, have.pop((roll.site, roll.date, roll.shift), []))
    findings += [
        _finding(one, "nobody", f"{one.measured} measurements") for of_roll in have.values() for one in of_roll
    ]
    return findings, compared


def _of_roll(roll: DutyTruth, wanted: Mapping[str, int], seen: Sequence[DutySeen]) -> list[Finding]:
    findings = []
    have: dict[str, DutySeen] = {}
    for one in seen:
        if one.badge in have:
            findings.append(_finding(one, "on duty once", "on duty twice"))
        have[one.badge] = one
    for badge in sorted(wanted.keys() | have.keys()):
        ought, found = wanted.get(badge), have.get(badge)
        if found is None:
            nobody = DutySeen(roll.site, roll.date, roll.shift, badge, 0)
            findings.append(_finding(nobody, f"{ought} measurements", "not on duty"))
        elif ought is None:
            findings.append(_finding(found, "not on duty", f"{found.measured} measurements"))
        elif found.measured != ought:
            findings.append(_finding(found, f"{ought} measurements", f"{found.measured}"))
        elif found.over and found.standing != _missing(ought):
            findings.append(_finding(found, _missing(ought), found.standing or "nothing"))
    return findings


def _missing(measured: int) -> str:
    return NEVER if measured == 0 else ONCE if measured == 1 else TWICE


def _is_fever(truth: Truth) -> bool:
    return isinstance(truth, PersonTruth) and truth.facts.feverish


def _isolated(signs: Sequence[Truth], known: Known, date: str) -> set[str]:
    """Whose badges the order isolates when a date is over, as far as anybody can know whose they are."""
    ends_ns = day_ns(date)[1]
    until = [truth for truth in signs if truth.time_ns < ends_ns]
    wanted = wanted_of(until, known.badges, known.returns, dt.date.fromisoformat(date))
    return {one.who for one in wanted if one.ground is not Ground.UNNAMED}


def _measurements(truths: Iterable[Truth]) -> dict[str, list[int]]:
    """When each badge was measured, in the order of time."""
    found: dict[str, list[int]] = {}
    for truth in truths:
        match truth:
            case PersonTruth(seen=True, badge=str(badge)) if truth.facts.measured:
                found.setdefault(badge, []).append(truth.time_ns)
            case SecondaryTruth(badge=str(badge)):
                found.setdefault(badge, []).append(truth.time_ns)
            case _:
                pass
    for times in found.values():
        times.sort()
    return found


def _measured(
    times: Mapping[str, Sequence[int]], roll: DutyTruth, known: Known, on_duty: Iterable[str]
) -> dict[str, int]:
    shift = next(shift for shift in known.shifts if shift.name == roll.shift)
    begins_ns = day_ns(roll.date)[0] + round(shift.from_h * _HOUR_NS)
    from_ns, until_ns = begins_ns - AROUND_NS, begins_ns + round(shift.hours * _HOUR_NS) + AROUND_NS
    return {
        badge: bisect_left(of_badge, until_ns) - bisect_left(of_badge, from_ns)
        for badge in on_duty
        for of_badge in (times.get(badge, ()),)
    }


def _finding(one: DutySeen, expected: str, found: str) -> Finding:
    return Finding(
        fault=Fault.DUTY_WRONG,
        site=one.site,
        gate="",
        time_ns=day_ns(one.date)[0],
        expected=f"{expected} in {one.shift} of {one.date}",
        found=found,
        passage=one.badge,
    )
