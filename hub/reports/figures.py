"""The figures of one day: what was gathered in, one value out, from which everything is written. Pure.

Nothing in `DayReport` but `isolated` is about a single person; `without_names` takes that away, for what leaves the
hub by mail or to the city.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

AWAY = frozenset({"holiday", "business", "other"})
MARKS = ("feverish", "declared", "concerned")
"""What is counted of people beside their duty, by the names that figures have."""


class Alike(NamedTuple):
    """People who are registered and of whom a day says the same: tens of thousands are of some hundred kinds.

    `off` says why they are not on duty; None for who is. `measured` is how often each of them was.
    """

    team: str
    grid: str
    off: str | None
    measured: int
    people: int


class Mark(NamedTuple):
    """People of a team and grid of whom something else is to be counted too: one of `MARKS`."""

    team: str
    grid: str
    figure: str


class CaseDay(NamedTuple):
    """One case of isolation that was open on that day, at least for a part of it."""

    person_id: int
    number: str
    name: str
    team: str
    grid: str
    cause: str
    place: str
    """Its title; empty for none. A hospital stands under its own name, with `in_hospital`."""
    in_hospital: bool
    day: int
    days: int
    reported: bool
    in_grid: bool
    opened: bool
    """On that day."""
    ended: bool
    """On that day: not isolated any more at its end."""


class RoundDay(NamedTuple):
    """One round of disinfection that was due."""

    kind: str
    place: str
    state: str


class Equipment(Struct, frozen=True):
    """Something that was out of order on that day; `until_ns` None: still, at its end."""

    rule: str
    gate: str
    detail: str
    since_ns: int
    until_ns: int | None


class Gathered(Struct, frozen=True, kw_only=True):
    """What the hub's stores say about one day. Counts by the names that figures of the journal have."""

    site: str
    day: date
    made_ns: int
    people: Sequence[Alike] = ()
    marks: Mapping[Mark, int] = {}
    """Of those who are registered."""
    feverish: int = 0
    """Who had a fever by a camera or a contact thermometer; who is nobody's badge is counted beside."""
    confirmed: int = 0
    feverish_unnamed: int = 0
    declared: Mapping[str, int] = {}
    """How many people declared, by the worst concern of each."""
    cases: Sequence[CaseDay] = ()
    returnees: Mapping[str, int] = {}
    visitors: Mapping[str, int] = {}
    vehicles: Mapping[str, int] = {}
    gates: Mapping[str, int] = {}
    rounds: Sequence[RoundDay] = ()
    equipment: Sequence[Equipment] = ()
    alerts: Mapping[str, int] = {}
    meals: Mapping[str, int] = {}
    resumption: Mapping[str, str | int] = {}
    audit_head: str = ""


class GroupFigures(Struct, frozen=True, kw_only=True):
    """A team, a grid, or the whole site. Everybody registered is on duty, sick, away, isolated or resting; everybody
    on duty was measured twice, once or not at all."""

    name: str = ""
    grid: str = ""
    registered: int = 0
    on_duty: int = 0
    twice: int = 0
    once: int = 0
    never: int = 0
    sick: int = 0
    away: int = 0
    isolated: int = 0
    resting: int = 0
    feverish: int = 0
    declared: int = 0
    concerned: int = 0
    """Declared to be ill, or something that has to be spoken about."""


GROUP_COUNTS = tuple(name for name in GroupFigures.__struct_fields__ if name not in {"name", "grid"})


class PlaceFigures(Struct, frozen=True):
    """People isolated for one cause in one place, with the least and the most days that they are there."""

    cause: str
    place: str
    people: int
    least_day: int
    most_day: int


class IsolatedPerson(Struct, frozen=True):
    """One isolated person by name."""

    number: str
    name: str
    team: str
    grid: str
    cause: str
    place: str
    day: int
    days: int
    reported: bool
    in_grid: bool


class RoundFigures(Struct, frozen=True):
    """Rounds of disinfection of one kind of place."""

    kind: str
    due: int
    done: int
    late: int
    overdue: int


class DayReport(Struct, frozen=True, kw_only=True):
    """A day of a site in figures."""

    site: str
    day: str
    made_ns: int
    total: GroupFigures
    teams: tuple[GroupFigures, ...]
    grids: tuple[GroupFigures, ...]
    health: dict[str, int]
    isolation: tuple[PlaceFigures, ...]
    isolated: tuple[IsolatedPerson, ...]
    returnees: dict[str, int]
    visitors: dict[str, int]
    vehicles: dict[str, int]
    gates: dict[str, int]
    rounds: tuple[RoundFigures, ...]
    overdue: tuple[str, ...]
    """Places whose round was not done, each as often as one was not."""
    equipment: tuple[Equipment, ...]
    alerts: dict[str, int]
    meals: dict[str, int]
    resumption: dict[str, str | int]
    audit_head: str = ""
    v: int = 1


