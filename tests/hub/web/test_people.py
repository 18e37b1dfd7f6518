"""The pages of people, vehicles and the site: found, changed, imported and exported; errors in words, nothing lost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from openpyxl import Workbook
from playwright.sync_api import Browser, Page, expect

from hub.registry import sheets
from hub.registry.fields import PEOPLE
from hub.web.site import MANY_TEAMS
from tests.support.browser import chromium
from tests.support.console import ZONE
from tests.support.office import PASSWORD, ServedOffice, served_office

pytestmark = pytest.mark.usefixtures("cheap_passwords")
HOSTILE = """</td><script>document.title='taken'</script>"""


@pytest.fixture
def office(tmp_path: Path) -> Iterator[ServedOffice]:
    with served_office(tmp_path) as office:
        yield office


class Client:
    """Somebody signed in, who sends what a browser would."""

    def __init__(self, url: str, login: str) -> None:
        self.http = httpx.Client(base_url=url, trust_env=False, headers={"accept-language": "en"}, timeout=20)
        self.http.post("/sign-in", data={"login": login, "password": PASSWORD})
        self._csrf = re.search(r'name="csrf" value="([^"]+)"', self.http.get("/account").text).group(1)

    def get(self, path: str) -> str:
        return self.http.get(path).text

    def post(self, path: str, file: bytes | None = None, **fields: str) -> httpx.Response:
        files = None if file is None else {"file": ("people.csv", file)}
        return self.http.post(path, data={"csrf": self._csrf, **fields}, files=files)

    def case_of(self, name: str) -> str:
        """The address of somebody's open case."""
        found = re.search(rf'href="(/cases/\d+)">{name}<', self.get("/cases"))
        assert found, name
        return found.group(1)

    def add(self, **fields: str) -> httpx.Response:
        return self.post("/people", **{"active": "yes", **fields})


@pytest.fixture
def hr(office: ServedOffice) -> Iterator[Client]:
    client = Client(office.url, "hr")
    yield client
    client.http.close()


def test_who_is_added_is_found_by_number_name_team_telephone_and_badge(hr):
    assert hr.add(number="1001", name="李雷", team="焊接一班", telephone="138", badges="B 17").status_code == 303
    for words in ("100", "雷", "焊接一班", "138", "b17"):
        assert "李雷" in hr.get(f"/people?q={words}"), words
    for words in ("00", "雷雷", "B1", "%25", "_"):
        assert "Nothing matches." in hr.get(f"/people?q={words}"), words


def test_a_form_that_is_wrong_says_so_at_the_field_and_keeps_what_was_typed(hr):
    hr.add(number="1", name="韩梅梅", badges="B1")
    answer = hr.add(number="2", name=HOSTILE, badges="B1;B2", returned_on="soon")
    assert answer.status_code == 400
    assert "“soon”, expected a day such as 2020-02-08" in answer.text
    again = hr.add(number="2", name="x", badges="B1;B2", company=HOSTILE)
    assert "“B1” belongs to 1" in again.text
    assert 'value="B1;B2"' in again.text
    assert "<script>" not in answer.text + again.text
    assert "is missing" in hr.add(number="", name="x").text
    assert "“1” is registered already" in hr.add(number="1", name="x").text


def test_who_leaves_is_inactive_and_listed_only_when_asked_for(hr):
    hr.add(number="1", name="李雷", badges="B1")
    found = re.search(r'href="(/people/\d+)"', hr.get("/people")).group(1)
    assert hr.get("/people?q=%00&after=%00") == hr.get("/people")
    assert hr.post(found, name="李雷", badges="B1").status_code == 303
    assert "李雷" not in hr.get("/people")
    assert "李雷" in hr.get("/people?everybody=1")
    assert "There is no such record" in hr.get("/people/999999")
    assert "There is no such record" in hr.get("/people/99999999999999999999")


def test_who_saw_somebody_is_in_the_record(office, hr):
    hr.add(number="1", name="李雷")
    guard = Client(office.url, "guard")
    page = guard.get(re.search(r'href="(/people/\d+)"', guard.get("/people")).group(1))
    assert "readonly" in page
    assert "Save" not in page
    auditor = Client(office.url, "auditor")
    assert "person-seen" in auditor.get("/audit?who=guard")
    for words in ("person 1", "%E4%BA%BA%E5%91%98%201"):  # 人员 1
        assert '<a href="/people/1">person 1</a>' in auditor.get(f"/audit?subject={words}&lang=en")
    assert "{" not in re.search(r"<tbody>.*</tbody>", auditor.get("/audit"), re.DOTALL).group()


