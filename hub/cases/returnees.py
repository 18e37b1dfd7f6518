"""Back from elsewhere: isolated from the day of return on (外地返岗人员坚决执行14天隔离期). Work on a session.

Whoever is registered with an origin and a day of return gets a case with their registration, an import included; who
returns on a day that is still to come, on that day. Where somebody has ended the isolation of this return by name, no
other is opened for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.accounts.audit import note_all
from hub.cases.models import Case, Cause
from hub.registry.models import Person

_AT_ONCE = 500


def first_day(origin: str, returned_on: date | None, today: date, days: int) -> date | None:
    """Day 1 of the isolation of somebody who is back from elsewhere; None for who is not, not yet, or no longer."""
    if not origin or returned_on is None:
        return None
    return returned_on if returned_on <= today < returned_on + timedelta(days=days) else None


def enrol(
    session: Session, days: int, today: date, *, by: str, now_ns: int, people: Collection[int] | None = None
) -> list[int]:
    """Isolate who is back from elsewhere and is not yet, of these people or of all; who they are.

    A day of return that was corrected moves day 1 of the open case with it.
    """
    notes: list[tuple[str, str, dict[str, Any]]] = []
    touched = []
    has_case = select(Case.person_id).where(Case.closed_ns.is_(None))
    for person in _back(session, days, today, people):
        if session.scalar(has_case.where(Case.person_id == person.id)) is not None:
            notes += _follow(session, person)
        elif not _is_answered(session, person):
            case = Case(
                person_id=person.id,
                cause=Cause.RETURNEE,
                days=days,
                opened_on=person.returned_on,
                opened_ns=now_ns,
                opened_by=by,
                note="",
            )
            session.add(case)
            session.flush()
            notes.append(("case-opened", f"case {case.id}", {"person": person.id, "cause": Cause.RETURNEE.value}))
            touched.append(person.id)
    if notes:
        note_all(session, now_ns, by, notes)
    return touched


def answered(session: Session) -> set[int]:
    """Whose isolation for their last return somebody has ended by name."""
    query = select(Case.person_id).join(Person, Person.id == Case.person_id)
    return set(session.scalars(query.where(*_ENDED)))


_ENDED = (Case.cause == Cause.RETURNEE, Case.closed_ns.is_not(None), Case.opened_on == Person.returned_on)


def _is_answered(session: Session, person: Person) -> bool:
    ended = select(Case.id).join(Person, Person.id == Case.person_id).where(*_ENDED, Case.person_id == person.id)
    return session.scalar(ended.limit(1)) is not None


def _back(session: Session, days: int, today: date, people: Collection[int] | None) -> Iterator[Person]:
    """Whose isolation for a return has to run today."""
    query = select(Person).where(
        Person.origin != "",
        Person.returned_on <= today,
        Person.returned_on > today - timedelta(days=days),
        Person.active.is_(True),
        Person.erased_ns.is_(None),
    )
    if people is None:
        yield from session.scalars(query).all()
        return
    ids = sorted(people)
    for start in range(0, len(ids), _AT_ONCE):
        yield from session.scalars(query.where(Person.id.in_(ids[start : start + _AT_ONCE]))).all()


def _follow(session: Session, person: Person) -> list[tuple[str, str, dict[str, Any]]]:
    case = session.scalar(select(Case).where(Case.person_id == person.id, Case.closed_ns.is_(None)))
    if case is None or case.cause is not Cause.RETURNEE or person.returned_on in (None, case.opened_on):
        return []
    assert person.returned_on is not None
    case.opened_on = person.returned_on
    return [("case-dated", f"case {case.id}", {"day": person.returned_on.isoformat()})]
