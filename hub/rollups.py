"""Hourly and daily figures, computed from events: what each event adds to which figures. Pure.

Portable on purpose: InfluxDB 1.x, 2.x and 3.x share no way of rolling up, so the hub does it itself, from the journal.
A figure is known by its measurement and tags; a bucket is a figure over one hour (UTC) or one day of the site. Adding
is commutative, so late and unordered events change nothing in the outcome.
"""

from __future__ import annotations

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
    VehiclePassage,
    Verdict,
)

HOUR_NS = 3600 * 10**9
LATE_S = 60.0
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


def contributions(entry: Entry, zone: tzinfo | None) -> list[tuple[Bucket, Sums]]:
    """What one entry of the journal adds to the figures of its hour and of its day."""
    starts = ((Span.HOUR, entry.time_ns - entry.time_ns % HOUR_NS), (Span.DAY, day_start_ns(entry.time_ns, zone)))
    figures = _figures(entry, entry.event())
    return [(Bucket(span, start_ns, figure), sums) for figure, sums in figures for span, start_ns in starts]


def day_start_ns(time_ns: int, zone: tzinfo | None) -> int:
    """The midnight of the site (None: of this machine) before or at a moment."""
    local = datetime.fromtimestamp(time_ns // 10**9, zone)
    return round(local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()) * 10**9


def day_end_ns(start_ns: int, zone: tzinfo | None) -> int:
    """The next midnight of the site: 23 or 25 hours later where the clocks change."""
    local = datetime.fromtimestamp(start_ns // 10**9, zone) + timedelta(days=1)
    return round(local.replace(hour=0).timestamp()) * 10**9


def _figures(entry: Entry, event: AnyEvent | None) -> list[tuple[Figure, Sums]]:
    stream = entry.stream
    place = (("site", stream.site), ("gate", stream.gate))
    late = max(0.0, (entry.received_ns - entry.time_ns) / 1e9) > LATE_S
    figures = [(Figure("events", (*place, ("urgency", stream.urgency.value))), _counted(events=1, late=int(late)))]
    match event:
        case PersonPassage():
            figures += _of_person(place, event)
        case VehiclePassage():
            figures += _of_vehicle(place, event)
        case DeviceState(device=device) if event.health is not Health.OK:
            figures.append((Figure("device", (*place, ("device", device))), _counted(faults=1)))
        case Disinfection():
            figures.append((Figure("disinfections", (*place, ("place", event.place or "vehicle"))), _counted(done=1)))
        case SecondaryMeasurement(lane=lane):
            figures.append((Figure("contact", (*place, ("lane", lane))), _counted(measured=1)))
        case Gap(lost=lost):
            figures.append((Figure("lost", place), _counted(gaps=1, events=lost or 0)))
    return figures


def _of_person(place: tuple[tuple[str, str], ...], event: PersonPassage) -> list[tuple[Figure, Sums]]:
    lane = (*place, ("lane", event.lane))
    sums = _counted(
        passages=1,
        **{_OUTCOMES.get(event.outcome, "other"): 1},
        fevers=int(event.verdict is Verdict.FEVER),
        suspects=int(event.verdict is Verdict.SUSPECT),
        unmeasured=int(event.temperature is None),
    )
    figures = [(Figure("people", (*lane, ("direction", event.direction.value))), sums)]
    figures += _why(place, "person", event.reasons)
    figures.append((Figure("screening", lane), _screened(event)))
    if event.refusal is not None:
        figures.append((Figure("refusals", (*lane, ("refusal", event.refusal.value))), _counted(people=1)))
    if event.temperature is not None:
        skin_c = float(event.temperature.skin_c)
        sums.values, sums.total_c, sums.least_c, sums.most_c = 1, skin_c, skin_c, skin_c
        figures.append((Figure("skin", (*lane, ("bin_c", f"{bin_of(skin_c):.1f}"))), _counted(people=1)))
        if event.verdict is Verdict.FEVER:
            figures.append((Figure("fevers", lane), Sums({"people": 1}, 1, skin_c, skin_c, skin_c)))
    return figures


def _screened(event: PersonPassage) -> Sums:
    """How a lane measures: means are these sums over their counts, whatever they are added to."""
    measured = event.temperature
    limit_c = measured.limit_c if measured is not None else None
    return _counted(
        measured=int(measured is not None),
        looks=measured.looks if measured is not None else 0,
        skin_mc=round(float(measured.skin_c) * 1000) if measured is not None else 0,
        limited=int(limit_c is not None),
        limit_mc=0 if limit_c is None else round(float(limit_c) * 1000),
        unsynced=int(not event.clock.is_right),
    )


def _of_vehicle(place: tuple[tuple[str, str], ...], event: VehiclePassage) -> list[tuple[Figure, Sums]]:
    tags = (*place, ("lane", event.lane), ("direction", event.direction.value))
    sums = _counted(
        passages=1,
        **{_OUTCOMES.get(event.outcome, "other"): 1},
        unregistered=int(Reason.VEHICLE_UNREGISTERED in event.reasons),
        unread=int(Reason.VEHICLE_UNREAD in event.reasons),
        undisinfected=int(Reason.NOT_DISINFECTED in event.reasons),
    )
    return [(Figure("vehicles", tags), sums), *_why(place, "vehicle", event.reasons)]


def bin_of(skin_c: float) -> float:
    """The lower edge of a temperature's bin, in °C."""
    return round(skin_c * 100) // BIN_CENTI * BIN_CENTI / 100  # in whole numbers: 36.4 is in the bin of 36.4


def _why(place: tuple[tuple[str, str], ...], kind: str, reasons: tuple[Reason, ...]) -> list[tuple[Figure, Sums]]:
    return [
        (Figure("reasons", (*place, ("kind", kind), ("reason", reason.value))), _counted(passages=1))
        for reason in dict.fromkeys(reasons)
    ]


_OUTCOMES = {Outcome.ALLOW: "allowed", Outcome.DENY: "denied", Outcome.REMEASURE: "again"}


def _counted(**counts: int) -> Sums:
    return Sums(counts)
