"""Back from elsewhere: isolated from the day of return, once for each return, with a place, or somebody is told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.alerts.chains import AllChannels
from hub.alerts.desk import AlertDesk
from hub.alerts.desk import Site as AlertSite
from hub.alerts.notifier import Clocks
from hub.alerts.store import AlertStore
from hub.cases import ward
from hub.cases.models import Case, Cause, End
from hub.cases.returnees import first_day
from hub.cases.settings import IsolationSettings
from hub.cases.ward import Cannot
from hub.cases.watch import Full, IsolationWatch, Unplaced, signals
from hub.registry import sheets
from hub.registry.entries import is_observed
from hub.registry.fields import PEOPLE
from hub.registry.models import Place, PlaceKind
from hub.registry.office import Touched
from tests.hub.registry.test_office import DAY_NS, Site
from wire.registry import Flag

TODAY = date(2020, 2, 10)
HOUR_NS = 3600 * 10**9


class Watched(Site):
    """A site whose isolation is watched."""

    def __init__(self, url: str, folder: Path) -> None:
        super().__init__(url, folder)
        store = AlertStore(folder / "alerts.db", AllChannels(()))
        self.desk = AlertDesk(store, [], AlertSite("site"), Clocks(lambda: self.now_ns, lambda: 0.0))
        self.watch = IsolationWatch(self.office, self.desk, "site")

    async def cases(self) -> Sequence[Case]:
        return await self.database.read(lambda session: session.scalars(select(Case).order_by(Case.id)).all())

    async def alerts(self) -> list[tuple[str, str, int]]:
        await self.watch.look()
        return sorted((row.rule, row.gate, row.count) for row in self.desk.open)

    async def place(self, capacity: int, name: str = "ward") -> int:
        def add(session: Session) -> int:
            place = Place(name=name, title="隔离楼", kind=PlaceKind.ISOLATION, capacity=capacity)
            session.add(place)
            session.flush()
            return place.id

        return await self.database.write(add)

    async def close(self, case_id: int, end: End) -> None:
        def work(session: Session) -> tuple[None, Touched]:
            case = ward.close_case(session, case_id, end, "why", self.office.today(), by="o", now_ns=self.now_ns)
            return None, Touched(people=[case.person_id])

        await self.office.change(work)


@pytest.fixture
async def site(database_url: str, tmp_path: Path) -> AsyncIterator[Watched]:
    site = Watched(database_url, tmp_path)
    await site.database.start()
    await site.registrar.start()
    await site.desk.start()
    yield site
    await site.desk.stop()
    await site.registrar.stop()
    await site.database.stop()


async def test_who_is_registered_as_back_from_elsewhere_is_isolated_from_the_day_of_return(site):
    await site.put(number="1", name="李雷", badges="B1", origin="四川", returned_on=date(2020, 2, 8))
    [case] = await site.cases()
    assert (case.cause, case.days, case.opened_on, case.opened_by) == (Cause.RETURNEE, 14, date(2020, 2, 8), "hr")
    assert ward.day_of(case, site.office.today()) == 3
    assert Flag.ISOLATION in (await site.at_gates("B1")).flags
    await site.put("1", telephone="138")
    await site.watch.look()
    assert len(await site.cases()) == 1


async def test_an_import_isolates_all_who_are_back_and_its_preview_says_how_many(site):
    rows = "".join(f"{n},n{n},{'湖南' if n % 3 else ''},2020-02-0{n % 9 + 1}\n" for n in range(30))
    sheet = sheets.read(f"number,name,origin,returned_on\n{rows}".encode(), PEOPLE)
    made = await site.office.preview(PEOPLE, sheet)
    assert made.isolating == 20
    assert await site.office.carry_out(PEOPLE, sheet, made.digest(), by="hr") is None
    assert len(await site.cases()) == 20
    again = await site.office.preview(PEOPLE, sheet)
    assert (again.changes, again.isolating) == ([], 0)


async def test_a_site_decides_on_its_days_and_gates_refuse_as_long(site):
    site.office.isolation = IsolationSettings(days=21)
    await site.put(number="1", name="李雷", badges="B1", origin="四川", returned_on=date(2020, 1, 25))
    [case] = await site.cases()
    assert (case.days, ward.day_of(case, site.office.today())) == (21, 17)
    await site.put(number="2", name="韩梅梅", badges="B2", origin="四川", returned_on=date(2020, 1, 20))
    assert (await site.at_gates("B2")).flags == (Flag.RETURNEE,)


async def test_who_returns_on_a_day_to_come_is_isolated_on_that_day(site):
    await site.put(number="1", name="李雷", badges="B1", origin="四川", returned_on=date(2020, 2, 12))
    await site.watch.look()
    assert await site.cases() == []
    site.now_ns += 2 * DAY_NS
    await site.watch.look()
    assert [case.opened_on for case in await site.cases()] == [date(2020, 2, 12)]


async def test_an_end_by_name_holds_for_this_return_at_the_gates_too_and_a_new_return_is_a_new_case(site):
    await site.put(number="1", name="李雷", badges="B1", origin="四川", returned_on=date(2020, 2, 8))
    await site.close((await site.cases())[0].id, End.EARLY)
    await site.watch.look()
    assert len(await site.cases()) == 1
    assert (await site.at_gates("B1")).flags == (Flag.RETURNEE,)
    await site.put("1", origin="湖南", returned_on=date(2020, 2, 10))
    assert [case.end for case in await site.cases()] == [End.EARLY, None]
    assert Flag.QUARANTINE in (await site.at_gates("B1")).flags


async def test_a_day_of_return_that_was_wrong_is_corrected_in_the_case(site):
    await site.put(number="1", name="李雷", origin="四川", returned_on=date(2020, 2, 8))
    await site.put("1", returned_on=date(2020, 2, 5))
    [case] = await site.cases()
    assert case.opened_on == date(2020, 2, 5)


@given(st.dates(date(2020, 1, 20), date(2020, 2, 20)), st.integers(1, 30))
def test_a_case_runs_on_the_days_on_which_the_gates_refuse_a_returnee_who_is_there(returned_on, days):
    """But for who is not back yet: nobody is isolated before they come."""
    first = first_day("四川", returned_on, TODAY, days)
    refused = is_observed("四川", returned_on, (), TODAY, days)
    assert (first is not None) is (refused and returned_on <= TODAY)
    assert first in (None, returned_on)
    assert first_day("", returned_on, TODAY, days) is None


# -- places and who is told --------------------------------------------------------------------------------------------


async def test_a_returnee_without_a_place_for_too_long_is_told_of_until_they_have_one(site):
    place = await site.place(2)
    for number in ("1", "2"):
        await site.put(number=number, name="x", origin="四川", returned_on=TODAY)
    assert await site.alerts() == []
    site.now_ns += 4 * HOUR_NS
    assert await site.alerts() == [("returnee-not-isolated", "isolation", 2)]
    first, second = [case.id for case in await site.cases()]

    async def put(*ids: int) -> None:
        await site.database.write(lambda session: ward.place_all(session, ids, place, by="o", now_ns=site.now_ns))

    await put(first)
    assert await site.alerts() == [("returnee-not-isolated", "isolation", 1)]
    await put(second)
    assert await site.alerts() == [("isolation-full", "ward", 2)]
    await site.close(first, End.MISTAKE)
    assert await site.alerts() == []


async def test_an_alert_that_a_person_ended_is_told_again_only_when_it_grew(site):
    site.office.isolation = IsolationSettings(place_within_h=0)
    await site.put(number="1", name="x", origin="四川", returned_on=TODAY)
    assert await site.alerts() == [("returnee-not-isolated", "isolation", 1)]
    [row] = site.desk.open
    await site.desk.ask(lambda store, now_ns: store.resolve(row.id, "officer", now_ns))
    assert await site.alerts() == []
    await site.put(number="2", name="y", origin="四川", returned_on=TODAY)
    assert await site.alerts() == [("returnee-not-isolated", "isolation", 2)]


async def test_looking_again_and_a_restart_tell_nothing_anew(site):
    site.office.isolation = IsolationSettings(place_within_h=0)
    await site.put(number="1", name="x", origin="四川", returned_on=TODAY)
    await site.alerts()
    [row] = site.desk.open
    log = await site.desk.ask(lambda store, _now_ns: store.log(row.id))
    site.watch = IsolationWatch(site.office, site.desk, "site")
    for _ in range(3):
        site.now_ns += HOUR_NS
        await site.alerts()
    assert [(again.id, again.count) for again in site.desk.open] == [(row.id, 1)]
    assert await site.desk.ask(lambda store, _now_ns: store.log(row.id)) == log


async def test_several_are_placed_all_of_them_or_nobody(site):
    place = await site.place(1)
    for number in ("1", "2"):
        await site.put(number=number, name="x", origin="四川", returned_on=TODAY)
    ids = [case.id for case in await site.cases()]
    for chosen, why in ((ids, "no-room-for-all"), ([], "nobody-chosen")):
        with pytest.raises(Cannot, match=why):
            await site.database.write(
                lambda session, chosen=chosen: ward.place_all(session, chosen, place, by="o", now_ns=site.now_ns)
            )
    assert {case.place_id for case in await site.cases()} == {None}


def test_what_stands_is_one_alert_a_full_place_and_one_a_day_of_returnees():
    full = [Full("ward", "隔离楼", 3, 3, 50), Full("annex", "附楼", 1, 1, 60)]
    days = [TODAY, TODAY, TODAY + timedelta(days=1)]
    waiting = [Unplaced(day, 100 + number) for number, day in enumerate(days)]
    found = signals("site", full, waiting, 0, 101)
    assert [(one.key, one.total) for one in found] == [
        ("isolation-full/site/ward/50", 3),
        ("isolation-full/site/annex/60", 1),
        ("returnee-not-isolated/site/2020-02-10", 2),
    ]
