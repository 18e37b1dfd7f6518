"""What several tests of the console stand on; a test's own fixture of the same name goes before."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from hub.accounts.pace import Pace
from hub.database import Database
from hub.web.serve import WebServer
from tests.support.whole import Clock, whole_console


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pace() -> Pace:
    return Pace()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'menshen.db'}")
    await database.start()
    yield database
    await database.stop()


@pytest.fixture
async def server(database: Database, clock: Clock, pace: Pace, tmp_path: Path) -> AsyncIterator[WebServer]:
    async with whole_console(database, clock, pace, tmp_path) as server:
        yield server


@pytest.fixture
async def browser(server: WebServer) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"accept-language": "en"}
    async with httpx.AsyncClient(base_url=server.url, trust_env=False, headers=headers, timeout=60) as client:
        yield client


@pytest.fixture
async def whole(server: WebServer) -> FastAPI:
    """The console with all its pages."""
    return server._app
