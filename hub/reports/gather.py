"""Gathers what the hub's stores say about a day; decides nothing."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from functools import partial
from typing import NamedTuple

from sqlalchemy import String, and_, not_, or_, select, type_coerce
from sqlalchemy.orm import Session, joinedload, selectinload

from hub.accounts.audit import head
from hub.alerts.desk import AlertDesk
from hub.alerts.lifecycle import State
from hub.alerts.rules import Rule
from hub.board import AlertRow
from hub.cases.models import Case, CaseStay, End, Sign, SignKind
from hub.crowds.desk import CrowdDesk
from hub.database import Database
from hub.forms.models import Concern, Declaration
from hub.projections.rollups import Rollups
from hub.registry.entries import OBSERVATION_DAYS, is_listed, is_observed
from hub.registry.models import ListedArea, Person, Place, Visit
from hub.registry.store import Registrar
from hub.registry.visits import visits
from hub.reports.figures import Alike, CaseDay, DayReport, Equipment, Gathered, Mark, RoundDay, day_report
from hub.resumption import desk as resumption
from hub.rollups import Span
from hub.rounds.record import Round, RoundRecord
from wire.events import Guest


class Attended(NamedTuple):
    """Everybody who is registered on a day by kinds, and how many of them are among those who were asked for."""

    people: Sequence[Alike]
    marks: Mapping[Mark, int]


Attendance = Callable[[date, Mapping[str, Collection[int]]], Awaitable[Attended]]
"""How a day stands; with the people, by id, that count in each of `MARKS`."""

_OUT_OF_ORDER = frozenset({Rule.DEVICE_FAULT, Rule.GATE_SILENT, Rule.REGISTRY_OLD, Rule.GAP, Rule.CHANNEL_FAULT})
_CONCERNS = list(Concern)
_CONCERNING = frozenset({Concern.CALL, Concern.ILL})


class Sources(NamedTuple):
    """Where the figures of a day stand."""

    site: str
    database: Database
    attendance: Attendance
    rollups: Rollups
    rounds: RoundRecord
    registrar: Registrar
    alerts: AlertDesk
    crowds: CrowdDesk
    zone: tzinfo | None = None
    opens_on: date | None = None
    """The settings' day of opening."""
    observation_days: int = OBSERVATION_DAYS


class Times(NamedTuple):
    """A day of the site in nanoseconds, and what to call it."""

    day: date
    from_ns: int
    until_ns: int


async def report_of(sources: Sources, day: date, now_ns: int) -> DayReport:
    """The figures of a day as they stand now. Raises `DatabaseError`, `JournalError`, `RegistryError`."""
    times = times_of(day, sources.zone)
    of_people = await sources.database.read(partial(_people, times=times, sources=sources))
    rows = await sources.alerts.run(partial(sources.alerts.store.during, times.from_ns, times.until_ns))
    rounds = await sources.rounds.between(times.from_ns, min(times.until_ns, now_ns + 1))
    guests = await sources.registrar.ask(partial(visits, from_ns=times.from_ns, until_ns=times.until_ns))
    registered = Counter(visit.registration.guest for visit in guests)
    sums = await _sums(sources, times)
    declared = of_people.declared
    attended = await sources.attendance(
        day, {"feverish": of_people.feverish, "declared": declared.people, "concerned": declared.concerned}
    )
    found = Gathered(
        site=sources.site,
        day=day,
        made_ns=now_ns,
        people=attended.people,
        marks=attended.marks,
        feverish=len(of_people.feverish),
        confirmed=len(of_people.confirmed),
        feverish_unnamed=of_people.unnamed,
        declared=declared.concerns,
        cases=of_people.cases,
        returnees=of_people.returnees,
        visitors=_visitors(of_people.announced, registered, sums),
        vehicles=_vehicles(registered, sums),
        gates=_gates(sums),
        rounds=[_round(one, of_people.titles) for one in rounds],
        equipment=[_equipment(row, times) for row in rows if row.rule in _OUT_OF_ORDER],
        alerts=Counter(row.rule for row in rows if times.from_ns <= row.since_ns < times.until_ns),
        meals=await _meals(sources, day, now_ns),
        resumption=of_people.resumption,
        audit_head=of_people.audit_head,
    )
    return await asyncio.to_thread(day_report, found)


def _round(one: Round, titles: Mapping[str, str]) -> RoundDay:
    return RoundDay(one.kind, titles.get(one.place, one.place) or one.kind, one.state.value)


