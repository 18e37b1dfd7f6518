"""Releases, and how far each is with the gates: tables."""

from __future__ import annotations

from sqlalchemy import LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Base, Key, Moment


class Release(Base):
    """One that the hub has: the manifest as it was signed. Its wheels are files (`hub.releases.shelf`)."""

    __tablename__ = "releases"
    id: Mapped[Key]
    serial: Mapped[Moment] = mapped_column(unique=True)
    version: Mapped[str] = mapped_column(String(40))
    envelope: Mapped[bytes] = mapped_column(LargeBinary)
    added_ns: Mapped[Moment]
    added_by: Mapped[str] = mapped_column(String(60))


class Rollout(Base):
    """A wish of all gates, or some, in waves; the newest counts. `good_ns` is since when its waves up to now work."""

    __tablename__ = "rollouts"
    id: Mapped[Key]
    serial: Mapped[Moment]
    wish: Mapped[str] = mapped_column(String(16))
    waves: Mapped[str] = mapped_column(String(200))
    gates: Mapped[str] = mapped_column(Text)
    """Only these, with commas; empty means all."""
    soak_s: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    why: Mapped[str] = mapped_column(String(400), default="")
    wave: Mapped[int]
    good_ns: Mapped[Moment | None]
    begun_ns: Mapped[Moment]
    begun_by: Mapped[str] = mapped_column(String(60))


class GateOffer(Base):
    """What a gate is told to do with its program, and how that ended. Numbers of a gate only grow."""

    __tablename__ = "gate_offers"
    id: Mapped[Key]
    gate: Mapped[str] = mapped_column(String(32), unique=True)
    number: Mapped[Moment]
    wish: Mapped[str] = mapped_column(String(16))
    serial: Mapped[Moment]
    rollout_id: Mapped[Moment]
    offered_ns: Mapped[Moment]
    outcome: Mapped[str] = mapped_column(String(16), default="")
    """`works`, `failed`, or how far it is, by its last word."""
    why: Mapped[str] = mapped_column(String(400), default="")
