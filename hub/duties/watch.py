"""Tells of the day's duties: missed checks to the alerts, the day's figures to the time series."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import date, timedelta
from datetime import time as clock
from typing import Protocol

import structlog

from hub.alerts.desk import AlertDesk
from hub.alerts.rules import Rule, Signal
from hub.duties.desk import DutyDesk
from hub.duties.missing import missed
from hub.duties.points import DAILY, HOURLY, OFF_DAILY, emptied, points_of
from hub.standings.points import HOUR_NS, Point
from hub.watching import keep_looking
from wire.errors import DatabaseError, JournalError

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 20.0
SWEPT_DAYS = 31
"""So many days are told again each night: a card that is registered late, or leave that is entered late, changes days
that are over."""


class Kept(Protocol):
    """Where points are kept. May raise `JournalError`."""

    async def between(self, name: str, from_ns: int, until_ns: int) -> list[Point]:
        """The points of a measurement from one moment to before another."""


class DutyWatch:
    """Looks at the rolls of yesterday and today. `off`: rules that nobody wants. `caught_up`: whether all measurements
    in the journal are counted."""

    def __init__(
        self,
        desk: DutyDesk,
        alerts: AlertDesk,
        kept: Kept,
        site: str,
        off: Sequence[Rule],
        caught_up: Callable[[], Awaitable[bool]],
        kept_days: int = 365,
    ) -> None:
        """`kept_days`: for so long all is there of which the figures are made."""
        self._desk = desk
        self._alerts = alerts
        self._kept = kept
        self._site = site
        self._is_off = Rule.MISSED_CHECKS in off
        self._caught_up = caught_up
        self._kept_days = kept_days
        self._older: dict[date, None] = {}
        self._swept: date | None = None

    @property
    def waits(self) -> bool:
        """Whether days before yesterday have figures that are still to be told."""
        return bool(self._older)

    async def run(self) -> None:
        """Tell the alerts what is missed, until cancelled."""
        await keep_looking(self.look, LOOK_EVERY_S, "missed checks cannot be told")

    async def look(self) -> None:
        """Nobody is missed before everything that is known is counted. Raises `DatabaseError`, `JournalError`."""
        if self._is_off or not await self._caught_up():
            return
        signals: list[Signal] = []
        for day in self._days():
            book = await self._desk.book(day)
            signals += missed(book, self._desk.rules, self._site, self._desk.office.now_ns())
        await self._alerts.ask(lambda store, now_ns: store.missed(signals, now_ns))

    async def account(self, now_ns: int) -> Sequence[Point]:
        """The figures as points: of today, yesterday, and one of the days before that have changed. Raises
        `JournalError`."""
        days = [*self._days(), *await self._one_older()]
        try:
            points: list[Point] = []
            for day in days:
                book = await self._desk.book(day)
                points += points_of(book, self._site, now_ns, self._desk.office.moment_ns(day, clock.min))
        except DatabaseError as error:
            raise JournalError(str(error)) from error
        for day in days:
            self._older.pop(day, None)
        return [*points, *emptied(await self._known(now_ns, days), points)]

    async def _one_older(self) -> list[date]:
        """The next day that is to be told again; none before all measurements are counted, for it would lose some."""
        if not await self._caught_up():
            return []
        today, yesterday = self._desk.today(), self._days()[0]
        if self._swept is None:
            self._swept = today  # a start changes nothing
        if self._swept != today:
            self._swept = today
            swept = [today - timedelta(days=ago) for ago in range(2, SWEPT_DAYS)]
            self._older |= dict.fromkeys(day for day in swept if day >= self._kept_from(today))
        late = [day for day in sorted(self._desk.late) if self._kept_from(today) <= day < yesterday]
        self._desk.late.clear()
        self._older = dict.fromkeys(late) | self._older
        return list(self._older)[:1]

    def _kept_from(self, today: date) -> date:
        """The first day whose measurements are all there: before it they are erased, and the figures stay."""
        return today - timedelta(days=self._kept_days - 1)

    async def _known(self, now_ns: int, asked: Sequence[date]) -> list[Point]:
        hour_ns = now_ns - now_ns % HOUR_NS
        days = [self._desk.office.moment_ns(day, clock.min) for day in asked]
        spans = [(HOURLY.name, hour_ns), *((name, day_ns) for name in (DAILY.name, OFF_DAILY.name) for day_ns in days)]
        known: list[Point] = []
        for name, start_ns in spans:
            known += await self._kept.between(name, start_ns, start_ns + 1)
        return known

    def _days(self) -> list[date]:
        today = self._desk.today()
        return [today - timedelta(days=1), today]
