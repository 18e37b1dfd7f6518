"""Pages about isolation: who is isolated and on which day, one case with its readings, and how it ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Protocol

from fastapi import Depends, FastAPI, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.accounts.audit import note
from hub.accounts.desk import Who
from hub.accounts.roles import Permission, may
from hub.cases import ward
from hub.cases.models import Case, Cause, End
from hub.cases.ward import Cannot, Opening, PlaceRow, Row
from hub.registry.models import Person
from hub.registry.office import PeopleOffice, Touched
from hub.web.access import Access, Denied, Form, redirect

LISTED = 50


def add_cases(app: FastAPI, access: Access, office: PeopleOffice) -> None:
    """`/cases` and `/cases/ID`."""
    _add_list(app, access, office)
    _add_one(app, access, office)
    _add_steps(app, access, office)
    _add_close(app, access, office)


def _add_list(app: FastAPI, access: Access, office: PeopleOffice) -> None:
    seeing, form_of = access.needs(Permission.HEALTH), access.form(Permission.CASES_EDIT)

    @app.get("/cases")
    async def cases(request: Request, person: str = "", who: Who = Depends(seeing)) -> Response:
        return await _list(access, office, request, who, {"person": person[:40]})

    @app.post("/cases")
    async def opened(request: Request, form: Form = Depends(form_of)) -> Response:
        today, now_ns = office.today(), access.now_ns()

        def work(session: Session) -> tuple[int, Touched]:
            case = ward.open_case(session, _opening(session, form), today, by=form.who.login, now_ns=now_ns)
            return case.id, Touched(people=[case.person_id])

        try:
            case_id = await office.change(work)
        except Cannot as error:
            return await _list(access, office, request, form.who, form.fields, error)
        return redirect(f"/cases/{case_id}")


async def _list(
    access: Access,
    office: PeopleOffice,
    request: Request,
    who: Who,
    typed: Mapping[str, str],
    wrong: Cannot | None = None,
) -> Response:
    """The list; with what was typed and why it cannot be, where it cannot."""
    today, now_ns, start_ns = office.today(), access.now_ns(), office.day_start_ns()

    def read(session: Session) -> tuple[list[Row], Sequence[Case], list[PlaceRow]]:
        note(session, now_ns, who.login, "cases-seen")
        return ward.open_rows(session, today, start_ns), ward.closed_cases(session, LISTED), ward.places(session)

    rows, closed, places = await access.database.write(read)
    return access.draw(
        request, who, "cases.html", "cases", 409 if wrong else 200,
        rows=rows, closed=closed, places=places, causes=list(Cause), typed=typed, wrong=wrong,
        may_edit=may(who.role, Permission.CASES_EDIT), twice=ward.READINGS_A_DAY,
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
        raise Cannot("days", most=ward.MOST_DAYS)
    place_id = int(place) if place.isascii() and place.isdigit() else None
    return Opening(person_id, Cause(cause), int(days), place_id, form.text("note", 1000))


def _add_one(app: FastAPI, access: Access, office: PeopleOffice) -> None:
    seeing = access.needs(Permission.HEALTH)

    @app.get("/cases/{case_id}")
    async def case(request: Request, case_id: int, who: Who = Depends(seeing)) -> Response:
        return await _page(access, office, request, who, case_id)


async def _page(
    access: Access, office: PeopleOffice, request: Request, who: Who, case_id: int, wrong: Cannot | None = None
) -> Response:
    now_ns = access.now_ns()

    def read(session: Session) -> tuple[Case, int]:
        found = ward.one(session, case_id)
        if found is None:
            raise Denied(404, "no-record")
        note(session, now_ns, who.login, "case-seen", f"case {case_id}")
        return found, ward.day_of(found, office.today())

    found, day = await access.database.write(read)
    return access.draw(
        request, who, "case.html", "case", 409 if wrong else 200,
        case=found, day=day, ends=list(End), wrong=wrong, may_edit=may(who.role, Permission.CASES_EDIT),
    )  # fmt: skip


def _add_steps(app: FastAPI, access: Access, office: PeopleOffice) -> None:
    form_of = access.form(Permission.CASES_EDIT)

    @app.post("/cases/{case_id}/readings")
    async def measured(request: Request, case_id: int, form: Form = Depends(form_of)) -> Response:
        try:
            body_c = float(form.text("body_c", 8).replace(",", "."))
        except ValueError:
            body_c = float("nan")
        step = partial(ward.add_reading, body_c=body_c, symptoms=form.text("symptoms", 200))
        return await _step(access, office, request, form, case_id, step)

    @app.post("/cases/{case_id}/report")
    async def reported(request: Request, case_id: int, form: Form = Depends(form_of)) -> Response:
        return await _step(access, office, request, form, case_id, ward.report)

    @app.post("/cases/{case_id}/grid")
    async def in_grid(request: Request, case_id: int, form: Form = Depends(form_of)) -> Response:
        return await _step(access, office, request, form, case_id, ward.enter_in_grid)


class Step(Protocol):
    """Something that is done with a case and changes nothing at the gates. Raises `Cannot`."""

    def __call__(self, session: Session, case_id: int, *, by: str, now_ns: int) -> None: ...


async def _step(
    access: Access, office: PeopleOffice, request: Request, form: Form, case_id: int, step: Step
) -> Response:
    now_ns = access.now_ns()
    try:
        await access.database.write(lambda session: step(session, case_id, by=form.who.login, now_ns=now_ns))
    except Cannot as error:
        return await _page(access, office, request, form.who, case_id, error)
    return redirect(f"/cases/{case_id}")


def _add_close(app: FastAPI, access: Access, office: PeopleOffice) -> None:
    form_of = access.form(Permission.CASES_EDIT)

    @app.post("/cases/{case_id}/close")
    async def closed(request: Request, case_id: int, form: Form = Depends(form_of)) -> Response:
        end, why, today, now_ns = form.text("end", 16), form.text("note", 1000), office.today(), access.now_ns()

        def work(session: Session) -> tuple[None, Touched]:
            if end not in set(End):
                raise Cannot("end")
            case = ward.close_case(session, case_id, End(end), why, today, by=form.who.login, now_ns=now_ns)
            return None, Touched(people=[case.person_id])

        try:
            await office.change(work)
        except Cannot as error:
            return await _page(access, office, request, form.who, case_id, error)
        return redirect(f"/cases/{case_id}")
