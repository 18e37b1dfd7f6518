"""The city's view: each site's own figures, how old they are, and nothing of a site that cannot be reached."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.accounts.roles import Permission
from hub.accounts.tokens import add_token
from hub.city.desk import CityDesk
from hub.city.settings import CitySiteSettings
from hub.city.view import FIGURES, FRESH_NS, Site, city_view
from hub.database import Database
from hub.reports.figures import DayReport, day_report, without_names
from tests.hub.web.test_crowds import in_thread
from tests.support.office import ServedOffice, served_office
from tests.support.reports import NOW_NS, reports, usual
from tests.support.servers import HttpSink, free_port
from wire.errors import MenshenError

pytestmark = pytest.mark.usefixtures("cheap_passwords")
DAY = "2020-02-10"
USUAL = without_names(day_report(usual()))

sites = st.lists(
    st.builds(
        Site,
        site=st.sampled_from(["a", "b"]),
        title=st.just(""),
        report=st.none() | reports | reports.map(lambda report: replace(report, day="2020-02-09")),
        read_ns=st.sampled_from([NOW_NS, NOW_NS - FRESH_NS, NOW_NS - FRESH_NS - 1]),
        error=st.sampled_from(["", "no answer"]),
    ),
    max_size=5,
)


@given(sites)
def test_the_total_is_of_those_sites_whose_figures_are_of_the_day_and_fresh_and_no_other(found):
    view = city_view(found, DAY, NOW_NS)
    fresh = [s.report for s in found if s.report and s.report.day == DAY and NOW_NS - s.read_ns <= FRESH_NS]
    assert (view.counted, view.of) == (len(fresh), len(found))
    for name, figure in FIGURES.items():
        assert view.total[name] == sum(figure(report) for report in fresh)
    for site, row in zip(found, view.rows, strict=True):
        assert (row.age_s is None) is (site.report is None) is (row.figures == {})
        assert row.error == site.error


@pytest.fixture
def other(tmp_path: Path) -> Iterator[ServedOffice]:
    (tmp_path / "other").mkdir()
    with served_office(tmp_path / "other") as office:
        yield office


async def token_of(folder: Path) -> str:
    database = Database(f"sqlite:///{folder / 'menshen.db'}")
    await database.start()
    secret = await database.write(lambda session: add_token(session, "city", [Permission.REPORTS], by="test", now_ns=1))
    await database.stop()
    return secret


def settings(folder: Path, site: str, url: str, token: str = "x") -> CitySiteSettings:
    path = folder / f"{site}.token"
    path.write_text(f"{token}\n")
    return CitySiteSettings(site=site, title=f"{site} 厂", url=url, token_file=str(path))


async def test_a_site_is_read_by_its_token_and_kept_over_a_restart_while_it_is_away(tmp_path, other):
    one = settings(tmp_path, "baotou-1", other.url, in_thread(token_of(tmp_path / "other")))
    desk = CityDesk([one], tmp_path / "city.json", lambda: NOW_NS)
    await desk.look()
    (site,) = desk.sites()
    assert (site.error, site.read_ns, site.title) == ("", NOW_NS, "baotou-1 厂")
    assert site.report is not None
    assert (site.report.total, site.report.isolated) == (USUAL.total, ())
    away = CityDesk([settings(tmp_path, "baotou-1", f"http://127.0.0.1:{free_port()}")], tmp_path / "city.json")
    away._remember()
    await away.look()
    (site,) = away.sites()
    assert "connect" in site.error.lower()
    assert (site.report is not None, site.read_ns) == (True, NOW_NS)


@pytest.mark.parametrize(
    ("site", "token", "why"),
    [("baotou-1", "menshen_nonsense", "HTTP 401"), ("baotou-9", "", "figures of 'baotou-1', expected 'baotou-9'")],
)
async def test_a_wrong_token_and_another_site_are_told(tmp_path, other, site, token, why):
    given_token = token or in_thread(token_of(tmp_path / "other"))
    desk = CityDesk([settings(tmp_path, site, other.url, given_token)], tmp_path / "city.json")
    await desk.look()
    assert why in desk.sites()[0].error
    assert desk.sites()[0].report is None


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"[]", b"\xff", msgspec.json.encode(replace(USUAL, gates={}))])
async def test_an_answer_that_is_no_days_figures_changes_nothing(tmp_path, http_sink: HttpSink, body):
    http_sink.status, http_sink.body = 200, body
    desk = CityDesk([settings(tmp_path, "baotou-1", http_sink.url)], tmp_path / "city.json")
    desk._sites["baotou-1"] = Site(site="baotou-1", title="", report=USUAL, read_ns=5)
    await desk.look()
    (site,) = desk.sites()
    assert site.error
    assert (site.report, site.read_ns) == (USUAL, 5)


def test_a_file_of_rubbish_and_figures_of_a_site_that_is_no_more_are_left(tmp_path):
    path = tmp_path / "city.json"
    gone = Site(site="gone", title="", report=USUAL, read_ns=5)
    for content in (b"rubbish", msgspec.json.encode([gone])):
        path.write_bytes(content)
        desk = CityDesk([settings(tmp_path, "here", "http://127.0.0.1:1")], path)
        desk._remember()
        assert [(site.site, site.report) for site in desk.sites()] == [("here", None)]


def test_a_token_that_cannot_be_read_is_told_at_the_start(tmp_path):
    one = CitySiteSettings(site="a", url="http://a", token_file=str(tmp_path / "none"))
    with pytest.raises(MenshenError, match="token of a site of the city"):
        CityDesk([one], tmp_path / "city.json")


def test_what_a_report_must_hold_for_the_view_is_in_every_report():
    empty = day_report(usual())
    assert isinstance(empty, DayReport)
    assert {name: figure(empty) for name, figure in FIGURES.items()}["isolated"] == empty.health["isolated"]
    assert date.fromisoformat(empty.day) == date(2020, 2, 10)
