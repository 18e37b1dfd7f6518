"""The MQTT connection: one small boundary of our own, so that the client library below can be changed.

A `Session` is one connection. `hold` keeps one after the other, for ever: it owns the reconnecting, with jittered
back-off. Sessions are clean and nothing depends on what a broker remembers (DESIGN: a broker that loses everything
loses nothing); whoever uses a session says everything anew when it begins.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import structlog
from msgspec import Meta, Struct

from wire import mqtt
from wire.errors import LinkError
from wire.mqtt import Arrival

__all__ = ["Arrival", "Backoff", "BrokerSettings", "Session", "TlsSettings", "Will", "connect", "hold"]

log = structlog.get_logger(__name__)

_REFUSED = 0x80
"""MQTT 3.1.1, section 3.9.3: the SUBACK return code that means failure."""
_NO_CHECK_TIME = ssl.VerifyFlags(0x200000)
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME (x509_vfy.h): a gate whose clock is wrong at boot must reach the broker still."""
TAKEN_OVER_S = 2.0
"""A connection that is closed sooner than this looks like a second client with the same id."""


class TlsSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Files in PEM form: the authority that signed the broker's certificate, and our own certificate and key.

    Without `key` the key stands in the file of the certificate.
    """

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None


class BrokerSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the broker is and how to be let in."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535)] = 1883
    username: str | None = None
    password_file: str | None = None
    tls: TlsSettings | None = None
    keepalive_s: Annotated[int, Meta(ge=2, le=3600)] = 15
    timeout_s: Annotated[float, Meta(gt=0, le=300)] = 10.0
    backoff_min_s: Annotated[float, Meta(gt=0, le=60)] = 0.2
    backoff_max_s: Annotated[float, Meta(gt=0, le=3600)] = 30.0


class Will(Struct, frozen=True):
    """What the broker says for us when we vanish."""

    topic: str
    payload: bytes


class Session:
    """One connection to a broker."""

    def __init__(self, connection: mqtt.Connection) -> None:
        self._connection = connection

    async def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> None:
        """Hand a message to the broker; with QoS 1 return when the broker has it.

        Raises `LinkError` when the connection is gone or the broker does not answer in time.
        """
        try:
            await self._connection.publish(mqtt.Message(topic, payload, retain), qos=qos)
        except LinkError as error:
            raise LinkError(f"publishing to {topic}: {error}") from error

    async def publish_all(self, messages: Sequence[mqtt.Message], *, qos: int = 1) -> None:
        """Hand many messages to the broker together; with QoS 1 return when it has all. Raises `LinkError`."""
        try:
            await self._connection.publish_all(messages, qos=qos)
        except LinkError as error:
            raise LinkError(f"publishing {len(messages)} messages: {error}") from error

    async def subscribe(self, topics: list[str]) -> None:
        """Subscribe with QoS 1. Raises `LinkError`, also when the broker refuses one of them."""
        try:
            codes = await self._connection.subscribe(topics)
        except LinkError as error:
            raise LinkError(f"subscribing to {', '.join(topics)}: {error}") from error
        for topic, code in zip(topics, codes, strict=False):
            if code >= _REFUSED:
                raise LinkError(f"the broker refuses the subscription to {topic}")

    async def unsubscribe(self, topics: list[str]) -> None:
        """Take subscriptions back, each by itself: rumqttd answers one request for several topics several times.

        Raises `LinkError`.
        """
        try:
            for topic in topics:
                await self._connection.unsubscribe(topic)
        except LinkError as error:
            raise LinkError(f"unsubscribing from {', '.join(topics)}: {error}") from error

    def arrivals(self) -> AsyncIterator[Arrival]:
        """Messages as they arrive. Raises `LinkError` when the connection is lost."""
        return self._connection.arrivals()


@asynccontextmanager
async def connect(
    settings: BrokerSettings, client_id: str, will: Will | None = None, *, knows_time: bool = True
) -> AsyncIterator[Session]:
    """One connection. Raises `LinkError` when the broker cannot be reached or refuses us.

    Where our own clock may be wrong (`knows_time` is false), the broker's certificate is checked but for its time.
    """
    login = mqtt.Login(
        client_id,
        settings.keepalive_s,
        settings.username,
        _password(settings.password_file),
        Arrival(will.topic, will.payload) if will else None,
    )
    tls = _tls_context(settings.tls, knows_time=knows_time)
    try:
        connection = await mqtt.open_connection(settings.host, settings.port, login, settings.timeout_s, tls)
    except (LinkError, OSError) as error:
        raise LinkError(f"broker {settings.host}:{settings.port}: {error}") from error
    try:
        yield Session(connection)
    finally:
        connection.close()


class Backoff:
    """Waiting times that double up to a bound, each drawn between half of it and the whole, so that a crowd spreads."""

    def __init__(self, least_s: float, most_s: float, draw: Callable[[], float] = random.random) -> None:
        self._least_s = least_s
        self._most_s = most_s
        self._draw = draw
        self._next_s = least_s

    def reset(self) -> None:
        self._next_s = self._least_s

    def next_s(self) -> float:
        """Seconds to wait before the next try."""
        wait_s = self._next_s * (0.5 + 0.5 * self._draw())
        self._next_s = min(self._most_s, self._next_s * 2)
        return wait_s


async def hold(
    settings: BrokerSettings,
    client_id: str,
    use: Callable[[Session], Awaitable[None]],
    will: Callable[[], Will | None] = lambda: None,
    knows_time: Callable[[], bool] = lambda: True,
) -> None:
    """Keep a connection for ever: connect, let `use` work with it, and again after any `LinkError`.

    `will`, and whether our clock is right (`knows_time`), is asked for at each connect.
    `use` returns to ask for a new connection; every other error is the caller's.
    """
    backoff = Backoff(settings.backoff_min_s, settings.backoff_max_s)
    short_lives, told = 0, ""
    while True:
        began_s = time.monotonic()
        try:
            async with connect(settings, client_id, will(), knows_time=knows_time()) as session:
                log.info("connected", broker=f"{settings.host}:{settings.port}", client_id=client_id)
                told = ""
                await use(session)
        except LinkError as error:
            if str(error) != told:  # the same fault is told once, not at every try
                log.warning("no link", error=str(error), client_id=client_id)
                told = str(error)
        lived_s = time.monotonic() - began_s
        short_lives = short_lives + 1 if lived_s < TAKEN_OVER_S and not told.startswith("broker ") else 0
        if lived_s > TAKEN_OVER_S and not told.startswith("broker "):
            backoff.reset()
        if short_lives == 3:
            log.error("thrown out at once: is another client connected under the same id?", client_id=client_id)
        await asyncio.sleep(backoff.next_s())


def _password(path: str | None) -> str | None:
    if path is None:
        return None
    try:
        return Path(path).read_text("utf-8").strip()
    except OSError as error:
        raise LinkError(f"password file {path}: {error.strerror}") from error


def _tls_context(tls: TlsSettings | None, *, knows_time: bool) -> ssl.SSLContext | None:
    if tls is None:
        return None
    try:
        context = ssl.create_default_context(cafile=tls.ca)
        if tls.certificate:
            context.load_cert_chain(tls.certificate, tls.key)
        if not knows_time:
            context.verify_flags |= _NO_CHECK_TIME
    except (OSError, ssl.SSLError) as error:
        raise LinkError(f"TLS files {tls.ca}, {tls.certificate}: {error}") from error
    return context
