"""Pages of sick leave and holidays: who is away, said by HR here or by the people on their telephones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from fastapi import Depends, FastAPI, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.accounts.audit import note
from hub.accounts.desk import Who
from hub.accounts.roles import Permission
from hub.duties import absences as work
from hub.duties.absences import BY_TELEPHONE, Refused, Said
from hub.duties.files import ABSENCES
from hub.duties.models import Absence, AbsenceKind
from hub.registry.fields import Wrong, date_of
from hub.registry.models import Person
from hub.registry.office import PeopleOffice, Touched
from hub.web.access import Access, Form, redirect
from hub.web.duty_files import Room, add_files

PAGE = 100


def add_absences(app: FastAPI, access: Access, office: PeopleOffice) -> None:
    """`/absences…`."""
    add_files(app, Room(access, office, ABSENCES, "/absences", "/absences", Permission.HEALTH))
    _add_list(app, access, office)
    _add_changes(app, access, office)


def _add_list(app: FastAPI, access: Access, office: PeopleOffice) -> None:
    seeing = access.needs(Permission.HEALTH)

    @app.get("/absences")
    async def listing(request: Request, who: Who = Depends(seeing)) -> Response:
        return await _page(request, access, office, who)


async def _page(
    request: Request, access: Access, office: PeopleOffice, who: Who,
    typed: Mapping[str, str] | None = None, wrong: Refused | None = None,
) -> Response:  # fmt: skip
    now_ns, given = access.now_ns(), request.query_params
    try:
        since = day_of(given.get("from", "")) or office.today()
    except Refused:
        since = office.today()
    after = int(given["after"]) if given.get("after", "").isdigit() and len(given["after"]) < 18 else 0

    def read(session: Session) -> list[Absence]:
        note(session, now_ns, who.login, "absences-seen")
        return list(work.between(session, since, None, PAGE + 1, after))

    found = await access.database.write(read)
    return access.draw(
        request, who, "absences.html", "absences", 409 if wrong else 200,
        found=found[:PAGE], more=found[PAGE - 1].id if len(found) > PAGE else 0, since=since, after=after,
        kinds=list(AbsenceKind), typed=typed or {}, wrong=wrong, today=office.today(), by_telephone=BY_TELEPHONE,
        may_edit=who.may(Permission.PEOPLE_EDIT),
    )  # fmt: skip


def day_of(text: str) -> date | None:
    """A day, None where there is none. Raises `Refused`."""
    try:
        return date_of(text) if text else None
    except Wrong:
        raise Refused("date", found=text[:20]) from None


def _add_changes(app: FastAPI, access: Access, office: PeopleOffice) -> None:
    form_of = access.form(Permission.PEOPLE_EDIT)

    async def change(request: Request, form: Form, step: Callable[[Session], Absence]) -> Response:
        def whole(session: Session) -> tuple[None, Touched]:
            return None, Touched(people=[step(session).person_id])

        try:
            await office.change(whole)
        except Refused as error:
            return await _page(request, access, office, form.who, form.fields, error)
        return redirect("/absences")

    @app.post("/absences")
    async def said(request: Request, form: Form = Depends(form_of)) -> Response:
        by, now_ns, today = form.who.login, access.now_ns(), office.today()

        def step(session: Session) -> Absence:
            return work.say(session, _said(session, form, today), by=by, now_ns=now_ns)

        return await change(request, form, step)

    @app.post("/absences/{absence_id:int}/end")
    async def ended(request: Request, absence_id: int, form: Form = Depends(form_of)) -> Response:
        by, now_ns, today = form.who.login, access.now_ns(), office.today()

        def step(session: Session) -> Absence:
            until = day_of(form.text("until", 20)) or today
            return work.end(session, min(absence_id, 2**63 - 1), until, by=by, now_ns=now_ns)

        return await change(request, form, step)

    @app.post("/absences/{absence_id:int}/withdraw")
    async def withdrawn(request: Request, absence_id: int, form: Form = Depends(form_of)) -> Response:
        by, now_ns = form.who.login, access.now_ns()

        def step(session: Session) -> Absence:
            return work.withdraw(session, min(absence_id, 2**63 - 1), by=by, now_ns=now_ns)

        return await change(request, form, step)


def _said(session: Session, form: Form, today: date) -> Said:
    """Raises `Refused`."""
    number, kind = form.text("person", 40), form.text("kind", 16)
    person = session.scalar(select(Person.id).where(Person.number == number, Person.erased_ns.is_(None)))
    if person is None:
        raise Refused("no-number", number=number)
    if kind not in set(AbsenceKind):
        raise Refused("kind")
    from_on, until_on = day_of(form.text("from", 20)) or today, day_of(form.text("until", 20))
    return Said(person, AbsenceKind(kind), from_on, until_on, form.text("symptoms", 200), form.text("note", 400))
