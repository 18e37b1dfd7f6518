"""MQTT 3.1.1 for one connection, as far as Menshen speaks it: clean sessions, QoS 0 and 1, a will.

Everything that arrives with one read of the socket is taken apart at once and acknowledged with one write, so that a
message costs microseconds: a hub's speed stands on it. Packets are made by pure functions; `Connection` is the asyncio
protocol. Section numbers are those of the OASIS standard, MQTT version 3.1.1.
"""

from __future__ import annotations

import asyncio
import ssl
import struct
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import NamedTuple, cast

from wire.errors import LinkError

CONNACK, PUBLISH, PUBACK, SUBACK, UNSUBACK, PINGRESP = 0x20, 0x30, 0x40, 0x90, 0xB0, 0xD0
PINGREQ, DISCONNECT = b"\xc0\x00", b"\xe0\x00"
MOST_IN_FLIGHT = 400
"""Our messages that the broker has not acknowledged: rumqttd takes 500, others more."""
_AT_ONCE = 100
"""Of many messages that are sent together, so many go with one write: others find room in between."""
_GOODBYE_S = 1.0
MOST_WAITING = 10_000
"""Messages that arrived and were not taken yet. Beyond it they are no longer acknowledged, so that the broker holds the
rest back (4.4): a slow reader fills no memory, and answers to what we send still come through."""
MOST_WAITING_BYTES = 8 * 1024 * 1024
"""Beyond it nothing at all is read until half of it is taken: messages of a backlog are large."""
_MOST_TOPICS = 20_000
_REFUSED = {
    1: "it speaks no MQTT 3.1.1",
    2: "the client's name is not allowed",
    3: "it is not available",
    4: "user name or password is wrong",
    5: "not authorised",
}
"""3.2.2.3, Connect Return code."""
_ANSWERS = {PUBACK: 2, SUBACK: 3, UNSUBACK: 2}
"""Packets that answer one of ours, and how long they are at least."""


class Arrival(NamedTuple):
    """A message that arrived."""

    topic: str
    payload: bytes


class Login(NamedTuple):
    """How to introduce oneself (3.1)."""

    client_id: str
    keepalive_s: int
    username: str | None = None
    password: str | None = None
    will: Arrival | None = None
    """Said by the broker for us, retained."""
    will_qos: int = 1


class Message(NamedTuple):
    """A message to send."""

    topic: str
    payload: bytes
    retain: bool = False


# -- packets ----------------------------------------------------------------------------------------------------------


def connect_packet(login: Login) -> bytes:
    """3.1: a clean session."""
    flags, tail = 0x02, _text(login.client_id)
    if login.will is not None:
        flags |= 0x04 | login.will_qos << 3 | 0x20
        tail += _text(login.will.topic) + _binary(login.will.payload)
    if login.username is not None:
        flags |= 0x80
        tail += _text(login.username)
        if login.password is not None:
            flags |= 0x40
            tail += _text(login.password)
    return _packet(0x10, b"\x00\x04MQTT\x04" + struct.pack(">BH", flags, login.keepalive_s) + tail)


def publish_packet(message: Message, number: int = 0) -> bytes:
    """3.3: with a number it is of QoS 1, without one of QoS 0."""
    topic = message.topic.encode()
    head = struct.pack(f">H{len(topic)}s", len(topic), topic)
    if number:
        return _packet(0x32 | message.retain, head + struct.pack(">H", number) + message.payload)
    return _packet(0x30 | message.retain, head + message.payload)


def subscribe_packet(number: int, topics: Sequence[str], qos: int = 1) -> bytes:
    """3.8: all with the same QoS."""
    return _packet(0x82, struct.pack(">H", number) + b"".join(_text(topic) + bytes((qos,)) for topic in topics))


def unsubscribe_packet(number: int, topic: str) -> bytes:
    """3.10."""
    return _packet(0xA2, struct.pack(">H", number) + _text(topic))


def _packet(first: int, body: bytes) -> bytes:
    """2.2.3: the remaining length goes in groups of seven bits, the lowest first."""
    size, length = len(body), b""
    while size > 0x7F:
        length += bytes((size & 0x7F | 0x80,))
        size >>= 7
    return bytes((first,)) + length + bytes((size,)) + body


def _text(text: str) -> bytes:
    return _binary(text.encode())


def _binary(body: bytes) -> bytes:
    if len(body) > 0xFFFF:
        raise LinkError(f"MQTT: {len(body)} bytes where at most 65535 may be")
    return struct.pack(">H", len(body)) + body


# -- the connection ---------------------------------------------------------------------------------------------------


class _Answer:
    """What one call waits for: so many packets of the broker."""

    __slots__ = ("codes", "done", "left")

    def __init__(self, done: asyncio.Future[None], left: int) -> None:
        self.done = done
        self.left = left
        self.codes = b""


