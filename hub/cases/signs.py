"""Temperatures that were told at the gates, whose they are, and the cases that follow. Work on a session.

`take` puts what the journal says into the record, once for each place in a gate's stream; `settle` brings somebody's
case in line with what `hub.cases.rule` says of all their temperatures together. Whoever's badge nobody knows, or who
had none, is on a list until somebody names them, or says why not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from hub.accounts.audit import note
from hub.cases.models import Case, Cause, End, Sign, SignKind
from hub.cases.rule import Seen, Standing, Told, Why, standing
from hub.cases.settings import IsolationSettings
from hub.cases.ward import Cannot
from hub.registry import holdings
from hub.registry.models import Badge, Person, PersonKind

HUB = "hub"
"""Who did it, in the record, where a rule did."""
_MIN_NS = 60 * 10**9


class Rules(NamedTuple):
    """What a site decides, and its calendar."""

    settings: IsolationSettings
    day_of: Callable[[int], date]
    """The site's day of a moment."""

    def standing(self, signs: Iterable[Sign], ended_ns: int | None = None) -> Standing:
        seen = [Seen(sign.time_ns, sign.received_ns, sign.kind, sign.source) for sign in signs]
        return standing(
            seen,
            ended_ns=ended_ns,
            recheck_ns=round(self.settings.recheck_min * _MIN_NS),
            contact_clears=self.settings.contact_clears,
        )


class Unnamed(NamedTuple):
    """A fever of which nobody knows whose it is: its signs, oldest first, and who has the badge by now, if anybody."""

    signs: Sequence[Sign]
    now_of: Person | None

    @property
    def first(self) -> Sign:
        return self.signs[0]


def take(session: Session, told: Sequence[Told], rules: Rules, now_ns: int) -> set[int]:
    """Put into the record what is new; whose temperatures these are: their isolation, or its end, may be another."""
    known = set(session.scalars(select(Sign.source).where(Sign.source.in_([one.source for one in told]))))
    people: set[int] = set()
    for one in told:
        if one.source not in known:
            known.add(one.source)
            person_id = _whose(session, one)
            session.add(Sign(**one._asdict(), person_id=person_id))
            session.flush()
            if person_id is not None:
                _tell_the_passage(session, one, person_id)
                people.add(person_id)
    for person_id in sorted(people):
        settle(session, person_id, rules, now_ns)
    return people


def settle(session: Session, person_id: int, rules: Rules, now_ns: int) -> None:
    """Open or end somebody's case as their temperatures ask."""
    signs, now = _standing_of(session, person_id, rules)
    case = session.scalar(select(Case).where(Case.person_id == person_id, Case.closed_ns.is_(None)))
    if now.isolate and case is None:
        case = _open(session, person_id, now, rules, signs, now_ns)
    elif case is not None and now.why is Why.MEASURED_NORMAL and is_of_camera_alone(case):
        _clear(session, case, signs, now_ns)
    case = case or _last_cleared(session, person_id)
    for sign in signs:
        if case is not None and sign.case_id is None and _belongs(sign, case, now, rules):
            sign.case_id = case.id


def rechecks(session: Session, people: Sequence[int], rules: Rules) -> dict[int, int]:
    """Until when a contact thermometer's word ends the isolation of those of these people whom a camera alone isolated.

    Gates are told, so that they let in at once whom the guard measured: their own word reaches the hub only after.
    """
    if not rules.settings.contact_clears:
        return {}
    of_hub = select(Case).where(Case.person_id.in_(people), Case.closed_ns.is_(None), Case.opened_by == HUB)
    found = {}
    for case in session.scalars(of_hub.where(Case.cause == Cause.FEVER)):
        now = _standing_of(session, case.person_id, rules)[1]
        until_ns = now.recheck_until_ns(round(rules.settings.recheck_min * _MIN_NS))
        if until_ns is not None and is_of_camera_alone(case):
            found[case.person_id] = until_ns
    return found


