"""Notices, and who has seen them: tables."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from hub.database import Base, Key, Moment, choice
from hub.registry.models import Team


class Audience(StrEnum):
    """For whom a notice is."""

    SITE = "site"
    """All gates and all telephones."""
    TEAM = "team"
    """The telephones of a team."""
    GATES = "gates"
    """The screens and speakers of some gates."""


class NoticeRow(Base):
    """One notice, from `from_ns` to before `until_ns` or until it was withdrawn. `gates` are names with commas."""

    __tablename__ = "notices"
    id: Mapped[Key]
    audience: Mapped[Audience] = mapped_column(choice(Audience))
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"), index=True)
    gates: Mapped[str] = mapped_column(String(400), default="")
    zh: Mapped[str] = mapped_column(String(500), default="")
    en: Mapped[str] = mapped_column(String(500), default="")
    speech: Mapped[str] = mapped_column(String(32), default="")
    every_min: Mapped[int] = mapped_column(default=0)
    picture: Mapped[bytes | None] = mapped_column(LargeBinary)
    from_ns: Mapped[Moment]
    until_ns: Mapped[Moment] = mapped_column(index=True)
    by: Mapped[str] = mapped_column(String(60))
    made_ns: Mapped[Moment]
    withdrawn_ns: Mapped[Moment | None]
    team: Mapped[Team | None] = relationship()


class Receipt(Base):
    """Somebody said on their telephone that they have read a notice."""

    __tablename__ = "notice_receipts"
    notice_id: Mapped[int] = mapped_column(ForeignKey("notices.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True, index=True)
    at_ns: Mapped[Moment]
