"""Who is away, and what else HR says about the days that people work: tables."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from sqlalchemy import BigInteger, Date, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from hub.database import Base, Key, Moment, choice
from hub.registry.models import Person, Shift, Team


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


class Rota(Base):
    """Whoever works a cycle of days from a date on, until a later rota of theirs: a team, or one person.

    `cycle` are numbers of shifts, 0 for a day of rest, with commas; seven of them are a week from Monday on.
    """

    __tablename__ = "rotas"
    id: Mapped[Key]
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"), index=True)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"), index=True)
    from_on: Mapped[date] = mapped_column(Date)
    cycle: Mapped[str] = mapped_column(String(400))
    said_ns: Mapped[Moment]
    said_by: Mapped[str] = mapped_column(String(60))
    team: Mapped[Team | None] = relationship()
    person: Mapped[Person | None] = relationship()


class DutyDay(Base):
    """One day that is otherwise than the rota says: of a person, of a team, or of the site where neither is named.

    Without a shift it is a day of rest.
    """

    __tablename__ = "duty_days"
    id: Mapped[Key]
    day: Mapped[date] = mapped_column(Date, index=True)
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"), index=True)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"), index=True)
    shift_id: Mapped[int | None] = mapped_column(ForeignKey("shifts.id"))
    note: Mapped[str] = mapped_column(String(120), default="")
    said_ns: Mapped[Moment]
    said_by: Mapped[str] = mapped_column(String(60))
    team: Mapped[Team | None] = relationship()
    person: Mapped[Person | None] = relationship()
    shift: Mapped[Shift | None] = relationship()


class Correction(Base):
    """What a person says about who was measured, with a reason: a measurement that no gate told of (on paper), or that
    one which a gate told of was of somebody else.

    It stands beside the journal and the projection, so that rebuilding the projection loses none.
    """

    __tablename__ = "corrections"
    id: Mapped[Key]
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    day: Mapped[date] = mapped_column(Date, index=True)
    """The day whose duty it belongs to; a night shift's is the day on which it began."""
    struck: Mapped[int | None] = mapped_column(BigInteger)
    """The offset in the journal of the measurement that was not this person's; None: a measurement is added."""
    at_ns: Mapped[Moment]
    body_c: Mapped[float | None]
    where: Mapped[str] = mapped_column(String(60), default="")
    why: Mapped[str] = mapped_column(String(200))
    said_ns: Mapped[Moment]
    said_by: Mapped[str] = mapped_column(String(60))
    withdrawn_ns: Mapped[Moment | None]
    withdrawn_by: Mapped[str] = mapped_column(String(60), default="")
    person: Mapped[Person] = relationship()


class ClosedDay(Base):
    """A day whose placements are kept. What changes after it is of another day, also where the hub starts anew."""

    __tablename__ = "closed_days"
    day: Mapped[date] = mapped_column(Date, primary_key=True)


class Placement(Base):
    """Where somebody belonged from a day on, until a later placement: what makes a past day's figures stay as they were
    when people change teams. Written when a day is over, for those who changed."""

    __tablename__ = "placements"
    id: Mapped[Key]
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    from_on: Mapped[date] = mapped_column(Date, index=True)
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"))
    shift_id: Mapped[int | None] = mapped_column(ForeignKey("shifts.id"))
    grid: Mapped[str] = mapped_column(String(60))
    active: Mapped[bool]
