"""复工 as the site answers for it: tables."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from sqlalchemy import Date, String
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Base, Key, Moment, choice


class Ground(StrEnum):
    """Why a site opens when it does."""

    DATE = "date"
    """On or after the day that the order names for all."""
    APPROVED = "approved"
    """Before it, approved by the local headquarters for important and urgent work."""
    ESSENTIAL = "essential"
    """Before it, as an enterprise that public services, the epidemic's control or people's lives need."""


class Item(StrEnum):
    """What the order asks for before work resumes, in its order."""

    COMMAND = "command"
    PLAN = "plan"
    RISKS = "risks"
    EMERGENCY = "emergency"
    STAFF = "staff"
    POSTS = "posts"
    ISOLATION = "isolation"
    EQUIPMENT = "equipment"
    SUPPLIES = "supplies"
    DISINFECTION = "disinfection"
    CANTEEN = "canteen"
    TEAMS = "teams"
    PUBLICITY = "publicity"


class Opening(Base):
    """One decision on when the site opens, at the beginning of its day `opens_on`; the newest counts."""

    __tablename__ = "openings"
    id: Mapped[Key]
    opens_on: Mapped[date] = mapped_column(Date)
    ground: Mapped[Ground] = mapped_column(choice(Ground))
    approved_by: Mapped[str] = mapped_column(String(120), default="")
    document: Mapped[str] = mapped_column(String(120), default="")
    """The number of the approval."""
    approved_on: Mapped[date | None] = mapped_column(Date)
    by: Mapped[str] = mapped_column(String(60))
    at_ns: Mapped[Moment]


class Readiness(Base):
    """One item of the checklist: who answers for it, whether it is done, and what shows that."""

    __tablename__ = "readiness"
    item: Mapped[Item] = mapped_column(choice(Item), primary_key=True)
    owner: Mapped[str] = mapped_column(String(60), default="")
    done: Mapped[bool] = mapped_column(default=False)
    evidence: Mapped[str] = mapped_column(String(400), default="")
    by: Mapped[str] = mapped_column(String(60))
    at_ns: Mapped[Moment]
