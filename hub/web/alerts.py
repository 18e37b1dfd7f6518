"""Alerts in the console: all of them, one with its history, and what people say of them; and the page behind a link.

There is no login yet. What changes anything is off unless the settings turn it on or the caller has the API key, is
taken from the console's own pages only (the browser says where a form comes from), and always carries a name. A signed
link from a page carries its own right, good once; it asks for a POST, for telephones fetch links to show a preview.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from fastapi import FastAPI, Request, Response

from hub.alerts.desk import AlertDesk
from hub.alerts.links import Claim, Links
from hub.alerts.store import AlertStore, Silence
from hub.alerts.tables import LogLine
from hub.board import AlertRow
from hub.web.page import Page
from hub.web.words import Lang
from wire.errors import DecodeError

LISTED = 200
MAX_FORM_BYTES = 10_000
WORDS = ("acknowledge", "resolve", "reopen", "silence")
MAX_HOURS = 24 * 31


class Rights(NamedTuple):
    """Who may change alerts: whoever reaches the console (`actions`), and programs with the key."""

    actions: bool = False
    api_key: bytes | None = None
    public_host: str | None = None
    """The host by which the console is known outside; an address by number needs no name."""


class Refused(Exception):
    """A change that is not taken: an HTTP status, and the key of the words that say why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


def add_alerts(
    app: FastAPI, desk: AlertDesk, page: Page, rights: Rights, links: Links | None, language: Callable[[Request], Lang]
) -> None:
    """`/alerts`, `/alerts/ID`, `POST /alerts/ID/WORD`, `POST /silences/ID/end` and, with `links`, `/ack/TOKEN`."""
    _add_reading(app, desk, page, rights, language)
    _add_words(app, desk, rights)
    if links is not None:
        _add_links(app, desk, page, links, language)

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        lang = language(request)
        return _html(page.note(lang, f"refused.{error.why}"), lang, error.status)


def _add_reading(
    app: FastAPI, desk: AlertDesk, page: Page, rights: Rights, language: Callable[[Request], Lang]
) -> None:
    @app.get("/alerts")
    async def listed(request: Request) -> Response:
        def read(store: AlertStore, now_ns: int) -> tuple[list[AlertRow], list[AlertRow], list[Silence], int]:
            ended = [row for row in store.newest(LISTED) if row.state == "resolved"]
            return store.open_alerts(LISTED), ended, store.silences(now_ns), now_ns

        opened, ended, silences, now_ns = await desk.ask(read)
        lang = language(request)
        return _html(page.alerts(lang, opened, ended, silences, now_ns, may=rights.actions), lang)

    @app.get("/alerts/{alert}")
    async def one(request: Request, alert: int) -> Response:
        def read(store: AlertStore, now_ns: int) -> tuple[AlertRow | None, list[LogLine], int]:
            return store.alert(alert), store.log(alert), now_ns

        row, log, now_ns = await desk.ask(read)
        if row is None:
            raise Refused(404, "unknown")
        lang = language(request)
        return _html(page.alert(lang, row, log, now_ns, may=rights.actions), lang)


def _add_words(app: FastAPI, desk: AlertDesk, rights: Rights) -> None:
    @app.post("/silences/{silence}/end")
    async def end(request: Request, silence: int) -> Response:
        check(request, rights)
        by = (await _form(request)).get("by", "").strip()[:64]
        if not by:
            raise Refused(400, "nameless")
        if not await desk.ask(lambda store, now_ns: store.end_silence(silence, by, now_ns)):
            raise Refused(409, "not-now")
        return Response(status_code=303, headers={"Location": "/alerts"})

    @app.post("/alerts/{alert}/{word}")
    async def say(request: Request, alert: int, word: str) -> Response:
        check(request, rights)
        form = await _form(request)
        by, note = form.get("by", "").strip()[:64], form.get("note", "").strip()[:500]
        if word not in WORDS:
            raise Refused(404, "unknown")
        if not by:
            raise Refused(400, "nameless")
        if not await desk.ask(lambda store, now_ns: _say(store, alert, word, by, note, form, now_ns)):
            raise Refused(409, "not-now")
        return Response(status_code=303, headers={"Location": f"/alerts/{alert}"})


def _say(store: AlertStore, alert: int, word: str, by: str, note: str, form: dict[str, str], now_ns: int) -> bool:
    if word == "silence":
        row = store.alert(alert)
        if row is None:
            return False
        until_ns = now_ns + round(_hours(form.get("hours", "")) * 3600e9)
        store.silence(Silence(0, row.site, row.gate, row.rule, now_ns, until_ns, by, note), now_ns)
        return True
    said = {"acknowledge": store.acknowledge, "resolve": store.resolve, "reopen": store.reopen}[word]
    return said(alert, by, now_ns, note)


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = 0.0
    if not 0 < hours <= MAX_HOURS:
        raise Refused(400, "endless")
    return hours


def _add_links(app: FastAPI, desk: AlertDesk, page: Page, links: Links, language: Callable[[Request], Lang]) -> None:
    def claim(token: str) -> Claim:
        try:
            return links.read(token, desk.clocks.now_ns())
        except DecodeError as error:
            raise Refused(410 if "no longer" in str(error) else 404, "link") from error

    @app.get("/ack/{token}")
    async def ask(request: Request, token: str) -> Response:
        claimed = claim(token)
        rows = await desk.ask(lambda store, now_ns: store.told_by(claimed.message))
        lang = language(request)
        return _html(page.acknowledge(lang, rows, claimed.receiver, desk.clocks.now_ns()), lang)

    @app.post("/ack/{token}")
    async def acknowledge(request: Request, token: str) -> Response:
        claimed = claim(token)
        name = (await _form(request)).get("by", "").strip()[:64]
        by = f"{name} ({claimed.receiver})" if name else claimed.receiver
        done = await desk.ask(lambda store, now_ns: store.acknowledge_by_link(claimed.message, by, now_ns))
        if done is None:
            raise Refused(410, "used")
        lang = language(request)
        return _html(page.note(lang, "ack.done" if done else "ack.nothing", who=by, n=len(done)), lang)


def check(request: Request, rights: Rights) -> None:
    """Raises `Refused` for a change that this caller may not make."""
    given = request.headers.get("x-api-key")
    if given is not None:
        if rights.api_key is None or not hmac.compare_digest(given.encode(), rights.api_key):
            raise Refused(403, "key")
        return
    if not rights.actions:
        raise Refused(403, "off")
    host = request.headers.get("host", "")
    if request.headers.get("origin", "") not in {f"http://{host}", f"https://{host}"} or not _is_ours(host, rights):
        raise Refused(403, "origin")


def _is_ours(host: str, rights: Rights) -> bool:
    """Whether the browser reached us by a name of ours: by another's name, a foreign page could pass for our own."""
    name = urlsplit(f"//{host}").hostname or ""
    if name in {"localhost", rights.public_host}:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


async def _form(request: Request) -> dict[str, str]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise Refused(413, "too-long")
    return {key: values[0] for key, values in parse_qs(body.decode("utf-8", "replace")).items()}


def _html(html: str, lang: Lang, status: int = 200) -> Response:
    headers = {"Content-Language": lang, "Vary": "Accept-Language"}
    return Response(html, status_code=status, media_type="text/html", headers=headers)
