"""The report of one case to the district headquarters (报当地防疫指挥部), as a page to print and sign."""

from __future__ import annotations

from fastapi import Depends, FastAPI, Request, Response
from sqlalchemy.orm import Session

from hub.accounts.audit import note
from hub.accounts.desk import Who
from hub.accounts.roles import Permission
from hub.cases import steps, ward
from hub.web.case_room import CaseRoom
from hub.web.tracing import Asked, trace

CONTACTS, MOVEMENTS = 100, 200


def add_case_report(app: FastAPI, room: CaseRoom) -> None:
    """`/cases/ID/report`."""
    seeing = room.access.needs(Permission.HEALTH)

    @app.get("/cases/{case_id:int}/report")
    async def report(request: Request, case_id: int, who: Who = Depends(seeing)) -> Response:
        isolation, office, now_ns = room.office.isolation, room.office, room.access.now_ns()
        traced = await trace(room, case_id, Asked(isolation.trace_days, isolation.trace_window_min), CONTACTS)

        def noted(session: Session) -> None:
            note(session, now_ns, who.login, "case-report-made", f"case {case_id}", contacts=traced.total)

        await room.access.database.write(noted)
        case = traced.case
        days = ward.reading_days(case, office.today(), office.day_of)
        today = len(days[0].readings) if days and days[0].on == office.today() else 0
        done = steps.steps(case, readings_today=today, contacts=len(traced.isolated))
        return room.access.draw(
            request, who, "case_report.html", "case",
            case=case, traced=traced, day=ward.day_of(case, office.today()), steps=done,
            passes=(await room.movements(case, isolation.trace_days))[:MOVEMENTS],
        )  # fmt: skip
