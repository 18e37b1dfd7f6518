"""Rounds of disinfection on pages: the office sees what is done and overdue, a cleaner's telephone tells it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from hub.rounds.plan import Stop, due
from hub.rounds.settings import RoundSettings
from tests.hub.rounds.test_plan import at
from tests.hub.web.test_people import Client
from tests.support.browser import chromium
from tests.support.console import ZONE
from tests.support.office import PASSWORD, ServedOffice, served_office
from tests.support.telephones import SITE

pytestmark = pytest.mark.usefixtures("cheap_passwords")
PHONE = {"width": 360, "height": 740}


@pytest.fixture
def office(tmp_path: Path) -> Iterator[ServedOffice]:
    with served_office(tmp_path) as office:
        yield office


@pytest.fixture
def officer(office: ServedOffice) -> Iterator[Client]:
    client = Client(office.url, "officer")
    client.post("/site/place", name="canteen-1", title="第一食堂", kind="canteen", capacity="0", active="yes")
    client.post("/vehicles", plate="蒙B12345", commuter="yes", must_disinfect="yes", active="yes")
    client.post("/people", number="A1004711", name="王芳", badges="B 17", active="yes")
    yield client
    client.http.close()


def codes(client: Client) -> list[str]:
    """The addresses that the printed pictures carry, read as a telephone would."""
    page = client.get("/rounds/print")
    return re.findall(r"data-address=\"[^\"]*(/r/[^\"]+)\"", page)


def telephone(office: ServedOffice, lang: str = "en") -> httpx.Client:
    return httpx.Client(base_url=office.url, trust_env=False, headers={"accept-language": lang}, timeout=20)


def hidden(page: str) -> dict[str, str]:
    return dict(re.findall(r'name="(proof|once)" value="([^"]+)"', page))


def tap(phone: httpx.Client, path: str, **fields: str) -> httpx.Response:
    return phone.post(path, data={**hidden(phone.get(path).text), **fields})


def put_on_record(office: ServedOffice, from_ns: int, until_ns: int) -> None:
    """What the clerk says as the time goes by."""
    found = due([Stop("canteen", place="canteen-1")], RoundSettings(), ZONE, from_ns, until_ns)
    work = office.telephones.archive.append_own(SITE, found)
    asyncio.run_coroutine_threadsafe(work, office.loop).result(10)


def test_a_cleaner_s_tap_is_on_record_with_name_and_agent_and_the_same_press_counts_once(office, officer):
    canteen, bus = codes(officer)
    assert "第一食堂" in telephone(office).get(canteen).text
    phone = telephone(office)
    carried = hidden(phone.get(canteen).text)
    sent = {**carried, "number": "A1004711", "agent": "84"}
    first, again = (phone.post(canteen, data=sent) for _ in range(2))
    assert "Stored, " in first.text
    assert "Stored, " in again.text
    assert "王" not in first.text, "whoever stands at the place sees no name"
    done = re.findall(r"王芳 · 84", officer.get("/rounds"))
    assert len(done) <= 1
    assert len(taps(office)) == 1
    assert "Stored" in tap(phone, bus, number="A1004711", agent="84").text
    assert [(one.subject[:5], one.by) for one in taps(office)][1][1].startswith("person-")


def taps(office: ServedOffice) -> list:
    work = office.telephones.record.done(0, 2**62)
    return asyncio.run_coroutine_threadsafe(work, office.loop).result(10)


def test_what_is_not_stored_says_so(office, officer):
    canteen, _ = codes(officer)
    phone = telephone(office)
    assert "NOT STORED: nobody has this staff number" in tap(phone, canteen, number="1", agent="84").text
    assert phone.post(canteen, data={"number": "A1004711"}).status_code == 403, "not from our own page"
    forged = phone.post(canteen, data=hidden(phone.get(canteen).text), headers={"sec-fetch-site": "cross-site"})
    assert forged.status_code == 403
    for _ in range(6):
        last = tap(phone, canteen, number="2", agent="84")
    assert last.status_code == 429
    assert "too many tries" in last.text
    assert telephone(office).get("/r/guess").status_code == 404
    assert taps(office) == []


def test_a_picture_that_was_replaced_is_good_for_nothing(office, officer):
    canteen, _ = codes(officer)
    key = re.search(r'action="/rounds/(place-\d+)/code"', officer.get("/rounds")).group(1)
    assert officer.post(f"/rounds/{key}/code").status_code == 303
    assert telephone(office).get(canteen).status_code == 404
    assert telephone(office).get(codes(officer)[0]).status_code == 200
    assert officer.post("/rounds/place-999/code").status_code == 404


def states(page: str) -> list[str]:
    line = re.search(r"第一食堂.*?</tr>", page, re.DOTALL)
    return re.findall(r'data-state="(\w+)"', line.group())


def test_the_day_shows_what_is_overdue_late_done_and_to_come(tmp_path):
    now_ns = at("2020-02-10 07:00")
    with served_office(tmp_path, now_ns=lambda: now_ns) as office:
        officer = Client(office.url, "officer")
        officer.post("/site/place", name="canteen-1", title="第一食堂", kind="canteen", capacity="0", active="yes")
        officer.post("/people", number="A1004711", name="王芳", active="yes")
        assert states(officer.get("/rounds")) == ["soon", "ahead"]
        [picture] = codes(officer)
        now_ns = at("2020-02-10 09:00")
        put_on_record(office, at("2020-02-10"), now_ns)
        assert states(officer.get("/rounds")) == ["overdue", "ahead"]
        assert '<b data-count="overdue">1</b>' in officer.get("/rounds")
        assert "Stored, 09:00" in tap(telephone(office), picture, number="A1004711", agent="84").text
        assert states(officer.get("/rounds")) == ["late", "ahead"]
        assert "09:00 · 王芳 · 84" in officer.get("/rounds")
        now_ns = at("2020-02-10 17:00")
        tap(telephone(office), picture, number="A1004711", agent="84")
        assert states(officer.get("/rounds")) == ["late", "done"], "what is done before it is due is done"
        now_ns = at("2020-02-11 05:00")
        put_on_record(office, at("2020-02-10 09:00"), now_ns)
        assert states(officer.get("/rounds")) == ["soon", "ahead"]
        assert states(officer.get("/rounds?day=2020-02-10")) == ["late", "done"]
        assert states(officer.get("/rounds?day=9999-01-01")) == ["soon", "ahead"], "nobody looks into the future"


def test_a_place_gets_times_of_its_own_and_wrong_ones_are_told(office, officer):
    key = re.search(r'action="/rounds/(place-\d+)/times"', officer.get("/rounds")).group(1)
    assert officer.post(f"/rounds/{key}/times", times="7:30，11:00 18:30").status_code == 303
    assert 'value="07:30 11:00 18:30"' in officer.get("/rounds")
    refused = officer.post(f"/rounds/{key}/times", times="soon")
    assert refused.status_code == 400
    assert "“soon”: expected up to 12 times" in refused.text
    assert 'value="07:30 11:00 18:30"' in officer.get("/rounds")


def test_a_disinfection_recorded_at_the_desk_carries_the_login(office, officer):
    key = re.search(r'action="/rounds/(place-\d+)/done"', officer.get("/rounds")).group(1)
    assert officer.post(f"/rounds/{key}/done", agent="84").status_code == 303
    assert [one.by for one in taps(office)] == ["officer"]
    assert officer.post("/rounds/place-999/done").status_code == 404
    assert "disinfection-recorded" in Client(office.url, "auditor").get("/audit?who=officer")


# -- in a real browser -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def sign_in(page: Page, url: str, lang: str) -> None:
    page.goto(f"{url}/sign-in?after=/rounds&lang={lang}")
    page.locator("[name=login]").fill("officer")
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[name=password]").press("Enter")
    page.wait_for_url("**/rounds")


def test_a_cleaner_scans_the_printed_picture_and_the_office_sees_it(browser, office, officer):
    desk = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    said: list[str] = []
    desk.on("console", lambda message: said.append(message.text))
    sign_in(desk, office.url, "zh")
    desk.goto(f"{office.url}/rounds/print")
    picture = cv2.imdecode(np.frombuffer(desk.locator(".slip").first.screenshot(), np.uint8), cv2.IMREAD_COLOR)
    address, _, _ = cv2.QRCodeDetector().detectAndDecode(picture)
    assert address.startswith(f"{office.url}/r/")
    for javascript in (True, False):
        phone = browser.new_context(viewport=PHONE, locale="zh-CN", java_script_enabled=javascript).new_page()
        phone.on("console", lambda message: said.append(message.text))
        phone.goto(address)
        expect(phone.locator("h1")).to_have_text("第一食堂")
        phone.locator("[name=number]").fill("A1004711")
        phone.locator("button").click()
        expect(phone.locator(".big")).to_contain_text("已登记")
        phone.context.close()
    desk.goto(f"{office.url}/rounds")
    assert len(taps(office)) == 2
    assert desk.evaluate("document.documentElement.scrollWidth") <= 1280
    desk.context.close()
    assert said == []


def test_without_a_network_the_telephone_says_that_nothing_was_stored_and_keeps_what_was_typed(
    browser, office, officer
):
    phone = browser.new_context(viewport=PHONE, locale="en-GB").new_page()
    phone.goto(office.url + codes(officer)[0])
    phone.locator("[name=number]").fill("A1004711")
    phone.context.set_offline(True)
    phone.locator("button").click()
    expect(phone.locator("#away")).to_contain_text("NOT STORED")
    assert taps(office) == []
    phone.context.set_offline(False)
    expect(phone.locator("[name=number]")).to_have_value("A1004711")
    phone.locator("button").click()
    expect(phone.locator(".big")).to_contain_text("Stored")
    assert len(taps(office)) == 1
    phone.context.close()


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_no_page_of_rounds_scrolls_sideways_on_a_small_telephone(browser, office, officer, lang):
    officer.post("/site/place", name="o" * 32, title="很长的名字" * 16, kind="office", capacity="0", active="yes")
    page = browser.new_context(viewport={"width": 320, "height": 700}).new_page()
    sign_in(page, office.url, lang)
    for path in ("/rounds", "/rounds/print", *codes(officer)):
        page.goto(office.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
    page.context.close()
