"""The settings that gates are to run: a table."""

from __future__ import annotations

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Base, Key, Moment


class GateSettings(Base):
    """What one gate is to run. Versions only grow; `text` is the settings file, empty for the gate's own."""

    __tablename__ = "gate_settings"
    id: Mapped[Key]
    gate: Mapped[str] = mapped_column(String(32), unique=True)
    version: Mapped[Moment]
    text: Mapped[str] = mapped_column(Text)
    set_ns: Mapped[Moment]
    set_by: Mapped[str] = mapped_column(String(60))
