"""The pages about privacy in a real browser: what is held, all of it as a file, and somebody erased for good."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest
from playwright.sync_api import Browser, Page, expect

from hub.registry.store import RegistryStore
from tests.hub.web.test_browser import PHONE
from tests.support.browser import chromium
from tests.support.office import KEY, PASSWORD, ServedOffice, served_office
from wire.tokens import TokenKind, token

BADGE = token(KEY, TokenKind.BADGE, "4711")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def office(tmp_path: Path) -> Iterator[ServedOffice]:
    with served_office(tmp_path) as office:
        yield office


@pytest.fixture
def page(browser: Browser, office: ServedOffice) -> Iterator[Page]:
    """A telephone where somebody of HR is signed in and has registered 李雷."""
    context = browser.new_context(viewport=PHONE, locale="en-GB", accept_downloads=True)
    page = context.new_page()
    page.goto(f"{office.url}/sign-in")
    page.get_by_label("Login").fill("hr")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.goto(f"{office.url}/people/new")
    for name, value in (("number", "1001"), ("name", "李雷"), ("telephone", "13812345678"), ("badges", "4711")):
        page.locator(f"input[name={name}]").fill(value)
    page.get_by_role("button", name="Save").click()
    yield page
    context.close()


def at_gates(folder: Path) -> bool:
    """Whether gates know the badge."""
    store = RegistryStore(folder / "registry.db")
    store.open()
    return store.find(BADGE) is not None


def test_what_is_held_about_somebody_is_shown_handed_out_and_erased(page: Page, office: ServedOffice, tmp_path) -> None:
    assert at_gates(tmp_path)
    page.get_by_role("link", name="1001").click()
    page.get_by_role("link", name="What is held about this person").click()
    expect(page.locator("tr", has_text="badges")).to_contain_text("1")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    with zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes())) as file:
        told = msgspec.json.decode(file.read("data.json"))
        assert "李雷" in file.read("data.html").decode()
    assert (told["people"][0]["telephone"], told["badges"][0]["number"]) == ("13812345678", "4711")
    assert "person-seen" in [line["action"] for line in told["audit"]]
    for number, said in (("1002", "That is not this person's number"), ("1001", "What this hub holds about people")):
        page.get_by_label("Type the number 1001").fill(number)
        page.get_by_label("Reason").fill("asked for it")
        page.get_by_role("button", name="Erase for good").click()
        expect(page.locator("main")).to_contain_text(said)
    assert not at_gates(tmp_path)
    page.goto(f"{office.url}/people?all=1")
    expect(page.locator("main")).not_to_contain_text("李雷")
    page.goto(f"{office.url}/people/1/privacy")
    expect(page.locator("main")).to_contain_text("no such record")


def test_only_who_may_sees_hands_out_or_erases_and_the_record_says_so(page: Page, office: ServedOffice) -> None:
    with httpx.Client(base_url=office.url, trust_env=False, headers={"accept-language": "en"}) as client:
        client.post("/sign-in", data={"login": "auditor", "password": PASSWORD})
        assert client.get("/people/1").status_code == 200
        assert "/people/1/privacy" not in client.get("/people/1").text
        csrf = re.search(r'name="csrf" value="([^"]+)"', client.get("/account").text).group(1)
        for path in ("/people/1/privacy", "/privacy"):
            assert client.get(path).status_code == 403
        for step in ("data", "erase"):
            answer = client.post(f"/people/1/{step}", data={"csrf": csrf, "number": "1001", "why": "x"})
            assert answer.status_code == 403
        client.post("/sign-out", data={"csrf": csrf})
        client.post("/sign-in", data={"login": "officer", "password": PASSWORD})
        csrf = re.search(r'name="csrf" value="([^"]+)"', client.get("/account").text).group(1)
        assert client.post("/people/1/data").status_code == 403
        assert client.post("/people/1/data", data={"csrf": csrf}).headers["content-type"] == "application/zip"
        assert client.post("/people/1/erase", data={"csrf": csrf, "number": "1001"}).status_code == 409
        client.post("/sign-out", data={"csrf": csrf})
        client.post("/sign-in", data={"login": "auditor", "password": PASSWORD})
        assert "person-data-handed-out" in client.get("/audit", params={"subject": "person 1"}).text
