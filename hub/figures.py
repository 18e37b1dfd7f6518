"""All that the hub counts itself, as points of the time series: for boards of plants without a time-series server.

Names are those of the time series (`hub.measurements`, `hub.standings.points`), so a board asks either the same way.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import tzinfo

from hub.measurements import DUTIES, FieldValue
from hub.projections.rollups import Rollups
from hub.rollups import HOUR_NS, Bucket, Figure, Span, Sums, Where, day_start_ns, fits
from hub.rounds.record import FIGURE as ROUNDS
from hub.rounds.record import RoundRecord, sums_of
from hub.rounds.state import State
from hub.standings.file import Standings
from hub.standings.points import STANDINGS, Point

_STANDING = {one.name for one in (*STANDINGS, *DUTIES)}


class Figures:
    """The files of figures, asked as one. `points` may raise `JournalError`."""

    def __init__(self, rollups: Rollups, standings: Standings, rounds: RoundRecord | None, zone: tzinfo | None) -> None:
        self._rollups = rollups
        self._standings = standings
        self._rounds = rounds
        self.zone = zone

    async def points(self, name: str, from_ns: int, until_ns: int, where: Where = ()) -> Sequence[Point]:
        """The points of a measurement from one moment to before another, in the order of time; of each tag in `where`
        only those with one of its values, and none of what is not counted here."""
        if name in _STANDING:
            return await self._standings.between(name, from_ns, until_ns, where)
        figure, _, span = name.rpartition("_")
        if span not in set(Span):
            return []
        if figure == ROUNDS:
            points = await self._of_rounds(Span(span), from_ns, until_ns)
            return [point for point in points if fits(point.tags, where)]
        found = await self._rollups.buckets(Span(span), figure, from_ns, until_ns, where)
        return await asyncio.to_thread(lambda: [_point(bucket, sums) for bucket, sums in found])

    async def _of_rounds(self, span: Span, from_ns: int, until_ns: int) -> list[Point]:
        """A round counts in the hour and the day in which it is due."""
        if self._rounds is None:
            return []
        begin_ns = self._start_ns(span, from_ns)
        counts: dict[tuple[int, str, str, str], Counter[State]] = {}
        starts: dict[int, int] = {}
        for site, kind, place, due_ns, state in await self._rounds.states(begin_ns, until_ns):
            start_ns = starts.get(due_ns)
            if start_ns is None:
                start_ns = starts[due_ns] = self._start_ns(span, due_ns)
            if start_ns >= from_ns:
                counts.setdefault((start_ns, site, kind, place), Counter())[state] += 1
        return [
            _point(Bucket(span, start_ns, Figure(ROUNDS, _tags_of_rounds(site, kind, place))), sums_of(states))
            for (start_ns, site, kind, place), states in sorted(counts.items(), key=lambda one: one[0][0])
        ]

    def _start_ns(self, span: Span, time_ns: int) -> int:
        return time_ns - time_ns % HOUR_NS if span is Span.HOUR else day_start_ns(time_ns, self.zone)


def _tags_of_rounds(site: str, kind: str, place: str) -> tuple[tuple[str, str], ...]:
    return (("gate", "hub"), ("kind", kind), ("place", place or "vehicle"), ("site", site))


def _point(bucket: Bucket, sums: Sums) -> Point:
    fields: dict[str, FieldValue] = dict(sums.fields())
    return Point(f"{bucket.figure.name}_{bucket.span}", bucket.figure.tags, bucket.start_ns, fields)