def test_a_list_goes_on_page_by_page(hr):
    rows = "".join(f"{n:04d},n{n:04d}\n" for n in range(120))
    confirm(hr, hr.post("/people/import", file=f"number,name\n{rows}".encode()))
    seen, path = [], "/people"
    while path:
        page = hr.get(path)
        seen += re.findall(r">n(\d{4})<", page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        path = following.group(1).replace("&amp;", "&") if following else ""
    assert seen == [f"{n:04d}" for n in range(120)]


def confirm(client: Client, preview: httpx.Response) -> httpx.Response:
    path = re.search(r'action="(/\w+/import/[^"]+)"', preview.text).group(1)
    fields = dict(re.findall(r'name="(digest|count)" value="([^"]+)"', preview.text))
    return client.post(path, **fields)


def test_an_import_shows_what_changes_and_does_that(hr):
    hr.add(number="1", name="李雷", badges="B1", telephone="138")
    preview = hr.post("/people/import", file="工号,姓名,卡号,备注\n1,李雷,B2,x\n2,韩梅梅,B3,\n".encode())
    assert "1 new, 1 changed, 0 unchanged" in preview.text
    assert "<td>B1</td><td>B2</td>" in preview.text
    assert "Columns that are not read: 备注" in preview.text
    assert "韩梅梅" not in hr.get("/people")
    done = confirm(hr, preview)
    assert done.headers["location"] == "/people/import?done=2"
    assert "2 records were registered" in hr.get("/people/import?done=2")
    assert "韩梅梅" in hr.get("/people?q=B3")
    assert "The file is no longer here" in confirm(hr, preview).text


def test_a_button_that_is_pressed_twice_says_that_it_is_done_and_not_that_nothing_was(hr):
    file = b"number,name\n1,x\n"
    first, second = hr.post("/people/import", file=file), hr.post("/people/import", file=file)
    for preview in (first, second):
        assert confirm(hr, preview).headers["location"] == "/people/import?done=1"


def test_an_import_with_errors_names_row_and_column_and_changes_nothing(hr):
    answer = hr.post("/people/import", file="工号,姓名,返回日期\n1,李雷,\n2,,\n3,x,昨天\n".encode())
    assert answer.status_code == 400
    assert re.search(r"3</td><td[^>]*>name</td><td>is missing", answer.text)
    assert re.search(r"4</td><td[^>]*>returned on</td><td>“昨天”, expected a day", answer.text)
    assert "import/" not in answer.text
    assert "Nobody is registered yet" in hr.get("/people")
    assert "Choose a file first." in hr.post("/people/import").text
    assert "cannot be read" in hr.post("/people/import", file=b"PK\x03\x04").text
    assert "too large" in hr.post("/people/import", file=b"x" * (12 * 2**20)).text


def test_shifts_are_imported_by_their_names_and_an_unknown_one_is_told_with_those_that_there_are(office, hr):
    file = "工号,姓名,班次\n1,李雷,早班\n2,韩梅梅,晚班\n3,无班,\n".encode()
    assert "this site has no shifts yet" in hr.post("/people/import", file=file).text
    officer = Client(office.url, "officer")
    for name, begins, ends in (("早班", "8:00", "16:30"), ("夜班", "20:00", "8:00")):
        officer.post("/site/shift", name=name, **{"from": begins, "to": ends})
    assert "“晚班” is no shift of this site; there are: 早班、夜班" in hr.post("/people/import", file=file).text
    confirm(hr, hr.post("/people/import", file=file.replace("晚班".encode(), "夜班".encode())))
    assert re.search(r">夜班</option>", hr.get(re.search(r'href="(/people/\d+)">2<', hr.get("/people")).group(1)))
    changed = hr.post("/people/import", file="number,shift\n2,早班\n3,早班\n1,\n".encode()).text
    assert "0 new, 3 changed" in changed
    assert "<td>shift</td><td>夜班</td><td>早班</td>" in changed
    assert "“?” is no shift" in hr.add(number="9", name="x", shift="?").text


def test_another_s_upload_cannot_be_confirmed(office, hr):
    preview = hr.post("/people/import", file=b"number,name\n1,x\n")
    assert "The file is no longer here" in confirm(Client(office.url, "officer"), preview).text


@pytest.mark.parametrize("form", ["xlsx", "csv"])
def test_what_is_exported_imports_again_unchanged(office, hr, form):
    Client(office.url, "officer").post("/site/shift", name="早班", **{"from": "8:00", "to": "16:30"})
    hr.add(number="1", name="=1+1", badges="B1;B2", telephone="+86 138", origin="北京", returned_on="2020-02-08")
    assert hr.add(number="2", name="x", shift="早班").status_code == 303
    answer = hr.http.get(f"/people/export?form={form}")
    assert f'.{form}"' in answer.headers["content-disposition"]
    assert len(sheets.read(answer.content, PEOPLE).rows) == 2
    assert "0 new, 0 changed, 2 unchanged" in hr.post("/people/import", file=answer.content).text
    assert hr.http.get("/people/export?form=exe").status_code == 404


def test_vehicles_are_registered_found_and_imported(hr):
    assert hr.post("/vehicles", plate="京A·12345", tag="E1", owner="钢厂", active="yes").status_code == 303
    assert "京A12345" in hr.get("/vehicles?q=a123")
    assert "expected a plate" in hr.post("/vehicles", plate="?").text
    preview = hr.post("/vehicles/import", file="车牌,车主\n京A12345,新主\n京A12346,x\n".encode())
    assert "1 new, 1 changed" in preview.text
    confirm(hr, preview)
    assert "新主" in hr.get("/vehicles")


def test_a_returnee_from_a_listed_area_is_refused_until_there_is_an_isolation_place(office, hr):
    officer = Client(office.url, "officer")
    assert officer.post("/site/area", name="湖北").status_code == 303
    today = re.search(r"\d{4}-\d\d-\d\d", hr.http.get("/people/export").headers["content-disposition"]).group()
    returnee = {"number": "1", "name": "李雷", "origin": "湖北武汉", "returned_on": today}
    assert "the site has no isolation place" in hr.add(**returnee).text
    wrong = officer.post("/site/place", name="iso-1", title="隔离点", kind="isolation", capacity="0", active="yes")
    assert "An isolation place takes at least 1" in wrong.text
    assert 'value="隔离点"' in wrong.text
    officer.post("/site/place", name="iso-1", title="隔离点", kind="isolation", capacity="4", active="yes")
    assert hr.add(**returnee).status_code == 303


def test_teams_and_shifts_are_made_and_changed_and_errors_stand_at_their_form(office):
    officer = Client(office.url, "officer")
    officer.post("/site/shift", name="早班", **{"from": "8:00", "to": "16:30"})
    assert "08:00–16:30" in officer.get("/site")
    assert "“8”, expected a time" in officer.post("/site/shift", name="x", **{"from": "8", "to": "9"}).text
    shift = re.search(r'<option value="(\d+)">早班', officer.get("/site")).group(1)
    officer.post("/site/team", name="焊接一班", grid="东河3", shift=shift, meal_slot="11:30-12:00")
    assert "“焊接一班” is registered already" in officer.post("/site/team", name="焊接一班").text
    team = re.search(r'action="/site/team">.*?name="id" value="(\d+)"', officer.get("/site"), re.DOTALL).group(1)
    officer.post("/site/team", id=team, name="焊接二班", grid="东河3", shift="", meal_slot="")
    assert "焊接二班 · 东河3" in officer.get("/site")
    assert officer.post("/site/team", id="999", name="x").status_code == 404
    assert officer.post("/site/nonsense", name="x").status_code == 404
    officer.post("/site/area", name="湖北")
    area = re.search(r'action="/site/area/remove">.*?name="id" value="(\d+)"', officer.get("/site"), re.DOTALL).group(1)
    assert officer.post("/site/area/remove", id=area).status_code == 303
    assert officer.post("/site/area/remove", id=area).status_code == 404


def announce(client: Client, **fields: str) -> httpx.Response:
    day = (datetime.now(ZONE) + timedelta(days=1)).date().isoformat()
    visit = {
        "name": "张三",
        "telephone": "138",
        "host": "李雷",
        "reason": "修锅炉",
        "day": day,
        "from": "8:00",
        "until": "18:00",
    }
    return client.post("/visitors", **visit | fields)


def test_an_announced_visitor_has_a_pass_that_anybody_with_its_address_can_show(office, hr):
    hr.add(number="1", name="李雷")
    made = announce(hr)
    path = made.headers["location"]
    assert made.status_code == 303
    shown = httpx.get(office.url + path, trust_env=False, headers={"accept-language": "en"})
    assert "<svg" in shown.text
    assert "08:00" in shown.text
    assert "张三" not in shown.text
    assert "张三" in hr.get("/visitors")
    assert "张三" not in hr.get("/people?everybody=1")
    visit = re.search(r'action="(/visitors/\d+/cancel)"', hr.get("/visitors")).group(1)
    assert hr.post(visit).status_code == 303
    assert "not valid" in hr.get(path)
    assert hr.post("/visitors/999/cancel").status_code == 404
    assert "not valid" in hr.get("/pass/guess%00")


def test_a_visit_that_cannot_be_is_told_at_its_field_and_keeps_what_was_typed(hr):
    for number in "12":
        hr.add(number=number, name="李雷")
    for wrong, expected in (
        ({}, "is the name of several"),
        ({"host": "谁"}, "“谁” is nobody who is registered"),
        ({"host": "1", "until": "7:00"}, "expected an end after the beginning"),
        ({"host": "1", "day": "2020-02-08"}, "expected an end after the beginning and after now"),
        ({"host": "1", "from": "early"}, "“early”, expected a time"),
        ({"host": "1", "reason": ""}, "is missing"),
    ):
        answer = announce(hr, **wrong)
        assert answer.status_code == 400
        assert expected in answer.text
        assert 'value="张三"' in answer.text


def test_without_the_key_the_pages_say_what_is_missing(tmp_path):
    with served_office(tmp_path, key=None) as office:
        hr = Client(office.url, "hr")
        assert "set token_key_file in hub.toml" in hr.get("/people")
        for answer in (hr.http.get("/people/new"), hr.add(number="1", name="x"), hr.http.get("/vehicles/import")):
            assert answer.status_code == 409
            assert "set token_key_file in hub.toml" in answer.text


# -- in a real browser -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def excel(folder: Path) -> Path:
    book = Workbook()
    book.active.append(["包头一厂员工花名册"])
    book.active.append(["工号", "姓名", "班组", "卡号", "电话", "来源地", "返回日期"])
    for n in range(300):
        book.active.append(
            [f"{n + 1:04d}", f"职工{n + 1}", f"焊接{n % 7 + 1}班", 470000 + n, 13800000000 + n, None, None]
        )
    book.save(folder / "花名册.xlsx")
    return folder / "花名册.xlsx"


def sign_in(page: Page, url: str, lang: str, login: str = "hr") -> None:
    page.goto(f"{url}/sign-in?after=/people&lang={lang}")
    page.locator("[name=login]").fill(login)
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[name=password]").press("Enter")
    page.wait_for_url("**/people")


def test_a_reader_reads_the_pass_off_a_telephone(browser, office, hr):
    hr.add(number="1", name="李雷")
    path = announce(hr).headers["location"]
    page = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark").new_page()
    page.goto(office.url + path)
    picture = cv2.imdecode(np.frombuffer(page.screenshot(), np.uint8), cv2.IMREAD_COLOR)
    read, _, _ = cv2.QRCodeDetector().detectAndDecode(picture)
    assert read == path.removeprefix("/pass/")
    page.context.close()


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_no_page_scrolls_sideways_on_a_small_telephone(browser, office, lang):
    officer = Client(office.url, "officer")
    long = "很长的名字" * 10
    officer.add(number="9" * 40, name=long, team="x" * 60, badges=";".join(f"{n}" * 40 for n in range(5)))
    officer.post("/vehicles", plate="京A12345", owner=long, purpose="p" * 120, active="yes")
    officer.post("/site/area", name="湖" * 80)
    officer.post("/site/place", name="iso-1", title="t" * 80, kind="isolation", capacity="4", active="yes")
    made = announce(officer, host="9" * 40, reason="r" * 200)
    page = browser.new_context(viewport={"width": 320, "height": 700}).new_page()
    sign_in(page, office.url, lang, "officer")
    for path in ("/people", "/people/1", "/people/import", "/vehicles", "/site", "/visitors", made.headers["location"]):
        page.goto(office.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
    page.context.close()


@pytest.mark.parametrize(("lang", "width"), [("zh", 390), ("en", 1440)])
def test_hr_imports_300_people_finds_one_changes_the_badge_and_exports(browser, office, tmp_path, lang, width):
    context = browser.new_context(viewport={"width": width, "height": 844}, accept_downloads=True)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    sign_in(page, office.url, lang)

    def fits() -> None:
        assert page.evaluate("document.documentElement.scrollWidth") <= width

    fits()
    page.locator("a[href='/people/import']").click()
    page.locator("input[type=file]").set_input_files(excel(tmp_path))
    fits()
    page.locator("main form button").click()
    expect(page.locator(".notice")).to_have_text(
        {"en": "300 new, 0 changed, 0 unchanged", "zh": "新增 300，变更 0，不变 0"}[lang]
    )
    fits()
    page.locator("main form button.first").click()
    expect(page.get_by_role("status")).to_contain_text("300")
    page.goto(f"{office.url}/people")
    expect(page.locator("tbody tr")).to_have_count(50)
    fits()
    page.locator("[name=q]").fill("470122")
    page.locator("[name=q]").press("Enter")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.locator("tbody a").first.click()
    expect(page.locator("[name=name]")).to_have_value("职工123")
    fits()
    page.locator("[name=badges]").fill("470123")
    page.locator("main button.first").click()
    expect(page.locator(".wrong")).to_contain_text("0124")
    expect(page.locator("[name=badges]")).to_have_value("470123")
    fits()
    page.locator("[name=badges]").fill("990122")
    page.locator("main button.first").click()
    expect(page.get_by_role("status")).to_be_visible()
    page.goto(f"{office.url}/people?q=990122")
    expect(page.locator("tbody")).to_contain_text("职工123")
    with page.expect_download() as download:
        page.locator("a[href$='form=xlsx']").click()
    exported = sheets.read(Path(download.value.path()).read_bytes(), PEOPLE)
    badge = exported.columns["badges"]
    assert len(exported.rows) == 300
    assert [row.cells[badge] for row in exported.rows][122] == "990122"
    assert [line for line in said if "400" not in line] == []
    context.close()


def test_a_site_of_very_many_teams_draws_the_form_of_the_chosen_one_alone_and_saves_it(office):
    officer = Client(office.url, "officer")
    for number in range(MANY_TEAMS):
        officer.add(number=f"{number}", name="x", team=f"team {number:03}")
    assert officer.get("/site").count('action="/site/team"') == MANY_TEAMS + 1
    officer.add(number="last", name="x", team="one more")
    page = officer.get("/site")
    assert page.count('action="/site/team"') == 1
    path, team = re.search(r'href="(/site\?team=(\d+)#team-\d+)">one more<', page).groups()
    page = officer.get(path)
    assert page.count('action="/site/team"') == 2
    assert f'name="id" value="{team}"' in page
    assert officer.post("/site/team", id=team, name="one more", leader="李队长").status_code == 303
    assert "one more · 李队长" in officer.get("/site")
    wrong = officer.post("/site/team", id=team, name="team 001")
    assert (wrong.status_code, wrong.text.count('action="/site/team"')) == (400, 2)


def test_shifts_and_teams_come_from_files_with_errors_by_row_and_an_export_changes_nothing(office):
    officer = Client(office.url, "officer")

    def bring(what: str, text: str) -> str:
        return officer.post(f"/site/{what}/import", file=text.encode()).text

    assert "“25:00”, expected a time" in bring("shifts", "班次,开始,结束\n早班,25:00,8:00\n")
    confirm_site(officer, "shifts", bring("shifts", "班次,开始,结束\n早班,8:00:00,16:30\n夜班,20:00,24:00\n"))
    wrong = bring("teams", "班组,班次,用餐时段\n一班,早班,11:30\n二班,晚班,\n三班,,\n三班,,\n")
    for words in ("“11:30”, expected times", "“晚班” is no shift of this site; there are: 早班、夜班", "twice"):
        assert words in wrong
    teams = "班组,网格,班次,用餐时段\n一班,东河3,早班,11:30-12:00\n二班,,夜班,\n"
    confirm_site(officer, "teams", bring("teams", teams))
    confirm_site(officer, "teams", bring("teams", "班组,班组长\n一班,王芳\n"))
    assert "一班 · 东河3 · 王芳" in officer.get("/site")
    assert "20:00–00:00" in officer.get("/site")
    for what in ("shifts", "teams"):
        exported = officer.http.get(f"/site/{what}/export?form=xlsx").content
        assert "0 rows" in officer.post(f"/site/{what}/import", file=exported).text
    assert Client(office.url, "hr").post("/site/teams/import", file=b"x").status_code == 403


def confirm_site(client: Client, what: str, preview: str) -> None:
    path = re.search(rf'action="(/site/{what}/import/[^"]+)"', preview).group(1)
    digest = re.search(r'name="digest" value="([^"]+)"', preview).group(1)
    assert client.post(path, digest=digest).status_code == 303
