"""Daily declarations of health: made, looked into, and who has made none today. Work on a session of the database.

    declared ─┬─ none, note ──► today's is there
              └─ call, ill ───► not to come ── settled by somebody, with a word ──► may come

Nothing is overwritten: who declares again adds a declaration, and an open concern stays until it is settled. Each
change is noted in the record, which names no symptoms.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from itertools import islice
from typing import NamedTuple

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, joinedload

from hub.accounts.audit import note
from hub.duties.standing import AWAY, Off
from hub.forms.health import Answers, concern_of, keeps_away
from hub.forms.models import Concern, Declaration
from hub.registry.models import ListedArea, Person, PersonKind, Team

OPEN = (Concern.CALL, Concern.ILL)
NOT_ASKED = frozenset({Off.REST, Off.ISOLATED, *AWAY})
"""Who does not come that day. Of whom no shift is known may come, and before work resumes it is the declaration that
says who may."""
LISTED = 300


class Health(NamedTuple):
    """What a gate may know of somebody's declarations: declared today, and kept away until they are spoken to."""

    declared: bool = False
    held: bool = False


NOTHING = Health()


class TeamDay(NamedTuple):
    """One team on a day: how many are asked, and how many of them have declared. `id` 0: of no team."""

    id: int
    name: str
    asked: int
    declared: int


class DeclaredDay(NamedTuple):
    """A day by team, and how many are not asked, by why."""

    teams: list[TeamDay]
    left_out: Mapping[Off, int]


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


def day_by_team(session: Session, day: date, off: Mapping[int, Off]) -> DeclaredDay:
    """How many are asked to declare on a day (who is off is not), and how many have, by team."""
    declared = set(session.scalars(select(Declaration.person_id).where(Declaration.day == day).distinct()))
    asked: Counter[int] = Counter()
    done: Counter[int] = Counter()
    left: Counter[Off] = Counter()
    for person, team in session.execute(select(Person.id, Person.team_id).where(*_staff())):
        why = off.get(person)
        if why in NOT_ASKED:
            left[why] += 1
            continue
        asked[team or 0] += 1
        done[team or 0] += person in declared
    names = dict(session.execute(select(Team.id, Team.name)).all())
    rows = [TeamDay(team, names.get(team, ""), number, done[team]) for team, number in asked.items()]
    return DeclaredDay(sorted(rows, key=lambda row: row.name), left)


def missing(session: Session, day: date, off: Mapping[int, Off], team: int | None, most: int) -> Sequence[Person]:
    """The first of those who are asked and have not declared on a day, of a team (0: of none) or of all (None)."""
    query = select(Person.id).where(*_staff(), ~_has_declared(day))
    if team is not None:
        query = query.where(Person.team_id == team if team else Person.team_id.is_(None))
    asked = (person for person in session.scalars(query.order_by(Person.number)) if off.get(person) not in NOT_ASKED)
    first = list(islice(asked, most))
    people = select(Person).where(Person.id.in_(first)).options(joinedload(Person.team))
    return session.scalars(people.order_by(Person.number)).all()


def _staff() -> tuple[ColumnElement[bool], ...]:
    """Who declares their health on the days on which they come."""
    return Person.active.is_(True), Person.erased_ns.is_(None), Person.kind != PersonKind.VISITOR


def _has_declared(day: date) -> ColumnElement[bool]:
    return Person.id.in_(select(Declaration.person_id).where(Declaration.day == day))


def _open() -> tuple[ColumnElement[bool], ...]:
    return Declaration.concern.in_(OPEN), Declaration.settled_ns.is_(None)
