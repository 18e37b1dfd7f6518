"""The rolls of the days that are asked for, in memory, and as new as the journal and the register.

    checks (projection) ── each measurement ──► rolls ◄── whom it touched ── office (people, cases, absences, rotas)

Today and yesterday are always there; another day is counted when it is asked for, from the same data: a roll holds
nothing that is not in the journal or the database, and nothing of badges that are nobody's. Everything is counted anew
from time to time and at midnight, for what was changed past the office (the command line).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Collection, Sequence
from datetime import date, time, timedelta
from functools import partial
from typing import NamedTuple, Protocol

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub.duties.muster import Day, Muster, close_day, muster, reach
from hub.duties.roll import Roll
from hub.duties.shifts import Hours
from hub.duties.standing import DutyRules, Off
from hub.projections.checks import Follower, Measured
from hub.registry.models import Person
from hub.registry.office import PeopleOffice, Touched, opens_on
from wire.errors import DatabaseError, JournalError

log = structlog.get_logger(__name__)

KEPT = 6
RELOAD_S = 600.0
RETRY_S = 2.0
_NEW_BADGES = 200
"""Of more badges that were nobody's before, measurements are not asked for by themselves."""
_DAY = timedelta(days=1)
_PEOPLE = select(func.count()).select_from(Person)


class Measurements(Protocol):
    """Where measurements come from. `measured` may raise `JournalError`."""

    followers: list[Follower]

    async def measured(self, from_ns: int, until_ns: int) -> list[Measured]:
        """Every measurement from one moment to before another."""

    async def measured_of(self, badges: Collection[str], from_ns: int, until_ns: int) -> list[Measured]:
        """Those of some badges."""


class Book(NamedTuple):
    """A day with what its numbers are called."""

    day: date
    today: date
    roll: Roll
    teams: dict[int, str]
    shifts: dict[int, Hours]
    reach: tuple[int, int] = (0, 2**63 - 1)
    """Between which moments measurements matter for it."""

    def team(self, number: int | None) -> str:
        """A team's name; nothing for none."""
        return self.teams.get(number or 0, "")

    def shift(self, number: int | None) -> str:
        """A shift's name; nothing for none."""
        found = self.shifts.get(number or 0)
        return found.name if found else ""


class _Loading:
    """What comes while a day is counted."""

    def __init__(self) -> None:
        self.heard: list[Measured] = []
        self.people: set[int] = set()


