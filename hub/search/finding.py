"""What a word finds in the relational store, by kind; work on a session. Who may see which kind is asked before.

Nothing depends on capitals: a number and a telephone are found by their beginning, a badge as a whole, a plate and a
name by any part. At 50,000 people that is one pass over a table that is in memory (`tests/bench/pages.py`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, case, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, joinedload

from hub.cases.models import Case, Sign
from hub.registry.models import Badge, Person, PersonKind, Place, Team, Vehicle, Visit
from wire.tokens import TokenKind, normal, token

MOST = 20
"""Of each kind; who wants more says more."""
LONGEST = 80
_CASE = re.compile(r"(?:#|case|案|隔离)?\s*#?\s*(\d{1,18})", re.IGNORECASE)
_END_OF_TELEPHONE = 4
"""So many last digits are enough."""


class Words(NamedTuple):
    """What is looked for; `badge` is the token of a badge with that number, empty where the hub has no key."""

    text: str
    badge: str = ""

    @property
    def number(self) -> int | None:
        """The number of a case or an alert, where the words are one."""
        match = _CASE.fullmatch(self.text)
        return int(match[1]) if match else None


class Found(NamedTuple):
    """Up to `MOST` of one kind; `more`: there are others."""

    rows: Sequence[object] = ()
    more: bool = False


def words_of(text: str, key: bytes | None) -> Words:
    """What somebody typed, without what cannot be seen."""
    plain = " ".join("".join(char if char.isprintable() else " " for char in text).split())[:LONGEST]
    badge = token(key, TokenKind.BADGE, plain) if key is not None and normal(plain) else ""
    return Words(plain, badge)


def people(session: Session, words: Words) -> Found:
    """Staff and contractors, the best first; those who have left too."""
    query = select(Person).options(joinedload(Person.team))
    query = query.where(Person.kind != PersonKind.VISITOR, Person.erased_ns.is_(None), _person(words))
    return _first(session.scalars(query.order_by(*_best(words)).limit(MOST + 1)).all())


def visits(session: Session, words: Words) -> Found:
    """Visits by who comes, to whom, and from which company; the last first."""
    query = select(Visit).join(Person, Visit.person_id == Person.id).options(joinedload(Visit.person))
    named = [_person(words), _has(Visit.host, words.text), _has(Person.company, words.text)]
    query = query.where(Person.erased_ns.is_(None), or_(*named))
    return _first(session.scalars(query.order_by(Visit.from_ns.desc(), Visit.id).limit(MOST + 1)).all())


def vehicles(session: Session, words: Words) -> Found:
    """Vehicles by plate, tag, owner and telephone."""
    plate = normal(words.text) or words.text
    ways = [
        _has(Vehicle.plate, plate),
        Vehicle.tag == words.text,
        _has(Vehicle.owner, words.text),
        *_telephone(Vehicle.telephone, words.text),
    ]
    first = case((Vehicle.plate == plate, 0), else_=1)
    return _first(
        session.scalars(select(Vehicle).where(or_(*ways)).order_by(first, Vehicle.plate).limit(MOST + 1)).all()
    )


def cases(session: Session, words: Words) -> Found:
    """Cases by their number, whose they are, and the place or the hospital; the open ones first."""
    places = select(Place.id).where(or_(_has(Place.title, words.text), Place.name == words.text.lower()))
    whose = select(Person.id).where(Person.erased_ns.is_(None), _person(words))
    ways = [Case.person_id.in_(whose), Case.place_id.in_(places), _has(Case.hospital, words.text)]
    if words.number is not None:
        ways.append(Case.id == words.number)
    query = select(Case).options(joinedload(Case.person), joinedload(Case.place)).where(or_(*ways))
    order = (Case.closed_ns.is_not(None), Case.opened_ns.desc(), Case.id)
    return _first(session.scalars(query.order_by(*order).limit(MOST + 1)).all())


def alert_keys(session: Session, words: Words) -> dict[str, int]:
    """The keys of alerts about the fevers of whom the words name, each with the person; the newest."""
    whose = select(Person.id).where(Person.erased_ns.is_(None), _person(words))
    query = select(Sign.alert_key, Sign.person_id).where(Sign.person_id.in_(whose), Sign.alert_key != "")
    return {key: person for key, person in session.execute(query.order_by(Sign.time_ns.desc()).limit(MOST)) if person}


def _person(words: Words) -> ColumnElement[bool]:
    ways: list[ColumnElement[bool]] = [
        Person.number.istartswith(words.text, autoescape=True),
        _has(Person.name, words.text),
        *_telephone(Person.telephone, words.text),
        Person.team_id.in_(select(Team.id).where(Team.name == words.text)),
    ]
    if words.badge:
        ways.append(Person.id.in_(select(Badge.person_id).where(Badge.token == words.badge)))
    return or_(*ways)


def _best(words: Words) -> tuple[ColumnElement[int], ColumnElement[bool], InstrumentedAttribute[str]]:
    exact = case((Person.number == words.text, 0), (Person.name == words.text, 1), else_=2)
    return exact, Person.active.desc(), Person.number


def _has(column: InstrumentedAttribute[str], text: str) -> ColumnElement[bool]:
    return column.icontains(text, autoescape=True)


def _telephone(column: InstrumentedAttribute[str], text: str) -> Collection[ColumnElement[bool]]:
    """By its beginning, or by its last digits where there are enough of them."""
    digits = re.sub(r"[\s()+-]", "", text)
    if not (digits.isascii() and digits.isdigit()) or len(digits) < _END_OF_TELEPHONE:
        return ()
    return column.startswith(digits, autoescape=True), column.endswith(digits, autoescape=True)


def _first(rows: Sequence[object]) -> Found:
    return Found(rows[:MOST], len(rows) > MOST)
