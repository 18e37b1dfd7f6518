"""Who and what is registered, as HR and the guards know it: tables.

Names and telephone numbers are here and nowhere else (DESIGN: identity and privacy). What a gate may know of a person
or a vehicle, a token and what it may do, is derived (`hub.registry.entries`).
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from sqlalchemy import Date, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from hub.database import Base, Key, Moment, choice


class PersonKind(StrEnum):
    EMPLOYEE = "employee"
    CONTRACTOR = "contractor"
    VISITOR = "visitor"


class PlaceKind(StrEnum):
    """The places of 六个必消, and the isolation place of 双隔离."""

    WORKSHOP = "workshop"
    OFFICE = "office"
    DORMITORY = "dormitory"
    CANTEEN = "canteen"
    ISOLATION = "isolation"
    COMMUTER = "commuter"
    """A commuter vehicle."""


class Shift(Base):
    """Working hours, in minutes of the site's day; one that ends before it begins goes over midnight."""

    __tablename__ = "shifts"
    id: Mapped[Key]
    name: Mapped[str] = mapped_column(String(60), unique=True)
    from_min: Mapped[int]
    to_min: Mapped[int]


class Team(Base):
    """班组: the order makes responsibility reach down to it; `grid` (网格) is the local grid that it is reported to."""

    __tablename__ = "teams"
    id: Mapped[Key]
    name: Mapped[str] = mapped_column(String(60), unique=True)
    grid: Mapped[str] = mapped_column(String(60), default="")
    leader: Mapped[str] = mapped_column(String(60), default="")
    shift_id: Mapped[int | None] = mapped_column(ForeignKey("shifts.id"), index=True)
    meal_slot: Mapped[str] = mapped_column(String(60), default="")
    """错时用餐: when the team eats, as `11:30-12:00`; several with commas."""
    shift: Mapped[Shift | None] = relationship()


class Person(Base):
    """One person. `number` is HR's (or the visit's); `origin` where somebody came back from, and when (`returned_on`).

    `exempt` says why somebody may enter before the site's resumption. An erased person keeps the row, for statistics,
    without anything that names them.
    """

    __tablename__ = "people"
    id: Mapped[Key]
    number: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(80), index=True)
    kind: Mapped[PersonKind] = mapped_column(choice(PersonKind), default=PersonKind.EMPLOYEE, index=True)
    telephone: Mapped[str] = mapped_column(String(40), default="")
    company: Mapped[str] = mapped_column(String(80), default="")
    emergency_contact: Mapped[str] = mapped_column(String(120), default="")
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"), index=True)
    shift_id: Mapped[int | None] = mapped_column(ForeignKey("shifts.id"), index=True)
    """A shift of one's own; without it the team's."""
    grid: Mapped[str] = mapped_column(String(60), default="")
    origin: Mapped[str] = mapped_column(String(80), default="")
    returned_on: Mapped[date | None] = mapped_column(Date)
    exempt: Mapped[str] = mapped_column(String(120), default="")
    gates: Mapped[str] = mapped_column(String(400), default="")
    """Gates where the person is allowed, with commas; empty means all."""
    active: Mapped[bool] = mapped_column(default=True, index=True)
    created_ns: Mapped[Moment]
    changed_ns: Mapped[Moment]
    erased_ns: Mapped[Moment | None]
    team: Mapped[Team | None] = relationship()
    shift: Mapped[Shift | None] = relationship()
    badges: Mapped[list[Badge]] = relationship(back_populates="person", cascade="all, delete-orphan")

    @property
    def works(self) -> Shift | None:
        """The shift that counts."""
        return self.shift or (self.team.shift if self.team else None)


class BadgeKey(StrEnum):
    """Under which key of the site a badge's token is (`hub.registry.rekeying`)."""

    NOW = "now"
    OLD = "old"
    """The one before, which some gates still have."""
    PAST = "past"
    """One that no gate has any more: for what was told of the badge then."""


