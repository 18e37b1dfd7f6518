"""MQTT 3.1.1 as bytes, for gates that are thousands in one process: packets made, and a stream of bytes taken apart.

Sections are those of the OASIS standard. Only quality of service 0 and 1, clean sessions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from wire.errors import DecodeError

CONNECT: Final = 1
CONNACK: Final = 2
PUBLISH: Final = 3
PUBACK: Final = 4
SUBSCRIBE: Final = 8
SUBACK: Final = 9
UNSUBSCRIBE: Final = 10
UNSUBACK: Final = 11
PINGREQ: Final = 12
PINGRESP: Final = 13
DISCONNECT: Final = 14

PING: Final = bytes([PINGREQ << 4, 0])
GOODBYE: Final = bytes([DISCONNECT << 4, 0])

_CLEAN, _WILL, _WILL_QOS_1, _WILL_RETAIN, _PASSWORD, _USER = 0x02, 0x04, 0x08, 0x20, 0x40, 0x80
_LONGEST: Final = 4
"""Section 2.2.3: bytes of a remaining length."""


class Packet(NamedTuple):
    """One packet: its kind, the four flags of its first byte, and what follows its length."""

    kind: int
    flags: int
    body: bytes


class Published(NamedTuple):
    """What a PUBLISH carries; `number` is None at quality of service 0."""

    topic: str
    payload: bytes
    number: int | None
    retained: bool


class WillOf(NamedTuple):
    """What the broker says, retained and at quality of service 1, when the connection is lost."""

    topic: str
    payload: bytes


def connect(
    client_id: str,
    keepalive_s: int,
    will: WillOf | None = None,
    username: str | None = None,
    password: str | None = None,
) -> bytes:
    """Section 3.1."""
    flags = _CLEAN
    body = [_text(client_id)]
    if will is not None:
        flags |= _WILL | _WILL_QOS_1 | _WILL_RETAIN
        body += [_text(will.topic), len(will.payload).to_bytes(2, "big"), will.payload]
    if username is not None:
        flags |= _USER
        body.append(_text(username))
        if password is not None:  # section 3.1.2.9: no password without a user
            flags |= _PASSWORD
            body.append(_text(password))
    head = _text("MQTT") + bytes([4, flags]) + keepalive_s.to_bytes(2, "big")
    return _packet(CONNECT << 4, head + b"".join(body))


def publish(topic: str, payload: bytes, number: int | None = None, *, retain: bool = False) -> bytes:
    """Section 3.3; with a number at quality of service 1."""
    if number is None:
        return _packet(PUBLISH << 4 | retain, _text(topic) + payload)
    return _packet(PUBLISH << 4 | 2 | retain, _text(topic) + number.to_bytes(2, "big") + payload)


def puback(number: int) -> bytes:
    """Section 3.4."""
    return b"\x40\x02" + number.to_bytes(2, "big")


def subscribe(number: int, topics: Sequence[str], qos: int = 1) -> bytes:
    """Section 3.8."""
    return _packet(
        SUBSCRIBE << 4 | 2, number.to_bytes(2, "big") + b"".join(_text(one) + bytes([qos]) for one in topics)
    )


def unsubscribe(number: int, topics: Sequence[str]) -> bytes:
    """Section 3.10."""
    return _packet(UNSUBSCRIBE << 4 | 2, number.to_bytes(2, "big") + b"".join(map(_text, topics)))


class Decoder:
    """Takes the bytes of one connection as they come."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Packet]:
        """The packets that these bytes complete. Raises `DecodeError` for what is no MQTT."""
        if self._rest:
            data = self._rest + data
        packets, at, end = [], 0, len(data)
        while at + 2 <= end:
            length, begin = data[at + 1], at + 2
            if length & 0x80:
                length, begin = _length(data, at + 1)
                if begin < 0:
                    break
            if begin + length > end:
                break
            packets.append(Packet(data[at] >> 4, data[at] & 0x0F, data[begin : begin + length]))
            at = begin + length
        self._rest = data[at:]
        return packets


def published(packet: Packet) -> Published:
    """What a PUBLISH carries. Raises `DecodeError`."""
    body, qos = packet.body, packet.flags >> 1 & 3
    end = 2 + int.from_bytes(body[:2], "big")
    begin = end + 2 if qos else end
    if qos > 1 or begin > len(body):
        raise DecodeError(f"MQTT: a PUBLISH of {len(body)} bytes at quality of service {qos}, expected 0 or 1 and more")
    try:
        topic = body[2:end].decode()
    except UnicodeDecodeError as error:
        raise DecodeError(f"MQTT: a topic that is no text: {error}") from error
    number = int.from_bytes(body[end:begin], "big") if qos else None
    return Published(topic, body[begin:], number, bool(packet.flags & 1))


def number_of(packet: Packet) -> int:
    """The number in an acknowledgement. Raises `DecodeError`."""
    if len(packet.body) < 2:
        raise DecodeError(f"MQTT: packet of kind {packet.kind} without a number")
    return int.from_bytes(packet.body[:2], "big")


def _length(data: bytes, at: int) -> tuple[int, int]:
    """A remaining length of several bytes, and where the body begins: -1 where it is not all there."""
    value, shift = 0, 0
    for place in range(at, min(at + _LONGEST, len(data))):
        value |= (data[place] & 0x7F) << shift
        shift += 7
        if not data[place] & 0x80:
            return value, place + 1
    if len(data) >= at + _LONGEST:
        raise DecodeError("MQTT: a length of more than four bytes")
    return 0, -1


def _packet(first: int, body: bytes) -> bytes:
    length = len(body)
    if length < 0x80:
        return bytes([first, length]) + body
    head = [first]
    while True:
        length, low = length >> 7, length & 0x7F
        head.append(low | 0x80 if length else low)
        if not length:
            return bytes(head) + body


def _text(value: str) -> bytes:
    body = value.encode()
    return len(body).to_bytes(2, "big") + body
