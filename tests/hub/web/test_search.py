"""The search over everything, of a whole hub: what a role may not see is not found, and health data leaves a line."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.hub.web.test_people import Client
from tests.support.browser import chromium
from tests.support.events import fever
from tests.support.hubs import RunningHub, badge, running_hub

pytestmark = pytest.mark.usefixtures("cheap_passwords")


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[RunningHub]:
    with running_hub(tmp_path) as hub:
        officer = Client(hub.url, "officer")
        officer.add(number="1001", name="李雷", badges="B1", telephone="13900001234")
        officer.add(number="1002", name="韩梅梅", badges="B2")
        officer.post("/vehicles", plate="蒙B12345", owner="李雷", active="yes")
        hub.say(replace(fever(1, time.time_ns()), badge=badge("B1")))
        hub.read("cases")
        hub.read("alerts")
        yield hub


def kinds(page: str) -> list[str]:
    return re.findall(r'id="found-(\w+)"', page)


def test_one_word_finds_person_vehicle_case_and_alert_and_each_leads_there(hub):
    officer = Client(hub.url, "officer")
    page = officer.get("/search?q=李雷")
    assert kinds(page) == ["people", "vehicles", "cases", "alerts"]
    assert "韩梅梅" not in page
    for path in re.findall(r'href="(/(?:people|vehicles|cases|alerts)/\d+)"', page):
        assert officer.http.get(path).status_code == 200, path
    assert kinds(officer.get("/search?q=发热")) == ["alerts"]
    assert "Nothing that you may see matches" in officer.get("/search?q=<b>nobody</b>")
    assert "<b>nobody" not in officer.get("/search?q=<b>nobody</b>")
    for nothing in ("", "?q=", "?q=%00", "?q=%20"):
        assert kinds(officer.get(f"/search{nothing}")) == []


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("guard", ["people", "vehicles"]),
        ("admin", []),
        ("auditor", ["people", "vehicles", "cases", "alerts"]),
        ("hr", ["people", "vehicles", "cases", "alerts"]),
    ],
)
def test_what_a_role_may_not_see_is_not_found(hub, role, expected):
    assert kinds(Client(hub.url, role).get("/search?q=李雷")) == expected


def test_who_finds_a_case_or_a_fever_is_in_the_record_and_what_was_typed_is_not(hub):
    auditor = Client(hub.url, "auditor")
    Client(hub.url, "guard").get("/search?q=13900001234")
    assert "-found" not in auditor.get("/audit?who=guard")
    Client(hub.url, "hr").get("/search?q=13900001234")
    record = auditor.get("/audit?who=hr")
    assert re.search(r"case-found\"[^/]*</td><td><a href=\"/cases/\d+\">isolation \d+<", record)
    assert re.search(r"fever-found\"[^/]*</td><td><a href=\"/people/\d+\">person \d+<", record)
    assert "13900001234" not in record


def test_the_search_is_at_hand_and_whole_on_a_telephone_and_a_desk(hub, tmp_path):
    with chromium() as browser:
        for lang, size in (("zh-CN", (360, 740)), ("en-US", (1280, 800))):
            context = browser.new_context(locale=lang, base_url=hub.url, viewport={"width": size[0], "height": size[1]})
            page = context.new_page()
            page.goto("/sign-in")
            page.fill('input[name="login"]', "officer")
            page.fill('input[name="password"]', "correct horse battery")
            page.press('input[name="password"]', "Enter")
            page.wait_for_url(lambda url: "sign-in" not in url)
            page.goto("/alerts")
            page.fill('main input[type="search"]', "李雷")
            page.press('main input[type="search"]', "Enter")
            page.wait_for_selector("#found-cases")
            assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
            page.screenshot(path=tmp_path / f"search-{size[0]}.png", full_page=True)
            context.close()
