"""One day of a simulated plant says the same wherever it is asked: pages, lists and exports of duties, the report as a
value, file and JSON, and a real InfluxDB, to the last person."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from uuid import uuid4

import httpx
import msgspec
import pytest

from hub.duties import lists
from hub.duties.lists import Asked, By, Show
from hub.duties.points import DAILY, points_of
from hub.influx import InfluxSettings, open_writer
from hub.projections.rollups import publish_once
from hub.reports.figures import DayReport
from hub.reports.gather import report_of, times_of
from hub.standings.file import Standings
from sim.plant import ZONE
from sim.truth import DutyTruth
from tests.hub.reports.test_truth import DAYS, ORDERLY
from tests.support.plants import moment_ns, stores_of, told

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
    async with stores_of(tmp_path, heard, now_ns) as (sources, desk):
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

            for measurement, figures in (("people_day", report.gates), ("vehicles_day", report.vehicles)):
                for field in ("passages", "allowed", "denied"):
                    assert series.sums(measurement, field, "gate", times).total() == figures[field], field
            assert report.gates["passages"] > 100
            assert report.vehicles["passages"] > 10
    await standings.stop()


def missing(heard, day: date, which: str) -> list[str]:
    """Who was measured just once that day, of those who are registered: the truth."""
    registered = {member.badge for member in heard.site.members if member.registered}
    rolls = [truth for truth in heard.truths if isinstance(truth, DutyTruth) and truth.date == day.isoformat()]
    return [badge for roll in rolls for badge in getattr(roll, which) if badge in registered]
