"""The page of rotas: who works what in the next days, rotas of teams and people, and single days that are otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import NamedTuple

from fastapi import Depends, FastAPI, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.accounts.desk import Who
from hub.accounts.roles import Permission
from hub.duties import rotas as work
from hub.duties.absences import Refused
from hub.duties.files import DAYS, ROTAS, shift_id
from hub.duties.models import DutyDay, Rota
from hub.duties.muster import planned_of_teams
from hub.duties.rotas import Whose
from hub.registry.models import Team
from hub.registry.office import PeopleOffice, Touched
from hub.web.absences import day_of
from hub.web.access import Access, Form, redirect
from hub.web.duty_files import Room, add_files
from hub.web.words import Lang, say

AHEAD = 7
DAYS_SHOWN = 200
TEAMS_SHOWN = 50
ROTAS_SHOWN = 200
CHOSEN_FROM = 50
"""So many teams are offered while one types."""


class _Asked(NamedTuple):
    """Which teams are shown: those with these words in their name, from that one on."""

    words: str
    start: int


class _Shown(NamedTuple):
    """What the page shows."""

    teams: list[tuple[Team, list[str]]]
    rotas: list[tuple[Rota, str]]
    days: list[DutyDay]
    shifts: dict[str, int]


def add_rotas(app: FastAPI, access: Access, office: PeopleOffice) -> None:
    """`/rotas…`."""
    add_files(app, Room(access, office, DAYS, "/rotas/days", "/rotas", Permission.PEOPLE))
    add_files(app, Room(access, office, ROTAS, "/rotas", "/rotas", Permission.PEOPLE))
    _add_page(app, access, office)
    _add_puts(app, access, office)
    _add_drops(app, access, office)


def _add_page(app: FastAPI, access: Access, office: PeopleOffice) -> None:
    seeing = access.needs(Permission.PEOPLE)

    @app.get("/rotas")
    async def page(request: Request, who: Who = Depends(seeing)) -> Response:
        return await _page(request, access, office, who)


async def _page(
    request: Request, access: Access, office: PeopleOffice, who: Who,
    typed: Mapping[str, str] | None = None, wrong: Refused | None = None,
) -> Response:  # fmt: skip
    today, lang, given = office.today(), access.language(request), request.query_params
    text = given.get("from", "")
    asked = _Asked(
        given.get("of", "").strip()[:60], int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
    )
    shown = await access.database.read(lambda session: _read(session, today, lang, asked))
    names = list(shown.shifts)
    cycle = " ".join(f"{name}*2" for name in [*names[:3], say(lang, "rota.rest")])
    week = f"{'周一至周五' if lang == 'zh' else 'Mon-Fri'} {names[0]}" if names else ""
    return access.draw(
        request, who, "rotas.html", "rotas", 409 if wrong else 200,
        shown=shown, today=today, ahead=[today + timedelta(days=n) for n in range(AHEAD)], typed=typed or {},
        asked=asked, most=TEAMS_SHOWN, chosen_from=CHOSEN_FROM, wrong=wrong, cycle=cycle, week=week,
        may_edit=who.may(Permission.PEOPLE_EDIT),
    )  # fmt: skip


def _read(session: Session, today: date, lang: Lang, asked: _Asked) -> _Shown:
    shifts = work.shift_names(session)
    names = {key: name for name, key in shifts.items()}
    rest = say(lang, "rota.rest")
    query = select(Team).where(Team.name.contains(asked.words, autoescape=True)).order_by(Team.name)
    teams = list(session.scalars(query.offset(asked.start).limit(TEAMS_SHOWN + 1)))
    plans = planned_of_teams(session, today, AHEAD, [team.id for team in teams])
    listed = [(team, ["" if one is None else names.get(one, rest) for one in plans[team.id]]) for team in teams]
    rotas = [
        (rota, work.written_cycle(work.cycle_of(rota), names, rest))
        for rota in work.rotas(session, asked.words, ROTAS_SHOWN)
    ]
    return _Shown(listed, rotas, list(work.days_from(session, today, DAYS_SHOWN)), shifts)


Step = Callable[[Session], list[Whose]]
"""Does something, and says whose duties it changed."""


def _add_puts(app: FastAPI, access: Access, office: PeopleOffice) -> None:
    form_of = access.form(Permission.PEOPLE_EDIT)

    @app.post("/rotas")
    async def put(request: Request, form: Form = Depends(form_of)) -> Response:
        by, now_ns, today = form.who.login, access.now_ns(), office.today()

        def step(session: Session) -> list[Whose]:
            whose = work.whose(session, form.text("team", 60), form.text("number", 40))
            cycle = work.read_cycle(form.text("cycle", 400), work.shift_names(session))
            work.put_rota(session, whose, day_of(form.text("from", 20)) or today, cycle, by=by, now_ns=now_ns)
            return [whose]

        return await _change(request, access, office, form, step)

    @app.post("/rotas/spread")
    async def spread(request: Request, form: Form = Depends(form_of)) -> Response:
        by, now_ns, today = form.who.login, access.now_ns(), office.today()

        def step(session: Session) -> list[Whose]:
            names = [name for name in form.text("teams", 400).replace("，", ",").replace("、", ",").split(",") if name]
            teams = [work.whose(session, name.strip(), "").team_id or 0 for name in names]
            cycle = work.read_cycle(form.text("cycle", 400), work.shift_names(session))
            work.spread(session, teams, day_of(form.text("from", 20)) or today, cycle, by=by, now_ns=now_ns)
            return [Whose(team_id=team) for team in teams]

        return await _change(request, access, office, form, step)

    @app.post("/rotas/days")
    async def put_day(request: Request, form: Form = Depends(form_of)) -> Response:
        by, now_ns, today = form.who.login, access.now_ns(), office.today()

        def step(session: Session) -> list[Whose]:
            whose = work.whose(session, form.text("team", 60), form.text("number", 40))
            word = form.text("shift", 60)
            shift = shift_id(word, work.shift_names(session)) if word else None
            day = day_of(form.text("day", 20)) or today
            work.put_day(session, whose, day, shift, form.text("note", 120), by=by, now_ns=now_ns)
            return [whose]

        return await _change(request, access, office, form, step)


def _add_drops(app: FastAPI, access: Access, office: PeopleOffice) -> None:
    form_of = access.form(Permission.PEOPLE_EDIT)

    @app.post("/rotas/{rota_id:int}/drop")
    async def drop(request: Request, rota_id: int, form: Form = Depends(form_of)) -> Response:
        by, now_ns = form.who.login, access.now_ns()
        step = lambda session: [work.drop_rota(session, min(rota_id, 2**63 - 1), by=by, now_ns=now_ns)]  # noqa: E731
        return await _change(request, access, office, form, step)

    @app.post("/rotas/days/{day_id:int}/drop")
    async def drop_day(request: Request, day_id: int, form: Form = Depends(form_of)) -> Response:
        by, now_ns = form.who.login, access.now_ns()
        step = lambda session: [work.drop_day(session, min(day_id, 2**63 - 1), by=by, now_ns=now_ns)]  # noqa: E731
        return await _change(request, access, office, form, step)


async def _change(request: Request, access: Access, office: PeopleOffice, form: Form, step: Step) -> Response:
    def whole(session: Session) -> tuple[None, Touched]:
        changed = step(session)
        people = set() if Whose() in changed else {one for whose in changed for one in work.members(session, whose)}
        return None, Touched(people=people, teams=True)

    try:
        await office.change(whole)
    except Refused as error:
        return await _page(request, access, office, form.who, form.fields, error)
    return redirect("/rotas")
