"""What skin is like at this lane now: the median of its last people, everybody included.

The cohort follows the season, the hour and the camera's drift. It cannot run away: it is a median over many, whoever is
alarmed counts too (a mean that leaves them out does run away), it is drawn towards what is usual while it is small, and
where a reference holds the camera it may lift the limit by no more than `MAX_RISE_C`.
"""

from __future__ import annotations

import math
from collections import deque
from statistics import median
from typing import NamedTuple

from msgspec import Struct

from edge.thermal.measure import quantile
from edge.thermal.settings import ThermalSettings

SESSION_GAP_NS = 4 * 3600 * 10**9
"""After a pause this long nothing tells that the camera reads as it did: a new session begins."""
STALE_NS = 3 * 3600 * 10**9
"""With a reference, people older than this say nothing about the hour (body temperature moves 0.5 K within a day)."""
WEIGHT_OF_USUAL = 20
"""With a reference, what is usual counts as much as so many people."""
WEIGHT_OF_BEFORE = 1
"""Without one, what was before the pause counts as one person: a camera's offset differs by 0.5 K from day to day,
which is more than people differ (0.38 K)."""
MAX_RISE_C, MAX_FALL_C = 0.3, 1.5
"""By how much the cohort may move the limit up and down where there is a reference."""
HOURS, HOUR_STEP_C, MAX_HOUR_C = 24, 0.005, 0.3
"""What is usual at an hour of the day is learned over days, by so much a person up or down: the first people of an
evening shift, 0.3 K warmer than those of the morning, have no cohort yet. (UTC will do: a lane does not travel.)"""
MAX_LANE_C = 0.15
"""By how much a lane may be colder than usual at all hours without lowering the limit: three in ten wear glasses and
read 0.5 K colder, which takes 0.13 K from the median of all and is no reason to judge the others more strictly."""
SPREAD_PEOPLE, SPREAD_SHARE = 500, 0.1
USUAL_SPREAD_C = 0.5
"""From the median down to the coldest tenth: 0.46 K on one camera of the recordings, 0.56 K on the other, sharper one.
The colder half tells a camera's sharpness; fevers, which are in the other, cannot widen it."""
SPREAD_WEIGHT = 100
"""What is usual counts as much as so many people."""
MAX_SPREAD_C = 0.1
"""By so little may it move the limit, whoever comes."""
COLD_C, COLD_LEAST = 0.5, 10
"""A cohort of at least so many, colder than usual by this, has come in from the cold."""


class CohortState(Struct, frozen=True):
    """What is worth keeping over a restart: the session's people as (time_ns, skin_c), what was before it, how far
    people were from the centre of their hour, and by how much each hour (24, or none) and all are warmer than usual."""

    people: tuple[tuple[int, float], ...] = ()
    before_c: float | None = None
    apart_k: tuple[float, ...] = ()
    hours_k: tuple[float, ...] = ()
    lane_k: float = 0.0


class _Member(NamedTuple):
    time_ns: int
    skin_c: float


