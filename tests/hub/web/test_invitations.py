"""Visitors who register themselves: invited by a link, the form on their telephone, the word here, and the pass."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from tests.hub.rounds.test_plan import at
from tests.hub.web.test_people import Client
from tests.hub.web.test_rounds import PHONE, hidden, telephone
from tests.hub.web.test_worker import Now, entry_of, sign_in
from tests.support.browser import chromium
from tests.support.office import KEY, ServedOffice, served_office
from wire.registry import Flag
from wire.tokens import TokenKind, token

pytestmark = pytest.mark.usefixtures("cheap_passwords")
VISIT = {"host": "李雷", "day": "2020-02-11", "from": "8:00", "until": "18:00"}
FILLED = {
    "name": "张三", "telephone": "138", "company": "北方泵业", "reason": "修锅炉", "plate": "蒙B·12345",
    "travelled": "no", "contact": "no",
}  # fmt: skip


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
    client.post("/people", number="1", name="李雷", active="yes")
    client.post("/site/area", name="湖北")
    yield client
    client.http.close()


def invited(officer: Client, **change: str) -> str:
    """The visitor's link."""
    made = officer.post("/invitations", **VISIT | change)
    assert made.status_code == 303, made.text
    return re.search(r'href="[^"]*(/visit/[^"]+)"', officer.get(made.headers["location"])).group(1)


def fill(phone: httpx.Client, link: str, **change: str) -> httpx.Response:
    page = phone.get(link)
    return phone.post(link, data={**hidden(page.text), **FILLED, **change})


def number_of(officer: Client) -> str:
    return re.search(r'data-number="(\d+)"', officer.get("/invitations")).group(1)


def test_a_visitor_fills_in_the_form_is_approved_and_has_the_pass_at_the_same_link(office, officer, clock):
    link, phone = invited(officer), telephone(office)
    assert "李雷" not in phone.get(link).text, "a link that is forwarded names nobody"
    assert fill(phone, link).status_code == 303
    assert "Wait for the site" in phone.get(link).text
    page = officer.get("/invitations")
    for words in ("张三", "北方泵业", "修锅炉", "蒙B12345"):
        assert words in page
    assert officer.post(f"/invitations/{number_of(officer)}/approve").status_code == 303
    passed = phone.get(link)
    assert passed.headers["location"].startswith("/pass/V")
    number = passed.headers["location"].removeprefix("/pass/")
    assert "<svg" in phone.get(passed.headers["location"]).text
    entry = entry_of(office, number)
    assert (entry.from_ns, entry.until_ns) == (at("2020-02-11 08:00"), at("2020-02-11 18:00"))
    assert (entry.reason_stated, entry.hosted) == (True, True)
    assert "张三" in officer.get("/visitors")
    lorry = office.entry(token(KEY, TokenKind.PLATE, "蒙B12345"))
    assert (lorry.from_ns, lorry.until_ns) == (at("2020-02-11 08:00"), at("2020-02-11 18:00"))
    assert "invitation-approved" in Client(office.url, "auditor").get("/audit")
    clock.now_ns = at("2020-02-12")
    assert "This invitation is over" in phone.get(link).text


def test_a_visitor_may_change_the_form_until_it_is_decided_and_not_after(office, officer):
    link, phone = invited(officer), telephone(office)
    fill(phone, link)
    assert (
        phone.post(link, data={**hidden(phone.get(f"{link}?change=1").text), **FILLED, "name": "李四"}).status_code
        == 303
    )
    assert "李四" in officer.get("/invitations")
    number = number_of(officer)
    assert officer.post(f"/invitations/{number}/refuse").status_code == 303
    assert "You cannot come this time" in phone.get(link).text
    phone.post(link, data={**hidden(phone.get("/r/none").text), **FILLED})
    for step in ("approve", "refuse"):
        assert officer.post(f"/invitations/{number}/{step}").status_code == 404
    assert "张三" not in officer.get("/visitors")


def test_whoever_comes_from_a_listed_area_is_shown_as_such_before_anybody_decides(office, officer):
    link = invited(officer)
    fill(telephone(office), link, travelled="yes", **{"travelled-what": "湖北武汉，2月1日返回"})
    page = officer.get("/invitations")
    assert "Was in a listed area" in page
    assert "湖北武汉" in page


