"""六个必消: the day's rounds on a page, the QR pictures for the places, and what a cleaner's telephone tells.

`/rounds` is for the office; `/r/CODE` is open to whoever stands before the picture and knows a number of the site's.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, time, timedelta
from functools import lru_cache, partial
from typing import NamedTuple

import segno
from fastapi import Depends, FastAPI, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.accounts.audit import note
from hub.accounts.desk import Who
from hub.accounts.roles import Permission
from hub.database import in_parts
from hub.forms import workers
from hub.registry.holdings import holder_at, holders_of
from hub.registry.models import Person
from hub.registry.office import PeopleOffice
from hub.rounds import plan, stops, view
from hub.rounds.record import RoundRecord
from hub.rounds.settings import RoundSettings
from hub.rounds.stops import Named, NoTimes
from hub.web.access import Access, Denied, Form, redirect
from hub.web.phone import Phones, Sent
from wire.events import AnyEvent, Disinfection

AGENTS = {
    "zh": ("84 消毒液", "75% 酒精", "过氧乙酸", "紫外线灯"),
    "en": ("bleach", "alcohol 75 %", "peracetic acid", "UV lamp"),
}
_PERSON = re.compile(r"person-(\d{1,18})")
_NOT_WHO = re.compile(r"[^A-Za-z0-9_-]")
_LOOKS, _LOOK_EVERY_S = 20, 0.05
Tell = Callable[[Sequence[AnyEvent]], Awaitable[None]]


class RoundPages(NamedTuple):
    """What the pages stand on; `tell` puts events of the hub's own into the journal."""

    record: RoundRecord
    settings: RoundSettings
    tell: Tell


def add_rounds(app: FastAPI, access: Access, office: PeopleOffice, phones: Phones, pages: RoundPages) -> None:
    """`/rounds…` and `/r/CODE`."""
    room = _Room(access, office, phones, pages)
    _add_day(app, room)
    _add_stops(app, room)
    _add_tap(app, room)


class _Room(NamedTuple):
    access: Access
    office: PeopleOffice
    phones: Phones
    pages: RoundPages

    async def day(self, day: date) -> view.Day:
        """What was due on a day of the site's, what became of it, and what is to come."""
        now_ns = self.access.now_ns()
        begin_ns, end_ns = (self.office.moment_ns(one, time.min) for one in (day, day + timedelta(days=1)))
        named = await self.access.database.read(partial(stops.stops, now_ns=now_ns))
        known_ns = max(begin_ns, min(now_ns, end_ns))
        all_stops = [one.stop for one in named]
        coming = plan.due(all_stops, self.pages.settings, self.office.zone, known_ns, end_ns - 1)
        done = await self.pages.record.done(known_ns - 86_400 * 10**9, now_ns + 1)
        past = await self.pages.record.between(begin_ns, known_ns + 1)
        return view.day_of(named, past, coming, done, now_ns)


def _add_day(app: FastAPI, room: _Room) -> None:
    access = room.access
    seeing, form_of = access.needs(Permission.PEOPLE), access.form(Permission.DUTIES_EDIT)

    @app.get("/rounds")
    async def rounds(request: Request, day: str = "", who: Who = Depends(seeing)) -> Response:
        return await _page(room, request, who, _day(day, room.office.today()))

    @app.post("/rounds/{key}/done")
    async def done(key: str, form: Form = Depends(form_of)) -> Response:
        now_ns = access.now_ns()

        def work(session: Session) -> Named:
            named = stops.by_key(session, key[:40], now_ns)
            if named is None:
                raise Denied(404, "no-record")
            note(session, now_ns, form.who.login, "disinfection-recorded", f"stop {named.key}")
            return named

        named = await access.database.write(work)
        by = _NOT_WHO.sub("-", form.who.login)[:64] or "console"
        await _tell(room, named, by, form.text("agent", 80), now_ns)
        return redirect("/rounds")


async def _page(room: _Room, request: Request, who: Who, day: date, wrong: str = "", status: int = 200) -> Response:
    shown = await room.day(day)
    by = {cell.done.by: cell.done.time_ns for line in shown.lines for cell in line.cells if cell.done is not None}
    names = await room.access.database.read(partial(_names, by=by))
    return room.access.draw(
        request, who, "rounds.html", "rounds", status,
        day=day, today=room.office.today(), shown=shown, names=names, local=room.office.local, wrong=wrong,
        previous=day - timedelta(days=1), following=day + timedelta(days=1),
        may_do=who.may(Permission.DUTIES_EDIT), may_set=who.may(Permission.SITE_EDIT),
        usual=plan.times_of, settings=room.pages.settings, agents=AGENTS[room.access.language(request)],
    )  # fmt: skip


def _day(text: str, today: date) -> date:
    """The day that is asked for, today for none and for one that is to come."""
    try:
        return min(date.fromisoformat(text), today)
    except ValueError:
        return today


