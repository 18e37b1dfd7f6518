"""Daily reports as they were sent: a table."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Date, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Base, Moment


class ReportMail(Base):
    """The report of a day, made once and tried until a mail server takes it. `body` are its figures, as JSON and
    without names: what is sent late is what was made then."""

    __tablename__ = "report_mails"
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    made_ns: Mapped[Moment]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    tries: Mapped[int] = mapped_column(default=0)
    next_ns: Mapped[Moment]
    sent_ns: Mapped[Moment | None]
    error: Mapped[str] = mapped_column(String(400), default="")
