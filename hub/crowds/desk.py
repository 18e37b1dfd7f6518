"""What the moves of a day amount to: meals by team, crowds by checkpoint. Reads two stores, decides nothing itself."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import partial
from typing import NamedTuple, TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub.crowds.counting import Crowd, Limit, Move, Step, crowds, limits_of, peak_of, people_at, steps
from hub.crowds.meals import Diner, Meal, Slots, TeamMeals, Visit, by_team, every_slot, meal_of, slots_of
from hub.crowds.settings import CheckpointSettings, MealSettings
from hub.database import Database, in_parts
from hub.projections.moves import Extent, Moves
from hub.registry.holdings import Holding, holder_at, holders_of
from hub.registry.models import Badge, FormerBadge, Person, Place, PlaceKind, Team

K = TypeVar("K")
V = TypeVar("V")

_MINUTE_NS = 60 * 10**9
_STAMPS = 1_000_003
_MOST_KNOWN = 64
"""Canteens' and limits' days that are kept as they were worked out."""


class Canteen(NamedTuple):
    """One canteen on one day: who came, what that adds up to by team, and who came in others' time, each in the order
    of time."""

    place: Place
    visits: list[Visit]
    diners: frozenset[int | str]
    """People by their number, and cards that are nobody's."""
    teams: dict[int | None, TeamMeals]
    out: list[Visit]


class LimitDay(NamedTuple):
    """One limit on one day: how many count now, and the day's peak."""

    limit: Limit
    now: int
    peak: Step | None
    crowds: list[Crowd]


class Checkpoint(NamedTuple):
    """One checkpoint with its limits."""

    at: str
    limits: list[LimitDay]


Register = tuple[int, ...]


class Eaters(NamedTuple):
    """Who may come to eat, as far as they were asked for: whose each card is and was, their teams and the teams'
    times. It is of a register that may have changed since."""

    register: Register
    holders: dict[str, list[Holding]]
    diners: dict[int, Diner]
    slots: Slots


