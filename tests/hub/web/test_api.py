"""The API against its own description: whatever is asked, the answer is one that it has, and never a 500."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from playwright.sync_api import expect
from schemathesis.specs.openapi.checks import ignored_auth

from hub.accounts.models import Role
from hub.accounts.roles import MAY, Permission
from hub.crowds.desk import CrowdDesk
from hub.projections.moves import Moves
from hub.registry.models import Place, PlaceKind
from hub.registry.office import PeopleOffice
from hub.registry.store import Registrar, RegistryStore
from hub.web.app import AlertPages, Office, create_app
from hub.web.city import CityPages
from hub.web.doors import API_PERMISSIONS, DOORS
from hub.web.openapi import document
from hub.web.reports import ReportPages
from hub.web.serve import WebServer
from tests.hub.web.test_alerts import Console
from tests.hub.web.test_browser import PHONE
from tests.hub.web.test_records import Written
from tests.support.browser import chromium
from tests.support.console import ZONE, WrittenBoard, signed_in, token_for
from tests.support.reports import usual_city, usual_report
from tests.support.snapshots import bad_day


class Served:
    """A console with a record and alerts."""

    url = token = cookie = ""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder, found = tmp_path_factory.mktemp("api"), Served()
    ready, stop = threading.Event(), threading.Event()

    async def serve() -> None:
        console = Console(folder)
        await console.open()
        registrar = Registrar(RegistryStore(folder / "people.db"))
        await registrar.start()
        moves = Moves(folder / "moves.db")
        await moves.start()
        crowds = CrowdDesk(moves, console.database, zone=ZONE)
        await console.database.write(
            lambda session: session.add(Place(name="canteen", title="食堂", kind=PlaceKind.CANTEEN))
        )
        people = PeopleOffice(console.database, registrar, b"a key of 16 bytes", ZONE)
        app = create_app(
            WrittenBoard(bad_day()), site="baotou-1", version="0", zone=ZONE, records=Written(),
            office=Office(
                console.database, people=people, reports=ReportPages(usual_report, ZONE), city=CityPages(usual_city),
                crowds=crowds,
            ), alerts=AlertPages(console.desk),
        )  # fmt: skip
        server = WebServer(app, host="127.0.0.1", port=0)
        await server.start()
        found.url, found.token = server.url, await token_for(console.database)
        found.cookie = next(iter((await signed_in(console.database, Role.GUARD)).values()))
        ready.set()
        await asyncio.to_thread(stop.wait)
        await server.stop()
        await moves.stop()
        await registrar.stop()
        await console.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert ready.wait(20)
    yield found
    stop.set()
    thread.join(10)


# A stream has no end that a test could wait for, and duties stand on an office: they have tests of their own.
ELSEWHERE = {"/api/live", "/api/duties"}
SCHEMA = schemathesis.openapi.from_dict(document("0"))
OPERATIONS = [found.ok() for found in SCHEMA.get_all_operations() if found.ok().path not in ELSEWHERE]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_whatever_is_asked_the_answer_is_as_described(operation, served: Served) -> None:
    headers = {"Authorization": f"Bearer {served.token}"}

    @given(case=operation.as_strategy())
    @settings(
        max_examples=40, deadline=None, phases=[Phase.generate], derandomize=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def ask(case) -> None:
        case.call_and_validate(base_url=served.url, headers=headers, excluded_checks=[ignored_auth])

    ask()


def test_the_description_has_all_addresses_of_the_api_and_no_other() -> None:
    described = {f"{method.upper()} {path}" for path, methods in document("0")["paths"].items() for method in methods}
    assert described == {address for address in DOORS if " /api/" in address}


@pytest.mark.parametrize("path", ["/api/state", "/api/events", "/api/checks", "/api/alerts", "/api/nowhere"])
def test_every_refusal_is_a_problem_in_words(served: Served, path: str) -> None:
    for headers in ({}, {"authorization": "Bearer x"}, {"cookie": "menshen-sign-in=x"}):
        answer = httpx.get(served.url + path, headers=headers)
        wanted = 404 if path.endswith("nowhere") else 401
        assert (answer.status_code, answer.headers["content-type"]) == (wanted, "application/problem+json")
        assert answer.json()["detail"]
    answer = httpx.put(served.url + path)
    assert answer.status_code in {404, 405}
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_token_is_made_shown_once_used_and_taken_back_in_the_console(served: Served) -> None:
    with chromium() as browser:
        context = browser.new_context(viewport=PHONE, locale="en-GB")
        context.add_cookies([{"name": "menshen-sign-in", "value": served.cookie, "url": served.url}])
        page = context.new_page()
        page.goto(f"{served.url}/account")
        page.get_by_role("link", name="Programs' tokens").click()
        offered = page.get_by_role("checkbox").count()
        assert offered == len(MAY[Role.GUARD].intersection(API_PERMISSIONS)) < len(API_PERMISSIONS)
        page.get_by_label("What it is for").fill("display")
        page.get_by_role("button", name="Make a token").click()
        expect(page.locator(".wide.bad")).to_contain_text("at least one permission")
        expect(page.get_by_label("What it is for")).to_have_value("display")
        page.get_by_label("see the gates and alerts").check()
        page.get_by_role("button", name="Make a token").click()
        secret = page.locator("#secret").inner_text()
        assert re.fullmatch(r"menshen_[\w-]{43}", secret)
        headers = {"authorization": f"Bearer {secret}"}
        assert httpx.get(f"{served.url}/api/state", headers=headers).status_code == 200
        assert httpx.get(f"{served.url}/api/events", headers=headers).status_code == 403
        page.goto(f"{served.url}/tokens")
        assert secret not in page.content()
        expect(page.locator("tbody")).not_to_contain_text("never")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        page.get_by_role("button", name="Take back").click()
        expect(page.locator("tbody")).to_contain_text("taken back")
        assert httpx.get(f"{served.url}/api/state", headers=headers).status_code == 401


def test_a_program_registers_people_vehicles_and_visitors_by_the_rules_of_forms_and_files(served: Served) -> None:
    headers = {"authorization": f"Bearer {served.token}"}
    with httpx.Client(base_url=served.url, headers=headers, timeout=60) as api:
        person = {"name": "李雷", "team": "焊接一班", "badges": ["B 77", "B 78"], "returned_on": "2020-02-01"}
        assert api.put("/api/people/A77", json=person).json() == {"key": "A77", "new": True}
        assert api.put("/api/people/A77", json={"telephone": "139"}).json() == {"key": "A77", "new": False}
        found = api.get("/api/people/A77").json()
        assert (found["name"], found["badges"], found["telephone"]) == ("李雷", ["B 77", "B 78"], "139")
        taken = api.put("/api/people/A78", json={"name": "韩梅梅", "badges": ["B 77"]})
        assert (taken.status_code, taken.json()["faults"][0]["at"]) == (409, "badges")
        assert api.get("/api/people/A78").status_code == 404
        unknown = api.put("/api/people/A78", json={"name": "x", "shoe_size": 43})
        assert (unknown.status_code, "shoe_size" in unknown.json()["detail"]) == (400, True)
        several = api.put("/api/people/A77", json={"badges": ["B 77；B 99"]})
        assert (several.status_code, "badges" in several.json()["detail"]) == (400, True)
        new = api.put("/api/vehicles/蒙b12345", json={"owner": "运输队"})
        assert new.json() == {"key": "蒙B12345", "new": True}
        assert api.get("/api/vehicles/蒙B12345").json()["owner"] == "运输队"
        visit = {"name": "王五", "telephone": "138", "host": "A77", "reason": "送货", "day": "2099-02-10"}
        made = api.post("/api/visitors", json=visit | {"from": "08:00", "until": "18:00"}).json()
        assert api.get(made["path"]).status_code == 200
        ends = api.post("/api/visitors", json=visit | {"from": "18:00", "until": "08:00"})
        assert (ends.status_code, ends.json()["faults"][0]["at"]) == (409, "until")


def test_a_token_can_be_good_for_what_the_api_has() -> None:
    assert Permission.USERS_EDIT not in API_PERMISSIONS
    assert set(API_PERMISSIONS) >= {Permission.BOARD, Permission.ALERTS, Permission.RECORDS}
