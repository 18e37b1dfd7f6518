"""The console in a real browser: live, bilingual, on a phone, without JavaScript, with a dead server, under attack."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from hub.board import DeviceRow
from hub.web.words import LANGS
from tests.support.browser import chromium
from tests.support.console import ServedConsole, served
from tests.support.snapshots import alert, bad_day, board, calm_passages, fever, gate, person

PHONE = {"width": 390, "height": 844}
HOSTILE = """</td><script>document.title='taken'</script><img src=x onerror="document.title='taken'">"""
LONG = "a" * 32


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def console() -> Iterator[ServedConsole]:
    with served(board()) as console:
        yield console


@pytest.fixture
def page(browser: Browser, console: ServedConsole) -> Iterator[Page]:
    """A page whose console must stay silent: no error, no refused script, no failed request."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
    context.add_cookies(console.signed_in())
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: said.append(str(error)))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    yield page
    context.close()
    assert said == []
    assert [url for url in asked if not url.startswith(console.url)] == []


@pytest.mark.parametrize(("lang", "words"), [("en", "fever"), ("zh", "发热")])
def test_a_new_passage_and_alert_appear_without_a_reload(
    page: Page, console: ServedConsole, lang: str, words: str
) -> None:
    page.goto(f"{console.url}/?lang={lang}")
    page.evaluate("window.mark = 'the same page'")
    console.board.write(board(passages=(fever(5000), *calm_passages()), alerts=(alert(1),)))
    first = page.locator(".passages tbody tr").first
    expect(first).to_contain_text("37.9")
    expect(first.locator(".screening")).to_have_text(words)
    expect(page.locator(".alert")).to_have_count(1)
    expect(page.locator(".overall")).to_have_attribute("data-level", "grave")
    expect(page).to_have_title({"en": "Act now · baotou-1 · Menshen", "zh": "立即处置 · baotou-1 · 门神"}[lang])
    assert page.evaluate("window.mark") == "the same page"


def test_a_live_page_holds_what_a_fresh_one_holds(page: Page, console: ServedConsole) -> None:
    page.goto(console.url)
    for shown in (bad_day(), board(), board(passages=tuple(reversed(calm_passages()))), bad_day()):
        console.board.write(shown)
        fresh = page.context.new_page()
        fresh.goto(console.url)
        wanted = fresh.locator("main").inner_text()
        fresh.close()
        expect(page.locator("main")).to_have_text(wanted.replace("\t", " "), use_inner_text=True)


