"""All that the hub counts itself, as points of the time series: for boards of plants without a time-series server.

Names are those of the time series (`hub.measurements`, `hub.standings.points`), so a board asks either the same way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import tzinfo

from hub.measurements import DUTIES, FieldValue
from hub.projections.rollups import Rollups
from hub.rollups import HOUR_NS, Bucket, Figure, Span, Sums, Where, day_start_ns, fits
from hub.rounds.record import FIGURE as ROUNDS
from hub.rounds.record import Round, RoundRecord, sums_of
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
        grouped: dict[Bucket, list[Round]] = {}
        for one in await self._rounds.between(begin_ns, until_ns):
            tags = (("gate", "hub"), ("kind", one.kind), ("place", one.place or "vehicle"), ("site", one.site))
            bucket = Bucket(span, self._start_ns(span, one.window.due_ns), Figure(ROUNDS, tags))
            grouped.setdefault(bucket, []).append(one)
        buckets = sorted(grouped, key=lambda bucket: bucket.start_ns)
        return [_point(bucket, sums_of(grouped[bucket])) for bucket in buckets if bucket.start_ns >= from_ns]

    def _start_ns(self, span: Span, time_ns: int) -> int:
        return time_ns - time_ns % HOUR_NS if span is Span.HOUR else day_start_ns(time_ns, self.zone)


def _point(bucket: Bucket, sums: Sums) -> Point:
    fields: dict[str, FieldValue] = dict(sums.fields())
    return Point(f"{bucket.figure.name}_{bucket.span}", bucket.figure.tags, bucket.start_ns, fields)
