"""Who is on duty and who is missing, from a real database and a real projection; on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.accounts.models import AuditEntry
from hub.cases import ward
from hub.cases.models import Cause, End
from hub.duties import absences, corrections, rotas
from hub.duties.absences import Refused, Said
from hub.duties.corrections import Struck, Written
from hub.duties.models import AbsenceKind
from hub.duties.muster import close_day
from hub.duties.roll import Means
from hub.duties.rotas import Whose
from hub.duties.standing import Off, Standing
from hub.projections.checks import Checks
from hub.registry.fields import PEOPLE
from hub.registry.models import Person, Shift, Team
from tests.support.duties import MONDAY, DutySite, at
from tests.support.events import fever
from tests.support.journals import entry
from wire.tokens import TokenKind, token

TUESDAY = MONDAY + timedelta(days=1)


@pytest.fixture
async def site(database_url: str, tmp_path: Path) -> AsyncIterator[DutySite]:
    site = DutySite(database_url, tmp_path)
    await site.start()
    yield site
    await site.stop()


@pytest.fixture
async def li(site: DutySite) -> int:
    person = await site.put("1")
    await site.team_works("白班")
    return person


async def test_somebody_on_duty_misses_the_first_then_the_second_and_is_done_as_measurements_come(site, li):
    assert (await site.line(li)).standing is Standing.FIRST_MISSING
    await site.measured("1", 7.8)
    assert (await site.line(li)).standing is Standing.SECOND_TO_COME
    site.now_ns = at(16)
    assert (await site.line(li)).standing is Standing.SECOND_MISSING
    await site.measured("1", 16.2)
    assert (await site.line(li)).standing is Standing.DONE
    [first, second] = (await site.desk.book(MONDAY)).roll.checks(li)
    assert (first.gate, first.lane, first.means, second.time_ns) == ("north", "people", Means.GATE, at(16.2))


async def test_whoever_is_isolated_is_not_on_duty_from_the_moment_that_the_case_is_opened(site, li):
    opening = ward.Opening(li, Cause.FEVER, 14, None, "")

    def open_case(session: Session) -> int:
        return ward.open_case(session, opening, MONDAY, by="officer", now_ns=site.now_ns).id

    case = await site.change(open_case, li)
    assert (await site.line(li)).duty.off is Off.ISOLATED
    assert await site.figures() == (await site.figures())._replace(isolated=1, on_duty=0)
    site.now_ns = at(12, 14)

    def close(session: Session) -> None:
        ward.close_case(session, case, End.RELEASED, "", site.office.today(), by="officer", now_ns=site.now_ns)

    await site.change(close, li)
    assert (await site.line(li, site.office.today())).duty.off is None
    assert (await site.line(li, MONDAY)).duty.off is Off.ISOLATED, "the past stays as it was"


async def test_an_absence_takes_somebody_off_duty_on_its_days_and_its_end_brings_them_back(site, li):
    said = Said(li, AbsenceKind.SICK, MONDAY, None)
    number = (await site.change(lambda session: absences.say(session, said, by="hr", now_ns=1), li)).id
    assert (await site.line(li)).duty.off is Off.SICK
    assert (await site.line(li, MONDAY - timedelta(days=1))).duty.off is None
    await site.change(lambda session: absences.end(session, number, MONDAY, by="hr", now_ns=2), li)
    assert (await site.line(li, TUESDAY)).duty.off is None
    await site.measured("1", 9)
    assert (await site.figures()).uncalled == 1


async def test_before_the_site_resumes_work_only_who_is_exempt_is_on_duty(database_url, tmp_path):
    site = DutySite(database_url, tmp_path, opens_on=TUESDAY)
    await site.start()
    one, two = await site.put("1"), await site.put("2", exempt="boiler")
    await site.team_works("白班")
    assert [(await site.line(person)).duty.off for person in (one, two)] == [Off.CLOSED, None]
    assert (await site.line(one, TUESDAY)).duty.off is None
    await site.stop()


async def test_rotas_and_single_days_say_which_shift_is_worked(site, li):
    def four(session: Session) -> None:
        shifts = rotas.shift_names(session)
        team = session.scalars(select(Team.id)).one()
        cycle = rotas.read_cycle("白班*2 中班*2 夜班*2 休*2", shifts)
        rotas.put_rota(session, Whose(team_id=team), MONDAY, cycle, by="hr", now_ns=1)
        rotas.put_day(session, Whose(person_id=li), TUESDAY, None, "调休", by="hr", now_ns=1)
        rotas.put_day(session, Whose(), MONDAY + timedelta(days=4), None, "停产", by="hr", now_ns=1)

    await site.change(four)
    await site.desk.renew()
    lines = [await site.line(li, MONDAY + timedelta(days=n)) for n in range(8)]
    assert [line.duty.shift_id for line in lines] == [1, None, 2, 2, None, 3, None, None]
    assert [line.duty.off for line in lines][4] is Off.REST
    night = lines[5].duty
    assert (night.from_ns, night.until_ns) == (at(0, 5), at(8, 5))


async def test_a_correction_with_a_reason_counts_is_noted_and_survives_a_rebuild_of_the_projection(site, li, tmp_path):
    await site.measured("1", 8)
    site.now_ns = at(18)
    written = Written(li, MONDAY, at(15.5), "on paper, power cut", 36.4, "north")
    made = await site.change(lambda session: corrections.add(session, written, by="guard", now_ns=site.now_ns), li)
    assert (await site.line(li)).standing is Standing.DONE
    gate = (await site.desk.book(MONDAY)).roll.checks(li)[0]
    struck = Struck(li, MONDAY, gate.number, gate.time_ns)
    await site.change(lambda session: corrections.strike(session, struck, "lent badge", by="hr", now_ns=9), li)
    assert (await site.line(li)).measured == 1
    again = DutySite(site.database._url, tmp_path / "rebuilt")
    (tmp_path / "rebuilt").mkdir()
    again.now_ns = site.now_ns
    await again.database.start()
    await again.checks.start()
    await again.measured("1", 8)
    assert (await again.line(li)).measured == 1
    assert [check.means for check in (await again.desk.book(MONDAY)).roll.checks(li)] == [Means.CORRECTION]
    await again.checks.stop()
    await again.database.stop()
    await site.change(lambda session: corrections.withdraw(session, li, made.id, by="hr", now_ns=9), li)
    assert (await site.line(li)).measured == 0
    entries = await site.database.read(
        lambda session: session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    )
    noted = [(entry.action, entry.who) for entry in entries[-3:]]
    assert noted == [("measurement-added", "guard"), ("measurement-struck", "hr"), ("correction-withdrawn", "hr")]
    assert "power cut" in entries[-3].detail


@pytest.mark.parametrize(
    ("written", "why"),
    [
        (Written(1, MONDAY, at(9), ""), "no-reason"),
        (Written(99, MONDAY, at(9), "paper"), "no-person"),
        (Written(1, MONDAY, at(13), "paper"), "to-come"),
        (Written(1, MONDAY, at(9), "paper", 20.0), "body"),
    ],
)
async def test_a_correction_that_cannot_be_is_refused(site, li, written, why):
    with pytest.raises(Refused) as caught:
        await site.change(lambda session: corrections.add(session, written, by="hr", now_ns=site.now_ns))
    assert caught.value.why == why


async def test_a_rebuild_of_the_projection_gives_the_same_figures(site, li, tmp_path):
    await site.put("2")
    await site.measured("1", 7.9, 16.1)
    await site.measured("2", 8.2)
    before = list((await site.desk.book(MONDAY)).roll.lines(site.now_ns))
    rebuilt = Checks(tmp_path / "rebuilt.db")
    assert await rebuilt.start() == 0
    found = await site.checks.measured(0, at(48))
    await rebuilt.stop()
    await site.desk.renew()
    assert list((await site.desk.book(MONDAY)).roll.lines(site.now_ns)) == before
    assert len(found) == 3


async def test_who_changes_team_is_counted_with_the_old_one_on_days_that_are_over(site, li):
    await site.database.write(lambda session: close_day(session, MONDAY))
    site.now_ns = at(12, 1)
    await site.office.put(PEOPLE, {"number": "1", "name": "李1", "team": "二班", "badges": "B1"}, by="hr", known="1")
    assert await site.database.write(lambda session: close_day(session, MONDAY)) == 0, "a restart of the hub"
    await site.desk.renew()
    names = (await site.desk.book(MONDAY)).teams
    teams = [names[(await site.line(li, day)).duty.whom.team_id] for day in (MONDAY, TUESDAY)]
    assert teams == ["一班", "二班"]
    assert await site.database.write(lambda session: close_day(session, TUESDAY)) == 1
    assert await site.database.write(lambda session: close_day(session, TUESDAY)) == 0


async def test_nobody_is_missed_on_a_day_before_they_were_registered(site):
    await site.office.put(PEOPLE, {"number": "5", "name": "新人"}, by="hr", known=None)
    person = await site.database.read(lambda session: session.scalars(select(Person.id)).one())
    assert await site.line(person, MONDAY) is not None
    assert await site.line(person, MONDAY - timedelta(days=1)) is None


async def test_a_shift_that_was_over_before_somebody_was_registered_is_not_missed(site):
    def night(session):
        session.add(Shift(id=77, name="零点", from_min=0, to_min=1))

    await site.database.write(night)
    cells = {"number": "5", "name": "新人", "shift": "零点", "badges": "B5"}
    await site.office.put(PEOPLE, cells, by="hr", known=None)
    person = await site.database.read(lambda session: session.scalars(select(Person.id)).one())
    line = await site.line(person, MONDAY)
    assert (line.duty.off, line.standing) == (Off.UNKNOWN, None)
    later = await site.line(person, MONDAY + timedelta(days=1))
    assert (later.duty.off, later.standing) == (None, Standing.TO_COME)


async def test_what_changes_while_a_day_is_counted_is_in_it(site, li, monkeypatch):
    slow = site.checks.measured

    async def measured(from_ns: int, until_ns: int):
        found = await slow(from_ns, until_ns)
        await site.measured("1", 9)
        said = Said(li, AbsenceKind.HOLIDAY, MONDAY, MONDAY)
        await site.change(lambda session: absences.say(session, said, by="hr", now_ns=1), li)
        monkeypatch.setattr(site.checks, "measured", slow)
        return found

    site.desk._books.clear()
    monkeypatch.setattr(site.checks, "measured", measured)
    line = await site.line(li)
    assert (line.measured, line.duty.off) == (1, Off.HOLIDAY)


async def test_what_was_heard_of_a_badge_before_its_holder_was_known_counts_once_they_are(site, li):
    await site.desk.book(MONDAY)
    assert site.office.key is not None
    badge = token(site.office.key, TokenKind.BADGE, "B77")
    passage = replace(fever(1, at(9)), badge=badge)
    site.offset += 1
    await site.checks.apply([entry(passage, site.offset)])
    assert not (await site.desk.book(MONDAY)).roll.knows(badge)
    site.now_ns = at(8.9)
    await site.office.put(PEOPLE, {"badges": "B1, B77"}, by="hr", known="1")
    assert (await site.line(li)).measured == 1


async def test_a_new_day_is_counted_at_midnight(site, li):
    site.now_ns = at(23, 0) + 3600 * 10**9 - 10**9
    keeping = asyncio.create_task(site.desk.keep())
    await until(lambda: MONDAY in site.desk._books)
    assert set(site.desk._books) == {MONDAY - timedelta(days=1), MONDAY}
    site.now_ns = at(0.01, 1)
    await until(lambda: TUESDAY in site.desk._books)
    keeping.cancel()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.05)