def day_report(found: Gathered) -> DayReport:
    """What a day amounts to."""
    counts = _counts(found.people, found.marks)
    open_cases = [case for case in found.cases if not case.ended]
    return DayReport(
        site=found.site,
        day=found.day.isoformat(),
        made_ns=found.made_ns,
        total=_figures("", "", counts.values()),
        teams=_groups((team, grid, own) for (team, grid), own in counts.items()),
        grids=_groups((grid, grid, own) for (_, grid), own in counts.items()),
        health=_health(found, open_cases),
        isolation=_by_place(open_cases),
        isolated=tuple(_isolated(case) for case in sorted(open_cases, key=lambda case: (-case.day, case.number))),
        returnees=dict(found.returnees),
        visitors=dict(found.visitors),
        vehicles=dict(found.vehicles),
        gates=dict(found.gates),
        rounds=_rounds(found.rounds),
        overdue=tuple(one.place for one in found.rounds if one.state == "overdue"),
        equipment=tuple(sorted(found.equipment, key=lambda one: (one.since_ns, one.gate))),
        alerts=dict(sorted(found.alerts.items())),
        meals=dict(found.meals),
        resumption=dict(found.resumption),
        audit_head=found.audit_head,
    )


def without_names(report: DayReport) -> DayReport:
    """The same figures, and nobody in particular."""
    return replace(report, isolated=())


def _counts(people: Iterable[Alike], marks: Mapping[Mark, int]) -> dict[tuple[str, str], Counter[str]]:
    """The counts of each team in each grid."""
    found: dict[tuple[str, str], Counter[str]] = {}
    for one in people:
        own = found.setdefault((one.team, one.grid), Counter())
        for count in _counts_in(one):
            own[count] += one.people
    for mark, number in marks.items():
        found.setdefault((mark.team, mark.grid), Counter())[mark.figure] += number
    return found


def _counts_in(one: Alike) -> tuple[str, ...]:
    """In which counts such people count."""
    if one.off is None:
        return "registered", "on_duty", _MEASURED[min(max(one.measured, 0), 2)]
    return "registered", "away" if one.off in AWAY else one.off if one.off in {"sick", "isolated"} else "resting"


_MEASURED = ("never", "once", "twice")


def _figures(name: str, grid: str, counts: Iterable[Counter[str]]) -> GroupFigures:
    found: Counter[str] = Counter()
    for own in counts:
        found.update(own)
    return GroupFigures(name=name, grid=grid, **{count: found[count] for count in GROUP_COUNTS})


def _groups(rows: Iterable[tuple[str, str, Counter[str]]]) -> tuple[GroupFigures, ...]:
    """By name; a team of several grids names none."""
    found: dict[str, list[Counter[str]]] = {}
    grids: dict[str, set[str]] = {}
    for name, grid, counts in rows:
        found.setdefault(name, []).append(counts)
        grids.setdefault(name, set()).add(grid)
    return tuple(
        _figures(name, min(grids[name]) if len(grids[name]) == 1 else "", found[name])
        for name in sorted(found, key=lambda name: (not name, name))
    )


def _health(found: Gathered, cases: Sequence[CaseDay]) -> dict[str, int]:
    return {
        "feverish": found.feverish,
        "feverish_unnamed": found.feverish_unnamed,
        "confirmed": found.confirmed,
        "isolated": len(cases),
        "suspected": sum(case.cause == "suspected" for case in cases),
        "in_hospital": sum(case.in_hospital for case in cases),
        "opened": sum(case.opened for case in found.cases),
        "ended": sum(case.ended for case in found.cases),
        "unreported": sum(not case.reported for case in cases),
        "not_in_grid": sum(not case.in_grid for case in cases),
        "without_place": sum(not case.place and not case.in_hospital for case in cases),
        "declared": sum(found.declared.values()),
        "declared_note": found.declared.get("note", 0),
        "declared_call": found.declared.get("call", 0),
        "declared_ill": found.declared.get("ill", 0),
    }


def _by_place(cases: Sequence[CaseDay]) -> tuple[PlaceFigures, ...]:
    days: dict[tuple[str, str], list[int]] = {}
    for case in cases:
        days.setdefault((case.cause, case.place), []).append(case.day)
    return tuple(
        PlaceFigures(cause, place, len(found), min(found), max(found)) for (cause, place), found in sorted(days.items())
    )


def _isolated(case: CaseDay) -> IsolatedPerson:
    return IsolatedPerson(
        case.number, case.name, case.team, case.grid, case.cause, case.place, case.day, case.days, case.reported,
        case.in_grid,
    )  # fmt: skip


def _rounds(rounds: Sequence[RoundDay]) -> tuple[RoundFigures, ...]:
    states: dict[str, Counter[str]] = {}
    for one in rounds:
        states.setdefault(one.kind, Counter())[one.state] += 1
    return tuple(
        RoundFigures(kind, sum(found.values()), found["done"], found["late"], found["overdue"])
        for kind, found in sorted(states.items())
    )