class CrowdDesk:
    """One site's moves, read against its places, teams and limits. Methods raise `JournalError`, `DatabaseError`."""

    def __init__(
        self,
        moves: Moves,
        database: Database,
        checkpoints: Sequence[CheckpointSettings] = (),
        meals: MealSettings | None = None,
        zone: tzinfo | None = None,
    ) -> None:
        self.moves = moves
        self.database = database
        self.checkpoints = {checkpoint.at: checkpoint for checkpoint in checkpoints}
        self.meals = meals or MealSettings()
        self.zone = zone
        self._known: Eaters | None = None
        self._counted: dict[tuple[str, Limit, date], tuple[Extent, list[Step]]] = {}
        self._came: dict[tuple[str, date], tuple[Extent, Eaters, Canteen]] = {}
        """What was last worked out of which moves: the same moves again are the same, and are asked for each second."""

    def local(self, time_ns: int) -> datetime:
        """A moment on the site's clock."""
        return datetime.fromtimestamp(time_ns // 10**9, UTC).astimezone(self.zone)

    def day_ns(self, day: date) -> tuple[int, int]:
        """A day of the site, from its first nanosecond to before the next day's."""
        first, after = (
            datetime.combine(at, time.min).replace(tzinfo=self.zone).timestamp()
            for at in (day, day + timedelta(days=1))
        )
        return round(first) * 10**9, round(after) * 10**9

    async def checkpoint(self, at: str, day: date, now_ns: int) -> Checkpoint:
        """The limits of a checkpoint on a day; people who came late on the day before count on."""
        limits = limits_of(self.checkpoints[at]) if at in self.checkpoints else []
        from_ns, until_ns = self.day_ns(day)
        longest_ns = max((limit.span_ns for limit in limits), default=0)
        extent = await self.moves.extent(at, from_ns - longest_ns, until_ns)
        known = {limit: self._counted.get((at, limit, day)) for limit in limits}
        counted = {limit: one[1] for limit, one in known.items() if one is not None and one[0] == extent}
        if len(counted) < len(limits):
            moves = await self.moves.between(at, from_ns - longest_ns, until_ns)
            for limit in limits:
                if limit not in counted:
                    counted[limit] = await asyncio.to_thread(steps, moves, limit)
                    _keep(self._counted, (at, limit, day), (extent, counted[limit]))
        found = [self._limit(counted[limit], limit, (from_ns, until_ns), now_ns) for limit in limits]
        return Checkpoint(at, found)

    def _limit(self, found: list[Step], limit: Limit, day_ns: tuple[int, int], now_ns: int) -> LimitDay:
        today = [step for step in found if day_ns[0] <= step.time_ns < day_ns[1]]
        crossed = [crowd for crowd in crowds(found, limit, self.zone) if day_ns[0] <= crowd.since_ns < day_ns[1]]
        return LimitDay(limit, people_at(found, now_ns), peak_of(today), crossed)

    async def canteens(self) -> list[Place]:
        """The site's canteens, by name."""
        query = select(Place).where(Place.kind == PlaceKind.CANTEEN, Place.active.is_(True)).order_by(Place.name)
        return await self.database.read(lambda session: list(session.scalars(query)))

    async def canteen(self, place: Place, day: date) -> Canteen:
        """Everybody who came to a canteen on a day, in the order of time."""
        times = self.day_ns(day)
        extent, register = await self.moves.extent(place.name, *times), await self.database.read(_register)
        known = self._came.get((place.name, day))
        if known is None or known[0] != extent or known[1].register != register:
            moves = [move for move in await self.moves.between(place.name, *times) if move.enters]
            eaters = await self._eaters_of({move.who for move in moves}, register)
            known = extent, eaters, await asyncio.to_thread(self._day_of, place, moves, eaters)
            _keep(self._came, (place.name, day), known)
        return known[2]._replace(place=place)

    def _day_of(self, place: Place, moves: Sequence[Move], eaters: Eaters) -> Canteen:
        visits = self._visits(moves, eaters)
        diners = frozenset(visit.diner.person_id if visit.diner else visit.who for visit in visits)
        return Canteen(place, visits, diners, by_team(visits), [one for one in visits if one.meal is Meal.OUT_OF_SLOT])

    def _visits(self, moves: Sequence[Move], eaters: Eaters) -> list[Visit]:
        """What each arrival was: tens of thousands a day at a large plant."""
        every, tolerance_min = every_slot(eaters.slots), self.meals.tolerance_min
        known: dict[tuple[int | None, int], Meal] = {}
        minutes: dict[int, int] = {}
        found = []
        for time_ns, who, _ in moves:
            diner = eaters.diners.get(holder_at(eaters.holders, who, time_ns) or 0)
            minute_of_epoch, ns = divmod(time_ns, _MINUTE_NS)
            if minute_of_epoch not in minutes:
                at = self.local(time_ns)
                minutes[minute_of_epoch] = at.hour * 60 + at.minute
            second = ns // 10**9
            key = (diner.team_id if diner else None, minutes[minute_of_epoch] * 60 + second)
            if key not in known:
                known[key] = meal_of(key[0], key[1] / 60, eaters.slots, every, tolerance_min)
            found.append(Visit(time_ns, who, diner, known[key]))
        return found

    async def _eaters_of(self, tokens: set[str], register: Register) -> Eaters:
        """Whose the cards are: only those are asked for that were not before, as long as the register is as it was."""
        if self._known is None or self._known.register != register:
            self._known = Eaters(register, {}, {}, await self.database.read(_slots))
        known = self._known
        new = tokens - known.holders.keys()
        if new:
            holders, diners = await self.database.read(partial(_diners, tokens=new))
            known.holders.update({token: holders.get(token, []) for token in new})
            known.diners.update(diners)
        return known


def _keep(known: dict[K, V], key: K, value: V) -> None:
    """What was worked out longest ago goes first."""
    known.pop(key, None)
    known[key] = value
    while len(known) > _MOST_KNOWN:
        known.pop(next(iter(known)))


def _register(session: Session) -> Register:
    """What changes whenever somebody's card or team does, or a team's time: by what stands there, for people are
    erased, and a clock that was ahead once leaves a newest stamp that no later change passes."""
    team, holder = func.coalesce(Person.team_id, 0), func.coalesce(FormerBadge.person_id, 0)
    stamps = func.sum(Person.changed_ns % _STAMPS)
    people = session.execute(select(func.count(), stamps, func.sum(Person.id * (team + 1)))).one()
    cards = session.execute(select(func.count(), func.max(Badge.id), func.sum(Badge.id * Badge.person_id))).one()
    former = session.execute(select(func.max(FormerBadge.id), func.sum(FormerBadge.id * (holder + 1)))).one()
    times = session.execute(select(Team.id, Team.meal_slot).where(Team.meal_slot != "")).all()
    sums = (int(one or 0) for one in (*people, *cards, *former))  # PostgreSQL's are decimals
    return (*sums, hash(tuple(tuple(row) for row in times)))


def _slots(session: Session) -> Slots:
    query = select(Team.id, Team.meal_slot).where(Team.meal_slot != "")
    return {team_id: slots_of(slot) for team_id, slot in session.execute(query)}


def _diners(session: Session, tokens: Collection[str]) -> tuple[dict[str, list[Holding]], dict[int, Diner]]:
    """Whose the cards were when, and of which team they are."""
    holders = holders_of(session, tokens)
    people = {one.person_id for held in holders.values() for one in held}
    rows = in_parts(session, select(Person.id, Person.team_id), Person.id, people)
    return holders, {person_id: Diner(person_id, team_id) for person_id, team_id in rows}
