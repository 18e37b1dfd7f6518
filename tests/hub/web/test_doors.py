"""The console's doors: who may see and do what, by one table of every address."""

from __future__ import annotations

import re
from datetime import date

import httpx
import pytest
from fastapi import Response
from sqlalchemy import func, select

from hub.accounts.models import AuditEntry, Role
from hub.accounts.roles import MAY, Permission
from hub.cases.models import Case, Cause
from hub.registry.models import Person, PersonKind
from hub.web.app import Office, create_app
from hub.web.doors import DOORS, Door, Key, addresses, check
from tests.support.console import WrittenBoard, signed_in
from tests.support.snapshots import bad_day
from tests.support.whole import NOW_NS, csrf
from wire.errors import MenshenError

pytestmark = pytest.mark.usefixtures("cheap_passwords")


def address(path: str) -> str:
    """A path with something in its blanks."""
    return re.sub(r"{[^}]*}", "999", path)


async def test_every_address_has_its_door_and_every_door_leads_somewhere(whole):
    assert {address for address, _ in addresses(whole)} == set(DOORS)


async def test_a_page_without_a_door_does_not_start_and_is_open_to_nobody(whole, browser):
    @whole.get("/secret")
    async def secret() -> Response:
        raise AssertionError

    with pytest.raises(MenshenError, match="GET /secret: is in no line of"):
        check(whole)
    assert (await browser.get("/secret")).status_code == 403


async def test_a_page_that_asks_for_something_else_than_its_door_does_not_start(whole, monkeypatch):
    monkeypatch.setitem(DOORS, "GET /users", Door(Permission.BOARD))
    with pytest.raises(MenshenError, match=r"GET /users: asks for users-edit, its door .* for board"):
        check(whole)


@pytest.mark.parametrize("role", Role)
async def test_each_role_sees_and_does_what_the_table_says_and_nothing_else(browser, database, role):
    private = {at: door for at, door in DOORS.items() if door.needs not in {Key.NOBODY, Key.LINK}}
    for at in private:
        method, path = at.split()
        answer = await browser.request(method, address(path))
        assert answer.status_code in {303, 401}, f"{at}: nobody is signed in"
    browser.cookies.update(await signed_in(database, role, now_ns=NOW_NS))
    token = await csrf(browser)
    for at, door in private.items():
        method, path = at.split()
        async with browser.stream(method, address(path), headers={"x-csrf": token}) as answer:
            refused = answer.status_code == 403 and "Your role may not do this." in (await answer.aread()).decode()
        may = door.needs is Key.SIGNED_IN or door.needs in MAY[role]
        assert refused is not may, (at, answer.status_code)


async def test_what_is_open_to_everybody_shows_no_person(browser):
    assert {at for at, door in DOORS.items() if door.needs is Key.NOBODY} == {
        "GET /api/openapi.json",
        "GET /healthz",
        "GET /readyz",
        "GET /sign-in",
        "GET /wall",
        "GET /wall/live",
        "POST /sign-in",
        "POST /sign-out",
    }
    shown = bad_day()
    persons = {passage.who for passage in shown.passages} | {alert.detail for alert in shown.alerts}
    persons |= {alert.held_by for alert in shown.alerts} | {"37.9", "°C"}
    assert len(persons) > 5
    wall = (await browser.get("/wall")).text
    async with browser.stream("GET", "/wall/live") as response:
        live = b""
        async for chunk in response.aiter_bytes():
            live += chunk
            if live.count(b"data: ") >= 2:
                break
    for text in (wall, live.decode()):
        assert [person for person in persons if person and person in text] == []
        assert "fever" in text


async def test_a_display_that_the_settings_do_not_want_is_not_there(database):
    app = create_app(WrittenBoard(bad_day()), site="s", version="0", office=Office(database, wall=False))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as client:
        assert (await client.get("/wall")).status_code == 404
        assert (await client.get("/wall/live")).status_code == 404


async def test_nobody_sees_health_data_without_a_line_in_the_record(browser, database):
    cookies = await signed_in(database, Role.OFFICER, now_ns=NOW_NS)
    browser.cookies.update(cookies)
    person = Person(number="1", name="李雷", kind=PersonKind.EMPLOYEE, created_ns=1, changed_ns=1)
    case = Case(person=person, cause=Cause.FEVER, opened_on=date(2020, 2, 9), opened_ns=NOW_NS, opened_by="x")
    await database.write(lambda session: session.add(case))

    token = await csrf(browser)

    async def lines() -> int:
        return await database.read(lambda session: session.scalar(select(func.count()).select_from(AuditEntry)))

    for at, door in DOORS.items():
        if door.needs in {Permission.HEALTH, Permission.RECORDS} and at.startswith("GET"):
            assert door.seen is not None, at
        if door.seen is None:
            continue
        before = await lines()
        method, path = at.split()
        async with browser.stream(method, re.sub(r"{[^}]*}", "1", path), headers={"x-csrf": token}) as answer:
            assert answer.status_code != 403
        if answer.status_code != 404:  # what stands on nothing here
            assert await lines() > before, at


async def test_who_follows_measurements_is_noted_once_an_hour(browser, database, clock):
    browser.cookies.update(await signed_in(database, Role.OFFICER, now_ns=NOW_NS))

    async def noted() -> int:
        count = select(func.count()).where(AuditEntry.action == "measurements-seen", AuditEntry.subject == "/api/state")
        return await database.read(lambda session: session.scalar(count))

    for _ in range(3):
        await browser.get("/api/state")
    assert await noted() == 1
    clock.now_ns += 3600 * 10**9
    await browser.get("/api/state")
    assert await noted() == 2
