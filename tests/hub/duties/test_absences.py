"""Sick leave and holidays: on a day somebody is away or not, and who said so stays known; on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import date

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.accounts.models import AuditEntry
from hub.database import Database
from hub.duties import absences
from hub.duties.absences import BY_TELEPHONE, Refused, Said
from hub.duties.models import Absence, AbsenceKind
from hub.registry.models import Person

MONDAY, TUESDAY, WEDNESDAY = date(2020, 2, 10), date(2020, 2, 11), date(2020, 2, 12)
LI, HAN, GONE = 1, 2, 3


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Database]:
    store = Database(database_url)
    await store.start()

    def people(session: Session) -> None:
        session.add_all(
            Person(id=key, number=str(key), name=name, active=active, created_ns=1, changed_ns=1)
            for key, name, active in ((LI, "李雷", True), (HAN, "韩梅梅", True), (GONE, "林涛", False))
        )

    await store.write(people)
    yield store
    await store.stop()


async def say(store: Database, who: int = LI, from_on: date = MONDAY, until_on: date | None = TUESDAY) -> int:
    said = Said(who, AbsenceKind.SICK, from_on, until_on, symptoms="咳嗽")
    return await store.write(lambda session: absences.say(session, said, by=BY_TELEPHONE, now_ns=1).id)


async def away(store: Database, day: date) -> set[int]:
    return set(await store.read(lambda session: absences.away_on(session, day)))


async def why_not(store: Database, doing: Callable[[Session], object]) -> str:
    with pytest.raises(Refused) as caught:
        await store.write(doing)
    return caught.value.why


async def test_somebody_is_away_from_the_first_day_to_the_last_and_on_no_other(store):
    await say(store)
    days = (date(2020, 2, 9), MONDAY, TUESDAY, WEDNESDAY)
    assert [await away(store, day) for day in days] == [set(), {LI}, {LI}, set()]


async def test_an_absence_without_an_end_lasts_until_one_is_said(store):
    number = await say(store, until_on=None)
    assert await away(store, date(2020, 12, 31)) == {LI}
    await store.write(lambda session: absences.end(session, number, TUESDAY, by="hr", now_ns=2))
    assert await away(store, WEDNESDAY) == set()
    assert await away(store, TUESDAY) == {LI}


async def test_what_was_withdrawn_was_never_an_absence_but_keeps_its_row(store):
    number = await say(store)
    await store.write(lambda session: absences.withdraw(session, number, by="hr", now_ns=2))
    assert await away(store, MONDAY) == set()
    assert await store.read(lambda session: session.get(Absence, number).withdrawn_by) == "hr"
    again = await say(store)
    assert again != number


@pytest.mark.parametrize(
    ("from_on", "until_on"),
    [(TUESDAY, WEDNESDAY), (date(2020, 2, 1), MONDAY), (MONDAY, None), (date(2020, 1, 1), None)],
)
async def test_nobody_is_away_twice_on_one_day(store, from_on, until_on):
    number = await say(store)
    with pytest.raises(Refused) as caught:
        await say(store, LI, from_on, until_on)
    assert (caught.value.why, caught.value.values["absence"]) == ("away-already", number)
    await say(store, HAN, from_on, until_on)
    await say(store, LI, WEDNESDAY, None)


async def test_an_end_is_not_moved_over_the_next_absence(store):
    number = await say(store)
    await say(store, from_on=date(2020, 2, 14), until_on=None)
    moved = lambda session: absences.end(session, number, date(2020, 2, 14), by="hr", now_ns=2)  # noqa: E731
    assert await why_not(store, moved) == "away-already"
    await store.write(lambda session: absences.end(session, number, date(2020, 2, 13), by="hr", now_ns=2))


async def test_what_cannot_be_is_refused_with_its_reason(store):
    def saying(who: int, from_on: date, until_on: date | None) -> Callable[[Session], object]:
        said = Said(who, AbsenceKind.HOLIDAY, from_on, until_on)
        return lambda session: absences.say(session, said, by="hr", now_ns=1)

    assert await why_not(store, saying(99, MONDAY, None)) == "no-person"
    assert await why_not(store, saying(GONE, MONDAY, None)) == "no-person"
    assert await why_not(store, saying(LI, TUESDAY, MONDAY)) == "ends-before"
    assert await why_not(store, saying(LI, MONDAY, date(2021, 2, 10))) == "too-long"
    assert await why_not(store, lambda session: absences.withdraw(session, 99, by="hr", now_ns=1)) == "no-absence"


async def test_each_step_leaves_a_line_in_the_record_and_none_tells_a_symptom(store):
    number = await say(store)
    await store.write(lambda session: absences.end(session, number, WEDNESDAY, by="hr", now_ns=2))
    await store.write(lambda session: absences.withdraw(session, number, by="hr", now_ns=3))
    entries = await store.read(lambda session: session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all())
    assert [(entry.action, entry.who) for entry in entries] == [
        ("absence-said", BY_TELEPHONE), ("absence-ended", "hr"), ("absence-withdrawn", "hr")
    ]  # fmt: skip
    assert not any("咳嗽" in entry.detail for entry in entries)
