"""A day of a simulated plant says the same wherever it is asked: the rendered pages, exports, the report as page, PDF,
Excel file and JSON, the API, and a real InfluxDB, against the plant's truth to the last person."""

from __future__ import annotations

import csv
import html
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import date, timedelta
from functools import partial
from io import StringIO
from uuid import uuid4

import httpx
import msgspec
import pytest

from hub.accounts.models import Role
from hub.duties import lists
from hub.duties.desk import DutyDesk
from hub.duties.lists import Asked, By, Show
from hub.duties.points import DAILY, points_of
from hub.duties.roll import Figures
from hub.influx import InfluxSettings, open_writer
from hub.projections.rollups import publish_once
from hub.reports.figures import GROUP_COUNTS, DayReport
from hub.reports.gather import Sources, report_of, times_of
from hub.standings.file import Standings
from hub.web.app import Office, create_app
from hub.web.reports import ReportPages
from hub.web.words import say
from sim.plant import ZONE
from sim.truth import DutyTruth
from tests.hub.reports.test_files import excel_cells, pdf_text, squeezed
from tests.hub.reports.test_truth import DAYS, ORDERLY
from tests.support.console import WrittenBoard, signed_in
from tests.support.plants import moment_ns, stores_of, told
from tests.support.snapshots import bad_day

MEASURED = ("on_duty", "never", "once", "twice")


class Series:
    """What an InfluxDB 1.6 answers."""

    def __init__(self, url: str, database: str) -> None:
        self._client = httpx.Client(base_url=url, trust_env=False, timeout=20)
        self._database = database

    def sums(self, measurement: str, field: str, by: str, times) -> Counter[str]:
        """A day's sum of a field by a tag, without those that are 0."""
        span = f"time >= {times.from_ns} AND time < {times.until_ns}"
        query = f'SELECT sum("{field}") FROM "{measurement}" WHERE {span} GROUP BY "{by}"'
        answer = self._client.get("/query", params={"db": self._database, "q": query}).json()
        rows = answer["results"][0].get("series", [])
        return +Counter({row["tags"][by]: round(row["values"][0][1]) for row in rows})


async def written(source, settings: InfluxSettings) -> None:
    writer = open_writer(settings)
    while await publish_once(source, writer):
        pass
    writer.close()


@pytest.fixture(scope="module")
def heard():
    return told(ORDERLY, 1, DAYS)


async def test_pages_lists_report_and_influxdb_have_the_same_figures_of_a_day(tmp_path, heard, influxdb1):
    settings = InfluxSettings(url=influxdb1.url, bucket=f"agree_{uuid4().hex[:8]}")
    series = Series(influxdb1.url, settings.bucket)
    now_ns = moment_ns(ORDERLY, DAYS)
    standings = Standings(tmp_path / "standings.db")
    await standings.start()
    async with stores_of(tmp_path, heard, now_ns) as (sources, desk), console_of(sources, desk, now_ns) as console:
        await written(sources.rollups, settings)
        for number in range(DAYS - 1):
            day: date = ORDERLY.begins + timedelta(days=number)
            times = times_of(day, ZONE)
            book, report = await desk.book(day), await report_of(sources, day, now_ns)
            await standings.put(points_of(book, heard.site.name, now_ns, times.from_ns))
            await written(standings, settings)
            assert report.total.once > 5
            assert report.total.once == len(missing(heard, day, "once"))
            assert msgspec.json.decode(msgspec.json.encode(report), type=DayReport) == report

            page = lists.figures(book, Asked(), now_ns)
            people = list(lists.people(book, Asked(), now_ns))
            assert len(people) == len({line.duty.whom.id for line in people})
            of_teams = {row.name: row.figures for row in lists.rows(book, Asked(), By.TEAM, now_ns)}
            for name in MEASURED:
                wanted = getattr(report.total, name)
                in_series = series.sums(DAILY.name, name, "team", times)
                by_team = +Counter({team.name: getattr(team, name) for team in report.teams})
                listed = list(lists.people(book, Asked(show=Show(name)), now_ns))
                assert getattr(page, name) == sum(in_series.values()) == len(listed) == wanted, name
                assert by_team == in_series == +Counter({t: getattr(f, name) for t, f in of_teams.items()}), name

            await the_same_as_rendered(console, day, report, page)
            for measurement, figures in (("people_day", report.gates), ("vehicles_day", report.vehicles)):
                for field in ("passages", "allowed", "denied"):
                    assert series.sums(measurement, field, "gate", times).total() == figures[field], field
            assert report.gates["passages"] > 100
            assert report.vehicles["passages"] > 10
    await standings.stop()


