"""From the relational store to the duties of a day: work on a session. What decides is in `shifts` and `standing`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, time, timedelta
from typing import NamedTuple

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from hub.cases.models import Case, End
from hub.database import in_parts, parts
from hub.duties import absences
from hub.duties.models import ClosedDay, Correction, DutyDay, Placement, Rota
from hub.duties.roll import Check, Duty, Group, Means, Whom
from hub.duties.shifts import NOTHING, Cycle, Hours, Moment, Plan, shift_on
from hub.duties.standing import MINUTE_NS, DutyRules, Facts, Off, off_because
from hub.registry import holdings
from hub.registry.holdings import Holding
from hub.registry.models import Person, PersonKind, Shift, Team

_DAY = timedelta(days=1)


class Day(NamedTuple):
    """Which day is asked for, and the site's clock. `opens_on`: the site has not resumed work before."""

    day: date
    today: date
    moment_ns: Moment
    opens_on: date | None = None

    def begins_ns(self, ahead: int = 0) -> int:
        """The midnight at which the day, or one so many days later, begins."""
        return self.moment_ns(self.day + timedelta(days=ahead), time.min)


class Muster(NamedTuple):
    """Everything of a day but the measurements that gates told of."""

    duties: list[Duty]
    corrections: dict[int, list[Check]]
    struck: dict[int, set[int]]
    teams: dict[int, str]
    shifts: dict[int, Hours]


class _Row(NamedTuple):
    id: int
    number: str
    name: str
    team_id: int | None
    shift_id: int | None
    grid: str
    exempt: str
    created_ns: int


class _Said(NamedTuple):
    """What is said of the days around the one that is asked for."""

    shifts: dict[int, Hours]
    teams: dict[int, tuple[str, str, int | None]]
    team_plans: dict[int, Plan]
    own_plans: dict[int, Plan]
    site: Plan


def muster(session: Session, day: Day, rules: DutyRules, people: Collection[int] | None = None) -> Muster:
    """The duties of a day, of everybody or of these people."""
    said = _said(session, day.day)
    cards = holdings.of_people(session, people)
    isolated = _isolated(session, day)
    away = {person: Off(kind.value) for person, kind in absences.away_on(session, day.day).items()}
    spans = {
        (shift.id, ahead): shift.span(day.day + timedelta(days=ahead), day.moment_ns)
        for shift in said.shifts.values()
        for ahead in (-1, 0, 1)
    }
    maker = _Maker(day, rules, said, spans)
    duties = []
    for row in _rows(session, day, people):
        closed = day.opens_on is not None and day.day < day.opens_on and not row.exempt
        facts = Facts(row.id in isolated, away.get(row.id), closed)
        duties.append(maker.duty(row, cards.get(row.id, ()), facts))
    corrections, struck = _corrections(session, day.day, people)
    teams = {key: name for key, (name, _, _) in said.teams.items()}
    return Muster(duties, corrections, struck, teams, said.shifts)


def reach(found: Muster, day: Day, rules: DutyRules) -> tuple[int, int]:
    """Between which moments measurements matter for the day."""
    from_ns = min((duty.from_ns for duty in found.duties), default=day.begins_ns())
    until_ns = max((duty.until_ns for duty in found.duties), default=day.begins_ns(1))
    early = min(from_ns - rules.before_min * MINUTE_NS, day.begins_ns())
    return early, max(until_ns + rules.after_min * MINUTE_NS, day.begins_ns(1))


def shifts_of(session: Session) -> dict[int, Hours]:
    """The site's shifts by their numbers."""
    return {one.id: Hours(one.id, one.name, one.from_min, one.to_min) for one in session.scalars(select(Shift))}


def planned(session: Session, day: date, ahead: int, people: Collection[int]) -> dict[int, list[int | None]]:
    """The shifts of these people on so many days from a day on: a number, `REST`, or None where nobody said."""
    found: dict[int, list[int | None]] = {}
    days = [day + timedelta(days=n) for n in range(ahead)]
    said = _said(session, day, ahead)
    for part in parts(people):
        for row in session.execute(select(Person.id, Person.team_id, Person.shift_id).where(Person.id.in_(part))):
            own, team = _plans(said, *row)
            found[row[0]] = [shift_on(one, own, team, said.site) for one in days]
    return found


