"""The real browser that pages are tried in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync"]  # fmt: skip


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, without a window; skips the test loudly where there is none."""
    if not CHROMIUM.exists():
        if os.environ.get("MENSHEN_REQUIRE_ALL") == "1":
            pytest.fail(f"{CHROMIUM} is missing and MENSHEN_REQUIRE_ALL=1: install the package chromium")
        pytest.skip(f"{CHROMIUM} is missing: the page was NOT tried in a browser; install the package chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), headless=True, args=ARGS)
        yield browser
        browser.close()
