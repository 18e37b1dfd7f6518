"""What workers tell by telephone: tables."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from sqlalchemy import Date, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from hub.database import Base, Key, Moment, choice
from hub.duties import models as _duties  # noqa: F401 - the table that leave is of
from hub.registry.models import Person, Visit


class WorkerLink(Base):
    """The version of a person's personal link; who has no row has the first one."""

    __tablename__ = "worker_links"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    version: Mapped[int] = mapped_column(default=1)


class Concern(StrEnum):
    """How much a declaration is worth a look."""

    NONE = "none"
    NOTE = "note"
    """Journeys or gatherings: for the file."""
    CALL = "call"
    """Has met somebody ill, or was in a listed area: not to come before the safety officer has spoken to them."""
    ILL = "ill"
    """Not to come, and to see a doctor."""


class Declaration(Base):
    """What somebody declared about their health on a day. Nothing is overwritten: one may declare again.

    `settled_ns` is when somebody looked into it and let the person come again.
    """

    __tablename__ = "declarations"
    __table_args__ = (Index("ix_declarations_of_day", "day", "person_id", "concern"),)
    id: Mapped[Key]
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    day: Mapped[date] = mapped_column(Date)
    at_ns: Mapped[Moment]
    temperature_c: Mapped[float | None]
    symptoms: Mapped[str] = mapped_column(String(120), default="")
    """Codes with commas, of `hub.forms.health.SYMPTOMS`."""
    told: Mapped[str] = mapped_column(String(200), default="")
    """In their own words."""
    travelled: Mapped[str] = mapped_column(String(200), default="")
    gathered: Mapped[str] = mapped_column(String(200), default="")
    contact: Mapped[str] = mapped_column(String(200), default="")
    concern: Mapped[Concern] = mapped_column(choice(Concern), index=True)
    by: Mapped[str] = mapped_column(String(60))
    settled_ns: Mapped[Moment | None]
    settled_by: Mapped[str] = mapped_column(String(60), default="")
    settled_note: Mapped[str] = mapped_column(String(200), default="")
    person: Mapped[Person] = relationship()


class LeaveConfirmed(Base):
    """HR has seen an absence that was said by telephone."""

    __tablename__ = "leave_confirmed"
    absence_id: Mapped[int] = mapped_column(ForeignKey("absences.id"), primary_key=True)
    by: Mapped[str] = mapped_column(String(60))
    at_ns: Mapped[Moment]


class Decision(StrEnum):
    """What the site said of a visitor who filled in the form."""

    APPROVED = "approved"
    REFUSED = "refused"


class Invitation(Base):
    """A visit that a host asks for: the visitor fills in the form behind its link, and somebody decides.

    `filled_ns` is when the form was filled in last, `visit_id` the visit that came of it.
    """

    __tablename__ = "invitations"
    id: Mapped[Key]
    host_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"), index=True)
    from_ns: Mapped[Moment]
    until_ns: Mapped[Moment] = mapped_column(index=True)
    made_ns: Mapped[Moment]
    made_by: Mapped[str] = mapped_column(String(60))
    name: Mapped[str] = mapped_column(String(80), default="")
    telephone: Mapped[str] = mapped_column(String(40), default="")
    company: Mapped[str] = mapped_column(String(80), default="")
    reason: Mapped[str] = mapped_column(String(200), default="")
    plate: Mapped[str] = mapped_column(String(20), default="")
    travelled: Mapped[str] = mapped_column(String(200), default="")
    contact: Mapped[str] = mapped_column(String(200), default="")
    filled_ns: Mapped[Moment | None]
    decision: Mapped[Decision | None] = mapped_column(choice(Decision))
    decided_ns: Mapped[Moment | None]
    decided_by: Mapped[str] = mapped_column(String(60), default="")
    visit_id: Mapped[int | None] = mapped_column(ForeignKey("visits.id"), index=True)
    host: Mapped[Person | None] = relationship()
    visit: Mapped[Visit | None] = relationship()
