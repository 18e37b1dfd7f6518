"""The console and the HTTP API over the live board; what fills the board is none of its business."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import tzinfo
from typing import NamedTuple

from fastapi import Depends, FastAPI, Request
from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub.accounts.oidc import Provider
from hub.accounts.pace import Pace
from hub.alerts.desk import AlertDesk
from hub.alerts.links import Links
from hub.alerts.rules import NO_RUNBOOKS
from hub.crowds.desk import CrowdDesk
from hub.database import Database
from hub.duties.desk import DutyDesk
from hub.pictures.store import Pictures
from hub.projections.passes import Passes
from hub.registry.office import PeopleOffice
from hub.releases.shelf import Shelf
from hub.trust.service import Trust
from hub.web.absences import add_absences
from hub.web.access import LANG_COOKIE, YEAR_S, Access
from hub.web.accounts import add_accounts
from hub.web.alerts import add_alerts
from hub.web.boards import BoardSource, add_board
from hub.web.case_room import CaseRoom
from hub.web.cases import add_cases
from hub.web.city import CityPages, add_city
from hub.web.crowds import add_crowds
from hub.web.dashboard import Boards, add_boards
from hub.web.doors import check
from hub.web.duties import add_duties
from hub.web.enrolment import add_enrolment
from hub.web.errors import add_errors
from hub.web.gates import add_gates
from hub.web.metrics import add_metrics
from hub.web.openapi import add_openapi
from hub.web.page import STATIC, Page
from hub.web.people import add_people
from hub.web.pictures import add_pictures
from hub.web.privacy import PrivacyPages, add_privacy
from hub.web.provider import add_provider
from hub.web.records import Records, add_records
from hub.web.register_api import add_register_api
from hub.web.reports import ReportPages, add_reports
from hub.web.resumption import add_resumption
from hub.web.rotas import add_rotas
from hub.web.search import add_search
from hub.web.sign_in import Ways, add_sign_in
from hub.web.site import add_site
from hub.web.telephones import Telephones, add_telephones
from hub.web.token_pages import add_tokens
from hub.web.updates import add_updates
from hub.web.visitors import add_visitors
from hub.web.words import Lang, as_lang, preferred

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # without any, a browser does not say where a form comes from
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class AlertPages(NamedTuple):
    """What the pages of alerts stand on."""

    desk: AlertDesk
    links: Links | None = None
    pictures: Pictures | None = None


class Office(NamedTuple):
    """What signing in, and the pages that people sign in for, stand on. `wall`: whether anybody may see the display
    without persons."""

    database: Database
    now_ns: Callable[[], int] = time.time_ns
    people: PeopleOffice | None = None
    telephones: Telephones | None = None
    trust: Trust | None = None
    crowds: CrowdDesk | None = None
    privacy: PrivacyPages = PrivacyPages()
    ways: Ways = Ways()
    provider: Provider | None = None
    public_url: str | None = None
    wall: bool = True
    duties: DutyDesk | None = None
    passes: Passes | None = None
    boards: Boards | None = None
    reports: ReportPages | None = None
    city: CityPages | None = None
    shelf: Shelf | None = None
    """The wheels of releases for gates."""
    pace: Pace | None = None
    """How fast anybody may ask; left out, `hub.accounts.pace` says."""


def create_app(
    source: BoardSource,
    *,
    site: str,
    version: str,
    office: Office,
    zone: tzinfo | None = None,
    records: Records | None = None,
    alerts: AlertPages | None = None,
) -> FastAPI:
    """The console of one site; what each address is for and who may go there is `hub.web.doors`.

    With `records` also what `hub.web.records` adds, with `alerts` what `hub.web.alerts` does.

    Times are shown in `zone` (None: the machine's own). Set `app.state.closing`, an `asyncio.Event`, to end all
    streams before the server waits for its connections; `hub.web.serve` does.
    """
    page = Page(site=site, version=version, zone=zone, runbooks=alerts.desk.runbooks if alerts else NO_RUNBOOKS)
    access = Access(office.database, page, language, office.now_ns, office.pace)
    app = FastAPI(
        title="Menshen", version=version, docs_url=None, redoc_url=None, openapi_url=None,
        dependencies=[Depends(access.guard)],
    )  # fmt: skip
    app.state.closing = asyncio.Event()
    app.add_middleware(SecurityHeaders)
    app.mount("/static", _Static(directory=STATIC), name="static")
    add_board(app, source, access, version, wall=office.wall)
    add_metrics(app, access, source.snapshot, source.ready)
    if records is not None:
        add_records(app, records)
    if alerts is not None:
        add_alerts(app, access, alerts.desk, alerts.links, alerts.pictures)
        if alerts.pictures is not None:
            add_pictures(app, access, alerts.desk, alerts.pictures)
    add_gates(app, access, source.snapshot, office.trust, site)
    if office.shelf is not None:
        add_updates(app, access, office.shelf)
    add_errors(app, access)
    _add_doors(app, access, office, version)
    _add_office(app, access, office, alerts, site)
    check(app)
    return app


def _add_doors(app: FastAPI, access: Access, office: Office, version: str) -> None:
    """How people, programs and gates get in."""
    if office.trust is not None:
        add_enrolment(app, office.trust)
    add_sign_in(app, access, office.ways)
    if office.provider is not None:
        add_provider(app, access, office.provider, office.public_url)
    add_accounts(app, access)
    add_tokens(app, access)
    add_openapi(app, version)


def _add_office(app: FastAPI, access: Access, office: Office, alerts: AlertPages | None, site: str) -> None:
    """The pages that people sign in for."""
    if office.boards is not None:
        add_boards(app, access, office.boards)
    if office.people is not None:
        add_cases(app, CaseRoom(access, office.people, alerts.desk if alerts else None, office.passes))
        add_absences(app, access, office.people)
        add_rotas(app, access, office.people)
        add_people(app, access, office.people)
        add_register_api(app, access, office.people)
        add_site(app, access, office.people)
        add_visitors(app, access, office.people)
        add_search(app, access, office.people, alerts.desk if alerts else None)
        add_privacy(app, access, office.people, office.privacy)
        if office.telephones is not None and office.duties is not None:
            add_telephones(app, access, office.people, office.telephones, office.duties)
        add_resumption(app, access, office.people)
    _add_days(app, access, office, site)


def _add_days(app: FastAPI, access: Access, office: Office, site: str) -> None:
    """What a day amounts to."""
    if office.crowds is not None:
        add_crowds(app, access, office.crowds, site)
    if office.duties is not None:
        add_duties(app, access, office.duties, site)
    if office.reports is not None:
        add_reports(app, access, office.reports, office.duties, city=office.city is not None)
    if office.city is not None:
        add_city(app, access, office.city)


def language(request: Request) -> Lang:
    """What the address asks for, else what was chosen before, else what the browser prefers."""
    return (
        as_lang(request.query_params.get("lang"))
        or as_lang(request.cookies.get(LANG_COOKIE))
        or preferred(request.headers.get("accept-language", ""))
    )


class _Static(StaticFiles):
    """The address of a static file carries its hash, so it may be kept for good; without the hash, never unasked."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        lasting = bool(scope["query_string"]) and response.status_code < 400
        response.headers["Cache-Control"] = f"public, max-age={YEAR_S}, immutable" if lasting else "no-cache"
        return response


class SecurityHeaders:
    """ASGI middleware: every response says what a browser may do with it, and that nothing live is to be stored."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, guarded if scope["type"] == "http" else send)
