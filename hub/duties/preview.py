"""How what a file would do is shown: a calendar sheet as a calendar, and one mistake of a whole row once. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from hub.duties.files import DAYS, Outcome

_DAY, _TEAM, _NUMBER, _SHIFT = (
    [field.name for field in DAYS.fields].index(name) for name in ("day", "team", "number", "shift")
)


class CalendarRow(NamedTuple):
    """One line of the sheet: whose days they are, and for each day the shift that is new, or nothing."""

    row: int
    team: str
    number: str
    shifts: list[str]


class Calendar(NamedTuple):
    """What of a calendar sheet changes something."""

    days: list[str]
    rows: list[CalendarRow]


class Mistake(NamedTuple):
    """What is wrong in a row, in one column or in several beside each other."""

    first: Outcome
    last: str
    """The last column, where there are several."""


def calendar_of(changed: Sequence[Outcome]) -> Calendar | None:
    """The changes as a calendar; None where the file was none."""
    if not changed or not all(one.column for one in changed):
        return None
    days = sorted({one.cells[_DAY] for one in changed})
    rows = []
    for (row, team, number), some in groupby(changed, key=lambda one: (one.row, one.cells[_TEAM], one.cells[_NUMBER])):
        shifts = {one.cells[_DAY]: one.cells[_SHIFT] for one in some}
        rows.append(CalendarRow(row, team, number, [shifts.get(day, "") for day in days]))
    return Calendar(days, rows)


def mistakes(wrong: Sequence[Outcome]) -> list[Mistake]:
    """What is wrong; what is the same in all columns of a row is told once."""
    found = []
    for _, same in groupby(wrong, key=lambda one: (one.row, one.why, tuple(one.values.items()), one.field)):
        first, *rest = same
        found.append(Mistake(first, rest[-1].column if rest else ""))
    return found
