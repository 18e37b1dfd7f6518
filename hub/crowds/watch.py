"""Tells of crowds and of teams that eat in others' time.

A look takes the days that new moves touch and says what all moves of those days amount to; what is no more than what
was said before changes nothing (`AlertStore.tell`). So the order in which gates are heard makes no difference, and a
hub that stops between telling and noting that it told says the same again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from time import time_ns

import structlog
from sqlalchemy import select

from hub.alerts.desk import AlertDesk
from hub.alerts.rules import Rule, RuleSettings, Signal
from hub.board import AlertRow
from hub.crowds.counting import limits_of
from hub.crowds.desk import Canteen, Checkpoint, CrowdDesk
from hub.crowds.meals import Meal
from hub.registry.models import Team
from hub.watching import keep_looking

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 2.0


class CrowdWatch:
    """Watches one site."""

    def __init__(
        self,
        site: str,
        crowd_desk: CrowdDesk,
        alerts: AlertDesk,
        rules: RuleSettings | None = None,
        now_ns: Callable[[], int] = time_ns,
    ) -> None:
        self._site = site
        self._desk = crowd_desk
        self._alerts = alerts
        self._rules = rules or RuleSettings()
        self._now_ns = now_ns
        self._settled: date | None = None

    async def keep(self) -> None:
        """Until cancelled."""
        await keep_looking(self.look, LOOK_EVERY_S, "crowds cannot be told of")

    async def look(self) -> None:
        """Tell of what is new, and of what is over. Raises `JournalError`, `DatabaseError`."""
        now_ns = self._now_ns()
        await self._settle(now_ns)
        news = await self._desk.moves.news()
        signals: list[Signal] = []
        canteens = {place.name: place for place in await self._desk.canteens()} if news.times else {}
        for at, times in news.times.items():
            for day in self._days(at, times):
                signals += crowd_signals(self._site, await self._desk.checkpoint(at, day, now_ns))
                if at in canteens:
                    found = await self._desk.canteen(canteens[at], day)
                    signals += await self._meal_signals(found, day)
        await self._tell([signal for signal in signals if signal.rule not in self._rules.off])
        if news.times:
            await self._desk.moves.told(news.offset)
        await self._tell(await self._over(now_ns))

    async def _settle(self, now_ns: int) -> None:
        """When a day begins, and when the hub does: yesterday and today are worked out before somebody asks."""
        today = self._desk.local(now_ns).date()
        if self._settled != today:
            await self._desk.settle([today - timedelta(days=1), today], now_ns)
            self._settled = today

    def _days(self, at: str, times_ns: Iterable[int]) -> list[date]:
        """The days on which these moves may count."""
        spans = (
            [limit.span_ns for limit in limits_of(self._desk.checkpoints[at])] if at in self._desk.checkpoints else []
        )
        days = {self._desk.local(time_ns + after_ns).date() for time_ns in times_ns for after_ns in (0, *spans)}
        return sorted(days)

    async def _meal_signals(self, found: Canteen, day: date) -> list[Signal]:
        query = select(Team.id, Team.name)
        names = await self._desk.database.read(lambda session: dict(session.execute(query).all()))
        return meal_signals(self._site, found, day, names, self._desk.meals.tell_from)

    async def _tell(self, signals: list[Signal]) -> None:
        if signals:
            await self._alerts.ask(lambda store, now_ns: store.tell(signals, now_ns))

    async def _over(self, now_ns: int) -> list[Signal]:
        """Crowds that have gone, and days that are past."""
        today = self._desk.local(now_ns).date()
        rows = [row for row in self._alerts.open if row.rule in {Rule.CROWDING, Rule.OUT_OF_SLOT}]
        over = []
        for row in rows:
            if row.rule == Rule.CROWDING:
                found = await self._desk.checkpoint(row.gate, today, now_ns)
                is_over = all(one.now <= one.limit.most for one in found.limits if f"/{one.limit.kind}/" in row.key)
            else:
                is_over = f"/{today.isoformat()}/" not in row.key
            if is_over:
                over.append(_end_of(row, now_ns))
        return over


def crowd_signals(site: str, found: Checkpoint) -> list[Signal]:
    """Each hour in which a checkpoint was crowded. Pure."""
    return [
        Signal(
            key=f"{Rule.CROWDING}/{site}/{found.at}/{crowd.kind}/{crowd.hour}",
            rule=Rule.CROWDING,
            site=site,
            gate=found.at,
            time_ns=crowd.since_ns,
            newest_ns=crowd.peak_ns,
            detail=f"{crowd.peak} > {crowd.most}",
            total=crowd.peak,
        )
        for limit in found.limits
        for crowd in limit.crowds
    ]


def meal_signals(site: str, found: Canteen, day: date, names: dict[int, str], tell_from: int) -> list[Signal]:
    """Each team of which so many came to the canteen in others' time that day. Pure."""
    return [
        Signal(
            key=f"{Rule.OUT_OF_SLOT}/{site}/{found.place.name}/{day.isoformat()}/{team}",
            rule=Rule.OUT_OF_SLOT,
            site=site,
            gate=found.place.name,
            time_ns=meals.first_ns,
            newest_ns=meals.last_ns,
            detail=names.get(team or 0, ""),
            total=meals.people[Meal.OUT_OF_SLOT],
        )
        for team, meals in found.teams.items()
        if meals.people[Meal.OUT_OF_SLOT] >= tell_from
    ]


def _end_of(row: AlertRow, now_ns: int) -> Signal:
    return Signal(key=row.key, rule=Rule(row.rule), site=row.site, gate=row.gate, time_ns=now_ns, firing=False)
