"""Answers a query as InfluxQL would, from points that the hub has itself: for consoles without a time-series server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from typing import NamedTuple

from dashboards.query import Ask, Chosen, Every, Fn, Query, Rows, Value
from hub.rollups import HOUR_NS, day_end_ns, day_start_ns

Cell = float | int | str | None


class Row(NamedTuple):
    """A point: time, tags, fields."""

    time_ns: int
    tags: Mapping[str, str]
    fields: Mapping[str, float | int | bool | str]


class Frame(NamedTuple):
    """One series: the tags that it stands for, and its columns; `times_ns` has a time for each row."""

    tags: Mapping[str, str]
    times_ns: list[int]
    columns: dict[str, list[Cell]]


def answer(query: Query, rows: Iterable[Row], chosen: Chosen, zone: tzinfo | None) -> list[Frame]:
    """The frames of an answer, in the order of their tags."""
    wanted = _wanted(query, rows, chosen)
    return _points(query, wanted) if isinstance(query, Rows) else _groups(query, wanted, chosen, zone)


def _wanted(query: Query, rows: Iterable[Row], chosen: Chosen) -> list[Row]:
    """The rows of the range that have what is asked for; what no query asks is not looked at, for there are many."""
    from_ns, until_ns = chosen.from_ns, chosen.until_ns
    found = [row for row in rows if from_ns <= row.time_ns < until_ns]
    tags = [(variable.value, chosen.values.get(variable, ())) for variable in query.variables]
    for tag, values in [*((tag, values) for tag, values in tags if values), *query.where]:
        found = [row for row in found if row.tags.get(tag, "") in values]
    if isinstance(query, Ask):
        for field in query.positive:
            found = [row for row in found if float(row.fields.get(field, 0)) > 0]
        return found
    for field, number in query.having:
        found = [row for row in found if row.fields.get(field) == number]
    return found


def _points(query: Rows, rows: Sequence[Row]) -> list[Frame]:
    newest = sorted(rows, key=lambda row: row.time_ns, reverse=True)[: query.most]
    if not newest:
        return []
    columns: dict[str, list[Cell]] = {field: [row.fields.get(field) for row in newest] for field in query.fields}
    columns |= {tag: [row.tags.get(tag) for row in newest] for tag in query.tags}
    return [Frame({}, [row.time_ns for row in newest], columns)]


def _groups(query: Ask, rows: Sequence[Row], chosen: Chosen, zone: tzinfo | None) -> list[Frame]:
    groups: dict[tuple[str, ...], dict[int, list[Row]]] = {}
    starts = {time_ns: _start(query.every, time_ns, chosen, zone) for time_ns in {row.time_ns for row in rows}}
    for row in rows:
        key = tuple([row.tags.get(tag, "") for tag in query.by])
        groups.setdefault(key, {}).setdefault(starts[row.time_ns], []).append(row)
    every = _starts(query, chosen, zone) if query.zero and query.every and groups else []
    frames = (_frame(query, key, buckets, every) for key, buckets in sorted(groups.items()))
    return [frame for frame in frames if frame.times_ns]


def _frame(query: Ask, key: tuple[str, ...], buckets: Mapping[int, list[Row]], every: Sequence[int]) -> Frame:
    """`every` are the beginnings of all buckets, where those without a row are shown as well."""
    starts = every or sorted(buckets)
    lines = [(start, [_value(value, buckets.get(start, ())) for value in query.values]) for start in starts]
    if query.zero:
        lines = [(start, [0 if cell is None else cell for cell in cells]) for start, cells in lines]
    lines = [(start, cells) for start, cells in lines if any(cell is not None for cell in cells)]
    columns = {value.name: [cells[place] for _, cells in lines] for place, value in enumerate(query.values)}
    return Frame(dict(zip(query.by, key, strict=True)), [start for start, _ in lines], columns)


def _start(every: Every | None, time_ns: int, chosen: Chosen, zone: tzinfo | None) -> int:
    match every:
        case Every.HOUR:
            return time_ns - time_ns % HOUR_NS
        case Every.DAY:
            return day_start_ns(time_ns, zone)
        case _:
            return chosen.from_ns


def _starts(query: Ask, chosen: Chosen, zone: tzinfo | None) -> list[int]:
    """The beginnings of all buckets that the range touches."""
    found = [_start(query.every, chosen.from_ns, chosen, zone)]
    while True:
        after = found[-1] + HOUR_NS if query.every is Every.HOUR else day_end_ns(found[-1], zone)
        if after >= chosen.until_ns:
            return found
        found.append(after)


def _value(value: Value, rows: Sequence[Row]) -> Cell:
    if not rows:
        return None
    has = [row for row in rows if value.field in row.fields]
    if not has:
        return None
    if value.fn is Fn.LAST:
        last = max(has, key=lambda row: row.time_ns).fields[value.field]
        return int(last) if isinstance(last, bool) else last
    numbers = [float(row.fields[value.field]) for row in has]
    own = _of_numbers(value.fn, numbers)
    if not value.over:
        return own
    over = sum(float(row.fields[value.over]) for row in rows if value.over in row.fields)
    return value.scale * own / over if over else None


def _of_numbers(fn: Fn, numbers: Sequence[float]) -> float:
    match fn:
        case Fn.SUM:
            return sum(numbers)
        case Fn.MEAN:
            return sum(numbers) / len(numbers)
        case Fn.MAX:
            return max(numbers)
        case _:
            return min(numbers)
