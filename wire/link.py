"""The MQTT connection: one small boundary of our own, so that the client library below can be changed.

A `Session` is one connection, through aiomqtt and paho-mqtt; what takes a whole site's events has a faster one
(`wire.bulk`). `hold` keeps one after the other, for ever: it owns the reconnecting, with jittered
back-off. Sessions are clean and nothing depends on what a broker remembers (DESIGN: a broker that loses everything
loses nothing); whoever uses a session says everything anew when it begins.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Annotated, Protocol, TypeVar

import aiomqtt
import structlog
from msgspec import Meta, Struct
from msgspec.structs import replace

from wire.errors import LinkError
from wire.mqtt import Arrival

__all__ = ["Arrival", "Backoff", "BrokerSettings", "Session", "TlsSettings", "Will", "connect", "hold", "hold_by"]

log = structlog.get_logger(__name__)
T = TypeVar("T")
S_co = TypeVar("S_co", covariant=True)

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


Place = Annotated[str, Meta(pattern=r"^\S+:[0-9]{1,5}$")]


class BrokerSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the broker is and how to be let in.

    `others` are further nodes of the same cluster, such as `["mqtt-2:1883", "mqtt-3:1883"]`: each is tried in turn when
    a connection fails. `qos` is the highest quality of service that is asked for: 0 where a cluster needs a vote of its
    nodes for 1. Nothing is lost by it: what counts is acknowledged by the hub, or said again.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535)] = 1883
    others: list[Place] = []
    qos: Annotated[int, Meta(ge=0, le=1)] = 1
    username: str | None = None
    password_file: str | None = None
    tls: TlsSettings | None = None
    keepalive_s: Annotated[int, Meta(ge=2, le=3600)] = 15
    timeout_s: Annotated[float, Meta(gt=0, le=300)] = 10.0
    backoff_min_s: Annotated[float, Meta(gt=0, le=60)] = 0.2
    backoff_max_s: Annotated[float, Meta(gt=0, le=3600)] = 30.0

    def nodes(self) -> list[BrokerSettings]:
        """The same settings for each node, in the order in which they are tried."""
        places = [other.rpartition(":") for other in self.others]
        rest = [replace(self, host=host.strip("[]"), port=int(port), others=[]) for host, _, port in places]
        return [replace(self, others=[]), *rest]


class Will(Struct, frozen=True):
    """What the broker says for us when we vanish."""

    topic: str
    payload: bytes


class Session:
    """One connection to a broker."""

    def __init__(self, client: aiomqtt.Client, qos: int = 1) -> None:
        """`qos` is the highest quality of service that is asked for."""
        self._client, self._qos = client, qos

    async def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> None:
        """Hand a message to the broker; with QoS 1 return when the broker has it.

        Raises `LinkError` when the connection is gone or the broker does not answer in time.
        """
        try:
            await _heeding(self._client.publish(topic, payload, qos=min(qos, self._qos), retain=retain))
        except aiomqtt.MqttError as error:
            raise LinkError(f"publishing to {topic}: {error}") from error

    async def subscribe(self, topics: list[str]) -> None:
        """Subscribe. Raises `LinkError`, also when the broker refuses one of them."""
        try:
            codes = await _heeding(self._client.subscribe([(topic, self._qos) for topic in topics]))
        except aiomqtt.MqttError as error:
            raise LinkError(f"subscribing to {', '.join(topics)}: {error}") from error
        for topic, code in zip(topics, codes, strict=False):
            if int(getattr(code, "value", code)) >= _REFUSED:  # type: ignore[call-overload]
                raise LinkError(f"the broker refuses the subscription to {topic}")

    async def unsubscribe(self, topics: list[str]) -> None:
        """Take subscriptions back, each by itself: rumqttd answers one request for several topics several times.

        Raises `LinkError`.
        """
        try:
            for topic in topics:
                await _heeding(self._client.unsubscribe(topic))
        except aiomqtt.MqttError as error:
            raise LinkError(f"unsubscribing from {', '.join(topics)}: {error}") from error

    async def arrivals(self) -> AsyncIterator[Arrival]:
        """Messages as they arrive. Raises `LinkError` when the connection is lost."""
        try:
            async for message in self._client.messages:
                payload: object = message.payload
                assert isinstance(payload, bytes | bytearray), "MQTT payloads arrive as bytes"
                yield Arrival(str(message.topic), bytes(payload))
        except aiomqtt.MqttError as error:
            raise LinkError(f"connection lost: {error}") from error


@asynccontextmanager
async def connect(
    settings: BrokerSettings, client_id: str, will: Will | None = None, *, knows_time: bool = True
) -> AsyncIterator[Session]:
    """One connection. Raises `LinkError` when the broker cannot be reached or refuses us.

    Where our own clock may be wrong (`knows_time` is false), the broker's certificate is checked but for its time.
    """
    client = aiomqtt.Client(
        hostname=settings.host,
        port=settings.port,
        username=settings.username,
        password=password_of(settings),
        identifier=client_id,
        clean_session=True,
        keepalive=settings.keepalive_s,
        timeout=settings.timeout_s,
        will=aiomqtt.Will(will.topic, will.payload, qos=settings.qos, retain=True) if will else None,
        tls_context=tls_context_of(settings.tls, knows_time=knows_time),
        max_inflight_messages=1000,
    )
    try:
        await _heeding(client.__aenter__())
    except (aiomqtt.MqttError, OSError) as error:
        raise LinkError(f"broker {settings.host}:{settings.port}: {error}") from error
    try:
        yield Session(client, settings.qos)
    finally:
        try:
            await client.__aexit__(None, None, None)
        except aiomqtt.MqttError as error:
            log.debug("disconnect not clean", error=str(error))
        _heard_of_its_end(client)


def _heard_of_its_end(client: aiomqtt.Client) -> None:
    """The client leaves a lost connection in a future, and asyncio complains of each that nobody looked at: whoever was
    waiting has been told by an error of their own, and where nobody was, nothing is amiss."""
    ended: asyncio.Future[None] | None = getattr(client, "_disconnected", None)
    if ended is not None and ended.done() and not ended.cancelled():
        ended.exception()


async def _heeding(call: Awaitable[T]) -> T:
    """The call's result, unless the task was cancelled meanwhile: then `CancelledError`, always.

    The client waits by `asyncio.wait_for`, which before Python 3.12 loses a cancellation that comes together with the
    result (cpython issue 86296). A task that goes on although it was cancelled is one that whoever ended it waits for,
    for ever.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    result = await call
    if task and task.cancelling() > before:
        raise asyncio.CancelledError
    return result


