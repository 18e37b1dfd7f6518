"""Enrolments and the gates' certificates: tables."""

from __future__ import annotations

from sqlalchemy import LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Base, Key, Moment


class Enrolment(Base):
    """A one-time code that was made for a gate. `secret` is derived from the code (`wire.enrolment.key_of`), which only
    the person who carries it has; it is forgotten at `until_ns`, and once used answers for the same key only."""

    __tablename__ = "enrolments"
    id: Mapped[Key]
    gate: Mapped[str] = mapped_column(String(32), unique=True)
    secret: Mapped[bytes] = mapped_column(LargeBinary(32))
    made_ns: Mapped[Moment]
    made_by: Mapped[str] = mapped_column(String(60))
    until_ns: Mapped[Moment]
    used_ns: Mapped[Moment | None]
    key_digest: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    """SHA-256 of the public key that was granted its certificate."""


class GateCertificate(Base):
    """A certificate that the site's authority gave to a gate."""

    __tablename__ = "gate_certificates"
    id: Mapped[Key]
    gate: Mapped[str] = mapped_column(String(32), index=True)
    serial: Mapped[str] = mapped_column(String(40), unique=True)
    """In hexadecimal digits, as certificates show it."""
    pem: Mapped[str] = mapped_column(Text)
    issued_ns: Mapped[Moment]
    until_ns: Mapped[Moment]
    revoked_ns: Mapped[Moment | None]
    revoked_by: Mapped[str] = mapped_column(String(60), default="")
    revoked_why: Mapped[str] = mapped_column(String(200), default="")
