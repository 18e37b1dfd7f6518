"""Daily declarations of health: made, looked into, and who has made none today. Work on a session of the database.

    declared ─┬─ none, note ──► today's is there
              └─ call, ill ───► not to come ── settled by somebody, with a word ──► may come

Nothing is overwritten: who declares again adds a declaration, and an open concern stays until it is settled. Each
change is noted in the record, which names no symptoms.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, joinedload

from hub.accounts.audit import note
from hub.forms.health import Answers, concern_of, keeps_away
from hub.forms.models import Concern, Declaration
from hub.registry.models import ListedArea, Person, PersonKind, Team

OPEN = (Concern.CALL, Concern.ILL)
LISTED = 300


class Health(NamedTuple):
    """What a gate may know of somebody's declarations: declared today, and kept away until they are spoken to."""

    declared: bool = False
    held: bool = False


NOTHING = Health()


class TeamDay(NamedTuple):
    """One team on a day: how many are asked, how many have declared, and the first of those who have not."""

    name: str
    asked: int
    declared: int
    missing: list[Person]


def declare(session: Session, person_id: int, day: date, answers: Answers, *, by: str, now_ns: int) -> Declaration:
    """Keep what somebody declared."""
    areas = tuple(session.scalars(select(ListedArea.name)))
    concern = concern_of(answers, areas)
    made = Declaration(
        person_id=person_id,
        day=day,
        at_ns=now_ns,
        temperature_c=answers.temperature_c,
        symptoms=",".join(answers.symptoms),
        told=answers.told,
        travelled=answers.travelled,
        gathered=answers.gathered,
        contact=answers.contact,
        concern=concern,
        by=by,
    )
    session.add(made)
    session.flush()
    note(session, now_ns, by, "health-declared", f"person {person_id}", declaration=made.id)
    return made


def settle(session: Session, number: int, word: str, *, by: str, now_ns: int) -> list[Declaration] | None:
    """Somebody has looked into a declaration, and the person may come: their other open ones are settled with it.

    None for one that is none, or settled already.
    """
    one = session.get(Declaration, number)
    if one is None or one.settled_ns is not None or not keeps_away(one.concern):
        return None
    query = select(Declaration).where(Declaration.person_id == one.person_id, *_open())
    settled = list(session.scalars(query))
    for each in settled:
        each.settled_ns, each.settled_by, each.settled_note = now_ns, by, word
    note(session, now_ns, by, "declaration-settled", f"person {one.person_id}", declaration=number)
    return settled


def open_concerns(session: Session) -> Sequence[Declaration]:
    """Who has to be looked into, the worst and oldest first: of each the newest that they declared."""
    newest = select(func.max(Declaration.id)).where(*_open()).group_by(Declaration.person_id)
    load = joinedload(Declaration.person).joinedload(Person.team)
    query = select(Declaration).where(Declaration.id.in_(newest)).options(load)
    found = session.scalars(query.order_by(Declaration.at_ns).limit(LISTED)).all()
    return sorted(found, key=lambda one: one.concern is not Concern.ILL)


def of_day(session: Session, day: date, concern: Concern) -> Sequence[Declaration]:
    """The declarations of a day that are of some concern."""
    load = joinedload(Declaration.person).joinedload(Person.team)
    query = select(Declaration).where(Declaration.day == day, Declaration.concern == concern)
    return session.scalars(query.options(load).order_by(Declaration.at_ns.desc()).limit(LISTED)).all()


def last_of(session: Session, person_id: int, day: date) -> Declaration | None:
    """The newest that somebody made on a day."""
    query = select(Declaration).where(Declaration.person_id == person_id, Declaration.day == day)
    return session.scalars(query.order_by(Declaration.id.desc()).limit(1)).one_or_none()


def health_of(session: Session, people: Collection[int], day: date) -> dict[int, Health]:
    """Of those who have declared something that counts on this day; who is not there has not."""
    declared = set(
        session.scalars(select(Declaration.person_id).where(Declaration.day == day, Declaration.person_id.in_(people)))
    )
    held = set(session.scalars(select(Declaration.person_id).where(*_open(), Declaration.person_id.in_(people))))
    return {person: Health(person in declared, person in held) for person in declared | held}


def counts_of(session: Session, day: date) -> Counter[Concern]:
    """How many people declared on a day, by the worst that they declared."""
    worst: dict[int, Concern] = {}
    order = list(Concern)
    rows = session.execute(
        select(Declaration.person_id, Declaration.concern, func.count())
        .where(Declaration.day == day)
        .group_by(Declaration.person_id, Declaration.concern)
    )
    for person, concern, _ in rows:
        worst[person] = max(worst.get(person, Concern.NONE), concern, key=order.index)
    return Counter(worst.values())


def day_by_team(session: Session, day: date, away: Collection[int], most: int) -> list[TeamDay]:
    """Who is asked to declare on a day (who is away is not), by team, with the first of those who have not."""
    asked = (
        Person.active.is_(True),
        Person.erased_ns.is_(None),
        Person.kind != PersonKind.VISITOR,
        Person.id.not_in(away),
    )
    has = Person.id.in_(select(Declaration.person_id).where(Declaration.day == day))
    totals = _counts(session, *asked)
    declared = _counts(session, *asked, has)
    place = func.row_number().over(partition_by=Person.team_id, order_by=Person.number).label("place")
    ranked = select(Person.id, place).where(*asked, ~has).subquery()
    first = select(Person).join(ranked, ranked.c.id == Person.id).where(ranked.c.place <= most)
    missing: dict[int | None, list[Person]] = {}
    for person in session.scalars(first.order_by(Person.number)):
        missing.setdefault(person.team_id, []).append(person)
    names = dict(session.execute(select(Team.id, Team.name)).all())
    rows = [
        TeamDay(names.get(team or 0, ""), number, declared.get(team, 0), missing.get(team, []))
        for team, number in totals.items()
    ]
    return sorted(rows, key=lambda row: row.name)


def _counts(session: Session, *where: ColumnElement[bool]) -> dict[int | None, int]:
    """How many people of each team are like that."""
    rows = session.execute(select(Person.team_id, func.count()).where(*where).group_by(Person.team_id))
    return dict(rows.all())


def _open() -> tuple[ColumnElement[bool], ...]:
    return Declaration.concern.in_(OPEN), Declaration.settled_ns.is_(None)
