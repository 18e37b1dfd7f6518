"""How many people are at a checkpoint, and when it is a crowd. Pure functions of the set of moves: in whatever order
they are heard, the outcome is the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from itertools import groupby
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
    counts_out = limit.kind is LimitKind.INSIDE
    changes: dict[int, int] = {}
    kept = sorted({move for move in moves if move.enters or counts_out}, key=_by_person)
    for _, own in groupby(kept, key=lambda move: move.who):
        for from_ns, until_ns in _stays(list(own), limit.span_ns):
            changes[from_ns] = changes.get(from_ns, 0) + 1
            changes[until_ns] = changes.get(until_ns, 0) - 1
    found, people = [], 0
    for time_ns in sorted(changes):
        if changes[time_ns]:
            people += changes[time_ns]
            found.append(Step(time_ns, people))
    return found


def _by_person(move: Move) -> tuple[str, int, bool]:
    """Of one moment going out counts last: whoever did both is out."""
    return move.who, move.time_ns, not move.enters


def _stays(moves: Sequence[Move], span_ns: int) -> list[tuple[int, int]]:
    """When one person counts, from moves in the order of time; times that touch are one."""
    found: list[tuple[int, int]] = []
    for move, after in zip(moves, [*moves[1:], None], strict=True):
        if not move.enters:
            continue
        until_ns = move.time_ns + span_ns
        if after is not None:
            until_ns = min(until_ns, after.time_ns)
        if found and found[-1][1] == move.time_ns:
            found[-1] = (found[-1][0], until_ns)
        elif until_ns > move.time_ns:
            found.append((move.time_ns, until_ns))
    return found


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
