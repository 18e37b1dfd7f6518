"""How many people are at a checkpoint, and when it is a crowd. Pure functions of the set of moves: in whatever order
they are heard, the outcome is the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import NamedTuple

from hub.crowds.settings import CheckpointSettings

MINUTE_NS = 60 * 10**9


class Move(NamedTuple):
    """Somebody goes into a checkpoint's place or out of it; `who` is a badge's token, or the passage of nobody's."""

    time_ns: int
    who: str
    enters: bool


class LimitKind(StrEnum):
    ARRIVING = "arriving"
    INSIDE = "inside"


class Limit(NamedTuple):
    """More than `most` people within `span_ns` (arriving), or at once (inside, where nobody stays longer than that)."""

    kind: LimitKind
    most: int
    span_ns: int


class Step(NamedTuple):
    """From this moment on so many people count."""

    time_ns: int
    people: int


class Crowd(NamedTuple):
    """In one hour of the day a limit was crossed: when first, how many at most, and when that was."""

    kind: LimitKind
    hour: str
    since_ns: int
    most: int
    peak: int
    peak_ns: int


def limits_of(settings: CheckpointSettings) -> list[Limit]:
    """The limits of a checkpoint, none where it has none."""
    found = []
    if settings.most_arriving is not None:
        found.append(Limit(LimitKind.ARRIVING, settings.most_arriving, round(settings.within_min * MINUTE_NS)))
    if settings.most_inside is not None:
        found.append(Limit(LimitKind.INSIDE, settings.most_inside, round(settings.stay_min * MINUTE_NS)))
    return found


def steps(moves: Iterable[Move], limit: Limit) -> list[Step]:
    """How many people count over time. Each is one person, however often they come."""
    changes: dict[int, int] = {}
    for from_ns, until_ns in _stays(moves, limit):
        changes[from_ns] = changes.get(from_ns, 0) + 1
        changes[until_ns] = changes.get(until_ns, 0) - 1
    found, people = [], 0
    for time_ns in sorted(changes):
        if changes[time_ns]:
            people += changes[time_ns]
            found.append(Step(time_ns, people))
    return found


def _by_time(move: Move) -> tuple[int, bool]:
    """Of one moment going out counts last: whoever did both is out."""
    return move.time_ns, not move.enters


def _stays(moves: Iterable[Move], limit: Limit) -> Iterator[tuple[int, int]]:
    """From when until when each person counts; times that touch are one."""
    counts_out, span_ns = limit.kind is LimitKind.INSIDE, limit.span_ns
    there: dict[str, tuple[int, int]] = {}
    for time_ns, who, enters in sorted(moves, key=_by_time):
        if not enters and not counts_out:
            continue
        stay = there.pop(who, None)
        if stay is not None and stay[1] < time_ns:
            yield stay
            stay = None
        if enters:
            there[who] = (time_ns if stay is None else stay[0], time_ns + span_ns)
        elif stay is not None and stay[0] < time_ns:
            yield stay[0], time_ns
    yield from there.values()


def people_at(found: Sequence[Step], now_ns: int) -> int:
    """How many people count at a moment."""
    return next((step.people for step in reversed(found) if step.time_ns <= now_ns), 0)


def peak_of(found: Sequence[Step]) -> Step | None:
    """The most people, and when first; None where nobody came."""
    return max(found, key=lambda step: (step.people, -step.time_ns), default=None)


def crowds(found: Sequence[Step], limit: Limit, zone: tzinfo | None) -> list[Crowd]:
    """Each hour of the site in which the limit was crossed upwards, in the order of time.

    A crowd that lasts over the end of an hour is of the hour in which it began.
    """
    crossings: dict[str, Crowd] = {}
    hour, over = "", False
    for step in found:
        was, over = over, step.people > limit.most
        if over and not was:
            hour = f"{datetime.fromtimestamp(step.time_ns // 10**9, UTC).astimezone(zone):%Y-%m-%dT%H}"
            if hour not in crossings:
                crossings[hour] = Crowd(limit.kind, hour, step.time_ns, limit.most, step.people, step.time_ns)
        if over and step.people > crossings[hour].peak:
            crossings[hour] = crossings[hour]._replace(peak=step.people, peak_ns=step.time_ns)
    return list(crossings.values())
