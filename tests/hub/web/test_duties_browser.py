# ruff: noqa: F811 - fixtures of the other module
"""HR's journey in a real browser: a rota from a file, who is missing, a correction, sick leave; desk and telephone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.hub.web.test_duties import (  # noqa: F401 - fixtures
    Clock,
    at,
    clock,
    excel,
    hr,
    measured,
    office,
    staffed,
)
from tests.support.browser import chromium
from tests.support.office import PASSWORD, ServedOffice

pytestmark = pytest.mark.usefixtures("cheap_passwords")
SIZES = {"desk": {"width": 1440, "height": 900}, "telephone": {"width": 390, "height": 844}}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(params=SIZES)
def page(browser: Browser, office: ServedOffice, request: pytest.FixtureRequest) -> Iterator[Page]:
    """HR, signed in; the page says nothing wrong on its console and fits its window."""
    context = browser.new_context(viewport=SIZES[request.param], locale="zh-CN")
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(f"{office.url}/sign-in")
    page.fill("[name=login]", "hr")
    page.fill("[name=password]", PASSWORD)
    page.click("main button")
    yield page
    context.close()
    assert [text for text in said if "409" not in text and "400" not in text] == []


def fits(page: Page) -> None:
    """Nothing is wider than the window: no page scrolls sideways."""
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_hr_brings_a_rota_finds_who_is_missing_corrects_and_enters_sick_leave(
    page: Page,
    office: ServedOffice,
    clock: Clock,
    staffed: object,
    tmp_path: Path,
    shot: Callable[[Page, str], None],
) -> None:
    clock.now_ns = at(16.5)
    for number, hours in (("C1", (7.8, 16.1)), ("C2", (7.9,))):
        measured(office, number, *hours)
    page.goto(f"{office.url}/people")
    menu = page.locator("details.menu summary")  # on a telephone; where there is room the areas stand in a row
    if menu.is_visible():
        menu.click()
        page.locator("details.menu a[href='/duties']").click()
    else:
        page.locator("nav.areas").get_by_role("link", name="日常管理").click()
    expect(page.locator(".tiles").first).to_contain_text("6 上岗")
    fits(page)
    shot(page, "day")
    page.get_by_role("link", name="1 缺第二次").first.click()
    expect(page.locator("table.register tbody tr")).to_have_count(1)
    shot(page, "missing")
    page.get_by_role("link", name="韩梅梅").click()
    page.fill("[name=at]", "2020-02-10T16:20")
    page.fill("[name=where]", "纸质登记")
    page.fill(".sheet [name=why]", "门岗停电")
    page.get_by_role("button", name="补录", exact=True).click()
    expect(page.locator(".notice").first).to_have_text("已测两次")
    fits(page)
    shot(page, "person")
    page.goto(f"{office.url}/absences")
    page.fill("[name=person]", "003")
    page.fill("[name=symptoms]", "发热、咳嗽")
    page.get_by_role("button", name="登记请假").click()
    expect(page.locator("table.register tbody tr")).to_contain_text("林涛")
    fits(page)
    shot(page, "absences")
    page.goto(f"{office.url}/duties")
    expect(page.locator(".tiles").first).to_contain_text("5 上岗")
    file = tmp_path / "days.xlsx"
    file.write_bytes(
        excel(
            ("日期", "班组", "班次", "备注"), ("2020-02-14", "焊接一班", "休", "停产检修"), ("2020-02-15", "", "休", "")
        )
    )
    page.goto(f"{office.url}/rotas/days/import")
    page.set_input_files("[name=file]", str(file))
    page.get_by_role("button", name="预览变更").click()
    shot(page, "preview")
    page.get_by_role("button", name="确认登记 2 行").click()
    expect(page.get_by_role("status")).to_contain_text("已登记 2 行")
    page.goto(f"{office.url}/rotas")
    expect(page.locator("#days ~ .scroll")).to_contain_text("停产检修")
    fits(page)
    shot(page, "rotas")
    with page.expect_download() as waiting:
        page.goto(f"{office.url}/duties?show=on_duty")
        page.get_by_role("link", name="导出 Excel").first.click()
    assert waiting.value.suggested_filename == "duties-2020-02-10.xlsx"


def test_the_pages_are_whole_in_english_too(
    page: Page, office: ServedOffice, staffed: object, shot: Callable[[Page, str], None]
) -> None:
    for path in (
        "/duties",
        "/duties?show=on_duty&by=shift",
        "/absences",
        "/rotas",
        "/rotas/import",
        "/absences/import",
    ):
        page.goto(f"{office.url}{path}{'&' if '?' in path else '?'}lang=en")
        expect(page.locator("html")).to_have_attribute("lang", "en")
        fits(page)
        shot(page, f"en-{path.strip('/').replace('/', '-').partition('?')[0]}{'-list' if 'show' in path else ''}")


@pytest.fixture
def shot(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Page, str], None]:
    """Keeps a picture of a page in the test's folder, for people to look at."""
    folder = tmp_path_factory.mktemp("shots")
    size = request.node.callspec.params["page"]
    return lambda page, name: page.screenshot(path=folder / f"{size}-{name}.png", full_page=True) and None
