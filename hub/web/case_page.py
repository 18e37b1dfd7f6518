"""The page of one case: the person, what opened it, what is to be done and was done, and every step of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple, Protocol

from fastapi import Depends, FastAPI, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from hub.accounts.audit import note
from hub.accounts.desk import Who
from hub.accounts.models import AuditEntry
from hub.accounts.roles import Permission
from hub.alerts.store import AlertStore
from hub.board import AlertRow
from hub.cases import steps, ward
from hub.cases.models import Case, End, Sign
from hub.cases.ward import CHOSEN, Cannot, PlaceRow
from hub.registry.office import Touched
from hub.web.access import Denied, Form, redirect
from hub.web.case_room import CaseRoom

HISTORY = 200
_LOOKS = ("case-seen", "case-found")


class Shown(NamedTuple):
    """Everything that the database has for the page of a case."""

    case: Case
    contacts: Sequence[Case]
    places: list[PlaceRow]
    history: Sequence[AuditEntry]
    normal: Sign | None
    """What a contact thermometer showed after the last fever, where a person is to decide by it."""


def add_case_page(app: FastAPI, room: CaseRoom) -> None:
    """`/cases/ID`, its steps, and from an alert to its case."""
    _add_one(app, room)
    _add_from_alert(app, room)
    _add_steps(app, room)
    _add_close(app, room)


def _add_one(app: FastAPI, room: CaseRoom) -> None:
    seeing = room.access.needs(Permission.HEALTH)

    @app.get("/cases/{case_id:int}")
    async def case(request: Request, case_id: int, who: Who = Depends(seeing)) -> Response:
        return await page(room, request, who, case_id)


async def page(room: CaseRoom, request: Request, who: Who, case_id: int, wrong: Cannot | None = None) -> Response:
    """The page; with why something cannot be, where it cannot."""
    access, office, now_ns = room.access, room.office, room.access.now_ns()

    def read(session: Session) -> Shown:
        found = ward.one(session, case_id) if case_id < 2**63 else None
        if found is None:
            raise Denied(404, "no-record")
        note(session, now_ns, who.login, "case-seen", f"case {case_id}")
        return Shown(
            found, _contacts(session, case_id), ward.places(session), _history(session, case_id), _normal(room, found)
        )

    shown = await access.database.write(read)
    trace_days = office.isolation.trace_days
    days = ward.reading_days(shown.case, office.today(), office.day_of)
    today = len(days[0].readings) if days and days[0].on == office.today() else 0
    return access.draw(
        request, who, "case.html", "case", 409 if wrong else 200,
        case=shown.case, shown=shown, day=ward.day_of(shown.case, office.today()), days=days, wrong=wrong,
        steps=steps.steps(shown.case, readings_today=today, contacts=len(shown.contacts)),
        alerts=await _alerts(room, shown.case), passes=await room.movements(shown.case, trace_days),
        trace_days=trace_days, ends=CHOSEN, twice=ward.READINGS_A_DAY,
        may_edit=who.may(Permission.CASES_EDIT), abnormal=steps.ABNORMAL,
    )  # fmt: skip


def _contacts(session: Session, case_id: int) -> Sequence[Case]:
    query = select(Case).where(Case.contact_of_id == case_id).options(selectinload(Case.person))
    return session.scalars(query.order_by(Case.id)).all()


def _history(session: Session, case_id: int) -> Sequence[AuditEntry]:
    """Who did what; who only looked is in the whole record."""
    about = select(AuditEntry).where(AuditEntry.subject == f"case {case_id}", AuditEntry.action.not_in(_LOOKS))
    return session.scalars(about.order_by(AuditEntry.id.desc()).limit(HISTORY)).all()


def _normal(room: CaseRoom, case: Case) -> Sign | None:
    now = room.rules.standing(case.signs)
    if case.closed_ns is not None or now.normal_ns is None:
        return None
    return next((sign for sign in case.signs if sign.time_ns == now.normal_ns), None)


async def _alerts(room: CaseRoom, case: Case) -> dict[str, AlertRow]:
    """The alerts of the case's signs, by their keys."""
    keys = {sign.alert_key for sign in case.signs if sign.alert_key}
    if room.desk is None or not keys:
        return {}
    return await room.desk.ask(lambda store, _now_ns: store.newest_of(keys))


