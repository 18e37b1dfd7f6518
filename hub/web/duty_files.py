"""Importing and exporting rotas, single days, absences, shifts and teams: upload, a preview of what each row does, then
doing it.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from fastapi import Depends, FastAPI, Request, Response
from sqlalchemy.orm import Session

from hub.accounts.audit import note
from hub.accounts.desk import Who
from hub.accounts.roles import Permission
from hub.duties.files import Hand, Outcome, carry_out, digest, read, rows_of
from hub.duties.preview import calendar_of, mistakes
from hub.registry import sheets
from hub.registry.fields import Fault, Kind, Unfit
from hub.registry.office import PeopleOffice, Touched
from hub.registry.sheets import Sheet
from hub.web.access import Access, Denied, Form, redirect
from hub.web.imports import Parcel, Parcels
from hub.web.people import TYPES, label

SHOWN = 200


class _Undone(Exception):
    """Undoes a transaction whose outcome is only looked at."""

    def __init__(self, outcomes: list[Outcome]) -> None:
        super().__init__()
        self.outcomes = outcomes


class Room(NamedTuple):
    """Files of one kind, at `path`; who may see them, and whither one goes back."""

    access: Access
    office: PeopleOffice
    kind: Kind
    path: str
    back: str
    seeing: Permission
    editing: Permission = Permission.PEOPLE_EDIT


def add_files(app: FastAPI, room: Room) -> None:
    """`PATH/import` and `PATH/export`."""
    access, path = room.access, room.path
    editing, form_of = access.needs(room.editing), access.form(room.editing)
    parcels = Parcels()

    @app.get(f"{path}/import")
    async def upload(request: Request, who: Who = Depends(editing)) -> Response:
        return _ask(room, request, who, [])

    @app.post(f"{path}/import")
    async def uploaded(request: Request, form: Form = Depends(form_of)) -> Response:
        file = form.files.get("file")
        data = b"" if file is None else await file.read()
        if not data:
            return _ask(room, request, form.who, [Fault("", "file-none")])
        try:
            sheet = await asyncio.to_thread(read, data, room.kind, room.office.today())
        except Unfit as error:
            return _ask(room, request, form.who, error.faults)
        outcomes = await _preview(room, sheet, form.who.login)
        number = parcels.put(Parcel(form.who.login, sheet))
        return _show(room, request, form.who, number, outcomes)

    @app.post(path + "/import/{number}")
    async def confirmed(request: Request, number: str, form: Form = Depends(form_of)) -> Response:
        sheet = parcels.of(number, form.who.login)
        if sheet is None:
            return _ask(room, request, form.who, [Fault("", "file-gone")])
        wanted = form.text("digest")
        try:
            done = await _carry_out(room, sheet, form.who.login, wanted)
        except _Undone as undone:
            return _show(room, request, form.who, number, undone.outcomes, outdated=True)
        parcels.done(number)
        return redirect(f"{path}/import?done={done}")

    _add_export(app, room)


def _ask(room: Room, request: Request, who: Who, faults: list[Fault]) -> Response:
    done = request.query_params.get("done", "")
    return room.access.draw(
        request, who, "duty_import.html", f"registered.{room.kind.name}", 400 if faults else 200,
        room=room, kind=room.kind, faults=faults, done=done if done.isdigit() else "",
    )  # fmt: skip


def _show(
    room: Room, request: Request, who: Who, number: str, outcomes: list[Outcome], *, outdated: bool = False
) -> Response:
    wrong = [one for one in outcomes if one.done is None]
    changed = [one for one in outcomes if one.done is not None and one.done.changed]
    return room.access.draw(
        request, who, "duty_preview.html", f"registered.{room.kind.name}", 400 if wrong else 200,
        room=room, kind=room.kind, number=number, wrong=mistakes(wrong), changed=changed,
        same=len(outcomes) - len(changed), digest=digest(outcomes), outdated=outdated, most=SHOWN,
        calendar=calendar_of(changed),
    )  # fmt: skip


async def _preview(room: Room, sheet: Sheet, by: str) -> list[Outcome]:
    def work(session: Session) -> None:
        raise _Undone(carry_out(session, room.kind, sheet, Hand(by, room.access.now_ns())))

    try:
        await room.access.database.write(work)
    except _Undone as undone:
        return undone.outcomes
    return []


async def _carry_out(room: Room, sheet: Sheet, by: str, wanted: str) -> int:
    """How many rows changed something. Raises `_Undone` where it is not what the preview showed."""
    now_ns = room.access.now_ns()

    def work(session: Session) -> tuple[int, Touched]:
        outcomes = carry_out(session, room.kind, sheet, Hand(by, now_ns))
        if digest(outcomes) != wanted or any(one.done is None for one in outcomes):
            raise _Undone(outcomes)
        done = [one.done for one in outcomes if one.done is not None and one.done.changed]
        note(session, now_ns, by, f"{room.kind.name}-imported", changed=len(done))
        everybody = any(one.people is None for one in done)
        people = set() if everybody else {person for one in done for person in one.people or ()}
        return len(done), Touched(people=people, teams=everybody)

    return await room.office.change(work)


def _add_export(app: FastAPI, room: Room) -> None:
    seeing = room.access.needs(room.seeing)

    @app.get(f"{room.path}/export")
    async def export(request: Request, form: str = "xlsx", who: Who = Depends(seeing)) -> Response:
        if form not in TYPES:
            raise Denied(404, "not-found")
        lang, now_ns, today = room.access.language(request), room.access.now_ns(), room.office.today()

        def work(session: Session) -> list[list[str]]:
            note(session, now_ns, who.login, f"{room.kind.name}-exported")
            return rows_of(session, room.kind, today)

        rows = await room.access.database.write(work)
        headers = [label(lang, field) for field in room.kind.fields]
        made = sheets.write_csv(headers, rows) if form == "csv" else sheets.write_excel(room.kind.name, headers, rows)
        name = f'attachment; filename="{room.kind.name}-{today.isoformat()}.{form}"'
        return Response(made, media_type=TYPES[form], headers={"Content-Disposition": name})
