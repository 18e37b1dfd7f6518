"""When the daily report is sent, and to whom (`[report]` in `hub.toml`)."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from msgspec import Meta, Struct

from hub.alerts.channels.mail import Address
from hub.alerts.oncall import DayTime

Format = Literal["pdf", "xlsx"]


class ReportSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The report of a day is sent `at` this time of that day, or of the next where `of` is yesterday, by the mail
    server of the channel of that name (kind smtp), to `to` or else to whom the channel writes."""

    at: DayTime
    channel: Annotated[str, Meta(min_length=1)]
    of: Literal["today", "yesterday"] = "today"
    to: list[Address] = []
    lang: Literal["zh", "en"] = "zh"
    formats: tuple[Format, ...] = ("pdf", "xlsx")

    def time(self) -> dt.time:
        return dt.time.fromisoformat(self.at)

    def days_after(self) -> int:
        """How many days after its day a report is sent."""
        return 0 if self.of == "today" else 1
