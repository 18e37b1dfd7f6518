"""Writing to a time-series server: InfluxDB 1.x, 2.x, 3.x or VictoriaMetrics, found out from its `/ping`.

Where the server has `/api/v2/write`, lines go there through influxdb-client; InfluxDB before 1.8 gets them at `/write`.
Writing the same line again changes nothing, so a write whose answer was lost is simply repeated.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Protocol, TypeVar, cast

import httpx
import structlog
import urllib3
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException
from msgspec import Meta, Struct

from wire.errors import StoreError

log = structlog.get_logger(__name__)
T = TypeVar("T")

_NANOSECONDS: Any = "ns"
"""influxdb-client's WritePrecision.NS is this plain string."""
_FIRST_WITH_V2 = (1, 8)
_RETRY_STATUS = {401, 403, 404, 408, 429, 500, 502, 503, 504}
"""Answers that say nothing against the lines: a server that is starting, full, or not set up for us yet."""


class InfluxSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the time series go. `bucket` is the database on 1.x."""

    url: Annotated[str, Meta(pattern=r"^https?://[^\s/]+[^\s]*$")]
    bucket: str = "menshen"
    org: str = "menshen"
    token_file: str | None = None
    username: str | None = None
    password_file: str | None = None
    timeout_s: Annotated[float, Meta(gt=0, le=300)] = 10.0
    batch_lines: Annotated[int, Meta(ge=1, le=50_000)] = 5000


class Writer(Protocol):
    """Writes lines; raises `StoreError`, whose `retry` says whether the lines themselves were at fault."""

    def write(self, lines: Sequence[str]) -> None: ...

    def close(self) -> None: ...


class Rejected(NamedTuple):
    """A line that the server will not have, and what it said."""

    line: str
    reason: str


def open_writer(settings: InfluxSettings) -> Writer:
    """Ask the server what it is, and the writer that fits. Raises `StoreError` (retry) when it cannot be reached."""
    version = server_version(settings)
    writer: Writer = V1Writer(settings) if version and version < _FIRST_WITH_V2 else V2Writer(settings)
    log.info("time series go to", url=settings.url, version=version, api=type(writer).__name__)
    return writer


def server_version(settings: InfluxSettings) -> tuple[int, int] | None:
    """What `/ping` says: (major, minor), or None where it names no version (then the v2 API is taken for granted)."""
    try:
        answer = httpx.get(f"{settings.url}/ping", timeout=settings.timeout_s)
    except httpx.HTTPError as error:
        raise StoreError(f"{settings.url}: {str(error) or type(error).__name__}", retry=True) from error
    if answer.status_code >= 500:
        raise StoreError(f"{settings.url}/ping: HTTP {answer.status_code}", retry=True)
    found = re.match(r"v?(\d+)\.(\d+)", answer.headers.get("X-Influxdb-Version", ""))
    return (int(found.group(1)), int(found.group(2))) if found else None


def write_all(writer: Writer, lines: Sequence[str], proof: Proof | None = None) -> list[Rejected]:
    """Write what the server takes, and return what it refuses, each line with the reason.

    A refused batch is halved until the bad lines stand alone: with b bad lines of n about b·log2(n) writes.
    Raises `StoreError` (retry) when the server itself is the trouble; then nothing may be taken as written. With a
    `proof` that counts, too, when it says that the lines were at fault and would refuse any other.
    """
    rejected = _write_halved(writer, lines)
    if proof is None:
        return rejected
    bad = {line for line, _ in rejected}
    proof.took(next((line for line in lines if line not in bad), ""))
    if not rejected or not proof.is_sane(writer, rejected[0].reason):
        return rejected
    return _write_halved(writer, [line for line, _ in rejected])  # it may have come to its senses only now


def _write_halved(writer: Writer, lines: Sequence[str]) -> list[Rejected]:
    try:
        writer.write(lines)
    except StoreError as error:
        if error.retry:
            raise
        if len(lines) == 1:
            return [Rejected(lines[0], str(error))]
        half = len(lines) // 2
        return _write_halved(writer, lines[:half]) + _write_halved(writer, lines[half:])
    return []


class Proof:
    """Whether a server that refuses lines would refuse any: a proxy before it may say 400 to everything for a while.

    A line that it took before is written again, which changes nothing. As long as it never took one, it is asked again
    so many times before it is believed.
    """

    MOST_DOUBTS = 8

    def __init__(self) -> None:
        self._known = ""
        self._doubts = 0

    def took(self, line: str) -> None:
        if line:
            self._known, self._doubts = line, 0

    def is_sane(self, writer: Writer, reason: str) -> bool:
        """Whether it takes what it took before; false where nobody knows any more. Raises `StoreError` (retry)."""
        if not self._known:
            self._doubts += 1
            if self._doubts < self.MOST_DOUBTS:
                raise StoreError(f"refuses everything so far: {reason}", retry=True)
            return False
        try:
            writer.write([self._known])
        except StoreError as error:
            raise StoreError(f"refuses what it took before, too: {error}", retry=True) from error
        return True


async def beside(work: Callable[[], T]) -> T:
    """What `work` returns, done in a thread of its own that a hub which stops leaves behind.

    A server that says nothing must not hold up the stop: the thread is a daemon, which a process does not wait for.
    What it was writing is written again at the next start, which changes nothing.
    """
    loop, done = asyncio.get_running_loop(), asyncio.get_running_loop().create_future()

    def tell(result: T | None, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)

    def run() -> None:
        result, failed = None, None
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for it, whatever it is
            failed = error
        with contextlib.suppress(RuntimeError):  # the loop is gone, and with it everybody who waited
            loop.call_soon_threadsafe(tell, result, failed)

    threading.Thread(target=run, name="time-series", daemon=True).start()
    return cast("T", await done)


class V1Writer:
    """InfluxDB before 1.8: `/write`, and the database made when it is not there."""

    def __init__(self, settings: InfluxSettings) -> None:
        self._settings = settings
        auth = (settings.username, secret(settings.password_file)) if settings.username else None
        self._client = httpx.Client(base_url=settings.url, timeout=settings.timeout_s, auth=auth)

    def write(self, lines: Sequence[str]) -> None:
        answer = self._post("/write", params={"db": self._settings.bucket, "precision": "ns"}, content="\n".join(lines))
        if answer.status_code == 404 and "database not found" in answer.text:
            self._post("/query", data={"q": f'CREATE DATABASE "{self._settings.bucket}"'})
            answer = self._post(
                "/write", params={"db": self._settings.bucket, "precision": "ns"}, content="\n".join(lines)
            )
        if answer.status_code != 204:
            raise _refusal(answer.status_code, answer.text)

    def close(self) -> None:
        self._client.close()

    def _post(self, path: str, **request: object) -> httpx.Response:
        try:
            return self._client.post(path, **request)  # type: ignore[arg-type]
        except httpx.HTTPError as error:
            raise StoreError(f"{self._settings.url}: {str(error) or type(error).__name__}", retry=True) from error


class V2Writer:
    """Everything that has `/api/v2/write`, through influxdb-client."""

    def __init__(self, settings: InfluxSettings) -> None:
        self._settings = settings
        self._client = InfluxDBClient(
            url=settings.url,
            token=secret(settings.token_file),
            org=settings.org,
            timeout=int(settings.timeout_s * 1000),
        )
        self._api = self._client.write_api(write_options=SYNCHRONOUS)

    def write(self, lines: Sequence[str]) -> None:
        body = "\n".join(lines).encode()
        try:
            self._api.write(bucket=self._settings.bucket, record=body, write_precision=_NANOSECONDS)
        except ApiException as error:
            raise _refusal(int(error.status or 0), str(error.body or error.reason)) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise StoreError(f"{self._settings.url}: {str(error) or type(error).__name__}", retry=True) from error

    def close(self) -> None:
        self._client.close()  # type: ignore[no-untyped-call]


def _refusal(status: int, text: str) -> StoreError:
    return StoreError(f"HTTP {status}: {text.strip()[:500]}", retry=status in _RETRY_STATUS or status == 0)


def secret(path: str | None) -> str:
    """What a secret's file holds, "" without one. Raises `StoreError`."""
    if path is None:
        return ""
    try:
        return Path(path).read_text("utf-8").strip()
    except OSError as error:
        raise StoreError(f"secret file {path}: {error.strerror}", retry=True) from error