def times_of(day: date, zone: tzinfo | None) -> Times:
    """A day of the site from its first nanosecond to before the next day's."""
    first, after = (
        round(datetime.combine(at, time.min).replace(tzinfo=zone).timestamp()) * 10**9
        for at in (day, day + timedelta(days=1))
    )
    return Times(day, first, after)


class _Declared(NamedTuple):
    """Who declared, who of them ought to be spoken to, and how many there are of each concern."""

    people: Sequence[int]
    concerned: list[int]
    concerns: Counter[str]


class _People(NamedTuple):
    """What the relational store says."""

    feverish: set[int]
    confirmed: set[int]
    unnamed: int
    declared: _Declared
    cases: list[CaseDay]
    returnees: dict[str, int]
    announced: int
    titles: dict[str, str]
    resumption: dict[str, str | int]
    audit_head: str


def _people(session: Session, times: Times, sources: Sources) -> _People:
    signs = session.execute(
        select(Sign.kind, Sign.person_id).where(
            Sign.time_ns >= times.from_ns, Sign.time_ns < times.until_ns, Sign.kind != SignKind.NORMAL
        )
    ).all()
    announced = select(Visit.id).where(
        Visit.from_ns < times.until_ns, Visit.until_ns > times.from_ns, Visit.cancelled.is_(False)
    )
    state = resumption.state(session, sources.opens_on)
    opens = state.opens_on.isoformat() if state.opens_on else "–"
    return _People(
        feverish={person for _, person in signs if person is not None},
        confirmed={person for kind, person in signs if person is not None and kind is SignKind.CONFIRMED},
        unnamed=sum(person is None and kind is SignKind.FEVER for kind, person in signs),
        declared=_declared(session, times.day),
        cases=_cases(session, times),
        returnees=_returnees(session, times.day, sources.observation_days),
        announced=len(session.scalars(announced).all()),
        titles=dict(session.execute(select(Place.name, Place.title)).all()),
        resumption={"opens_on": opens, "missing": len({one.item for one in state.missing})},
        audit_head=head(session).hex(),
    )


def _declared(session: Session, day: date) -> _Declared:
    """Nearly everybody has no concern: who has is few, and only their concerns are compared."""
    concern = type_coerce(Declaration.concern, String)
    of_day = Declaration.day == day
    people = session.scalars(select(Declaration.person_id).where(of_day).distinct()).all()
    worst: dict[int, Concern] = {}
    for person, said in session.execute(
        select(Declaration.person_id, concern).where(of_day, Declaration.concern != Concern.NONE)
    ):
        worst[person] = max(worst.get(person, Concern.NONE), Concern(said), key=_CONCERNS.index)
    concerns = Counter(concern.value for concern in worst.values())
    concerns[Concern.NONE.value] = len(people) - len(worst)
    return _Declared(people, [person for person, worst_of in worst.items() if worst_of in _CONCERNING], concerns)


def _cases(session: Session, times: Times) -> list[CaseDay]:
    """Open on that day, whenever it is asked for: from day 1 of the isolation, as duties have it, for a gate may be
    heard days later. What a contact thermometer took back after the day isolated nobody on it."""
    known = or_(Case.opened_ns < times.until_ns, Case.opened_on <= times.day)
    taken_back = and_(Case.end == End.CLEARED, Case.closed_ns >= times.until_ns)
    query = (
        select(Case)
        .where(known, or_(Case.closed_ns.is_(None), and_(Case.closed_ns >= times.from_ns, not_(taken_back))))
        .options(joinedload(Case.person).joinedload(Person.team), selectinload(Case.stays).joinedload(CaseStay.place))
    )
    return [_case(case, times) for case in session.scalars(query)]


def _case(case: Case, times: Times) -> CaseDay:
    person, team = case.person, case.person.team
    stay = next((one for one in reversed(case.stays) if one.from_ns < times.until_ns), None)
    place = (stay.hospital or (stay.place.title if stay.place else "")) if stay else ""
    return CaseDay(
        person_id=case.person_id,
        number=person.number,
        name=person.name,
        team=team.name if team else "",
        grid=person.grid or (team.grid if team else ""),
        cause=case.cause.value,
        place=place,
        in_hospital=stay is not None and stay.in_hospital,
        day=max(1, (times.day - case.opened_on).days + 1),
        days=case.days,
        reported=_by(case.reported_ns, times),
        in_grid=_by(case.grid_ns, times),
        opened=times.from_ns <= case.opened_ns < times.until_ns,
        ended=_by(case.closed_ns, times),
    )


