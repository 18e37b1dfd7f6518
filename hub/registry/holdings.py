"""Whose a card was, and when: work on a session.

A card's token follows from its number, so a card that is handed to somebody else has the same token again. What was
measured before is not the new holder's: it stays with whoever had the card then, and with nobody once they are erased.

    issue ──► held (a row of `Badge`) ──► given back (a row of `FormerBadge`) ──► issued to another

Who had a card first has it since ever, and the next from when it was given back: a badge may have been measured before
HR's file came to the hub.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.database import in_parts, parts
from hub.registry.models import Badge, FormerBadge, Person
from wire.events import MAX_TIME_NS


class Holding(NamedTuple):
    """Whose a card is or was, from one moment to before another."""

    person_id: int
    token: str
    from_ns: int = 0
    until_ns: int = MAX_TIME_NS

    def covers(self, time_ns: int) -> bool:
        """Whether what the card was seen to do then is this person's."""
        return self.from_ns <= time_ns < self.until_ns

    @property
    def is_limited(self) -> bool:
        """Whether the card was another's before or after."""
        return self.from_ns > 0 or self.until_ns < MAX_TIME_NS


Holders = Mapping[str, Sequence[Holding]]
"""By token."""


class Card(NamedTuple):
    """A card for somebody."""

    person: Person
    number: str
    token: str


def issue(session: Session, person: Person, number: str, token: str) -> None:
    """A card for somebody; within the session, not flushed. Whoever gets their own back has it as before."""
    issue_all(session, [Card(person, number, token)])


def issue_all(session: Session, cards: Sequence[Card]) -> None:
    """Cards, each for somebody; thousands at once come with a file of HR's."""
    last = _last(session, [token for card in cards for token in (card.token, forgotten(card.token))])
    for person, number, token in cards:
        found = [one for one in (last.get(token), last.get(forgotten(token))) if one is not None]
        before = max(found, default=None, key=lambda one: one.until_ns)
        since_ns = None if before is None else before.until_ns
        if before is not None and before.person_id is not None and before.person_id == person.id:
            since_ns = before.from_ns
            session.delete(before)
        person.badges.append(Badge(number=number, token=token, held_from_ns=since_ns))


def _last(session: Session, tokens: Collection[str]) -> dict[str, FormerBadge]:
    """Who had each of these cards last."""
    found: dict[str, FormerBadge] = {}
    for part in parts(tokens):
        query = select(FormerBadge).where(FormerBadge.token.in_(part)).order_by(FormerBadge.until_ns)
        found |= {one.token: one for one in session.scalars(query)}
    return found


def give_back(session: Session, badges: Iterable[Badge], now_ns: int) -> None:
    """These cards are no longer their holders'."""
    for badge in badges:
        former = FormerBadge(token=badge.token, person_id=badge.person_id, from_ns=badge.held_from_ns, until_ns=now_ns)
        former.number = badge.number
        session.add(former)


def forget(session: Session, person_id: int, now_ns: int) -> None:
    """Somebody is to be erased: of their cards it stays known until when they were another's, and neither whose nor
    which, but to whoever holds one of them."""
    give_back(session, session.scalars(select(Badge).where(Badge.person_id == person_id)), now_ns)
    session.flush()
    for former in session.scalars(select(FormerBadge).where(FormerBadge.person_id == person_id)):
        former.person_id, former.token, former.number = None, forgotten(former.token), None
    session.flush()


def forgotten(token: str) -> str:
    """What stands for a token that is kept no more: it is known again, and cannot be told from this."""
    return f"~{sha256(token.encode()).hexdigest()[:40]}"


def of_person(session: Session, person_id: int) -> list[Holding]:
    """The cards that somebody has or had."""
    return of_people(session, [person_id]).get(person_id, [])


def of_people(session: Session, people: Collection[int] | None = None) -> dict[int, list[Holding]]:
    """The cards that these people, or all, have or had."""
    found: dict[int, list[Holding]] = {}
    for row in in_parts(session, select(Badge.person_id, Badge.token, Badge.held_from_ns), Badge.person_id, people):
        found.setdefault(row[0], []).append(Holding(row[0], row[1], row[2] or 0))
    columns = (FormerBadge.person_id, FormerBadge.token, FormerBadge.from_ns, FormerBadge.until_ns)
    former = select(*columns).where(FormerBadge.person_id.is_not(None))
    for person, token, from_ns, until_ns in in_parts(session, former, FormerBadge.person_id, people):
        found.setdefault(person, []).append(Holding(person, token, from_ns or 0, until_ns))
    return found


def holders_of(session: Session, tokens: Collection[str] | None = None) -> dict[str, list[Holding]]:
    """Who has or had these cards, or all; nobody who is erased."""
    found: dict[str, list[Holding]] = {}
    alive = Person.erased_ns.is_(None)
    held = select(Badge.person_id, Badge.token, Badge.held_from_ns).join(Person).where(alive)
    for person, token, from_ns in in_parts(session, held, Badge.token, tokens):
        found.setdefault(token, []).append(Holding(person, token, from_ns or 0))
    columns = (FormerBadge.person_id, FormerBadge.token, FormerBadge.from_ns, FormerBadge.until_ns)
    former = select(*columns).join(Person, FormerBadge.person_id == Person.id).where(alive)
    for person, token, from_ns, until_ns in in_parts(session, former, FormerBadge.token, tokens):
        found.setdefault(token, []).append(Holding(person, token, from_ns or 0, until_ns))
    return found


def holder_at(holders: Holders, token: str, time_ns: int) -> int | None:
    """Whose a card was at a moment; None for nobody that is known."""
    return next((one.person_id for one in holders.get(token, ()) if one.covers(time_ns)), None)
