"""Notices as the office writes them: made, withdrawn, shown to whom they are for, and seen. Work on a session.

Every change has a stamp that is later than all before, whatever the clock says: the newest is the version under which
gates hear of them, and a version only grows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session, defer, joinedload

from hub.accounts.audit import note
from hub.notices.models import Audience, NoticeRow, Receipt
from hub.registry.models import Person, PersonKind, Team
from wire.messages import SCHEMA_VERSION
from wire.notices import MOST_NOTICES, Notice, Notices
from wire.registry import digest_of

LISTED = 100


class Written(NamedTuple):
    """A notice as somebody wrote it."""

    audience: Audience
    team_id: int | None
    gates: tuple[str, ...]
    zh: str
    en: str
    speech: str
    every_min: int
    picture: bytes | None
    from_ns: int
    until_ns: int


class TooMany(Exception):
    """More notices are in force than a gate can be told."""


class SeenBy(NamedTuple):
    """One team: how many of it have read a notice, of how many who are asked to."""

    team: str
    seen: int
    asked: int


def make(session: Session, written: Written, *, by: str, now_ns: int) -> NoticeRow:
    """A new notice. Raises `TooMany`."""
    in_force = select(func.count()).select_from(NoticeRow).where(*_open(now_ns))
    if (session.scalar(in_force) or 0) >= MOST_NOTICES:
        raise TooMany
    fields = {**written._asdict(), "gates": ",".join(written.gates)}
    row = NoticeRow(**fields, by=by, made_ns=_stamp(session, now_ns))
    session.add(row)
    session.flush()
    note(session, now_ns, by, "notice-made", f"notice {row.id}", audience=row.audience.value)
    return row


def withdraw(session: Session, number: int, *, by: str, now_ns: int) -> bool:
    """End a notice before its time. False for one that is none, or over."""
    row = session.get(NoticeRow, number)
    if row is None or row.withdrawn_ns is not None or row.until_ns <= now_ns:
        return False
    row.withdrawn_ns = _stamp(session, now_ns)
    note(session, now_ns, by, "notice-withdrawn", f"notice {number}")
    return True


def for_gates(session: Session, now_ns: int) -> tuple[Notices, dict[str, bytes]]:
    """What gates are told, and the pictures of it by their digest."""
    rows = session.scalars(select(NoticeRow).where(*_open(now_ns), NoticeRow.audience != Audience.TEAM))
    found = [(row, digest_of(row.picture) if row.picture else None) for row in rows.all()]
    notices = [
        Notice(
            id=row.id,
            from_ns=row.from_ns,
            until_ns=row.until_ns,
            zh=row.zh,
            en=row.en,
            speech=row.speech,
            every_min=row.every_min,
            picture=digest,
            gates=tuple(gate for gate in row.gates.split(",") if gate),
        )
        for row, digest in found
    ]
    pictures = {digest: row.picture for row, digest in found if digest is not None and row.picture is not None}
    return Notices(SCHEMA_VERSION, max(1, _newest(session)), notices), pictures


def over_pictures(session: Session, now_ns: int) -> set[str]:
    """The digests of pictures that gates need no longer, of notices that ended lately."""
    lately = now_ns - 7 * 86_400 * 10**9
    rows = select(NoticeRow.picture).where(
        NoticeRow.picture.is_not(None), or_(NoticeRow.until_ns <= now_ns, NoticeRow.withdrawn_ns.is_not(None)),
        NoticeRow.until_ns > lately,
    )  # fmt: skip
    return {digest_of(picture) for picture in session.scalars(rows) if picture}


def for_person(session: Session, person: Person, now_ns: int) -> list[tuple[NoticeRow, bool]]:
    """What somebody's telephone shows now, the newest first, and whether they said that they have read it."""
    mine = or_(
        NoticeRow.audience == Audience.SITE,
        (NoticeRow.audience == Audience.TEAM) & (NoticeRow.team_id == person.team_id),
    )
    rows = session.scalars(
        select(NoticeRow).where(*_open(now_ns), NoticeRow.from_ns <= now_ns, mine).order_by(NoticeRow.id.desc())
    ).all()
    ids = [row.id for row in rows]
    read = select(Receipt.notice_id).where(Receipt.person_id == person.id, Receipt.notice_id.in_(ids))
    seen = set(session.scalars(read))
    return [(row, row.id in seen) for row in rows]


def see(session: Session, person: Person, number: int, now_ns: int) -> bool:
    """Somebody has read a notice; False for one that their telephone does not show."""
    if not any(row.id == number for row, _ in for_person(session, person, now_ns)):
        return False
    if session.get(Receipt, (number, person.id)) is None:
        session.add(Receipt(notice_id=number, person_id=person.id, at_ns=now_ns))
    return True


def listed(session: Session, now_ns: int) -> tuple[Sequence[NoticeRow], Sequence[NoticeRow]]:
    """Notices that are in force or to come, and the last that are over."""
    query = select(NoticeRow).options(joinedload(NoticeRow.team), defer(NoticeRow.picture))
    opened = session.scalars(query.where(*_open(now_ns)).order_by(NoticeRow.id.desc())).all()
    over = or_(NoticeRow.until_ns <= now_ns, NoticeRow.withdrawn_ns.is_not(None))
    return opened, session.scalars(query.where(over).order_by(NoticeRow.id.desc()).limit(LISTED)).all()


def seen_by(session: Session, row: NoticeRow) -> list[SeenBy]:
    """Who has read a notice, by team; empty for one that no telephone shows."""
    if row.audience is Audience.GATES:
        return []
    asked: list[ColumnElement[bool]] = [
        Person.active.is_(True), Person.erased_ns.is_(None), Person.kind != PersonKind.VISITOR
    ]  # fmt: skip
    if row.audience is Audience.TEAM:
        asked.append(Person.team_id == row.team_id)
    total = dict(session.execute(select(Person.team_id, func.count()).where(*asked).group_by(Person.team_id)).all())
    read = Person.id.in_(select(Receipt.person_id).where(Receipt.notice_id == row.id))
    seen = dict(
        session.execute(select(Person.team_id, func.count()).where(*asked, read).group_by(Person.team_id)).all()
    )
    names = dict(session.execute(select(Team.id, Team.name)).all())
    rows = [SeenBy(names.get(team or 0, ""), seen.get(team, 0), number) for team, number in total.items()]
    return sorted(rows)


def receipts(session: Session, rows: Sequence[NoticeRow]) -> Counter[int]:
    """How many have read each."""
    ids = [row.id for row in rows]
    counted = select(Receipt.notice_id, func.count()).where(Receipt.notice_id.in_(ids)).group_by(Receipt.notice_id)
    return Counter(dict(session.execute(counted).all()))


def pictured(session: Session, rows: Sequence[NoticeRow]) -> set[int]:
    """Which of them have a picture."""
    ids = [row.id for row in rows]
    return set(session.scalars(select(NoticeRow.id).where(NoticeRow.id.in_(ids), NoticeRow.picture.is_not(None))))


def _open(now_ns: int) -> list[ColumnElement[bool]]:
    """Not over: in force, or to come."""
    return [NoticeRow.until_ns > now_ns, NoticeRow.withdrawn_ns.is_(None)]


def _newest(session: Session) -> int:
    made, withdrawn = session.execute(select(func.max(NoticeRow.made_ns), func.max(NoticeRow.withdrawn_ns))).one()
    return max(made or 0, withdrawn or 0)


def _stamp(session: Session, now_ns: int) -> int:
    return max(now_ns, _newest(session) + 1)
