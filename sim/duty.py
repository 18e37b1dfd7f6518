"""Whose duty it is, and how often each was measured (双测): a roll for each shift of each day."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from msgspec import Struct

from sim.plant import DAY_S, Shift
from sim.roster import Site
from sim.truth import DutyTruth

_CLOSED_AFTER_S = 2 * 3600.0
"""The end of a shift: whoever goes home has by then."""


class Duty(NamedTuple):
    """Somebody's duty on one day; numbers from 0."""

    day: int
    shift: int
    number: int


class _Roll(Struct):
    """One shift of one day: who is on duty, and how often each was measured."""

    shift: Shift
    day: int
    measured: dict[int, int]

    @property
    def over_s(self) -> float:
        return self.day * DAY_S + (self.shift.from_h + self.shift.hours) * 3600 + _CLOSED_AFTER_S


class Rolls:
    """Of one site."""

    def __init__(self, site: Site) -> None:
        self._site, self._plant = site, site.plant
        self._begins_ns = site.plant.begins_ns()
        self._rolls: dict[tuple[int, int], _Roll] = {}

    def there(self, duty: Duty, measured: int) -> None:
        """Somebody is on duty, and was measured so often more."""
        roll = self._rolls.setdefault(
            (duty.day, duty.shift), _Roll(self._plant.shifts[duty.shift], duty.day, measured={})
        )
        roll.measured[duty.number] = roll.measured.get(duty.number, 0) + measured

    def again(self, duty: Duty) -> None:
        """Somebody was measured who may not be on duty at all, being isolated."""
        roll = self._rolls.get((duty.day, duty.shift))
        if roll is not None and duty.number in roll.measured:
            roll.measured[duty.number] += 1

    def over(self, number: int) -> Iterator[DutyTruth]:
        """The rolls that are closed on a day."""
        badges = self._site.members
        for key, roll in sorted(self._rolls.items()):
            if roll.over_s >= (number + 1) * DAY_S:
                continue
            del self._rolls[key]
            yield DutyTruth(
                time_ns=self._begins_ns + int(roll.over_s * 1e6) * 1000,
                site=self._site.name,
                date=self._plant.date(roll.day).isoformat(),
                shift=roll.shift.name,
                on_duty=len(roll.measured),
                twice=tuple(sorted(badges[person].badge for person, count in roll.measured.items() if count >= 2)),
                once=tuple(sorted(badges[person].badge for person, count in roll.measured.items() if count == 1)),
                never=tuple(sorted(badges[person].badge for person, count in roll.measured.items() if count == 0)),
            )
