"""A safety officer's way in a real browser: from a fever to its case, to the contacts' cases, to everybody's release.

In Chinese on a telephone and in English on a wide screen.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from hub.web.words import say
from tests.hub.web.test_browser import PHONE
from tests.hub.web.test_cases import hot, passage, told
from tests.hub.web.test_people import Client
from tests.support.browser import chromium
from tests.support.hubs import RunningHub, badge, running_hub
from tests.support.office import PASSWORD
from wire.events import SecondaryMeasurement

pytestmark = pytest.mark.usefixtures("cheap_passwords")
DESKTOP = {"width": 1280, "height": 900}
SHOTS = os.environ.get("MENSHEN_SHOTS")
"""A folder for pictures of every page on the way, for people to look at."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[RunningHub]:
    with running_hub(tmp_path) as hub:
        office = Client(hub.url, "officer")
        office.post("/site/place", title="隔离楼 3 层", name="ward", kind="isolation", capacity="3", active="yes")
        people = [("1001", "李雷", "焊接一班"), ("1002", "韩梅梅", "焊接一班"), ("1003", "王芳", "装配二班"),
                  ("1004", "赵六", "装配二班"), ("1005", "钱七", "物流班")]  # fmt: skip
        for number, name, team in people:
            office.add(number=number, name=name, team=team, badges=f"B{number}", telephone=f"1380013{number}")
        office.http.close()
        for day in (3, 2, 1):
            for order, (number, _, _) in enumerate(people[:4]):
                hub.say(passage(day * 10 + order, f"B{number}", day * 86400 - order * 47))
        yield hub


class Walk:
    """A page whose console must stay silent, and pictures of the way."""

    def __init__(self, page: Page, lang: str, size: str) -> None:
        self.page, self._lang, self._size, self._count = page, lang, size, 0
        self.said: list[str] = []
        page.on("console", lambda message: self.said.append(f"{page.url} {message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.said.append(str(error)))

    def look(self, what: str) -> None:
        """Nothing scrolls sideways; a picture where they are wanted."""
        width = self.page.viewport_size["width"]
        assert self.page.evaluate("document.documentElement.scrollWidth") <= width, what
        self._count += 1
        if SHOTS:
            name = f"{self._size}-{self._lang}-{self._count:02d}-{what}.png"
            self.page.screenshot(path=Path(SHOTS) / name, full_page=True)

    def press(self, key: str) -> None:
        """Send a form, and wait for the page that comes of it."""
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=say(self._lang, key), exact=True).first.click()

    def follow(self, key: str) -> None:
        with self.page.expect_navigation():
            self.page.get_by_role("link", name=say(self._lang, key), exact=True).first.click()


@pytest.mark.parametrize(("lang", "size", "viewport"), [("zh", "phone", PHONE), ("en", "desktop", DESKTOP)])
def test_a_fever_becomes_a_case_its_contacts_are_isolated_and_all_are_released(hub, browser, lang, size, viewport):
    context = browser.new_context(viewport=viewport, locale="en-GB" if lang == "en" else "zh-CN")
    page = context.new_page()
    walk = Walk(page, lang, size)
    page.goto(f"{hub.url}/sign-in?lang={lang}")
    page.fill("input[name=login]", "officer")
    page.fill("input[name=password]", PASSWORD)
    walk.press("sign-in")
    told(hub, hot(1, "B1001"), hot(2, None))
    hub.read("passes")
    _take_in_hand(hub, walk, lang)
    _isolate_contacts(walk)
    _place_and_name(hub, walk)
    _release_all(hub, walk, lang)
    context.close()
    assert walk.said == []


def _take_in_hand(hub: RunningHub, walk: Walk, lang: str) -> None:
    page = walk.page
    page.goto(f"{hub.url}/alerts")
    with page.expect_navigation():
        page.get_by_role("link", name=say(lang, "rule.fever"), exact=True).last.click()
    walk.follow("alert.case")
    expect(page.locator("h1")).to_contain_text("李雷")
    walk.look("case")

    measured = SecondaryMeasurement(
        time_ns=time.time_ns(), body_c=38.3, lane="people", passage="p-1", badge=badge("B1001"), by="guard-li"
    )
    told(hub, measured)
    page.reload()
    expect(page.locator("table").first).to_contain_text(say(lang, "sign.confirmed"))
    page.select_option("select[name=place]", index=1)
    walk.press("case.move-now")
    page.fill("input[name=body_c]", "38,1")
    page.fill("input[name=symptoms]", "咳嗽")
    walk.press("case.add-reading")
    walk.press("case.report")
    walk.press("case.enter-grid")
    walk.look("case-in-hand")


def _isolate_contacts(walk: Walk) -> None:
    page = walk.page
    walk.follow("contacts.trace")
    expect(page.locator("tbody tr")).to_have_count(3)
    expect(page.locator("tbody tr").first).to_contain_text("韩梅梅")
    walk.look("contacts")
    for box in page.locator("tbody input[type=checkbox]").all()[:2]:
        box.check()
    walk.press("contacts.isolate")
    expect(page.locator("#contacts ~ ul")).to_contain_text("韩梅梅")
    walk.follow("case-form.make")
    walk.look("report")
    walk.follow("contacts.back")


def _place_and_name(hub: RunningHub, walk: Walk) -> None:
    page = walk.page
    page.goto(f"{hub.url}/cases")
    expect(page.locator("tbody tr")).to_have_count(3)
    page.locator("tbody input[type=checkbox]").first.check()
    walk.look("cases")
    walk.press("case.move-now")
    page.goto(f"{hub.url}/cases/unnamed")
    walk.look("unnamed")
    page.locator("input[name=person]").fill("1005")
    walk.press("unnamed.name")
    expect(page.locator("h1")).to_contain_text("钱七")


def _release_all(hub: RunningHub, walk: Walk, lang: str) -> None:
    page = walk.page
    for _ in range(4):
        page.goto(f"{hub.url}/cases")
        with page.expect_navigation():
            page.locator("tbody a").first.click()
        page.select_option("select[name=end]", "early")
        page.locator("form:has(select[name=end]) input[name=note]").fill("two tests are negative")
        walk.press("case.close")
        expect(page.locator("main")).to_contain_text(say(lang, "end.early"))
    walk.look("case-ended")
    page.goto(f"{hub.url}/cases")
    expect(page.locator("main")).to_contain_text(say(lang, "cases.none"))
    walk.look("cases-ended")
