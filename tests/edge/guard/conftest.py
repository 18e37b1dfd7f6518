"""A browser for the pages of this room.

Playwright holds the event loop for as long as the browser lives: a module with a browser has no async tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.support.browser import chromium
from tests.support.guard import ServedGuard


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Makes pages that ask nobody but the gate, and whose scripts and styles are all allowed."""
    contexts, said, strangers = [], [], []

    def make(guard: ServedGuard, width: int = 1280, height: int = 800) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, locale="en-GB")
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(8000)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("console", lambda message: said.append(message.text) if "Security Policy" in message.text else None)
        page.on(
            "request",
            lambda request: strangers.append(request.url) if not request.url.startswith((guard.url, "data:")) else None,
        )
        return page

    yield make
    for context in contexts:
        context.close()
    assert said == []
    assert strangers == []
