"""The page about isolation: who is isolated, where, on which day, measured how often; and somebody more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from fastapi import Depends, FastAPI, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.accounts.audit import note
from hub.accounts.desk import Who
from hub.accounts.roles import Permission
from hub.cases import signs, ward
from hub.cases.models import Case, Cause
from hub.cases.settings import MOST_DAYS
from hub.cases.ward import Cannot, Opening, PlaceRow, Row
from hub.registry.models import Person
from hub.registry.office import Touched
from hub.web.access import Form, redirect
from hub.web.case_page import add_case_page
from hub.web.case_report import add_case_report
from hub.web.case_room import CaseRoom, chosen
from hub.web.tracing import add_tracing
from hub.web.unnamed import add_unnamed

LISTED = 50


class Listed(NamedTuple):
    """What the list shows."""

    rows: list[Row]
    closed: Sequence[Case]
    places: list[PlaceRow]
    unnamed: int


def add_cases(app: FastAPI, room: CaseRoom) -> None:
    """`/cases…`, and from an alert to its case."""
    _add_list(app, room)
    _add_placing(app, room)
    add_unnamed(app, room)  # before the pages whose address is a number
    add_case_page(app, room)
    add_tracing(app, room)
    add_case_report(app, room)


def _add_list(app: FastAPI, room: CaseRoom) -> None:
    access, office = room.access, room.office
    seeing, form_of = access.needs(Permission.HEALTH), access.form(Permission.CASES_EDIT)

    @app.get("/cases")
    async def cases(request: Request, person: str = "", who: Who = Depends(seeing)) -> Response:
        return await _list(room, request, who, {"person": person[:40]})

    @app.post("/cases")
    async def opened(request: Request, form: Form = Depends(form_of)) -> Response:
        today, now_ns = office.today(), access.now_ns()

        def work(session: Session) -> tuple[int, Touched]:
            case = ward.open_case(session, _opening(session, form), today, by=form.who.login, now_ns=now_ns)
            return case.id, Touched(people=[case.person_id])

        try:
            case_id = await office.change(work)
        except Cannot as error:
            return await _list(room, request, form.who, form.fields, error)
        return redirect(f"/cases/{case_id}")


def _add_placing(app: FastAPI, room: CaseRoom) -> None:
    form_of = room.access.form(Permission.CASES_EDIT)

    @app.post("/cases/place")
    async def placed(request: Request, form: Form = Depends(form_of)) -> Response:
        place, now_ns, by = form.text("place", 12), room.access.now_ns(), form.who.login
        place_id = int(place) if place.isascii() and place.isdigit() else 0
        try:
            await room.access.database.write(
                lambda session: ward.place_all(session, chosen(form, "case-"), place_id, by=by, now_ns=now_ns)
            )
        except Cannot as error:
            return await _list(room, request, form.who, {}, error)
        return redirect("/cases")


async def _list(
    room: CaseRoom, request: Request, who: Who, typed: Mapping[str, str], wrong: Cannot | None = None
) -> Response:
    """The list; with what was typed and why it cannot be, where it cannot."""
    access, office = room.access, room.office
    today, now_ns, start_ns = office.today(), access.now_ns(), office.day_start_ns()

    def read(session: Session) -> Listed:
        note(session, now_ns, who.login, "cases-seen")
        rows, waiting = ward.open_rows(session, today, start_ns), signs.unnamed(session, room.rules)
        return Listed(rows, ward.closed_cases(session, LISTED), ward.places(session), len(waiting))

    listed = await access.database.write(read)
    return access.draw(
        request, who, "cases.html", "cases", 409 if wrong else 200,
        listed=listed, causes=list(Cause), typed={"days": str(office.isolation.days), **typed}, wrong=wrong,
        may_edit=who.may(Permission.CASES_EDIT), twice=ward.READINGS_A_DAY,
    )  # fmt: skip


def _opening(session: Session, form: Form) -> Opening:
    """Raises `Cannot`."""
    number = form.text("person", 40)
    person_id = session.scalar(select(Person.id).where(Person.number == number))
    if person_id is None:
        raise Cannot("no-person-number", number=number)
    cause, days, place = form.text("cause", 16), form.text("days", 4), form.text("place", 12)
    if cause not in set(Cause):
        raise Cannot("cause")
    if not (days.isascii() and days.isdigit()):
        raise Cannot("days", most=MOST_DAYS)
    place_id = int(place) if place.isascii() and place.isdigit() else None
    return Opening(person_id, Cause(cause), int(days), place_id, form.text("note", 1000))
