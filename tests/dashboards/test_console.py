"""Boards on the console: for those who may see the live board, drawn by a real browser under the page's own policy."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from dashboards.boards import BOARDS
from dashboards.preview import make_app
from dashboards.sample import Sample
from tests.dashboards.week import make_week
from tests.support.apps import served_app
from tests.support.browser import chromium
from tests.support.hubs import running_hub
from tests.support.office import PASSWORD
from wire.events import Outcome, PersonPassage, Verdict

SIZES = {"desk": (1600, 900), "telephone": (390, 844)}


@pytest.fixture(scope="module")
def week(tmp_path_factory) -> Sample:
    return make_week(tmp_path_factory.mktemp("week"))


@pytest.fixture(scope="module")
def url(week) -> Iterator[str]:
    with served_app(make_app(week)) as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser) -> Iterator[Page]:
    context = browser.new_context()
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    yield page
    context.close()
    assert wrong == []


def open_board(page: Page, url: str, name: str, lang: str, size: str = "desk") -> None:
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    page.goto(f"{url}/boards/{name}?lang={lang}")
    page.wait_for_selector("#board[data-drawn]")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_every_panel_is_drawn_under_the_pages_policy_and_nothing_sticks_out(url, page, board, lang, size):
    open_board(page, url, board.name, lang, size)
    for place in board.places():
        panel = page.locator(f'[data-panel="{place.number}"]')
        expect(panel.locator("h2")).to_have_text(place.panel.title.of(lang))
        expect(panel.locator("h2")).to_have_attribute("title", place.panel.about.of(lang))
        assert panel.locator(".panel-body > *").count() >= 1, place.panel.title.en
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_a_number_on_the_page_is_the_number_of_the_answer(url, page, week):
    answers = httpx.get(f"{url}/boards/fever/answers?lang=en").json()
    fevers = answers["panels"]["1"]["series"][0]["values"][-1]
    open_board(page, url, "fever", "en")
    expect(page.locator('[data-panel="1"] .stat strong')).to_have_text(f"{fevers:.0f}")
    assert fevers > 0


def test_what_is_abnormal_is_coloured_and_said_and_what_is_missing_says_so(url, page):
    open_board(page, url, "now", "en")
    warnings = page.locator('[data-panel="2"] .stat')
    assert warnings.evaluate("one => getComputedStyle(one).backgroundColor") == "rgb(179, 89, 10)"
    gates = page.locator('[data-panel="7"] .stat')
    expect(gates.first).to_contain_text("Reporting")
    open_board(page, url, "devices", "zh")
    expect(page.locator('[data-panel="5"] .stat')).to_have_text("0 次")


def test_choosing_a_gate_and_a_range_changes_what_is_asked(url, page):
    open_board(page, url, "fever", "en")
    before = page.locator('[data-panel="11"] tbody tr').count()
    page.select_option('select[name="gate"]', "gate-02")
    page.wait_for_url("**gate=gate-02**")
    page.wait_for_selector("#board[data-drawn]")
    expect(page.locator('[data-panel="11"] tbody tr')).to_have_count(1)
    assert before > 1
    page.select_option('select[name="since"]', "now-29d/d")
    page.wait_for_url("**since=now-29d**")
    page.wait_for_selector("#board[data-drawn]")
    assert page.locator('select[name="gate"]').input_value() == "gate-02"


def test_an_alert_leads_to_its_page_and_a_site_to_its_board(url, page):
    open_board(page, url, "now", "zh")
    link = page.locator('[data-panel="9"] td a').first.get_attribute("href")
    assert re.fullmatch(r"/alerts/\d+", link)
    open_board(page, url, "city", "zh")
    assert page.locator('[data-panel="5"] td a').first.get_attribute("href") == "/boards/now?site=week"


def test_what_is_no_board_is_not_found_and_a_range_that_is_not_offered_is_refused(url):
    assert httpx.get(f"{url}/boards/nothing/json").status_code == 404
    assert httpx.get(f"{url}/boards/nothing/answers").status_code == 404
    assert httpx.get(f"{url}/boards/now/answers?since=now-9999d").status_code == 400


def test_only_who_may_see_the_live_board_sees_boards_and_a_passage_is_on_them(tmp_path):
    with running_hub(tmp_path) as hub:
        client = httpx.Client(base_url=hub.url)
        assert client.get("/boards/now/json").status_code in {401, 303}
        client.post("/sign-in", data={"login": "guard", "password": PASSWORD})
        assert '<a href="/boards"' in client.get("/account").text
        page = client.get("/boards/now?lang=zh")
        assert page.status_code == 200
        assert "现况" in page.text
        assert client.get("/boards/now/json?lang=zh").json()["uid"] == "menshen-now-zh"
        for number in range(3):
            hub.say(
                PersonPassage(
                    time_ns=time.time_ns(), passage=str(number), lane="a", outcome=Outcome.DENY, verdict=Verdict.FEVER
                )
            )
        hub.read("rollups")
        panels = client.get("/boards/now/answers?lang=zh").json()["panels"]
        assert panels["4"]["series"][0]["values"] == [3.0]
        assert panels["6"]["series"][0]["values"] == [3.0]


def test_the_preview_simulates_once_and_shows_all_its_sites(tmp_path: Path, capsys):
    from dashboards.preview import sample

    first = sample(tmp_path, 1)
    assert "Simulating" in capsys.readouterr().out
    assert {site for site, _ in sample(tmp_path, 1).gates} == {site for site, _ in first.gates}
    assert capsys.readouterr().out == ""
    assert len({site for site, _ in first.gates}) == 4
