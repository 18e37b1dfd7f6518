"""Whose is it: fevers of somebody whose badge nobody knows, or who had none. Somebody names the person, or says why
not; until then nobody is isolated for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fastapi import Depends, FastAPI, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.accounts.audit import note
from hub.accounts.desk import Who
from hub.accounts.roles import Permission
from hub.cases import signs
from hub.cases.models import Sign
from hub.cases.signs import Unnamed
from hub.cases.ward import Cannot
from hub.registry.models import Person
from hub.registry.office import Touched
from hub.web.access import Form, redirect
from hub.web.case_room import CaseRoom

SETTLED = 30


def add_unnamed(app: FastAPI, room: CaseRoom) -> None:
    """`/cases/unnamed` and what is done there."""
    seeing, form_of = room.access.needs(Permission.HEALTH), room.access.form(Permission.CASES_EDIT)

    @app.get("/cases/unnamed")
    async def listed(request: Request, who: Who = Depends(seeing)) -> Response:
        return await _list(room, request, who)

    @app.post("/cases/unnamed/{sign_id:int}/name")
    async def named(request: Request, sign_id: int, form: Form = Depends(form_of)) -> Response:
        number = form.text("person", 40)

        def who_of(session: Session) -> int:
            person_id = session.scalar(select(Person.id).where(Person.number == number, Person.erased_ns.is_(None)))
            if person_id is None:
                raise Cannot("no-person-number", number=number)
            return person_id

        return await _claim(room, request, form, sign_id, who_of)

    @app.post("/cases/unnamed/{sign_id:int}/register")
    async def registered(request: Request, sign_id: int, form: Form = Depends(form_of)) -> Response:
        name, telephone, now_ns = form.text("name", 80), form.text("telephone", 40), room.access.now_ns()

        def made(session: Session) -> int:
            return signs.make_person(session, sign_id, name, telephone, by=form.who.login, now_ns=now_ns)

        return await _claim(room, request, form, sign_id, made)

    @app.post("/cases/unnamed/{sign_id:int}/dismiss")
    async def dismissed(request: Request, sign_id: int, form: Form = Depends(form_of)) -> Response:
        why, now_ns = form.text("why", 400), room.access.now_ns()
        try:
            await room.access.database.write(
                lambda session: signs.dismiss(session, sign_id, why, by=form.who.login, now_ns=now_ns)
            )
        except Cannot as error:
            return await _list(room, request, form.who, error, sign_id)
        return redirect("/cases/unnamed")


async def _claim(
    room: CaseRoom, request: Request, form: Form, sign_id: int, who_of: Callable[[Session], int]
) -> Response:
    now_ns = room.access.now_ns()

    def work(session: Session) -> tuple[int | None, Touched]:
        person_id = signs.claim(session, sign_id, who_of(session), room.rules, by=form.who.login, now_ns=now_ns)
        sign = session.get(Sign, sign_id)
        return (sign.case_id if sign else None), Touched(people=[person_id])

    try:
        case_id = await room.office.change(work)
    except Cannot as error:
        return await _list(room, request, form.who, error, sign_id)
    return redirect("/cases/unnamed" if case_id is None else f"/cases/{case_id}")


async def _list(
    room: CaseRoom, request: Request, who: Who, wrong: Cannot | None = None, at: int | None = None
) -> Response:
    now_ns = room.access.now_ns()

    def read(session: Session) -> tuple[list[Unnamed], Sequence[Sign]]:
        note(session, now_ns, who.login, "unnamed-fevers-seen")
        done = select(Sign).where(Sign.settled_why != "").order_by(Sign.settled_ns.desc()).limit(SETTLED)
        return signs.unnamed(session, room.rules), session.scalars(done).all()

    waiting, settled = await room.access.database.write(read)
    return room.access.draw(
        request, who, "unnamed.html", "cases.unnamed", 409 if wrong else 200,
        waiting=waiting, settled=settled, wrong=wrong, at=at, may_edit=who.may(Permission.CASES_EDIT),
    )  # fmt: skip
