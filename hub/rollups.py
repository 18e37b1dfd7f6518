"""Hourly and daily figures, computed from events: what each event adds to which figures. Pure.

Portable on purpose: InfluxDB 1.x, 2.x and 3.x share no way of rolling up, so the hub does it itself, from the journal.
A figure is known by its measurement and tags; a bucket is a figure over one hour (UTC) or one day of the site. Adding
is commutative, so late and unordered events change nothing in the outcome.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

from hub.journal import Entry
from wire.events import (
    AnyEvent,
    DeviceState,
    Disinfection,
    Gap,
    Health,
    Outcome,
    PersonPassage,
    Reason,
    SecondaryMeasurement,
    Temperature,
    VehiclePassage,
    Verdict,
)
from wire.messages import StreamId

HOUR_NS = 3600 * 10**9
_LATE_NS = 60 * 10**9
"""An event that took longer from the gate to the journal came with a backlog."""
BIN_CENTI = 20
"""Width of a bin of the distribution of skin temperatures, in hundredths of a degree."""


class Span(StrEnum):
    HOUR = "hour"
    DAY = "day"


class Figure(NamedTuple):
    """What is counted: the measurement without its span, and its tags in their order."""

    name: str
    tags: tuple[tuple[str, str], ...]


Where = tuple[tuple[str, tuple[str, ...]], ...]
"""Tags, and the values of each that are wanted."""


def fits(tags: Iterable[tuple[str, str]], where: Where) -> bool:
    """Whether each tag has one of its values; one that is not there has an empty one."""
    own = dict(tags)
    return all(own.get(tag, "") in values for tag, values in where)


class Bucket(NamedTuple):
    """A figure over one hour or day, which begins at `start_ns`."""

    span: Span
    start_ns: int
    figure: Figure


class Sums(Struct):
    """What events add up to: counts by field, and of a temperature how many, their sum, least and most."""

    counts: dict[str, int] = {}
    values: int = 0
    total_c: float = 0.0
    least_c: float = float("inf")
    most_c: float = float("-inf")

    def add(self, other: Sums) -> None:
        """Add another's; in any order the same."""
        for field, count in other.counts.items():
            self.counts[field] = self.counts.get(field, 0) + count
        self.values += other.values
        self.total_c += other.total_c
        self.least_c = min(self.least_c, other.least_c)
        self.most_c = max(self.most_c, other.most_c)

    def fields(self) -> dict[str, int | float]:
        """As a point of the time series has them; temperatures only where there were some."""
        figures: dict[str, int | float] = dict(sorted(self.counts.items()))
        if self.values:
            mean_c = round(self.total_c / self.values, 3)
            figures |= {"skin_mean_c": mean_c, "skin_min_c": float(self.least_c), "skin_max_c": float(self.most_c)}
        return figures


class _Alike(Struct):
    """Passages that are counted together: of one stream, hour and day, and in all but temperature like `event`."""

    hour_ns: int
    day_ns: int
    stream: StreamId
    event: PersonPassage | VehiclePassage
    count: int = 0
    late: int = 0
    measured: list[Temperature] = []

    @property
    def skins_c(self) -> list[float]:
        return [float(measured.skin_c) for measured in self.measured]


def contributions(entry: Entry, zone: tzinfo | None) -> list[tuple[Bucket, Sums]]:
    """What one entry of the journal adds to the figures of its hour and of its day."""
    return list(added_by([entry], zone).items())


def added_by(entries: Iterable[Entry], zone: tzinfo | None) -> dict[Bucket, Sums]:
    """What entries of the journal add together. Passages of one kind are counted first, and then become figures."""
    days, kinds, added = _Days(zone), dict[tuple[object, ...], _Alike](), dict[Bucket, Sums]()
    for entry in entries:
        time_ns, stream, event = entry.time_ns, entry.stream, entry.event()
        hour_ns, day_ns = time_ns - time_ns % HOUR_NS, days.start_ns(time_ns)
        late = entry.received_ns - time_ns > _LATE_NS
        kind: tuple[object, ...]
        match event:
            case PersonPassage():
                kind = (
                    hour_ns, day_ns, stream, event.lane, event.direction, event.outcome, event.reasons, event.verdict,
                    event.refusal, event.temperature is None, event.clock.is_right,
                )  # fmt: skip
            case VehiclePassage():
                kind = (hour_ns, day_ns, stream, event.lane, event.direction, event.outcome, event.reasons)
            case _:
                _add(added, hour_ns, day_ns, _figures(stream, event, late=late))
                continue
        alike = kinds.get(kind)
        if alike is None:
            alike = kinds[kind] = _Alike(hour_ns, day_ns, stream, event)
        alike.count += 1
        alike.late += late
        if isinstance(event, PersonPassage) and event.temperature is not None:
            alike.measured.append(event.temperature)
    for alike in kinds.values():
        _add(added, alike.hour_ns, alike.day_ns, _of_passages(alike))
    return added


def _add(added: dict[Bucket, Sums], hour_ns: int, day_ns: int, figures: list[tuple[Figure, Sums]]) -> None:
    for figure, sums in figures:
        for bucket in (Bucket(Span.HOUR, hour_ns, figure), Bucket(Span.DAY, day_ns, figure)):
            (added.get(bucket) or added.setdefault(bucket, Sums())).add(sums)


class _Days:
    """The site's days; that of the moment before is mostly that of the next."""

    def __init__(self, zone: tzinfo | None) -> None:
        self._zone = zone
        self._start_ns = self._end_ns = 0

    def start_ns(self, time_ns: int) -> int:
        if not self._start_ns <= time_ns < self._end_ns:
            self._start_ns = day_start_ns(time_ns, self._zone)
            self._end_ns = day_end_ns(self._start_ns, self._zone)
        return self._start_ns


