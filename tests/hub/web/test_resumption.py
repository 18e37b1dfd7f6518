"""The page about 复工, as an officer uses it in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import chromium
from tests.support.office import PASSWORD, ServedOffice, served_office

pytestmark = pytest.mark.usefixtures("cheap_passwords")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def office(tmp_path: Path) -> Iterator[ServedOffice]:
    with served_office(tmp_path) as office:
        yield office


def signed_in(browser: Browser, office: ServedOffice, login: str, lang: str, width: int) -> Page:
    page = browser.new_page(viewport={"width": width, "height": 900}, locale=lang)
    page.goto(f"{office.url}/sign-in?lang={lang}")
    page.locator("[name=login]").fill(login)
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("form:has([name=password]) button").click()
    return page


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


@pytest.mark.parametrize("width", [390, 1280])
def test_a_day_before_the_orders_is_refused_in_words_and_taken_with_an_approval(browser, office, width):
    page = signed_in(browser, office, "officer", "zh", width)
    page.goto(f"{office.url}/resumption")
    expect(page.locator("main")).to_contain_text("尚未设定复工日期")
    expect(page.locator("main")).to_contain_text("13 项中有 13 项未落实")
    opening = page.locator("form[action='/resumption/opening']")
    opening.locator("[name=opens_on]").fill("2020-02-05")
    opening.locator("button").click()
    expect(page.locator(".wrong")).to_have_text("2020-02-05 早于 2020-02-10：提前复工须经批准")
    opening.locator("[name=ground]").select_option("approved")
    opening.locator("[name=approved_by]").fill("东河区防控指挥部")
    opening.locator("[name=document]").fill("东防指〔2020〕7号")
    opening.locator("[name=approved_on]").fill("2020-02-04")
    opening.locator("button").click()
    expect(page.locator("main")).to_contain_text("本厂已于 2020-02-05 复工")
    expect(page.locator("main")).to_contain_text("东防指〔2020〕7号")
    assert fits(page)
    page.close()


def test_an_item_is_done_with_who_answers_for_it_and_what_shows_it(browser, office):
    page = signed_in(browser, office, "officer", "en", 1280)
    page.goto(f"{office.url}/resumption")
    item = page.locator("#plan")
    item.locator("summary").click()
    item.locator("[name=owner]").fill("Wang Fang")
    item.locator("[name=done]").check()
    item.locator("button").click()
    expect(page.locator("#plan .wrong")).to_have_text("is missing")
    page.locator("#plan [name=evidence]").fill("issued on 5 February, signed by the director")
    page.locator("#plan button").click()
    expect(page.locator("#plan summary")).to_contain_text("done")
    expect(page.locator("main")).to_contain_text("12 of 13 items are missing")
    page.close()


def test_a_guard_sees_when_the_site_opens_and_changes_nothing(browser, office):
    page = signed_in(browser, office, "guard", "en", 390)
    page.goto(f"{office.url}/resumption")
    expect(page.locator("main")).to_contain_text("No day is set")
    assert page.locator("main form").count() == 0
    assert fits(page)
    page.close()
