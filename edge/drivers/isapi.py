"""ISAPI, the HTTP interface of Hikvision cameras, terminals and barriers: what drivers of such devices share.

    async with Isapi(settings) as device:
        async for alert in device.alerts():      # for ever, heartbeats left out; DriverError when the device is gone
            …
        await device.put("/ISAPI/Parking/channels/1/barrierGate", "<BarrierGate>…")

`GET /ISAPI/Event/notification/alertStream` answers with parts for ever (`edge.drivers.multipart`): events as JSON or
XML, each followed by its pictures. Nothing is kept between two connections: whoever must not miss an event asks for
what it missed (`post("/ISAPI/AccessControl/AcsEvent", …)`), counting by serial numbers.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import stat
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Self
from xml.etree import ElementTree

import httpx
import msgspec
import structlog
from msgspec import Meta, Struct

from edge.drivers.multipart import Part, Parts, boundary_of
from wire.errors import DriverError

log = structlog.get_logger(__name__)

ALERT_STREAM = "/ISAPI/Event/notification/alertStream"
_DEVICE_INFO = "/ISAPI/System/deviceInfo"
REFUSED_PAUSE_S = 300.0
"""Such devices lock an account for half an hour after a few wrong passwords: after a refusal we ask so much later."""
PICTURE_PATIENCE_S = 1.0
"""An alert waits so long for a picture that was announced with it and does not come."""
MAX_DEPTH = 20
"""Of nested XML elements; an event has about six."""

_refused_at: dict[str, float] = {}


class IsapiSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the device is, and the account (one of its own, with no more rights than it needs)."""

    url: Annotated[str, Meta(pattern=r"^https?://[^/?#@\s]+/?$")]
    username: str
    password_file: str
    ca_file: str | None = None
    """The authority of an https device whose certificate no public authority signed."""
    timeout_s: Annotated[float, Meta(gt=0, le=60)] = 5.0
    silence_s: Annotated[float, Meta(gt=0, le=600)] = 45.0
    """How long the stream may say nothing: devices send heartbeats every 10 to 30 s."""


class Picture(Struct, frozen=True):
    """A picture that came with an alert; `name` as the device calls it (`licensePlatePicture.jpg`), may be empty."""

    name: str
    jpeg: bytes


class Alert(Struct, frozen=True):
    """One event of a device.

    `kind` is its `eventType`. `fields` is the whole event: JSON as it is; XML as nested mappings without namespaces,
    whose leaves are text and whose repeated elements are lists. `at` is the device's own clock, None when it says
    nothing usable. `active` is False for the end of a lasting event.
    """

    kind: str
    fields: Mapping[str, Any]
    at: datetime | None
    active: bool = True
    pictures: tuple[Picture, ...] = ()