class Cohort:
    """The skin temperatures of a lane's last people. `time_ns` is the wall clock's, and may step."""

    def __init__(self, settings: ThermalSettings, state: CohortState | None = None) -> None:
        self._settings = settings
        self._usual_c = settings.limit_c - settings.cohort_delta_c
        kept = state or CohortState()
        members = (_Member(*one) for one in kept.people)
        self._members: deque[_Member] = deque(members, maxlen=settings.cohort_size)
        self._before_c = self._usual_c if kept.before_c is None else kept.before_c
        self._begun = kept.before_c is not None
        self._apart_k: deque[float] = deque(kept.apart_k, maxlen=SPREAD_PEOPLE)
        self._hours_k = list(kept.hours_k) if len(kept.hours_k) == HOURS else [0.0] * HOURS
        self._lane_k = kept.lane_k
        self.wider_k = self._wider_k()
        """By how much people at this lane differ more than usual, in kelvin: the limit has to leave them room."""

    def add(self, skin_c: float, time_ns: int) -> None:
        """One more person, whoever it is."""
        if self.knows(time_ns):
            self._apart_k.append(skin_c - self.centre_c(time_ns))
            self.wider_k = self._wider_k()
        if self._is_over(time_ns):
            self._before_c, self._begun = self.centre_c(self._members[-1].time_ns), True
            self._members.clear()
        self._members.append(_Member(time_ns, skin_c))
        self._learn_hour(skin_c, time_ns)

    def centre_c(self, time_ns: int) -> float:
        """What skin is like now, in °C."""
        recent_c = self._recent_c(time_ns)
        if self._settings.reference_c is None:
            return _drawn(recent_c, self._session_before_c(time_ns), WEIGHT_OF_BEFORE)
        centre_c = _drawn(recent_c, self._usual_c + self._hours_k[_hour(time_ns)], WEIGHT_OF_USUAL)
        centre_c -= min(max(self._lane_k, -MAX_LANE_C), 0.0)
        return min(max(centre_c, self._usual_c - MAX_FALL_C), self._usual_c + MAX_RISE_C)

    def knows(self, time_ns: int) -> bool:
        """Whether there is anything to compare with: a reference, a session before, or enough people."""
        enough = len(self._members) >= self._settings.cohort_least
        return self._settings.reference_c is not None or self._begun or self._is_over(time_ns) or enough

    def is_cold(self, time_ns: int) -> bool:
        """Whether the people of this hour have come in from the cold: only a reference can tell."""
        recent_c = self._recent_c(time_ns)
        if self._settings.reference_c is None or len(recent_c) < COLD_LEAST:
            return False
        return median(recent_c) < self._usual_c - COLD_C

    def state(self) -> CohortState:
        people = tuple((member.time_ns, member.skin_c) for member in self._members)
        before_c = self._before_c if self._begun else None
        return CohortState(people, before_c, tuple(self._apart_k), tuple(self._hours_k), self._lane_k)

    def _learn_hour(self, skin_c: float, time_ns: int) -> None:
        hour, warmer_k = _hour(time_ns), skin_c - self._usual_c
        self._hours_k[hour] = _stepped(self._hours_k[hour], warmer_k)
        self._lane_k = _stepped(self._lane_k, warmer_k)

    def _wider_k(self) -> float:
        if not self._apart_k:
            return 0.0
        ordered_k = sorted(self._apart_k)
        coldest_k, middle_k = quantile(ordered_k, SPREAD_SHARE), quantile(ordered_k, 0.5)
        share = len(self._apart_k) / (len(self._apart_k) + SPREAD_WEIGHT)
        return min(max((middle_k - coldest_k - USUAL_SPREAD_C) * share, -MAX_SPREAD_C), MAX_SPREAD_C)

    def _recent_c(self, time_ns: int) -> list[float]:
        if self._settings.reference_c is None:
            return [] if self._is_over(time_ns) else [member.skin_c for member in self._members]
        return [member.skin_c for member in self._members if abs(time_ns - member.time_ns) <= STALE_NS]

    def _session_before_c(self, time_ns: int) -> float:
        return self.centre_c(self._members[-1].time_ns) if self._is_over(time_ns) else self._before_c

    def _is_over(self, time_ns: int) -> bool:
        return bool(self._members) and abs(time_ns - self._members[-1].time_ns) > SESSION_GAP_NS


def _drawn(skins_c: list[float], towards_c: float, weight: float) -> float:
    """The median of `skins_c`, drawn towards a value that counts as `weight` people."""
    if not skins_c:
        return towards_c
    return towards_c + (median(skins_c) - towards_c) * len(skins_c) / (len(skins_c) + weight)


def _hour(time_ns: int) -> int:
    return time_ns // (3600 * 10**9) % HOURS


def _stepped(estimate_k: float, seen_k: float) -> float:
    """A step towards each person settles at their median (Ma, Muthukrishnan, Sandler 2013: frugal streaming)."""
    stepped_k = estimate_k + math.copysign(HOUR_STEP_C, seen_k - estimate_k)
    return min(max(stepped_k, -MAX_HOUR_C), MAX_HOUR_C)
