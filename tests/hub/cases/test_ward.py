"""Isolation: one open case a person, refused at every gate while it is open, and an end that is answered for."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import date
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.accounts.models import AuditEntry
from hub.cases import ward
from hub.cases.models import Case, Cause, End
from hub.cases.ward import Cannot, Opening
from hub.registry.models import Person, Place, PlaceKind
from hub.registry.office import Touched
from tests.hub.registry.test_office import DAY_NS, NOON_NS, Site
from tests.support.office import PASSWORD, served_office
from wire.registry import Flag

pytestmark = pytest.mark.usefixtures("cheap_passwords")


@pytest.fixture
async def site(database_url: str, tmp_path: Path) -> AsyncIterator[Site]:
    site = Site(database_url, tmp_path)
    await site.database.start()
    await site.registrar.start()
    await site.put(number="1", name="李雷", badges="4711")
    yield site
    await site.registrar.stop()
    await site.database.stop()


async def open_case(site: Site, number: str = "1", days: int = 14, place_id: int | None = None) -> int:
    def work(session: Session) -> tuple[int, Touched]:
        person_id = session.scalar(select(Person.id).where(Person.number == number)) or 0
        opening = Opening(person_id, Cause.FEVER, days, place_id, "")
        case = ward.open_case(session, opening, site.office.today(), by="officer", now_ns=site.now_ns)
        return case.id, Touched(people=[person_id])

    return await site.office.change(work)


async def close(site: Site, case_id: int, end: End, why: str = "") -> None:
    def work(session: Session) -> tuple[None, Touched]:
        case = ward.close_case(session, case_id, end, why, site.office.today(), by="officer", now_ns=site.now_ns)
        return None, Touched(people=[case.person_id])

    await site.office.change(work)


async def move(site: Site, case_id: int, place_id: int | None = None, hospital: str = "") -> None:
    await site.database.write(
        lambda session: ward.move(session, case_id, place_id, hospital, by="officer", now_ns=site.now_ns)
    )


async def why_not(doing: Callable[[], object]) -> str:
    with pytest.raises(Cannot) as caught:
        await doing()  # type: ignore[misc]
    return caught.value.why


async def test_whoever_is_isolated_is_refused_at_the_gates_until_the_case_ends(site):
    case_id = await open_case(site)
    assert Flag.ISOLATION in (await site.at_gates("4711")).flags
    site.now_ns += 14 * DAY_NS
    await close(site, case_id, End.RELEASED)
    assert (await site.at_gates("4711")).flags == ()
    actions = await site.database.read(lambda session: session.scalars(select(AuditEntry.action)).all())
    assert [action for action in actions if action.startswith("case")] == ["case-opened", "case-closed"]


async def test_nobody_is_isolated_twice_or_without_being_registered(site):
    assert await why_not(lambda: open_case(site, "99")) == "no-person"
    for days in (0, 61):
        assert await why_not(lambda days=days: open_case(site, days=days)) == "days"
    await open_case(site)
    assert await why_not(lambda: open_case(site)) == "open-already"


@pytest.mark.parametrize("days_gone", [0, 1, 13])
async def test_a_release_before_the_last_day_is_over_is_no_release(site, days_gone):
    case_id = await open_case(site)
    site.now_ns += days_gone * DAY_NS
    assert await why_not(lambda: close(site, case_id, End.RELEASED)) == "too-early"
    assert await why_not(lambda: close(site, case_id, End.EARLY)) == "no-note"
    await close(site, case_id, End.EARLY, "two negative tests")
    assert await why_not(lambda: close(site, case_id, End.EARLY, "again")) == "closed"


async def test_a_place_takes_no_more_than_it_has_room_for(site):
    await site.put(number="2", name="韩梅梅", badges="4712")

    def add_place(session: Session) -> int:
        place = Place(name="ward", title="隔离楼", kind=PlaceKind.ISOLATION, capacity=1)
        session.add(place)
        session.flush()
        return place.id

    place_id = await site.database.write(add_place)
    first = await open_case(site, place_id=place_id)
    assert await why_not(lambda: open_case(site, "2", place_id=place_id)) == "place-full"
    assert await why_not(lambda: open_case(site, "2", place_id=place_id + 1)) == "no-place"
    await move(site, first, hospital="包头市第三医院")
    await open_case(site, "2", place_id=place_id)


async def test_the_list_has_the_day_the_days_left_and_todays_readings(site):
    case_id = await open_case(site, days=3)
    site.now_ns += 2 * DAY_NS

    def measure(session: Session) -> None:
        ward.add_reading(session, case_id, 36.6, "", by="nurse", now_ns=site.now_ns)

    await site.database.write(measure)
    start_ns = site.office.day_start_ns()
    [row] = await site.database.read(lambda session: ward.open_rows(session, site.office.today(), start_ns))
    assert (row.day, row.left, row.today, row.case.person.name) == (3, 1, 1, "李雷")
    site.now_ns += DAY_NS
    start_ns = site.office.day_start_ns()
    [row] = await site.database.read(lambda session: ward.open_rows(session, site.office.today(), start_ns))
    assert (row.day, row.left, row.today) == (4, 0, 0)


@pytest.mark.parametrize("body_c", [20.0, 32.9, 43.1, float("nan")])
async def test_what_is_no_body_temperature_is_not_recorded(site, body_c):
    case_id = await open_case(site)
    with pytest.raises(Cannot):
        await site.database.write(
            lambda session: ward.add_reading(session, case_id, body_c, "", by="nurse", now_ns=site.now_ns)
        )


def test_day_one_is_the_day_of_opening():
    case = Case(opened_on=date(2020, 2, 10))
    assert [ward.day_of(case, date(2020, 2, day)) for day in (10, 11, 24)] == [1, 2, 15]
    assert NOON_NS > 0


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[httpx.Client]:
    with served_office(tmp_path) as office, httpx.Client(base_url=office.url, trust_env=False) as client:
        client.post("/sign-in", data={"login": "officer", "password": PASSWORD})
        yield client


def csrf(browser: httpx.Client) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', browser.get("/account").text)
    assert found
    return found.group(1)


def test_a_case_is_opened_measured_reported_and_ended_on_its_page_in_words_of_either_language(browser):
    token = csrf(browser)
    send = {"csrf": token}
    assert browser.post("/people", data=send | {"number": "7", "name": "李雷", "badges": "4711"}).status_code == 303
    wrong = browser.post("/cases?lang=en", data=send | {"person": "8", "cause": "fever", "days": "14"})
    assert wrong.status_code == 409
    assert "Nobody is registered under number 8." in wrong.text
    opened = browser.post(
        "/cases", data=send | {"person": "7", "cause": "fever", "days": "14", "note": "38.4 at the gate"}
    )
    page = opened.headers["location"]
    assert "第 1 天，共 14 天" in browser.get(f"{page}?lang=zh").text
    assert "36.5 is" not in browser.post(f"{page}/readings", data=send | {"body_c": "abc"}).text
    assert "This is no body temperature" in browser.post(f"{page}/readings?lang=en", data=send | {"body_c": "abc"}).text
    assert browser.post(f"{page}/readings", data=send | {"body_c": "37,9", "symptoms": "咳嗽"}).status_code == 303
    for step in ("report", "grid"):
        assert browser.post(f"{page}/{step}", data=send).status_code == 303
    early = browser.post(f"{page}/close?lang=en", data=send | {"end": "released"})
    assert "Day 1 of 14 is not over" in html.unescape(early.text)
    shown = browser.get(f"{page}?lang=en").text
    assert "37.9" in shown
    assert "咳嗽" in shown
    ended = browser.post(f"{page}/close", data=send | {"end": "early", "note": "two tests are negative"})
    assert ended.status_code == 303
    assert "Nobody is isolated." in browser.get("/cases?lang=en").text
    assert "ended early" in browser.get("/cases?lang=en").text
    assert browser.get("/cases/999").status_code == 404
