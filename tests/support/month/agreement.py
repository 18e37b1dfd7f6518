"""Holds what a hub says of a day against the truth, wherever it says it: report as page, PDF, Excel and JSON, the pages
of each part, exports, the API, and the boards' own queries to InfluxDB. Each difference is told in words."""

from __future__ import annotations

import csv
import html
import re
from collections import Counter
from collections.abc import Mapping
from datetime import date
from io import StringIO

import httpx
import msgspec
from msgspec.structs import replace

from dashboards.console import FiguresSource, InfluxSource
from dashboards.influx import Influx
from dashboards.query import Chosen
from hub.accounts.models import Role
from hub.cases.record import IsolationLine
from hub.projections.checks import CheckRow
from hub.reports.figures import GROUP_COUNTS, DayReport, GroupFigures, without_names
from hub.reports.gather import report_of
from hub.reports.tables import tables
from hub.web.words import say
from sim.orders import Warn
from sim.plant import ZONE
from tests.hub.reports.test_agreement import rows_of, tile
from tests.hub.reports.test_files import excel_cells, pdf_text, squeezed
from tests.support.console import signed_in
from tests.support.month.boards import Shown, on_boards
from tests.support.month.hub import MonthHub, figures_of
from tests.support.month.truth import DayTruth, Month, grid_of, kind_of, span_of, summed

MEASURED = ("on_duty", "never", "once", "twice")
ALERTS = frozenset({*map(str, Warn), "fever-confirmed"})
"""Rules of which the truth has a record."""


class Differences:
    """What was compared, and what did not agree."""

    def __init__(self) -> None:
        self.compared = 0
        self.found: list[str] = []
        self.seen: Counter[str] = Counter()
        """How much of each kind there was: a month without a fever proves nothing about fevers."""

    def same(self, day: date, what: str, found: object, wanted: object) -> None:
        """One figure, or several together."""
        self.compared += 1
        if found != wanted:
            self.found.append(f"{day} {what}: {_short(found, wanted)}")


def _short(found: object, wanted: object) -> str:
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        keys = [
            key for key in [*wanted, *(key for key in found if key not in wanted)] if found.get(key) != wanted.get(key)
        ]
        return "; ".join(f"{key}: found {found.get(key)!r}, expected {wanted.get(key)!r}" for key in keys)
    return f"found {found!r}, expected {wanted!r}"


class Asking:
    """One day of a hub, asked in English by a safety officer."""

    def __init__(self, hub: MonthHub, month: Month, day: date) -> None:
        self.hub, self.day, self.numbers = hub, day, month.numbers()

    async def get(self, path: str, **asked: str | int) -> httpx.Response:
        answer = await self.hub.console.get(path, params={"lang": "en", **asked})
        if answer.status_code != httpx.codes.OK:
            raise AssertionError(f"{path}: {answer.status_code} {answer.text[:300]}")
        return answer

    async def of_day(self, path: str, **asked: str) -> httpx.Response:
        return await self.get(path, day=self.day.isoformat(), **asked)


# -- as it stands on the evening ---------------------------------------------------------------------------------------


async def on_the_evening(hub: MonthHub, month: Month, day: date, differences: Differences) -> DayReport:
    """Pages that show the present."""
    hub.console.cookies.update(await signed_in(hub.database, Role.OFFICER, now_ns=hub.clock.now_ns))
    asking, evening = Asking(hub, month, day), month.script.evenings[day]
    await _cases(asking, month, differences)
    page = (await asking.get("/declarations")).text
    due = sum((Counter(counts) for counts in month.of(day).declared_of_teams.values()), Counter())
    tiles = {name: count_of(page, name) for name in ("declared", "missing")}
    wanted = {"declared": due["declared"], "missing": due["due"] - due["declared"]}
    differences.same(day, "page of declarations", tiles, wanted)
    differences.same(day, "concerns on the page of declarations", count_of(page, "open"), evening.concerns)
    page = (await asking.get("/visitors")).text
    differences.same(day, "visits to come on the page", page.count('/cancel"'), evening.coming)
    report = msgspec.json.decode((await asking.of_day("/api/report")).content, type=DayReport)
    wanted = {
        key: value
        for key, value in month.of(day).health.items()
        if key not in {"feverish", "feverish_unnamed", "confirmed"}
    }
    differences.same(day, "health in the evening's report", {key: report.health[key] for key in wanted}, wanted)
    return report