class Connects(Protocol[S_co]):
    """How to make one connection: `connect`, or `wire.bulk.connect`."""

    def __call__(
        self, settings: BrokerSettings, client_id: str, will: Will | None = None, *, knows_time: bool = True
    ) -> AbstractAsyncContextManager[S_co]: ...


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
    """Keep a connection for ever: connect, let `use` work with it, and again after any `LinkError`, to the next node.

    `will`, and whether our clock is right (`knows_time`), is asked for at each connect.
    `use` returns to ask for a new connection; every other error is the caller's.
    """
    await hold_by(connect, settings, client_id, use, will, knows_time)


async def hold_by(
    connects: Connects[T],
    settings: BrokerSettings,
    client_id: str,
    use: Callable[[T], Awaitable[None]],
    will: Callable[[], Will | None] = lambda: None,
    knows_time: Callable[[], bool] = lambda: True,
) -> None:
    """As `hold`, by the connections of somebody's choice."""
    backoff = Backoff(settings.backoff_min_s, settings.backoff_max_s)
    short_lives, told = 0, set[str]()
    for node in itertools.cycle(settings.nodes()):
        began_s, unreached = time.monotonic(), False
        try:
            async with connects(node, client_id, will(), knows_time=knows_time()) as session:
                log.info("connected", broker=f"{node.host}:{node.port}", client_id=client_id)
                told.clear()
                await use(session)
        except LinkError as error:
            unreached = str(error).startswith("broker ")
            if str(error) not in told:  # the same fault is told once, not at every try
                log.warning("no link", error=str(error), client_id=client_id)
                told.add(str(error))
        lived_s = time.monotonic() - began_s
        short_lives = short_lives + 1 if lived_s < TAKEN_OVER_S and not unreached else 0
        if lived_s > TAKEN_OVER_S and not unreached:
            backoff.reset()
        if short_lives == 3:
            log.error("thrown out at once: is another client connected under the same id?", client_id=client_id)
        await asyncio.sleep(backoff.next_s())


def password_of(settings: BrokerSettings) -> str | None:
    """What its file holds. Raises `LinkError`."""
    path = settings.password_file
    if path is None:
        return None
    try:
        return Path(path).read_text("utf-8").strip()
    except OSError as error:
        raise LinkError(f"password file {path}: {error.strerror}") from error


def tls_context_of(tls: TlsSettings | None, *, knows_time: bool) -> ssl.SSLContext | None:
    """Whom we trust and who we are. Raises `LinkError` for files that cannot be used."""
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
