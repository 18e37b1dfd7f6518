"""Which rounds of disinfection are due when: the site's times in, the rounds out. Pure.

        previous due      from          due              next from
    ────────┤ … late of that ├── done ────┤─── done late ────┤── …

A day's times cut the time of a place into rounds that neither overlap nor leave a gap: each disinfection belongs to
one round, and it does not matter in which order disinfections and rounds are heard of.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from itertools import pairwise

from msgspec import Struct

from hub.rounds.settings import RoundSettings
from wire.events import RoundDue

_HOUR_NS = 3600 * 10**9
_AROUND = timedelta(days=9)
"""Whatever the weekdays are, there is a working day within a week on both sides."""


class Stop(Struct, frozen=True):
    """What is disinfected: a place by its name, or a vehicle by its tokens. `times` are its own, as `08:00`."""

    kind: str
    place: str | None = None
    vehicle: str | None = None
    vehicle_tag: str | None = None
    times: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        """What events call it."""
        return self.place or self.vehicle or ""


def times_of(stop: Stop, settings: RoundSettings) -> tuple[str, ...]:
    """By when a stop is disinfected on a working day, in the order of the day."""
    known = {str(kind): times for kind, times in settings.kinds.items()}
    return tuple(sorted(set(stop.times or known.get(stop.kind, settings.times))))


def due(
    stops: Iterable[Stop], settings: RoundSettings, zone: tzinfo | None, after_ns: int, until_ns: int
) -> list[RoundDue]:
    """The rounds that are due after one moment and until another, in the order of time."""
    found = [one for stop in stops for one in _of_stop(stop, settings, zone, after_ns, until_ns)]
    return sorted(found, key=lambda one: (one.time_ns, one.kind, one.place or one.vehicle or ""))


def _of_stop(stop: Stop, settings: RoundSettings, zone: tzinfo | None, after_ns: int, until_ns: int) -> list[RoundDue]:
    first, last = (_local(moment, zone).date() for moment in (after_ns, until_ns))
    moments = _moments(times_of(stop, settings), settings, zone, first - _AROUND, last + _AROUND)
    within_ns = round(settings.within_h * _HOUR_NS)
    begins = [max(moment - within_ns, before) for before, moment in zip([0, *moments], moments, strict=False)]
    rounds = zip(moments, pairwise(begins), strict=False)  # the last one's end is not known, nor asked for
    return [
        RoundDue(
            time_ns=due_ns,
            kind=stop.kind,
            from_ns=from_ns,
            until_ns=next_ns,
            place=stop.place,
            vehicle=stop.vehicle,
            vehicle_tag=stop.vehicle_tag,
        )
        for due_ns, (from_ns, next_ns) in rounds
        if after_ns < due_ns <= until_ns
    ]


def _moments(times: Sequence[str], settings: RoundSettings, zone: tzinfo | None, first: date, last: date) -> list[int]:
    """When something is due on the days from one to another."""
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    working = [day for day in days if not settings.weekdays or day.isoweekday() in settings.weekdays]
    return [_moment_ns(day, time.fromisoformat(text), zone) for day in working for text in times]


def _moment_ns(day: date, at: time, zone: tzinfo | None) -> int:
    moment = datetime.combine(day, at)
    local = moment.astimezone() if zone is None else moment.replace(tzinfo=zone)
    return round(local.timestamp()) * 10**9


def _local(moment_ns: int, zone: tzinfo | None) -> datetime:
    return datetime.fromtimestamp(moment_ns // 10**9).astimezone(zone)
