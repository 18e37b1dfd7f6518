"""What the boards' own queries answer of a day, and what they ought to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from dashboards.boards import board_named
from dashboards.console import FiguresSource, InfluxSource
from dashboards.query import Chosen
from tests.support.month.truth import DayTruth, summed

Row = Mapping[str, Any]
_PEOPLE = ("passages", "fevers", "unmeasured")
_VEHICLES = {"Vehicles": "passages", "Let in or out": "allowed", "Refused": "denied", "Not registered": "unregistered",
             "Not disinfected": "undisinfected"}  # fmt: skip
_DUTY = ("on_duty", "never", "once", "twice")


class Shown:
    """Answers of a source to the boards' queries of a day."""

    def __init__(self, source: InfluxSource | FiguresSource, chosen: Chosen) -> None:
        self._source, self._chosen = source, chosen

    async def table(self, board: str, title: str) -> dict[tuple[str, ...], dict[str, Any]]:
        """The columns of a panel that are not 0, by the tags of their rows."""
        known = board_named(board)
        assert known is not None
        (panel,) = [place.panel for place in known.places() if place.panel.title.en == title]
        found = {}
        for query in panel.asks:
            for frame in await self._source.frames(query, self._chosen):
                columns = {name: column[-1] for name, column in frame.columns.items() if column and column[-1]}
                if columns:
                    found[tuple(str(value) for value in frame.tags.values())] = columns
        return found

    async def number(self, board: str, title: str) -> float:
        """A single figure; 0 where there is none."""
        rows = await self.table(board, title)
        return sum(value for columns in rows.values() for value in columns.values())


async def on_boards(shown: Shown, truth: DayTruth) -> list[tuple[str, object, object]]:
    """What, as it is shown, and as it ought to be."""
    return [*await _people(shown, truth), *await _rounds(shown, truth), *await _isolation(shown, truth)]


async def _people(shown: Shown, truth: DayTruth) -> list[tuple[str, object, object]]:
    gates, total = truth.gates, sum(truth.teams.values(), Counter())
    at_gates = await shown.table("fever", "Gates compared")
    on_duty = await shown.table("duties", "Measured twice today, by team")
    declared = await shown.table("duties", "Declared today, by team")
    teams = {team: _of(counts, _DUTY) for team, counts in truth.teams.items() if counts["on_duty"]}
    return [
        ("people", sum((_of(row, _PEOPLE) for row in at_gates.values()), Counter()), _of(gates, _PEOPLE)),
        ("fevers", await shown.number("fever", "Fevers"), gates["fevers"]),
        ("measured by hand", await shown.number("fever", "Measured by hand"), gates["by_hand"]),
        ("duties of teams", summed((tags[0], _of(row, _DUTY)) for tags, row in on_duty.items()), teams),
        ("on duty", await shown.number("duties", "On duty today"), total["on_duty"]),
        ("declared", {tags[0]: _of(row, ("due", "declared")) for tags, row in declared.items()},
         {team: +counts for team, counts in truth.declared_of_teams.items()}),
        *[(f"vehicles: {title}", await shown.number("vehicles", title), truth.vehicles[name])
          for title, name in _VEHICLES.items()],
    ]  # fmt: skip


async def _rounds(shown: Shown, truth: DayTruth) -> list[tuple[str, object, object]]:
    rounds = await shown.table("duties", "Disinfections of the range, by place")
    total = sum(truth.rounds.values(), Counter())
    return [
        ("rounds", {place: row for (_, place), row in rounds.items()}, {p: dict(c) for p, c in truth.rounds.items()}),
        ("overdue rounds", await shown.number("duties", "Overdue rounds"), total["overdue"]),
    ]


async def _isolation(shown: Shown, truth: DayTruth) -> list[tuple[str, object, object]]:
    """As it stood in the evening."""
    isolated = truth.evening.isolated
    causes = await shown.table("isolation", "Why they are isolated")
    places = await shown.table("isolation", "Isolation places")
    placed = sum(one.where == "isolation" for one in isolated)
    return [
        ("isolated", await shown.number("isolation", "Isolated now"), len(isolated)),
        ("without a place", await shown.number("isolation", "Without a place"), sum(not one.where for one in isolated)),
        ("not reported", await shown.number("isolation", "Not reported"), sum(not one.reported for one in isolated)),
        ("readings missing", await shown.number("isolation", "Not measured yet"),
         sum(one.readings < 2 for one in isolated)),
        ("causes", {tags[0]: row["isolated"] for tags, row in causes.items()},
         dict(Counter(one.cause for one in isolated))),
        ("isolation place", sum(row.get("isolated", 0) for row in places.values()), placed),
    ]  # fmt: skip


def _of(row: Row, names: tuple[str, ...]) -> Counter[str]:
    return +Counter({name: int(row.get(name, 0)) for name in names})
