"""双隔离 as the site answers for it: tables."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from sqlalchemy import Date, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from hub.database import Base, Key, Moment, choice
from hub.registry.models import Person, Place


class Cause(StrEnum):
    """Why somebody is isolated."""

    FEVER = "fever"
    RETURNEE = "returnee"
    CONTACT = "contact"
    SUSPECTED = "suspected"
    OTHER = "other"


class End(StrEnum):
    """How an isolation ended."""

    RELEASED = "released"
    """After all its days, well."""
    EARLY = "early"
    """Before, by somebody who answers for it."""
    HOSPITAL = "hospital"
    MISTAKE = "mistake"


class Case(Base):
    """One person's isolation, from `opened_ns`; open while `closed_ns` is None. Day 1 is the day of opening.

    `reported_ns` is when it was reported to the district headquarters, `grid_ns` when it was entered in the local grid.
    """

    __tablename__ = "cases"
    id: Mapped[Key]
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    cause: Mapped[Cause] = mapped_column(choice(Cause))
    days: Mapped[int] = mapped_column(default=14)
    place_id: Mapped[int | None] = mapped_column(ForeignKey("places.id"), index=True)
    opened_on: Mapped[date] = mapped_column(Date)
    """The site's day: day 1."""
    opened_ns: Mapped[Moment] = mapped_column(index=True)
    opened_by: Mapped[str] = mapped_column(String(60))
    reported_ns: Mapped[Moment | None]
    reported_by: Mapped[str] = mapped_column(String(60), default="")
    grid_ns: Mapped[Moment | None]
    closed_ns: Mapped[Moment | None] = mapped_column(index=True)
    closed_by: Mapped[str] = mapped_column(String(60), default="")
    end: Mapped[End | None] = mapped_column(choice(End))
    note: Mapped[str] = mapped_column(Text, default="")
    person: Mapped[Person] = relationship()
    place: Mapped[Place | None] = relationship()
    readings: Mapped[list[CaseReading]] = relationship(
        back_populates="case", cascade="all, delete-orphan", order_by="CaseReading.at_ns"
    )


class CaseReading(Base):
    """One of the two daily measurements of somebody in isolation."""

    __tablename__ = "case_readings"
    id: Mapped[Key]
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), index=True)
    at_ns: Mapped[Moment]
    body_c: Mapped[float]
    symptoms: Mapped[str] = mapped_column(String(200), default="")
    by: Mapped[str] = mapped_column(String(60))
    case: Mapped[Case] = relationship(back_populates="readings")
