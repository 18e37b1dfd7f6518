"""What the moves of a day amount to: meals by team, crowds by checkpoint. Reads two stores, decides nothing itself."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import partial
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.crowds.counting import Crowd, Limit, Move, Step, crowds, limits_of, peak_of, people_at, steps
from hub.crowds.meals import Diner, Slots, Visit, meal_of, slots_of
from hub.crowds.settings import CheckpointSettings, MealSettings
from hub.database import Database, in_parts
from hub.projections.moves import Moves
from hub.registry.holdings import Holders, holder_at, holders_of
from hub.registry.models import Person, Place, PlaceKind, Team


class Canteen(NamedTuple):
    """One canteen on one day."""

    place: Place
    visits: list[Visit]


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
        moves = await self.moves.between(at, from_ns - longest_ns, until_ns)
        return Checkpoint(at, [self._limit(moves, limit, (from_ns, until_ns), now_ns) for limit in limits])

    def _limit(self, moves: list[Move], limit: Limit, day_ns: tuple[int, int], now_ns: int) -> LimitDay:
        found = steps(moves, limit)
        today = [step for step in found if day_ns[0] <= step.time_ns < day_ns[1]]
        crossed = [crowd for crowd in crowds(found, limit, self.zone) if day_ns[0] <= crowd.since_ns < day_ns[1]]
        return LimitDay(limit, people_at(found, now_ns), peak_of(today), crossed)

    async def canteens(self) -> list[Place]:
        """The site's canteens, by name."""
        query = select(Place).where(Place.kind == PlaceKind.CANTEEN, Place.active.is_(True)).order_by(Place.name)
        return await self.database.read(lambda session: list(session.scalars(query)))

    async def canteen(self, place: Place, day: date) -> Canteen:
        """Everybody who came to a canteen on a day, in the order of time."""
        moves = [move for move in await self.moves.between(place.name, *self.day_ns(day)) if move.enters]
        tokens = {move.who for move in moves}
        holders, diners, slots = await self.database.read(partial(_diners, tokens=tokens))
        visits = []
        for move in moves:
            diner = diners.get(holder_at(holders, move.who, move.time_ns) or 0)
            team = diner.team_id if diner else None
            meal = meal_of(team, self.local(move.time_ns), slots, self.meals.tolerance_min)
            visits.append(Visit(move.time_ns, move.who, diner, meal))
        return Canteen(place, visits)


def _diners(session: Session, tokens: Collection[str]) -> tuple[Holders, dict[int, Diner], Slots]:
    """Whose the cards were when, and who of them eats in which team's time."""
    holders = holders_of(session, tokens)
    people = {one.person_id for held in holders.values() for one in held}
    rows = in_parts(session, select(Person.id, Person.team_id), Person.id, people)
    diners = {person_id: Diner(person_id, team_id) for person_id, team_id in rows}
    query_slots = select(Team.id, Team.meal_slot).where(Team.meal_slot != "")
    return holders, diners, {team_id: slots_of(slot) for team_id, slot in session.execute(query_slots)}