class Badge(Base):
    """A card, or the QR code of a visitor; `token` is what gates know of it.

    A card has a row for each of the site's keys that it had a token under.
    """

    __tablename__ = "badges"
    id: Mapped[Key]
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    number: Mapped[str] = mapped_column(String(80))
    token: Mapped[str] = mapped_column(String(64), unique=True)
    from_ns: Mapped[Moment | None]
    until_ns: Mapped[Moment | None]
    held_from_ns: Mapped[Moment | None]
    """Since when it is theirs, where it was another's before (`hub.registry.holdings`)."""
    key: Mapped[BadgeKey] = mapped_column(choice(BadgeKey), default=BadgeKey.NOW, server_default="now")
    person: Mapped[Person] = relationship(back_populates="badges")


class FormerBadge(Base):
    """A card that somebody had, from `from_ns` (None: since ever) to before `until_ns`; of nobody once erased, when
    instead of the token stands what only the token leads to, and no number.

    A card has a row for each of the site's keys that it had a token under, as far as its number is known.
    """

    __tablename__ = "former_badges"
    id: Mapped[Key]
    token: Mapped[str] = mapped_column(String(64), index=True)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"), index=True)
    from_ns: Mapped[Moment | None]
    until_ns: Mapped[Moment]
    number: Mapped[str | None] = mapped_column(String(80))


class Vehicle(Base):
    """One vehicle, by its plate; a UHF tag where it has one."""

    __tablename__ = "vehicles"
    id: Mapped[Key]
    plate: Mapped[str] = mapped_column(String(20), unique=True)
    plate_token: Mapped[str] = mapped_column(String(64), unique=True)
    tag: Mapped[str] = mapped_column(String(80), default="")
    tag_token: Mapped[str | None] = mapped_column(String(64), unique=True)
    old_plate_token: Mapped[str | None] = mapped_column(String(64))
    old_tag_token: Mapped[str | None] = mapped_column(String(64))
    """Under the key before, which some gates still have."""
    owner: Mapped[str] = mapped_column(String(80), default="")
    telephone: Mapped[str] = mapped_column(String(40), default="")
    purpose: Mapped[str] = mapped_column(String(120), default="")
    commuter: Mapped[bool] = mapped_column(default=False)
    must_disinfect: Mapped[bool] = mapped_column(default=True)
    disinfected_until_ns: Mapped[Moment | None]
    from_ns: Mapped[Moment | None]
    until_ns: Mapped[Moment | None]
    created_ns: Mapped[Moment]
    changed_ns: Mapped[Moment]


class Place(Base):
    """A place that is disinfected, or where people are isolated; `name` stands in events and QR codes."""

    __tablename__ = "places"
    id: Mapped[Key]
    name: Mapped[str] = mapped_column(String(32), unique=True)
    title: Mapped[str] = mapped_column(String(80))
    kind: Mapped[PlaceKind] = mapped_column(choice(PlaceKind), index=True)
    capacity: Mapped[int] = mapped_column(default=0)
    """Of an isolation place: how many people it takes."""
    active: Mapped[bool] = mapped_column(default=True)


class Visit(Base):
    """A visitor's stay as the host announced it, with reason and host (双控)."""

    __tablename__ = "visits"
    id: Mapped[Key]
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    host_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"), index=True)
    host: Mapped[str] = mapped_column(String(80), default="")
    reason: Mapped[str] = mapped_column(String(200))
    by: Mapped[str] = mapped_column(String(60), default="")
    from_ns: Mapped[Moment]
    until_ns: Mapped[Moment]
    cancelled: Mapped[bool] = mapped_column(default=False)
    person: Mapped[Person] = relationship(foreign_keys=[person_id])


class ListedArea(Base):
    """An area from which returnees are isolated (疫情较重地区), by the site's list; it is part of a person's origin."""

    __tablename__ = "listed_areas"
    id: Mapped[Key]
    name: Mapped[str] = mapped_column(String(80), unique=True)
