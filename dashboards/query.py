"""What a panel asks of the time series, as a value: rendered to InfluxQL here, answered from figures in `evaluate`.

InfluxQL is the one language that InfluxDB 1.x, 2.x and 3.x answer. One statement a query, no continuous queries, no
subqueries; ranges are kept short or asked of hourly and daily figures, for InfluxDB 3 refuses long raw ranges.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Fn(StrEnum):
    """What becomes of the values of a group."""

    SUM = "sum"
    MEAN = "mean"
    MAX = "max"
    MIN = "min"
    LAST = "last"


class Every(StrEnum):
    """How wide a bucket of time is."""

    HOUR = "1h"
    DAY = "1d"


class Value(NamedTuple):
    """One column: a function of a field, or with `over` the sum of a field over the sum of another, times `scale`."""

    name: str
    fn: Fn
    field: str
    over: str = ""
    scale: float = 1.0

    def influxql(self) -> str:
        own = f'{self.fn}("{self.field}")'
        if self.over:
            own = f'{self.scale!r} * {own} / sum("{self.over}")'
        return f'{own} AS "{self.name}"'


class Var(StrEnum):
    """A variable of the boards, which is a tag too."""

    SITE = "site"
    GATE = "gate"
    TEAM = "team"


PLACES = (Var.SITE, Var.GATE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """Groups of a measurement's points: by tags, and by time where `every` says so.

    `where` are tags and the values that they must have. `zero` puts 0 where a bucket of time has nothing. As a table
    each group is a row; else each is a series of its own.
    """

    source: str
    values: tuple[Value, ...]
    where: tuple[tuple[str, tuple[str, ...]], ...] = ()
    by: tuple[str, ...] = ()
    every: Every | None = None
    zero: bool = False
    table: bool = False
    variables: tuple[Var, ...] = PLACES

    def influxql(self, zone: str) -> str:
        """The statement, with Grafana's own variables in it."""
        groups = [f"time({self.every})"] if self.every else []
        groups += [f'"{tag}"' for tag in self.by]
        fill = "" if self.every is None else " fill(0)" if self.zero else " fill(none)"
        group = f" GROUP BY {', '.join(groups)}{fill}" if groups else ""
        local = f" tz('{zone}')" if self.every is Every.DAY else ""
        values = ", ".join(value.influxql() for value in self.values)
        conditions = _conditions(self.variables, self.where, positive=self.positive)
        return f'SELECT {values} FROM "{self.source}" WHERE {conditions}{group}{local}'  # noqa: S608 - our own text

    @property
    def positive(self) -> tuple[str, ...]:
        """Fields that points must have more than 0 of: InfluxDB 1.x says 0 of what is divided by 0, which is a lie."""
        return tuple(dict.fromkeys(value.over for value in self.values if value.over))


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """Single points, the newest first: some tags and fields of each. `having` are fields that must have a number."""

    source: str
    fields: tuple[str, ...]
    tags: tuple[str, ...] = ()
    where: tuple[tuple[str, tuple[str, ...]], ...] = ()
    having: tuple[tuple[str, int], ...] = ()
    most: int = 50
    variables: tuple[Var, ...] = PLACES

    def influxql(self, zone: str) -> str:
        names = ", ".join(f'"{name}"' for name in (*self.fields, *self.tags))
        conditions = _conditions(self.variables, self.where, self.having)
        text = f'SELECT {names} FROM "{self.source}" WHERE {conditions}'  # noqa: S608 - our own text
        return f"{text} ORDER BY time DESC LIMIT {self.most}"


Query = Ask | Rows


def _conditions(
    variables: Iterable[Var],
    where: Iterable[tuple[str, tuple[str, ...]]],
    having: Iterable[tuple[str, int]] = (),
    positive: Iterable[str] = (),
) -> str:
    parts = ["$timeFilter"]
    parts += [f'"{variable}" =~ /^${{{variable}:regex}}$/' for variable in variables]
    parts += [_one_of(tag, values) for tag, values in where]
    parts += [f'"{field}" = {number}' for field, number in having]
    parts += [f'"{field}" > 0' for field in positive]
    return " AND ".join(parts)


def _one_of(tag: str, values: Sequence[str]) -> str:
    if len(values) == 1:
        return f"\"{tag}\" = '{values[0]}'"
    return "(" + " OR ".join(f"\"{tag}\" = '{value}'" for value in values) + ")"


class Chosen(NamedTuple):
    """What somebody looks at: a time range, and of each variable the values; a variable without any is all of them."""

    from_ns: int
    until_ns: int
    values: Mapping[str, Sequence[str]] = {}


def filled(statement: str, chosen: Chosen) -> str:
    """A statement with Grafana's variables in it as Grafana would send it."""
    time_filter = f"time >= {chosen.from_ns} AND time < {chosen.until_ns}"
    text = statement.replace("$timeFilter", time_filter)
    return re.sub(r"\$\{(\w+):regex\}", lambda found: regex_of(chosen.values.get(found.group(1), ())), text)


def regex_of(values: Sequence[str]) -> str:
    """As Grafana's format `regex` writes the values of a variable: one as it is, several in brackets, all as `.*`."""
    escaped = [re.sub(r"[\\^$.*+?()[\]{}|/]", r"\\\g<0>", value) for value in values]
    if not escaped:
        return ".*"
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"
