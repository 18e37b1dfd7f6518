"""Several sites' figures side by side, with how old each is. Pure.

A site that cannot be reached keeps its last figures, and says since when; what is not of the day counts in no total.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from hub.reports.figures import DayReport

FRESH_NS = 10 * 60 * 10**9
"""Figures that were read longer ago are old: the site is asked every minute."""


class Site(Struct, frozen=True, kw_only=True):
    """What is known of one site: the last figures and when they were read; `error` why there are no newer ones."""

    site: str
    title: str
    report: DayReport | None = None
    read_ns: int = 0
    error: str = ""


class Row(Struct, frozen=True, kw_only=True):
    """One site as the view shows it."""

    site: str
    title: str
    day: str
    age_s: int | None
    """Since the figures were read; None where there are none."""
    error: str
    counts: bool
    """Whether it is in the total: figures of the view's day, read lately."""
    figures: dict[str, int]


class CityView(Struct, frozen=True, kw_only=True):
    """All sites, and the total of those that count."""

    day: str
    time_ns: int
    counted: int
    of: int
    rows: tuple[Row, ...]
    total: dict[str, int]


FIGURES: dict[str, Callable[[DayReport], int]] = {
    "registered": lambda report: report.total.registered,
    "on_duty": lambda report: report.total.on_duty,
    "twice": lambda report: report.total.twice,
    "once": lambda report: report.total.once,
    "never": lambda report: report.total.never,
    "feverish": lambda report: report.health["feverish"],
    "isolated": lambda report: report.health["isolated"],
    "suspected": lambda report: report.health["suspected"],
    "unreported": lambda report: report.health["unreported"],
    "returnees": lambda report: report.returnees["observed"],
    "unscreened": lambda report: report.gates["unscreened"] + report.gates["entered_refused"],
    "overdue": lambda report: len(report.overdue),
    "out_of_order": lambda report: sum(one.until_ns is None for one in report.equipment),
}


def city_view(sites: Sequence[Site], day: str, now_ns: int) -> CityView:
    """The sites on a day."""
    rows = tuple(_row(site, day, now_ns) for site in sites)
    counted = [row for row in rows if row.counts]
    total = {name: sum(row.figures[name] for row in counted) for name in FIGURES}
    return CityView(day=day, time_ns=now_ns, counted=len(counted), of=len(rows), rows=rows, total=total)


def _row(site: Site, day: str, now_ns: int) -> Row:
    report = site.report
    figures = {} if report is None else {name: figure(report) for name, figure in FIGURES.items()}
    age_ns = now_ns - site.read_ns
    return Row(
        site=site.site,
        title=site.title or site.site,
        day="" if report is None else report.day,
        age_s=None if report is None else max(0, age_ns // 10**9),
        error=site.error,
        counts=report is not None and report.day == day and age_ns <= FRESH_NS,
        figures=figures,
    )
