"""What the state of isolation tells somebody, looked at again and again: places that are full, returnees without one,
several fevers in one team.

Also whoever returns on a day that has come is isolated then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date
from typing import NamedTuple

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.alerts.desk import AlertDesk
from hub.alerts.rules import Rule, Signal
from hub.cases import clusters, returnees, ward
from hub.cases.models import Case, Cause
from hub.cases.signs import HUB
from hub.registry.office import PeopleOffice, Touched
from hub.watching import keep_looking

log = structlog.get_logger(__name__)

EVERY_S = 20.0
RULES = (Rule.ISOLATION_FULL, Rule.RETURNEE_NOT_ISOLATED)
_HOUR_NS = 3600 * 10**9


class Full(NamedTuple):
    """A place that has no room left, since somebody took the last of it."""

    place: str
    title: str
    taken: int
    capacity: int
    since_ns: int


class Unplaced(NamedTuple):
    """A returnee without a place: since when the case is open, on the site's day."""

    on: date
    opened_ns: int


def signals(
    site: str, full: Iterable[Full], unplaced: Iterable[Unplaced], within_h: float, now_ns: int
) -> list[Signal]:
    """What stands now. Returnees are one alert for each day on which they were isolated. Pure."""
    found = [
        Signal(
            key=f"{Rule.ISOLATION_FULL}/{site}/{one.place}/{one.since_ns}",
            rule=Rule.ISOLATION_FULL,
            site=site,
            gate=one.place,
            time_ns=one.since_ns,
            detail=f"{one.title}: {one.taken}/{one.capacity}",
            total=one.taken,
        )
        for one in full
    ]
    days: dict[date, list[int]] = {}
    for case in unplaced:
        due_ns = case.opened_ns + round(within_h * _HOUR_NS)
        if due_ns <= now_ns:
            days.setdefault(case.on, []).append(due_ns)
    for on, due in sorted(days.items()):
        found.append(
            Signal(
                key=f"{Rule.RETURNEE_NOT_ISOLATED}/{site}/{on.isoformat()}",
                rule=Rule.RETURNEE_NOT_ISOLATED,
                site=site,
                gate="isolation",
                time_ns=min(due),
                newest_ns=max(due),
                detail=f"{len(due)} × {on.isoformat()}",
                total=len(due),
            )
        )
    return found


class IsolationWatch:
    """`run` looks until it is cancelled; `look` looks once and raises `MenshenError`."""

    def __init__(
        self, office: PeopleOffice, desk: AlertDesk, site: str, off: Collection[Rule] = (), cluster_fevers: int = 3
    ) -> None:
        """`cluster_fevers`: so many of one team on one day are a cluster."""
        self._office = office
        self._desk = desk
        self._site = site
        self._rules = [rule for rule in RULES if rule not in off]
        self._cluster_fevers = None if Rule.FEVER_CLUSTER in off else cluster_fevers

    async def run(self) -> None:
        """Until cancelled."""
        await keep_looking(self.look, EVERY_S, "isolation cannot be looked at")

    async def look(self) -> None:
        office = self._office
        today, now_ns, days = office.today(), office.now_ns(), office.isolation.days

        def enrol(session: Session) -> tuple[None, Touched]:
            return None, Touched(people=returnees.enrol(session, days, today, by=HUB, now_ns=now_ns))

        await office.change(enrol)
        full, unplaced = await office.database.read(self._read)
        stands = signals(self._site, full, unplaced, office.isolation.place_within_h, now_ns)
        stands = [signal for signal in stands if signal.rule in self._rules]
        await self._desk.ask(lambda store, now: store.stand(self._site, self._rules, stands, now))
        await self._tell_clusters(now_ns)
        await self._desk.refresh()

    async def _tell_clusters(self, now_ns: int) -> None:
        if self._cluster_fevers is None:
            return
        found = await self._office.database.read(lambda session: clusters.lately(session, now_ns - clusters.DAYS_NS))
        fevers = [
            clusters.Feverish(team, name, person, self._office.day_of(time_ns), time_ns)
            for team, name, person, time_ns in found
        ]
        told = clusters.clusters(self._site, fevers, self._cluster_fevers)
        if told:
            await self._desk.ask(lambda store, now: store.tell(told, now))

    def _read(self, session: Session) -> tuple[list[Full], list[Unplaced]]:
        full = [
            Full(row.place.name, row.place.title, row.taken, row.place.capacity, _since_ns(session, row.place.id))
            for row in ward.places(session)
            if row.is_full
        ]
        waiting = select(Case.opened_ns).where(
            Case.closed_ns.is_(None), Case.cause == Cause.RETURNEE, Case.place_id.is_(None), Case.hospital == ""
        )
        return full, [Unplaced(self._office.day_of(opened_ns), opened_ns) for opened_ns in session.scalars(waiting)]


def _since_ns(session: Session, place_id: int) -> int:
    """When the last of those who are there came."""
    there = select(Case).where(Case.closed_ns.is_(None), Case.place_id == place_id)
    return max((case.placed_ns or case.opened_ns for case in session.scalars(there)), default=0)
