"""Which token key the register goes by, and which each gate does: two tables. No key stands in them."""

from __future__ import annotations

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Base, Key, Moment


class TokenKey(Base):
    """A key that the site changed to. The row with the highest `version` is the one that the register goes by;
    `finished_ns` is when gates forgot the tokens under the key before it."""

    __tablename__ = "token_keys"
    id: Mapped[Key]
    version: Mapped[Moment] = mapped_column(unique=True)
    fingerprint: Mapped[str] = mapped_column(String(40))
    since_ns: Mapped[Moment]
    set_by: Mapped[str] = mapped_column(String(60))
    finished_ns: Mapped[Moment | None]


class GateTokenKey(Base):
    """By which key a gate said last that it works."""

    __tablename__ = "gate_token_keys"
    id: Mapped[Key]
    gate: Mapped[str] = mapped_column(String(32), unique=True)
    fingerprint: Mapped[str] = mapped_column(String(40))
    since_ns: Mapped[Moment]
