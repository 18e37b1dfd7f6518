"""The page of somebody's contacts: who was near, why, the most exposed first; and their isolation with one click."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from fastapi import Depends, FastAPI, Request, Response
from sqlalchemy.orm import Session

from hub.accounts.audit import note
from hub.accounts.desk import Who
from hub.accounts.roles import Permission
from hub.cases import contacts, ward
from hub.cases.contacts import Contact
from hub.cases.models import Case, Cause
from hub.cases.settings import MOST_DAYS
from hub.cases.ward import Cannot, Opening
from hub.projections.passes import Near
from hub.registry.models import Person
from hub.registry.office import Touched
from hub.web.access import Denied, Form, redirect
from hub.web.case_room import CaseRoom, chosen, span_of

LISTED = 300
MOST_MIN = 240.0
_MIN_NS = 60 * 10**9


class Asked(NamedTuple):
    """How far back, and how near in time."""

    days: int
    window_min: float


class Traced(NamedTuple):
    """What was found of a case's contacts: those that are shown, and how many there are."""

    case: Case
    asked: Asked
    shown: Sequence[Contact]
    total: int
    people: dict[int, Person]
    isolated: dict[int, int]
    strangers: int


def add_tracing(app: FastAPI, room: CaseRoom) -> None:
    """`/cases/ID/contacts`."""
    seeing, form_of = room.access.needs(Permission.HEALTH), room.access.form(Permission.CASES_EDIT)

    @app.get("/cases/{case_id:int}/contacts")
    async def listed(
        request: Request, case_id: int, days: str = "", minutes: str = "", who: Who = Depends(seeing)
    ) -> Response:
        return await _page(room, request, who, case_id, _asked(room, days, minutes))

    @app.post("/cases/{case_id:int}/contacts")
    async def opened(request: Request, case_id: int, form: Form = Depends(form_of)) -> Response:
        today, now_ns, ids = room.office.today(), room.access.now_ns(), chosen(form, "person-")
        days = form.text("days", 4)

        def work(session: Session) -> tuple[None, Touched]:
            if not ids:
                raise Cannot("nobody-chosen")
            if not (days.isascii() and days.isdigit()):
                raise Cannot("days", most=MOST_DAYS)
            if session.get(Case, case_id) is None:
                raise Cannot("no-case")
            free = set(ids) - contacts.isolated_of(session, ids).keys()
            for person_id in sorted(free):
                opening = Opening(person_id, Cause.CONTACT, int(days), None, "", contact_of_id=case_id)
                ward.open_case(session, opening, today, by=form.who.login, now_ns=now_ns)
            return None, Touched(people=sorted(free))

        try:
            await room.office.change(work)
        except Cannot as error:
            return await _page(room, request, form.who, case_id, _asked(room, "", ""), error)
        return redirect(f"/cases/{case_id}#contacts")


def _asked(room: CaseRoom, days: str, minutes: str) -> Asked:
    """As the site decides, unless the page asks otherwise."""
    isolation = room.office.isolation
    is_number = days.isascii() and days.isdigit() and len(days) < 4
    wanted = int(days) if is_number and 1 <= int(days) <= MOST_DAYS else isolation.trace_days
    try:
        window_min = float(minutes)
    except ValueError:
        window_min = isolation.trace_window_min
    return Asked(wanted, window_min if 0 < window_min <= MOST_MIN else isolation.trace_window_min)


async def _page(
    room: CaseRoom, request: Request, who: Who, case_id: int, asked: Asked, wrong: Cannot | None = None
) -> Response:
    now_ns = room.access.now_ns()

    def noted(session: Session) -> None:
        note(session, now_ns, who.login, "contacts-traced", f"case {case_id}", days=asked.days, min=asked.window_min)

    traced = await trace(room, case_id, asked)
    await room.access.database.write(noted)
    return room.access.draw(
        request, who, "contacts.html", "contacts", 409 if wrong else 200,
        traced=traced, case=traced.case, wrong=wrong, days=room.office.isolation.days,
        may_edit=who.may(Permission.CASES_EDIT),
    )  # fmt: skip


async def trace(room: CaseRoom, case_id: int, asked: Asked, most: int = LISTED) -> Traced:
    """The contacts of a case: over the days before it began, and until now or its end. Raises `Denied`."""
    database, now_ns = room.access.database, room.access.now_ns()
    case = await database.read(lambda session: ward.one(session, case_id) if case_id < 2**63 else None)
    if case is None:
        raise Denied(404, "no-record")
    from_ns, until_ns = span_of(case, asked.days, now_ns)
    near: list[Near] = []
    if room.passes is not None:
        for span, tokens in (await room.cards(case, from_ns, until_ns)).items():
            near += await room.passes.near(tokens, *span, round(asked.window_min * _MIN_NS))

    def rank(session: Session) -> Traced:
        group = contacts.group_of(session, case.person, {one.token for one in near}, from_ns, until_ns)
        met = contacts.meetings(near, group.badges)
        met.pop(case.person_id, None)  # another card of their own
        found = contacts.rank(met, group.team, group.host)
        shown = found[:most]
        people = contacts.people_of(session, [one.person_id for one in shown])
        isolated = contacts.isolated_of(session, [one.person_id for one in shown])
        return Traced(case, asked, shown, len(found), people, isolated, contacts.strangers(near, group.badges))

    return await database.read(rank)
