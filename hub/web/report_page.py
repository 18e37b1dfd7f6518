"""What of a day's report stands on the page: all of it where the plant is small. Of a large one the teams are paged,
those with the most amiss first, or one grid's; other long lists are cut. PDF, Excel and API are always whole. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import NamedTuple

from msgspec.structs import replace

from hub.reports.figures import DayReport, GroupFigures
from hub.reports.tables import Table, tables
from hub.web.words import Lang

MOST_ROWS = 100
"""So many rows of a table at once: a telephone scrolls them, and old ones draw no more."""


class Asked(NamedTuple):
    """Which teams are asked for: of a grid, or all of them (None), from the one of that place on."""

    grid: str | None = None
    first: int = 0


class Teams(NamedTuple):
    """A page of teams, out of how many; `before` and `after` are the places where the pages beside it begin."""

    shown: tuple[GroupFigures, ...]
    of: int
    before: int | None
    after: int | None


class Shown(NamedTuple):
    """A table as the page has it, and how many of its rows are left out."""

    table: Table
    more: int


def amiss(group: GroupFigures) -> int:
    """How much of a group's figures ought to be 0."""
    return group.never + group.feverish + group.concerned


def teams_of(report: DayReport, asked: Asked) -> Teams:
    """The teams that are asked for: by name where one page holds all, else those with the most amiss first."""
    wanted: Sequence[GroupFigures] = [team for team in report.teams if asked.grid in {None, team.grid}]
    first = max(0, min(asked.first, len(wanted) - 1))
    first -= first % MOST_ROWS
    if len(wanted) > MOST_ROWS:
        wanted = sorted(wanted, key=lambda team: (-amiss(team), not team.name, team.name))
    after = first + MOST_ROWS
    return Teams(
        tuple(wanted[first:after]),
        len(wanted),
        first - MOST_ROWS if first else None,
        after if after < len(wanted) else None,
    )


def on_page(report: DayReport, teams: Teams, lang: Lang, zone: tzinfo | None) -> list[Shown]:
    """The report's tables with these teams, the rest cut to what a page can hold."""
    return [_cut(table) for table in tables(replace(report, teams=teams.shown), lang, zone)]


def _cut(table: Table) -> Shown:
    return Shown(replace(table, rows=table.rows[:MOST_ROWS]), max(0, len(table.rows) - MOST_ROWS))