def day_start_ns(time_ns: int, zone: tzinfo | None) -> int:
    """The midnight of the site (None: of this machine) before or at a moment."""
    local = datetime.fromtimestamp(time_ns // 10**9, zone)
    return round(local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()) * 10**9


def day_end_ns(start_ns: int, zone: tzinfo | None) -> int:
    """The next midnight of the site: 23 or 25 hours later where the clocks change."""
    local = datetime.fromtimestamp(start_ns // 10**9, zone) + timedelta(days=1)
    return round(local.replace(hour=0).timestamp()) * 10**9


def _figures(stream: StreamId, event: AnyEvent | None, *, late: bool) -> list[tuple[Figure, Sums]]:
    """Of everything but passages."""
    place = _place(stream)
    figures = [_events(stream, 1, int(late))]
    match event:
        case DeviceState(device=device) if event.health is not Health.OK:
            figures.append((Figure("device", (*place, ("device", device))), _counted(faults=1)))
        case Disinfection():
            figures.append((Figure("disinfections", (*place, ("place", event.place or "vehicle"))), _counted(done=1)))
        case SecondaryMeasurement(lane=lane):
            figures.append((Figure("contact", (*place, ("lane", lane))), _counted(measured=1)))
        case Gap(lost=lost):
            figures.append((Figure("lost", place), _counted(gaps=1, events=lost or 0)))
    return figures


def _of_passages(alike: _Alike) -> list[tuple[Figure, Sums]]:
    stream, event = alike.stream, alike.event
    figures = [_events(stream, alike.count, alike.late)]
    if isinstance(event, PersonPassage):
        return figures + _of_people(_place(stream), event, alike)
    return figures + _of_vehicles(_place(stream), event, alike.count)


def _place(stream: StreamId) -> tuple[tuple[str, str], ...]:
    return (("site", stream.site), ("gate", stream.gate))


def _events(stream: StreamId, count: int, late: int) -> tuple[Figure, Sums]:
    tags = (*_place(stream), ("urgency", stream.urgency.value))
    return Figure("events", tags), _counted(events=count, late=late)


def _of_people(place: tuple[tuple[str, str], ...], event: PersonPassage, alike: _Alike) -> list[tuple[Figure, Sums]]:
    lane, count = (*place, ("lane", event.lane)), alike.count
    sums = _counted(
        passages=count,
        **{_OUTCOMES.get(event.outcome, "other"): count},
        fevers=count * (event.verdict is Verdict.FEVER),
        suspects=count * (event.verdict is Verdict.SUSPECT),
        unmeasured=count - len(alike.measured),
    )
    figures = [(Figure("people", (*lane, ("direction", event.direction.value))), sums)]
    figures += _why(place, "person", event.reasons, count)
    figures.append((Figure("screening", lane), _screened(event, alike)))
    if event.refusal is not None:
        figures.append((Figure("refusals", (*lane, ("refusal", event.refusal.value))), _counted(people=count)))
    if skins_c := alike.skins_c:
        temperatures = (count, sum(skins_c), min(skins_c), max(skins_c))
        sums.values, sums.total_c, sums.least_c, sums.most_c = temperatures
        for bin_c, people in Counter(map(bin_of, skins_c)).items():
            figures.append((Figure("skin", (*lane, ("bin_c", f"{bin_c:.1f}"))), _counted(people=people)))
        if event.verdict is Verdict.FEVER:
            figures.append((Figure("fevers", lane), Sums({"people": count}, *temperatures)))
    return figures


def _screened(event: PersonPassage, alike: _Alike) -> Sums:
    """How a lane measures: means are these sums over their counts, whatever they are added to."""
    limits = [float(measured.limit_c) for measured in alike.measured if measured.limit_c is not None]
    return _counted(
        measured=len(alike.measured),
        looks=sum(measured.looks for measured in alike.measured),
        skin_mc=sum(round(skin_c * 1000) for skin_c in alike.skins_c),
        limited=len(limits),
        limit_mc=sum(round(limit_c * 1000) for limit_c in limits),
        unsynced=alike.count * (not event.clock.is_right),
    )


def _of_vehicles(place: tuple[tuple[str, str], ...], event: VehiclePassage, count: int) -> list[tuple[Figure, Sums]]:
    tags = (*place, ("lane", event.lane), ("direction", event.direction.value))
    sums = _counted(
        passages=count,
        **{_OUTCOMES.get(event.outcome, "other"): count},
        unregistered=count * (Reason.VEHICLE_UNREGISTERED in event.reasons),
        unread=count * (Reason.VEHICLE_UNREAD in event.reasons),
        undisinfected=count * (Reason.NOT_DISINFECTED in event.reasons),
    )
    return [(Figure("vehicles", tags), sums), *_why(place, "vehicle", event.reasons, count)]


def bin_of(skin_c: float) -> float:
    """The lower edge of a temperature's bin, in °C."""
    return round(skin_c * 100) // BIN_CENTI * BIN_CENTI / 100  # in whole numbers: 36.4 is in the bin of 36.4


def _why(
    place: tuple[tuple[str, str], ...], kind: str, reasons: tuple[Reason, ...], count: int
) -> list[tuple[Figure, Sums]]:
    return [
        (Figure("reasons", (*place, ("kind", kind), ("reason", reason.value))), _counted(passages=count))
        for reason in dict.fromkeys(reasons)
    ]


_OUTCOMES = {Outcome.ALLOW: "allowed", Outcome.DENY: "denied", Outcome.REMEASURE: "again"}


def _counted(**counts: int) -> Sums:
    return Sums(counts)
