"""The console's door: who may see and do what, and that nobody gets in by a trick."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi.routing import APIRoute
from sqlalchemy import select

from hub.accounts import desk
from hub.accounts.models import AuditEntry, Role
from hub.accounts.roles import MAY, Permission
from hub.crowds.desk import CrowdDesk
from hub.database import Database
from hub.projections.moves import Moves
from hub.registry.office import PeopleOffice
from hub.registry.store import Registrar, RegistryStore
from hub.web.app import Office, create_app
from hub.web.serve import WebServer
from tests.support.console import ZONE, WrittenBoard
from tests.support.snapshots import bad_day
from tests.support.telephones import Recorded

pytestmark = pytest.mark.usefixtures("cheap_passwords")
NOW_NS = 1_581_200_000_000_000_000
PASSWORD = "correct horse battery"


class Clock:
    """A wall clock that a test moves."""

    def __init__(self) -> None:
        self.now_ns = NOW_NS

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'menshen.db'}")
    await database.start()
    yield database
    await database.stop()


@pytest.fixture
async def server(database: Database, clock: Clock, tmp_path: Path) -> AsyncIterator[WebServer]:
    registrar = Registrar(RegistryStore(tmp_path / "registry.db"))
    await registrar.start()
    telephones = Recorded(tmp_path)
    await telephones.start()
    people = PeopleOffice(database, registrar, b"a key of 16 bytes", ZONE, clock)
    crowds = CrowdDesk(Moves(tmp_path / "moves.db"), database)
    office = Office(database, clock, people, telephones.pages(), crowds=crowds)
    app = create_app(WrittenBoard(bad_day()), site="baotou-1", version="0", zone=ZONE, office=office)
    server = WebServer(app, host="127.0.0.1", port=0)
    await server.start()
    yield server
    await server.stop()
    await telephones.stop()
    await registrar.stop()


@pytest.fixture
async def browser(server: WebServer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.url, trust_env=False, headers={"accept-language": "en"}) as client:
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


async def test_a_program_comes_with_a_token_and_needs_no_form_token(browser, database):
    secret = await database.write(
        lambda session: desk.add_token(session, "script", Role.ADMIN, by="test", now_ns=NOW_NS)
    )
    headers = {"authorization": f"Bearer {secret}"}
    assert (await browser.get("/users", headers=headers)).status_code == 200
    user = {"login": "made", "role": "hr", "password": PASSWORD}
    assert (await browser.post("/users", data=user, headers=headers)).status_code == 303
    assert (await browser.get("/users", headers={"authorization": "Bearer nonsense"})).status_code == 303


async def test_an_unknown_page_and_a_wrong_method_are_answered_in_words(browser):
    assert "There is no such page." in (await browser.get("/nowhere")).text
    assert (await browser.delete("/sign-in")).status_code == 405
    assert (await browser.get("/api/nowhere")).json() == {"error": "There is no such page."}


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

    def tamper(session) -> None:
        session.scalars(select(AuditEntry).order_by(AuditEntry.id)).first().who = "nobody"

    await database.write(tamper)
    assert "Entry 1 is not as it was written" in (await browser.get("/audit")).text


OPEN = {"/", "/live", "/api/state", "/api/live", "/healthz", "/readyz", "/sign-in", "/sign-out", "/pass/{number}",
        "/r/{code}"}  # fmt: skip
"""What nobody has to sign in for: the board without names, health, the door itself, a pass by its number, and what
telephones open by a code."""
NEEDS = {
    ("GET", "/account"): None,
    ("POST", "/account"): None,
    ("GET", "/users"): Permission.USERS_EDIT,
    ("POST", "/users"): Permission.USERS_EDIT,
    ("POST", "/users/{user_id}/disable"): Permission.USERS_EDIT,
    ("GET", "/audit"): Permission.AUDIT,
    ("GET", "/cases"): Permission.HEALTH,
    ("POST", "/cases"): Permission.CASES_EDIT,
    ("GET", "/cases/unnamed"): Permission.HEALTH,
    ("POST", "/cases/place"): Permission.CASES_EDIT,
    **{
        ("POST", f"/cases/unnamed/{{sign_id:int}}/{step}"): Permission.CASES_EDIT
        for step in ("name", "register", "dismiss")
    },
    ("GET", "/cases/{case_id:int}"): Permission.HEALTH,
    ("GET", "/alerts/{alert}/case"): Permission.HEALTH,
    **{
        ("POST", f"/cases/{{case_id:int}}/{step}"): Permission.CASES_EDIT
        for step in ("readings", "report", "grid", "move", "close")
    },
    ("GET", "/visitors"): Permission.VISITORS_EDIT,
    ("POST", "/visitors"): Permission.VISITORS_EDIT,
    ("POST", "/visitors/{visit_id:int}/cancel"): Permission.VISITORS_EDIT,
    ("GET", "/crowds"): Permission.BOARD,
    ("GET", "/resumption"): Permission.BOARD,
    ("POST", "/resumption/opening"): Permission.SITE_EDIT,
    ("POST", "/resumption/items/{item}"): Permission.SITE_EDIT,
    ("GET", "/rounds"): Permission.PEOPLE,
    ("GET", "/rounds/print"): Permission.SITE_EDIT,
    ("POST", "/rounds/{key}/done"): Permission.DUTIES_EDIT,
    ("POST", "/rounds/{key}/times"): Permission.SITE_EDIT,
    ("POST", "/rounds/{key}/code"): Permission.SITE_EDIT,
    ("GET", "/site"): Permission.SITE_EDIT,
    ("POST", "/site/{what}"): Permission.SITE_EDIT,
    ("POST", "/site/{what}/remove"): Permission.SITE_EDIT,
    **{
        (method, f"/{kind}{path}"): permission
        for kind in ("people", "vehicles")
        for method, path, permission in (
            ("GET", "", Permission.PEOPLE),
            ("POST", "", Permission.PEOPLE_EDIT),
            ("GET", "/new", Permission.PEOPLE_EDIT),
            ("GET", "/{record_id:int}", Permission.PEOPLE),
            ("POST", "/{record_id:int}", Permission.PEOPLE_EDIT),
            ("GET", "/export", Permission.PEOPLE_EDIT),
            ("GET", "/import", Permission.PEOPLE_EDIT),
            ("POST", "/import", Permission.PEOPLE_EDIT),
            ("POST", "/import/{number}", Permission.PEOPLE_EDIT),
        )
    },
}
"""Every other address and the permission that it needs; None: only to be signed in."""


def address(path: str) -> str:
    """A path with something in its blanks."""
    return re.sub(r"{[^}]*}", "999", path)


def routes(server: WebServer) -> set[tuple[str, str]]:
    return {
        (method, route.path)
        for route in server._app.routes
        if isinstance(route, APIRoute) and route.path not in OPEN
        for method in route.methods
    }


async def test_every_address_is_in_the_table_of_rights(server):
    assert routes(server) == set(NEEDS)


@pytest.mark.parametrize("role", Role)
async def test_each_role_sees_and_does_what_the_table_says_and_nothing_else(server, browser, database, role):
    for method, path in sorted(NEEDS):
        answer = await browser.request(method, address(path))
        assert answer.status_code == 303, "nobody is signed in"
    await add(database, role)
    await sign_in(browser, role.value)
    token = await csrf(browser)
    for (method, path), permission in sorted(NEEDS.items(), key=str):
        answer = await browser.request(method, address(path), headers={"x-csrf": token})
        may = permission is None or permission in MAY[role]
        refused = answer.status_code == 403 and "Your role may not do this." in answer.text
        assert refused is not may, (method, path, answer.status_code)