def planned_of_teams(session: Session, day: date, ahead: int, teams: Collection[int]) -> dict[int, list[int | None]]:
    """The shifts of these teams on so many days from a day on, of those of their people who have none of their own."""
    said = _said(session, day, ahead)
    days = [day + timedelta(days=n) for n in range(ahead)]
    return {team: [shift_on(one, NOTHING, said.team_plans[team], said.site) for one in days] for team in teams}


class _Maker:
    """Makes the duty of each person; what many have in common is worked out once."""

    def __init__(
        self, day: Day, rules: DutyRules, said: _Said, spans: Mapping[tuple[int, int], tuple[int, int]]
    ) -> None:
        self._day, self._said, self._spans = day, said, spans
        self._before_ns, self._after_ns = rules.before_min * MINUTE_NS, rules.after_min * MINUTE_NS
        self._whole = (day.begins_ns(), day.begins_ns(1))
        self._of_team: dict[int | None, list[int | None]] = {}
        self._groups: dict[Group, Group] = {}

    def duty(self, row: _Row, cards: Sequence[Holding], facts: Facts) -> Duty:
        before, shift, after = self._shifts(row)
        if shift and row.created_ns >= self._spans[shift, 0][1]:
            shift = None  # it was over before they were registered: nobody can say that they missed it
        off = off_because(facts, shift)
        team_grid = self._said.teams[row.team_id][1] if row.team_id in self._said.teams else ""
        tokens, limited = tuple(one.token for one in cards), tuple(one for one in cards if one.is_limited)
        whom = Whom(row.id, row.number, row.name, row.team_id, row.grid or team_grid, tokens, limited)
        worked = shift if off is None and shift else None
        group = self._groups.setdefault(one := Group(whom.team_id, whom.grid, worked, off), one)
        if worked:
            return Duty(whom, worked, None, *self._spans[worked, 0], group)
        elsewhere = [self._spans[one, ahead] for one, ahead in ((before, -1), (after, 1)) if one]
        around = tuple((from_ns - self._before_ns, until_ns + self._after_ns) for from_ns, until_ns in elsewhere)
        return Duty(whom, None, off, *self._whole, group, around)

    def _shifts(self, row: _Row) -> list[int | None]:
        """Of the day before, the day and the day after."""
        if row.shift_id is None and row.id not in self._said.own_plans:
            if row.team_id not in self._of_team:
                self._of_team[row.team_id] = self._three(*_plans(self._said, 0, row.team_id, None))
            return self._of_team[row.team_id]
        return self._three(*_plans(self._said, row.id, row.team_id, row.shift_id))

    def _three(self, own: Plan, team: Plan) -> list[int | None]:
        return [shift_on(self._day.day + ahead * _DAY, own, team, self._said.site) for ahead in (-1, 0, 1)]


def _plans(said: _Said, person: int, team: int | None, shift: int | None) -> tuple[Plan, Plan]:
    own = said.own_plans.get(person, NOTHING)._replace(shift=shift)
    return own, said.team_plans.get(team, NOTHING) if team is not None else NOTHING


def _said(session: Session, day: date, ahead: int = 1) -> _Said:
    shifts = shifts_of(session)
    rows = session.execute(select(Team.id, Team.name, Team.grid, Team.shift_id)).all()
    teams = {key: (name, grid, shift) for key, name, grid, shift in rows}
    cycles: dict[tuple[str, int], list[Cycle]] = {}
    for rota in session.scalars(select(Rota).where(Rota.from_on <= day + (ahead + 1) * _DAY)):
        numbers = tuple(int(one) for one in rota.cycle.split(","))
        cycle = Cycle(rota.from_on, tuple(one if one in shifts else 0 for one in numbers))
        cycles.setdefault(_owner(rota.team_id, rota.person_id), []).append(cycle)
    days: dict[tuple[str, int], dict[date, int]] = {}
    near = DutyDay.day.between(day - _DAY, day + ahead * _DAY)
    for one in session.scalars(select(DutyDay).where(near)):
        days.setdefault(_owner(one.team_id, one.person_id), {})[one.day] = one.shift_id or 0
    team_plans = {
        key: Plan(days.get(("team", key), {}), cycles.get(("team", key), ()), shift)
        for key, (_, _, shift) in teams.items()
    }
    people = {key for kind, key in (*days, *cycles) if kind == "person"}
    own_plans = {key: Plan(days.get(("person", key), {}), cycles.get(("person", key), ())) for key in people}
    return _Said(shifts, teams, team_plans, own_plans, Plan(days.get(("site", 0), {})))


