"""Meals by turns (错时用餐): which sitting a team has, when it is, and when a canteen is crowded.

A canteen has a reader at its door and none behind: whoever came in counts for the length of a sitting.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from sim.people import stream
from sim.plant import DAY_S, Plant, Shift

_COME_WITHIN = 1 / 3
"""Of a sitting: in its first minutes."""


class Slot(NamedTuple):
    """A sitting of a shift, in hours of the day on which the shift begins; both may be over 24."""

    from_h: float
    until_h: float

    def __str__(self) -> str:
        """As the hub has a team's slot: `11:30-12:00`."""
        return "-".join(f"{minute // 60 % 24:02d}:{minute % 60:02d}" for minute in (round(h * 60) for h in self))


class Seat(NamedTuple):
    """Where and when a team eats."""

    canteen: int
    sitting: int


class Served(NamedTuple):
    """A canteen becomes crowded, or is no longer: `people` are within, seconds since the first midnight."""

    at_s: float
    canteen: int
    crowded: bool
    people: int


def slots(plant: Plant, shift: Shift) -> list[Slot]:
    """The sittings of a shift; none where there is no canteen or the shift is over before the last of them."""
    sitting_h = plant.sitting_min / 60
    if not plant.canteens or plant.meal_after_h + plant.canteen_sittings * sitting_h > shift.hours:
        return []
    begin_h = shift.from_h + plant.meal_after_h
    return [Slot(begin_h + n * sitting_h, begin_h + (n + 1) * sitting_h) for n in range(plant.canteen_sittings)]


def seat(plant: Plant, of_shift: int) -> Seat:
    """Of the team that is the `of_shift`-th of its shift, from 0: evenly over sittings, then canteens."""
    turn, sitting = divmod(of_shift, plant.canteen_sittings)
    return Seat(turn % max(1, plant.canteens), sitting)


class Meal(NamedTuple):
    """Somebody's wish to eat, in seconds since the first midnight; `strays`: at another team's time."""

    wanted_s: float
    strays: bool


class Tables:
    """When people of one site eat."""

    def __init__(self, plant: Plant, seed: int) -> None:
        self._plant, self._seed = plant, seed
        self._slots = [slots(plant, shift) for shift in plant.shifts]

    def meal(self, draw: np.random.Generator, day: int, shift: int, at: Seat) -> Meal | None:
        """Whoever eats here comes in the first minutes of the team's sitting, or of the one before or after."""
        plant = self._plant
        eats, chance, early = draw.random(3).tolist()
        if eats >= plant.eaters_share:
            return None
        strays = chance < plant.conduct.out_of_slot_share
        sittings = (1 if chance < plant.conduct.out_of_slot_share / 2 else -1) if strays else 0
        sittings = 1 if self._is_served_late(day, shift, at) and not strays else sittings
        begin_s = day * DAY_S + self._slots[shift][at.sitting].from_h * 3600
        return Meal(begin_s + (sittings + early * _COME_WITHIN) * plant.sitting_min * 60, strays)

    def is_in_slot(self, day: int, shift: int, at: Seat, at_s: float) -> bool:
        """Whether somebody on duty on that day is at the canteen on the team's time."""
        slot = self._slots[shift][at.sitting]
        return slot.from_h * 3600 <= at_s - day * DAY_S < slot.until_h * 3600

    def _is_served_late(self, day: int, shift: int, at: Seat) -> bool:
        """Whether a sitting comes one later than it should, together with the next."""
        plant = self._plant
        chances = _chances(self._seed, day, shift, plant.canteens, plant.canteen_sittings)
        return chances[at.canteen][at.sitting] < plant.conduct.served_late_share


@functools.lru_cache(maxsize=256)
def _chances(seed: int, day: int, shift: int, canteens: int, sittings: int) -> list[list[float]]:
    draw = stream(seed, "day", str(day), "served", str(shift))
    return [[float(chance) for chance in row] for row in draw.random((canteens, sittings))]


class Crowds:
    """Who is in the canteens of one site. Each day first `came` for all, then `until` its end."""

    def __init__(self, plant: Plant) -> None:
        self._seats = plant.canteen_seats
        self._stay_s = plant.sitting_min * 60.0
        self._coming: list[list[float]] = [[] for _ in range(plant.canteens)]
        self._within: list[deque[float]] = [deque() for _ in range(plant.canteens)]

    def came(self, canteen: int, at_s: float) -> None:
        self._coming[canteen].append(at_s)

    def until(self, end_s: float) -> Iterator[Served]:
        """When each canteen became crowded, and when it was no longer, before a moment."""
        for canteen, coming in enumerate(self._coming):
            coming.sort()
            for at_s in [at_s for at_s in coming if at_s < end_s]:
                yield from self._went(canteen, at_s)
                within = self._within[canteen]
                within.append(at_s)
                if len(within) == self._seats + 1:
                    yield Served(at_s, canteen, True, len(within))
            yield from self._went(canteen, end_s)
            self._coming[canteen] = [at_s for at_s in coming if at_s >= end_s]

    def _went(self, canteen: int, until_s: float) -> Iterator[Served]:
        within = self._within[canteen]
        while within and within[0] + self._stay_s <= until_s:
            gone_s = within.popleft() + self._stay_s
            if len(within) == self._seats:
                yield Served(gone_s, canteen, False, len(within))