async def _cases(asking: Asking, month: Month, differences: Differences) -> None:
    day, evening = asking.day, month.script.evenings[asking.day]
    numbers = asking.numbers
    page = html.unescape((await asking.get("/cases")).text)
    rows = re.findall(r'<a href="/cases/(\d+)">.*?<span class="soft">(\d+)</span>(.*?)</tr>', page, re.DOTALL)
    shown = {number: (cause_in(row), day_in(row)) for _, number, row in rows if "data-label" in row}
    wanted = {
        numbers[one.badge]: (say("en", f"cause.{one.cause}"), one.day if one.day <= 14 else 0)
        for one in evening.isolated
    }
    differences.same(day, "cases on their page", shown, wanted)
    lines = [
        msgspec.json.decode(line, type=IsolationLine)
        for line in (await asking.get("/api/isolations")).content.splitlines()
    ]
    open_ = sorted(
        (one.badges[0], one.cause, (day - date.fromisoformat(one.on)).days + 1)
        for one in lines
        if one.case and not one.end
    )
    differences.same(
        day, "cases of the API", open_, sorted((one.badge, one.cause, one.day) for one in evening.isolated)
    )
    differences.seen["cases"] += len(open_)


def cause_in(row: str) -> str:
    """The cause that a row of the list of cases names."""
    return re.search(rf'data-label="{say("en", "case.cause")}">(.*?)</td>', row, re.DOTALL)[1].strip()


def day_in(row: str) -> int:
    """The day of the isolation that a row shows; 0 where its days are over."""
    cell = re.search(rf'data-label="{say("en", "case.day")}">(.*?)</td>', row, re.DOTALL)[1]
    return 0 if "warn" in cell else int(re.search(r"\d+", cell)[0])


def count_of(page: str, name: str) -> int:
    """A figure of a tile."""
    found = re.search(rf'data-count="{name}">\s*(\d+)', page)
    return int(found[1]) if found else 0


# -- as it is known in the end -----------------------------------------------------------------------------------------


async def in_the_end(
    hub: MonthHub, month: Month, day: date, evening: DayReport, differences: Differences, *, on_paper: bool = True
) -> None:
    """All of a day, asked when it is long over. `on_paper`: as PDF and in Excel too."""
    hub.console.cookies.update(await signed_in(hub.database, Role.OFFICER, now_ns=hub.clock.now_ns))
    asking, truth = Asking(hub, month, day), month.of(day)
    report = await report_of(hub.sources, day, hub.clock.now_ns)
    of_api = msgspec.json.decode((await asking.of_day("/api/report")).content, type=DayReport)
    differences.same(
        day, "the API's report", replace(of_api, audit_head=""), replace(without_names(report), audit_head="")
    )
    _report(report, truth, month, differences)
    if truth.isolated == truth.evening.isolated:  # nobody's fever was heard of later
        differences.same(day, "isolated, as on the evening", report.isolation, evening.isolation)
    await _rendered(asking, report, differences, on_paper=on_paper)
    await _duties(asking, truth, differences)
    await _pages(asking, truth, differences)
    await _records(asking, month, differences)
    await _alerts(asking, truth, report, differences)
    await _boards(asking, truth, differences)


def _report(report: DayReport, truth: DayTruth, month: Month, differences: Differences) -> None:
    day, total = truth.day, sum(truth.teams.values(), Counter())
    for name in ("health", "returnees", "visitors", "vehicles", "gates", "meals"):
        wanted = dict(getattr(truth, name))
        differences.same(day, f"report: {name}", dict(getattr(report, name)), wanted)
        differences.seen.update({f"{name}.{key}": value for key, value in wanted.items()})
    differences.same(day, "report: people", _counts(report.total), +total)
    teams = {team.name: _counts(team) for team in report.teams}
    differences.same(day, "report: teams", teams, {team: +counts for team, counts in truth.teams.items()})
    grids = summed((grid_of(team), counts) for team, counts in truth.teams.items())
    differences.same(day, "report: grids", {grid.name: _counts(grid) for grid in report.grids}, grids)
    kinds = summed((kind_of(place), counts) for place, counts in truth.rounds.items())
    rounds = {
        row.kind: +Counter(due=row.due, done=row.done, late=row.late, overdue=row.overdue) for row in report.rounds
    }
    differences.same(day, "report: rounds", rounds, kinds)
    differences.same(day, "report: overdue", len(report.overdue), sum(kinds.values(), Counter())["overdue"])
    differences.seen.update({f"rounds.{key}": count for key, count in sum(kinds.values(), Counter()).items()})
    numbers = month.numbers()
    isolated = [(one.number, one.cause, one.day, one.reported, one.in_grid, one.place) for one in report.isolated]
    wanted_list = [
        (numbers[one.badge], one.cause, one.day, one.reported, one.in_grid, one.where) for one in truth.isolated
    ]
    differences.same(day, "report: isolated", sorted(isolated), sorted(wanted_list))
    places = Counter((one.cause, one.where) for one in truth.isolated)
    differences.same(
        day, "report: places", {(row.cause, row.place): row.people for row in report.isolation}, dict(places)
    )


def _counts(group: GroupFigures) -> Counter[str]:
    return +Counter({name: getattr(group, name) for name in GROUP_COUNTS})


