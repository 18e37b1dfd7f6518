"""What the console knows of a place beyond its name: its code for telephones, and its own times: tables."""

from __future__ import annotations

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from hub.database import Base, Key
from hub.registry.models import Place, Vehicle


class RoundStop(Base):
    """A place or a commuter vehicle with the code that its QR picture carries, and its own times, with commas."""

    __tablename__ = "round_stops"
    id: Mapped[Key]
    place_id: Mapped[int | None] = mapped_column(ForeignKey("places.id"), unique=True)
    vehicle_id: Mapped[int | None] = mapped_column(ForeignKey("vehicles.id"), unique=True)
    code: Mapped[str] = mapped_column(String(32), unique=True)
    times: Mapped[str] = mapped_column(String(80), default="")
    place: Mapped[Place | None] = relationship()
    vehicle: Mapped[Vehicle | None] = relationship()
