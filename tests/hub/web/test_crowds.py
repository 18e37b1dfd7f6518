"""The page about meals and crowds, in a browser: figures for everybody who is signed in, names for who may see them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import select

from hub.accounts.models import AuditEntry
from hub.database import Database
from hub.projections.moves import Moves
from hub.registry.models import Badge, Person, Place, PlaceKind, Team
from tests.hub.web.test_resumption import fits, signed_in
from tests.support.browser import chromium
from tests.support.console import ZONE
from tests.support.journals import entry
from tests.support.office import PASSWORD, ServedOffice, served_office
from wire.events import Outcome, PersonPassage, Verdict

pytestmark = pytest.mark.usefixtures("cheap_passwords")
T = TypeVar("T")
NOON = int(datetime(2020, 2, 10, 12, tzinfo=ZONE).timestamp()) * 10**9
DAY = "/crowds?day=2020-02-10"


def in_thread(work: Coroutine[Any, Any, T]) -> T:
    """Where a browser's own loop runs, another cannot."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def register(session) -> None:
    session.add(Place(name="canteen", title="一食堂", kind=PlaceKind.CANTEEN))
    welders = Team(name="焊接一班", meal_slot="11:30-12:00,17:30-18:00")
    fitters = Team(name="装配二班", meal_slot="12:20-12:50")
    for number in range(1, 7):
        person = Person(number=f"100{number}", name=f"李雷{number}", created_ns=1, changed_ns=1)
        person.team = None if number == 6 else welders if number < 4 else fitters
        person.badges = [Badge(number=f"{number}", token=f"person-000{number}")]
        session.add(person)


async def fill(folder: Path) -> None:
    """A noon: two welders in time, one in the fitters' time, two fitters in time, somebody without a team."""
    moves, database = Moves(folder / "moves.db"), Database(f"sqlite:///{folder / 'menshen.db'}")
    await moves.start()
    await database.start()
    await database.write(register)
    came = [(1, -20), (2, -18), (3, 25), (4, 26), (5, 27), (6, 28)]
    events = [
        PersonPassage(
            time_ns=NOON + minute * 60 * 10**9, passage=f"p{number}", lane="in", outcome=Outcome.ALLOW,
            verdict=Verdict.NORMAL, badge=f"person-000{number}", place="canteen",
        )
        for number, minute in came
    ]  # fmt: skip
    await moves.apply([entry(event, offset) for offset, event in enumerate(events, 1)])
    await moves.stop()
    await database.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def office(tmp_path: Path) -> Iterator[ServedOffice]:
    in_thread(fill(tmp_path))
    with served_office(tmp_path) as office:
        yield office


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_shows_who_eats_when_and_where_it_was_crowded(browser, office, width):
    page = signed_in(browser, office, "officer", "zh", width)
    page.goto(f"{office.url}{DAY}")
    rows = page.locator("main table.crowds tbody tr")
    expect(rows.filter(has_text="10 分钟内进入人数").first).to_contain_text("4 12:28")
    welders = rows.filter(has_text="焊接一班")
    expect(welders).to_contain_text("11:30-12:00 · 17:30-18:00")
    assert welders.locator("td.number").all_inner_texts() == ["2", "1", "0", "0"]
    assert rows.filter(has_text="无班组").locator("td.number").all_inner_texts() == ["0", "0", "0", "1"]
    page.locator("main summary").click()
    expect(page.locator("main details")).to_contain_text("李雷3 1003")
    assert fits(page)
    page.close()


async def notes(folder: Path) -> list[str]:
    database = Database(f"sqlite:///{folder / 'menshen.db'}")
    await database.start()
    query = select(AuditEntry.who).where(AuditEntry.action == "meals-seen")
    found = await database.read(lambda session: list(session.scalars(query)))
    await database.stop()
    return found


def test_who_sees_names_leaves_a_line_in_the_record(office, tmp_path):
    with httpx.Client(base_url=office.url, trust_env=False) as client:
        for login in ("admin", "guard"):
            client.post("/sign-in", data={"login": login, "password": PASSWORD})
            assert ("李雷3" in client.get(DAY).text) is (login == "guard")
    assert in_thread(notes(tmp_path)) == ["guard"]