def _names(session: Session, by: Mapping[str, int]) -> dict[str, str]:
    """What people call those who did it, and when: by a person's number in our record, by the token of the badge that
    they had then; logins stay."""
    ids = {text: int(found[1]) for text in by if (found := _PERSON.fullmatch(text))}
    holders = holders_of(session, by)
    for text, time_ns in by.items():
        person = holder_at(holders, text, time_ns)
        if person is not None:
            ids[text] = person
    known = dict(in_parts(session, select(Person.id, Person.name), Person.id, ids.values()))
    return {text: known[person] for text, person in ids.items() if person in known}


def _add_stops(app: FastAPI, room: _Room) -> None:
    access = room.access
    editing, form_of = access.needs(Permission.SITE_EDIT), access.form(Permission.SITE_EDIT)

    @app.get("/rounds/print")
    async def printed(request: Request, who: Who = Depends(editing)) -> Response:
        named = await access.database.write(partial(stops.with_codes, now_ns=access.now_ns()))
        addresses = [room.phones.address(request, f"/r/{one.code}") for one in named]
        slips = [(one, where, _picture(where)) for one, where in zip(named, addresses, strict=True)]
        return access.draw(request, who, "round_slips.html", "rounds.print", slips=slips)

    @app.post("/rounds/{key}/times")
    async def times(request: Request, key: str, form: Form = Depends(form_of)) -> Response:
        text = form.text("times", 200)
        work = partial(stops.set_times, key=key[:40], text=text, by=form.who.login, now_ns=access.now_ns())
        try:
            found = await access.database.write(work)
        except NoTimes:
            return await _page(room, request, form.who, room.office.today(), text, 400)
        if not found:
            raise Denied(404, "no-record")
        return redirect("/rounds")

    @app.post("/rounds/{key}/code")
    async def code(key: str, form: Form = Depends(form_of)) -> Response:
        work = partial(stops.new_code, key=key[:40], by=form.who.login, now_ns=access.now_ns())
        if not await access.database.write(work):
            raise Denied(404, "no-record")
        return redirect("/rounds/print")


@lru_cache(1024)
def _picture(address: str) -> str:
    """A place's picture stays as it is. Each mask of the standard can be read; to try all eight takes four times as
    long as the rest, and a plant has a hundred places."""
    return segno.make_qr(address, error="m", mask=3).svg_inline(omitsize=True, light="#fff", border=2)


def _add_tap(app: FastAPI, room: _Room) -> None:
    @app.get("/r/{code}")
    async def shown(request: Request, code: str) -> Response:
        return await _tap_page(room, request, code)

    @app.post("/r/{code}")
    async def tapped(request: Request, code: str) -> Response:
        sent = await room.phones.form(request)
        return await _tapped(room, request, code, sent)


async def _tapped(room: _Room, request: Request, code: str, sent: Sent) -> Response:
    now_ns = room.access.now_ns()
    keys = (f"tap {request.client.host if request.client else ''}",)
    if room.phones.throttle.wait_ns(keys, now_ns):
        return await _tap_page(room, request, code, sent, "tap.wait", 429)
    number = sent.text("number", 40)

    def work(session: Session) -> tuple[Named | None, Person | None]:
        known = None if number else room.phones.whose(session, request)
        return stops.by_code(session, code[:64], now_ns), known or workers.by_number(session, number)

    named, person = await room.access.database.read(work)
    if named is None:
        raise Denied(404, "no-record")
    if person is None:
        room.phones.throttle.failed(keys, now_ns)
        return await _tap_page(room, request, code, sent, "tap.nobody", 400)
    if sent.is_new:
        await _tell(room, named, f"person-{person.id}", sent.text("agent", 80), now_ns)
    return await _tap_page(room, request, code, stored_ns=now_ns)


async def _tap_page(
    room: _Room, request: Request, code: str, sent: Sent | None = None, wrong: str = "", status: int = 200,
    stored_ns: int | None = None,
) -> Response:  # fmt: skip
    now_ns = room.access.now_ns()

    def work(session: Session) -> tuple[Named | None, Person | None]:
        return stops.by_code(session, code[:64], now_ns), room.phones.whose(session, request)

    named, person = await room.access.database.read(work)
    if named is None:
        raise Denied(404, "no-record")
    line = next(line for line in (await room.day(room.office.today())).lines if line.key == named.key)
    return room.phones.draw(
        request, "tap.html", "tap", status,
        named=named, cells=line.cells, person=workers.shown(person.name) if person else "", wrong=wrong,
        typed={} if sent is None else sent.fields, stored_ns=stored_ns, local=room.office.local,
        agents=AGENTS[room.access.language(request)],
    )  # fmt: skip


async def _tell(room: _Room, named: Named, by: str, agent: str, now_ns: int) -> None:
    """Put a disinfection into the journal; the page that follows should know of it, if the record is not far behind."""
    stop = named.stop
    event = Disinfection(time_ns=now_ns, place=stop.place, vehicle=stop.vehicle, by=by, agent=agent)
    await room.pages.tell([event])
    for _ in range(_LOOKS):
        if await room.pages.record.done(now_ns, now_ns + 1):
            break
        await asyncio.sleep(_LOOK_EVERY_S)
