"""A board as a value: rows of panels, variables and marks. Where each panel stands follows from its row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from dashboards.panels import Panel
from dashboards.query import Query, Var
from dashboards.words import Text

COLUMNS = 24
FOLDER_UID = "menshen"
DATA_SOURCE_UID = "menshen-influx"
TAG = "menshen"


class Row(NamedTuple):
    """Panels beside each other, all of one height."""

    height: int
    panels: tuple[Panel, ...]


class Mark(NamedTuple):
    """An annotation: what happened when, on every panel with a time axis. The fields `zh` and `en` have its words."""

    title: Text
    query: Query
    colour: str
    shown: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Board:
    """`name` is in its uid and file name; `since` and `refresh` are Grafana's own words."""

    name: str
    title: Text
    about: Text
    rows: tuple[Row, ...]
    variables: tuple[Var, ...]
    marks: tuple[Mark, ...] = ()
    since: str = "now-24h"
    refresh: str = "1m"
    many_sites: bool = False
    """Whether sites are looked at together; else one is chosen, for two sites may have gates of one name."""
    wall: bool = False
    """For a wall: nobody touches it, so it has neither a range to choose nor hidden words."""

    @property
    def short(self) -> Text:
        """The title without the program's name."""
        return Text(*(text.partition(" · ")[2] or text for text in self.title))

    def uid(self, lang: str) -> str:
        return f"menshen-{self.name}-{lang}"

    def places(self) -> Iterator[Place]:
        """Every panel with its number and where it stands."""
        y = number = 0
        for row in self.rows:
            x = 0
            for panel in row.panels:
                number += 1
                yield Place(number, x, y, panel.width, row.height, panel)
                x += panel.width
            y += row.height

    def panel(self, number: int) -> Panel | None:
        return next((place.panel for place in self.places() if place.number == number), None)


class Place(NamedTuple):
    """Where a panel stands, in Grafana's grid of 24 columns."""

    number: int
    x: int
    y: int
    w: int
    h: int
    panel: Panel
