"""What the moves of a day amount to: meals by team, crowds by checkpoint. Reads two stores, decides nothing itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import partial
from hashlib import sha256
from time import monotonic
from typing import NamedTuple, TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub.crowds.counting import Crowd, Limit, Move, Step, crowds, limits_of, peak_of, people_at, steps
from hub.crowds.kept import (
    KeptLimit,
    KeptMeals,
    Register,
    limit_read,
    meals_read,
    name_of_limit,
    name_of_meals,
    written,
)
from hub.crowds.meals import Diner, Meal, Slots, TeamMeals, Visit, by_team, every_slot, meal_of, slots_of
from hub.crowds.settings import CheckpointSettings, MealSettings
from hub.database import Database
from hub.projections.moves import Extent, Moves
from hub.registry.holdings import Holding, holder_at, holders_of
from hub.registry.models import Badge, FormerBadge, Person, Place, PlaceKind, Team

K = TypeVar("K")
V = TypeVar("V")

_PUT_EVERY_S = 60.0
_STAMPS = 1_000_003
_MOST_KNOWN = 64
"""Canteens' and limits' days that are kept as they were worked out."""


class Canteen(NamedTuple):
    """One canteen on one day: who came, what that adds up to by team, and who came in others' time, in the order of
    time."""

    place: Place
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


class Eaters(NamedTuple):
    """Who may come to eat: whose each card is and was, their teams and the teams' times. It is of a register that may
    have changed since. `cards` are those that were never another's."""

    register: Register
    cards: dict[str, Diner]
    holders: dict[str, list[Holding]]
    diners: dict[int, Diner]
    slots: Slots

    def diner(self, token: str, time_ns: int) -> Diner | None:
        """Whose the card was at a moment."""
        return self.cards.get(token) or self.diners.get(holder_at(self.holders, token, time_ns) or 0)


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
        self._counted: dict[tuple[str, Limit, date], tuple[KeptLimit, list[Step]]] = {}
        self._came: dict[tuple[str, date], tuple[KeptMeals, Canteen]] = {}
        """What was last worked out of which moves: the same moves again are the same, and are asked for each second.
        What is not here any more is kept beside the moves (`hub.crowds.kept`)."""
        self._put: dict[tuple[str, date, str], float] = {}
        """When what is kept there was written last."""

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
        found = []
        for limit in limits:
            known = self._counted.get((at, limit, day))
            kept = known[0] if known else limit_read(await self.moves.worked(at, day, name_of_limit(limit)))
            if kept is None or kept.extent != extent:
                kept = await self._work_out_limit(at, day, limit, extent)
            now = await self._now(at, day, limit, extent, now_ns) if from_ns <= now_ns else 0
            found.append(LimitDay(limit, now, kept.peak, kept.crowds))
        return Checkpoint(at, found)

    async def _work_out_limit(self, at: str, day: date, limit: Limit, extent: Extent) -> KeptLimit:
        from_ns, until_ns = self.day_ns(day)
        counted = await self._steps(at, limit, extent)
        today = [step for step in counted if from_ns <= step.time_ns < until_ns]
        crossed = [one for one in crowds(counted, limit, self.zone) if from_ns <= one.since_ns < until_ns]
        kept = KeptLimit(extent, peak_of(today), crossed)
        _keep(self._counted, (at, limit, day), (kept, counted))
        await self._put_by(at, day, name_of_limit(limit), kept)
        return kept

    async def _now(self, at: str, day: date, limit: Limit, extent: Extent, now_ns: int) -> int:
        """How many count at a moment: nobody does for longer than the limit's span."""
        known = self._counted.get((at, limit, day))
        if known is not None and known[0].extent == extent:
            return people_at(known[1], now_ns)
        if now_ns >= extent.until_ns + limit.span_ns:
            return 0
        return people_at(await self._steps(at, limit, extent._replace(from_ns=now_ns - limit.span_ns)), now_ns)

    async def _steps(self, at: str, limit: Limit, extent: Extent) -> list[Step]:
        moves = await self.moves.between(at, extent.from_ns, extent.until_ns)
        return await asyncio.to_thread(steps, moves, limit)

    async def canteens(self) -> list[Place]:
        """The site's canteens, by name."""
        query = select(Place).where(Place.kind == PlaceKind.CANTEEN, Place.active.is_(True)).order_by(Place.name)
        return await self.database.read(lambda session: list(session.scalars(query)))

    async def meals_of(self, day: date) -> list[Canteen]:
        """All canteens on a day, by name."""
        register = await self.database.read(_register)
        return [await self.canteen(place, day, register) for place in await self.canteens()]

    async def canteen(self, place: Place, day: date, register: Register | None = None) -> Canteen:
        """Everybody who came to a canteen on a day, and what that amounts to; by a register that was just asked for."""
        if register is None:
            register = await self.database.read(_register)
        extent = await self.moves.extent(place.name, *self.day_ns(day))
        known = self._came.get((place.name, day))
        if known is None or (known[0].extent, known[0].register) != (extent, register):
            name = name_of_meals(self.meals.tolerance_min)
            found = meals_read(await self.moves.worked(place.name, day, name))
            if found is None or (found.extent, found.register) != (extent, register):
                found = await self._work_out_meals(place, extent, register)
                await self._put_by(place.name, day, name, found)
            known = found, _canteen(place, found)
            _keep(self._came, (place.name, day), known)
        return known[1]._replace(place=place)

    async def visits(self, place: Place, day: date) -> list[Visit]:
        """Every arrival at a canteen on a day, in the order of time."""
        eaters = await self._eaters(await self.database.read(_register))
        moves = await self.moves.between(place.name, *self.day_ns(day))
        return await asyncio.to_thread(self._visits, moves, eaters)

    async def _put_by(self, at: str, day: date, name: str, found: KeptLimit | KeptMeals) -> None:
        """Keep it; what changes all the time not each time, for the last of a day is looked at when it is over."""
        now_s, until_ns = monotonic(), self.day_ns(day)[1]
        if now_s - self._put.get((at, day, name), -_PUT_EVERY_S) >= _PUT_EVERY_S:
            _keep(self._put, (at, day, name), now_s)
            await self.moves.keep(at, day, name, until_ns, await asyncio.to_thread(written, found))

    async def settle(self, days: Sequence[date], now_ns: int) -> None:
        """Work out these days and keep them as they are now: whoever looks next finds them."""
        for day in days:
            self._put = {key: at_s for key, at_s in self._put.items() if key[1] != day}
            self._counted = {key: one for key, one in self._counted.items() if key[2] != day}
            self._came = {key: came for key, came in self._came.items() if key[1] != day}
            for at in self.checkpoints:
                await self.checkpoint(at, day, now_ns)
            await self.meals_of(day)

    async def _work_out_meals(self, place: Place, extent: Extent, register: Register) -> KeptMeals:
        eaters = await self._eaters(register)
        moves = await self.moves.between(place.name, extent.from_ns, extent.until_ns)
        return await asyncio.to_thread(self._meals, moves, eaters, extent)

    def _meals(self, moves: Sequence[Move], eaters: Eaters, extent: Extent) -> KeptMeals:
        visits = self._visits(moves, eaters)
        return KeptMeals(
            extent,
            eaters.register,
            sorted({visit.diner.person_id for visit in visits if visit.diner}),
            sorted({visit.who for visit in visits if not visit.diner}),
            list(by_team(visits).values()),
            [one for one in visits if one.meal is Meal.OUT_OF_SLOT],
        )

    def _visits(self, moves: Sequence[Move], eaters: Eaters) -> list[Visit]:
        """What each arrival was: tens of thousands a day at a large plant."""
        every, tolerance_min = every_slot(eaters.slots), self.meals.tolerance_min
        known: dict[tuple[int | None, int], Meal] = {}
        minutes: dict[int, int] = {}
        found = []
        for time_ns, who, enters in moves:
            if not enters:
                continue
            diner = eaters.cards.get(who) or eaters.diner(who, time_ns)
            second_of_epoch = time_ns // 10**9
            minute_of_epoch = second_of_epoch // 60
            if minute_of_epoch not in minutes:
                at = self.local(time_ns)
                minutes[minute_of_epoch] = at.hour * 60 + at.minute
            key = (diner.team_id if diner else None, minutes[minute_of_epoch] * 60 + second_of_epoch % 60)
            meal = known.get(key)
            if meal is None:
                meal = known[key] = meal_of(key[0], key[1] / 60, eaters.slots, every, tolerance_min)
            found.append(Visit(time_ns, who, diner, meal))
        return found

    async def _eaters(self, register: Register) -> Eaters:
        """Whose the cards are, asked for again only where the register has changed."""
        if self._known is None or self._known.register != register:
            self._known = await self.database.read(partial(_eaters, register=register))
        return self._known


