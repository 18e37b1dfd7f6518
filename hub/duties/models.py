"""Who is away, and what else HR says about the days that people work: tables."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from sqlalchemy import Date, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from hub.database import Base, Key, Moment, choice
from hub.registry.models import Person


class AbsenceKind(StrEnum):
    """Why somebody does not come to work."""

    SICK = "sick"
    HOLIDAY = "holiday"
    BUSINESS = "business"
    """At work, but elsewhere (出差)."""
    OTHER = "other"


class Absence(Base):
    """Days on which somebody does not come, the first and the last included; without a last one until it is said.

    Symptoms and notes are health data: who reads them has the permission for that, and leaves a line in the record.
    One that was taken back keeps its row.
    """

    __tablename__ = "absences"
    id: Mapped[Key]
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    kind: Mapped[AbsenceKind] = mapped_column(choice(AbsenceKind))
    from_on: Mapped[date] = mapped_column(Date, index=True)
    until_on: Mapped[date | None] = mapped_column(Date, index=True)
    symptoms: Mapped[str] = mapped_column(String(200), default="")
    note: Mapped[str] = mapped_column(String(400), default="")
    said_ns: Mapped[Moment]
    said_by: Mapped[str] = mapped_column(String(60))
    """A user of the console; or the person themselves, on their telephone (`BY_TELEPHONE`)."""
    ended_by: Mapped[str] = mapped_column(String(60), default="")
    withdrawn_ns: Mapped[Moment | None]
    withdrawn_by: Mapped[str] = mapped_column(String(60), default="")
    person: Mapped[Person] = relationship()
