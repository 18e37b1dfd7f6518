"""Somebody is erased: on request, or because their time is over. Work on a session; each erasure with its note.

What is left is a row without a name, a number or a badge: the tokens in the journal and in the projections can no
longer be traced to anybody through the hub. Somebody in isolation is not erased before it ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.orm import Session

from hub.accounts.audit import note
from hub.cases.models import Case
from hub.privacy.kinds import Kind
from hub.privacy.register import KINDS
from hub.registry import holdings
from hub.registry.models import Person, PersonKind, Visit


class CannotErase(Exception):
    """Somebody cannot be erased now; `why` is the key of the words that say so."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Held(NamedTuple):
    """How many rows of a kind are held about somebody."""

    kind: Kind
    rows: int


def held(session: Session, person_id: int) -> list[Held]:
    """What the register's database holds about a person."""
    return [
        Held(kind, session.scalar(select(func.count()).select_from(kind.table).where(kind.owner(person_id))) or 0)
        for kind in KINDS
        if kind.owner is not None
    ]


def erase(session: Session, person_id: int, *, by: str, why: str, now_ns: int) -> dict[str, int]:
    """Erase somebody; how many rows of each kind there were. Raises `CannotErase`."""
    person = session.get(Person, person_id)
    if person is None or person.erased_ns is not None:
        raise CannotErase("no-person")
    open_case = select(Case.id).where(Case.person_id == person_id, Case.closed_ns.is_(None))
    if session.scalar(open_case) is not None:
        raise CannotErase("isolated")
    holdings.forget(session, person_id, now_ns)
    counts = {kind.name: _blank(session, kind, kind.owner(person_id)) for kind in KINDS if kind.owner is not None}
    session.execute(update(Person).where(Person.id == person_id).values(erased_ns=now_ns, changed_ns=now_ns))
    session.expire_all()
    note(session, now_ns, by, "person-erased", f"person {person_id}", why=why, rows=counts)
    return counts


def age(session: Session, kind: Kind, before_ns: int) -> int:
    """Erase what is older than that of a kind; how many rows."""
    if kind.moment is None:
        return 0
    old = kind.moment < before_ns
    return _blank(session, kind, old if kind.over is None else old & kind.over)


def visitors_over(session: Session, before_ns: int, most: int) -> Sequence[int]:
    """Visitors whose last visit was over before that, and who are not erased yet."""
    last = select(Visit.person_id).group_by(Visit.person_id).having(func.max(Visit.until_ns) < before_ns)
    isolated = select(Case.person_id).where(Case.closed_ns.is_(None))
    query = select(Person.id).where(
        Person.kind == PersonKind.VISITOR,
        Person.erased_ns.is_(None),
        Person.id.in_(last),
        Person.id.not_in(isolated),
    )
    return session.scalars(query.order_by(Person.id).limit(most)).all()


def _blank(session: Session, kind: Kind, which: ColumnElement[bool]) -> int:
    """How many rows were not blank before."""
    if kind.deleted:
        return _rows(session.execute(delete(kind.table).where(which)))
    if not kind.blank:
        return 0
    told = or_(*(kind.table.c[name].is_distinct_from(left) for name, left in kind.blank.items()))
    return _rows(session.execute(update(kind.table).where(which, told).values(dict(kind.blank))))


def _rows(result: Any) -> int:  # noqa: ANN401 - a cursor's result
    return int(result.rowcount)
