"""错时用餐: who comes to the canteen in their team's time, and who in another's. Pure functions.

own team's time ─► in slot      another team's time only ─► out of slot
nobody's time ─► between meals  no team, or a team without a time ─► without a slot
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

DAY_MIN = 24 * 60


class Slot(NamedTuple):
    """When a team eats, in minutes of the site's day; one that ends before it begins goes over midnight."""

    from_min: int
    to_min: int

    def holds(self, minute: float, tolerance_min: float) -> bool:
        length = (self.to_min - self.from_min) % DAY_MIN + 2 * tolerance_min
        return (minute - self.from_min + tolerance_min) % DAY_MIN <= length


class Meal(StrEnum):
    """How somebody came to the canteen."""

    IN_SLOT = "in-slot"
    OUT_OF_SLOT = "out-of-slot"
    BETWEEN = "between"
    NO_SLOT = "no-slot"


class Diner(NamedTuple):
    """Somebody whose badge is known."""

    person_id: int
    team_id: int | None


class Visit(NamedTuple):
    """One arrival at the canteen, and what it was."""

    time_ns: int
    who: str
    diner: Diner | None
    meal: Meal


Slots = Mapping[int, tuple[Slot, ...]]
"""By the team's id; a team without any has no entry."""


def slots_of(text: str) -> tuple[Slot, ...]:
    """What a team's times mean: `11:30-12:00`, several with commas. Raises `ValueError` for what is none."""
    return tuple(Slot(*(_minute(part) for part in one.split("-"))) for one in text.split(",") if one.strip())


def _minute(text: str) -> int:
    hour, minute = text.strip().split(":")
    return int(hour) * 60 + int(minute)


def every_slot(slots: Slots) -> frozenset[Slot]:
    """All times at which some team eats: of thousands of teams there are few."""
    return frozenset(slot for of_team in slots.values() for slot in of_team)


def meal_of(team_id: int | None, minute: float, slots: Slots, every: Collection[Slot], tolerance_min: float) -> Meal:
    """What it is when somebody of that team comes at that minute of the site's day; `every` as `every_slot` says."""
    own = slots.get(team_id) if team_id is not None else None
    if not own:
        return Meal.NO_SLOT
    if any(slot.holds(minute, tolerance_min) for slot in own):
        return Meal.IN_SLOT
    return Meal.OUT_OF_SLOT if any(slot.holds(minute, tolerance_min) for slot in every) else Meal.BETWEEN


class TeamMeals(NamedTuple):
    """One team at one canteen on one day: how many people came at least once in each way."""

    team_id: int | None
    people: Mapping[Meal, int]
    first_ns: int
    """The first and the last arrival out of slot; 0 where there is none."""
    last_ns: int


def by_team(visits: Iterable[Visit]) -> dict[int | None, TeamMeals]:
    """What a day's visits add up to, by team; people whose badge nobody knows count as of no team."""
    who: dict[int | None, dict[Meal, set[int | str]]] = {}
    out: dict[int | None, list[int]] = {}
    for visit in visits:
        team = visit.diner.team_id if visit.diner else None
        name = visit.diner.person_id if visit.diner else visit.who
        who.setdefault(team, {}).setdefault(visit.meal, set()).add(name)
        if visit.meal is Meal.OUT_OF_SLOT:
            out.setdefault(team, []).append(visit.time_ns)
    return {
        team: TeamMeals(
            team,
            {meal: len(found.get(meal, ())) for meal in Meal},
            min(out.get(team, [0])),
            max(out.get(team, [0])),
        )
        for team, found in who.items()
    }
