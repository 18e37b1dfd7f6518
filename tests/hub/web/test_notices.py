"""Word to the workers: written in the office, read on telephones, counted by team; and a guard's page shows it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.hub.web.test_people import Client
from tests.hub.web.test_rounds import PHONE, hidden, telephone
from tests.hub.web.test_worker import Now, links, opened, sign_in
from tests.support.browser import chromium
from tests.support.office import ServedOffice, served_office

pytestmark = pytest.mark.usefixtures("cheap_passwords")
PNG = Path(__file__).parents[2] / "support" / "notice.png"
IN_FORCE = {"audience": "site", "from": "2020-02-10T06:00", "until": "2020-02-10T18:00"}
HOSTILE = "</p><script>document.title='taken'</script>"


@pytest.fixture
def clock() -> Now:
    return Now()


@pytest.fixture
def office(tmp_path: Path, clock: Now) -> Iterator[ServedOffice]:
    with served_office(tmp_path, now_ns=clock) as office:
        yield office


@pytest.fixture
def officer(office: ServedOffice) -> Iterator[Client]:
    client = Client(office.url, "officer")
    client.post("/people", number="A100-4711", name="赵敏", team="焊接一班", badges="B 1788", active="yes")
    client.post("/people", number="A100-0815", name="李雷", team="涂装二班", active="yes")
    yield client
    client.http.close()


def numbers(page: str) -> list[str]:
    return re.findall(r'class="word" data-number="(\d+)"', page)


def test_a_notice_to_all_is_on_each_telephone_and_who_has_read_it_is_counted_by_team(office, officer):
    assert officer.post("/notices", zh="今日起错时用餐", en="Meals by turns", **IN_FORCE).status_code == 303
    assert office.telephones.told == 1
    phone = opened(office, officer)
    assert "Meals by turns" in phone.get("/w").text
    [number] = numbers(phone.get("/w").text)
    for _ in range(2):
        seen = phone.post(f"/w/notices/{number}/seen", data=hidden(phone.get("/w/form/leave").text))
        assert seen.status_code == 303
    assert "You have read this" in phone.get("/w").text
    page = officer.get("/notices")
    assert "Read by 1 of 2" in page
    assert "焊接一班: 1 / 1" in page
    assert "涂装二班: 0 / 1" in page


def test_a_team_s_notice_is_on_its_own_telephones_only_and_ends_when_it_is_withdrawn(office, officer, clock):
    team = re.search(r'<option value="(\d+)">焊接一班', officer.get("/notices")).group(1)
    officer.post("/notices", zh=HOSTILE, **{**IN_FORCE, "audience": "team", "team": team})
    officer.post("/notices", zh="北门", **{**IN_FORCE, "audience": "gates", "gates": "north，south"})
    welder, painter = opened(office, officer), opened(office, officer, "李雷", "0815")
    [number] = numbers(welder.get("/w").text)
    assert "<script>document" not in welder.get("/w").text
    assert numbers(painter.get("/w").text) == []
    refused = painter.post(f"/w/notices/{number}/seen", data=hidden(painter.get("/w/form/leave").text))
    assert refused.status_code == 404
    assert "north,south" in officer.get("/notices")
    assert officer.post(f"/notices/{number}/withdraw").status_code == 303
    assert officer.post(f"/notices/{number}/withdraw").status_code == 404
    assert numbers(welder.get("/w").text) == []
    clock.now_ns += 11 * 3600 * 10**9
    assert numbers(officer.get("/notices")) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"zh": " ", "en": " "}, "write something"),
        ({"zh": "x" * 501}, "at most 500"),
        ({"audience": "nobody"}, "choose for whom"),
        ({"audience": "team"}, "choose the team"),
        ({"audience": "gates", "gates": "North/../x"}, "name the gates"),
        ({"from": "soon"}, "expected a day and a time"),
        ({"until": "2020-02-10T06:30"}, "an end after the beginning and after now"),
        ({"speech": "allow"}, "no such announcement"),
        ({"speech": "say-mask", "every": "0"}, "every 1 to 120 minutes"),
    ],
)
def test_what_cannot_be_a_notice_is_told_and_what_was_typed_stays(office, officer, change, words):
    answer = officer.post("/notices", **{"zh": "请戴口罩", "en": "kept", **IN_FORCE, **change})
    assert answer.status_code == 400
    assert words in answer.text
    assert (">kept</textarea>" in answer.text) is ("en" not in change)
    assert office.telephones.told == 0


def test_a_picture_is_a_picture_and_is_shown_on_the_telephone(office, officer):
    def post(data: bytes):
        fields = {"csrf": officer._csrf, "zh": "口罩", **IN_FORCE}
        return officer.http.post("/notices", data=fields, files={"picture": ("x.png", data)})

    assert "expected a JPEG or PNG" in post(b"<svg onload='alert(1)'/>").text
    assert "expected a JPEG or PNG" in post(PNG.read_bytes() + bytes(160 * 1024)).text
    assert post(PNG.read_bytes()).status_code == 303
    phone = opened(office, officer)
    [number] = numbers(phone.get("/w").text)
    picture = phone.get(f"/w/notices/{number}/picture")
    assert (picture.content, picture.headers["content-type"]) == (PNG.read_bytes(), "image/png")
    assert telephone(office).get(f"/w/notices/{number}/picture").status_code == 404
    assert officer.http.get(f"/notices/{number}/picture").content == PNG.read_bytes()


# -- in a real browser -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.mark.parametrize(("lang", "width"), [("zh", 320), ("en", 1280)])
def test_an_officer_writes_a_notice_a_worker_reads_it_and_the_officer_sees_that(browser, office, officer, lang, width):
    said: list[str] = []
    desk = browser.new_context(viewport={"width": width, "height": 800}).new_page()
    desk.on("console", lambda message: said.append(message.text))
    sign_in(desk, office.url, lang)
    desk.goto(f"{office.url}/notices")
    desk.locator("[name=zh]").fill("请佩戴口罩\n保持距离")
    desk.locator("[name=en]").fill("Wear masks\nkeep apart")
    desk.locator("[name=speech]").select_option("say-mask")
    desk.locator("[name=from]").fill("2020-02-10T06:00")
    desk.locator("[name=until]").fill("2020-02-12T06:00")
    desk.locator("[name=picture]").set_input_files(str(PNG))
    desk.locator("main form button.first").click()
    expect(desk.locator(".word")).to_contain_text("请佩戴口罩" if lang == "zh" else "Wear masks")
    assert desk.evaluate("document.documentElement.scrollWidth") <= width
    phone = browser.new_context(viewport=PHONE, locale="zh-CN" if lang == "zh" else "en-GB").new_page()
    phone.on("console", lambda message: said.append(message.text))
    phone.goto(office.url + links(officer)["赵敏"])
    phone.locator("[name=tail]").fill("4711")
    phone.locator("button").click()
    expect(phone.locator(".word")).to_contain_text("保持距离" if lang == "zh" else "keep apart")
    assert phone.locator(".word img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    phone.locator(".word button").click()
    expect(phone.locator(".word")).to_contain_text("您已阅读" if lang == "zh" else "You have read this")
    desk.reload()
    expect(desk.locator(".word summary")).to_contain_text("1")
    phone.context.close()
    desk.context.close()
    assert said == []
