"""The connection of what takes a whole site's events: through a client of our own, ten times cheaper a message.

A gate says a few messages a second, and has a well-kept library (`wire.link`). A hub takes thousands a second in one
thread, and there the library's hundred microseconds a message are more than all else that is done with it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from wire import mqtt
from wire.errors import LinkError
from wire.link import BrokerSettings, Will, password_of, tls_context_of
from wire.mqtt import Arrival

_REFUSED = 0x80
"""MQTT 3.1.1, section 3.9.3: the SUBACK return code that means failure."""


class BulkSession:
    """One connection to a broker, as `wire.link.Session`, and many messages at once."""

    def __init__(self, connection: mqtt.Connection, qos: int = 1) -> None:
        """`qos` is the highest quality of service that is asked for."""
        self._connection, self._qos = connection, qos

    async def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> None:
        """Hand a message to the broker; with QoS 1 return when the broker has it.

        Raises `LinkError` when the connection is gone or the broker does not answer in time.
        """
        try:
            await self._connection.publish(mqtt.Message(topic, payload, retain), qos=min(qos, self._qos))
        except LinkError as error:
            raise LinkError(f"publishing to {topic}: {error}") from error

    async def publish_all(self, messages: Sequence[mqtt.Message], *, qos: int = 1) -> None:
        """Hand many messages to the broker together; with QoS 1 return when it has all. Raises `LinkError`."""
        try:
            await self._connection.publish_all(messages, qos=min(qos, self._qos))
        except LinkError as error:
            raise LinkError(f"publishing {len(messages)} messages: {error}") from error

    async def subscribe(self, topics: list[str]) -> None:
        """Subscribe. Raises `LinkError`, also when the broker refuses one of them."""
        try:
            codes = await self._connection.subscribe(topics, qos=self._qos)
        except LinkError as error:
            raise LinkError(f"subscribing to {', '.join(topics)}: {error}") from error
        for topic, code in zip(topics, codes, strict=False):
            if code >= _REFUSED:
                raise LinkError(f"the broker refuses the subscription to {topic}")

    async def unsubscribe(self, topic: str) -> None:
        """Take a subscription back. Raises `LinkError`."""
        try:
            await self._connection.unsubscribe(topic)
        except LinkError as error:
            raise LinkError(f"unsubscribing from {topic}: {error}") from error

    def arrivals(self) -> AsyncIterator[Arrival]:
        """Messages as they arrive. Raises `LinkError` when the connection is lost."""
        return self._connection.arrivals()


@asynccontextmanager
async def connect(
    settings: BrokerSettings, client_id: str, will: Will | None = None, *, knows_time: bool = True
) -> AsyncIterator[BulkSession]:
    """One connection. Raises `LinkError` when the broker cannot be reached or refuses us.

    Where our own clock may be wrong (`knows_time` is false), the broker's certificate is checked but for its time.
    """
    login = mqtt.Login(
        client_id,
        settings.keepalive_s,
        settings.username,
        password_of(settings),
        Arrival(will.topic, will.payload) if will else None,
        settings.qos,
    )
    tls = tls_context_of(settings.tls, knows_time=knows_time)
    try:
        connection = await mqtt.open_connection(settings.host, settings.port, login, settings.timeout_s, tls)
    except (LinkError, OSError) as error:
        raise LinkError(f"broker {settings.host}:{settings.port}: {error}") from error
    try:
        yield BulkSession(connection, settings.qos)
    finally:
        connection.close()
