"""A report as tables, in a language: what page, PDF, Excel and mail show, cell by cell. Pure.

Whoever draws tables invents nothing: the same cells stand on paper, on the screen and in the sheet.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from functools import partial

from msgspec import Struct

from hub.reports.figures import GROUP_COUNTS, DayReport, Equipment, GroupFigures, IsolatedPerson
from hub.web.words import Lang, known, say

Cell = str | int
_NOTHING = "–"


class Table(Struct, frozen=True):
    """One table: its key, what stands above it, and its cells. A figure above 0 in a column of `warn` or in a row of
    `bad_rows` ought not to be."""

    key: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    warn: frozenset[int] = frozenset()
    note: str = ""
    bad_rows: frozenset[int] = frozenset()

    def is_bad(self, row: int, column: int) -> bool:
        """Whether a cell is to be marked."""
        cell = self.rows[row][column]
        return isinstance(cell, int) and cell > 0 and (column in self.warn or row in self.bad_rows)


def heading(report: DayReport, lang: Lang) -> str:
    """What stands above everything."""
    return say(lang, "report.heading", site=report.site, day=report.day)


def made(report: DayReport, lang: Lang, zone: tzinfo | None) -> str:
    """When the figures were made, and what the record of who saw and changed what ended with."""
    at = _clock(report.made_ns, zone, "%Y-%m-%d %H:%M")
    return say(lang, "report.made", at=at, head=report.audit_head[:16] or _NOTHING)


def tables(report: DayReport, lang: Lang, zone: tzinfo | None) -> list[Table]:
    """Everything of a report, in the order of the order's demands."""
    word = partial(say, lang)
    bad = {
        "health": ("feverish", "confirmed", "suspected", "unreported", "not_in_grid", "without_place", "declared_call",
                   "declared_ill"),
        "gates": ("unscreened", "entered_refused", "gaps", "lost"),
    }  # fmt: skip
    names = ("health", "returnees", "visitors", "vehicles", "gates", "meals")
    found = [
        _groups(word, "total", (report.total,), named=False),
        _groups(word, "teams", report.teams, named=True),
        _groups(word, "grids", report.grids, named=True),
        *(_counts(word, name, getattr(report, name), bad.get(name, ())) for name in names),
        _isolation(word, lang, report),
        _people(word, lang, report.isolated),
        _rounds(word, lang, report),
        _equipment(word, lang, report.equipment, zone),
        _alerts(word, lang, report.alerts),
        _resumption(word, report.resumption),
    ]
    return [table for table in found if table.rows]


_Word = Callable[..., str]


def _groups(word: _Word, key: str, rows: Sequence[GroupFigures], *, named: bool) -> Table:
    columns = [word(f"report.count.{count}") for count in GROUP_COUNTS]
    cells = [tuple(getattr(row, count) for count in GROUP_COUNTS) for row in rows]
    warn = {GROUP_COUNTS.index(count) for count in ("never", "feverish", "concerned")}
    if not named:
        return Table(key, word(f"report.{key}"), tuple(columns), tuple(cells), frozenset(warn))
    has_grid = key == "teams"
    first = (word(f"report.{key}.name"), word("report.grid"))[: 1 + has_grid]
    names = [(row.name or word("report.none"), row.grid or _NOTHING)[: 1 + has_grid] for row in rows]
    rows_ = tuple((*name, *own) for name, own in zip(names, cells, strict=True))
    return Table(key, word(f"report.{key}"), (*first, *columns), rows_, frozenset(n + len(first) for n in warn))


def _counts(word: _Word, key: str, counts: Mapping[str, int], bad: Collection[str] = ()) -> Table:
    """A figure a line; `bad` names those that ought to be 0."""
    rows = tuple((word(f"report.{key}.{name}"), count) for name, count in counts.items())
    marked = frozenset(number for number, name in enumerate(counts) if name in bad)
    return Table(key, word(f"report.{key}"), (word("report.what"), word("report.number")), rows, bad_rows=marked)


def _isolation(word: _Word, lang: Lang, report: DayReport) -> Table:
    columns = tuple(word(f"report.isolation.{name}") for name in ("cause", "place", "people", "days"))
    rows = tuple(
        (
            known(lang, "cause", row.cause),
            row.place or word("report.no-place"),
            row.people,
            f"{row.least_day}" if row.least_day == row.most_day else f"{row.least_day}–{row.most_day}",
        )
        for row in report.isolation
    )
    return Table("isolation", word("report.isolation"), columns, rows)


def _people(word: _Word, lang: Lang, people: Sequence[IsolatedPerson]) -> Table:
    names = ("number", "name", "team", "grid", "cause", "place", "day", "reported", "in_grid")
    rows = tuple(
        (
            one.number, one.name, one.team or _NOTHING, one.grid or _NOTHING, known(lang, "cause", one.cause),
            one.place or word("report.no-place"), f"{one.day}/{one.days}",
            word("report.yes") if one.reported else word("report.no"),
            word("report.yes") if one.in_grid else word("report.no"),
        )
        for one in people
    )  # fmt: skip
    return Table("isolated", word("report.isolated"), tuple(word(f"report.isolated.{name}") for name in names), rows)


def _rounds(word: _Word, lang: Lang, report: DayReport) -> Table:
    columns = tuple(word(f"report.rounds.{name}") for name in ("kind", "due", "done", "late", "overdue"))
    rows = tuple((known(lang, "place", row.kind), row.due, row.done, row.late, row.overdue) for row in report.rounds)
    places = list(dict.fromkeys(report.overdue))
    note = word("report.rounds.which", places=("、" if lang == "zh" else ", ").join(places)) if places else ""
    return Table("rounds", word("report.rounds"), columns, rows, frozenset({4}), note)


def _equipment(word: _Word, lang: Lang, equipment: Sequence[Equipment], zone: tzinfo | None) -> Table:
    columns = tuple(word(f"report.equipment.{name}") for name in ("rule", "gate", "detail", "since", "until"))
    rows = tuple(
        (
            known(lang, "rule", one.rule), one.gate, one.detail or _NOTHING, _clock(one.since_ns, zone, "%m-%d %H:%M"),
            word("report.still") if one.until_ns is None else _clock(one.until_ns, zone, "%m-%d %H:%M"),
        )
        for one in equipment
    )  # fmt: skip
    return Table("equipment", word("report.equipment"), columns, rows)


def _alerts(word: _Word, lang: Lang, alerts: Mapping[str, int]) -> Table:
    rows = tuple((known(lang, "rule", rule), count) for rule, count in alerts.items())
    return Table("alerts", word("report.alerts"), (word("report.what"), word("report.number")), rows)


def _resumption(word: _Word, resumption: Mapping[str, str | int]) -> Table:
    rows = tuple((word(f"report.resumption.{name}"), value) for name, value in resumption.items())
    return Table("resumption", word("report.resumption"), (word("report.what"), word("report.number")), rows)


def _clock(time_ns: int, zone: tzinfo | None, form: str) -> str:
    return datetime.fromtimestamp(time_ns // 10**9, UTC).astimezone(zone).strftime(form)
