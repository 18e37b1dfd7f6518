"""A hub's first day in a real browser: from nobody registered to the day's report, as its users would go.

By the pages' own navigation, in English on a telephone and in Chinese on a wide screen (the other way round:
`test_case_journey.py`); a gate tells of the fever over a
real broker. On the way nothing may be refused or unclear: no page that fails, no script that complains, nothing in the
other language, nothing wider than the screen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from openpyxl import Workbook
from playwright.sync_api import Browser, Page, Response, expect

from hub.registry.fields import PEOPLE
from hub.web.ways import AREAS
from hub.web.words import Lang, say
from tests.hub.web.test_browser import PHONE
from tests.hub.web.test_case_journey import DESKTOP, Walk
from tests.hub.web.test_cases import hot, passage
from tests.support.browser import chromium
from tests.support.hubs import SITE, RunningHub, running_hub
from tests.support.office import PASSWORD
from tests.support.servers import Mosquitto
from tests.support.telling_gate import TellingGate, telling_gate
from wire.link import BrokerSettings

pytestmark = [pytest.mark.usefixtures("cheap_passwords"), pytest.mark.timeout(400), pytest.mark.slow]
PEOPLE_COUNT = 5000
PATIENCE_MS = 60_000
"""What is waited for comes within a second; a machine that is busy breaks no promise."""
NAMES: dict[Lang, dict[str, str]] = {
    "zh": {
        "person": "职工{n}", "team": "班组{n}", "ward": "隔离楼", "guest": "张三", "firm": "北方泵业", "why": "修锅炉",
        "cough": "咳嗽", "boss": "王芳",
    },
    "en": {
        "person": "Worker {n}", "team": "Team {n}", "ward": "Ward", "guest": "John Smith", "firm": "North Pumps",
        "why": "boiler", "cough": "cough", "boss": "Ann Wang",
    },
}  # fmt: skip
FOREIGN: dict[Lang, re.Pattern[str]] = {"zh": re.compile(r"[A-Za-z]{3,}"), "en": re.compile(r"[\u4e00-\u9fff]+")}
NO_LANGUAGE = re.compile(r"[0-9a-f]{16,}|hub\.toml|\[+\w+\]+")
"""Digests, and the names of the settings' file and its tables."""
OURS = {"Excel", "CSV", "xlsx", "PDF", "UTC", "baotou", "north", "people", "officer", "admin", "ward", "Menshen"}
"""What is called the same in both languages, and what this test typed."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


class Visit(Walk):
    """A walk through the console by its own navigation; `look` holds each page to what pages promise."""

    def __init__(self, page: Page, hub: RunningHub, lang: Lang, size: str) -> None:
        super().__init__(page, lang, size)
        self.hub, self.lang, self.names, self.is_phone = hub, lang, NAMES[lang], size == "phone"
        self.failed: list[str] = []
        page.set_default_timeout(PATIENCE_MS)
        page.on("response", self._answered)

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.failed.append(f"{response.status} {response.url}")

    def look(self, what: str) -> None:
        super().look(what)
        shown = self.page.locator("body").inner_text()
        for own in self.page.locator("footer, .token").all():  # the other language's name, and tokens
            shown = shown.replace(own.inner_text(), "")
        foreign = set(FOREIGN[self.lang].findall(NO_LANGUAGE.sub("", shown))) - OURS
        assert not foreign, f"{what}: {foreign}"
        assert self.failed == [], what

    def to(self, path: str) -> None:
        """Go to a page by the navigation."""
        area = next(area for area in AREAS if path in [way.path for way in area.ways])
        if self.is_phone:
            self.page.locator("details.menu summary").click()
            self._click(f"details.menu a[href='{path}']")
            return
        self._click(f"nav.areas li:has-text('{say(self.lang, area.key)}') a")
        link = self.page.locator(f"nav.pages a[href='{path}']")
        if link.count() and link.get_attribute("aria-current") != "page":
            self._click(f"nav.pages a[href='{path}']")

    def _click(self, selector: str) -> None:
        with self.page.expect_navigation():
            self.page.locator(selector).first.click()

    def fill(self, **fields: str) -> None:
        for name, value in fields.items():
            self.page.locator(f"main form [name='{name}']:visible").first.fill(value)

    def sign_in(self, login: str) -> None:
        self.press("sign-out")
        self.fill(login=login, password=PASSWORD)
        self.press("sign-in")


def staff_file(names: dict[str, str]) -> bytes:
    """An Excel file of people as HR has it, with their own headings."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    fields = [PEOPLE.field(name) for name in ("number", "name", "team", "badges", "telephone")]
    sheet.append([field.zh if "职" in names["person"] else field.en for field in fields])
    for n in range(PEOPLE_COUNT):
        person, team = names["person"].format(n=n), names["team"].format(n=n // 25)
        sheet.append([f"{10000 + n}", person, team, f"B{n}", f"1380000{n:04}"])
    file = BytesIO()
    book.save(file)
    return file.getvalue()


@pytest.mark.parametrize(("lang", "size", "viewport"), [("en", "phone", PHONE), ("zh", "desktop", DESKTOP)])
def test_a_new_hub_has_its_people_its_visitor_its_case_and_its_report_by_the_evening(
    tmp_path: Path, mosquitto: Mosquitto, browser: Browser, lang: Lang, size: str, viewport: dict[str, int]
) -> None:
    broker = BrokerSettings(port=mosquitto.port, backoff_min_s=0.05)
    context = browser.new_context(viewport=viewport, locale="en-GB" if lang == "en" else "zh-CN")
    with (
        running_hub(tmp_path, new=True, broker=broker) as hub,
        telling_gate(tmp_path, SITE, "north", mosquitto.port) as gate,
    ):
        visit = Visit(context.new_page(), hub, lang, size)
        _make_users(visit)
        visit.sign_in("officer")
        _make_places(visit)
        visit.sign_in("hr")
        _import_people(visit)
        _announce_visitor(visit)
        visit.sign_in("officer")
        _see_the_fever(visit, gate)
        _treat_the_case(visit)
        _trace_contacts(visit)
        _print_the_report(visit)
        context.close()
    assert visit.said == []
    assert visit.failed == []


def _make_users(visit: Visit) -> None:
    page, names = visit.page, visit.names
    page.goto(visit.hub.hub._first_link())
    visit.look("first")
    visit.fill(login="admin", name=names["boss"], password=PASSWORD, again=PASSWORD)
    visit.press("first-make")
    for role in ("hr", "officer"):
        visit.fill(login=role, name=names["boss"], password=PASSWORD)
        page.select_option("select[name=role]", role)
        visit.press("user-add")
    expect(page.locator("main tbody tr")).to_have_count(3)
    visit.look("users")


def _make_places(visit: Visit) -> None:
    page = visit.page
    visit.look("empty-board")
    visit.to("/cases")
    expect(page.locator("main")).to_contain_text(say(visit.lang, "cases.no-place"))
    visit.look("no-isolation-place")
    visit.to("/site")
    page.get_by_text(say(visit.lang, "site.place.add"), exact=True).click()
    visit.fill(title=visit.names["ward"], capacity="5")
    page.locator("#places ~ details[open] [name=name]").fill("ward")
    page.locator("#places ~ details[open] select[name=kind]").select_option("isolation")
    with page.expect_navigation():
        page.locator("#places ~ details[open] button").click()
    expect(page.locator("main")).to_contain_text(visit.names["ward"])
    visit.look("places")


def _import_people(visit: Visit) -> None:
    page = visit.page
    visit.to("/people")
    expect(page.locator("main")).to_contain_text(say(visit.lang, "none-yet.people"))
    visit.look("nobody")
    visit.follow("import")
    visit.look("import")
    wrong = b"number,name,shift\n1,x,day\n"
    page.set_input_files("input[type=file]", {"name": "staff.csv", "mimeType": "text/csv", "buffer": wrong})
    visit.press("import.look")
    expect(page.locator("main")).to_contain_text(say(visit.lang, "fault.no-shifts-yet", found="day", known=""))
    visit.failed.clear()  # that answer is a 400
    visit.said.clear()
    visit.follow("import.again")
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    page.set_input_files(
        "input[type=file]", {"name": "staff.xlsx", "mimeType": kind, "buffer": staff_file(visit.names)}
    )
    visit.press("import.look")
    expect(page.locator("main")).to_contain_text(say(visit.lang, "preview.sum", new=PEOPLE_COUNT, changed=0, same=0))
    visit.look("preview")
    with page.expect_navigation():
        page.get_by_role("button", name=say(visit.lang, "preview.confirm", n=PEOPLE_COUNT)).click()
    expect(page.locator("main")).to_contain_text(say(visit.lang, "import.done", n=PEOPLE_COUNT))
    visit.look("imported")
    visit.follow("to-list.people")
    expect(page.locator("main tbody tr").first).to_contain_text(visit.names["person"].format(n=0))
    visit.look("people")


def _announce_visitor(visit: Visit) -> None:
    page, names = visit.page, visit.names
    visit.to("/visitors")
    visit.look("no-visitor")
    visit.fill(name=names["guest"], telephone="13900000000", company=names["firm"], host="10003", reason=names["why"])
    visit.press("visitor.announce")
    expect(page.get_by_role("img", name=say(visit.lang, "pass"), exact=True)).to_be_visible()
    visit.look("pass")
    visit.to("/visitors")
    expect(page.locator("main tbody tr")).to_contain_text(names["guest"])
    visit.look("visitors")


def _see_the_fever(visit: Visit, gate: TellingGate) -> None:
    page, fever = visit.page, say(visit.lang, "rule.fever")
    visit.to("/")
    expect(page.locator(".alert")).to_have_count(0)
    gate.tell(passage(1, "B1", 600), passage(2, "B2", 590), passage(3, "B40", 580), hot(4, "B1"))
    alert = page.locator(".alert", has_text=fever)
    expect(alert).to_have_count(1, timeout=PATIENCE_MS)
    visit.look("board")
    visit.hub.read("cases")
    visit.hub.read("passes")
    with page.expect_navigation():
        alert.get_by_role("link", name=fever).click()
    visit.look("alert")
    visit.press("word.acknowledge")
    visit.follow("alert.case")
    expect(page.locator("h1")).to_contain_text(visit.names["person"].format(n=1))
    visit.look("case")


def _treat_the_case(visit: Visit) -> None:
    page = visit.page
    page.select_option("select[name=place]", index=1)
    visit.press("case.move-now")
    visit.fill(body_c="38.1", symptoms=visit.names["cough"])
    visit.press("case.add-reading")
    visit.press("case.report")
    visit.look("case-treated")


def _trace_contacts(visit: Visit) -> None:
    page = visit.page
    visit.follow("contacts.trace")
    rows = page.locator("main tbody tr")
    expect(rows).to_have_count(25)  # their team but for themselves, and one of another who passed with them
    expect(rows.first).to_contain_text(visit.names["person"].format(n=2))
    visit.look("contacts")
    rows.first.locator("input[type=checkbox]").check()
    visit.press("contacts.isolate")
    visit.to("/cases")
    expect(page.locator("main tbody tr")).to_have_count(2)
    visit.look("cases")


def _print_the_report(visit: Visit) -> None:
    page = visit.page
    visit.to("/reports")
    expect(page.locator("main")).to_contain_text(str(PEOPLE_COUNT))
    expect(page.locator("main")).to_contain_text(visit.names["person"].format(n=1))
    visit.look("report")
    with page.expect_download() as download:
        page.get_by_role("link", name=say(visit.lang, "report.pdf")).click()
    assert Path(download.value.path()).read_bytes().startswith(b"%PDF-")
    page.emulate_media(media="print")
    expect(page.locator(".bar")).to_be_hidden()
