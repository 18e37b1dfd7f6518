"""The whole console over real stores, with what it stands on as empty as may be, and a browser that comes to it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from hub.accounts import desk
from hub.accounts.models import Role
from hub.accounts.oidc import OidcSettings, Provider
from hub.accounts.pace import Pace
from hub.alerts.chains import AllChannels
from hub.alerts.desk import AlertDesk, Site
from hub.alerts.links import Links
from hub.alerts.notifier import Clocks
from hub.alerts.store import AlertStore
from hub.crowds.desk import CrowdDesk
from hub.database import Database
from hub.duties.desk import DutyDesk
from hub.pictures.store import Pictures
from hub.projections.checks import Checks
from hub.projections.moves import Moves
from hub.registry.office import PeopleOffice
from hub.registry.store import Registrar, RegistryStore
from hub.releases.shelf import Shelf
from hub.settings import HubSettings
from hub.trust.service import Trust
from hub.trust.settings import AuthoritySettings
from hub.web.app import AlertPages, Office, create_app
from hub.web.city import CityPages
from hub.web.dashboard import Listed
from hub.web.reports import ReportPages
from hub.web.serve import WebServer
from hub.web.sign_in import Ways
from tests.support.console import ZONE, WrittenBoard
from tests.support.reports import usual_city, usual_report
from tests.support.snapshots import bad_day
from tests.support.telephones import Recorded
from wire.link import BrokerSettings

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

    async def checks(self, from_ns, until_ns, after, limit):
        return []


@asynccontextmanager
async def whole_console(database: Database, clock: Clock, pace: Pace, folder: Path) -> AsyncIterator[WebServer]:
    """Every page there is."""
    registrar = Registrar(RegistryStore(folder / "registry.db"))
    await registrar.start()
    telephones = Recorded(folder)
    await telephones.start()
    people = PeopleOffice(database, registrar, b"a key of 16 bytes", ZONE, clock)
    crowds = CrowdDesk(Moves(folder / "moves.db"), database)
    broker = BrokerSettings(username="hub", password_file=str(folder / "broker.password"))
    authority = AuthoritySettings(names=["hub.example"])
    trust = Trust(HubSettings(site="baotou-1", data=str(folder), broker=broker, authority=authority), database)
    checks = Checks(folder / "checks.db")
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
        shelf=Shelf(folder / "releases"),
    )
    alerts = AlertDesk(AlertStore(folder / "alerts.db", AllChannels(("phone",))), [], Site("baotou-1"), CLOCKS)
    await alerts.start()
    app = create_app(
        WrittenBoard(bad_day()), site="baotou-1", version="0", zone=ZONE, office=office, records=NoRecord(),
        alerts=AlertPages(alerts, Links(b"k" * 32, "http://hub.example"), Pictures(folder / "pictures", 3600.0)),
    )  # fmt: skip
    server = WebServer(app, host="127.0.0.1", port=0)
    await server.start()
    yield server
    await server.stop()
    await checks.stop()
    await telephones.stop()
    await registrar.stop()
    await alerts.stop()


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