class DutyDesk:
    """Keeps the rolls. Methods may raise `DatabaseError` and `JournalError`."""

    def __init__(
        self,
        office: PeopleOffice,
        checks: Measurements,
        rules: DutyRules | None = None,
    ) -> None:
        self.office = office
        self.rules = rules or DutyRules()
        self._checks = checks
        self._books: OrderedDict[date, Book] = OrderedDict()
        self._loading: list[_Loading] = []
        self.late: set[date] = set()
        """Days that were over, and of which something was heard or said since: whoever tells of them takes them."""
        self._counting: dict[date, asyncio.Task[Book]] = {}
        self._one = asyncio.Lock()
        self._stale = asyncio.Event()
        checks.followers.append(self._heard)
        office.followers.append(self.touched)

    def today(self) -> date:
        return self.office.today()

    async def book(self, day: date) -> Book:
        """The roll of a day."""
        found = self._books.get(day)
        if found is None:
            async with self._one:
                found = self._books.get(day) or await self._load(day)
        self._books.move_to_end(day)
        return found

    def has(self, day: date) -> bool:
        """Whether a day is counted."""
        return day in self._books

    def counting(self, day: date) -> asyncio.Task[Book]:
        """The roll of a day, which goes on being counted when nobody waits for it any more."""
        task = self._counting.get(day)
        if task is None:
            task = self._counting[day] = asyncio.create_task(self.book(day))
            task.add_done_callback(partial(self._done, day))
        return task

    async def people(self) -> int:
        """How many there are, about: by a day that is counted, or by the register."""
        if self._books:
            return len(next(reversed(self._books.values())).roll)
        return await self.office.database.read(lambda session: session.scalar(_PEOPLE) or 0)

    async def off(self, day: date) -> dict[int, Off]:
        """Who is not on duty on a day, and why."""
        return (await self.book(day)).roll.off()

    async def touched(self, touched: Touched) -> None:
        """Something about people has changed: their lines are as new as the database when this returns. What touches
        everybody is counted anew by `keep`."""
        if touched.day is not None:
            self.late.add(touched.day)
        if touched.everything or touched.teams or touched.resumption:
            self._stale.set()
        elif touched.people:
            for loading in self._loading:
                loading.people |= set(touched.people)
            try:
                for book in list(self._books.values()):
                    await self._replace(book, set(touched.people))
            except (DatabaseError, JournalError) as error:
                log.warning("the day's duties are counted anew", error=str(error))
                self._stale.set()

    async def keep(self) -> None:
        """Keep today and yesterday counted, until cancelled."""
        while True:
            try:
                await self.begin_day()
            except (DatabaseError, JournalError) as error:
                log.warning("the day's duties cannot be counted yet", error=str(error), wait_s=RETRY_S)
                await asyncio.sleep(RETRY_S)
                continue
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stale.wait(), min(RELOAD_S, self.office.until_midnight_s()))

    async def begin_day(self) -> None:
        """What was yesterday is closed, and the days that are looked at now are counted."""
        await self._close_days()
        await self.renew()

    async def renew(self) -> None:
        """Today and yesterday are counted anew; other days when they are asked for."""
        async with self._one:
            self._stale.clear()
            days = [self.today() - _DAY, self.today()]
            for day in [day for day in self._books if day not in days]:
                del self._books[day]
            for day in days:
                await self._load(day)

    # -- within ------------------------------------------------------------------------------------------------------

    def _done(self, day: date, task: asyncio.Task[Book]) -> None:
        self._counting.pop(day, None)
        if not task.cancelled() and task.exception() is not None:
            log.warning("a day's duties cannot be counted", day=day.isoformat(), error=str(task.exception()))

    def _heard(self, found: Sequence[Measured]) -> None:
        before_ns = self.office.moment_ns(self.today() - _DAY, time.min)
        for day in {self.office.day_of(one.check.time_ns) for one in found if one.check.time_ns < before_ns}:
            self.late |= {day - _DAY, day}  # a night shift's belongs to the day before
        for loading in self._loading:
            loading.heard += found
        for book in self._books.values():
            from_ns, until_ns = book.reach
            for _, badge, check in found:
                if from_ns <= check.time_ns < until_ns and book.roll.knows(badge):
                    book.roll.add(badge, check)

    async def _load(self, day: date) -> Book:
        loading = _Loading()
        self._loading.append(loading)
        try:
            found = await self._muster(day)
            reached = reach(found, self._day(day), self.rules)
            measured = await self._checks.measured(*reached)
            roll = await asyncio.to_thread(_counted, day, self.rules, found, measured)
            for _, badge, check in loading.heard:
                if roll.knows(badge):
                    roll.add(badge, check)
        finally:
            self._loading.remove(loading)
        book = self._books[day] = Book(day, self.today(), roll, found.teams, found.shifts, reached)
        self._books.move_to_end(day)
        while len(self._books) > KEPT:
            self._books.popitem(last=False)
        if loading.people:
            await self._replace(book, loading.people)
        return book

    async def _replace(self, book: Book, people: set[int]) -> None:
        found = await self._muster(book.day, people)
        from_ns, until_ns = reach(found, self._day(book.day), self.rules)
        if from_ns < book.reach[0] or until_ns > book.reach[1]:
            self._stale.set()  # measurements matter now that were left out
        new = {token for duty in found.duties for token in duty.whom.tokens if not book.roll.knows(token)}
        book.roll.replace(people, found.duties, found.corrections, found.struck)
        book.teams.update(found.teams)
        book.shifts.update(found.shifts)
        if len(new) > _NEW_BADGES:
            self._stale.set()  # sooner counted anew than asked for one by one
        elif new:
            for _, badge, check in await self._checks.measured_of(new, *book.reach):
                book.roll.add(badge, check)

    def _day(self, day: date) -> Day:
        return Day(day, self.today(), self.office.moment_ns)

    async def _muster(self, day: date, people: set[int] | None = None) -> Muster:
        def work(session: Session) -> Muster:
            opens = opens_on(session, self.office.opens_on)
            return muster(session, self._day(day)._replace(opens_on=opens), self.rules, people)

        return await self.office.database.read(work)

    async def _close_days(self) -> None:
        yesterday = self.today() - _DAY
        kept = await self.office.database.write(partial(close_day, day=yesterday))
        if kept:
            log.info("a day's teams are kept", day=yesterday.isoformat(), changed=kept)


def _counted(day: date, rules: DutyRules, found: Muster, measured: Sequence[Measured]) -> Roll:
    roll = Roll(day, rules, (), found.corrections, found.struck)
    known = {token for duty in found.duties for token in duty.whom.tokens}
    for _, badge, check in measured:
        if badge in known:
            roll.add(badge, check)
    for duty in found.duties:
        roll.put(duty)
    return roll
