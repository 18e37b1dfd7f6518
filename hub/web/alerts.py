"""Alerts in the console: all of them, one with its history, and what people say of them.

What is said carries the name of whoever is signed in, here and in the record. What is acknowledged without signing in
is `hub.web.acknowledging`.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from fastapi import Depends, FastAPI, Request, Response
from msgspec import Meta, Struct

from hub.accounts.audit import note
from hub.accounts.desk import Who
from hub.accounts.roles import Permission
from hub.alerts.desk import AlertDesk
from hub.alerts.links import Links
from hub.alerts.store import AlertStore, Silence
from hub.alerts.tables import LogLine
from hub.board import AlertRow
from hub.pictures.store import Pictures
from hub.web.access import Access, Denied, Form, redirect
from hub.web.acknowledging import add_calls, add_links, body_of
from hub.web.page import on_words
from hub.web.ways import act

LISTED = 200
WORDS = ("acknowledge", "resolve", "reopen", "silence")
MAX_HOURS = 24 * 31


class Said(Struct, frozen=True, forbid_unknown_fields=True):
    """What a program says of an alert; `hours` is how long to silence."""

    note: Annotated[str, Meta(max_length=500)] = ""
    hours: Annotated[float, Meta(gt=0, le=MAX_HOURS)] = 1.0


_said = msgspec.json.Decoder(Said)


def add_alerts(
    app: FastAPI, access: Access, desk: AlertDesk, links: Links | None, pictures: Pictures | None = None
) -> None:
    """`/alerts`, `/alerts/ID`, `POST /alerts/ID/WORD`, `POST /silences/ID/end`, the same for programs under `/api/`,
    and what `hub.web.acknowledging` adds, links with `links`."""
    _add_reading(app, access, desk, pictures)
    _add_words(app, access, desk)
    _add_api(app, access, desk)
    add_calls(app, desk)
    if links is not None:
        add_links(app, access, desk, links)


def _add_reading(app: FastAPI, access: Access, desk: AlertDesk, pictures: Pictures | None) -> None:
    reading = access.needs(Permission.BOARD)

    @app.get("/alerts")
    async def listed(request: Request, who: Who = Depends(reading)) -> Response:
        def read(store: AlertStore, now_ns: int) -> tuple[list[AlertRow], list[AlertRow], list[Silence]]:
            ended = [row for row in store.newest(LISTED) if row.state == "resolved"]
            return store.open_alerts(LISTED), ended, store.silences(now_ns)

        opened, ended, silences = await desk.ask(read)
        return access.draw(
            request, who, "alerts.html", "alerts-all", may=who.may(Permission.ALERTS),
            opened=opened, ended=ended, silences=silences,
        )  # fmt: skip

    @app.get("/alerts/{alert}")
    async def one(request: Request, alert: int, who: Who = Depends(reading)) -> Response:
        def read(store: AlertStore, _now_ns: int) -> tuple[AlertRow | None, list[LogLine]]:
            return (store.alert(alert), store.log(alert)) if _is_number(alert) else (None, [])

        row, log = await desk.ask(read)
        if row is None:
            raise Denied(404, "no-alert")
        may_see = who.may(Permission.HEALTH)
        pictured = await asyncio.to_thread(pictures.of_alert, row) if pictures is not None and may_see else b""
        return access.draw(
            request, who, "alert.html", "alert", may=who.may(Permission.ALERTS), row=row, log=log, words=on_words(row),
            pictured=bool(pictured), act=act(who, row.rule),
        )  # fmt: skip


def _add_words(app: FastAPI, access: Access, desk: AlertDesk) -> None:
    form_of = access.form(Permission.ALERTS)

    @app.post("/silences/{silence}/end")
    async def end(silence: int, form: Form = Depends(form_of)) -> Response:
        by = form.who.name
        if not _is_number(silence) or not await desk.ask(lambda store, now: store.end_silence(silence, by, now)):
            raise Denied(409, "alert-not-now")
        await _noted(access, form.who, "silence-ended", f"silence {silence}")
        return redirect("/alerts")

    @app.post("/alerts/{alert}/{word}")
    async def say(alert: int, word: str, form: Form = Depends(form_of)) -> Response:
        await _say(access, desk, form.who, alert, word, form.text("note", 500), form.text("hours", 20))
        return redirect(f"/alerts/{alert}")


def _add_api(app: FastAPI, access: Access, desk: AlertDesk) -> None:
    telling = access.needs(Permission.ALERTS)

    @app.post("/api/alerts/{alert}/{word}")
    async def say(request: Request, alert: int, word: str, who: Who = Depends(telling)) -> Response:
        try:
            said = _said.decode(await body_of(request) or b"{}")
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise Denied(400, "not-json", what=str(error)) from error
        await _say(access, desk, who, alert, word, said.note.strip(), str(said.hours))
        row = await desk.ask(lambda store, _now_ns: store.alert(alert))
        return Response(msgspec.json.encode(row), media_type="application/json")


async def _say(access: Access, desk: AlertDesk, who: Who, alert: int, word: str, text: str, hours: str) -> None:
    """Raises `Denied` for what cannot be said of this alert now."""
    if word not in WORDS or not _is_number(alert):
        raise Denied(404, "no-alert")
    if await desk.ask(lambda store, _now_ns: store.alert(alert)) is None:
        raise Denied(404, "no-alert")
    for_h = _hours(hours) if word == "silence" else 0.0
    if not await desk.ask(lambda store, now_ns: _tell(store, alert, word, who.name, text, for_h, now_ns)):
        raise Denied(409, "alert-not-now")
    await _noted(access, who, f"alert-{word}", f"alert {alert}")


async def _noted(access: Access, who: Who, action: str, subject: str) -> None:
    now_ns = access.now_ns()
    await access.database.write(lambda session: note(session, now_ns, who.login, action, subject))


def _tell(store: AlertStore, alert: int, word: str, by: str, text: str, for_h: float, now_ns: int) -> bool:
    if word == "silence":
        row = store.alert(alert)
        if row is None:
            return False
        until_ns = now_ns + round(for_h * 3600e9)
        store.silence(Silence(0, row.site, row.gate, row.rule, now_ns, until_ns, by, text), now_ns)
        return True
    said = {"acknowledge": store.acknowledge, "resolve": store.resolve, "reopen": store.reopen}[word]
    return said(alert, by, now_ns, text)


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = 0.0
    if not 0 < hours <= MAX_HOURS:
        raise Denied(400, "endless")
    return hours


def _is_number(key: int) -> bool:
    """Whether it can be a row's: what is no 64-bit number is none."""
    return 0 <= key < 2**63