def _canteen(place: Place, found: KeptMeals) -> Canteen:
    diners: frozenset[int | str] = frozenset([*found.people, *found.cards])
    return Canteen(place, diners, {team.team_id: team for team in found.teams}, found.out)


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
    times = session.execute(select(Team.id, Team.meal_slot).where(Team.meal_slot != "").order_by(Team.id)).all()
    sums = (int(one or 0) for one in (*people, *cards, *former))  # PostgreSQL's are decimals
    return (*sums, sha256(repr([tuple(row) for row in times]).encode()).hexdigest()[:16])


def _eaters(session: Session, register: Register) -> Eaters:
    """Whose all cards are and were, and of which team everybody is."""
    query = select(Team.id, Team.meal_slot).where(Team.meal_slot != "")
    slots = {team_id: slots_of(slot) for team_id, slot in session.execute(query)}
    holders = holders_of(session)
    held = {one.person_id for of_token in holders.values() for one in of_token}
    people = session.execute(select(Person.id, Person.team_id))
    diners = {person: Diner(person, team) for person, team in people if person in held}
    cards = {
        token: diners[of_token[0].person_id]
        for token, of_token in holders.items()
        if len(of_token) == 1 and not of_token[0].is_limited
    }
    return Eaters(register, cards, holders, diners, slots)
