"""A day of rounds as people see it: what was due and became of it, and what is still to come. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from hub.rounds.record import Done, Round
from hub.rounds.state import State, Window, state_of
from hub.rounds.stops import Named
from wire.events import RoundDue

SOON, AHEAD = "soon", "ahead"
"""It can be done now; it is for later."""


class Cell(NamedTuple):
    """One round of a stop. `state` is of `State`, or `soon` or `ahead` before it is due."""

    due_ns: int
    state: str
    done: Done | None


class Line(NamedTuple):
    """One stop with its rounds of the day."""

    key: str
    """Empty for what is no longer there."""
    title: str
    kind: str
    cells: list[Cell]
    times: tuple[str, ...] = ()


class Day(NamedTuple):
    """All stops, and how many rounds are in which state."""

    lines: list[Line]
    counts: dict[str, int]


def day_of(
    named: Sequence[Named], past: Iterable[Round], coming: Iterable[RoundDue], done: Sequence[Done], now_ns: int
) -> Day:
    """`past` are the rounds on record, `coming` those that the plan has from now on."""
    lines = {one.stop.subject: Line(one.key, one.title, one.stop.kind, [], one.stop.times) for one in named}
    for found in past:
        line = lines.setdefault(found.subject, Line("", found.place or found.subject[:6], found.kind, []))
        line.cells.append(Cell(found.window.due_ns, found.state.value, found.done))
    for due in coming:
        subjects = {due.place, due.vehicle, due.vehicle_tag} - {None}
        lines[due.place or due.vehicle or ""].cells.append(_coming(due, subjects, done, now_ns))
    counts = {state.value: 0 for state in State} | {SOON: 0, AHEAD: 0}
    for line in lines.values():
        for cell in line.cells:
            counts[cell.state] += 1
    return Day(list(lines.values()), counts)


def _coming(due: RoundDue, subjects: set[str | None], done: Sequence[Done], now_ns: int) -> Cell:
    window = Window(due.from_ns, due.time_ns, due.until_ns)
    mine = [one for one in done if one.subject in subjects]
    state, first_ns = state_of(window, (one.time_ns for one in mine))
    if state is State.OVERDUE:
        return Cell(due.time_ns, SOON if now_ns > due.from_ns else AHEAD, None)
    return Cell(due.time_ns, state.value, next(one for one in mine if one.time_ns == first_ns))
