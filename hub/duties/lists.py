"""What a page, a file or a program asks of a day's roll: figures by team, grid or shift, and lists of people. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from itertools import islice
from typing import NamedTuple

from hub.duties.desk import Book
from hub.duties.roll import Figures, Group, Line, Whom, total
from hub.duties.standing import AWAY, Off, Standing


class By(StrEnum):
    """What figures are added up by."""

    TEAM = "team"
    GRID = "grid"
    SHIFT = "shift"


class Show(StrEnum):
    """Whom a list shows; each is one of the figures."""

    ON_DUTY = "on_duty"
    NEVER = "never"
    ONCE = "once"
    TWICE = "twice"
    FIRST_MISSING = "first_missing"
    SECOND_MISSING = "second_missing"
    MISSING = "missing"
    AWAY = "away"
    ISOLATED = "isolated"
    RESTING = "resting"
    UNKNOWN = "unknown"
    UNCALLED = "uncalled"


class Asked(NamedTuple):
    """Which part of the roll: a team (0: those in none), a grid, a shift; None is all. `words`: of number or name."""

    team: int | None = None
    grid: str | None = None
    shift: int | None = None
    show: Show | None = None
    words: str = ""

    def has(self, group: Group) -> bool:
        """Whether a group belongs to what is asked for."""
        return (
            (self.team is None or (group.team_id or 0) == self.team)
            and (self.grid is None or group.grid == self.grid)
            and (self.shift is None or group.shift_id == self.shift)
        )


class Row(NamedTuple):
    """One team, grid or shift: what to ask for it by, what it is called, and its figures."""

    key: str
    name: str
    figures: Figures


def figures(book: Book, asked: Asked, now_ns: int) -> Figures:
    """The figures of what is asked for."""
    return total(found for group, found in book.roll.figures(now_ns).items() if asked.has(group))


def rows(book: Book, asked: Asked, by: By, now_ns: int) -> list[Row]:
    """What is asked for, by team, grid or shift: those first where most are missing, then by name."""
    found: dict[tuple[str, str], list[Figures]] = {}
    for group, of_group in book.roll.figures(now_ns).items():
        if asked.has(group) and (by is not By.SHIFT or group.shift_id is not None):
            found.setdefault(_key(book, group, by), []).append(of_group)
    made = [Row(key, name, total(of_key)) for (key, name), of_key in found.items()]
    return sorted(made, key=lambda row: (-row.figures.missing, not row.name, row.name))


def _key(book: Book, group: Group, by: By) -> tuple[str, str]:
    match by:
        case By.TEAM:
            return str(group.team_id or 0), book.team(group.team_id)
        case By.GRID:
            return group.grid, group.grid
        case By.SHIFT:
            return str(group.shift_id), book.shift(group.shift_id)


def people(book: Book, asked: Asked, now_ns: int, after: str = "") -> Iterator[Line]:
    """Everybody who is asked for whose number comes after that one, in the order of numbers."""
    shown = None if asked.show is None else _SHOWN[asked.show]
    words = asked.words.lower()
    for line in book.roll.lines(now_ns, asked.has, after):
        if (shown is None or shown(line)) and (not words or _is_named(book, line.duty.whom, words)):
            yield line


def _is_named(book: Book, whom: Whom, words: str) -> bool:
    return (
        whom.number.lower().startswith(words) or words in whom.name.lower() or words == book.team(whom.team_id).lower()
    )


def page(book: Book, asked: Asked, now_ns: int, after: str, most: int) -> list[Line]:
    """So many people whose numbers come after one."""
    return list(islice(people(book, asked, now_ns, after), most))


def _on_duty(line: Line) -> bool:
    return line.standing is not None


_SHOWN: dict[Show, Callable[[Line], bool]] = {
    Show.ON_DUTY: _on_duty,
    Show.NEVER: lambda line: _on_duty(line) and not line.measured,
    Show.ONCE: lambda line: _on_duty(line) and line.measured == 1,
    Show.TWICE: lambda line: line.standing is Standing.DONE,
    Show.FIRST_MISSING: lambda line: line.standing is Standing.FIRST_MISSING,
    Show.SECOND_MISSING: lambda line: line.standing is Standing.SECOND_MISSING,
    Show.MISSING: lambda line: line.standing in {Standing.FIRST_MISSING, Standing.SECOND_MISSING},
    Show.AWAY: lambda line: line.duty.off in AWAY,
    Show.ISOLATED: lambda line: line.duty.off is Off.ISOLATED,
    Show.RESTING: lambda line: line.duty.off in {Off.REST, Off.CLOSED},
    Show.UNKNOWN: lambda line: line.duty.off is Off.UNKNOWN and not _on_duty(line),
    Show.UNCALLED: lambda line: not _on_duty(line) and bool(line.measured),
}
