"""The daily report on a page, as files, and for other programs: all from one value."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, tzinfo
from typing import NamedTuple

import msgspec
from fastapi import Depends, FastAPI, Query, Request, Response
from sqlalchemy.orm import Session

from hub.accounts.audit import note
from hub.accounts.desk import Who
from hub.accounts.roles import Permission
from hub.duties.desk import DutyDesk
from hub.reports.figures import DayReport, without_names
from hub.reports.files import file_of
from hub.reports.models import ReportMail
from hub.reports.post import mails
from hub.reports.tables import heading, made
from hub.web.access import Access, Denied
from hub.web.counting import being_counted
from hub.web.report_page import MOST_ROWS, Asked, on_page, teams_of

FORMS = ("pdf", "xlsx")
MAX_FIRST = 10**6


class ReportPages(NamedTuple):
    """What the pages of reports stand on: the figures of a day as they stand now, and whether they are sent."""

    make: Callable[[date], Awaitable[DayReport]]
    zone: tzinfo | None = None
    sends: bool = False


class _Room(NamedTuple):
    """The pages with the door that they are behind."""

    access: Access
    pages: ReportPages
    duties: DutyDesk | None
    city: bool

    def today(self) -> date:
        return datetime.fromtimestamp(self.access.now_ns() // 10**9, UTC).astimezone(self.pages.zone).date()

    def asked(self, text: str) -> date:
        """A day that is not to come; today without one. Raises `Denied`."""
        try:
            day = date.fromisoformat(text) if text else self.today()
        except ValueError:
            raise Denied(400, "no-such-day", day=text[:20]) from None
        return min(day, self.today())

    async def noted(self, who: Who, action: str, day: date) -> list[ReportMail]:
        """Put it on record; the last reports that were made to be sent."""

        def work(session: Session) -> list[ReportMail]:
            note(session, self.access.now_ns(), who.login, action, day.isoformat())
            return mails(session)

        return await self.access.database.write(work)


def add_reports(
    app: FastAPI, access: Access, pages: ReportPages, duties: DutyDesk | None = None, *, city: bool = False
) -> None:
    """`/reports`, `/reports/file` and `/api/report`; `duties` is what counts the days that reports stand on, `city`:
    whether there is a view of several sites."""
    room = _Room(access, pages, duties, city)
    _add_page(app, room)
    _add_files(app, room)


def _add_page(app: FastAPI, room: _Room) -> None:
    access, pages = room.access, room.pages
    seeing = access.needs(Permission.REPORTS)

    @app.get("/reports")
    async def shown(
        request: Request,
        day: str = "",
        grid: str | None = None,
        first: int = Query(default=0, ge=0, le=MAX_FIRST),
        who: Who = Depends(seeing),
    ) -> Response:
        wanted, lang = room.asked(day), access.language(request)
        if room.duties and (waiting := await being_counted(request, access, who, "reports", room.duties, wanted)):
            return waiting
        report = await pages.make(wanted)
        sent = await room.noted(who, "report-seen", wanted)
        teams = teams_of(report, Asked(grid, first))
        return access.draw(
            request, who, "reports.html", "reports",
            title=heading(report, lang), made=made(report, lang, pages.zone),
            tables=on_page(report, teams, lang, pages.zone), grids=[one.name for one in report.grids], grid=grid,
            teams=teams, is_large=len(report.teams) > MOST_ROWS,
            day=wanted, is_today=wanted == room.today(), forms=FORMS, mails=sent, sends=pages.sends, city=room.city,
        )  # fmt: skip


def _add_files(app: FastAPI, room: _Room) -> None:
    access, pages = room.access, room.pages
    seeing = access.needs(Permission.REPORTS)

    @app.get("/reports/file")
    async def download(request: Request, day: str = "", form: str = "pdf", who: Who = Depends(seeing)) -> Response:
        if form not in FORMS:
            raise Denied(404, "not-found")
        wanted = room.asked(day)
        report = await pages.make(wanted)
        await room.noted(who, "report-downloaded", wanted)
        file = await asyncio.to_thread(file_of, report, form, access.language(request), pages.zone)
        headers = {"Content-Disposition": f'attachment; filename="{file.name}"'}
        return Response(file.body, media_type=file.type, headers=headers)

    @app.get("/api/report")
    async def figures(day: str = "", _who: Who = Depends(seeing)) -> Response:
        """Nobody is named here."""
        report = without_names(await pages.make(room.asked(day)))
        return Response(msgspec.json.encode(report), media_type="application/json")