@asynccontextmanager
async def console_of(sources: Sources, desk: DutyDesk, now_ns: int) -> AsyncIterator[httpx.AsyncClient]:
    """The console over these stores, and a safety officer who looks at it."""
    pages = ReportPages(partial(report_of, sources, now_ns=now_ns), ZONE)
    office = Office(sources.database, lambda: now_ns, desk.office, duties=desk, reports=pages)
    app = create_app(WrittenBoard(bad_day()), site=sources.site, version="0", zone=ZONE, office=office)
    cookies = await signed_in(sources.database, Role.OFFICER, now_ns=now_ns)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub", cookies=cookies) as client:
        yield client


async def the_same_as_rendered(console: httpx.AsyncClient, day: date, report: DayReport, duties: Figures) -> None:
    """What a person reads off the page, the paper and the sheet, and a program off the API."""

    async def get(path: str, **asked: str) -> httpx.Response:
        answer = await console.get(path, params={"day": day.isoformat(), "lang": "en", **asked})
        assert answer.status_code == 200, (path, answer.text[:300])
        return answer

    wanted = [tuple(str(getattr(report.total, count)) for count in GROUP_COUNTS)]
    of_teams = [(team.name, team.grid, *(str(getattr(team, count)) for count in GROUP_COUNTS)) for team in report.teams]
    shown = (await get("/reports")).text
    assert rows_of(shown, "total") == wanted
    assert rows_of(shown, "teams") == of_teams
    assert dict(rows_of(shown, "gates")) == {
        say("en", f"report.gates.{name}"): str(count) for name, count in report.gates.items()
    }
    cells = [tuple(map(str, row)) for row in excel_cells((await get("/reports/file", form="xlsx")).content)]
    assert wanted[0] in cells
    assert set(of_teams) <= set(cells)
    paper = squeezed(pdf_text((await get("/reports/file", form="pdf")).content))
    assert all(squeezed("".join(row)) in paper for row in (*wanted, *of_teams))
    assert msgspec.convert((await get("/api/report")).json(), DayReport).total == report.total

    api = (await get("/api/duties")).json()
    listed = list(csv.DictReader(StringIO((await get("/duties/export", form="csv")).text.lstrip("\ufeff"))))
    page = html.unescape((await get("/duties")).text)
    for name, times in (("never", 0), ("once", 1)):
        count = getattr(report.total, name)
        assert api["total"][name] == getattr(duties, name) == count
        with_state = [row for row in (await exported(get, name)) if row]
        assert len(with_state) == count, name
        assert all(row[say("en", "duty.measured")] == str(times) for row in with_state)
        assert tile(page, name) == count, name
    assert len({row[say("en", "duty.number")] for row in listed}) == len(listed) == report.total.registered


async def exported(get: Callable[..., Awaitable[httpx.Response]], show: str) -> list[dict[str, str]]:
    """The rows of the exported list of those of whom a figure is."""
    text = (await get("/duties/export", form="csv", show=show)).text.lstrip("\ufeff")
    return list(csv.DictReader(StringIO(text)))


def rows_of(page: str, table: str) -> list[tuple[str, ...]]:
    """The cells of one of the report's tables as they stand on the page."""
    body = re.search(rf'data-table="{table}">.*?<tbody>(.*?)</tbody>', page, re.DOTALL)
    assert body, f"no table {table}"
    rows = re.findall(r"<tr>(.*?)</tr>", body[1], re.DOTALL)
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL) for row in rows]
    return [tuple(html.unescape(re.sub(r"<[^>]+>", "", cell)).strip() for cell in row) for row in cells]


def tile(page: str, show: str) -> int:
    """The figure on the page of duties that leads to a list."""
    found = re.search(rf'href="[^"]*show={show}[^"]*"[^>]*>.*?(\d+)', page, re.DOTALL)
    assert found, f"no figure of {show}"
    return int(found[1])


def missing(heard, day: date, which: str) -> list[str]:
    """Who was measured just once that day, of those who are registered: the truth."""
    registered = {member.badge for member in heard.site.members if member.registered}
    rolls = [truth for truth in heard.truths if isinstance(truth, DutyTruth) and truth.date == day.isoformat()]
    return [badge for roll in rolls for badge in getattr(roll, which) if badge in registered]
