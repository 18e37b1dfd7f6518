"""Who is ill: infections brought in and spread among people, fevers with their course over days. From a seed only."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable

import numpy as np
from msgspec import Struct

from sim.meals import Seat
from sim.people import FEVER_FROM_C, WELL_BELOW_C, SimPerson, stream
from sim.plant import DAY_S
from sim.roster import Site

_RHYTHM_C, _RHYTHM_PEAK_H = 0.25, 17.0
"""Oral temperature over the day: 0.5 K from nadir to peak, which is at 16 to 18 h (Mackowiak 1992, JAMA 268:1578)."""
_INCUBATION_MEDIAN_DAYS, _INCUBATION_LOG_SD = 5.1, 0.42
"""Lauer 2020, Ann Intern Med 172:577: median 5.1 days, 97.5 % within 11.5."""
_CONTAGIOUS_BEFORE_DAYS, _CONTAGIOUS_DAYS = 2, 10
_TABLE = 8
"""So many people of the same sitting are near enough, others each day."""
_RISE_S, _FALL_S = 12 * 3600.0, 36 * 3600.0


class Illness(Struct, frozen=True):
    """One person's fever: it rises from `from_s` on, stays, and falls; seconds since the plant's first midnight.

    `peak_c` is the body temperature at its height; without a fever it is None. `spreads_from_s` and `spreads_until_s`
    bound when others are infected; equal for what does not spread.
    """

    person: int
    from_s: float
    plateau_s: float
    peak_c: float | None
    spreads_from_s: float
    spreads_until_s: float

    @property
    def until_s(self) -> float:
        return self.from_s + _RISE_S + self.plateau_s + _FALL_S

    def share(self, at_s: float) -> float:
        """How much of the fever is there, 0 to 1."""
        since = at_s - self.from_s
        left = self.until_s - at_s
        return max(0.0, min(1.0, since / _RISE_S, left / _FALL_S))


class Epidemic:
    """The illnesses of one site, day by day. Call `day` once for each, in their order."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._ill: dict[int, list[Illness]] = defaultdict(list)
        self._infected: set[int] = set()
        self._teams: dict[int, list[int]] = defaultdict(list)
        self._sittings: dict[tuple[int, Seat], list[int]] = defaultdict(list)
        for number, member in enumerate(site.members):
            self._teams[member.team].append(number)
            self._sittings[member.shift, member.seat].append(number)

    def day(self, number: int, absent: Collection[int]) -> list[Illness]:
        """The illnesses that are caught on a day; who is absent (isolated) neither infects nor is infected at work."""
        health = self._site.plant.health
        draw = stream(self._site.seed, "illness", str(number))
        count = len(self._site.members)
        caught = np.flatnonzero(draw.random(count) < health.brought_in_share).tolist()
        others = np.flatnonzero(draw.random(count) < health.other_fever_share).tolist()
        spreading = sorted(self._spreading(number) - set(absent))
        for person in spreading:
            member = self._site.members[person]
            caught += self._struck(draw, self._teams[member.team], health.team_spread)
            table = draw.choice(self._sittings[member.shift, member.seat], _TABLE).tolist()
            caught += self._struck(draw, table, health.canteen_spread)
        found = [self._infection(draw, number, person) for person in self._new(caught, absent)]
        found += [self._other(draw, number, person) for person in others]
        for illness in found:
            self._ill[illness.person].append(illness)
        return found

    def body_c(self, person: int, at_s: float) -> float:
        """The body temperature of a person at a moment, seconds since the plant's first midnight; °C to a hundredth.

        As precise as the truth tells it: what is called a fever is one by the figure that is written down.
        """
        own_c = healthy_c(self._site.people[person], at_s)
        for illness in self._ill.get(person, ()):
            if illness.peak_c is not None and illness.from_s <= at_s <= illness.until_s:
                own_c = max(own_c, own_c + (illness.peak_c - own_c) * illness.share(at_s))
        return round(own_c, 2)

    def _spreading(self, day: int) -> set[int]:
        noon_s = (day + 0.5) * DAY_S
        return {
            person
            for person in self._infected
            for illness in self._ill[person]
            if illness.spreads_from_s <= noon_s < illness.spreads_until_s
        }

    @staticmethod
    def _struck(draw: np.random.Generator, group: list[int], share: float) -> list[int]:
        hits = np.flatnonzero(draw.random(len(group)) < share)
        return [group[hit] for hit in hits]

    def _new(self, caught: Iterable[int], absent: Collection[int]) -> list[int]:
        new = sorted(set(caught) - self._infected - set(absent))
        self._infected.update(new)
        return new

    def _infection(self, draw: np.random.Generator, day: int, person: int) -> Illness:
        incubation_days = _INCUBATION_MEDIAN_DAYS * math.exp(_INCUBATION_LOG_SD * float(draw.normal()))
        from_s = (day + float(draw.random()) + incubation_days) * DAY_S
        feverish = draw.random() < self._site.plant.health.fever_of_infected
        peak_c = float(draw.uniform(38.0, 39.6))
        return Illness(
            person=person,
            from_s=from_s,
            plateau_s=float(draw.uniform(2, 8)) * DAY_S,
            peak_c=peak_c if feverish else None,
            spreads_from_s=from_s - _CONTAGIOUS_BEFORE_DAYS * DAY_S,
            spreads_until_s=from_s + _CONTAGIOUS_DAYS * DAY_S,
        )

    def _other(self, draw: np.random.Generator, day: int, person: int) -> Illness:
        from_s = (day + float(draw.random())) * DAY_S
        plateau_s, peak_c = float(draw.uniform(0.2, 2)) * DAY_S, float(draw.uniform(37.8, 39.2))
        return Illness(person, from_s, plateau_s, peak_c, from_s, from_s)


def healthy_c(person: SimPerson, at_s: float) -> float:
    """The body temperature of a well person at a moment: their own mean with the rhythm of the day; below a fever."""
    hour = at_s / 3600 % 24
    rhythm_c = _RHYTHM_C * math.cos(math.tau * (hour - _RHYTHM_PEAK_H) / 24)
    return min(person.body_c + rhythm_c, WELL_BELOW_C)


def is_fever(body_c: float) -> bool:
    """By the definition of the FDA's recordings (`sim.people`)."""
    return body_c >= FEVER_FROM_C