class Isapi:
    """One device. Nothing is opened before `async with`; used from one task at a time for the stream."""

    def __init__(self, settings: IsapiSettings) -> None:
        self._settings = settings
        self._base = settings.url.rstrip("/")
        self._client: httpx.AsyncClient | None = None
        self.unreadable = 0
        """Parts of the stream that were no event."""

    async def __aenter__(self) -> Self:
        """Raises `DriverError` when the password or the authority's file cannot be read."""
        password = await asyncio.to_thread(_password, Path(self._settings.password_file))
        trust = await asyncio.to_thread(_trust, self._settings.ca_file)
        try:
            self._client = httpx.AsyncClient(
                base_url=self._base,
                auth=httpx.DigestAuth(self._settings.username, password),
                timeout=self._settings.timeout_s,
                verify=trust,
                trust_env=False,
            )
        except httpx.InvalidURL as error:
            raise DriverError(f"{self._base}: no address of a device: {error}") from error
        return self

    async def __aexit__(self, *_: object) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def reach(self) -> None:
        """Whether the device is there and lets us in. Raises `DriverError`; what else it answers does not matter."""
        try:
            answer = await self._open().get(_DEVICE_INFO)
        except httpx.HTTPError as error:
            raise DriverError(f"{self._base}: cannot be reached: {_said(error)}") from error
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise self._fault("GET", _DEVICE_INFO, answer)

    async def get(self, path: str, **params: str) -> Mapping[str, Any]:
        """What the device answers, JSON or XML, as `Alert.fields`. Raises `DriverError` for whatever else it says."""
        return await self._ask("GET", path, params, None)

    async def put(self, path: str, body: str | Mapping[str, Any], **params: str) -> Mapping[str, Any]:
        """Set something: XML as text, JSON as a mapping. Raises `DriverError`.

        A 200 says that the device understood, not that a barrier moved.
        """
        return await self._ask("PUT", path, params, body)

    async def post(self, path: str, body: str | Mapping[str, Any], **params: str) -> Mapping[str, Any]:
        """Ask for something that needs a body. Raises `DriverError`."""
        return await self._ask("POST", path, params, body)

    async def alerts(self, *, pictures: bool = False) -> AsyncGenerator[Alert, None]:
        """Events as they come, for ever: `DriverError` when the stream ends, breaks or falls silent.

        Without `pictures` an alert is given the moment it came and pictures are dropped; with them it waits for those
        that follow it, until the next event or for a second.
        """
        async with aclosing(self._parts(PICTURE_PATIENCE_S if pictures else None)) as parts:
            waiting: Alert | None = None
            async for part in parts:
                if part is not None and part.kind == "picture":
                    if waiting is not None:
                        waiting = _with(waiting, part)
                    continue
                if waiting is not None:
                    yield waiting
                waiting = None if part is None else self._read(part)
                if waiting is not None and not pictures:
                    yield waiting
                    waiting = None

    def _read(self, part: Part) -> Alert | None:
        try:
            alert = alert_of(part)
        except ValueError as error:
            self.unreadable += 1
            if self.unreadable == 1:
                log.warning("the device sent what is no event", device=self._base, error=str(error))
            return None
        return None if is_heartbeat(alert) else alert

    async def _parts(self, patience_s: float | None) -> AsyncGenerator[Part | None, None]:
        """Parts of the stream; None when nothing came for `patience_s`."""
        client = self._open()
        timeout = httpx.Timeout(self._settings.timeout_s, read=None)
        try:
            async with client.stream("GET", ALERT_STREAM, timeout=timeout) as answer:
                if answer.status_code != httpx.codes.OK:
                    await answer.aread()
                    raise self._fault("GET", ALERT_STREAM, answer)
                parts = Parts(boundary_of(answer.headers.get("content-type", "")))
                async for data in self._never_silent(answer.aiter_raw(), patience_s):
                    for part in parts.feed(data):
                        yield part
                    if not data:
                        yield None
        except httpx.HTTPError as error:
            raise DriverError(f"{self._base}: the alert stream broke: {_said(error)}") from error
        raise DriverError(f"{self._base}: the device ended the alert stream")

    async def _never_silent(self, chunks: AsyncIterator[bytes], patience_s: float | None) -> AsyncIterator[bytes]:
        """The chunks, with an empty one after each `patience_s` without any; `DriverError` when silent for too long."""
        silence_s = self._settings.silence_s
        wait_s, quiet_s = min(patience_s or silence_s, silence_s), 0.0
        following = asyncio.ensure_future(anext(chunks, None))
        try:
            while True:
                await asyncio.wait({following}, timeout=wait_s)
                if following.done():
                    data = following.result()
                    if data is None:
                        return
                    quiet_s = 0.0
                    yield data
                    following = asyncio.ensure_future(anext(chunks, None))
                    continue
                quiet_s += wait_s
                if quiet_s >= silence_s:
                    raise DriverError(f"{self._base}: not even a heartbeat for {silence_s:.0f} s")
                yield b""
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def _ask(
        self, method: str, path: str, params: Mapping[str, str], body: str | Mapping[str, Any] | None
    ) -> Mapping[str, Any]:
        client = self._open()
        content = json.dumps(body) if isinstance(body, Mapping) else body
        kind = "application/json" if isinstance(body, Mapping) else "application/xml"
        headers = {} if content is None else {"Content-Type": kind}
        try:
            answer = await client.request(method, path, params=dict(params), content=content, headers=headers)
        except httpx.HTTPError as error:
            raise DriverError(f"{self._base}: {method} {path}: {_said(error)}") from error
        if answer.status_code >= httpx.codes.MULTIPLE_CHOICES:
            raise self._fault(method, path, answer)
        try:
            return _fields(answer.headers.get("content-type", ""), answer.content)
        except ValueError as error:
            raise DriverError(f"{self._base}: {method} {path}: answered what is no answer: {error}") from error

    def _open(self) -> httpx.AsyncClient:
        """The connection. Raises `DriverError` unless it was entered, and while a refusal is fresh."""
        if self._client is None:
            raise DriverError(f"{self._base}: was not started")
        since_s = time.monotonic() - _refused_at.get(self._account, float("-inf"))
        if since_s < REFUSED_PAUSE_S:
            wait_s = REFUSED_PAUSE_S - since_s
            raise DriverError(f"{self._base}: {_REFUSED}; asked again in {wait_s:.0f} s, lest the account be locked")
        return self._client

    @property
    def _account(self) -> str:
        return f"{self._settings.username}@{self._base}"

    def _fault(self, method: str, path: str, answer: httpx.Response) -> DriverError:
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            _refused_at[self._account] = time.monotonic()
            return DriverError(f"{self._base}: {_REFUSED} for {self._settings.username!r}")
        return DriverError(f"{self._base}: {method} {path}: {answer.status_code}{_own_words(answer)}")


