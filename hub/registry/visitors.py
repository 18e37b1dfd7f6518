"""Visitors who are announced: who, to whom, why and when (双控). Work on a session; each change with its note.

Whoever announces gets a number that nobody can guess; as a QR code on the visitor's telephone it is their badge, for
the time of the visit.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import date, time
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from hub.accounts.audit import note
from hub.registry.fields import Fault, Field, Kind, Unfit, date_of, short_text, time_of
from hub.registry.models import Badge, Person, PersonKind, Visit
from hub.registry.office import Touched
from hub.registry.records import Hand
from wire.tokens import TokenKind, token

LISTED = 200
VISIT = Kind(
    "visitors",
    (
        Field("name", "name", "姓名", (), short_text(80), required=True),
        Field("telephone", "telephone", "电话", (), short_text(40), required=True),
        Field("company", "company", "单位", (), short_text(80)),
        Field("host", "host", "被访人", (), short_text(80), required=True),
        Field("reason", "reason", "事由", (), short_text(200), required=True),
        Field("day", "day", "日期", (), date_of, None, required=True),
        Field("from", "from", "开始", (), time_of, required=True),
        Field("until", "until", "结束", (), time_of, required=True),
    ),
    "name",
    (),
)
Moment = Callable[[date, time], int]


class Guest(NamedTuple):
    """Who comes, and why; `origin`: where they have been, which gates hold against the list of areas."""

    name: str
    telephone: str
    company: str
    reason: str
    origin: str = ""


class Pass(NamedTuple):
    """What the visitor's page shows."""

    number: str
    from_ns: int
    until_ns: int


def announce(session: Session, texts: Mapping[str, str], hand: Hand, moment_ns: Moment) -> tuple[str, Touched]:
    """A visit; the number of its pass. Raises `Unfit`."""
    values, faults = VISIT.read_all({field.name: texts.get(field.name, "") for field in VISIT.fields})
    if faults:
        raise Unfit(faults)
    guest = Guest(*(str(values[name]) for name in ("name", "telephone", "company", "reason")))
    visit = register(session, guest, host_of(session, str(values["host"])), times_of(values, hand, moment_ns), hand)
    return visit.person.number, Touched(people=[visit.person_id])


def times_of(values: Mapping[str, Any], hand: Hand, moment_ns: Moment) -> tuple[int, int]:
    """When a visit begins and ends, of fields as `VISIT` reads them. Raises `Unfit`."""
    day = values["day"]
    assert isinstance(day, date)
    from_ns, until_ns = (moment_ns(day, time.fromisoformat(str(values[name]))) for name in ("from", "until"))
    if until_ns <= max(from_ns, hand.now_ns):
        raise Unfit([Fault("until", "ends-first")])
    return from_ns, until_ns


def register(session: Session, guest: Guest, host: Person, span: tuple[int, int], hand: Hand) -> Visit:
    """Register a visitor with a pass for the time of the visit."""
    from_ns, until_ns = span
    number = f"V{base64.b32encode(secrets.token_bytes(10)).decode()}"
    badge = Badge(number=number, token=token(hand.key, TokenKind.BADGE, number), from_ns=from_ns, until_ns=until_ns)
    person = Person(
        number=number,
        name=guest.name,
        telephone=guest.telephone,
        company=guest.company,
        origin=guest.origin,
        kind=PersonKind.VISITOR,
        created_ns=hand.now_ns,
        changed_ns=hand.now_ns,
        badges=[badge],
    )
    visit = Visit(
        person=person,
        host_id=host.id,
        host=host.name,
        reason=guest.reason,
        by=hand.by,
        from_ns=from_ns,
        until_ns=until_ns,
    )
    session.add(visit)
    session.flush()
    note(session, hand.now_ns, hand.by, "visitor-announced", f"person {person.id}", visit=visit.id)
    return visit


def cancel(session: Session, visit_id: int, by: str, now_ns: int) -> tuple[bool, Touched]:
    """The pass is good for nothing any more; False for a visit that is none."""
    visit = session.get(Visit, visit_id)
    if visit is None:
        return False, Touched()
    visit.cancelled, visit.person.active = True, False
    note(session, now_ns, by, "visitor-cancelled", f"person {visit.person_id}", visit=visit_id)
    return True, Touched(people=[visit.person_id])


def coming(session: Session, now_ns: int) -> Sequence[Visit]:
    """Visits that are not over, the next first."""
    person = joinedload(Visit.person).options(selectinload(Person.badges))
    query = select(Visit).options(person).where(Visit.until_ns > now_ns, Visit.cancelled.is_(False))
    return session.scalars(query.order_by(Visit.from_ns).limit(LISTED)).all()


def pass_of(session: Session, number: str, now_ns: int) -> Pass | None:
    """The pass with this number, if it is good or will be."""
    query = select(Visit).join(Person, Visit.person_id == Person.id).where(Person.number == number)
    visit = session.scalars(query.where(Person.kind == PersonKind.VISITOR, Visit.cancelled.is_(False))).one_or_none()
    return None if visit is None or visit.until_ns <= now_ns else Pass(number, visit.from_ns, visit.until_ns)


def host_of(session: Session, asked: str) -> Person:
    """Whom somebody visits, by number or name. Raises `Unfit`."""
    known = select(Person).where(Person.active.is_(True), Person.erased_ns.is_(None), Person.kind != PersonKind.VISITOR)
    by_number = session.scalars(known.where(Person.number == asked)).first()
    if by_number is not None:
        return by_number
    named = session.scalars(known.where(Person.name == asked).limit(2)).all()
    if len(named) != 1:
        raise Unfit([Fault("host", "several-hosts" if named else "no-host", {"found": asked})])
    return named[0]
