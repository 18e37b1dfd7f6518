"""The site's token key is changed: badges, plates and tags get tokens under the new key, and keep those that they had.

    one key ── rekey ──► both keys' tokens are at the gates ── finish ──► one key; the old tokens are history
                         (gates are given the new key one by one: hub.token_keys)

Between the two a badge passes at each gate, whichever key that gate has, and all that was and is told of it is the same
person's at the hub. What was in the journal stays there under the old token, which stays the person's until they are
erased. What only a token is known of keeps it: an unknown badge that had a fever, what guards or the command line
registered; it has to be registered again where it is still wanted.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from hub.accounts.audit import note
from hub.database import parts
from hub.registry.models import Badge, BadgeKey, FormerBadge, Vehicle
from hub.token_keys import desk
from wire.errors import RegistryError
from wire.tokens import TokenKind, fingerprint, token

NEXT = ".next"
"""The end of the name of the new key's file, until the register goes by it."""


class Rekeyed(NamedTuple):
    """What has a token under the new key now, and how many badges are known by a token alone."""

    badges: int
    vehicles: int
    unknown: int


def next_key(path: Path) -> bytes:
    """The key that comes after the one in the file; made once, so that what was interrupted goes on with the same.

    Raises `RegistryError`.
    """
    new = path.with_name(path.name + NEXT)
    try:
        if not new.exists():
            part = new.with_name(new.name + ".new")
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(secrets.token_urlsafe(32).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            part.replace(new)
        return new.read_bytes().strip()
    except OSError as error:
        raise RegistryError(f"token key {new}: {error.strerror}") from error


def take_next(path: Path) -> None:
    """The register goes by the new key: it takes the old one's place. Raises `RegistryError`."""
    new = path.with_name(path.name + NEXT)
    try:
        new.chmod(path.stat().st_mode & 0o777)
        if os.geteuid() == 0:
            os.chown(new, path.stat().st_uid, path.stat().st_gid)
        new.replace(path)
    except OSError as error:
        raise RegistryError(f"token key {new}: {error.strerror}") from error


def rekey(session: Session, old: bytes, new: bytes, *, by: str, now_ns: int) -> Rekeyed:
    """Give everything a token under the new key, beside the one that it has. Done again, it changes nothing.

    Raises `RegistryError` while gates still go by a key before the old one.
    """
    badges = list(session.scalars(select(Badge).where(Badge.key == BadgeKey.NOW)))
    vehicles = list(session.scalars(select(Vehicle)))
    known = [badge for badge in badges if _is(old, TokenKind.BADGE, badge.number, badge.token)]
    plates = [one for one in vehicles if _is(old, TokenKind.PLATE, one.plate, one.plate_token)]
    if (known or plates) and _is_open(session):
        raise RegistryError("the key before this one is still in use at gates: give them the newest, then --finish")
    before = [(badge, badge.token) for badge in known]
    for badge in known:
        badge.token = token(new, TokenKind.BADGE, badge.number)
    for vehicle in plates:
        vehicle.old_plate_token, vehicle.old_tag_token = vehicle.plate_token, vehicle.tag_token
        vehicle.plate_token = token(new, TokenKind.PLATE, vehicle.plate)
        if vehicle.tag_token is not None:
            vehicle.tag_token = token(new, TokenKind.TAG, vehicle.tag)
    session.flush()
    for part in parts(before):
        session.add_all(
            Badge(
                person_id=badge.person_id, number=badge.number, token=was, from_ns=badge.from_ns,
                until_ns=badge.until_ns, held_from_ns=badge.held_from_ns, key=BadgeKey.OLD,
            )
            for badge, was in part
        )  # fmt: skip
    _rekey_former(session, old, new)
    desk.changed(session, fingerprint(new), by=by, now_ns=now_ns)
    if known or plates:
        note(session, now_ns, by, "token-key-changed", badges=len(known), vehicles=len(plates))
    unknown = [badge for badge in badges if not _is(new, TokenKind.BADGE, badge.number, badge.token)]
    return Rekeyed(len(known), len(plates), len(unknown))


def _rekey_former(session: Session, old: bytes, new: bytes) -> None:
    """Cards that somebody had before: whoever gets one next has it only from when it was given back, by its new token
    too."""
    formers = list(session.scalars(select(FormerBadge).where(FormerBadge.number.is_not(None))))
    there = {(former.token, former.until_ns) for former in formers}
    for former in formers:
        number = former.number or ""
        if _is(old, TokenKind.BADGE, number, former.token):
            made = token(new, TokenKind.BADGE, number)
            if (made, former.until_ns) not in there:
                session.add(
                    FormerBadge(
                        token=made, number=number, person_id=former.person_id, from_ns=former.from_ns,
                        until_ns=former.until_ns,
                    )
                )  # fmt: skip
    session.flush()


def finish(session: Session, *, by: str, now_ns: int) -> int:
    """Gates know tokens under the newest key only; how many they are told to forget."""
    count = session.scalar(select(func.count()).where(Badge.key == BadgeKey.OLD)) or 0
    vehicles = [Vehicle.old_plate_token.is_not(None)]
    count += session.scalar(select(func.count(Vehicle.id)).where(*vehicles)) or 0
    session.execute(update(Badge).where(Badge.key == BadgeKey.OLD).values(key=BadgeKey.PAST))
    session.execute(update(Vehicle).values(old_plate_token=None, old_tag_token=None))
    desk.finished(session, now_ns)
    if count:
        note(session, now_ns, by, "token-key-finished", tokens=count)
    return count


def _is_open(session: Session) -> bool:
    return (session.scalar(select(func.count()).where(Badge.key == BadgeKey.OLD)) or 0) > 0 or (
        session.scalar(select(func.count(Vehicle.id)).where(Vehicle.old_plate_token.is_not(None))) or 0
    ) > 0


def _is(key: bytes, kind: TokenKind, number: str, made: str) -> bool:
    try:
        return token(key, kind, number) == made
    except ValueError:  # a number with nothing in it
        return False