def _owner(team: int | None, person: int | None) -> tuple[str, int]:
    return ("person", person) if person is not None else ("team", team) if team is not None else ("site", 0)


def _rows(session: Session, day: Day, people: Collection[int] | None) -> Iterator[_Row]:
    """Who is registered, with the team of that day; nobody who was registered only later."""
    columns = (
        *(Person.id, Person.number, Person.name, Person.team_id, Person.shift_id, Person.grid, Person.exempt),
        Person.created_ns,
    )
    query = select(*columns, Person.active).where(
        Person.kind != PersonKind.VISITOR, Person.erased_ns.is_(None), Person.created_ns < day.begins_ns(1)
    )
    placed = _placements(session, day.day) if day.day < day.today else {}
    if not placed:
        query = query.where(Person.active.is_(True))
    for found in in_parts(session, query, Person.id, people):
        row, active = _Row(*found[:8]), found[8]
        then = placed.get(row.id)
        if then is not None:
            row, active = row._replace(team_id=then[0], shift_id=then[1], grid=then[2]), then[3]
        if active:
            yield row


def _placements(session: Session, day: date) -> dict[int, tuple[int | None, int | None, str, bool]]:
    """Where everybody belonged on a day, as far as it was kept."""
    newest = (
        select(Placement.person_id, func.max(Placement.from_on).label("from_on"))
        .where(Placement.from_on <= day)
        .group_by(Placement.person_id)
        .subquery()
    )
    query = select(Placement.person_id, Placement.team_id, Placement.shift_id, Placement.grid, Placement.active).join(
        newest, and_(Placement.person_id == newest.c.person_id, Placement.from_on == newest.c.from_on)
    )
    return {person: (team, shift, grid, active) for person, team, shift, grid, active in session.execute(query)}


def close_day(session: Session, day: date) -> int:
    """A day is over: keep where people belonged, of those for whom it is not what was kept last. How many; none where
    the day was closed before, for what changed since is of a later day."""
    if session.get(ClosedDay, day) is not None:
        return 0
    session.add(ClosedDay(day=day))
    last = _placements(session, day)
    now = select(Person.id, Person.team_id, Person.shift_id, Person.grid, Person.active)
    changed = [
        {"person_id": person, "from_on": day, "team_id": team, "shift_id": shift, "grid": grid, "active": active}
        for person, team, shift, grid, active in session.execute(
            now.where(Person.kind != PersonKind.VISITOR, Person.erased_ns.is_(None))
        )
        if last.get(person) != (team, shift, grid, active)
    ]
    if changed:
        session.execute(Placement.__table__.insert(), changed)  # type: ignore[attr-defined]
    return len(changed)


def _isolated(session: Session, day: Day) -> set[int]:
    """Who is in isolation when the day ends, or now where it is not over.

    By day 1 of the isolation, for a gate may be heard days later. What a contact thermometer took back isolated nobody.
    """
    open_then = Case.closed_ns.is_(None) | ((Case.closed_ns >= day.begins_ns(1)) & (Case.end != End.CLEARED))
    return set(session.scalars(select(Case.person_id).where(Case.opened_on <= day.day, open_then)))


def _corrections(
    session: Session, day: date, people: Collection[int] | None
) -> tuple[dict[int, list[Check]], dict[int, set[int]]]:
    query = select(Correction.id, Correction.person_id, Correction.struck, Correction.at_ns, Correction.where)
    query = query.where(Correction.day == day, Correction.withdrawn_ns.is_(None))
    added: dict[int, list[Check]] = {}
    struck: dict[int, set[int]] = {}
    for key, person, number, at_ns, where in in_parts(session, query, Correction.person_id, people):
        if number is None:
            added.setdefault(person, []).append(Check(-key, at_ns, where, "", Means.CORRECTION))
        else:
            struck.setdefault(person, set()).add(number)
    return added, struck