def _by(moment_ns: int | None, times: Times) -> bool:
    """Whether it was by the day's end."""
    return moment_ns is not None and moment_ns < times.until_ns


def _returnees(session: Session, day: date, days: int) -> dict[str, int]:
    areas = tuple(session.scalars(select(ListedArea.name)))
    query = select(Person.origin, Person.returned_on).where(
        Person.origin != "", Person.active.is_(True), Person.erased_ns.is_(None)
    )
    rows = [(origin, back) for origin, back in session.execute(query) if back is None or back <= day]
    observed = [origin for origin, back in rows if is_observed(origin, back, areas, day, days)]
    return {
        "registered": len(rows),
        "observed": len(observed),
        "listed": sum(is_listed(origin, areas) for origin in observed),
        "returned": sum(back == day for _, back in rows),
    }


# -- figures of the journal ------------------------------------------------------------------------------------------


async def _sums(sources: Sources, times: Times) -> Counter[str]:
    """The day's figures of all gates: `people.passages`, `reasons.person.fever` …"""
    found: Counter[str] = Counter()
    for name in ("people", "vehicles", "reasons", "device", "disinfections", "contact", "lost"):
        for bucket, sums in await sources.rollups.buckets(Span.DAY, name, times.from_ns, times.until_ns):
            tags = dict(bucket.figure.tags)
            if tags["site"] == sources.site:
                key = ".".join([name, *(tags[tag] for tag in ("kind", "reason", "place") if tag in tags)])
                found.update({f"{key}.{field}": count for field, count in sums.counts.items()})
    return found


def _visitors(announced: int, registered: Counter[Guest], sums: Counter[str]) -> dict[str, int]:
    return {
        "announced": announced,
        "registered": registered[Guest.VISITOR],
        "unaccounted": _reasons(sums, "person", "no-stated-reason", "no-host"),
        "unknown": _reasons(sums, "person", "no-badge", "unknown-badge"),
    }


def _vehicles(registered: Counter[Guest], sums: Counter[str]) -> dict[str, int]:
    return {
        "passages": sums["vehicles.passages"],
        "allowed": sums["vehicles.allowed"],
        "denied": sums["vehicles.denied"],
        "registered": registered[Guest.VEHICLE],
        "unregistered": sums["vehicles.unregistered"],
        "undisinfected": sums["vehicles.undisinfected"],
        "disinfected": sums["disinfections.vehicle.done"],
    }


def _gates(sums: Counter[str]) -> dict[str, int]:
    people = ("passages", "allowed", "denied", "again", "unmeasured")
    return {
        **{name: sums[f"people.{name}"] for name in people},
        "by_hand": sums["contact.measured"],
        "fevers": sums["people.fevers"],
        "unscreened": _reasons(sums, "person", "unscreened-entry"),
        "entered_refused": _reasons(sums, "person", "entered-refused"),
        "tailgating": _reasons(sums, "person", "tailgating", "several-people"),
        "faults": sums["device.faults"],
        "gaps": sums["lost.gaps"],
        "lost": sums["lost.events"],
    }


def _reasons(sums: Counter[str], kind: str, *reasons: str) -> int:
    """Passages for each of the reasons; one for two of them counts twice."""
    return sum(sums[f"reasons.{kind}.{reason}.passages"] for reason in reasons)


def _equipment(row: AlertRow, times: Times) -> Equipment:
    is_over = row.state == State.RESOLVED and row.last_ns < times.until_ns
    place = "/".join(filter(None, (row.gate, row.lane)))
    return Equipment(row.rule, place, row.detail, row.since_ns, row.last_ns if is_over else None)


async def _meals(sources: Sources, day: date, now_ns: int) -> dict[str, int]:
    crowds = 0
    diners: set[int | str] = set()
    out: set[int | str] = set()
    for at in sources.crowds.checkpoints:
        limits = (await sources.crowds.checkpoint(at, day, now_ns)).limits
        crowds += sum(len(limit.crowds) for limit in limits)
    for found in await sources.crowds.meals_of(day):
        diners |= found.diners
        out |= {visit.diner.person_id if visit.diner else visit.who for visit in found.out}
    return {"diners": len(diners), "out_of_slot": len(out), "crowds": crowds}
