"""The daily report in the console: page, PDF, Excel and API hold the same figures, for those who may see them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from io import BytesIO
from pathlib import Path

import httpx
import msgspec
import pytest
from msgspec.structs import replace
from openpyxl import load_workbook
from playwright.sync_api import Browser, expect

from hub.accounts.roles import Permission
from hub.accounts.tokens import add_token
from hub.database import Database
from hub.reports.figures import DayReport, day_report, without_names
from hub.reports.tables import tables
from tests.hub.reports.test_files import cells_of, excel_cells, pdf_text, squeezed
from tests.hub.web.test_crowds import in_thread
from tests.hub.web.test_resumption import fits, signed_in
from tests.support.browser import chromium
from tests.support.console import ZONE
from tests.support.office import PASSWORD, ServedOffice, served_office
from tests.support.reports import usual

pytestmark = pytest.mark.usefixtures("cheap_passwords")
DAY = "2020-02-10"
REPORT = day_report(replace(usual(), day=date(2020, 2, 10)))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def office(tmp_path: Path) -> Iterator[ServedOffice]:
    with served_office(tmp_path) as office:
        yield office


@pytest.fixture
def officer(office: ServedOffice) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=office.url, trust_env=False, timeout=30) as client:
        client.post("/sign-in", data={"login": "officer", "password": PASSWORD})
        yield client


@pytest.mark.parametrize(("lang", "width"), [("zh", 390), ("en", 1280)])
def test_the_page_shows_every_cell_of_the_tables_at_any_width(browser, office, lang, width):
    page = signed_in(browser, office, "officer", lang, width)
    page.goto(f"{office.url}/reports?day={DAY}")
    found = tables(REPORT, lang, ZONE)
    expect(page.locator("table[data-table]")).to_have_count(len(found))
    for table in found:
        shown = page.locator(f"table[data-table={table.key}]")
        rows = [row.locator("th,td").all_inner_texts() for row in shown.locator("tr").all()]
        assert rows == [[str(cell) for cell in row] for row in (table.columns, *table.rows)]
    assert fits(page)
    page.close()


def test_page_pdf_excel_and_api_of_a_day_hold_the_same_figures(officer):
    page = officer.get("/reports", params={"day": DAY, "lang": "zh"}).text
    excel = officer.get("/reports/file", params={"day": DAY, "form": "xlsx"})
    paper = officer.get("/reports/file", params={"day": DAY, "form": "pdf"})
    told = msgspec.json.decode(officer.get("/api/report", params={"day": DAY}).content, type=DayReport)
    assert told == without_names(REPORT)
    assert excel_cells(excel.content) == cells_of(REPORT, "zh")
    on_paper, on_page = squeezed(pdf_text(paper.content)), squeezed(page)
    for row in cells_of(REPORT, "zh"):
        for cell in row:
            assert squeezed(str(cell)) in on_paper
            assert squeezed(str(cell)) in on_page
    assert 'filename="menshen-baotou-1-2020-02-10.pdf"' in paper.headers["content-disposition"]
    assert load_workbook(BytesIO(excel.content)).sheetnames[0] == "1 人员情况"


def test_who_saw_a_report_with_names_is_on_record_and_who_may_not_sees_none(office, officer, tmp_path):
    officer.get("/reports", params={"day": DAY})
    officer.get("/reports/file", params={"day": DAY})
    for login, status in (("guard", 403), ("admin", 403), ("auditor", 200)):
        with httpx.Client(base_url=office.url, trust_env=False, timeout=30) as client:
            client.post("/sign-in", data={"login": login, "password": PASSWORD})
            assert client.get("/reports").status_code == status
    with httpx.Client(base_url=office.url, trust_env=False, timeout=30) as client:
        client.post("/sign-in", data={"login": "auditor", "password": PASSWORD})
        record = client.get("/audit").text
    assert "report-seen" in record
    assert "report-downloaded" in record


def test_a_program_reads_the_figures_by_its_token_and_no_names(office, tmp_path):
    async def made() -> str:
        database = Database(f"sqlite:///{tmp_path / 'menshen.db'}")
        await database.start()
        secret = await database.write(
            lambda session: add_token(session, "city", [Permission.REPORTS], by="test", now_ns=1)
        )
        await database.stop()
        return secret

    headers = {"authorization": f"Bearer {in_thread(made())}"}
    answer = httpx.get(f"{office.url}/api/report?day={DAY}", headers=headers, trust_env=False)
    assert answer.status_code == 200
    assert "李雷" not in answer.text
    assert httpx.get(f"{office.url}/api/report", trust_env=False).status_code == 401


def test_a_day_that_is_none_and_a_form_that_is_none_are_told_and_a_day_to_come_is_today(officer):
    assert "应为日期" in officer.get("/reports", params={"day": "soon", "lang": "zh"}).text
    assert officer.get("/api/report", params={"day": "soon"}).status_code == 400
    assert officer.get("/reports/file", params={"form": "docx"}).status_code == 404
    today = msgspec.json.decode(officer.get("/api/report").content, type=DayReport).day
    assert msgspec.json.decode(officer.get("/api/report?day=2999-01-01").content, type=DayReport).day == today


@pytest.mark.parametrize(("lang", "width"), [("zh", 390), ("en", 1280)])
def test_the_city_shows_each_site_with_its_age_and_a_total_of_those_that_count(browser, office, lang, width):
    page = signed_in(browser, office, "officer", lang, width)
    page.goto(f"{office.url}/reports")
    page.locator("a[href='/city']").first.click()
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(4)
    expect(rows.nth(0)).to_contain_text("3 分钟前" if lang == "zh" else "3 min ago")
    expect(rows.nth(1)).to_contain_text("2020-02-09")
    expect(rows.nth(1)).to_contain_text("ConnectError")
    expect(rows.nth(2)).to_contain_text("三厂 <b>")
    total = [int(text) for text in rows.nth(3).locator("td.number").all_inner_texts()]
    assert total[0] == REPORT.total.registered
    assert [int(text) for text in rows.nth(0).locator("td.number").all_inner_texts()] == total
    assert fits(page)
    page.close()


def test_the_city_is_json_for_programs_too(officer):
    view = officer.get("/api/city").json()
    assert (view["counted"], view["of"], len(view["rows"])) == (1, 3, 3)
    assert view["total"]["registered"] == REPORT.total.registered
