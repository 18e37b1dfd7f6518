"""Users, sessions, tokens, and the chained record of what each saw and changed: tables."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import ForeignKey, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from hub.database import Base, Key, Moment, choice


class Role(StrEnum):
    """What somebody is at the plant; what each may do is one table (`hub.accounts.roles`)."""

    GUARD = "guard"
    HR = "hr"
    OFFICER = "officer"
    """Safety officer."""
    ONCALL = "oncall"
    ADMIN = "admin"
    AUDITOR = "auditor"


class User(Base):
    """Somebody who may sign in. `password` is an argon2 hash; empty where only OIDC lets them in."""

    __tablename__ = "users"
    id: Mapped[Key]
    login: Mapped[str] = mapped_column(String(60), unique=True)
    name: Mapped[str] = mapped_column(String(80))
    role: Mapped[Role] = mapped_column(choice(Role))
    password: Mapped[str] = mapped_column(String(200), default="")
    subject: Mapped[str | None] = mapped_column(String(200), unique=True)
    """Of the OIDC provider."""
    lang: Mapped[str] = mapped_column(String(2), default="")
    disabled: Mapped[bool] = mapped_column(default=False)
    created_ns: Mapped[Moment]


class SignIn(Base):
    """A browser's session; `digest` is of the cookie, which only the browser has."""

    __tablename__ = "sign_ins"
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    csrf: Mapped[str] = mapped_column(String(64))
    begun_ns: Mapped[Moment]
    seen_ns: Mapped[Moment]
    user: Mapped[User] = relationship()


class ApiToken(Base):
    """A program's key to the API; `digest` is of the token, which is shown once.

    It is good for its `permissions` (by name, with spaces between) that its owner has at the time; one that the command
    line made has no owner.
    """

    __tablename__ = "api_tokens"
    id: Mapped[Key]
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    name: Mapped[str] = mapped_column(String(60), unique=True)
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), index=True)
    permissions: Mapped[str] = mapped_column(String(200))
    made_by: Mapped[str] = mapped_column(String(60))
    made_ns: Mapped[Moment]
    until_ns: Mapped[Moment | None]
    used_ns: Mapped[Moment | None]
    revoked_ns: Mapped[Moment | None]
    owner: Mapped[User | None] = relationship()


class AuditEntry(Base):
    """Who saw or changed what about whom. Append-only: `digest` is of the entry and the digest before it."""

    __tablename__ = "audit"
    id: Mapped[Key]
    at_ns: Mapped[Moment] = mapped_column(index=True)
    who: Mapped[str] = mapped_column(String(60), index=True)
    action: Mapped[str] = mapped_column(String(60))
    subject: Mapped[str] = mapped_column(String(80), index=True)
    """What kind of thing and which: `person 17`, `case 3`; empty where it is about none."""
    detail: Mapped[str] = mapped_column(Text)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
