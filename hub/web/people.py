"""Pages about who and what is registered: people and vehicles, alike but for their fields.

`/people` and `/vehicles`: a list to search, one record to read and change, a new one, import with preview, export.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from fastapi import Depends, FastAPI, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.accounts.audit import note
from hub.accounts.desk import Who
from hub.accounts.roles import Permission
from hub.cases.models import Case
from hub.registry import records, sheets
from hub.registry.fields import PEOPLE, VEHICLES, Cell, Fault, Field, Kind, Unfit, Value, written
from hub.registry.models import Person, Shift, Team, Vehicle
from hub.registry.office import PeopleOffice
from hub.registry.records import Asked
from hub.web.access import Access, Denied, Form, redirect
from hub.web.imports import add_imports, need_key
from hub.web.words import Lang

PAGE = 50
TYPES = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
}


class Room(NamedTuple):
    """The pages of one kind stand on this."""

    access: Access
    office: PeopleOffice
    kind: Kind

    @property
    def path(self) -> str:
        return f"/{self.kind.name}"


def add_people(app: FastAPI, access: Access, office: PeopleOffice) -> None:
    """`/people…` and `/vehicles…`."""
    for kind in (PEOPLE, VEHICLES):
        room = Room(access, office, kind)
        _add_list(app, room)
        _add_export(app, room)
        add_imports(app, access, office, kind)
        _add_new(app, room)
        _add_one(app, room)


def _add_list(app: FastAPI, room: Room) -> None:
    seeing = room.access.needs(Permission.PEOPLE)

    @app.get(room.path)
    async def listing(
        request: Request, q: str = "", after: str = "", everybody: str = "", who: Who = Depends(seeing)
    ) -> Response:
        now_ns = room.access.now_ns()
        words = "".join(char for char in q if char.isprintable()).strip()[:80]
        asked = Asked(words, after.replace("\0", "")[:80], bool(everybody), PAGE + 1, now_ns)
        find = partial(records.found, kind=room.kind, asked=asked, key=room.office.key)
        rows = [(one.id, records.record_of(one, now_ns)) for one in await _read(room, find)]
        more = rows[PAGE - 1][1][room.kind.key] if len(rows) > PAGE else ""
        shown = [room.kind.field(name) for name in _LISTED[room.kind.name]]
        return room.access.draw(
            request, who, "register.html", f"registered.{room.kind.name}",
            kind=room.kind, rows=rows[:PAGE], shown=shown, asked=asked, more=more,
            may_edit=who.may(Permission.PEOPLE_EDIT), has_key=room.office.key is not None,
        )  # fmt: skip


_LISTED = {
    "people": ("number", "name", "kind", "team", "badges", "telephone"),
    "vehicles": ("plate", "tag", "owner", "telephone", "purpose"),
}


async def _read(room: Room, find: Any) -> Sequence[Person] | Sequence[Vehicle]:  # noqa: ANN401 - a partial
    found: Sequence[Person] | Sequence[Vehicle] = await room.access.database.read(find)
    return found


def _add_export(app: FastAPI, room: Room) -> None:
    editing = room.access.needs(Permission.PEOPLE_EDIT)

    @app.get(f"{room.path}/export")
    async def export(request: Request, form: str = "xlsx", who: Who = Depends(editing)) -> Response:
        if form not in TYPES:
            raise Denied(404, "not-found")
        lang, now_ns = room.access.language(request), room.access.now_ns()

        def work(session: Session) -> bytes:
            note(session, now_ns, who.login, f"{room.kind.name}-exported")
            return _file(room.kind, records.all_records(session, room.kind, now_ns), lang, form)

        data = await room.access.database.write(work)
        name = f"{room.kind.name}-{room.office.today().isoformat()}.{form}"
        return Response(data, media_type=TYPES[form], headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _file(kind: Kind, found: Any, lang: Lang, form: str) -> bytes:  # noqa: ANN401 - an iterator of records
    headers = [label(lang, field) for field in kind.fields]
    rows = ([written(record[field.name], lang) for field in kind.fields] for record in found)
    return sheets.write_csv(headers, rows) if form == "csv" else sheets.write_excel(kind.name, headers, rows)


def label(lang: Lang, field: Field) -> str:
    """What a field is called on pages and in files."""
    return field.zh if lang == "zh" else field.en


def _add_new(app: FastAPI, room: Room) -> None:
    editing, form_of = room.access.needs(Permission.PEOPLE_EDIT), room.access.form(Permission.PEOPLE_EDIT)

    @app.get(f"{room.path}/new")
    async def new(request: Request, who: Who = Depends(editing)) -> Response:
        need_key(room.office)
        return await _sheet(request, room, who, None, room.kind.empty(), [])

    @app.post(room.path)
    async def add(request: Request, form: Form = Depends(form_of)) -> Response:
        need_key(room.office)
        cells = _cells(room.kind, form)
        try:
            await room.office.put(room.kind, cells, by=form.who.login, known=None)
        except Unfit as error:
            return await _sheet(request, room, form.who, None, cells, error.faults)
        return redirect(room.path)


def _add_one(app: FastAPI, room: Room) -> None:
    seeing, form_of = room.access.needs(Permission.PEOPLE), room.access.form(Permission.PEOPLE_EDIT)

    @app.get(room.path + "/{record_id:int}")
    async def one(request: Request, record_id: int, who: Who = Depends(seeing)) -> Response:
        now_ns = room.access.now_ns()

        def work(session: Session) -> dict[str, Value]:
            found = _of(session, room.kind, record_id, now_ns)
            note(session, now_ns, who.login, f"{_ONE[room.kind.name]}-seen", f"{_ONE[room.kind.name]} {record_id}")
            return found

        record = await room.access.database.write(work)
        return await _sheet(request, room, who, record_id, record, [])

    @app.post(room.path + "/{record_id:int}")
    async def change(request: Request, record_id: int, form: Form = Depends(form_of)) -> Response:
        need_key(room.office)
        old = await room.access.database.read(lambda session: _of(session, room.kind, record_id, room.access.now_ns()))
        known = str(old[room.kind.key])
        cells = {**_cells(room.kind, form), room.kind.key: known}
        try:
            await room.office.put(room.kind, cells, by=form.who.login, known=known)
        except Unfit as error:
            return await _sheet(request, room, form.who, record_id, cells, error.faults)
        return redirect(f"{room.path}/{record_id}?saved=1")


LISTED = 5
"""Cases of somebody, the newest, that their record leads to."""
_ONE = {"people": "person", "vehicles": "vehicle"}


def _of(session: Session, kind: Kind, record_id: int, now_ns: int) -> dict[str, Value]:
    found = records.by_id(session, kind, record_id) if record_id < 2**63 else None
    if found is None:
        raise Denied(404, "no-record")
    return records.record_of(found, now_ns)


def _cells(kind: Kind, form: Form) -> dict[str, Cell]:
    """What was typed; a box that is not ticked is not sent."""
    boxes = {field.name for field in kind.fields if isinstance(field.empty, bool)}
    return {field.name: form.text(field.name, 1000) or ("no" if field.name in boxes else "") for field in kind.fields}


async def _sheet(
    request: Request,
    room: Room,
    who: Who,
    record_id: int | None,
    values: Mapping[str, Value] | Mapping[str, Cell],
    faults: Sequence[Fault],
) -> Response:
    """The form of one record, with what was typed and what is wrong with it."""
    person = record_id if room.kind.name == "people" and who.may(Permission.HEALTH) else None

    def known(session: Session) -> tuple[Sequence[str], Sequence[str], Sequence[Case]]:
        cases = session.scalars(select(Case).where(Case.person_id == person).order_by(Case.id.desc()).limit(LISTED))
        shifts = session.scalars(select(Shift.name).order_by(Shift.from_min, Shift.name)).all()
        return session.scalars(select(Team.name).order_by(Team.name)).all(), shifts, cases.all()

    teams, shifts, cases = await room.access.database.read(known)
    typed = {name: value if isinstance(value, str) else _typed(value) for name, value in values.items()}
    wrong: dict[str, Fault] = {}
    for fault in faults:
        wrong.setdefault(fault.field, fault)
    may_edit = who.may(Permission.PEOPLE_EDIT) and room.office.key is not None
    return room.access.draw(
        request, who, "record.html", f"registered.{room.kind.name}", 400 if faults else 200,
        kind=room.kind, record_id=record_id, typed=typed, wrong=wrong, teams=teams, shifts=shifts, may_edit=may_edit,
        cases=cases, saved=bool(request.query_params.get("saved")) and not faults,
    )  # fmt: skip


def _typed(value: Any) -> str:  # noqa: ANN401 - a value of any field
    return written(value, "en")
