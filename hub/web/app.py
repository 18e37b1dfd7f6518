"""The console and the HTTP API over the live board; what fills the board is none of its business."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import tzinfo
from typing import NamedTuple, Protocol

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from starlette.datastructures import MutableHeaders
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub.alerts.desk import AlertDesk
from hub.alerts.links import Links
from hub.board import Snapshot
from hub.crowds.desk import CrowdDesk
from hub.database import Database
from hub.registry.office import PeopleOffice
from hub.trust.service import Trust
from hub.web import stream
from hub.web.access import LANG_COOKIE, YEAR_S, Access
from hub.web.accounts import add_accounts
from hub.web.alerts import Rights, add_alerts
from hub.web.case_room import CaseRoom
from hub.web.cases import add_cases
from hub.web.crowds import add_crowds
from hub.web.enrolment import add_enrolment
from hub.web.page import STATIC, Page
from hub.web.people import add_people
from hub.web.records import Records, add_records
from hub.web.resumption import add_resumption
from hub.web.sign_in import add_sign_in
from hub.web.site import add_site
from hub.web.telephones import Telephones, add_telephones
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


class BoardSource(Protocol):
    """Where the console gets the live board from."""

    def snapshot(self) -> Snapshot:
        """The board as it stands, stamped with the present time; cheap, for it is asked every second a client."""
        ...

    def changes(self) -> AsyncIterator[Snapshot]:
        """A new iterator for each client: a snapshot whenever something changed, at most about five a second.

        It keeps no queue: a slow client sees the newest board, not an old one. It ends when the hub stops.
        """
        ...

    def ready(self) -> dict[str, str]:
        """What is not well in the hub, by part, as sentences; empty when all is."""
        ...


class AlertPages(NamedTuple):
    """What the pages of alerts stand on."""

    desk: AlertDesk
    rights: Rights = Rights()
    links: Links | None = None


class Office(NamedTuple):
    """What the pages that people sign in for stand on."""

    database: Database
    now_ns: Callable[[], int] = time.time_ns
    people: PeopleOffice | None = None
    telephones: Telephones | None = None
    trust: Trust | None = None
    crowds: CrowdDesk | None = None


def create_app(
    source: BoardSource,
    *,
    site: str,
    version: str,
    zone: tzinfo | None = None,
    records: Records | None = None,
    alerts: AlertPages | None = None,
    office: Office | None = None,
) -> FastAPI:
    """The console of one site: `/`, `/live`, `/api/state`, `/api/live`, `/healthz`, `/readyz` and `/static`.

    With `records` also what `hub.web.records` adds, with `alerts` what `hub.web.alerts` does, and with an `office`
    the pages that people sign in for.

    Times are shown in `zone` (None: the machine's own). Set `app.state.closing`, an `asyncio.Event`, to end all
    streams before the server waits for its connections; `hub.web.serve` does.
    """
    app = FastAPI(title="Menshen", version=version, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.closing = asyncio.Event()
    app.add_middleware(SecurityHeaders)
    app.mount("/static", _Static(directory=STATIC), name="static")
    page = Page(site=site, version=version, zone=zone)
    _add_page(app, source, page, version)
    _add_api(app, source, version)
    if records is not None:
        add_records(app, records)
    if alerts is not None:
        add_alerts(app, alerts.desk, page, alerts.rights, alerts.links, language)
    if office is not None:
        if office.trust is not None:
            add_enrolment(app, office.trust)
        access = Access(office.database, page, language, office.now_ns)
        add_sign_in(app, access)
        add_accounts(app, access)
        if office.people is not None:
            add_cases(app, CaseRoom(access, office.people, alerts.desk if alerts else None))
            add_people(app, access, office.people)
            add_site(app, access, office.people)
            add_visitors(app, access, office.people)
            if office.telephones is not None:
                add_telephones(app, access, office.people, office.telephones)
            add_resumption(app, access, office.people)
        if office.crowds is not None:
            add_crowds(app, access, office.crowds)
    return app


def _add_page(app: FastAPI, source: BoardSource, page: Page, version: str) -> None:
    @app.get("/")
    async def console(request: Request) -> Response:
        lang = language(request)
        html = page.full(source.snapshot(), source.ready(), lang)
        response = Response(html, media_type="text/html", headers={"Content-Language": lang, "Vary": "Accept-Language"})
        if as_lang(request.query_params.get("lang")):
            response.set_cookie(LANG_COOKIE, lang, max_age=YEAR_S, httponly=True, samesite="lax")
        return response

    @app.get("/live")
    async def live_page(request: Request) -> Response:
        lang = language(request)

        def draw() -> dict[str, str]:
            return page.fragments(source.snapshot(), source.ready(), lang)

        return _events(stream.fragments(draw, source.changes(), app.state.closing, version=version))


def _add_api(app: FastAPI, source: BoardSource, version: str) -> None:
    @app.get("/api/state")
    async def state() -> Response:
        return _json(source.snapshot())

    @app.get("/api/live")
    async def live() -> Response:
        return _events(stream.snapshots(source.snapshot, source.changes(), app.state.closing))

    @app.get("/healthz")
    async def healthy() -> Response:
        return _json({"status": "ok", "version": version})

    @app.get("/readyz")
    async def ready() -> Response:
        problems = source.ready()
        return _json(problems, status=503 if problems else 200)


def language(request: Request) -> Lang:
    """What the address asks for, else what was chosen before, else what the browser prefers."""
    return (
        as_lang(request.query_params.get("lang"))
        or as_lang(request.cookies.get(LANG_COOKIE))
        or preferred(request.headers.get("accept-language", ""))
    )


def _json(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status_code=status, media_type="application/json")


def _events(chunks: AsyncIterator[bytes]) -> Response:
    # A proxy that buffers would hold an alert back; nginx heeds this header.
    return StreamingResponse(chunks, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


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
