"""The record of who saw and changed what about whom: append-only, each entry chained to the one before.

The digest of an entry is SHA-256 over the digest before it and the entry's own fields. Whoever changes, removes or
reorders an entry breaks every digest behind it; `verify` says where. Taking entries off the end is noticed only against
a digest that is kept elsewhere: `head` gives it, and the daily report carries it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from hub.accounts.models import AuditEntry

_FIRST = bytes(32)
_LOCK = 0x6D656E73
"""Of PostgreSQL's advisory locks: appending is one at a time. On SQLite a writing transaction is alone anyway."""
_BATCH = 5000


def note(session: Session, at_ns: int, who: str, action: str, subject: str = "", **detail: Any) -> AuditEntry:  # noqa: ANN401 - anything that JSON holds
    """Append one entry within a writing transaction: it is there exactly if what it tells of is."""
    return note_all(session, at_ns, who, [(action, subject, detail)])[0]


def note_all(
    session: Session, at_ns: int, who: str, notes: Iterable[tuple[str, str, dict[str, Any]]]
) -> list[AuditEntry]:
    """Append an entry for each (action, subject, detail), as `note` does one, without asking for the head each time."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    before, entries = head(session), []
    for action, subject, detail in notes:
        words = msgspec.json.encode(detail, order="sorted").decode()
        entry = AuditEntry(at_ns=at_ns, who=who, action=action, subject=subject, detail=words)
        entry.digest = before = _digest(before, entry)
        entries.append(entry)
    session.add_all(entries)
    session.flush()
    return entries


def head(session: Session) -> bytes:
    """The newest entry's digest; zeros where there is none."""
    newest = select(AuditEntry.digest).order_by(AuditEntry.id.desc()).limit(1)
    return session.scalar(newest) or _FIRST


def verify(session: Session) -> tuple[int, int | None]:
    """How many entries are as they were written, and the id of the first that is not (None when all are)."""
    return _verify(session, 0, _FIRST)


def verify_newest(session: Session, most: int) -> tuple[int, int | None]:
    """As `verify`, of the newest entries alone: that they follow from the one before them as it stands."""
    query = select(AuditEntry.id, AuditEntry.digest).order_by(AuditEntry.id.desc()).offset(most).limit(1)
    found = session.execute(query).one_or_none()
    return _verify(session, 0, _FIRST) if found is None else _verify(session, found.id, found.digest)


def _verify(session: Session, last: int, before: bytes) -> tuple[int, int | None]:
    count = 0
    while True:
        query = select(AuditEntry).where(AuditEntry.id > last).order_by(AuditEntry.id).limit(_BATCH)
        entries = session.scalars(query).all()
        if not entries:
            return count, None
        for entry in entries:
            if entry.digest != _digest(before, entry):
                return count, entry.id
            before, last, count = entry.digest, entry.id, count + 1
        session.expunge_all()


def _digest(before: bytes, entry: AuditEntry) -> bytes:
    fields = [entry.at_ns, entry.who, entry.action, entry.subject, entry.detail]
    return hashlib.sha256(before + msgspec.json.encode(fields)).digest()