class Connection(asyncio.Protocol):
    """One connection to a broker. Methods raise `LinkError` when it is lost or the broker does not answer in time."""

    def __init__(self, timeout_s: float, keepalive_s: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._timeout_s = timeout_s
        self._keepalive_s = keepalive_s
        self._transport: asyncio.Transport | None = None
        self._welcome: asyncio.Future[None] = self._loop.create_future()
        self._rest = b""
        self._topics: dict[bytes, str] = {}
        self._arrived: deque[Arrival] = deque()
        self._waiting_bytes = 0
        self._is_held = False
        """Whether reading was stopped because too much waits."""
        self._news = asyncio.Event()
        self._acks = bytearray()
        self._answers: dict[int, _Answer] = {}
        self._room = asyncio.Event()
        self._number = 0
        self._heard_s = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._lost: LinkError | None = None

    # -- life -------------------------------------------------------------------------------------------------------

    async def welcome(self, login: Login) -> None:
        """Introduce ourselves and wait for the broker's word. Raises `LinkError` when it refuses us."""
        self._write(connect_packet(login))
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._welcome
        except TimeoutError:
            raise LinkError(f"no answer within {self._timeout_s:g} s") from None
        self._watch()

    def close(self) -> None:
        """Say goodbye, so that the will is not said, and hang up."""
        if self._lost is None:
            self._write(DISCONNECT)
        self._end("closed here")
        if self._transport is not None:
            self._transport.close()
            self._loop.call_later(_GOODBYE_S, self._transport.abort)  # what does not get out by then never will

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its type

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(str(exc) if exc else "the broker closed it")

    def _end(self, why: str) -> None:
        """Tell everybody who waits; only the first reason counts."""
        if self._lost is None:
            self._lost = LinkError(f"connection lost: {why}")
        if self._timer is not None:
            self._timer.cancel()
        for answer in list(self._answers.values()):
            if not answer.done.done():
                answer.done.set_result(None)  # whoever waits sees that it is lost; nobody waits for some
        self._answers.clear()
        if not self._welcome.done():
            self._welcome.set_exception(self._lost)
            self._welcome.exception()  # nobody may be waiting for it
        self._news.set()
        self._room.set()

    def _watch(self) -> None:
        """A sign of life each half of the keep-alive time; a broker that is silent for one and a half is gone."""
        if not self._is_held and self._loop.time() - self._heard_s > 1.5 * self._keepalive_s:
            self._end(f"the broker was silent for {1.5 * self._keepalive_s:g} s")
            assert self._transport is not None
            self._transport.abort()
            return
        self._write(PINGREQ)
        self._timer = self._loop.call_later(self._keepalive_s / 2, self._watch)

    # -- out ----------------------------------------------------------------------------------------------------------

    async def publish(self, message: Message, *, qos: int) -> None:
        """With QoS 1 return when the broker has it."""
        await self.publish_all([message], qos=qos)

    async def publish_all(self, messages: Sequence[Message], *, qos: int = 1) -> None:
        """Send all with one write, or a few; with QoS 1 return when the broker has all."""
        if not qos:
            self._check()
            self._write(b"".join(map(publish_packet, messages)))
            return
        try:
            async with asyncio.timeout(self._timeout_s):
                for start in range(0, len(messages), _AT_ONCE):
                    await self._publish_some(messages[start : start + _AT_ONCE])
        except TimeoutError:
            raise LinkError(f"the broker did not take it within {self._timeout_s:g} s") from None

    async def _publish_some(self, messages: Sequence[Message]) -> None:
        while len(self._answers) + len(messages) > MOST_IN_FLIGHT and self._lost is None:
            self._room.clear()
            await self._room.wait()
        self._check()
        answer = _Answer(self._loop.create_future(), len(messages))
        numbers = [self._next_number(answer) for _ in messages]
        self._write(b"".join(map(publish_packet, messages, numbers)))
        await self._wait(answer, numbers)

    async def subscribe(self, topics: Sequence[str], *, qos: int = 1) -> bytes:
        """The broker's code for each topic (3.9.3)."""
        return await self._ask(lambda number: subscribe_packet(number, topics, qos))

    async def unsubscribe(self, topic: str) -> None:
        await self._ask(lambda number: unsubscribe_packet(number, topic))

    async def _ask(self, packet: Callable[[int], bytes]) -> bytes:
        self._check()
        answer = _Answer(self._loop.create_future(), 1)
        number = self._next_number(answer)
        self._write(packet(number))
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._wait(answer, [number])
        except TimeoutError:
            raise LinkError(f"the broker did not answer within {self._timeout_s:g} s") from None
        return answer.codes

    async def _wait(self, answer: _Answer, numbers: Sequence[int]) -> None:
        try:
            await answer.done
        finally:
            for number in numbers:
                self._answers.pop(number, None)
        if answer.left:
            self._check()

    def _next_number(self, answer: _Answer) -> int:
        """2.3.1: not zero, and of none that is still unanswered."""
        number = self._number % 0xFFFF + 1
        while number in self._answers:
            number = number % 0xFFFF + 1
        self._number = number
        self._answers[number] = answer
        return number

    def _check(self) -> None:
        if self._lost is not None:
            raise LinkError(str(self._lost))

    def send(self, packets: bytes) -> None:
        """Packets that somebody else made and numbered; nobody waits for their answers."""
        self._write(packets)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    # -- in -----------------------------------------------------------------------------------------------------------

    async def arrivals(self) -> AsyncIterator[Arrival]:
        """Messages as they arrive."""
        arrived = self._arrived
        while True:
            while arrived:
                arrival = arrived.popleft()
                self._waiting_bytes -= len(arrival.payload)
                if self._is_held and self._waiting_bytes < MOST_WAITING_BYTES // 2:
                    self._hold(held=False)
                yield arrival
            self._acknowledge()
            self._check()
            self._news.clear()
            await self._news.wait()

    def data_received(self, data: bytes) -> None:
        self._heard_s = self._loop.time()
        if self._rest:
            data = self._rest + data
        try:
            done = self._take(data)
        except (struct.error, IndexError, UnicodeDecodeError, _Nonsense) as error:
            self._end(f"the broker sends what is no MQTT: {error}")
            assert self._transport is not None
            self._transport.abort()
            return
        self._rest = data[done:] if done else data
        if self._arrived:
            self._news.set()
            if len(self._arrived) <= MOST_WAITING:
                self._acknowledge()
            if self._waiting_bytes > MOST_WAITING_BYTES and not self._is_held:
                self._hold(held=True)

    def _hold(self, *, held: bool) -> None:
        """Stop reading, or go on; while nothing is read the broker's silence means nothing."""
        self._is_held, self._heard_s = held, self._loop.time()
        if self._transport is not None and not self._transport.is_closing():
            (self._transport.pause_reading if held else self._transport.resume_reading)()

    def _acknowledge(self) -> None:
        if self._acks:
            self._write(bytes(self._acks))
            self._acks.clear()

    def _take(self, data: bytes) -> int:
        """Take all whole packets; how many bytes of the data they were."""
        position, end = 0, len(data)
        while end - position >= 2:
            first, size, start = data[position], data[position + 1], position + 2
            if size & 0x80:
                size, start = _long_size(data, position)
                if not start:
                    break
            stop = start + size
            if stop > end:
                break
            if first & 0xF0 == PUBLISH:
                self._take_message(first, data, start, stop)
            else:
                self._take_answer(first & 0xF0, data[start:stop])
            position = stop
        return position

    def _take_message(self, first: int, data: bytes, start: int, stop: int) -> None:
        """3.3; the topic's text is remembered, for the same come again and again."""
        body = start + 2 + (data[start] << 8 | data[start + 1])
        raw = data[start + 2 : body]
        topic = self._topics.get(raw)
        if topic is None:
            if len(self._topics) >= _MOST_TOPICS:
                self._topics.clear()
            topic = self._topics[raw] = raw.decode()
        if first & 0x06:
            self._acks += b"\x40\x02" + data[body : body + 2]
            body += 2
        if body > stop:
            raise _Nonsense(f"a message of {stop - start} bytes whose topic is longer")
        self._arrived.append(Arrival(topic, data[body:stop]))
        self._waiting_bytes += stop - body

    def _take_answer(self, kind: int, body: bytes) -> None:
        if kind == CONNACK:
            self._take_welcome(body)
        elif kind in _ANSWERS:
            if len(body) < _ANSWERS[kind]:
                raise _Nonsense(f"an answer of {len(body)} bytes")
            answer = self._answers.pop(body[0] << 8 | body[1], None)
            if answer is None:
                return  # of a call that gave up
            answer.codes, answer.left = body[2:], answer.left - 1
            if not answer.left and not answer.done.done():
                answer.done.set_result(None)
            self._room.set()
        elif kind != PINGRESP:
            raise _Nonsense(f"a packet of kind {kind:#x}")

    def _take_welcome(self, body: bytes) -> None:
        if self._welcome.done():
            return
        if body[1]:
            why = _REFUSED.get(body[1], f"code {body[1]}")
            self._welcome.set_exception(LinkError(f"refused: {why}"))
        else:
            self._welcome.set_result(None)


class _Nonsense(Exception):
    """What the broker sends cannot be read."""


def _long_size(data: bytes, position: int) -> tuple[int, int]:
    """2.2.3: the remaining length of a packet and where its body begins, (0, 0) where not all of that is there yet."""
    size = shift = 0
    for at in range(position + 1, min(position + 5, len(data))):
        size |= (data[at] & 0x7F) << shift
        shift += 7
        if not data[at] & 0x80:
            return size, at + 1
    if len(data) >= position + 5:
        raise _Nonsense("a length of more than four bytes")
    return 0, 0


async def open_connection(
    host: str, port: int, login: Login, timeout_s: float, tls: ssl.SSLContext | None
) -> Connection:
    """A connection that the broker has accepted. Raises `LinkError`, `OSError`."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout_s):
            _, connection = await loop.create_connection(
                lambda: Connection(timeout_s, login.keepalive_s), host, port, ssl=tls
            )
    except TimeoutError:
        raise LinkError(f"not reached within {timeout_s:g} s") from None
    try:
        await connection.welcome(login)
    except BaseException:
        connection.close()
        raise
    return connection
