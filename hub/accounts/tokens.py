"""Programs come to the API with a token: named, good for some permissions, for a time, and until it is taken back.

Of a token only its digest is stored. A token is good for what was chosen when it was made *and* its owner may do at the
moment: whoever loses a role or is kept out takes their tokens along. Work on a session of the database.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from hub.accounts.audit import note
from hub.accounts.desk import Refused, Who, digest_of
from hub.accounts.models import ApiToken, User
from hub.accounts.roles import MAY, Permission

PREFIX = "menshen_"
"""So that scanners for leaked secrets can know one."""
_USED_EVERY_NS = 60 * 10**9


def add_token(
    session: Session,
    name: str,
    permissions: Collection[Permission],
    *,
    by: str,
    now_ns: int,
    until_ns: int | None = None,
    owner: str | None = None,
) -> str:
    """A program's token, shown this once. Raises `Refused`."""
    name = name.strip()
    if not 1 <= len(name) <= 60 or not name.isprintable():
        raise Refused(f"token {name!r}: expected a name of 1 to 60 characters", "token-name", name=name)
    if session.scalar(select(ApiToken.id).where(ApiToken.name == name)) is not None:
        raise Refused(f"token {name!r}: there is one of that name already", "token-taken", name=name)
    if not permissions:
        raise Refused(f"token {name!r}: expected at least one permission", "token-empty", name=name)
    user = None if owner is None else session.scalars(select(User).where(User.login == owner)).one()
    if user is not None and not set(permissions) <= MAY[user.role]:
        raise Refused(f"token {name!r}: expected no permission that its owner does not have", "token-more", name=name)
    secret = f"{PREFIX}{secrets.token_urlsafe(32)}"
    words = " ".join(sorted(permissions))
    token = ApiToken(digest=digest_of(secret), name=name, owner=user, permissions=words, made_by=by, made_ns=now_ns)
    token.until_ns = until_ns
    session.add(token)
    session.flush()
    note(session, now_ns, by, "token-added", f"token {token.id}", name=name, permissions=words)
    return secret


def of_token(session: Session, secret: str, *, now_ns: int) -> Who | None:
    """The program that the token belongs to, None when it is none or over."""
    query = select(ApiToken).where(ApiToken.digest == digest_of(secret)).options(joinedload(ApiToken.owner))
    token = session.scalar(query)
    if token is None or token.revoked_ns is not None or (token.until_ns is not None and now_ns >= token.until_ns):
        return None
    permissions = permissions_of(token)
    if token.owner is not None:
        if token.owner.disabled:
            return None
        permissions &= MAY[token.owner.role]
    return Who(f"token {token.name}"[:60], token.name, None, "", "", permissions)


def used(session: Session, secret: str, *, now_ns: int) -> None:
    """Remember when a token was last used; written at most once a minute."""
    token = session.scalar(select(ApiToken).where(ApiToken.digest == digest_of(secret)))
    if token is not None and now_ns - (token.used_ns or 0) > _USED_EVERY_NS:
        token.used_ns = now_ns


def revoke(session: Session, token_id: int, *, by: str, now_ns: int, owner: str | None = None) -> bool:
    """Take a token back, with an `owner` only one of theirs; False for one that is none or taken back already."""
    token = session.get(ApiToken, token_id)
    if token is None or token.revoked_ns is not None:
        return False
    if owner is not None and (token.owner is None or token.owner.login != owner):
        return False
    token.revoked_ns = now_ns
    note(session, now_ns, by, "token-revoked", f"token {token.id}", name=token.name)
    return True


def listed(session: Session, owner: str | None) -> Sequence[ApiToken]:
    """Tokens, with an `owner` only theirs, the newest first."""
    query = select(ApiToken).options(joinedload(ApiToken.owner)).order_by(ApiToken.id.desc())
    if owner is not None:
        query = query.join(User, ApiToken.owner_id == User.id).where(User.login == owner)
    return session.scalars(query).all()


def permissions_of(token: ApiToken) -> frozenset[Permission]:
    """What the token was made for; a permission that this hub no longer knows is none."""
    return frozenset(Permission(word) for word in token.permissions.split() if word in set(Permission))
