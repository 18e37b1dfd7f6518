"""Pages of 双测: the day in figures, lists of people, the list as a file, and the figures for programs."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from typing import NamedTuple
from urllib.parse import urlencode

import msgspec
from fastapi import Depends, FastAPI, Request, Response
from sqlalchemy.orm import Session

from hub.accounts.audit import note
from hub.accounts.desk import Who
from hub.accounts.roles import Permission
from hub.duties import lists
from hub.duties.desk import Book, DutyDesk
from hub.duties.lists import Asked, By, Show
from hub.duties.roll import Check, Line
from hub.registry import sheets
from hub.web.access import Access, Denied
from hub.web.counting import being_counted
from hub.web.duty_person import add_person, day_of, number_of, off_words, where
from hub.web.people import TYPES
from hub.web.words import Lang, say

PAGE = 50
ROWS = 100
CHOSEN_FROM = 200
"""So many teams are chosen from a list; more are asked for by name."""
FIRST = (Show.ON_DUTY, Show.FIRST_MISSING, Show.SECOND_MISSING, Show.TWICE, Show.ONCE, Show.NEVER)
ELSE = (Show.AWAY, Show.ISOLATED, Show.RESTING, Show.UNKNOWN, Show.UNCALLED)
_MISSING = (Show.FIRST_MISSING, Show.SECOND_MISSING)


def add_duties(app: FastAPI, access: Access, desk: DutyDesk, site: str) -> None:
    """`/duties…` and `/api/duties`."""
    _add_day(app, access, desk)
    _add_export(app, access, desk)
    add_person(app, access, desk)
    _add_api(app, access, desk, site)


class Query(NamedTuple):
    """What a page was asked for, as it stands in its address."""

    day: date
    asked: Asked
    by: By

    def address(self, path: str = "/duties", **other: object) -> str:
        """The address of this, or of something a little different; `None` leaves a part out."""
        given: dict[str, object] = {"day": self.day.isoformat(), "by": self.by.value}
        given |= {key: value for key, value in self.asked._asdict().items() if value is not None and value != ""}
        given |= other
        return f"{path}?{urlencode({key: value for key, value in given.items() if value is not None})}"


def _query(request: Request, desk: DutyDesk) -> Query:
    """Raises `Denied` for a day that is none."""
    given = request.query_params
    show, by = given.get("show", ""), given.get("by", "")
    words = "".join(char for char in given.get("words", "") if char.isprintable()).strip()[:80]
    grid = given.get("grid")
    asked = Asked(
        team=number_of(given.get("team", "")),
        grid=None if grid is None else grid[:60],
        shift=number_of(given.get("shift", "")),
        show=Show(show) if show in set(Show) else None,
        words=words,
    )
    return Query(day_of(given.get("day", ""), desk), asked, By(by) if by in set(By) else By.TEAM)


def _add_day(app: FastAPI, access: Access, desk: DutyDesk) -> None:
    seeing = access.needs(Permission.PEOPLE)

    @app.get("/duties")
    async def day(request: Request, after: str = "", who: Who = Depends(seeing)) -> Response:
        query, now_ns = _query(request, desk), access.now_ns()
        asked = query.asked
        if waiting := await being_counted(request, access, who, "duties", desk, query.day):
            return waiting
        book = await desk.book(query.day)
        listed = asked.show is not None or bool(asked.words)
        people = lists.page(book, asked, now_ns, after[:40], PAGE + 1) if listed else []
        if listed:
            await access.database.write(lambda session: _seen(session, now_ns, who, query))
        more = people[PAGE - 1].duty.whom.number if len(people) > PAGE else ""
        teams = sorted(book.teams.items(), key=lambda one: one[1]) if len(book.teams) <= CHOSEN_FROM else []
        rows = [] if listed else lists.rows(book, asked, query.by, now_ns)
        start = min(number_of(request.query_params.get("from", "")) or 0, len(rows))
        return access.draw(
            request, who, "duties.html", "duties",
            query=query, asked=asked, book=book, listed=listed, people=people[:PAGE], more=more, after=after,
            total=lists.figures(book, asked, now_ns), rows=rows[start : start + ROWS], start=start,
            next_rows=start + ROWS if len(rows) > start + ROWS else 0,
            first=FIRST, other=ELSE, missing=_MISSING, by=list(By), teams=teams, shifts=book.shifts.values(),
            grids=sorted({group.grid for group in book.roll.spans() if group.grid}),
            next_day=query.day + timedelta(days=1), last_day=query.day - timedelta(days=1), today=desk.today(),
            checks=book.roll.checks, off=lambda line: off_words(who, line),
        )  # fmt: skip


def _seen(session: Session, now_ns: int, who: Who, query: Query) -> None:
    asked = query.asked
    note(
        session, now_ns, who.login, "duties-seen", f"day {query.day.isoformat()}",
        team=asked.team or 0, show=asked.show or "", words=bool(asked.words),
    )  # fmt: skip


def _add_export(app: FastAPI, access: Access, desk: DutyDesk) -> None:
    seeing = access.needs(Permission.PEOPLE)

    @app.get("/duties/export")
    async def export(request: Request, form: str = "xlsx", who: Who = Depends(seeing)) -> Response:
        if form not in TYPES:
            raise Denied(404, "not-found")
        query, now_ns, lang = _query(request, desk), access.now_ns(), access.language(request)
        book = await desk.book(query.day)
        found = [(line, book.roll.checks(line.duty.whom.id)) for line in lists.people(book, query.asked, now_ns)]
        await access.database.write(
            lambda session: note(
                session, now_ns, who.login, "duties-exported", f"day {query.day.isoformat()}", people=len(found)
            )
        )
        data = await asyncio.to_thread(_file, _Written(desk, book, lang, who), found, form)
        headers = {"Content-Disposition": f'attachment; filename="duties-{query.day.isoformat()}.{form}"'}
        return Response(data, media_type=TYPES[form], headers=headers)


class _Written(NamedTuple):
    """Writes lines of a roll as rows of a file."""

    desk: DutyDesk
    book: Book
    lang: Lang
    who: Who

    def headers(self) -> list[str]:
        keys = ("duty.day", "duty.number", "absence.name", "duty.team", "duty.grid", "duty.shift", "duty.measured")
        named = [say(self.lang, key) for key in (*keys, "duty.first", "duty.where", "duty.means", "duty.last")]
        return [*named, say(self.lang, "duty.where"), say(self.lang, "duty.means"), say(self.lang, "duty.state")]

    def row(self, line: Line, checks: list[Check]) -> list[str]:
        duty, whom = line.duty, line.duty.whom
        state = f"standing.{line.standing.value}" if line.standing else off_words(self.who, line)
        shift = self.book.shift(duty.shift_id)
        first, last = self._check(checks[:1]), self._check(checks[1:][-1:])
        day = self.book.day.isoformat()
        begins = [day, whom.number, whom.name, self.book.team(whom.team_id), whom.grid, shift, str(line.measured)]
        return [*begins, *first, *last, say(self.lang, state)]

    def _check(self, checks: list[Check]) -> list[str]:
        if not checks:
            return ["", "", ""]
        at = self.desk.office.local(checks[0].time_ns).strftime("%Y-%m-%d %H:%M")
        return [at, where(checks[0]), say(self.lang, f"means.{checks[0].means.value}")]


def _file(written: _Written, found: list[tuple[Line, list[Check]]], form: str) -> bytes:
    rows = [written.row(line, checks) for line, checks in found]
    if form == "csv":
        return sheets.write_csv(written.headers(), rows)
    return sheets.write_excel("duties", written.headers(), rows)


def _add_api(app: FastAPI, access: Access, desk: DutyDesk, site: str) -> None:
    seeing = access.needs(Permission.BOARD)

    @app.get("/api/duties")
    async def api(request: Request, people: bool = False, who: Who = Depends(seeing)) -> Response:
        query, now_ns = _query(request, desk), access.now_ns()
        if people and not who.may(Permission.PEOPLE):
            raise Denied(403, "not-yours")
        book = await desk.book(query.day)
        found: dict[str, object] = {
            "site": site,
            "day": query.day.isoformat(),
            "time_ns": now_ns,
            "total": lists.figures(book, query.asked, now_ns)._asdict(),
        }
        for by in By:
            rows = lists.rows(book, query.asked, by, now_ns)
            found[f"by_{by.value}"] = [{by.value: row.name, **row.figures._asdict()} for row in rows]
        if people:
            await access.database.write(lambda session: _seen(session, now_ns, who, query))
            found["people"] = [_person(who, book, line) for line in lists.people(book, query.asked, now_ns)]
        return Response(msgspec.json.encode(found), media_type="application/json")


def _person(who: Who, book: Book, line: Line) -> dict[str, object]:
    whom = line.duty.whom
    return {
        "number": whom.number,
        "name": whom.name,
        "team": book.team(whom.team_id),
        "grid": whom.grid,
        "shift": book.shift(line.duty.shift_id),
        "measured": line.measured,
        "standing": line.standing.value if line.standing else "",
        "off": off_words(who, line).removeprefix("off."),
    }
