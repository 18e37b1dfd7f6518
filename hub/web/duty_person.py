"""One person's day in 双测: what counts for them, and the corrections that people make with a reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time

from fastapi import Depends, FastAPI, Request, Response
from sqlalchemy.orm import Session

from hub.accounts.audit import note
from hub.accounts.desk import Who
from hub.accounts.roles import Permission
from hub.duties import corrections
from hub.duties.absences import Refused
from hub.duties.corrections import Struck, Written
from hub.duties.desk import Book, DutyDesk
from hub.duties.models import Correction
from hub.duties.roll import Check, Line
from hub.duties.standing import AWAY, MINUTE_NS
from hub.registry.fields import Wrong, date_of
from hub.registry.office import Touched
from hub.web.access import Access, Denied, Form, redirect
from hub.web.counting import being_counted

Work = Callable[[Session], object]


def add_person(app: FastAPI, access: Access, desk: DutyDesk) -> None:
    """`/duties/ID…`."""
    _add_page(app, access, desk)
    _add_corrections(app, access, desk)


def day_of(text: str, desk: DutyDesk) -> date:
    """The day that an address names, today where it names none. Raises `Denied`."""
    if not text:
        return desk.today()
    try:
        return date_of(text)
    except Wrong:
        raise Denied(404, "not-found") from None


def number_of(text: str) -> int | None:
    """A number, None for what is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else None


def off_words(who: Who, line: Line) -> str:
    """Why somebody is not on duty, as far as whoever asks may know: that somebody is sick is health data."""
    off = line.duty.off
    if off is None:
        return ""
    if off in AWAY and not who.may(Permission.HEALTH):
        return "off.away"
    return f"off.{off.value}"


def where(check: Check) -> str:
    """A gate and its lane."""
    return " · ".join(part for part in (check.gate, check.lane) if part)


def _add_page(app: FastAPI, access: Access, desk: DutyDesk) -> None:
    seeing = access.needs(Permission.PEOPLE)

    @app.get("/duties/{person_id:int}")
    async def one(request: Request, person_id: int, who: Who = Depends(seeing)) -> Response:
        day = day_of(request.query_params.get("day", ""), desk)
        if waiting := await being_counted(request, access, who, "duty", desk, day):
            return waiting
        return await _page(request, access, desk, who, person_id)


async def _page(
    request: Request, access: Access, desk: DutyDesk, who: Who, person_id: int,
    typed: Mapping[str, str] | None = None, wrong: Refused | None = None,
) -> Response:  # fmt: skip
    day, now_ns = day_of(request.query_params.get("day", ""), desk), access.now_ns()
    book = await desk.book(day)
    line = book.roll.of(person_id, now_ns)
    if line is None:
        raise Denied(404, "no-record")

    def read(session: Session) -> list[Correction]:
        note(session, now_ns, who.login, "duty-seen", f"person {person_id}", day=day.isoformat())
        return list(corrections.of_person(session, person_id, day))

    said = await access.database.write(read)
    return access.draw(
        request, who, "duty.html", "duty", 409 if wrong else 200,
        line=line, book=book, checks=book.roll.checks(person_id), said=said, typed=typed or {}, wrong=wrong,
        may_edit=who.may(Permission.DUTIES_EDIT), may_health=who.may(Permission.HEALTH),
        usual=_usual(desk, line, now_ns), local=desk.office.local, where=where, off=off_words(who, line),
        today=desk.today(),
    )  # fmt: skip


def _usual(desk: DutyDesk, line: Line, now_ns: int) -> str:
    """The time that a form begins with: now, within the shift."""
    at_ns = min(max(now_ns, line.duty.from_ns), line.duty.until_ns)
    return desk.office.local(min(at_ns, now_ns)).strftime("%Y-%m-%dT%H:%M")


def _add_corrections(app: FastAPI, access: Access, desk: DutyDesk) -> None:
    form_of = access.form(Permission.DUTIES_EDIT)

    async def change(request: Request, form: Form, person_id: int, work: Callable[[date, Book], Work]) -> Response:
        day = day_of(request.query_params.get("day", ""), desk)
        try:
            made = work(day, await desk.book(day))
            await desk.office.change(lambda session: (made(session), Touched(people=[person_id], day=day)))
        except Refused as error:
            return await _page(request, access, desk, form.who, person_id, form.fields, error)
        return redirect(f"/duties/{person_id}?day={day.isoformat()}")

    @app.post("/duties/{person_id:int}/corrections")
    async def add(request: Request, person_id: int, form: Form = Depends(form_of)) -> Response:
        by, now_ns = form.who.login, access.now_ns()

        def work(day: date, book: Book) -> Work:
            written = _written(desk, form, person_id, day, book)
            return lambda session: corrections.add(session, written, by=by, now_ns=now_ns)

        return await change(request, form, person_id, work)

    @app.post("/duties/{person_id:int}/strike")
    async def strike(request: Request, person_id: int, form: Form = Depends(form_of)) -> Response:
        by, now_ns, why = form.who.login, access.now_ns(), form.text("why", 200)
        number = number_of(form.text("check", 18))

        def work(day: date, book: Book) -> Work:
            found = next((one for one in book.roll.checks(person_id) if one.number == number), None)
            if found is None:
                raise Refused("no-check")
            struck = Struck(person_id, day, found.number, found.time_ns)
            return lambda session: corrections.strike(session, struck, why, by=by, now_ns=now_ns)

        return await change(request, form, person_id, work)

    @app.post("/duties/{person_id:int}/withdraw")
    async def withdraw(request: Request, person_id: int, form: Form = Depends(form_of)) -> Response:
        by, now_ns = form.who.login, access.now_ns()
        number = number_of(form.text("correction", 18)) or 0

        def work(_day: date, _book: Book) -> Work:
            return lambda session: corrections.withdraw(session, person_id, number, by=by, now_ns=now_ns)

        return await change(request, form, person_id, work)


def _written(desk: DutyDesk, form: Form, person_id: int, day: date, book: Book) -> Written:
    """The measurement that a form tells of; one that the duty of that day would not count is refused."""
    line = book.roll.of(person_id, 0)
    if line is None:
        raise Denied(404, "no-record")
    at_ns = _moment(desk, form.text("at", 20))
    margins = (desk.rules.before_min * MINUTE_NS, desk.rules.after_min * MINUTE_NS)
    from_ns, until_ns = line.duty.from_ns - margins[0], line.duty.until_ns + margins[1]
    if not from_ns <= at_ns < until_ns:
        shown = [desk.office.local(moment).strftime("%m-%d %H:%M") for moment in (from_ns, until_ns)]
        raise Refused("outside", day=day.isoformat(), first=shown[0], last=shown[1])
    text = form.text("body_c", 8).replace(",", ".")
    try:
        body_c = float(text) if text else None
    except ValueError:
        body_c = float("nan")
    return Written(person_id, day, at_ns, form.text("why", 200), body_c, form.text("where", 60))


def _moment(desk: DutyDesk, text: str) -> int:
    plain = text.replace("T", " ")
    try:
        found = datetime.strptime(plain, "%Y-%m-%d %H:%M")  # noqa: DTZ007 - the site's clock
    except ValueError:
        raise Refused("time", found=text[:20]) from None
    return desk.office.moment_ns(found.date(), time(found.hour, found.minute))
