"""The administrators' pages of gates: which there are and how they stand; enrolment, revocation, settings from afar."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import segno
from fastapi import Depends, FastAPI, Request, Response

from hub.accounts.desk import Who
from hub.accounts.roles import Permission
from hub.board import Snapshot
from hub.configurations import desk
from hub.configurations.desk import Wanted
from hub.token_keys import desk as token_keys
from hub.trust.service import Trust
from hub.web import gate_view
from hub.web.access import Access, Denied, Form, redirect
from hub.web.gate_view import GateLine
from hub.web.words import say
from wire.errors import BadName, EnrolmentError, SettingsError
from wire.messages import MAX_EVENT_BYTES
from wire.topics import check_name

MOST_WHY = 200
COMMAND = "sudo menshen edge enrol /etc/menshen/gate.toml {code}"


class Draft(NamedTuple):
    """Settings that somebody typed: what is wrong with them, else what they would change."""

    text: str
    fault: str = ""
    changes: tuple[str, ...] | None = None


class Desk(NamedTuple):
    """What the pages stand on."""

    access: Access
    snapshot: Callable[[], Snapshot]
    trust: Trust | None
    site: str


def add_gates(app: FastAPI, access: Access, snapshot: Callable[[], Snapshot], trust: Trust | None, site: str) -> None:
    """`/gates…`."""
    room = Desk(access, snapshot, trust, site)
    seeing, form_of = access.needs(Permission.GATES_EDIT), access.form(Permission.GATES_EDIT)

    @app.get("/gates")
    async def listing(request: Request, who: Who = Depends(seeing)) -> Response:
        return await _listing(room, request, who)

    @app.post("/gates")
    async def enrol(request: Request, form: Form = Depends(form_of)) -> Response:
        name = form.text("gate")
        try:
            code = await _trust(room).expect(name, by=form.who.login)
        except EnrolmentError:
            return await _listing(room, request, form.who, wrong=name)
        return _code_page(room, request, form.who, name, code)

    @app.get("/gates/{gate}")
    async def one(request: Request, gate: str, who: Who = Depends(seeing)) -> Response:
        return await _one(room, request, who, gate)

    @app.post("/gates/{gate}/revoke")
    async def revoke(request: Request, gate: str, form: Form = Depends(form_of)) -> Response:
        why = form.text("why", MOST_WHY)
        if not why:
            return await _one(room, request, form.who, gate, wrong="gate.no-reason")
        try:
            await _trust(room).revoke(gate, by=form.who.login, why=why)
        except EnrolmentError:
            return await _one(room, request, form.who, gate, wrong="gate.not-enrolled")
        return redirect(f"/gates/{gate}")

    @app.post("/gates/{gate}/settings")
    async def settings(request: Request, gate: str, form: Form = Depends(form_of)) -> Response:
        return await _settings(room, request, gate, form)


async def _listing(room: Desk, request: Request, who: Who, wrong: str | None = None) -> Response:
    return room.access.draw(
        request, who, "gates.html", "gates-page", 400 if wrong is not None else 200,
        lines=await _lines(room), has_authority=room.trust is not None, wrong=wrong, g=gate_view,
    )  # fmt: skip


async def _one(
    room: Desk, request: Request, who: Who, gate: str, *, wrong: str = "", draft: Draft | None = None
) -> Response:
    line = next((line for line in await _lines(room) if line.name == gate), None)
    if line is None:
        raise Denied(404, "no-record")
    bad = bool(wrong or (draft is not None and draft.fault))
    text = draft.text if draft else line.wanted.text if line.wanted else ""
    return room.access.draw(
        request, who, "gate.html", "gate-page", 400 if bad else 200,
        line=line, has_authority=room.trust is not None, wrong=wrong, draft=draft, text=text,
        most=MAX_EVENT_BYTES, most_why=MOST_WHY, g=gate_view,
    )  # fmt: skip


def _code_page(room: Desk, request: Request, who: Who, gate: str, code: str) -> Response:
    """The only page that ever shows the code; no browser keeps it (`no-store`)."""
    command = COMMAND.format(code=code)
    picture = segno.make_qr(command, error="m").svg_inline(omitsize=True, light="#fff", border=2)
    until_ns = room.access.now_ns() + _trust(room).code_ns
    return room.access.draw(
        request, who, "gate_code.html", "gate.code-page",
        gate=gate, code=code, command=command, picture=picture, until_ns=until_ns,
    )  # fmt: skip


async def _settings(room: Desk, request: Request, gate: str, form: Form) -> Response:
    """Look at what was typed, send it, or have the gate run its own file again."""
    act, by = form.fields.get("act", ""), form.who.login
    text = form.fields.get("text", "").replace("\r\n", "\n")
    if act not in {"check", "send", "own"}:
        raise Denied(400, "no-record")
    try:
        check_name(gate)
        if act != "own" and text.strip():
            desk.check(room.site, gate, text)
    except (BadName, SettingsError) as error:
        found = error.problems[0] if isinstance(error, SettingsError) else str(error)
        return await _one(room, request, form.who, gate, draft=Draft(text, found))
    if act != "own" and not text.strip():
        found = say(room.access.language(request), "gate.settings-no-text")
        return await _one(room, request, form.who, gate, draft=Draft(text, found))
    if act == "check":
        before = (await _wanted(room)).get(gate, Wanted(0, "")).text
        draft = Draft(text, changes=tuple(gate_view.changes(before, text)))
        return await _one(room, request, form.who, gate, draft=draft)
    wish = partial(
        desk.wish, site=room.site, gate=gate, text="" if act == "own" else text, by=by, now_ns=room.access.now_ns()
    )
    await room.access.database.write(wish)
    return redirect(f"/gates/{gate}#settings")


async def _lines(room: Desk) -> list[GateLine]:
    enrolled = [] if room.trust is None else await room.trust.rows()
    keys = None if room.trust is None else await room.access.database.read(token_keys.standing)
    return gate_view.lines_of(room.snapshot(), room.site, enrolled, await _wanted(room), keys)


async def _wanted(room: Desk) -> Mapping[str, Wanted]:
    return await room.access.database.read(desk.wanted)


def _trust(room: Desk) -> Trust:
    if room.trust is None:
        raise Denied(404, "gate-no-authority")
    return room.trust
