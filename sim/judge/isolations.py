"""Who is isolated, against the truth: to the last person. Pure functions, written from the order.

体温检测异常员工实施隔离观察; 外地返岗人员坚决执行14天隔离期: whoever a camera or a contact thermometer found
feverish stays isolated until a person ends it, unless a contact thermometer took the camera's word back; and whoever is
back from elsewhere, for fourteen days. Of somebody without a known badge it is asked that somebody is to name them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum

from msgspec import Struct

from sim.judge.findings import Fault, Finding, IsolationSeen
from sim.roster import ISOLATION_DAYS
from sim.truth import PersonTruth, SecondaryTruth, Truth

FEVER_C = 37.3
"""Of a contact thermometer: 发热 begins there by the national rules of that winter."""


class Ground(StrEnum):
    """Why somebody is isolated; of a stranger, why somebody is to name them."""

    FEVER = "fever"
    RETURNEE = "returnee"
    UNNAMED = "unnamed"


class Wanted(Struct, frozen=True):
    """One isolation that there ought to be: of a badge's holder, or of whoever made a passage."""

    site: str
    who: str
    ground: Ground
    since_ns: int
    gate: str = ""


def wanted_of(
    truths: Iterable[Truth],
    known: Collection[str],
    returns: Mapping[str, dt.date],
    today: dt.date,
    fever_c: float = FEVER_C,
) -> list[Wanted]:
    """Who ought to be isolated today. `known` are the badges of those who are registered, `returns` when some of them
    came back from elsewhere."""
    site, open_, measured = "", {}, set()
    for who, day in returns.items():
        if day <= today < day + dt.timedelta(days=ISOLATION_DAYS):
            open_[who] = Wanted("", who, Ground.RETURNEE, 0)
    for truth in sorted(truths, key=lambda truth: truth.time_ns):
        site = site or truth.site
        match truth:
            case PersonTruth(seen=True) if truth.facts.measured and truth.facts.feverish:
                _feverish(open_, truth, truth.badge, known)
            case SecondaryTruth(body_c=body_c) if body_c >= fever_c:
                _feverish(open_, truth, truth.badge, known)
                measured.add(_who(truth, truth.badge))
            case SecondaryTruth():
                who = _who(truth, truth.badge)
                if who in open_ and who not in measured and open_[who].ground is not Ground.RETURNEE:
                    del open_[who]
            case _:
                pass
    return [one if one.site else Wanted(site, one.who, one.ground, one.since_ns) for one in open_.values()]


def compare_isolations(wanted: Sequence[Wanted], seen: Iterable[IsolationSeen]) -> list[Finding]:
    """The errors in who is isolated at this moment."""
    have: dict[str, list[IsolationSeen]] = {}
    for line in seen:
        if not line.end:
            have.setdefault(line.badges[0] if line.badges else line.passage, []).append(line)
    ought = {one.who: one for one in wanted}
    findings = []
    for who in sorted(ought.keys() | have.keys()):
        findings += _of_one(who, ought.get(who), have.get(who, []))
    return findings


def _feverish(
    open_: dict[str, Wanted], truth: PersonTruth | SecondaryTruth, badge: str | None, known: Collection[str]
) -> None:
    who = _who(truth, badge)
    ground = Ground.FEVER if badge in known else Ground.UNNAMED
    open_.setdefault(who, Wanted(truth.site, who, ground, truth.time_ns, truth.gate))


def _who(truth: PersonTruth | SecondaryTruth, badge: str | None) -> str:
    return badge or truth.passage


def _of_one(who: str, ought: Wanted | None, have: Sequence[IsolationSeen]) -> list[Finding]:
    def finding(fault: Fault, found: str) -> Finding:
        expected = "" if ought is None else f"isolated: {ought.ground.value}"
        return Finding(
            fault=fault,
            site=ought.site if ought else "",
            gate=ought.gate if ought else "",
            time_ns=ought.since_ns if ought else have[0].since_ns,
            expected=expected,
            found=found,
            passage=who,
        )

    if ought is None:
        return [finding(Fault.ISOLATION_INVENTED, f"isolated: {line.cause}") for line in have]
    if not have:
        return [finding(Fault.ISOLATION_MISSED, "")]
    first, *more = have
    faults = [finding(Fault.ISOLATION_TWICE, f"case {line.case}") for line in more]
    wrong = first.cause != ought.ground.value
    late = ought.ground is not Ground.RETURNEE and first.since_ns != ought.since_ns
    if wrong or late:
        faults.append(finding(Fault.ISOLATION_WRONG, f"isolated: {first.cause}, since {first.since_ns}"))
    return faults
