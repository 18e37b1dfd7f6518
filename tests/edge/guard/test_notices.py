"""The hub's notices on the guard's own page, in a real browser: shown in the reader's language, with their picture."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from tests.support.guard import PASSWORD, ServedGuard, served_guard
from wire import topics
from wire.link import Arrival
from wire.messages import SCHEMA_VERSION, encode
from wire.notices import Notice, Notices
from wire.registry import digest_of

PNG = (Path(__file__).parents[2] / "support" / "notice.png").read_bytes()
SITE = "baotou-1"


@pytest.fixture(scope="module")
def guard() -> Iterator[ServedGuard]:
    with served_guard("people") as guard:
        yield guard


def hear(guard: ServedGuard, version: int, *notices: Notice) -> None:
    message = encode(Notices(SCHEMA_VERSION, version, list(notices)))
    guard.do(guard.gate.notices.hear(None, Arrival(topics.notices(SITE), message)))


@pytest.mark.parametrize(("lang", "words"), [("zh", "请佩戴口罩"), ("en", "Wear your mask <b>")])
def test_a_notice_is_on_the_guard_s_page_within_seconds_and_goes_when_it_is_withdrawn(guard, new_page, lang, words):
    page = new_page(guard, 390, 844)
    page.goto(f"{guard.url}/login?lang={lang}")
    page.locator("#password").fill(PASSWORD)
    page.locator("form.login button").click()
    page.wait_for_url(f"{guard.url}/")
    now_ns, digest = time.time_ns(), digest_of(PNG)
    one = Notice(1, now_ns, now_ns + 3600 * 10**9, zh="请佩戴口罩", en="Wear your mask <b>", picture=digest)
    version = now_ns
    hear(guard, version, one)
    guard.do(guard.gate.notices.hear(None, Arrival(topics.notices(SITE, digest), PNG)))
    expect(page.locator(".notice")).to_contain_text(words, timeout=15_000)
    assert page.locator(".notice img").evaluate("image => image.decode().then(() => image.naturalWidth)") == 240
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    hear(guard, version + 1)
    expect(page.locator(".notice")).to_have_count(0, timeout=15_000)


def test_a_picture_of_a_notice_is_shown_to_nobody_without_a_session(guard):
    assert httpx.get(f"{guard.url}/notices/{digest_of(PNG)}", trust_env=False).status_code in {303, 401}