def _standing_of(session: Session, person_id: int, rules: Rules) -> tuple[Sequence[Sign], Standing]:
    """Somebody's temperatures, and what they say since a person last ended an isolation of theirs."""
    signs = session.scalars(select(Sign).where(Sign.person_id == person_id).order_by(Sign.time_ns, Sign.id)).all()
    ended = select(func.max(Case.closed_ns)).where(Case.person_id == person_id, Case.end != End.CLEARED)
    return signs, rules.standing(signs, session.scalar(ended))


def _belongs(sign: Sign, case: Case, now: Standing, rules: Rules) -> bool:
    """A temperature belongs to the case that it keeps open, or else to that of its day."""
    return sign.time_ns >= now.since_ns if now.isolate else rules.day_of(sign.time_ns) >= case.opened_on


def is_of_camera_alone(case: Case) -> bool:
    """Whether nothing stands behind a case but a camera's word: then a contact thermometer's may end it."""
    return (
        case.opened_by == HUB
        and case.cause is Cause.FEVER
        and not case.readings
        and case.reported_ns is None
        and not case.hospital
    )


def unnamed(session: Session, rules: Rules) -> list[Unnamed]:
    """Fevers of nobody that we know, the newest first."""
    groups: dict[str, list[Sign]] = {}
    for sign in session.scalars(_OF_NOBODY.where(Sign.kind != SignKind.NORMAL)):
        groups.setdefault(_group(sign), []).append(sign)
    for sign in session.scalars(_OF_NOBODY.where(Sign.kind == SignKind.NORMAL, _same_as(groups.values()))):
        groups.setdefault(_group(sign), []).append(sign)
    standings = [(signs, rules.standing(signs)) for signs in groups.values()]
    waiting = [[sign for sign in signs if sign.time_ns >= now.since_ns] for signs, now in standings if now.isolate]
    tokens = [signs[0].badge for signs in waiting if signs[0].badge]
    holders = holdings.holders_of(session, tokens)
    found = []
    for signs in waiting:
        person_id = holdings.holder_at(holders, signs[0].badge or "", signs[0].time_ns)
        found.append(Unnamed(signs, None if person_id is None else session.get(Person, person_id)))
    return sorted(found, key=lambda one: -one.first.time_ns)


def claim(session: Session, sign_id: int, person_id: int, rules: Rules, *, by: str, now_ns: int) -> int:
    """Say whose a fever is; the person. Raises `Cannot`."""
    signs = _of_one(session, sign_id)
    person = session.get(Person, person_id)
    if person is None or person.erased_ns is not None:
        raise Cannot("no-person")
    for sign in signs:
        sign.person_id, sign.settled_ns, sign.settled_by = person_id, now_ns, by
    session.flush()
    note(session, now_ns, by, "fever-named", f"person {person_id}", sign=sign_id)
    settle(session, person_id, rules, now_ns)
    return person_id


def make_person(session: Session, sign_id: int, name: str, telephone: str, *, by: str, now_ns: int) -> int:
    """Register whoever had the fever and nobody knew, with the badge that they showed; the person. Raises `Cannot`."""
    if not name:
        raise Cannot("no-name")
    signs = _of_one(session, sign_id)
    badge = next((sign.badge for sign in signs if sign.badge), None)
    if badge is not None and session.scalar(select(Badge.id).where(Badge.token == badge)) is not None:
        raise Cannot("badge-known")
    person = Person(
        number=f"F{signs[0].id}",
        name=name,
        telephone=telephone,
        kind=PersonKind.VISITOR,
        created_ns=now_ns,
        changed_ns=now_ns,
        badges=[],
    )
    session.add(person)
    if badge:
        holdings.issue(session, person, f"token {badge[:8]}", badge)
    session.flush()
    note(session, now_ns, by, "person-added", f"person {person.id}", because=f"sign {sign_id}")
    return person.id


