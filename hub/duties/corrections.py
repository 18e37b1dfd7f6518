"""What people say about who was measured, with a reason: work on a session; each change is noted in the record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.accounts.audit import note as noted
from hub.cases.ward import BODY_C
from hub.duties.absences import Refused
from hub.duties.models import Correction
from hub.registry.models import Person


class Struck(NamedTuple):
    """A measurement of a duty that was of somebody else: its offset in the journal and its time."""

    person_id: int
    day: date
    number: int
    at_ns: int


class Written(NamedTuple):
    """A measurement that was taken on paper, for the duty of a day."""

    person_id: int
    day: date
    at_ns: int
    why: str
    body_c: float | None = None
    where: str = ""


def add(session: Session, written: Written, *, by: str, now_ns: int) -> Correction:
    """Somebody was measured, and no gate told of it. Raises `Refused`."""
    _check(session, written.person_id, written.why)
    if written.at_ns > now_ns:
        raise Refused("to-come")
    if written.body_c is not None and not BODY_C[0] <= written.body_c <= BODY_C[1]:
        raise Refused("body", low=BODY_C[0], high=BODY_C[1])
    return _put(session, Correction(**written._asdict(), said_ns=now_ns, said_by=by), "measurement-added")


def strike(session: Session, struck: Struck, why: str, *, by: str, now_ns: int) -> Correction:
    """It was of somebody else. Raises `Refused`."""
    _check(session, struck.person_id, why)
    same = select(Correction.id).where(
        Correction.person_id == struck.person_id,
        Correction.day == struck.day,
        Correction.struck == struck.number,
        Correction.withdrawn_ns.is_(None),
    )
    if session.scalar(same) is not None:
        raise Refused("struck-already")
    made = Correction(
        person_id=struck.person_id,
        day=struck.day,
        struck=struck.number,
        at_ns=struck.at_ns,
        why=why,
        said_ns=now_ns,
        said_by=by,
    )
    return _put(session, made, "measurement-struck")


def withdraw(session: Session, person_id: int, correction_id: int, *, by: str, now_ns: int) -> Correction:
    """What was said of somebody was a mistake; the row stays. Raises `Refused`."""
    found = session.get(Correction, correction_id)
    if found is None or found.withdrawn_ns is not None or found.person_id != person_id:
        raise Refused("no-correction")
    found.withdrawn_ns, found.withdrawn_by = now_ns, by
    noted(session, now_ns, by, "correction-withdrawn", f"correction {correction_id}", person=person_id)
    return found


def of_person(session: Session, person_id: int, day: date) -> Sequence[Correction]:
    """What was said about somebody's day, what was withdrawn too, in the order in which it was said."""
    query = select(Correction).where(Correction.person_id == person_id, Correction.day == day)
    return session.scalars(query.order_by(Correction.id)).all()


def _check(session: Session, person_id: int, why: str) -> None:
    person = session.get(Person, person_id)
    if person is None or person.erased_ns is not None:
        raise Refused("no-person")
    if not why:
        raise Refused("no-reason")


def _put(session: Session, made: Correction, action: str) -> Correction:
    session.add(made)
    session.flush()
    noted(
        session, made.said_ns, made.said_by, action, f"correction {made.id}",
        person=made.person_id, day=made.day.isoformat(), why=made.why,
    )  # fmt: skip
    return made
