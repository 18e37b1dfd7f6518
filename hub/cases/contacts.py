"""Contact tracing: who may have been infected by somebody, with the reasons, the most exposed first.

The order: 逐人核查 - whoever was near is checked one by one. Near is who passed the same checkpoint within some
minutes, who works in the same team, and who visited the same host. `rank` is pure; the rest is work on a session.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, selectinload

from hub.cases.models import Case
from hub.projections.passes import Near
from hub.registry.holdings import Holders, holder_at, holders_of
from hub.registry.models import Person, Visit

TEAM_POINTS = HOST_POINTS = 10
"""As much as ten passages together: people of one team are together for a shift, a visitor and the host for a talk."""
_AT_ONCE = 500


class Met(NamedTuple):
    """The passages of two people at the same checkpoints within the window."""

    times: int
    """How many of the passages of the one had the other near."""
    nearest_ns: int
    last_ns: int
    gate: str
    lane: str
    """Where the nearest was."""


class Contact(NamedTuple):
    """Somebody who was near, and why."""

    person_id: int
    points: int
    met: Met | None
    same_team: bool
    same_host: bool


class Group(NamedTuple):
    """Who belongs together with somebody, whether they were seen together or not."""

    badges: Holders
    """Whose each badge is or was."""
    team: Collection[int]
    host: Collection[int]


def meetings(near: Iterable[Near], whose: Holders) -> dict[int, Met]:
    """What was near, by person; badges of nobody that we know are left out, of one person counted once."""
    found: dict[int, dict[int, Near]] = {}
    for one in near:
        person_id = holder_at(whose, one.token, one.last_ns)
        if person_id is not None:
            own = found.setdefault(person_id, {})
            before = own.get(one.own)
            own[one.own] = one if before is None else _both(before, one)
    return {person_id: _met(list(own.values())) for person_id, own in found.items()}


def rank(met: Mapping[int, Met], team: Collection[int], host: Collection[int]) -> list[Contact]:
    """Everybody who was near, the most exposed first: by points, then by who was nearest, then by who was last."""
    team, host = set(team), set(host)
    found = []
    for person_id in met.keys() | team | host:
        here = met.get(person_id)
        points = TEAM_POINTS * (person_id in team) + HOST_POINTS * (person_id in host) + (here.times if here else 0)
        found.append(Contact(person_id, points, here, person_id in team, person_id in host))
    return sorted(found, key=_exposure)


def strangers(near: Iterable[Near], whose: Holders) -> int:
    """How many badges were near that belonged to nobody who is registered."""
    return len({one.token for one in near if holder_at(whose, one.token, one.last_ns) is None})


def group_of(session: Session, person: Person, tokens: Collection[str], from_ns: int, until_ns: int) -> Group:
    """Whose the badges are that were near somebody, who is in the team, and who had the same host."""
    whose, alive = holders_of(session, tokens), Person.erased_ns.is_(None)
    team: Collection[int] = ()
    if person.team_id is not None:
        mates = select(Person.id).where(Person.team_id == person.team_id, Person.active.is_(True), alive)
        team = set(session.scalars(mates)) - {person.id}
    return Group(whose, team, _same_host(session, person.id, from_ns, until_ns))


def people_of(session: Session, ids: Collection[int]) -> dict[int, Person]:
    """The people, with their teams."""
    found = {}
    for part in _parts(sorted(ids)):
        query = select(Person).where(Person.id.in_(part))
        for person in session.scalars(query.options(selectinload(Person.team))):
            found[person.id] = person
    return found


def isolated_of(session: Session, ids: Collection[int]) -> dict[int, int]:
    """The open case of each of these people who has one."""
    found: dict[int, int] = {}
    for part in _parts(sorted(ids)):
        open_cases = select(Case.person_id, Case.id).where(Case.person_id.in_(part), Case.closed_ns.is_(None))
        found.update(session.execute(open_cases).all())
    return found


def _same_host(session: Session, person_id: int, from_ns: int, until_ns: int) -> set[int]:
    """Hosts of somebody's visits, their other visitors, and visitors of somebody who is a host."""
    within = (Visit.cancelled.is_(False), Visit.from_ns < until_ns, Visit.until_ns >= from_ns)
    own = select(Visit.host_id).where(Visit.person_id == person_id, Visit.host_id.is_not(None), *within)
    hosts = {host for host in session.scalars(own) if host is not None}
    of = or_(Visit.host_id == person_id, Visit.host_id.in_(hosts))
    return (hosts | set(session.scalars(select(Visit.person_id).where(of, *within)))) - {person_id}


def _both(one: Near, other: Near) -> Near:
    nearer = min(one, other, key=lambda near: near.apart_ns)
    return nearer._replace(last_ns=max(one.last_ns, other.last_ns))


def _met(near: Sequence[Near]) -> Met:
    nearest = min(near, key=lambda one: (one.apart_ns, one.own))
    return Met(len(near), nearest.apart_ns, max(one.last_ns for one in near), nearest.gate, nearest.lane)


def _exposure(contact: Contact) -> tuple[int, int, int, int]:
    met = contact.met
    if met is None:
        return -contact.points, 2**63, 0, contact.person_id
    return -contact.points, met.nearest_ns, -met.last_ns, contact.person_id


def _parts(values: Sequence[str] | Sequence[int]) -> Iterable[Sequence[str] | Sequence[int]]:
    return (values[start : start + _AT_ONCE] for start in range(0, len(values), _AT_ONCE))
