"""The live terminal view of a hub: a full screen on a terminal, one plain line per event anywhere else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import tzinfo
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx
import msgspec
from msgspec import Struct
from rich.console import Console
from rich.live import Live

from hub.board import Snapshot
from hub.web.stream import KEEP_ALIVE_S
from hub.web.terminal import Screen, lines, opening_lines
from hub.web.words import Lang, say
from wire.errors import MenshenError

FRAME_S = 0.25
"""The screen is drawn this often: often enough for a person, cheap enough for a Pi."""
RETRY_FIRST_S = 0.5
RETRY_LAST_S = 5.0
STALE_S = 2 * KEEP_ALIVE_S
_TIMEOUT = httpx.Timeout(5.0, read=3 * KEEP_ALIVE_S)
_CLOSED = {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}
NOT_LET_IN = (
    "the hub asks for a token that is good for its board: make one on its machine with `menshen hub token add hub.toml "
    "watch --may board`, and give it by --token-file or in MENSHEN_TOKEN"
)
_decode = msgspec.json.Decoder(Snapshot).decode


class Hub(NamedTuple):
    """Where a hub's console is, and the token that it knows us by."""

    url: str
    token: str = ""


class Seen(Struct):
    """What the view knows at the moment: the last board, when it and the last sign of life came, and what is wrong."""

    snapshot: Snapshot | None = None
    board_s: float = 0.0
    heard_s: float = 0.0
    trouble: str = ""


def run(
    url: str,
    *,
    token: str = "",
    lang: Lang = "en",
    console: Console | None = None,
    zone: tzinfo | None = None,
) -> int:
    """Watch the hub at `url` until Ctrl-C; the exit code is 0. Times are shown in `zone` (None: this machine's)."""
    try:
        asyncio.run(watch(Hub(checked(url), token), lang=lang, console=console, zone=zone))
    except KeyboardInterrupt:
        return 0
    return 0


async def watch(hub: Hub, *, lang: Lang = "en", console: Console | None = None, zone: tzinfo | None = None) -> None:
    """Watch until cancelled; the terminal is left as it was found."""
    console = console or Console()
    if console.is_terminal and not console.is_dumb_terminal:
        await _draw(hub, lang, console, zone)
    else:
        await _print(hub, lang, console, zone)


def checked(url: str) -> str:
    """The address without a slash at its end; `MenshenError` where it is none that a hub can have."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise MenshenError(f"{url!r} is no address of a hub: expected something like http://127.0.0.1:8080")
    return url.rstrip("/")


def metrics(hub: Hub) -> str:
    """What Prometheus reads of the hub, once. Raises `MenshenError`."""
    url, headers = f"{checked(hub.url)}/api/metrics", _headers(hub)
    try:
        answer = httpx.get(url, headers=headers, timeout=_TIMEOUT)
    except httpx.HTTPError as error:
        raise MenshenError(f"{url}: {str(error) or type(error).__name__}") from error
    if answer.status_code in _CLOSED:
        raise MenshenError(NOT_LET_IN)
    if answer.status_code != httpx.codes.OK or "menshen_" not in answer.text:
        raise MenshenError(f"{url}: HTTP {answer.status_code} and no metrics; expected the console of a hub there")
    return answer.text


def _headers(hub: Hub) -> dict[str, str]:
    return {"Authorization": f"Bearer {hub.token}"} if hub.token else {}


async def _draw(hub: Hub, lang: Lang, console: Console, zone: tzinfo | None) -> None:
    seen = Seen()

    def frame() -> Screen:
        age_s = time.monotonic() - seen.heard_s if seen.snapshot else 0.0
        broken = bool(seen.trouble) or age_s > STALE_S
        board = seen.snapshot if broken else _advanced(seen.snapshot, time.monotonic() - seen.board_s)
        return Screen(board, lang=lang, url=hub.url, zone=zone, age_s=age_s, broken=broken)

    async with asyncio.TaskGroup() as tasks:
        reader = tasks.create_task(_keep_reading(hub, seen))
        try:
            with Live(frame(), console=console, screen=True, auto_refresh=False) as live:
                while not reader.done():
                    live.update(frame(), refresh=True)
                    await asyncio.sleep(FRAME_S)
        finally:
            reader.cancel()


async def _keep_reading(hub: Hub, seen: Seen) -> None:
    async for item in boards(hub):
        if isinstance(item, str):
            seen.trouble = item
        else:
            seen.trouble, seen.heard_s = "", time.monotonic()
            if item is not None:
                seen.snapshot, seen.board_s = item, seen.heard_s


def _advanced(snapshot: Snapshot | None, seconds: float) -> Snapshot | None:
    """The same board that much later: a quiet hub sends nothing, and its clock goes on."""
    if snapshot is None:
        return None
    return msgspec.structs.replace(snapshot, time_ns=snapshot.time_ns + int(seconds * 1e9))


async def _print(hub: Hub, lang: Lang, console: Console, zone: tzinfo | None) -> None:
    def put(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True, emoji=False)

    last: Snapshot | None = None
    trouble = ""
    put(say(lang, "connecting", url=hub.url))
    async for item in boards(hub):
        if isinstance(item, str):
            if item != trouble:  # the same fault is said once, not at every attempt
                put(say(lang, "lost", why=item))
            trouble = item
            continue
        trouble = ""
        if item is None:
            continue
        for line in lines(last, item, lang, zone) if last else opening_lines(item, lang, zone):
            put(line)
        last = item


async def boards(hub: Hub) -> AsyncIterator[Snapshot | str | None]:
    """Every board that the hub sends, None for its other signs of life, a sentence for a fault; it never gives up."""
    retry_s, headers = RETRY_FIRST_S, _headers(hub)
    # The hub is on the site's own network: a proxy of the environment is not meant for it.
    async with httpx.AsyncClient(timeout=_TIMEOUT, trust_env=False, headers=headers) as client:
        while True:
            try:
                async with client.stream("GET", f"{hub.url}/api/live") as response:
                    response.raise_for_status()
                    async for line in _lines(response.aiter_bytes()):
                        retry_s = RETRY_FIRST_S
                        yield _decode(line[6:]) if line.startswith(b"data: ") else None
                yield "the hub ended the stream"
            except httpx.HTTPStatusError as error:
                status = error.response.status_code
                yield NOT_LET_IN if status in _CLOSED else f"{hub.url} answers {status}"
            except httpx.HTTPError as error:
                yield str(error) or type(error).__name__
            except msgspec.MsgspecError as error:
                yield f"what {hub.url} sends is no board of this version: {error}"
            await asyncio.sleep(retry_s)
            retry_s = min(2 * retry_s, RETRY_LAST_S)


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Lines ended by a line feed and by nothing else: httpx's own also split at U+2028, which JSON may hold."""
    rest = b""
    async for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line
