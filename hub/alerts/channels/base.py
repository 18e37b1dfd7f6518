"""The boundary of a channel: what it must be able to do, what all of them share, and how they speak HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Protocol

import httpx
import msgspec
from msgspec import Meta, Struct

from hub.alerts.outbox import Message
from hub.alerts.replies import Marks
from hub.alerts.texts import Lang
from wire.errors import DeliveryError

ChannelName = Annotated[str, Meta(min_length=1, max_length=64)]
Url = Annotated[str, Meta(pattern=r"^https?://[^\s/]+")]
Seconds = Annotated[float, Meta(gt=0, le=120)]
PerMinute = Annotated[int, Meta(ge=1, le=100_000)]


class Common(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every channel can be told. `lang` is that of its texts, where the receiver has none of their own."""

    name: ChannelName
    lang: Lang = "zh"
    timeout_s: Seconds = 10.0
    per_min: PerMinute = 60
    """Messages a minute at most; what comes faster is put together."""


class Context(Struct, frozen=True):
    """What channels need to know of the site; the clock is handed in."""

    zone: str | None = None
    now_s: Callable[[], float] = time.time
    marks: Marks | None = None
    """What messages carry that may be acknowledged by an answer."""


NOWHERE = Context()
"""Of a site that says nothing of itself."""


class Channel(Protocol):
    """One way to tell somebody."""

    name: str
    per_min: int

    async def send(self, message: Message) -> str:
        """Deliver, and return what the other side said. Raises `DeliveryError` when it did not take it."""
        ...

    async def close(self) -> None: ...


class Http:
    """HTTP for channels: one client each, bounded in time, with answers that are judged by the service's own rules."""

    def __init__(self, settings: Common, context: Context) -> None:
        self.name = settings.name
        self.per_min = settings.per_min
        self._context = context
        self._lang = settings.lang
        self._timeout_s = settings.timeout_s
        self._client = httpx.AsyncClient(timeout=settings.timeout_s)

    async def close(self) -> None:
        await self._client.aclose()

    def lang(self, message: Message) -> Lang:
        return "en" if (message.lang or self._lang) == "en" else "zh"

    async def post(self, url: str, content: bytes, headers: Mapping[str, str]) -> httpx.Response:
        """The answer to a POST, of a success only. Raises `DeliveryError`."""
        answer = await self.ask(url, content, headers)
        if not answer.is_success:
            raise DeliveryError(said(answer), retry=may_retry(answer.status_code), pause_s=pause_s(answer))
        return answer

    async def ask(self, url: str, content: bytes, headers: Mapping[str, str], method: str = "POST") -> httpx.Response:
        """The answer to a request, whatever it is. Raises `DeliveryError` when there is none."""
        try:
            async with asyncio.timeout(self._timeout_s):  # httpx's own begins anew with each byte
                return await self._client.request(method, url, content=content, headers=dict(headers))
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            # The address may hold a token, which is not for the log.
            text = f"{type(error).__name__}: {str(error).replace(url, '…')}"
            raise DeliveryError(text, retry=True, lost=was_sent(error)) from error

    async def post_json(
        self, url: str, value: object, *, refusals_with_4xx: bool = False
    ) -> tuple[httpx.Response, dict[str, Any]]:
        """The answer to a POST of JSON, with the object in its body. Raises `DeliveryError`; no object is no success.

        With `refusals_with_4xx` the service may refuse by status too, and the body still says why.
        """
        headers = {"Content-Type": "application/json; charset=utf-8"}
        ask = self.ask if refusals_with_4xx else self.post
        answer = await ask(url, msgspec.json.encode(value), headers)
        if answer.status_code in {408, 425, 429} or answer.status_code >= 500:
            raise DeliveryError(said(answer), retry=True, pause_s=pause_s(answer))
        return answer, object_in(answer)


def object_in(answer: httpx.Response) -> dict[str, Any]:
    """The JSON object in an answer. Raises `DeliveryError`: a service that says something else is not itself."""
    try:
        found = msgspec.json.decode(answer.content)
    except msgspec.DecodeError:
        found = None
    if not isinstance(found, dict):
        raise DeliveryError(f"expected a JSON object; {said(answer)}", retry=True)
    return found


def said(answer: httpx.Response) -> str:
    """What a service said, in short."""
    return f"HTTP {answer.status_code}: {answer.text[:200]}"


def was_sent(error: BaseException) -> bool:
    """Whether a request may have reached the service although no answer came."""
    never = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.InvalidURL)
    return not isinstance(error, never)


def may_retry(status: int) -> bool:
    """Whether an HTTP status may be another when it is tried again (RFC 9110, 15; RFC 8470 for 425; RFC 6585 for
    429)."""
    return status in {408, 425, 429} or status >= 500


def secret(path: str | None) -> bytes | None:
    """The secret in a file. Raises `DeliveryError`: nothing is sent unsigned that was to be signed."""
    if path is None:
        return None
    try:
        return Path(path).read_bytes().strip()
    except OSError as error:
        raise DeliveryError(f"secret file {path}: {error.strerror}", retry=True) from error


def needed_secret(path: str) -> str:
    """The text in a secret file. Raises `DeliveryError`, also for an empty one."""
    found = (secret(path) or b"").decode("utf-8", "replace")
    if not found:
        raise DeliveryError(f"secret file {path}: is empty", retry=True)
    return found


def pause_s(answer: httpx.Response) -> float:
    """How long a service wants to be left alone (Retry-After in seconds, RFC 9110, 10.2.3), at most an hour."""
    if answer.status_code not in {429, 503}:
        return 0.0
    try:
        return min(3600.0, max(0.0, float(answer.headers.get("Retry-After", "0"))))
    except ValueError:
        return 0.0
