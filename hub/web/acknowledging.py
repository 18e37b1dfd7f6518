"""Acknowledging without signing in: the page behind a signed link or a short code, and the addresses that services call
when people answer in a chat.

A link or a code carries its own right, good once; the page asks for a POST, for telephones fetch links to show a
preview. A service's call proves itself by its signature (`hub.alerts.channels`).
"""

from __future__ import annotations

from urllib.parse import parse_qs

import structlog
from fastapi import FastAPI, Request, Response
from starlette.background import BackgroundTask

from hub.accounts.pace import Pace
from hub.alerts.channels.aliyun import NO_CODE
from hub.alerts.channels.apps import Call
from hub.alerts.desk import AlertDesk
from hub.alerts.links import Claim, Links
from hub.web.access import Access, Denied, address_of, html_response, redirect
from wire.errors import DecodeError, DeliveryError

log = structlog.get_logger(__name__)

MAX_FORM_BYTES = 10_000
MAX_CALL_BYTES = 200_000
CODES_PER_S, CODES_AT_ONCE = 0.2, 10.0
"""How fast short codes may be asked for from one address."""


def add_links(app: FastAPI, access: Access, desk: AlertDesk, links: Links) -> None:
    """`/ack/TOKEN`, a signed link, and `/k/CODE`, a short one for an SMS."""
    pages, codes = _Pages(access, desk), _Codes(desk)

    def by_token(token: str) -> Claim:
        try:
            return links.read(token, desk.clocks.now_ns())
        except DecodeError as error:
            raise Denied(410 if "no longer" in str(error) else 404, "link") from error

    @app.get("/ack/{token}")
    async def ask(request: Request, token: str) -> Response:
        return await pages.ask(request, by_token(token))

    @app.post("/ack/{token}")
    async def acknowledge(request: Request, token: str) -> Response:
        return await pages.acknowledge(request, by_token(token))

    @app.get("/k/{code}")
    async def ask_by_code(request: Request, code: str) -> Response:
        if code == NO_CODE:
            return redirect("/alerts")
        return await pages.ask(request, await codes.claim(request, code))

    @app.post("/k/{code}")
    async def acknowledge_by_code(request: Request, code: str) -> Response:
        return await pages.acknowledge(request, await codes.claim(request, code))


class _Codes:
    """Short codes. From one address some are taken at once, then one in a few seconds: whoever tries codes gets
    nowhere, and whoever shares the address with them waits no longer than that. It goes by the time that passes."""

    def __init__(self, desk: AlertDesk) -> None:
        self._desk = desk
        self._pace = Pace(CODES_PER_S, CODES_AT_ONCE)

    async def claim(self, request: Request, code: str) -> Claim:
        """Raises `Denied` for a code that is none, or no longer."""
        if wait_s := self._pace.wait_s(address_of(request), round(self._desk.clocks.mono_s() * 1e9)):
            raise Denied(429, "too-fast", seconds=wait_s)
        claim = await self._desk.ask(lambda store, now_ns: store.claim_of(code, now_ns))
        if claim is None:
            raise Denied(404, "link")
        return claim


class _Pages:
    """What is asked, and what is said once it was done."""

    def __init__(self, access: Access, desk: AlertDesk) -> None:
        self._page, self._language, self._desk = access.page, access.language, desk

    async def ask(self, request: Request, claimed: Claim) -> Response:
        rows = await self._desk.ask(lambda store, _now_ns: store.told_by(claimed.message))
        lang = self._language(request)
        return html_response(self._page.acknowledge(lang, rows, claimed.receiver, self._desk.clocks.now_ns()), lang)

    async def acknowledge(self, request: Request, claimed: Claim) -> Response:
        name = (await _form(request)).get("by", "").strip()[:64]
        by = f"{name} ({claimed.receiver})" if name else claimed.receiver
        done = await self._desk.ask(lambda store, now_ns: store.acknowledge_by_link(claimed.message, by, now_ns))
        if done is None:
            raise Denied(410, "used-link")
        lang = self._language(request)
        return html_response(self._page.note(lang, "ack.done" if done else "ack.nothing", who=by, n=len(done)), lang)


def add_calls(app: FastAPI, desk: AlertDesk) -> None:
    """`/in/CHANNEL`: services whose apps people answer call the hub."""

    async def taken(request: Request, channel: str, body: bytes) -> Response:
        found = desk.called(channel)
        if found is None:
            raise Denied(404, "not-found")
        try:
            answer = await found.called(Call(request.query_params, request.headers, body), desk.hear)
        except (DecodeError, DeliveryError) as error:
            log.warning("a call was refused", channel=channel, address=address_of(request), error=str(error))
            return Response(b"refused", 403 if isinstance(error, DecodeError) else 503, media_type="text/plain")
        after = BackgroundTask(answer.after) if answer.after is not None else None
        return Response(answer.body, media_type=answer.kind, background=after)

    @app.get("/in/{channel}")
    async def looked(request: Request, channel: str) -> Response:
        return await taken(request, channel, b"")

    @app.post("/in/{channel}")
    async def called(request: Request, channel: str) -> Response:
        return await taken(request, channel, await body_of(request, MAX_CALL_BYTES))


async def _form(request: Request) -> dict[str, str]:
    body = (await body_of(request)).decode("utf-8", "replace")
    return {key: values[0] for key, values in parse_qs(body).items()}


async def body_of(request: Request, most: int = MAX_FORM_BYTES) -> bytes:
    """Raises `Denied` for one that is too long."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise Denied(413, "too-long")
    return body
