"""Sick leave and holidays: work on a session of the database; pages, forms and the list of who is on duty stand on it.

    said ── from_on … until_on (or open) ──► ended earlier or later ── or withdrawn

A person is away at most once on a day. Each change is noted in the record, which names no symptoms. Carry each out by
`PeopleOffice.change`, with the person as touched: so the lists of who is on duty know at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session, selectinload

from hub.accounts.audit import note as noted
from hub.duties.models import Absence, AbsenceKind
from hub.registry.models import Person

BY_TELEPHONE = "phone"
"""Who says it where the person does, on the form of their telephone."""
MOST_DAYS = 366


class Refused(Exception):
    """Something cannot be done as it stands; `why` is the key of the words that say so (`refused.…`)."""

    def __init__(self, why: str, **values: object) -> None:
        super().__init__(why)
        self.why = why
        self.values = values


class Said(NamedTuple):
    """What is said about somebody who does not come."""

    person_id: int
    kind: AbsenceKind
    from_on: date
    until_on: date | None = None
    symptoms: str = ""
    note: str = ""


def say(session: Session, said: Said, *, by: str, now_ns: int) -> Absence:
    """Somebody is away. Raises `Refused`; where they are away already, with `absence`, the number of that one."""
    person = session.get(Person, said.person_id)
    if person is None or person.erased_ns is not None or not person.active:
        raise Refused("no-person")
    _check_days(said.from_on, said.until_on)
    _check_free(session, said.person_id, said.from_on, said.until_on)
    absence = Absence(**said._asdict(), said_ns=now_ns, said_by=by)
    session.add(absence)
    session.flush()
    noted(session, now_ns, by, "absence-said", f"absence {absence.id}", person=person.id, kind=said.kind.value)
    return absence


def end(session: Session, absence_id: int, until_on: date, *, by: str, now_ns: int) -> Absence:
    """Its last day is another one, or known now. Raises `Refused`."""
    absence = _in_force(session, absence_id)
    _check_days(absence.from_on, until_on)
    _check_free(session, absence.person_id, absence.from_on, until_on, but=absence_id)
    absence.until_on, absence.ended_by = until_on, by
    noted(session, now_ns, by, "absence-ended", f"absence {absence_id}", until=until_on.isoformat())
    return absence


def withdraw(session: Session, absence_id: int, *, by: str, now_ns: int) -> Absence:
    """It was a mistake: as if it had never been said. Raises `Refused`."""
    absence = _in_force(session, absence_id)
    absence.withdrawn_ns, absence.withdrawn_by = now_ns, by
    noted(session, now_ns, by, "absence-withdrawn", f"absence {absence_id}")
    return absence


def away_on(session: Session, day: date) -> dict[int, AbsenceKind]:
    """Who is away on a day, by the person's id, and why."""
    query = select(Absence.person_id, Absence.kind).where(*_touching(day, day))
    return dict(session.execute(query).all())


def of_person(session: Session, person_id: int, most: int = 100) -> Sequence[Absence]:
    """Everything that was said of somebody and not withdrawn, newest first."""
    query = select(Absence).where(Absence.person_id == person_id, Absence.withdrawn_ns.is_(None))
    return session.scalars(query.order_by(Absence.from_on.desc()).limit(most)).all()


def between(session: Session, from_on: date, until_on: date | None, most: int, after: int = 0) -> Sequence[Absence]:
    """Absences that touch these days, with the person and their team, by number."""
    query = select(Absence).where(*_touching(from_on, until_on), Absence.id > after)
    load = selectinload(Absence.person).selectinload(Person.team)
    return session.scalars(query.options(load).order_by(Absence.id).limit(most)).all()


def _touching(from_on: date, until_on: date | None) -> list[ColumnElement[bool]]:
    met: list[ColumnElement[bool]] = [
        Absence.withdrawn_ns.is_(None),
        or_(Absence.until_on.is_(None), Absence.until_on >= from_on),
    ]
    return met if until_on is None else [*met, Absence.from_on <= until_on]


def _check_days(from_on: date, until_on: date | None) -> None:
    if until_on is not None and until_on < from_on:
        raise Refused("ends-before", first=from_on.isoformat(), last=until_on.isoformat())
    if until_on is not None and (until_on - from_on).days >= MOST_DAYS:
        raise Refused("too-long", most=MOST_DAYS)


def _check_free(session: Session, person_id: int, from_on: date, until_on: date | None, but: int = 0) -> None:
    query = select(Absence).where(*_touching(from_on, until_on), Absence.person_id == person_id, Absence.id != but)
    other = session.scalars(query.limit(1)).one_or_none()
    if other is not None:
        last = other.until_on.isoformat() if other.until_on else "…"
        raise Refused("away-already", absence=other.id, first=other.from_on.isoformat(), last=last)


def _in_force(session: Session, absence_id: int) -> Absence:
    absence = session.get(Absence, absence_id)
    if absence is None:
        raise Refused("no-absence")
    if absence.withdrawn_ns is not None:
        raise Refused("withdrawn")
    return absence
