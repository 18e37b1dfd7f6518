"""The console's server: what each address answers, and that streams live, tick and end."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import pytest

from hub.board import Snapshot
from hub.database import Database
from hub.web import stream
from hub.web.app import Office, create_app
from hub.web.serve import WebServer
from tests.support.console import ZONE, WrittenBoard, make_database, signed_in
from tests.support.snapshots import bad_day, board, fever
from wire.errors import MenshenError


@pytest.fixture
def written() -> WrittenBoard:
    return WrittenBoard(bad_day())


@pytest.fixture
async def people(tmp_path: Path) -> AsyncIterator[Database]:
    people = await make_database(tmp_path)
    yield people
    await people.stop()


@pytest.fixture
async def server(written: WrittenBoard, people: Database) -> AsyncIterator[WebServer]:
    app = create_app(written, site="baotou-1", version="0.1.0", zone=ZONE, office=Office(people))
    server = WebServer(app, host="127.0.0.1", port=0)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def client(server: WebServer, people: Database) -> AsyncIterator[httpx.AsyncClient]:
    cookies = await signed_in(people)
    async with httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=10, cookies=cookies) as client:
        yield client


async def _events(response: httpx.Response) -> AsyncIterator[bytes]:
    """The data of each server-sent event."""
    rest = b""
    async for chunk in response.aiter_bytes():
        *whole, rest = (rest + chunk).split(b"\n\n")
        for event in whole:
            for line in event.split(b"\n"):
                if line.startswith(b"data: "):
                    yield line[6:]


async def test_the_state_is_the_board_as_json(client: httpx.AsyncClient, written: WrittenBoard) -> None:
    answer = await client.get("/api/state")
    assert msgspec.json.decode(answer.content, type=Snapshot) == written.snapshot()


async def test_health_is_the_process_s_and_readiness_the_hub_s(
    client: httpx.AsyncClient, written: WrittenBoard
) -> None:
    assert (await client.get("/readyz")).status_code == 200
    written.fail(broker="nobody answers on 127.0.0.1:1883")
    unready = await client.get("/readyz")
    assert (unready.status_code, unready.json()) == (503, {"broker": "nobody answers on 127.0.0.1:1883"})
    assert (await client.get("/healthz")).json() == {"status": "ok", "version": "0.1.0"}


@pytest.mark.parametrize("path", ["/", "/api/state", "/healthz", "/static/console.js", "/nowhere"])
async def test_every_answer_carries_the_security_headers(client: httpx.AsyncClient, path: str) -> None:
    headers = (await client.get(path)).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


async def test_what_is_live_is_never_stored_and_what_is_hashed_is_kept(client: httpx.AsyncClient) -> None:
    page = await client.get("/")
    assert page.headers["cache-control"] == "no-store"
    script = page.text.partition('<script defer src="')[2].partition('"')[0]
    assert "immutable" in (await client.get(script)).headers["cache-control"]
    assert (await client.get(script.partition("?")[0])).headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("query", "accepted", "lang"),
    [("?lang=en", "zh", "en"), ("", "en-GB", "en"), ("", "zh-CN", "zh-CN"), ("?lang=xx", "en", "en")],
)
async def test_the_language_is_asked_for_or_preferred(
    client: httpx.AsyncClient, query: str, accepted: str, lang: str
) -> None:
    page = await client.get(f"/{query}", headers={"Accept-Language": accepted})
    assert f'<html lang="{lang}">' in page.text


async def test_a_language_once_chosen_is_remembered(client: httpx.AsyncClient) -> None:
    await client.get("/?lang=en")
    assert '<html lang="en">' in (await client.get("/", headers={"Accept-Language": "zh-CN"})).text


async def test_the_api_pushes_the_board_at_once_and_at_each_change(
    client: httpx.AsyncClient, written: WrittenBoard
) -> None:
    async with client.stream("GET", "/api/live") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        events = _events(response)
        assert msgspec.json.decode(await anext(events), type=Snapshot) == bad_day()
        while not written.readers:
            await asyncio.sleep(0)
        written.write(board(passages=(fever(5000),)))
        assert msgspec.json.decode(await anext(events), type=Snapshot).passages[0].offset == 5000


async def test_the_page_s_stream_sends_all_parts_first_and_then_what_changed(
    client: httpx.AsyncClient, written: WrittenBoard
) -> None:
    async with client.stream("GET", "/live?lang=zh") as response:
        events = _events(response)
        assert json.loads(await anext(events)) == {"version": "0.1.0"}
        assert len(json.loads(await anext(events))) == 5
        changed = msgspec.structs.replace(written.snapshot(), passages=(fever(5000),))
        written.write(changed)
        parts = json.loads(await anext(events))
        while not parts:  # a tick may come before the change
            parts = json.loads(await anext(events))
        assert set(parts) == {"passages"}
        assert "拦下" in parts["passages"]


async def test_a_quiet_page_s_stream_speaks_within_its_tick(client: httpx.AsyncClient) -> None:
    async with client.stream("GET", "/live") as response:
        events = _events(response)
        await anext(events)
        await anext(events)
        before = time.monotonic()
        assert json.loads(await anext(events)) == {}
        assert time.monotonic() - before < 3 * stream.PAGE_TICK_S


async def test_stopping_the_server_ends_its_streams_at_once(
    server: WebServer, client: httpx.AsyncClient, written: WrittenBoard
) -> None:
    async with (
        client.stream("GET", "/api/live") as api,
        client.stream("GET", "/live") as page,
    ):
        first, second = _events(api), _events(page)
        await anext(first)
        await anext(second)
        began = time.monotonic()
        await server.stop()
        assert [event async for event in first] == []
        async for _ in second:  # what was already on its way
            pass
        assert time.monotonic() - began < 2.0
    assert written.readers == 0


async def test_a_client_that_leaves_is_no_longer_followed(client: httpx.AsyncClient, written: WrittenBoard) -> None:
    async with client.stream("GET", "/api/live") as response:
        await anext(_events(response))
        async with asyncio.timeout(5):
            while written.readers != 1:
                await asyncio.sleep(0.01)
    async with asyncio.timeout(5):
        while written.readers:
            await asyncio.sleep(0.01)


async def test_an_address_that_is_taken_is_said_so(server: WebServer, written: WrittenBoard, people: Database) -> None:
    port = int(server.url.rpartition(":")[2])
    app = create_app(written, site="baotou-1", version="0.1.0", office=Office(people))
    second = WebServer(app, host="127.0.0.1", port=port)
    with pytest.raises(MenshenError, match=f"cannot listen on 127.0.0.1 port {port}: .*in use"):
        await second.start()


async def test_following_ends_with_what_is_followed_and_ticks_in_between() -> None:
    go = asyncio.Event()

    async def changes() -> AsyncIterator[int]:
        yield 1
        await go.wait()
        yield 2

    seen: list[int | None] = []
    async for value in stream.follow(changes(), asyncio.Event(), tick_s=0.01):
        seen.append(value)
        if value is None:
            go.set()
    assert [value for value in seen if value is not None] == [1, 2]
    assert None in seen


async def test_following_a_source_that_fails_passes_the_failure_on() -> None:
    async def changes() -> AsyncIterator[int]:
        yield 1
        raise OSError("the board is gone")

    with pytest.raises(OSError, match="the board is gone"):
        async for _ in stream.follow(changes(), asyncio.Event(), tick_s=1):
            pass
