"""A worker's telephone: the personal link, today's declaration of health, sick leave.

`/w/LINK` asks once for the end of the person's number; then `/w` is theirs on this telephone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from fastapi import FastAPI, Request, Response
from sqlalchemy.orm import Session

from hub.duties import absences
from hub.duties.absences import BY_TELEPHONE, Refused, Said
from hub.duties.desk import DutyDesk
from hub.duties.models import Absence, AbsenceKind
from hub.forms import declarations, health, leave, workers
from hub.forms.health import Answers, Unfit
from hub.forms.models import Declaration
from hub.notices import words
from hub.notices.models import NoticeRow
from hub.registry.models import Person
from hub.registry.office import PeopleOffice, Touched
from hub.web.access import Access, Denied, redirect
from hub.web.phone import Phones, Sent
from hub.web.rounds import Tell
from wire.events import HealthDeclared


class Desk(NamedTuple):
    """What a worker's pages stand on."""

    access: Access
    office: PeopleOffice
    phones: Phones
    tell: Tell
    duties: DutyDesk


class Home(NamedTuple):
    """What a telephone shows its owner."""

    declared: Declaration | None
    held: bool
    leave: Sequence[Absence]
    confirmed: set[int]
    refused: Sequence[Absence]
    notices: list[tuple[NoticeRow, bool]]


def add_worker(app: FastAPI, desk: Desk) -> None:
    """`/w…`."""
    _add_link(app, desk)
    _add_declare(app, desk)
    _add_leave(app, desk)

    @app.get("/w")
    async def home(request: Request) -> Response:
        person = await _owner(desk, request)
        return await _home(desk, request, person)


async def _owner(desk: Desk, request: Request) -> Person:
    """Whose telephone it is. Raises `Denied` where it is nobody's that we know."""
    person = await desk.phones.person(request)
    if person is None:
        raise Denied(403, "no-phone")
    return person


async def _home(desk: Desk, request: Request, person: Person, said: str = "") -> Response:
    today, now_ns = desk.office.today(), desk.access.now_ns()

    def work(session: Session) -> Home:
        found = [one for one in absences.of_person(session, person.id, 20) if _is_open(one, today)]
        known = declarations.health_of(session, [person.id], today).get(person.id, declarations.NOTHING)
        last = declarations.last_of(session, person.id, today)
        notices = words.for_person(session, person, now_ns)
        refused = leave.refused(session, person.id, today)
        return Home(last, known.held, found, leave.confirmed(session, found), refused, notices)

    home = await desk.access.database.read(work)
    return desk.phones.draw(
        request, "worker.html", "worker", person=workers.shown(person.name), home=home, today=today, said=said,
        local=desk.office.local,
    )  # fmt: skip


def _is_open(absence: Absence, today: date) -> bool:
    return absence.until_on is None or absence.until_on >= today


# -- the link ----------------------------------------------------------------------------------------------------------


def _add_link(app: FastAPI, desk: Desk) -> None:
    phones = desk.phones

    async def whose(link: str) -> Person | None:
        return await desk.access.database.read(lambda session: workers.person_of(session, phones.signer, link))

    @app.get("/w/{link}")
    async def ask(request: Request, link: str) -> Response:
        person, known = await whose(link), await phones.person(request)
        if person is not None and known is not None and person.id == known.id:
            return redirect("/w")
        return phones.draw(request, "worker_link.html", "worker", 200 if person else 404, good=bool(person), wrong="")

    @app.post("/w/{link}")
    async def unlock(request: Request, link: str) -> Response:
        sent, now_ns = await phones.form(request), desk.access.now_ns()
        person = await whose(link)
        keys = (f"link {person.id if person else link[:80]}",)
        wrong = "worker.wait" if phones.throttle.wait_ns(keys, now_ns) else ""
        if not wrong and (person is None or not workers.knows(person, sent.text("tail", 40))):
            phones.throttle.failed(keys, now_ns)
            wrong = "worker.wrong"
        if wrong or person is None:
            status = 429 if wrong == "worker.wait" else 403
            return phones.draw(request, "worker_link.html", "worker", status, good=bool(person), wrong=wrong)
        phones.throttle.succeeded(keys)
        response = redirect("/w")
        await phones.know(request, response, person.id)
        return response