def dismiss(session: Session, sign_id: int, why: str, *, by: str, now_ns: int) -> None:
    """Nobody can be isolated for a fever, and why. Raises `Cannot`."""
    if not why:
        raise Cannot("no-note")
    for sign in _of_one(session, sign_id):
        sign.settled_ns, sign.settled_by, sign.settled_why = now_ns, by, why
    note(session, now_ns, by, "fever-dismissed", f"sign {sign_id}")


def _whose(session: Session, told: Told) -> int | None:
    """By the badge; without one by what else is known of the passage."""
    if told.badge is not None:
        return holdings.holder_at(holdings.holders_of(session, [told.badge]), told.badge, told.time_ns)
    if not told.passage:
        return None
    same = select(Sign.person_id).where(Sign.passage == told.passage, Sign.person_id.is_not(None))
    return session.scalar(same.limit(1))


def _tell_the_passage(session: Session, told: Told, person_id: int) -> None:
    """What was told of the passage before its person was known is theirs too."""
    if told.passage:
        for sign in session.scalars(select(Sign).where(Sign.passage == told.passage, Sign.person_id.is_(None))):
            if sign.badge in (None, told.badge):
                sign.person_id = person_id
        session.flush()


def _open(session: Session, person_id: int, now: Standing, rules: Rules, signs: Sequence[Sign], now_ns: int) -> Case:
    case = Case(
        person_id=person_id,
        cause=Cause.FEVER,
        days=rules.settings.days,
        opened_on=rules.day_of(now.since_ns),
        opened_ns=now_ns,
        opened_by=HUB,
        note="",
    )
    session.add(case)
    session.flush()
    gates = sorted({sign.gate for sign in signs if sign.time_ns >= now.since_ns})
    note(session, now_ns, HUB, "case-opened", f"case {case.id}", person=person_id, cause=now.why.value, gates=gates)
    return case


def _clear(session: Session, case: Case, signs: Sequence[Sign], now_ns: int) -> None:
    last = max((sign for sign in signs if sign.kind is SignKind.NORMAL), key=lambda sign: sign.time_ns)
    case.closed_ns, case.closed_by, case.end = now_ns, last.by[:60] or HUB, End.CLEARED
    session.flush()
    note(session, now_ns, HUB, "case-closed", f"case {case.id}", end=End.CLEARED.value, measured_by=last.by)


def _last_cleared(session: Session, person_id: int) -> Case | None:
    cleared = select(Case).where(Case.person_id == person_id, Case.end == End.CLEARED)
    return session.scalar(cleared.order_by(Case.id.desc()).limit(1))


def _of_one(session: Session, sign_id: int) -> list[Sign]:
    """The sign that nobody is named for yet, and those that go with it. Raises `Cannot`."""
    first = session.get(Sign, sign_id)
    if first is None or first.person_id is not None or first.settled_ns is not None:
        raise Cannot("named-already")
    open_ = select(Sign).where(Sign.person_id.is_(None), Sign.settled_ns.is_(None)).order_by(Sign.time_ns, Sign.id)
    return [sign for sign in session.scalars(open_) if _group(sign) == _group(first)]


_OF_NOBODY = select(Sign).where(Sign.person_id.is_(None), Sign.settled_ns.is_(None)).order_by(Sign.time_ns, Sign.id)


def _same_as(groups: Iterable[Sequence[Sign]]) -> ColumnElement[bool]:
    """Of the same badge or passage: guards measure many whom nobody knows, and most of them are well."""
    signs = [sign for group in groups for sign in group]
    badges, passages = {sign.badge for sign in signs if sign.badge}, {sign.passage for sign in signs if sign.passage}
    return or_(Sign.badge.in_(badges), Sign.passage.in_(passages))


def _group(sign: Sign) -> str:
    """Signs that are surely of one and the same."""
    return f"badge {sign.badge}" if sign.badge else f"passage {sign.passage}" if sign.passage else sign.source
