"""聚集性发热: several people of one team with a fever on one day, wherever they came in.

A gate's own clusters are of events alone (`hub.alerts.facts`); a team's people come in by several gates, and only the
hub knows whose they are. A fever that a contact thermometer took back does not count.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from hub.alerts.rules import Rule, Signal
from hub.cases.models import Case, Cause, End, Sign, SignKind
from hub.registry.models import Person, Team

DAYS_NS = 2 * 86_400 * 10**9
"""Of what is older the alert is there already."""


class Feverish(NamedTuple):
    """One person's fever, on the site's day."""

    team: int
    name: str
    person: int
    on: date
    time_ns: int


def clusters(site: str, fevers: Iterable[Feverish], least: int) -> list[Signal]:
    """Each team and day with so many people: one signal, from that person on who made them a cluster. Pure."""
    groups: dict[tuple[int, date], dict[int, int]] = {}
    names: dict[int, str] = {}
    for one in fevers:
        people = groups.setdefault((one.team, one.on), {})
        people[one.person] = min(one.time_ns, people.get(one.person, one.time_ns))
        names[one.team] = one.name
    return [
        Signal(
            key=f"{Rule.FEVER_CLUSTER}/{site}/team-{team}/{on.isoformat()}",
            rule=Rule.FEVER_CLUSTER,
            site=site,
            gate="team",
            time_ns=sorted(people.values())[least - 1],
            newest_ns=max(people.values()),
            detail=f"{names[team]}: {len(people)} × {on.isoformat()}",
            total=len(people),
        )
        for (team, on), people in sorted(groups.items())
        if len(people) >= least
    ]


def lately(session: Session, since_ns: int) -> list[tuple[int, str, int, int]]:
    """Team, its name, person and time of each fever since then that still counts."""
    query = (
        select(Team.id, Team.name, Sign.person_id, Sign.time_ns)
        .join(Person, Person.id == Sign.person_id)
        .join(Team, Team.id == Person.team_id)
        .join(Case, Case.id == Sign.case_id)
        .where(Sign.time_ns >= since_ns, Sign.kind != SignKind.NORMAL, Case.cause == Cause.FEVER)
        .where(or_(Case.end.is_(None), Case.end.not_in([End.CLEARED, End.MISTAKE])))
    )
    return [(team, name, person or 0, time_ns) for team, name, person, time_ns in session.execute(query)]
