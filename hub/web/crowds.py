"""The page about meals and crowds: where how many people are, and which teams keep to their times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial
from heapq import nsmallest
from typing import NamedTuple

from fastapi import Depends, FastAPI, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from hub.accounts.audit import note
from hub.accounts.desk import Who
from hub.accounts.roles import Permission
from hub.crowds.desk import Canteen, CrowdDesk
from hub.crowds.meals import Meal, TeamMeals, Visit
from hub.crowds.record import meals
from hub.database import parts
from hub.registry.models import Person, Place, Team
from hub.web.access import Access, Denied
from hub.web.records import lines_of

MOST_NAMED = 100
MOST_TEAMS = 50
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2100, 12, 31)


class TeamTimes(NamedTuple):
    """A team as the page names it. Of thousands of teams only these columns are read."""

    name: str
    meal_slot: str


class TeamLine(NamedTuple):
    """One team's day at a canteen; `team` None for people of none."""

    team: TeamTimes | None
    meals: TeamMeals


class CanteenDay(NamedTuple):
    """One canteen as the page shows it. `out` is empty for whoever may not see names."""

    canteen: Canteen
    lines: list[TeamLine]
    more: int
    """Teams that are not shown."""
    out: list[tuple[Person, Visit]]


def add_crowds(app: FastAPI, access: Access, crowds: CrowdDesk, site: str) -> None:
    """`/crowds` and `/api/meals`."""
    seeing = access.needs(Permission.BOARD)

    @app.get("/crowds")
    async def shown(request: Request, day: str = "", who: Who = Depends(seeing)) -> Response:
        now_ns = access.now_ns()
        today = crowds.local(now_ns).date()
        asked = _day(day) or today
        checkpoints = [await crowds.checkpoint(at, asked, now_ns) for at in crowds.checkpoints]
        canteens = await crowds.meals_of(asked)
        names = who.login if who.may(Permission.PEOPLE) else ""
        days = await access.database.write(partial(_days, canteens=canteens, names=names, now_ns=now_ns))
        titles = await access.database.read(_titles)
        return access.draw(
            request, who, "crowds.html", "crowds",
            checkpoints=checkpoints, days=days, day=asked, is_today=asked == today, meals=list(Meal),
            local=crowds.local, names=bool(names), titles=titles,
        )  # fmt: skip

    @app.get("/api/meals")
    async def eaten(day: date | None = None) -> Response:
        asked = day or crowds.local(access.now_ns()).date()
        if not FIRST_DAY <= asked <= LAST_DAY:
            raise Denied(404, "not-found")
        return lines_of(await meals(crowds, site, asked))


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if FIRST_DAY <= day <= LAST_DAY else None


def _titles(session: Session) -> dict[str, str]:
    """What places are called; a gate has no other name."""
    return {place.name: place.title for place in session.scalars(select(Place))}


def _days(session: Session, canteens: Sequence[Canteen], names: str, now_ns: int) -> list[CanteenDay]:
    """With `names`, the login of whoever may see them; that is noted."""
    rows = session.execute(select(Team.id, Team.name, Team.meal_slot))
    teams = {key: TeamTimes(name, slot) for key, name, slot in rows}
    days = []
    for canteen in canteens:
        lines, out = _lines(canteen, teams), _out(session, canteen) if names else []
        days.append(CanteenDay(canteen, lines, len(canteen.teams) - len(lines), out))
    if any(day.out for day in days):
        note(session, now_ns, names, "meals-seen")
    return days


def _lines(canteen: Canteen, teams: Mapping[int, TeamTimes]) -> list[TeamLine]:
    """Those of which the most people came in others' time first."""
    lines = [TeamLine(teams.get(team_id) if team_id else None, meals) for team_id, meals in canteen.teams.items()]
    return nsmallest(MOST_TEAMS, lines, key=_worst_first)


def _worst_first(line: TeamLine) -> tuple[int, bool, str]:
    return -line.meals.people[Meal.OUT_OF_SLOT], line.team is None, line.team.name if line.team else ""


def _out(session: Session, canteen: Canteen) -> list[tuple[Person, Visit]]:
    """Who came in others' time, the first time of each."""
    first: dict[int, Visit] = {}
    for visit in canteen.out:
        if visit.diner is not None:
            first.setdefault(visit.diner.person_id, visit)
    shown = dict(list(first.items())[:MOST_NAMED])
    people = [
        person
        for part in parts(shown)
        for person in session.scalars(
            select(Person).where(Person.id.in_(part)).options(selectinload(Person.team))
        ).all()
    ]
    found = [(person, shown[person.id]) for person in people]
    return sorted(found, key=lambda pair: (pair[1].time_ns, pair[0].number))
