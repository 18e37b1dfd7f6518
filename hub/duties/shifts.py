"""Which shift somebody works on a day: single days before rotas, rotas before the shift that stands in the register,
and one's own before the team's. Pure.

A rota is a cycle of days, of a shift or of rest each, from a date on: 四班三运转 is eight days, of which each of four
teams begins elsewhere. A cycle of seven days is a week, and begins on Monday.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, time, timedelta
from typing import NamedTuple

REST = 0
"""Stands where a shift's number would, for a day off."""
WEEK = 7
MOST_CYCLE = 56

Moment = Callable[[date, time], int]
"""When the site's clock shows a time of a day, in nanoseconds since 1970."""


class Hours(NamedTuple):
    """A shift by its number, in minutes of the site's day; one that ends before it begins goes over midnight."""

    id: int
    name: str
    from_min: int
    to_min: int

    def span(self, day: date, moment_ns: Moment) -> tuple[int, int]:
        """When the shift of a day begins and ends."""
        last = day + timedelta(days=1) if self.to_min <= self.from_min else day
        return moment_ns(day, _clock(self.from_min)), moment_ns(last, _clock(self.to_min))


class Cycle(NamedTuple):
    """A rota: its days are counted from `from_on`, and it is in force from then until a later one is."""

    from_on: date
    shifts: tuple[int, ...]

    def on(self, day: date) -> int:
        """The shift of a day, or `REST`."""
        first = self.from_on
        if len(self.shifts) == WEEK:
            first -= timedelta(days=first.weekday())
        return self.shifts[(day - first).days % len(self.shifts)]


class Plan(NamedTuple):
    """What is said of a person, a team or the site: single days, rotas by their date, and the register's shift."""

    days: dict[date, int]
    cycles: Sequence[Cycle] = ()
    shift: int | None = None

    def cycle(self, day: date) -> Cycle | None:
        """The rota in force on a day."""
        return max((cycle for cycle in self.cycles if cycle.from_on <= day), default=None, key=lambda one: one.from_on)


NOTHING = Plan({})


def shift_on(day: date, own: Plan, team: Plan, site: Plan) -> int | None:
    """The shift that somebody works on a day, `REST`, or None where nobody said."""
    for plan in (own, team, site):
        if day in plan.days:
            return plan.days[day]
    for plan in (own, team):
        cycle = plan.cycle(day)
        if cycle is not None:
            return cycle.on(day)
        if plan.shift is not None:
            return plan.shift
    return None


def _clock(minute: int) -> time:
    return time(minute % 1440 // 60, minute % 60)
