"""A rota as HR keeps it: a calendar sheet, people down and days across, 早 中 夜 休 in the cells. Pure.

    2020年2月排班表
    工号   姓名   1    2    3   …            工号   姓名   2020-02-01   2/2   2月3日 …
    4711   赵敏   早   早   休               4711   赵敏   早           早     休

It becomes single days, as the other form of the file has them, each with the cell that it stood in. Days may be dates
or plain numbers; of numbers alone a row above names the month. Where they begin anew at 1 the next month begins. An
empty cell says nothing: the rota counts there.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from itertools import chain, islice

from openpyxl.utils import get_column_letter

from hub.registry.fields import Cell, Fault, Kind, Unfit, Wrong, date_of
from hub.registry.sheets import HEADER_WITHIN, MAX_ROWS, Row, Rows, Sheet

FEWEST_DAYS = 3
"""Columns that are days, for a sheet to be a calendar."""
_MONTH = re.compile(r"(20\d\d)\s*[-/.年]\s*(1[0-2]|0?[1-9])(?!\d)")
_NUMBER = re.compile(r"(\d{1,2})(?:日|号)?")
_IN_YEAR = re.compile(r"(1[0-2]|0?[1-9])\s*(?:月|/)\s*(\d{1,2})\s*日?")
_WEEKDAYS = {"一", "二", "三", "四", "五", "六", "日", "天", "mon", "tue", "wed", "thu", "fri", "sat", "sun"}


def is_calendar(header: Sequence[Cell], kind: Kind) -> bool:
    """Whether a row is the header of a calendar: a column that says who, and days behind it."""
    who = _who(header, kind)
    return bool(who) and sum(_is_day(cell) for n, cell in enumerate(header) if n not in who.values()) >= FEWEST_DAYS


def as_days(rows: Rows, kind: Kind, today: date) -> tuple[Sheet | None, Rows]:
    """The single days of a calendar sheet; None, and the rows as they were, for a sheet that is none. `kind` is that of
    single days, with fields `day`, `team`, `number` and `shift`. Raises `Unfit`."""
    above: list[Row] = []
    for row in islice(rows, HEADER_WITHIN):
        if is_calendar(row.cells, kind):
            who = _who(row.cells, kind)
            days = _days(row, who, _month_of(above), today)
            return Sheet({field.name: n for n, field in enumerate(kind.fields)}, (), _long(rows, who, days, kind)), rows
        above.append(row)
    return None, chain(above, rows)


def _who(header: Sequence[Cell], kind: Kind) -> dict[str, int]:
    """Where the number and the team stand."""
    found = kind.columns([str(cell or "")[:60] for cell in header])
    return {name: found[name] for name in ("number", "team") if name in found}


def _plain(cell: Cell) -> str:
    return unicodedata.normalize("NFKC", str(cell)).strip() if cell is not None else ""


def _is_day(cell: Cell) -> bool:
    if isinstance(cell, date):
        return True
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    text = _plain(cell)
    number = _NUMBER.fullmatch(text)
    is_number = number is not None and 1 <= int(number[1]) <= 31
    return is_number or bool(_IN_YEAR.fullmatch(text)) or _date(text) is not None


def _date(text: str) -> date | None:
    try:
        return date_of(text) if not text.isdigit() else None
    except Wrong:
        return None


def _month_of(above: Sequence[Row]) -> tuple[int, int] | None:
    """The month that a row above the header names."""
    for row in above:
        for cell in row.cells:
            if isinstance(cell, date):
                return cell.year, cell.month
            found = _MONTH.search(_plain(cell))
            if found:
                return int(found[1]), int(found[2])
    return None


def _days(header: Row, who: dict[str, int], month: tuple[int, int] | None, today: date) -> dict[int, date]:
    """The day of each column. Raises `Unfit`."""
    found: dict[int, date] = {}
    at, before = month, 0
    for n, cell in enumerate(header.cells):
        if n in who.values() or not _is_day(cell):
            continue
        text = _plain(int(cell) if isinstance(cell, float) else cell)
        number, in_year = _NUMBER.fullmatch(text), _IN_YEAR.fullmatch(text)
        if isinstance(cell, date):
            day: date | None = cell.date() if isinstance(cell, datetime) else cell
        elif number is not None:
            if at is None:
                raise Unfit([Fault("", "calendar-month", {"found": text, "cell": _name(header.number, n)})])
            if int(number[1]) < before:
                at = (at[0] + at[1] // 12, at[1] % 12 + 1)
            before = int(number[1])
            day = _made(*at, before)
        elif in_year is not None:
            day = _near(int(in_year[1]), int(in_year[2]), at[0] if at else None, today)
        else:
            day = _date(text)
        if day is None:
            raise Unfit([Fault("", "calendar-day", {"found": text[:20], "cell": _name(header.number, n)})])
        if day in found.values():
            raise Unfit([Fault("", "calendar-twice", {"found": day.isoformat(), "cell": _name(header.number, n)})])
        found[n] = day
    return found


def _made(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _near(month: int, day: int, year: int | None, today: date) -> date | None:
    """The day of that year, or without one of the year in which it is nearest to today."""
    years = [year] if year is not None else [today.year - 1, today.year, today.year + 1]
    made = [one for one in (_made(each, month, day) for each in years) if one is not None]
    return min(made, key=lambda one: abs(one - today), default=None)


def _long(rows: Rows, who: dict[str, int], days: dict[int, date], kind: Kind) -> list[Row]:
    """A row for each cell that says something. Raises `Unfit`."""
    found = []
    for row in rows:
        cells = list(row.cells)
        number, team = (_cell(cells, who.get(name)) for name in ("number", "team"))
        said = {n: cells[n] for n in days if n < len(cells) and _plain(cells[n])}
        named = _plain(number) or _plain(team)
        if not said or (not named and _is_of_weekdays(said.values())):
            continue
        if not named:
            raise Unfit([Fault("", "calendar-nobody", {"row": str(row.number)})])
        for n, word in said.items():
            given: dict[str, Cell] = {"day": days[n], "number": number, "shift": word}
            if not _plain(number):
                given["team"] = team
            place = f"{get_column_letter(n + 1)} · {days[n].isoformat()}"
            found.append(Row(row.number, [given.get(field.name) for field in kind.fields], place))
        if len(found) > MAX_ROWS:
            raise Unfit([Fault("", "calendar-cells", {"most": str(MAX_ROWS)})])
    return found


def _cell(cells: Sequence[Cell], at: int | None) -> Cell:
    return cells[at] if at is not None and at < len(cells) else None


def _is_of_weekdays(cells: Iterable[Cell]) -> bool:
    """The row below the days, with the days of the week."""
    return all(_plain(cell).lower().removeprefix("星期").removeprefix("周") in _WEEKDAYS for cell in cells)


def _name(row: int, column: int) -> str:
    return f"{get_column_letter(column + 1)}{row}"
