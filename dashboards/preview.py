"""`menshen boards preview`: the console's boards over simulated days, on this machine, for nobody but who asks."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import webbrowser
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

from fastapi import FastAPI, Request, Response
from starlette.staticfiles import StaticFiles

from dashboards.console import ConsoleBoards
from dashboards.sample import Sample
from hub.web.access import Denied, html_response
from hub.web.app import SecurityHeaders, language
from hub.web.dashboard import add_board_pages
from hub.web.page import STATIC, Page
from hub.web.serve import WebServer
from wire.errors import MenshenError
from wire.process import run as run_until_stopped

ZONE = "Asia/Shanghai"
SEED = 20200210
_TOWN = """site = "town"
sites = 4
gates = 3
people = 160
vehicles = 30
"""


def preview(data: Path, port: int, days: int) -> int:
    """Serve until Ctrl-C; the exit code."""
    app = make_app(sample(data, days))
    run_until_stopped(_serve(app, port))
    return 0


def sample(data: Path, days: int, seed: int = SEED) -> Sample:
    """The simulated days in a folder, made if they are not there. Raises `MenshenError`."""
    folder = data / f"run-{days}-{seed}"
    if not (folder / "run.json").exists():
        data.mkdir(parents=True, exist_ok=True)
        plant = data / "town.toml"
        plant.write_text(_TOWN)
        print(f"Simulating {days} days of four plants (once) …")
        command = [sys.executable, "-m", "menshen", "sim", "run", "--plant", str(plant), "--seed", str(seed)]
        done = subprocess.run(  # noqa: S603 - our own command
            [*command, "--days", str(days), "--out", str(folder)], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise MenshenError(f"menshen sim run: {done.stderr.strip() or done.stdout.strip()}")
    return Sample(folder, ZoneInfo(ZONE))


def make_app(found: Sample) -> FastAPI:
    """A console with nothing but its boards, open to whoever reaches it."""
    app = FastAPI(title="Menshen", version="preview", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.closing = asyncio.Event()
    app.add_middleware(SecurityHeaders)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    page = Page(site="preview", version="preview", zone=found.zone)
    boards = ConsoleBoards(found, None, ZONE, lambda: found.now_ns)

    def draw(request: Request, _who: object, **values: object) -> Response:
        lang = language(request)
        return html_response(page.office("boards.html", lang, found.now_ns, "boards", None, "/boards", **values), lang)

    async def anybody(_request: Request) -> None:
        return None

    @app.exception_handler(Denied)
    async def denied(_request: Request, error: Exception) -> Response:
        assert isinstance(error, Denied), "what it is registered for"
        return Response(error.why, error.status)

    add_board_pages(app, boards, anybody, draw, language)
    return app


async def _serve(app: FastAPI, port: int, open_page: Callable[[str], object] = webbrowser.open) -> None:
    server = WebServer(app, host="127.0.0.1", port=port)
    await server.start()
    print(f"The boards, with simulated days: {server.url}/boards  (Ctrl-C ends it)")
    open_page(f"{server.url}/boards")
    try:
        await asyncio.Event().wait()
    finally:
        await server.stop()