def _add_from_alert(app: FastAPI, room: CaseRoom) -> None:
    seeing = room.access.needs(Permission.HEALTH)

    @app.get("/alerts/{alert}/case")
    async def of_alert(alert: int, who: Who = Depends(seeing)) -> Response:
        def key(store: AlertStore, _now_ns: int) -> str:
            row = store.alert(alert) if alert < 2**63 else None
            return "" if row is None else row.key

        alert_key = await room.desk.ask(key) if room.desk is not None else ""
        if not alert_key:
            raise Denied(404, "no-record")
        sign = await room.access.database.read(
            lambda session: session.scalars(select(Sign).where(Sign.alert_key == alert_key)).first()
        )
        if sign is None or (sign.case_id is None and sign.person_id is not None):
            raise Denied(404, "no-case-of-alert")
        return redirect(f"/cases/{sign.case_id}" if sign.case_id is not None else f"/cases/unnamed#sign-{sign.id}")


def _add_steps(app: FastAPI, room: CaseRoom) -> None:
    form_of = room.access.form(Permission.CASES_EDIT)

    @app.post("/cases/{case_id:int}/readings")
    async def measured(request: Request, case_id: int, form: Form = Depends(form_of)) -> Response:
        try:
            body_c = float(form.text("body_c", 8).replace(",", "."))
        except ValueError:
            body_c = float("nan")
        doing = partial(ward.add_reading, body_c=body_c, symptoms=form.text("symptoms", 200))
        return await _step(room, request, form, case_id, doing)

    @app.post("/cases/{case_id:int}/report")
    async def reported(request: Request, case_id: int, form: Form = Depends(form_of)) -> Response:
        return await _step(room, request, form, case_id, ward.report)

    @app.post("/cases/{case_id:int}/grid")
    async def in_grid(request: Request, case_id: int, form: Form = Depends(form_of)) -> Response:
        return await _step(room, request, form, case_id, ward.enter_in_grid)

    @app.post("/cases/{case_id:int}/move")
    async def moved(request: Request, case_id: int, form: Form = Depends(form_of)) -> Response:
        place, hospital = form.text("place", 12), form.text("hospital", 80)
        place_id = int(place) if place.isascii() and place.isdigit() else None
        return await _step(room, request, form, case_id, partial(ward.move, place_id=place_id, hospital=hospital))


class Step(Protocol):
    """Something that is done with a case; a camera's word is then no longer all that it rests on. Raises `Cannot`."""

    def __call__(self, session: Session, case_id: int, *, by: str, now_ns: int) -> None: ...


async def _step(room: CaseRoom, request: Request, form: Form, case_id: int, step: Step) -> Response:
    now_ns = room.access.now_ns()

    def work(session: Session) -> tuple[None, Touched]:
        step(session, case_id, by=form.who.login, now_ns=now_ns)
        case = session.get(Case, case_id)
        return None, Touched(people=[] if case is None else [case.person_id])

    try:
        await room.office.change(work)
    except Cannot as error:
        return await page(room, request, form.who, case_id, error)
    return redirect(f"/cases/{case_id}")


def _add_close(app: FastAPI, room: CaseRoom) -> None:
    form_of = room.access.form(Permission.CASES_EDIT)

    @app.post("/cases/{case_id:int}/close")
    async def closed(request: Request, case_id: int, form: Form = Depends(form_of)) -> Response:
        end, why, now_ns = form.text("end", 16), form.text("note", 1000), room.access.now_ns()
        today = room.office.today()

        def work(session: Session) -> tuple[None, Touched]:
            if end not in set(End):
                raise Cannot("end")
            case = ward.close_case(session, case_id, End(end), why, today, by=form.who.login, now_ns=now_ns)
            return None, Touched(people=[case.person_id])

        try:
            await room.office.change(work)
        except Cannot as error:
            return await page(room, request, form.who, case_id, error)
        return redirect(f"/cases/{case_id}")
