"""双隔离, 双测 and 六个必消 as the site answers for them: tables."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from sqlalchemy import Date, ForeignKey, String, Text, UniqueConstraint
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
    source_id: Mapped[int | None] = mapped_column(ForeignKey("cases.id"), index=True)
    """The case whose contact this is."""
    alert_key: Mapped[str | None] = mapped_column(String(200), unique=True)
    """Of the alert that opened it: the same alert twice is one case."""
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


class Correction(Base):
    """双测: a person vouches for a measurement that no gate reported, with a reason (`slot` 1 or 2 of the day)."""

    __tablename__ = "corrections"
    __table_args__ = (UniqueConstraint("person_id", "day", "slot"),)
    id: Mapped[Key]
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    day: Mapped[date] = mapped_column(Date, index=True)
    slot: Mapped[int]
    body_c: Mapped[float | None]
    reason: Mapped[str] = mapped_column(String(200))
    by: Mapped[str] = mapped_column(String(60))
    at_ns: Mapped[Moment]


class Half(StrEnum):
    """When of the working day a place is disinfected (上班前, 下班后)."""

    BEFORE = "before"
    AFTER = "after"


class DisinfectionRound(Base):
    """六个必消: one place, one day, before or after work; tapped at the place's QR code or reported by a gate."""

    __tablename__ = "disinfection_rounds"
    __table_args__ = (UniqueConstraint("place_id", "day", "half"),)
    id: Mapped[Key]
    place_id: Mapped[int] = mapped_column(ForeignKey("places.id"), index=True)
    day: Mapped[date] = mapped_column(Date, index=True)
    half: Mapped[Half] = mapped_column(choice(Half))
    done_ns: Mapped[Moment]
    agent: Mapped[str] = mapped_column(String(80), default="")
    by: Mapped[str] = mapped_column(String(60))
    place: Mapped[Place] = relationship()