def test_a_registered_vehicle_keeps_its_own_permission(office, officer):
    officer.post("/vehicles", plate="蒙B12345", owner="本厂", active="yes")
    fill(telephone(office), invited(officer))
    officer.post(f"/invitations/{number_of(officer)}/approve")
    entry = office.entry(token(KEY, TokenKind.PLATE, "蒙B12345"))
    assert entry.until_ns is None
    assert "本厂" in officer.get("/vehicles")


def test_what_is_missing_is_told_at_its_field_and_a_link_that_is_none_opens_nothing(office, officer):
    link, phone = invited(officer), telephone(office)
    answer = fill(phone, link, name="", plate="?", contact="yes", company="<b>x")
    assert answer.status_code == 400
    for words in ("is missing", "expected a plate", "NOT STORED", "&lt;b&gt;x"):
        assert words in answer.text
    assert phone.get(link[:-1]).status_code == 404
    assert phone.get("/visit/1-1-aaaaaaaaaaaaaaaa").status_code == 404
    assert phone.post(link, data=FILLED).status_code == 403
    wrong = officer.post("/invitations", **VISIT | {"host": "谁", "until": "7:00"})
    assert wrong.status_code == 400
    assert "nobody who is registered" in wrong.text
    assert officer.get("/invitations").count("data-number") == 0, "nothing is filled in, nothing waits"


@pytest.mark.parametrize(("where", "refused"), [("湖北 黄冈，2 月 5 日返回", True), ("呼和浩特", False)])
def test_what_a_visitor_tells_of_journeys_is_held_against_the_list_of_areas_at_the_gates(
    office, officer, where, refused
):
    phone, link = telephone(office), invited(officer)
    fill(phone, link, travelled="yes", **{"travelled-what": where})
    assert ("gates refuse them" in officer.get("/invitations")) is refused
    officer.post(f"/invitations/{number_of(officer)}/approve")
    number = re.search(r"/pass/(V[A-Z2-7]+)", officer.get("/visitors")).group(1)
    flags = entry_of(office, number).flags
    assert (Flag.QUARANTINE in flags, Flag.LISTED_AREA in flags) == (refused, refused)


# -- in a real browser -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.mark.parametrize(("lang", "width", "javascript"), [("zh", 320, False), ("en", 1280, True)])
def test_from_the_host_s_link_to_the_qr_code_at_the_gate(browser, office, officer, lang, width, javascript):
    said: list[str] = []
    desk = browser.new_context(viewport={"width": width, "height": 800}).new_page()
    desk.on("console", lambda message: said.append(message.text))
    sign_in(desk, office.url, lang)
    desk.goto(f"{office.url}/invitations")
    desk.locator("[name=host]").fill("李雷")
    desk.locator("[name=day]").fill("2020-02-11")
    desk.locator("main form.sheet button").click()
    link = desk.locator(".command a").get_attribute("href")
    assert desk.evaluate("document.documentElement.scrollWidth") <= width
    locale = "zh-CN" if lang == "zh" else "en-GB"
    phone = browser.new_context(viewport=PHONE, locale=locale, java_script_enabled=javascript).new_page()
    phone.on("console", lambda message: said.append(message.text))
    phone.goto(link)
    for name in ("name", "telephone", "company", "reason", "plate"):
        phone.locator(f"[name={name}]").fill(FILLED[name])
    for name in ("travelled", "contact"):
        phone.locator(f"[name={name}][value=no]").check()
    phone.locator("main button").click()
    expect(phone.locator(".big")).to_contain_text("已提交" if lang == "zh" else "Stored")
    desk.goto(f"{office.url}/invitations")
    assert desk.evaluate("document.documentElement.scrollWidth") <= width
    desk.locator("[data-number] button.first").click()
    phone.goto(link)
    expect(phone.locator("figure.code svg")).to_be_visible()
    picture = cv2.imdecode(np.frombuffer(phone.locator("figure.code").screenshot(), np.uint8), cv2.IMREAD_COLOR)
    read, _, _ = cv2.QRCodeDetector().detectAndDecode(picture)
    assert entry_of(office, read).until_ns == at("2020-02-11 18:00")
    phone.context.close()
    desk.context.close()
    assert said == []
