"""Decisions on when the site opens, and the checklist. Work on a session of the database; each change with its note."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub.accounts.audit import note
from hub.registry.fields import Fault, Unfit
from hub.registry.models import Person, Place, PlaceKind, Team
from hub.registry.office import Touched, opens_on
from hub.resumption.models import Item, Opening, Readiness
from hub.resumption.plan import Answer, Known, Missing, Wish, faults_of, missing_of


class TeamRow(NamedTuple):
    """A team and who answers for it: 责任落实到班组."""

    team: Team
    people: int


class State(NamedTuple):
    """What the page shows; `opens_on` None where the hub says nothing of it to the gates."""

    opens_on: date | None
    openings: list[Opening]
    """The newest first."""
    answers: dict[Item, Readiness]
    missing: list[Missing]
    teams: list[TeamRow]


def state(session: Session, default: date | None) -> State:
    """All of it."""
    openings = list(session.scalars(select(Opening).order_by(Opening.id.desc())))
    answers = {row.item: row for row in session.scalars(select(Readiness))}
    teams = team_rows(session)
    said = {item: Answer(row.owner, row.done, row.evidence) for item, row in answers.items()}
    missing = missing_of(said, _known(session, teams))
    return State(opens_on(session, default), openings, answers, missing, teams)


def decide(session: Session, wish: Wish, not_before: date, *, by: str, now_ns: int) -> tuple[None, Touched]:
    """Set when the site opens. Raises `Unfit`."""
    faults = faults_of(wish, not_before)
    if faults:
        raise Unfit(faults)
    session.add(Opening(**wish._asdict(), by=by, at_ns=now_ns))
    session.flush()
    detail = {"opens_on": f"{wish.opens_on}", "ground": wish.ground.value, "document": wish.document}
    note(session, now_ns, by, "opening-set", "site", **detail)
    return None, Touched(resumption=True)


def answer(session: Session, item: Item, given: Answer, *, by: str, now_ns: int) -> None:
    """Say who answers for an item and whether it is done. Raises `Unfit` for what is done by nobody or shown by
    nothing."""
    faults = [Fault(name, "required") for name in ("owner", "evidence") if given.done and not getattr(given, name)]
    if faults:
        raise Unfit(faults)
    session.merge(Readiness(item=item, **given._asdict(), by=by, at_ns=now_ns))
    session.flush()
    note(session, now_ns, by, "readiness-answered", f"readiness {item.value}", done=given.done)


def team_rows(session: Session) -> list[TeamRow]:
    """Every team with how many active people it has, by name."""
    counted = select(Person.team_id, func.count()).where(Person.active.is_(True)).group_by(Person.team_id)
    people = dict(session.execute(counted).all())
    return [TeamRow(team, people.get(team.id, 0)) for team in session.scalars(select(Team).order_by(Team.name))]


def _known(session: Session, teams: list[TeamRow]) -> Known:
    places = select(func.count()).where(Place.kind == PlaceKind.ISOLATION, Place.active.is_(True))
    return Known(
        isolation_places=session.scalar(places) or 0,
        teams=len(teams),
        without_leader=[row.team.name for row in teams if not row.team.leader],
        without_meal=[row.team.name for row in teams if not row.team.meal_slot],
    )
