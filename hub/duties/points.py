"""The day's duties as points of the time series: by team and shift, and no person. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from hub.duties.desk import Book
from hub.duties.roll import Figures, total
from hub.duties.standing import Off
from hub.measurements import DUTIES
from hub.standings.points import HOUR_NS, Point, tags_of

HOURLY, DAILY, OFF_DAILY = DUTIES


class Place(NamedTuple):
    """Where figures are added up: a team and a shift by their names, empty where there is none."""

    team: str
    shift: str


def points_of(book: Book, site: str, now_ns: int, day_ns: int) -> list[Point]:
    """The points of a day, and of the present hour where it is today (`day_ns` to a day later)."""
    on_duty: dict[Place, list[Figures]] = {}
    off_duty: dict[str, list[Figures]] = {}
    for group, figures in book.roll.figures(now_ns).items():
        team = book.team(group.team_id)
        if group.off is None or group.off is Off.UNKNOWN:
            place = Place(team, book.shift(group.shift_id))
            on_duty.setdefault(place, []).append(figures)
        off_duty.setdefault(team, []).append(figures)
    points = []
    for place, of_place in on_duty.items():
        tags = tags_of(site=site, **place._asdict())
        fields = _fields(total(of_place), DAILY.fields)
        points.append(Point(DAILY.name, tags, day_ns, fields))
        if book.day == book.today:
            points.append(Point(HOURLY.name, tags, now_ns - now_ns % HOUR_NS, fields))
    points += [
        Point(OFF_DAILY.name, tags_of(site=site, team=team), day_ns, _fields(total(of_team), OFF_DAILY.fields))
        for team, of_team in off_duty.items()
    ]
    return points


def emptied(known: Iterable[Point], points: Sequence[Point]) -> list[Point]:
    """Points of groups that there are no longer, with nothing in them: a rota has changed, or a team has a new name."""
    present = {(point.name, point.tags, point.time_ns) for point in points}
    return [
        point._replace(fields=dict.fromkeys(point.fields, 0))
        for point in known
        if (point.name, point.tags, point.time_ns) not in present
    ]


def _fields(figures: Figures, names: Iterable[str]) -> dict[str, float | int | bool | str]:
    return {name: getattr(figures, name) for name in names}
