"""MQTT 3.1.1 as bytes, for gates that are thousands in one process: a stream of bytes taken apart without a task of its
own. Packets are made as `wire.mqtt` makes them. Sections are those of the OASIS standard.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from wire.errors import DecodeError

_LONGEST: Final = 4
"""Section 2.2.3: bytes of a remaining length."""


class Packet(NamedTuple):
    """One packet: its first byte without the four flags, these, and what follows its length."""

    kind: int
    flags: int
    body: bytes


class Published(NamedTuple):
    """What a PUBLISH carries; `number` is None at quality of service 0."""

    topic: str
    payload: bytes
    number: int | None


def puback(number: int) -> bytes:
    """Section 3.4."""
    return b"\x40\x02" + number.to_bytes(2, "big")


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
            packets.append(Packet(data[at] & 0xF0, data[at] & 0x0F, data[begin : begin + length]))
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
    return Published(topic, body[begin:], number)


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
