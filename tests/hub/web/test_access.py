"""The console's door: who may see and do what, and that nobody gets in by a trick."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Response
from sqlalchemy import func, select

from hub.accounts import desk
from hub.accounts.audit import note
from hub.accounts.models import AuditEntry, Role
from hub.accounts.oidc import OidcSettings, Provider
from hub.accounts.pace import Pace
from hub.accounts.roles import MAY, Permission
from hub.alerts.chains import AllChannels
from hub.alerts.desk import AlertDesk, Site
from hub.alerts.links import Links
from hub.alerts.notifier import Clocks
from hub.alerts.store import AlertStore
from hub.cases.models import Case, Cause
from hub.crowds.desk import CrowdDesk
from hub.database import Database
from hub.duties.desk import DutyDesk
from hub.pictures.store import Pictures
from hub.projections.checks import Checks
from hub.projections.moves import Moves
from hub.registry.models import Person, PersonKind
from hub.registry.office import PeopleOffice
from hub.registry.store import Registrar, RegistryStore
from hub.settings import HubSettings
from hub.trust.service import Trust
from hub.trust.settings import AuthoritySettings
from hub.web import boards
from hub.web.access import COOKIE
from hub.web.accounts import LISTED
from hub.web.app import AlertPages, Office, create_app
from hub.web.city import CityPages
from hub.web.dashboard import Listed
from hub.web.doors import DOORS, Door, Key, addresses, check
from hub.web.reports import ReportPages
from hub.web.serve import WebServer
from hub.web.sign_in import Ways
from tests.support.console import ZONE, WrittenBoard, bearer, signed_in, token_for
from tests.support.reports import usual_city, usual_report
from tests.support.snapshots import bad_day
from tests.support.telephones import Recorded
from wire.errors import MenshenError
from wire.link import BrokerSettings

pytestmark = pytest.mark.usefixtures("cheap_passwords")
NOW_NS = 1_581_200_000_000_000_000
PASSWORD = "correct horse battery"


class Clock:
    """A wall clock that a test moves."""

    def __init__(self) -> None:
        self.now_ns = NOW_NS

    def __call__(self) -> int:
        return self.now_ns


OIDC = OidcSettings(issuer="https://sso.example", client_id="menshen", roles={"safety": Role.OFFICER})
CLOCKS = Clocks(lambda: NOW_NS, lambda: 0.0)


class NoBoards:
    """A console without a board in it."""

    def listed(self, lang):
        return [Listed("now", "Now", False, False)]

    def json(self, name, lang):
        return None

    async def answers(self, name, lang, asked):
        return None


class NoRecord:
    """A record of nothing."""

    async def events(self, after, limit):
        return []

    async def alerts(self, after, limit):
        return []

    async def checks(self, from_ns, until_ns):
        return []


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pace() -> Pace:
    return Pace()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'menshen.db'}")
    await database.start()
    yield database
    await database.stop()


@pytest.fixture
async def server(database: Database, clock: Clock, pace: Pace, tmp_path: Path) -> AsyncIterator[WebServer]:
    registrar = Registrar(RegistryStore(tmp_path / "registry.db"))
    await registrar.start()
    telephones = Recorded(tmp_path)
    await telephones.start()
    people = PeopleOffice(database, registrar, b"a key of 16 bytes", ZONE, clock)
    crowds = CrowdDesk(Moves(tmp_path / "moves.db"), database)
    broker = BrokerSettings(username="hub", password_file=str(tmp_path / "broker.password"))
    authority = AuthoritySettings(names=["hub.example"])
    trust = Trust(HubSettings(site="baotou-1", data=str(tmp_path), broker=broker, authority=authority), database)
    checks = Checks(tmp_path / "checks.db")
    await checks.start()
    duties = DutyDesk(people, checks)
    office = Office(
        database,
        clock,
        people,
        telephones.pages(),
        trust,
        crowds,
        ways=Ways(first_code="code"),
        provider=Provider(OIDC),
        duties=duties,
        boards=NoBoards(),
        reports=ReportPages(usual_report, ZONE),
        city=CityPages(usual_city),
        pace=pace,
    )
    desk = AlertDesk(AlertStore(tmp_path / "alerts.db", AllChannels(("phone",))), [], Site("baotou-1"), CLOCKS)
    await desk.start()
    app = create_app(
        WrittenBoard(bad_day()), site="baotou-1", version="0", zone=ZONE, office=office, records=NoRecord(),
        alerts=AlertPages(desk, Links(b"k" * 32, "http://hub.example"), Pictures(tmp_path / "pictures", 3600.0)),
    )  # fmt: skip
    server = WebServer(app, host="127.0.0.1", port=0)
    await server.start()
    yield server
    await server.stop()
    await checks.stop()
    await telephones.stop()
    await registrar.stop()
    await desk.stop()


@pytest.fixture
async def browser(server: WebServer) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"accept-language": "en"}
    async with httpx.AsyncClient(base_url=server.url, trust_env=False, headers=headers, timeout=60) as client:
        yield client


async def add(database: Database, role: Role, login: str = "") -> None:
    await database.write(
        lambda session: desk.add_user(session, login or role.value, "李雷", role, PASSWORD, by="test", now_ns=NOW_NS)
    )


async def sign_in(browser: httpx.AsyncClient, login: str, password: str = PASSWORD) -> httpx.Response:
    return await browser.post("/sign-in", data={"login": login, "password": password})


async def csrf(browser: httpx.AsyncClient) -> str:
    page = await browser.get("/account")
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert found, page.text
    return found.group(1)


async def test_a_page_for_some_asks_to_sign_in_and_then_goes_where_it_was_asked_for(browser, database):
    await add(database, Role.ADMIN)
    asked = await browser.get("/users?lang=zh")
    assert asked.status_code == 303
    assert asked.headers["location"] == "/sign-in?after=%2Fusers%3Flang%3Dzh"
    signed = await browser.post(asked.headers["location"], data={"login": "admin", "password": PASSWORD})
    assert signed.headers["location"] == "/users?lang=zh"
    assert (await browser.get("/users")).status_code == 200
    cookie = signed.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


@pytest.mark.parametrize("after", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:1", ""])
async def test_nobody_is_sent_to_another_site_after_signing_in(browser, database, after):
    await add(database, Role.ADMIN)
    signed = await browser.post("/sign-in", params={"after": after}, data={"login": "admin", "password": PASSWORD})
    assert signed.headers["location"] == "/"


async def test_a_new_hub_says_how_its_first_user_is_made(browser):
    page = await browser.get("/sign-in")
    assert "menshen hub user add" in page.text


async def test_who_guesses_waits_longer_and_longer_also_with_the_right_password(browser, database, clock):
    await add(database, Role.HR)
    for _ in range(5):
        assert (await sign_in(browser, "hr", "guess")).status_code == 401
    waiting = await sign_in(browser, "hr")
    assert waiting.status_code == 429
    assert "try again in 2 s" in waiting.text
    clock.now_ns += 2 * 10**9
    assert (await sign_in(browser, "hr")).status_code == 303


async def test_a_change_without_the_pages_own_token_is_not_made(browser, database):
    await add(database, Role.ADMIN)
    await sign_in(browser, "admin")
    user = {"login": "mallory", "role": "admin", "password": PASSWORD}
    for forged in ({}, {"csrf": "guess"}):
        refused = await browser.post("/users", data=user | forged)
        assert refused.status_code == 403
        assert "not sent from our own page" in refused.text
    assert "mallory" not in (await browser.get("/users")).text
    token = await csrf(browser)
    assert (await browser.post("/users", data=user | {"csrf": token})).status_code == 303
    assert "mallory" in (await browser.get("/users")).text


async def test_a_sign_in_form_of_another_site_is_not_taken(browser, database):
    await add(database, Role.ADMIN)
    forged = await browser.post(
        "/sign-in", data={"login": "admin", "password": PASSWORD}, headers={"sec-fetch-site": "cross-site"}
    )
    assert forged.status_code == 403


async def test_signing_out_ends_the_session_and_a_new_password_ends_all(browser, server, database):
    await add(database, Role.HR)
    await sign_in(browser, "hr")
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as other:
        await sign_in(other, "hr")
        token = await csrf(other)
        assert (await other.post("/account", data={"csrf": token, "old": "x", "new": "y" * 10})).status_code == 403
        changed = await other.post("/account", data={"csrf": token, "old": PASSWORD, "new": "another good one"})
        assert changed.status_code == 303
        assert (await other.get("/account")).status_code == 303
    assert (await browser.get("/account")).status_code == 303
    assert (await sign_in(browser, "hr", "another good one")).status_code == 303
    assert (await browser.post("/sign-out", data={"csrf": await csrf(browser)})).status_code == 303
    assert (await browser.get("/account")).status_code == 303


async def test_a_program_comes_to_the_api_with_a_token_and_to_no_page(browser, database):
    headers = bearer(await token_for(database, Permission.BOARD))
    assert (await browser.get("/api/state", headers=headers)).status_code == 200
    for page in ("/", "/users", "/account"):
        assert (await browser.get(page, headers=headers)).status_code == 303
    refused = await browser.get("/api/state", headers=bearer("nonsense"))
    assert (refused.status_code, refused.headers["content-type"]) == (401, "application/problem+json")
    assert refused.headers["www-authenticate"] == "Bearer"


async def test_an_unknown_page_and_a_wrong_method_are_answered_in_words(browser):
    assert "There is no such page." in (await browser.get("/nowhere")).text
    assert (await browser.delete("/sign-in")).status_code == 405
    problem = await browser.get("/api/nowhere")
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.json() == {"title": "Not Found", "status": 404, "detail": "There is no such page."}


async def test_a_language_once_chosen_stays(browser):
    assert "没有这个页面" in (await browser.get("/nowhere?lang=zh")).text
    assert "没有这个页面" in (await browser.get("/nowhere")).text


async def test_the_record_shows_who_did_what_and_says_when_it_was_tampered_with(browser, database):
    await add(database, Role.AUDITOR)
    await sign_in(browser, "auditor")
    page = await browser.get("/audit")
    assert "All 2 entries are as they were written." in page.text
    assert "signed-in" in page.text
    assert "signed-in" not in (await browser.get("/audit", params={"who": "nobody"})).text

    def much(session) -> None:
        for _ in range(LISTED):
            note(session, NOW_NS, "hub", "retention")

    assert "校验全部记录" not in (await browser.get("/audit?lang=zh")).text
    await database.write(much)
    page = (await browser.get("/audit?lang=en")).text
    assert "The newest 200 entries are as they were written." in page
    assert "All 202 entries" in (await browser.get(re.search(r'href="(/audit\?whole=1)"', page).group(1))).text

    def tamper(session) -> None:
        session.scalars(select(AuditEntry).order_by(AuditEntry.id)).first().who = "nobody"

    await database.write(tamper)
    assert "Entry 1 is not as it was written" in (await browser.get("/audit?whole=1")).text


def address(path: str) -> str:
    """A path with something in its blanks."""
    return re.sub(r"{[^}]*}", "999", path)


@pytest.fixture
async def whole(server: WebServer) -> FastAPI:
    """The console with all its pages."""
    return server._app


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


async def test_the_first_administrator_is_made_by_a_link_that_works_once(browser, database):
    new = {"login": "wang", "name": "王芳", "password": PASSWORD, "again": PASSWORD}
    assert (await browser.get("/first/guess")).status_code == 404
    assert (await browser.post("/first/guess", data=new)).status_code == 404
    assert "becomes the administrator" in (await browser.get("/first/code")).text
    assert "differ" in (await browser.post("/first/code", data=new | {"again": "other"})).text
    short = await browser.post("/first/code", data=new | {"password": "x", "again": "x"})
    assert (short.status_code, "expected at least 10" in short.text) == (400, True)
    forged = await browser.post("/first/code", data=new, headers={"origin": "http://evil.example"})
    assert forged.status_code == 403
    made = await browser.post("/first/code", data=new)
    assert (made.status_code, made.headers["location"]) == (303, "/users")
    assert "wang" in (await browser.get("/users")).text
    assert (await browser.get("/first/code")).status_code == 404
    assert (await browser.post("/first/code", data=new | {"login": "mallory"})).status_code == 404


async def test_signing_in_ends_the_session_that_the_browser_had(browser, database):
    await add(database, Role.HR)
    await sign_in(browser, "hr")
    old = browser.cookies[COOKIE]
    await sign_in(browser, "hr")
    new = browser.cookies[COOKIE]
    browser.cookies.clear()
    assert (await browser.get("/account", headers={"cookie": f"{COOKIE}={old}"})).status_code == 303
    assert (await browser.get("/account", headers={"cookie": f"{COOKIE}={new}"})).status_code == 200


async def test_many_guesses_at_once_are_many(browser, database):
    await add(database, Role.HR)
    answers = await asyncio.gather(*(sign_in(browser, "hr", f"guess {number}") for number in range(20)))
    assert sum(answer.status_code == 401 for answer in answers) <= 6
    assert {answer.status_code for answer in answers} == {401, 429}


async def test_a_stream_ends_when_its_reader_is_kept_out(browser, database, monkeypatch):
    monkeypatch.setattr(boards, "CHECK_EVERY", 2)
    browser.cookies.update(await signed_in(database, Role.HR, now_ns=NOW_NS))
    async with asyncio.timeout(20), browser.stream("GET", "/live") as response:
        chunks = response.aiter_bytes()
        await anext(chunks)
        await database.write(lambda session: desk.disable(session, "hr", by="test", now_ns=NOW_NS))
        async for _ in chunks:
            pass


async def test_whoever_asks_too_fast_waits(browser, database, clock, pace):
    browser.cookies.update(await signed_in(database, Role.HR, now_ns=NOW_NS))
    while pace.left("hr") > 3:  # five hundred real requests say no more than the last three of them
        pace.wait_s("hr", clock.now_ns)
    answers = [(await browser.get("/api/state")).status_code for _ in range(5)]
    assert answers == [200, 200, 200, 429, 429]
    clock.now_ns += 10**9
    assert (await browser.get("/api/state")).status_code == 200


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"login": "hr", "password": PASSWORD}, "用户名“hr”已存在。"),
        ({"login": "李 雷", "password": PASSWORD}, "应为 1 至 60 个字母"),
        ({"login": "new", "password": "short"}, "密码只有 5 个字符，至少需要 10 个。"),
    ],
)
async def test_why_a_user_cannot_be_made_is_told_in_the_language_of_whoever_tries(browser, database, fields, words):
    await add(database, Role.ADMIN)
    await add(database, Role.HR)
    await sign_in(browser, "admin")
    sent = {"csrf": await csrf(browser), "name": "", "role": "guard", **fields}
    answer = await browser.post("/users?lang=zh", data=sent)
    assert answer.status_code == 409
    assert words in answer.text
