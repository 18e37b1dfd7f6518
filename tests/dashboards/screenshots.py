"""`python -m tests.dashboards.screenshots`: every board in both languages, as the console draws it, as small PNGs."""

from __future__ import annotations

import argparse
import io
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser

from dashboards.boards import BOARDS
from dashboards.preview import make_app, sample
from tests.support.apps import served_app
from tests.support.browser import chromium

HERE = Path(__file__).parents[2] / "dashboards" / "pictures"
DESK, TELEPHONE = (1440, 900), (390, 844)
COLOURS = 64
DAYS = 7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--theme", choices=["dark", "light"], default="dark")
    parser.add_argument("--data", type=Path, help="where the simulated days are kept; made anew without it")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        app = make_app(sample(arguments.data or Path(folder), DAYS))
        with served_app(app) as url, chromium() as browser:
            for lang in ("zh", "en"):
                take(browser, url, lang, arguments.theme, arguments.out)


def take(browser: Browser, url: str, lang: str, theme: str, out: Path) -> None:
    context = browser.new_context(color_scheme=theme)
    page = context.new_page()
    for board in BOARDS:
        width, height = TELEPHONE if board.name == "phone" else DESK
        page.set_viewport_size({"width": width, "height": height})
        page.goto(f"{url}/boards/{board.name}?lang={lang}")
        page.wait_for_selector("#board[data-drawn]")
        page.wait_for_timeout(300)
        path = out / f"{board.name}-{lang}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        shot = page.locator("#board").screenshot()
        small = Image.open(io.BytesIO(shot)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        small.save(path, optimize=True)
        print(f"{path}: {path.stat().st_size // 1024} kB")
    context.close()


if __name__ == "__main__":
    main()
