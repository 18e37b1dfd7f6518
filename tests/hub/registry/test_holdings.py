"""A card that is handed to somebody else has the same token: what was measured before stays whose it was."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import func, select

from hub.archive import Archive
from hub.duties.lists import Asked, people
from hub.privacy import erasure
from hub.privacy.measured import JournalMeasured
from hub.registry.fields import PEOPLE
from hub.registry.holdings import holder_at, holders_of, of_person
from hub.registry.models import FormerBadge, Person
from hub.registry.office import Touched
from tests.support.duties import KEY, MONDAY, DutySite, at
from tests.support.events import fever
from tests.support.journals import entry
from wire.tokens import TokenKind, token

CARD = token(KEY, TokenKind.BADGE, "B 1788")
TUESDAY = date(2020, 2, 11)


class Site(DutySite):
    """One card, and who has it."""

    async def give(self, number: str, hour: float, day: int = 0, card: str = "B 1788") -> int:
        """Register somebody with the card, or with none."""
        self.now_ns = at(hour, day)
        cells = {"number": number, "name": f"李{number}", "team": "一班", "badges": card}
        query = select(Person.id).where(Person.number == number)
        known = await self.database.read(lambda session: session.scalar(query))
        await self.office.put(PEOPLE, cells, by="hr", known=None if known is None else number)
        return await self.database.read(lambda session: session.scalars(query).one())

    async def seen(self, hour: float, day: int = 0) -> None:
        """The card was measured at a gate."""
        self.offset += 1
        event = fever(self.offset, at(hour, day))
        await self.checks.apply([entry(replace(event, badge=CARD), self.offset)])

    async def erase(self, person: int, hour: float, day: int = 0) -> None:
        self.now_ns = at(hour, day)
        await self.office.change(
            lambda session: (
                erasure.erase(session, person, by="hr", why="asked", now_ns=self.now_ns), Touched(people=[person]),
            )
        )  # fmt: skip

    async def counted(self, day: date) -> dict[str, int]:
        """How often each was measured on a day, counted anew."""
        await self.desk.renew()
        book = await self.desk.book(day)
        return {line.duty.whom.number: line.measured for line in people(book, Asked(), self.now_ns)}


@pytest.fixture
async def site(database_url: str, tmp_path: Path) -> AsyncIterator[Site]:
    site = Site(database_url, tmp_path)
    await site.start()
    yield site
    await site.stop()


async def test_who_gets_the_card_of_somebody_erased_inherits_nothing_and_nobody_comes_back(site, tmp_path):
    first = await site.give("1", 7)
    await site.seen(8)
    await site.seen(16)
    assert await site.counted(MONDAY) == {"1": 2}
    await site.erase(first, 17)
    second = await site.give("2", 18)
    await site.seen(19)
    assert await site.counted(MONDAY) == {"2": 1}, "what was measured before is of nobody"
    holders = await site.database.read(lambda session: holders_of(session, [CARD]))
    assert [holder_at(holders, CARD, at(hour)) for hour in (8, 16, 18, 19)] == [None, None, second, second]
    held = await site.database.read(lambda session: of_person(session, second))
    archive = Archive(tmp_path / "journal.db")
    await archive.start()
    measured = await JournalMeasured(site.checks, archive).of(held)
    await archive.stop()
    assert [row["time_ns"] for row in measured] == [at(19)], "nor is it handed out to them"
    named = select(func.count()).where(FormerBadge.person_id.is_not(None))
    assert await site.database.read(lambda session: session.scalar(named)) == 0


async def test_a_card_that_changes_hands_leaves_each_what_was_theirs(site):
    first = await site.give("1", 7)
    await site.seen(8)
    await site.give("1", 12, card="")
    second = await site.give("2", 12)
    await site.seen(16)
    await site.seen(8, day=1)
    site.now_ns = at(12, 1)
    assert await site.counted(MONDAY) == {"1": 1, "2": 1}
    assert await site.counted(TUESDAY) == {"1": 0, "2": 1}
    holders = await site.database.read(lambda session: holders_of(session, [CARD]))
    assert [holder_at(holders, CARD, at(hour)) for hour in (8, 16)] == [first, second]


async def test_who_gets_their_own_card_back_has_it_as_before_and_a_first_holder_since_ever(site):
    await site.seen(6)
    first = await site.give("1", 7)
    await site.give("1", 9, card="")
    await site.seen(10)
    await site.give("1", 11)
    assert await site.counted(MONDAY) == {"1": 2}, "in between it was nobody else's"
    held = await site.database.read(lambda session: of_person(session, first))
    assert [one.is_limited for one in held] == [False]
