"""Rotas as HR writes them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from hub.accounts.models import AuditEntry
from hub.database import Database
from hub.duties import rotas
from hub.duties.absences import Refused
from hub.duties.models import DutyDay, Rota
from hub.duties.rotas import Whose, read_cycle, spread, written_cycle
from hub.registry.models import Person, Shift, Team

SHIFTS = {"白班": 1, "中班": 2, "夜班": 3, "Early shift": 4, "A*2": 5}
MONDAY = date(2020, 2, 10)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("白班", (1,)),
        ("白班 白班 休", (1, 1, 0)),
        ("白班*2，中班×2、夜班 x 2 ; 休息*2".replace(" x ", "x"), (1, 1, 2, 2, 3, 3, 0, 0)),
        ("白班 * 2 休", (1, 1, 0)),
        ("周一至周五 白班", (1, 1, 1, 1, 1, 0, 0)),
        ("周一至周五 白班 周六 中班", (1, 1, 1, 1, 1, 2, 0)),
        ("Mon-Fri 白班", (1, 1, 1, 1, 1, 0, 0)),
        ("Early shift", (4,)),
        ("A*2", (5,)),
        ("rest", (0,)),
        ("白班，休", (1, 0)),
    ],
)
def test_a_cycle_is_read_as_people_write_it(text, expected):
    assert read_cycle(text, SHIFTS) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "cycle-length"),
        ("早班", "no-shift"),
        ("白班*57", "cycle-length"),
        ("周五至周一 白班", "no-shift"),
        ("周一 ", "no-shift"),
    ],
)
def test_what_is_no_cycle_is_refused_with_what_was_found(text, why):
    with pytest.raises(Refused) as caught:
        read_cycle(text, SHIFTS)
    assert caught.value.why == why


@given(st.lists(st.integers(0, 3), min_size=1, max_size=56))
def test_a_cycle_that_is_written_reads_again_as_it_was(numbers):
    names = {number: name for name, number in SHIFTS.items()}
    assert read_cycle(written_cycle(numbers, names), SHIFTS) == tuple(numbers)


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading_of_a_cycle(text):
    try:
        found = read_cycle(text, SHIFTS)
    except Refused:
        return
    assert 1 <= len(found) <= 56


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Database]:
    store = Database(database_url)
    await store.start()

    def make(session) -> None:
        session.add_all(Shift(id=n, name=name, from_min=480, to_min=960) for n, name in ((1, "白班"), (2, "夜班")))
        session.add_all(Team(id=n, name=f"{n}班") for n in (1, 2, 3, 4))
        session.flush()
        session.add(Person(id=7, number="007", name="李雷", team_id=1, created_ns=1, changed_ns=1))

    await store.write(make)
    yield store
    await store.stop()


async def test_teams_that_follow_each_other_begin_the_cycle_one_after_the_other(store):
    cycle = (1, 1, 2, 2, 0, 0, 0, 0)
    made = await store.write(lambda session: spread(session, [1, 2, 3, 4], MONDAY, cycle, by="hr", now_ns=1))
    assert [rota.cycle for rota in made] == ["1,1,2,2,0,0,0,0", "2,2,0,0,0,0,1,1", "0,0,0,0,1,1,2,2", "0,0,1,1,2,2,0,0"]
    with pytest.raises(Refused, match="uneven"):
        await store.write(lambda session: spread(session, [1, 2, 3], MONDAY, cycle, by="hr", now_ns=1))


async def test_a_rota_of_the_same_date_replaces_the_one_before_and_the_same_again_changes_nothing(store):
    def put(cycle: tuple[int, ...]) -> bool:
        return lambda session: rotas.put_rota(session, Whose(team_id=1), MONDAY, cycle, by="hr", now_ns=1)[1]

    assert [await store.write(put(cycle)) for cycle in ((1,), (1,), (2, 0))] == [True, False, True]
    assert await store.read(lambda session: session.scalars(select(Rota.cycle)).all()) == ["2,0"]
    assert await store.read(lambda session: session.scalar(select(func.count()).select_from(AuditEntry))) == 2


async def test_a_single_day_is_of_a_person_a_team_or_everybody_and_can_be_taken_back(store):
    def put(whose: Whose, shift: int | None):
        return lambda session: rotas.put_day(session, whose, MONDAY, shift, "", by="hr", now_ns=1)[0].id

    ids = [await store.write(put(whose, None)) for whose in (Whose(), Whose(team_id=1), Whose(person_id=7), Whose())]
    assert ids[0] == ids[3]
    assert len(set(ids)) == 3
    whose = await store.write(lambda session: rotas.drop_day(session, ids[1], by="hr", now_ns=1))
    assert await store.read(lambda session: rotas.members(session, whose)) == {7}
    assert await store.read(lambda session: len(session.scalars(select(DutyDay)).all())) == 2
    with pytest.raises(Refused, match="no-such-shift"):
        await store.write(put(Whose(), 99))
    with pytest.raises(Refused, match="no-day"):
        await store.write(lambda session: rotas.drop_day(session, ids[1], by="hr", now_ns=1))


async def test_whom_a_form_names_is_found_or_refused(store):
    def whose(team: str, number: str):
        return store.read(lambda session: rotas.whose(session, team, number))

    assert [await whose("1班", ""), await whose("", "007"), await whose("", "")] == [
        Whose(team_id=1), Whose(person_id=7), Whose()
    ]  # fmt: skip
    for team, number, why in (("9班", "", "no-team"), ("", "9", "no-number"), ("1班", "007", "both")):
        with pytest.raises(Refused) as caught:
            await whose(team, number)
        assert caught.value.why == why
    shown = await store.read(lambda session: len(rotas.days_from(session, MONDAY - timedelta(days=1), 10)))
    assert shown == 0
