"""Users sign in, stay signed in, and sign out. Work on a session of the database.

Passwords are argon2id (RFC 9106, argon2-cffi's defaults). Of cookies only a digest is stored: whoever reads
the database cannot sign in with it.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import NamedTuple

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from hub.accounts.audit import note
from hub.accounts.models import Role, SignIn, User
from hub.accounts.roles import MAY, Permission
from wire.errors import MenshenError

IDLE_NS = 12 * 3600 * 10**9
"""A session that nobody used for a shift ends."""
LIFE_NS = 7 * 86400 * 10**9
MIN_PASSWORD = 10
"""Characters. NIST SP 800-63B asks for at least 8 and no rules of composition."""
_SEEN_EVERY_NS = 60 * 10**9
_hasher = PasswordHasher()
_NOBODY = _hasher.hash(secrets.token_hex(16))
"""Checked where there is no such user, so that the time tells nothing."""


class Refused(MenshenError):
    """An account cannot be made or changed like that; the text says why. `why`: the key of the words for a person."""

    def __init__(self, text: str, why: str = "", **values: object) -> None:
        super().__init__(text)
        self.why, self.values = why, values


class Who(NamedTuple):
    """Whoever asks: a user with a session, or a program with a token (`csrf` empty, no role)."""

    login: str
    name: str
    role: Role | None
    lang: str
    csrf: str
    permissions: frozenset[Permission]

    def may(self, permission: Permission) -> bool:
        """Whether they have the permission."""
        return permission in self.permissions


def add_user(session: Session, login: str, name: str, role: Role, password: str, *, by: str, now_ns: int) -> User:
    """A new user. Raises `Refused`."""
    login = login.strip().lower()
    if not login or len(login) > 60 or not login.replace("-", "").replace(".", "").replace("_", "").isalnum():
        what = f"login {login!r}: expected 1 to 60 letters, digits, dots, hyphens or underscores"
        raise Refused(what, "login", login=login)
    if session.scalar(select(User.id).where(User.login == login)) is not None:
        raise Refused(f"login {login!r}: there is such a user already", "taken", login=login)
    user = User(login=login, name=name.strip() or login, role=role, created_ns=now_ns, password=_hashed(password))
    session.add(user)
    session.flush()
    note(session, now_ns, by, "user-added", f"user {user.id}", login=login, role=role.value)
    return user


def set_password(session: Session, login: str, password: str, *, by: str, now_ns: int) -> None:
    """Change a password, which ends the user's sessions. Raises `Refused`."""
    user = _user(session, login)
    user.password = _hashed(password)
    session.execute(delete(SignIn).where(SignIn.user_id == user.id))
    note(session, now_ns, by, "password-set", f"user {user.id}", login=login)


def is_password(session: Session, login: str, password: str) -> bool:
    """Whether it is the user's. Raises `Refused`."""
    return _is_right(_user(session, login).password, password)


def disable(session: Session, login: str, *, by: str, now_ns: int) -> None:
    """Keep a user out from now on. Raises `Refused`, also for the last administrator."""
    user = _user(session, login)
    admins = select(func.count()).select_from(User).where(User.role == Role.ADMIN, User.disabled.is_(False))
    if user.role is Role.ADMIN and (session.scalar(admins) or 0) <= 1:
        raise Refused(f"user {login!r} is the last administrator; make another first", "last-admin", login=login)
    user.disabled = True
    session.execute(delete(SignIn).where(SignIn.user_id == user.id))
    note(session, now_ns, by, "user-disabled", f"user {user.id}", login=login)


def has_users(session: Session) -> bool:
    """Whether anybody can sign in; a new hub's first user is its administrator."""
    return session.scalar(select(User.id).limit(1)) is not None


def user_of(session: Session, login: str, password: str) -> int | None:
    """The user with this login and password, None for a wrong one; it takes as long where there is no such user."""
    user = session.scalar(select(User).where(User.login == login.strip().lower()))
    usable = user is not None and bool(user.password) and not user.disabled
    right = _is_right(user.password if user is not None and usable else _NOBODY, password)
    return user.id if user is not None and usable and right else None


def sign_in(session: Session, user_id: int | None, login: str, old: str | None, *, now_ns: int) -> str | None:
    """The cookie of a new session of the user that `user_of` found; without one it is noted that there was a try.

    The browser's `old` session ends: nobody stays in a session that began before they signed in.
    """
    user = None if user_id is None else session.get(User, user_id)
    if user is None or user.disabled:
        note(session, now_ns, login.strip().lower()[:60], "sign-in-refused")
        return None
    end(session, old)
    return begin(session, user, now_ns=now_ns)


def end(session: Session, cookie: str | None) -> None:
    """End the session of a cookie, if it is one."""
    if cookie:
        session.execute(delete(SignIn).where(SignIn.digest == digest_of(cookie)))


def begin(session: Session, user: User, *, now_ns: int) -> str:
    """The cookie of a new session of a user who has proved who they are."""
    cookie = secrets.token_urlsafe(32)
    row = SignIn(
        digest=digest_of(cookie), user_id=user.id, csrf=secrets.token_urlsafe(24), begun_ns=now_ns, seen_ns=now_ns
    )
    session.add(row)
    note(session, now_ns, user.login, "signed-in")
    return cookie


def whose(session: Session, cookie: str, *, now_ns: int) -> Who | None:
    """Whoever the cookie belongs to, None when its session is over."""
    row = session.get(SignIn, digest_of(cookie))
    if row is None or row.user.disabled or now_ns - row.seen_ns > IDLE_NS or now_ns - row.begun_ns > LIFE_NS:
        return None
    user = row.user
    return Who(user.login, user.name, user.role, user.lang, row.csrf, MAY[user.role])


def seen(session: Session, cookie: str, *, now_ns: int) -> None:
    """Keep a session alive; written at most once a minute."""
    row = session.get(SignIn, digest_of(cookie))
    if row is not None and now_ns - row.seen_ns > _SEEN_EVERY_NS:
        row.seen_ns = now_ns


def sign_out(session: Session, cookie: str, *, now_ns: int) -> None:
    """End a session; one that is over already stays so."""
    row = session.get(SignIn, digest_of(cookie))
    if row is not None:
        session.delete(row)
        note(session, now_ns, row.user.login, "signed-out")


def _user(session: Session, login: str) -> User:
    user = session.scalar(select(User).where(User.login == login.strip().lower()))
    if user is None:
        raise Refused(f"login {login!r}: there is no such user", "no-user", login=login)
    return user


def _hashed(password: str) -> str:
    if len(password) < MIN_PASSWORD:
        what = f"password of {len(password)} characters, expected at least {MIN_PASSWORD}"
        raise Refused(what, "short", n=len(password), least=MIN_PASSWORD)
    return _hasher.hash(password)


def _is_right(hashed: str, password: str) -> bool:
    try:
        return _hasher.verify(hashed, password)
    except (Argon2Error, InvalidHashError):
        return False


def digest_of(secret: str) -> bytes:
    """What is stored of a cookie or token."""
    return hashlib.sha256(secret.encode()).digest()
