"""The office's pages of what workers' telephones tell: today's declarations, who has made none, sick leave, links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import segno
from fastapi import Depends, FastAPI, Request, Response
from sqlalchemy.orm import Session

from hub.accounts.audit import note
from hub.accounts.desk import Who
from hub.accounts.roles import Permission
from hub.duties.models import Absence
from hub.duties.standing import AWAY, Off
from hub.forms import declarations, leave, workers
from hub.forms.declarations import TeamDay
from hub.forms.models import Concern, Declaration
from hub.registry.models import Person, Team
from hub.registry.office import Touched
from hub.web.access import Denied, Form, redirect
from hub.web.counting import being_counted
from hub.web.worker import Desk
from wire.events import HealthDeclared

SHOWN = 100
"""Names of those who have not declared, of all or of the team that was chosen."""
_MOST_ID = 2**63 - 1


class Today(NamedTuple):
    """What the page shows."""

    concerns: Sequence[Declaration]
    notes: Sequence[Declaration]
    teams: list[TeamDay]
    left_out: Mapping[Off, int]
    missing: Sequence[Person]
    leave: Sequence[Absence]


def add_declarations(app: FastAPI, desk: Desk) -> None:
    """`/declarations…` and `/links`."""
    _add_day(app, desk)
    _add_steps(app, desk)
    _add_links(app, desk)


def _add_day(app: FastAPI, desk: Desk) -> None:
    access = desk.access
    seeing = access.needs(Permission.HEALTH)

    @app.get("/declarations")
    async def day(request: Request, team: str = "", who: Who = Depends(seeing)) -> Response:
        chosen = int(team) if team.isascii() and team.isdigit() and len(team) < 18 else None
        today, now_ns = desk.office.today(), access.now_ns()
        if waiting := await being_counted(request, access, who, "declarations", desk.duties, today):
            return waiting
        off = await desk.duties.off(today)

        def work(session: Session) -> Today:
            note(session, now_ns, who.login, "declarations-seen")
            return Today(
                declarations.open_concerns(session),
                declarations.of_day(session, today, Concern.NOTE),
                *declarations.day_by_team(session, today, off),
                declarations.missing(session, today, off, chosen, SHOWN),
                leave.waiting(session, today),
            )

        shown = await access.database.write(work)
        return access.draw(
            request, who, "declarations.html", "declarations", shown=shown, today=today, local=desk.office.local,
            may_settle=who.may(Permission.CASES_EDIT), may_edit=who.may(Permission.PEOPLE_EDIT),
            hold=desk.office.forms.hold_ill, chosen=chosen, left_out=_left_out(shown.left_out),
        )  # fmt: skip


def _left_out(counts: Mapping[Off, int]) -> dict[str, int]:
    """How many are not asked today, by what the page calls it; nothing where there is nobody."""
    found = {
        "rest": counts.get(Off.REST, 0),
        "leave": sum(counts.get(why, 0) for why in AWAY),
        "isolated": counts.get(Off.ISOLATED, 0),
    }
    return {why: count for why, count in found.items() if count}


def _add_steps(app: FastAPI, desk: Desk) -> None:
    access = desk.access
    settling, editing = access.form(Permission.CASES_EDIT), access.form(Permission.PEOPLE_EDIT)

    @app.post("/declarations/{number:int}/settle")
    async def settle(number: int, form: Form = Depends(settling)) -> Response:
        word, now_ns = form.text("word", 200), access.now_ns()
        if not word:
            raise Denied(400, "no-word")

        def work(session: Session) -> tuple[list[tuple[int, str]], Touched]:
            who = form.who.login
            settled = declarations.settle(session, min(number, _MOST_ID), word, by=who, now_ns=now_ns)
            if settled is None:
                raise Denied(404, "no-record")
            told = [(one.id, one.concern.value) for one in settled]
            return told, Touched(people=[settled[0].person_id])

        settled = await desk.office.change(work)
        await desk.tell(
            [HealthDeclared(time_ns=now_ns, number=one, concern=concern, settled=True) for one, concern in settled]
        )
        return redirect("/declarations")

    @app.post("/declarations/leave/{number:int}/confirm")
    async def confirm(number: int, form: Form = Depends(editing)) -> Response:
        now_ns = access.now_ns()
        done = await access.database.write(
            lambda session: leave.confirm(session, min(number, _MOST_ID), by=form.who.login, now_ns=now_ns)
        )
        if not done:
            raise Denied(404, "no-record")
        return redirect("/declarations#leave")

    @app.post("/declarations/leave/{number:int}/refuse")
    async def refuse(number: int, form: Form = Depends(editing)) -> Response:
        now_ns = access.now_ns()

        def work(session: Session) -> tuple[None, Touched]:
            person = leave.refuse(session, min(number, _MOST_ID), by=form.who.login, now_ns=now_ns)
            if person is None:
                raise Denied(404, "no-record")
            return None, Touched(people=[person])

        await desk.office.change(work)
        return redirect("/declarations#leave")


def _add_links(app: FastAPI, desk: Desk) -> None:
    access = desk.access
    editing, form_of = access.needs(Permission.PEOPLE_EDIT), access.form(Permission.PEOPLE_EDIT)

    @app.get("/links")
    async def links(request: Request, team: str = "", who: Who = Depends(editing)) -> Response:
        chosen = int(team) if team.isascii() and team.isdigit() and len(team) < 18 else None
        signer, now_ns = desk.phones.signer, access.now_ns()

        def work(session: Session) -> tuple[Sequence[Team], list[tuple[Person, str]]]:
            found = workers.members(session, chosen) if team else []
            if found:
                note(session, now_ns, who.login, "worker-links-printed", team=chosen or 0)
            return workers.teams(session), [(person, workers.link_of(session, signer, person.id)) for person in found]

        teams, found = await access.database.write(work)
        addresses = [desk.phones.address(request, f"/w/{link}") for _, link in found]
        pictures = [_picture(where) for where in addresses]
        slips = [(person, *more) for (person, _), *more in zip(found, addresses, pictures, strict=True)]
        return access.draw(request, who, "links.html", "links", teams=teams, slips=slips, team=team)

    @app.post("/links/{person_id:int}/revoke")
    async def revoke(person_id: int, form: Form = Depends(form_of)) -> Response:
        now_ns = access.now_ns()
        done = await access.database.write(
            lambda session: workers.revoke(session, min(person_id, _MOST_ID), by=form.who.login, now_ns=now_ns)
        )
        if not done:
            raise Denied(404, "no-record")
        back = form.text("team", 18)
        return redirect(f"/links?team={back}" if back.isascii() and back.isdigit() else "/links")


def _picture(address: str) -> str:
    return segno.make_qr(address, error="l").svg_inline(omitsize=True, light="#fff", border=2)