async def _rendered(asking: Asking, report: DayReport, differences: Differences, *, on_paper: bool) -> None:
    """Page, paper and sheet have each cell of the report."""
    wanted = {table.key: [tuple(map(str, row)) for row in table.rows] for table in tables(report, "en", ZONE)}
    page = (await asking.of_day("/reports")).text
    differences.same(asking.day, "page of the report", {key: rows_of(page, key) for key in wanted}, wanted)
    if not on_paper:
        return
    cells = [tuple(map(str, row)) for row in excel_cells((await asking.of_day("/reports/file", form="xlsx")).content)]
    rows = [row for of_table in wanted.values() for row in of_table]
    differences.same(asking.day, "Excel", [row for row in rows if row not in cells], [])
    paper = squeezed(pdf_text((await asking.of_day("/reports/file", form="pdf")).content))
    differences.same(asking.day, "PDF", [row for row in rows if squeezed("".join(row)) not in paper], [])


async def _duties(asking: Asking, truth: DayTruth, differences: Differences) -> None:
    """双测: page, exported lists and API, to the last person."""
    day, total = asking.day, sum(truth.teams.values(), Counter())
    api = (await asking.of_day("/api/duties", people="true")).json()
    differences.same(
        day,
        "duties of the API",
        {name: api["total"][name] for name in MEASURED},
        {name: total[name] for name in MEASURED},
    )
    page = html.unescape((await asking.of_day("/duties")).text)
    differences.same(
        day,
        "page of duties",
        {name: tile(page, name) for name in MEASURED[1:3]},
        {name: total[name] for name in MEASURED[1:3]},
    )
    wanted = {asking.numbers[badge]: times for badge, times in truth.measured.items()}
    people = {one["number"]: one["measured"] for one in api["people"] if one["standing"]}
    differences.same(day, "people of the API", people, wanted)
    for show in ("never", "once", "twice"):
        text = (await asking.of_day("/duties/export", form="csv", show=show)).text.lstrip("\ufeff")
        listed = {row[say("en", "duty.number")] for row in csv.DictReader(StringIO(text))}
        ought = {number for number, times in wanted.items() if min(times, 2) == ("never", "once", "twice").index(show)}
        differences.same(day, f"exported: {show}", listed, ought)
        differences.seen[show] += len(ought)


async def _pages(asking: Asking, truth: DayTruth, differences: Differences) -> None:
    """Rounds and meals on their own pages."""
    page = (await asking.of_day("/rounds")).text
    wanted = sum(truth.rounds.values(), Counter())
    shown = {name: count_of(page, name) for name in ("done", "late", "overdue")}
    differences.same(asking.day, "page of rounds", shown, {name: wanted[name] for name in shown})


async def _records(asking: Asking, month: Month, differences: Differences) -> None:
    """What other programs read: who was measured how often, page by page, and who came to eat."""
    day, (from_ns, until_ns) = asking.day, span_of(asking.day)
    measured: dict[str, int] = {}
    after, limit = "", len(month.site.members) // 3
    while lines := (
        await asking.get("/api/checks", from_ns=from_ns, until_ns=until_ns, after=after, limit=limit)
    ).content:
        rows = [msgspec.json.decode(line, type=CheckRow) for line in lines.splitlines()]
        measured |= {row.badge: row.measured for row in rows}
        after = f"{rows[-1].site}/{rows[-1].badge}"
    differences.same(day, "measurements of the API", measured, month.measurements(day))
    lines = (await asking.of_day("/api/meals")).content.splitlines()
    meals = Counter(msgspec.json.decode(line)["badge"] for line in lines)
    differences.same(day, "meals of the API", meals, month.meals(day))
    differences.seen["meals"] += meals.total()


async def _alerts(asking: Asking, truth: DayTruth, report: DayReport, differences: Differences) -> None:
    """What was told to somebody: by the report, the API, and the truth where it has a record."""
    from_ns, until_ns = span_of(asking.day)
    lines = (await asking.get("/api/alerts", limit=10_000)).content.splitlines()
    since = Counter(row["rule"] for row in map(msgspec.json.decode, lines) if from_ns <= row["since_ns"] < until_ns)
    differences.same(asking.day, "alerts of the API", dict(since), report.alerts)
    told = {rule: count for rule, count in report.alerts.items() if rule in ALERTS}
    differences.same(
        asking.day, "alerts", told, {rule: count for rule, count in truth.alerts.items() if rule in ALERTS}
    )
    differences.seen.update({f"alert {rule}": count for rule, count in told.items()})


async def _boards(asking: Asking, truth: DayTruth, differences: Differences) -> None:
    """What Grafana would show of the day: the boards' own queries, asked of InfluxDB and of the hub's own figures."""
    chosen = Chosen(*span_of(asking.day), {"site": [asking.hub.site.name]})
    influx = Influx(asking.hub.influx.url, asking.hub.influx.bucket)
    for source in (InfluxSource(influx, str(ZONE)), FiguresSource(figures_of(asking.hub))):
        for what, found, wanted in await on_boards(Shown(source, chosen), truth):
            differences.same(asking.day, f"{source.name}: {what}", found, wanted)
    await influx.close()