_REFUSED = "user name or password refused"


def alert_of(part: Part) -> Alert:
    """The event in a part. Raises `ValueError` for whatever is none."""
    fields = _fields(part.headers.get("content-type", ""), part.body)
    kind = fields.get("eventType")
    if not isinstance(kind, str) or not kind:
        raise ValueError(f"no eventType in {sorted(fields)[:5]}")
    return Alert(kind, fields, moment_of(fields.get("dateTime")), fields.get("eventState", "active") != "inactive")


def is_heartbeat(alert: Alert) -> bool:
    """Whether an event only says that the device is there: `heartBeat`, or a video loss that is none (the custom)."""
    return alert.kind.lower() == "heartbeat" or (alert.kind.lower() == "videoloss" and not alert.active)


def _with(alert: Alert, part: Part) -> Alert:
    said = part.headers.get("content-disposition", "")
    name = said.partition("filename=")[2].partition(";")[0].strip(' "')
    picture = Picture(name or part.headers.get("content-id", "").strip("<>"), part.body)
    return msgspec.structs.replace(alert, pictures=(*alert.pictures, picture))


def _fields(content_type: str, body: bytes) -> Mapping[str, Any]:
    """JSON or XML as nested mappings; which of them is told by the content where the header does not. `ValueError`."""
    text = body.strip()
    if not text:
        return {}
    if text.startswith(b"<") or "xml" in content_type:
        return _from_xml(text)
    try:
        value = json.loads(text)
    except (UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"no text: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"a JSON {type(value).__name__}, expected an object")  # noqa: TRY004 - it is about the text
    return value


def _from_xml(text: bytes) -> Mapping[str, Any]:
    """The root's children. A document type is refused: no device sends one, and entities can be a bomb."""
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise ValueError("an XML document type, which no device sends")
    try:
        value = _element(ElementTree.fromstring(text), 0)  # noqa: S314 - entities are refused above
    except (ElementTree.ParseError, LookupError) as error:
        raise ValueError(f"no XML: {error}") from error
    return value if isinstance(value, dict) else {}


def _element(element: ElementTree.Element, depth: int) -> dict[str, Any] | str:
    if depth > MAX_DEPTH:
        raise ValueError(f"XML nested more than {MAX_DEPTH} deep")
    if len(element) == 0:
        return (element.text or "").strip()
    found: dict[str, Any] = {}
    for child in element:
        name = child.tag.rpartition("}")[2]
        value = _element(child, depth + 1)
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    return found


def moment_of(text: object) -> datetime | None:
    """A device's `dateTime`; one without a zone is no moment."""
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None


def _own_words(answer: httpx.Response) -> str:
    try:
        fields = _fields(answer.headers.get("content-type", ""), answer.content)
    except ValueError:
        return ""
    words = [str(fields[key]) for key in ("statusString", "subStatusCode", "errorMsg") if fields.get(key)]
    return f" ({', '.join(words)[:200]})" if words else ""


def _said(error: httpx.HTTPError) -> str:
    return str(error) or type(error).__name__


def _password(path: Path) -> str:
    """Raises `DriverError` when the file cannot be read, is empty, or is open to everybody."""
    try:
        if path.stat().st_mode & (stat.S_IRWXO | stat.S_IWGRP):
            raise DriverError(f"password file {path}: is open to others; run: chmod 600 {path}")
        text = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise DriverError(f"password file {path}: {getattr(error, 'strerror', None) or error}") from error
    if not text:
        raise DriverError(f"password file {path}: is empty")
    return text


def _trust(ca_file: str | None) -> ssl.SSLContext | bool:
    try:
        return True if ca_file is None else ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise DriverError(f"authority file {ca_file}: {error}") from error