def test_rows_that_stay_are_the_same_elements(page: Page, console: ServedConsole) -> None:
    page.goto(console.url)
    page.evaluate("document.querySelector('[data-key=\"1000\"]').mark = true")
    console.board.write(board(passages=(fever(5000), *calm_passages())))
    expect(page.locator(".passages tbody tr").first).to_contain_text("37.9")
    assert page.evaluate("document.querySelector('[data-key=\"1000\"]').mark")


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("width", [320, 390, 768, 1024, 1440])
def test_nothing_scrolls_sideways(page: Page, console: ServedConsole, lang: str, width: int) -> None:
    gates = (*bad_day().gates, gate(LONG, state="silent", devices=(DeviceRow(LONG, "thermal", "failed", "x" * 300),)))
    passages = (person(9999, gate=LONG, lane=LONG, who=LONG), *bad_day().passages)
    alerts = (alert(99, rule=LONG, gate=LONG, lane=LONG, detail="y" * 300), *bad_day().alerts)
    console.board.write(board(gates=gates, passages=passages, alerts=alerts))
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(f"{console.url}/?lang={lang}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_phone_shows_a_passage_s_reading_and_decision(page: Page, console: ServedConsole) -> None:
    console.board.write(bad_day())
    page.set_viewport_size(PHONE)
    page.goto(console.url)
    for part in (".time", ".place", ".skin", ".screening", ".decision"):
        expect(page.locator(f".passages tbody tr >> {part} >> nth=0")).to_be_visible()


def test_a_dead_server_is_said_at_once_and_its_return_noticed(browser: Browser, console: ServedConsole) -> None:
    page = browser.new_page()
    page.context.add_cookies(console.signed_in())
    page.goto(f"{console.url}/?lang=en")
    banner = page.get_by_role("alert")
    expect(banner).to_be_hidden()
    console.stop()
    expect(banner).to_be_visible(timeout=2000)
    expect(banner).to_contain_text("The connection to the hub is broken. What is shown is")
    console.start()
    expect(banner).to_be_hidden(timeout=10_000)
    page.close()


def test_a_server_that_hangs_is_said_within_seconds_with_the_age_of_the_data(
    page: Page, console: ServedConsole
) -> None:
    page.clock.install()
    page.goto(f"{console.url}/?lang=en")
    expect(page.locator(".card")).to_have_count(2)
    page.evaluate("source.onmessage = null")  # the connection stands, and nothing comes
    page.clock.run_for(10_000)
    expect(page.get_by_role("alert")).to_contain_text("is 10 s old")


def test_a_new_version_of_the_hub_reloads_the_page(browser: Browser) -> None:
    with served(board()) as console:
        page = browser.new_page()
        page.context.add_cookies(console.signed_in())
        page.goto(console.url)
        console.stop()
        page.evaluate("document.body.dataset.version = '0.0.1'")  # now: an event of the old hub would reload the page
        with page.expect_navigation(timeout=15_000):
            console.start()
        expect(page.locator("body")).to_have_attribute("data-version", "0.1.0")
        page.close()


def test_hostile_text_is_shown_as_text_at_first_and_live(page: Page, console: ServedConsole) -> None:
    def hostile(number: int) -> None:
        console.board.write(
            board(
                gates=(gate("north", devices=(DeviceRow(HOSTILE, "thermal", "failed", HOSTILE),)),),
                alerts=(alert(number, detail=f"{HOSTILE} {number}"),),
            )
        )

    hostile(1)
    page.goto(console.url)
    expect(page.locator(".alert .detail")).to_have_text(f"{HOSTILE} 1")
    hostile(2)
    expect(page.locator(".alert .detail")).to_have_text(f"{HOSTILE} 2")
    assert page.locator("img, main script").count() == 0
    assert "taken" not in page.title()


@pytest.mark.parametrize("lang", LANGS)
def test_without_javascript_the_page_is_whole_and_loads_itself_anew(
    browser: Browser, console: ServedConsole, lang: str
) -> None:
    console.board.write(bad_day())
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies(console.signed_in())
    page = context.new_page()
    page.goto(f"{console.url}/?lang={lang}")
    expect(page.locator(".passages tbody tr")).to_have_count(len(bad_day().passages))
    expect(page.locator(".card")).to_have_count(4)
    console.board.write(board(passages=(fever(5000),)))
    expect(page.locator(".passages tbody tr")).to_have_count(1, timeout=10_000)
    context.close()


def test_the_other_language_is_one_click_away_and_stays(page: Page, console: ServedConsole) -> None:
    page.goto(console.url)
    page.get_by_role("link", name="中文").click()
    expect(page.locator("h2").first).to_have_text("门岗及今日数据")
    page.goto(console.url)
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")


def test_no_colour_on_a_calm_page_and_no_green_on_any(page: Page, console: ServedConsole) -> None:
    colours = """[...document.querySelectorAll("body *")].filter((e) => e.checkVisibility()).flatMap((e) => {
      const s = getComputedStyle(e);
      return [s.color, s.backgroundColor, s.borderLeftColor];
    }).filter((c) => !c.includes(", 0)")).map((c) => c.match(/\\d+/g).slice(0, 3).map(Number))"""
    page.goto(console.url)
    assert max(max(c) - min(c) for c in page.evaluate(colours)) <= 8
    console.board.write(bad_day())
    expect(page.locator(".card")).to_have_count(4)
    shown = page.evaluate(colours)
    assert max(max(c) - min(c) for c in shown) > 100
    assert not [c for c in shown if c[1] > c[0] + 8 and c[1] > c[2] + 8]
