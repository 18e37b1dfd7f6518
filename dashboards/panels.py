"""A panel as a value. What Grafana calls it is `render`'s business."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from dashboards.query import Query
from dashboards.words import CALM, Text


class Shape(StrEnum):
    """What a panel looks like, by Grafana's own names."""

    STAT = "stat"
    LINES = "timeseries"
    BARS = "bargauge"
    TABLE = "table"
    TIMELINE = "state-timeline"
    HISTORY = "status-history"
    HEATMAP = "heatmap"


class Draw(StrEnum):
    """How a time series is drawn."""

    LINE = "line"
    BARS = "bars"
    POINTS = "points"


class Step(NamedTuple):
    """From this value on (None: from the lowest), this colour."""

    at: float | None
    colour: str


class Means(NamedTuple):
    """A number or word that stands for something."""

    value: str
    text: Text
    colour: str


class Look(NamedTuple):
    """How a series is called and coloured; without a colour it has the next of the palette."""

    text: Text
    colour: str = ""


class Column(NamedTuple):
    """A column of a table: the tag or value, its heading, and how its cells look. `link` is a path on the console."""

    name: str
    text: Text
    unit: str = "none"
    steps: tuple[Step, ...] = ()
    means: tuple[Means, ...] = ()
    link: str = ""
    width: int | None = None
    decimals: int | None = None
    words: Mapping[str, Text] = {}
    """What values of it are called, where they need no colour."""
    board: str = ""
    """The board that a value leads to, as the site to look at."""


IN_LANGUAGE = "$lang"
"""The column of the board's language, where words stand in the time series themselves."""
CALM_ONLY = (Step(None, CALM),)


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """One panel: `title`, what it shows (`about`), and the queries that fill it.

    `looks` say how series are called, by their names: a value's, or a tag's value. `unnamed` is what a panel says that
    has no data. `back` looks so far back, whatever the board's range.
    """

    title: Text
    about: Text
    shape: Shape
    asks: tuple[Query, ...]
    width: int
    unit: str = "none"
    steps: tuple[Step, ...] = CALM_ONLY
    means: tuple[Means, ...] = ()
    looks: Mapping[str, Look] = field(default_factory=dict)
    columns: tuple[Column, ...] = ()
    draw: Draw = Draw.LINE
    points: tuple[str, ...] = ()
    """Series that are drawn as points, whatever the others are."""
    stacked: bool = False
    bands: bool = False
    """Whether the thresholds are drawn as bands behind the lines."""
    decimals: int | None = None
    lowest: float | None = None
    highest: float | None = None
    back: str = ""
    link: str = ""
    """A path on the console."""
    nothing: Text | None = None
    """What it says without data, where that is good news or wants another word than `no data`."""