# -- the declaration ---------------------------------------------------------------------------------------------------


def _add_declare(app: FastAPI, desk: Desk) -> None:
    @app.get("/w/form/declare")
    async def form(request: Request) -> Response:
        return _form(desk, request, await _owner(desk, request), {}, {})

    @app.post("/w/form/declare")
    async def declared(request: Request) -> Response:
        person, sent = await _owner(desk, request), await desk.phones.form(request)
        fields = {name: sent.text(name, 400) for name in sent.fields}
        try:
            answers = health.read(fields)
        except Unfit as error:
            return _form(desk, request, person, fields, error.faults)
        if sent.is_new:
            await declare(desk, person.id, answers)
        concern = await desk.access.database.read(
            lambda session: declarations.last_of(session, person.id, desk.office.today())
        )
        assert concern is not None, "it was just made"
        return desk.phones.draw(
            request, "declared.html", "declare", person=workers.shown(person.name), made=concern,
            local=desk.office.local, hold=desk.office.forms.hold_ill,
        )  # fmt: skip


def _form(desk: Desk, request: Request, person: Person, typed: dict[str, str], faults: dict[str, str]) -> Response:
    return desk.phones.draw(
        request, "declare.html", "declare", 400 if faults else 200,
        person=workers.shown(person.name), typed=typed, faults=faults, symptoms=health.SYMPTOMS,
    )  # fmt: skip


async def declare(desk: Desk, person_id: int, answers: Answers, by: str = BY_TELEPHONE) -> None:
    """Keep a declaration, tell the gates what they may know, and whoever has to look into it."""
    today, now_ns = desk.office.today(), desk.access.now_ns()

    def work(session: Session) -> tuple[Declaration, Touched]:
        made = declarations.declare(session, person_id, today, answers, by=by, now_ns=now_ns)
        counts = health.keeps_away(made.concern) or desk.office.forms.tell_gates
        return made, Touched(people=[person_id]) if counts else Touched()

    made = await desk.office.change(work)
    await desk.tell([HealthDeclared(time_ns=now_ns, number=made.id, concern=made.concern.value)])


# -- sick leave --------------------------------------------------------------------------------------------------------


def _add_leave(app: FastAPI, desk: Desk) -> None:
    @app.get("/w/form/leave")
    async def form(request: Request) -> Response:
        return _leave_form(desk, request, await _owner(desk, request))

    @app.post("/w/form/leave")
    async def said(request: Request) -> Response:
        person, sent = await _owner(desk, request), await desk.phones.form(request)
        now_ns = desk.access.now_ns()
        if not sent.is_new:
            return await _home(desk, request, person, "leave.stored")
        try:
            wanted = _leave(person.id, sent)
            await _tell_leave(desk, wanted, now_ns)
        except (Refused, ValueError) as error:
            return _leave_form(desk, request, person, sent, error)
        return await _home(desk, request, person, "leave.stored")


async def _tell_leave(desk: Desk, wanted: Said, now_ns: int) -> None:
    """Through the office, so that the lists of who is on duty know at once. Raises `Refused`."""

    def work(session: Session) -> tuple[None, Touched]:
        absences.say(session, wanted, by=BY_TELEPHONE, now_ns=now_ns)
        return None, Touched(people=[wanted.person_id])

    await desk.office.change(work)


def _leave(person_id: int, sent: Sent) -> Said:
    """Raises `ValueError` for a day that is none."""
    from_on, until = date.fromisoformat(sent.text("from", 10)), sent.text("until", 10)
    until_on = date.fromisoformat(until) if until else None
    return Said(person_id, AbsenceKind.SICK, from_on, until_on, sent.text("symptoms", 200), sent.text("note", 400))


def _leave_form(
    desk: Desk, request: Request, person: Person, sent: Sent | None = None, wrong: Exception | None = None
) -> Response:
    fault: tuple[str, dict[str, object]] | None = ("leave.day", {}) if isinstance(wrong, ValueError) else None
    if isinstance(wrong, Refused):
        fault = (f"leave.{wrong.why}", wrong.values)
    return desk.phones.draw(
        request, "leave.html", "leave", 400 if wrong else 200,
        person=workers.shown(person.name), fault=fault, today=desk.office.today().isoformat(),
        typed={} if sent is None else sent.fields,
    )  # fmt: skip
