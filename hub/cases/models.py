"""双隔离 as the site answers for it: tables."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from sqlalchemy import Date, ForeignKey, Index, String, Text, text
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
    MISTAKE = "mistake"
    CLEARED = "cleared"
    """A contact thermometer found no fever soon after the camera had; by `hub.cases.rule`, never chosen by hand."""


class Case(Base):
    """One person's isolation; open while `closed_ns` is None. Day 1 is `opened_on`: the day of the fever, of the return
    from elsewhere, or of opening by hand.

    `reported_ns` is when it was reported to the district headquarters, `grid_ns` when it was entered in the local grid.
    Where `hospital` names one the person is there, still isolated, and in no place of the site.
    """

    __tablename__ = "cases"
    __table_args__ = (
        Index(
            "one_open_case",
            "person_id",
            unique=True,
            sqlite_where=text("closed_ns IS NULL"),
            postgresql_where=text("closed_ns IS NULL"),
        ),
    )
    id: Mapped[Key]
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    cause: Mapped[Cause] = mapped_column(choice(Cause))
    days: Mapped[int] = mapped_column(default=14)
    place_id: Mapped[int | None] = mapped_column(ForeignKey("places.id"), index=True)
    placed_ns: Mapped[Moment | None]
    """Since when they are in the place or the hospital."""
    hospital: Mapped[str] = mapped_column(String(80), default="")
    contact_of_id: Mapped[int | None] = mapped_column(ForeignKey("cases.id"), index=True)
    """The case whose contact this person is."""
    opened_on: Mapped[date] = mapped_column(Date)
    """The site's day that is day 1."""
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
    contact_of: Mapped[Case | None] = relationship(remote_side="Case.id")
    signs: Mapped[list[Sign]] = relationship(back_populates="case", order_by="Sign.time_ns")
    readings: Mapped[list[CaseReading]] = relationship(
        back_populates="case", cascade="all, delete-orphan", order_by="CaseReading.at_ns"
    )
    stays: Mapped[list[CaseStay]] = relationship(
        back_populates="case", cascade="all, delete-orphan", order_by="CaseStay.from_ns, CaseStay.id"
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


class CaseStay(Base):
    """Where somebody in isolation was from a moment on, until a later one: what makes a past day's figures stay as they
    were. Without a place and not in hospital they were nowhere. `hospital` is its name; that they were in one stays."""

    __tablename__ = "case_stays"
    id: Mapped[Key]
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), index=True)
    from_ns: Mapped[Moment]
    place_id: Mapped[int | None] = mapped_column(ForeignKey("places.id"))
    in_hospital: Mapped[bool] = mapped_column(default=False)
    hospital: Mapped[str] = mapped_column(String(80), default="")
    case: Mapped[Case] = relationship(back_populates="stays")
    place: Mapped[Place | None] = relationship()


class SignKind(StrEnum):
    """What a temperature says."""

    FEVER = "fever"
    """A camera's."""
    CONFIRMED = "confirmed"
    """A contact thermometer shows a fever."""
    NORMAL = "normal"
    """A contact thermometer shows none."""


class Sign(Base):
    """A fever at a gate, or a contact thermometer's reading there, as the journal tells it.

    `source` is its place in its gate's stream, so that a replay finds it known; `alert_key` names the alert that it
    made. Without `person_id` nobody knows whose it is: somebody names the person, or says why not (`settled_ns`).
    """

    __tablename__ = "signs"
    id: Mapped[Key]
    source: Mapped[str] = mapped_column(String(200), unique=True)
    kind: Mapped[SignKind] = mapped_column(choice(SignKind))
    time_ns: Mapped[Moment] = mapped_column(index=True)
    received_ns: Mapped[Moment]
    gate: Mapped[str] = mapped_column(String(32))
    lane: Mapped[str] = mapped_column(String(32))
    passage: Mapped[str] = mapped_column(String(64), default="", index=True)
    badge: Mapped[str | None] = mapped_column(String(64), index=True)
    measured_c: Mapped[float | None]
    """Of the skin by a camera, of the body by a contact thermometer."""
    by: Mapped[str] = mapped_column(String(64), default="")
    alert_key: Mapped[str] = mapped_column(String(240), default="", index=True)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"), index=True)
    case_id: Mapped[int | None] = mapped_column(ForeignKey("cases.id"), index=True)
    settled_ns: Mapped[Moment | None]
    settled_by: Mapped[str] = mapped_column(String(60), default="")
    settled_why: Mapped[str] = mapped_column(String(400), default="")
    case: Mapped[Case | None] = relationship(back_populates="signs")
    person: Mapped[Person | None] = relationship()


class Cursor(Base):
    """How far a projection has read that keeps its effects here."""

    __tablename__ = "cursors"
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    offset: Mapped[Moment]
