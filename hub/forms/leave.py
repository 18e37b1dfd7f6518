"""Sick leave that was said on a telephone: what HR has confirmed. The days themselves are absences (`hub.duties`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload

from hub.accounts.audit import note
from hub.duties.absences import BY_TELEPHONE, Refused, withdraw
from hub.duties.models import Absence
from hub.forms.models import LeaveConfirmed
from hub.registry.models import Person


def waiting(session: Session, today: date, most: int = 200) -> Sequence[Absence]:
    """What was said by telephone, is not over, and nobody has confirmed; the oldest first."""
    query = select(Absence).where(
        Absence.said_by == BY_TELEPHONE,
        Absence.withdrawn_ns.is_(None),
        or_(Absence.until_on.is_(None), Absence.until_on >= today),
        Absence.id.not_in(select(LeaveConfirmed.absence_id)),
    )
    load = joinedload(Absence.person).joinedload(Person.team)
    return session.scalars(query.options(load).order_by(Absence.id).limit(most)).all()


def confirm(session: Session, absence_id: int, *, by: str, now_ns: int) -> bool:
    """HR has seen it. False for one that is none, or was confirmed or withdrawn already."""
    absence = session.get(Absence, absence_id)
    if absence is None or absence.withdrawn_ns is not None or session.get(LeaveConfirmed, absence_id) is not None:
        return False
    session.add(LeaveConfirmed(absence_id=absence_id, by=by, at_ns=now_ns))
    note(session, now_ns, by, "absence-confirmed", f"absence {absence_id}", person=absence.person_id)
    return True


def refuse(session: Session, absence_id: int, *, by: str, now_ns: int) -> int | None:
    """HR does not take it: as if it had never been said, and the telephone says so. The person's id; None as above."""
    if session.get(LeaveConfirmed, absence_id) is not None:
        return None
    try:
        return withdraw(session, absence_id, by=by, now_ns=now_ns).person_id
    except Refused:
        return None


def refused(session: Session, person_id: int, today: date) -> Sequence[Absence]:
    """What somebody said by telephone, is not over, and was not taken."""
    query = select(Absence).where(
        Absence.person_id == person_id,
        Absence.said_by == BY_TELEPHONE,
        Absence.withdrawn_ns.is_not(None),
        or_(Absence.until_on.is_(None), Absence.until_on >= today),
    )
    return session.scalars(query.order_by(Absence.id)).all()


def confirmed(session: Session, absences: Sequence[Absence]) -> set[int]:
    """Which of them HR has confirmed."""
    wanted = [absence.id for absence in absences]
    return set(session.scalars(select(LeaveConfirmed.absence_id).where(LeaveConfirmed.absence_id.in_(wanted))))
