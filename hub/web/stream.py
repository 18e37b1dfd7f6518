"""Server-sent events (WHATWG HTML, 9.2): the board as JSON for programs, as page fragments for the console.

A stream ends when its client leaves, when the board ends, or when `closing` is set: the server's shutdown must not
wait for a page that somebody left open.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import suppress
from typing import Any, TypeVar

import msgspec

from hub.board import Snapshot

T = TypeVar("T")

KEEP_ALIVE_S = 5.0
"""A silent stream says this often that it lives; a reader may take three times as long for death."""
RETRY_MS = 2000
PAGE_TICK_S = 1.0
"""The page's clock moves, and with it everything that says how long ago something was."""
PAGE_PACE_S = 0.4
"""A page is not redrawn more often; what happens in between comes with the next redraw."""

_HELLO = f"retry: {RETRY_MS}\n\n".encode()
_ALIVE = b": alive\n\n"
_json = msgspec.json.Encoder()


async def snapshots(
    now: Callable[[], Snapshot], changes: AsyncIterator[Snapshot], closing: asyncio.Event
) -> AsyncGenerator[bytes, None]:
    """The board as JSON: at once, then at each change, with comments in between as a sign of life."""
    yield _HELLO + message(now())
    async for snapshot in follow(changes, closing, tick_s=KEEP_ALIVE_S):
        yield _ALIVE if snapshot is None else message(snapshot)


async def fragments(
    draw: Callable[[], dict[str, str]], changes: AsyncIterator[object], closing: asyncio.Event, *, version: str
) -> AsyncGenerator[bytes, None]:
    """The page's parts, id to HTML: all at first, then what differs, every second at least."""
    yield _HELLO + message({"version": version}, event="hello")
    shown = draw()
    yield message(shown)
    async for _ in follow(changes, closing, tick_s=PAGE_TICK_S):
        parts = draw()
        yield message({key: html for key, html in parts.items() if shown.get(key) != html})
        shown = parts
        if await _came(closing, PAGE_PACE_S):
            return


def message(value: object, event: str = "") -> bytes:
    """One event with the value as JSON, which has no line breaks of its own: one `data` line holds it."""
    head = f"event: {event}\n".encode() if event else b""
    return head + b"data: " + _json.encode(value) + b"\n\n"


async def follow(changes: AsyncIterator[T], closing: asyncio.Event, *, tick_s: float) -> AsyncIterator[T | None]:
    """Pass on what `changes` yields, and None after each `tick_s` without; end with it or when `closing` is set."""
    ended: asyncio.Future[Any] = asyncio.ensure_future(closing.wait())
    coming: asyncio.Future[T] | None = None
    try:
        while not closing.is_set():
            coming = coming or asyncio.ensure_future(anext(changes))
            await asyncio.wait([ended, coming], timeout=tick_s, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                return
            if not coming.done():
                yield None
                continue
            try:
                value = coming.result()
            except StopAsyncIteration:
                return
            coming = None
            yield value
    finally:
        await _cancel(ended, coming)


async def _cancel(*tasks: asyncio.Future[Any] | None) -> None:
    running = [task for task in tasks if task is not None]
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def _came(event: asyncio.Event, timeout_s: float) -> bool:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), timeout_s)
    return event.is_set()
