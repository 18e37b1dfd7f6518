"""The guard's page in a real browser: live, in both languages, on a phone, with a dead camera and a dead gate."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from edge.words import LANGS
from tests.support.guard import PASSWORD, ServedGuard, frame, served_guard, view
from wire.events import Refusal, Verdict


@pytest.fixture
def guard() -> Iterator[ServedGuard]:
    with served_guard("people", "staff", rate_hz=15.0) as guard:
        yield guard


@pytest.fixture
def page(new_page: Callable[..., Page], guard: ServedGuard) -> Page:
    return new_page(guard)


def log_in(page: Page, guard: ServedGuard, lang: str = "en") -> None:
    page.goto(f"{guard.url}/login?lang={lang}")
    page.locator("input[type=password]").fill(PASSWORD)
    page.locator("main button").click()
    page.wait_for_url(f"{guard.url}/")
    page.goto(f"{guard.url}/camera")


@pytest.mark.parametrize(
    ("lang", "wrong", "verdict"), [("en", "not the password", "fever"), ("zh", "密码不对", "发热")]
)
def test_a_guard_logs_in_and_sees_people_as_they_come(page, guard, lang, wrong, verdict):
    page.goto(f"{guard.url}/?lang={lang}")
    page.goto(f"{guard.url}/login?lang={lang}")
    page.locator("input[type=password]").fill("wrong password")
    page.locator("main button").click()
    expect(page.get_by_role("alert")).to_contain_text(wrong)
    log_in(page, guard, lang)
    guard.show("people", frame(), view())
    expect(page.locator("#now .skin")).to_have_text("35.1")
    expect(page.locator("#picture")).to_have_js_property("naturalWidth", 480)
    guard.show("people", frame(), view(Verdict.FEVER, 37.9))
    expect(page.locator("#now .skin")).to_have_text("37.9")
    expect(page.locator("#now .chip")).to_have_text(verdict)
    expect(page.locator("#last .chip")).to_have_attribute("data-verdict", "fever")
    page.locator("nav button").click()
    page.wait_for_url(f"{guard.url}/login")


def test_another_lane_is_one_click_away(page, guard):
    log_in(page, guard)
    page.get_by_role("link", name="staff").click()
    guard.show("staff", frame(), view(skin_c=34.4))
    expect(page.locator("#now .skin")).to_have_text("34.4")


def test_a_camera_that_stands_still_is_said_and_forgiven(page, guard, monkeypatch):
    monkeypatch.setattr("edge.guard.app.PATIENCE_S", 0.3)
    log_in(page, guard)
    guard.show("people", frame(), view())
    expect(page.get_by_role("alert")).to_contain_text("No new picture")
    guard.show("people", frame(), view(skin_c=34.0))
    expect(page.locator("#now .skin")).to_have_text("34.0")


def test_a_gate_that_is_gone_is_said_with_the_picture_marked_as_old(page, guard):
    log_in(page, guard)
    guard.show("people", frame(), view())
    expect(page.locator("#now .skin")).to_have_text("35.1")
    page.route("**/lanes/**", lambda route: route.abort())
    guard.show("people", frame(), view())
    expect(page.get_by_role("alert")).to_contain_text("No connection to the gate")
    expect(page.locator("#live")).to_have_class("live stale")


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("width", [320, 1280])
def test_nothing_scrolls_sideways_and_a_phone_shows_picture_and_temperature_at_once(page, guard, lang, width):
    page.set_viewport_size({"width": width, "height": 844})
    log_in(page, guard, lang)
    guard.show("people", frame(), view(Verdict.FEVER, 37.9, Refusal.NO_REFERENCE))
    expect(page.locator("#last .skin")).to_have_text("37.9")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    expect(page.locator("#picture")).to_be_in_viewport()
    expect(page.locator("#last .skin")).to_be_in_viewport()
    if shots := os.environ.get("MENSHEN_SHOTS"):
        page.screenshot(path=f"{shots}/guard-{lang}-{width}.png")


def test_without_scripts_there_is_a_picture_and_a_word_of_what_to_do(browser, guard, monkeypatch):
    monkeypatch.setattr("edge.guard.app.PATIENCE_S", 0.3)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    log_in(page, guard)
    guard.show("people", frame(), view())
    page.reload()
    expect(page.locator("noscript img")).to_have_js_property("naturalWidth", 480)
    context.close()
