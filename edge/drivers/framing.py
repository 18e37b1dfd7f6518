"""Numbers out of the bytes of a serial reader: where a frame begins and ends, its checksum, and the number in it.

Pure: bytes and their moment in, numbers out.
"""

from __future__ import annotations

import re
from functools import reduce
from operator import xor
from typing import Annotated, Literal

from msgspec import Meta, Struct

MAX_FRAME = 256
"""Bytes of the longest frame; a reader that says more without an end says nothing."""
Marker = Annotated[str, Meta(max_length=8, pattern=r"^[\x00-\xff]*$")]
Checksum = Literal["none", "xor", "sum", "xor-of-hex", "sum-of-hex"]


class Framing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a serial reader wraps a number. At least one of `end` and `length` is needed."""

    begin: Marker = ""
    """What a frame begins with, e.g. "\\u0002" (STX); empty where it begins with the number."""
    end: Marker = "\r"
    """What a frame ends with, e.g. "\\r" or "\\u0003" (ETX); empty where frames have a `length`."""
    length: Annotated[int, Meta(ge=1, le=MAX_FRAME)] | None = None
    """Bytes between `begin` and `end`, checksum included; leave out where they vary."""
    checksum: Checksum = "none"
    """Over what stands before it: xor or sum (modulo 256) of the bytes, or of the bytes that their hex digits spell."""
    checksum_as: Literal["hex", "byte"] = "hex"
    """The checksum is two hex digits, or one raw byte."""
    pattern: str = r"\s*([0-9A-Za-z]{4,64})\s*"
    """Regular expression for the rest, all of it; its first group, where it has one, is the number."""
    gap_s: Annotated[float, Meta(gt=0, le=10)] = 0.5
    """After a silence of so long what came before is no part of a frame."""

    def __post_init__(self) -> None:
        if not self.end and self.length is None:
            raise ValueError("needs `end`, `length` or both: otherwise nobody knows where a frame ends")
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise ValueError(f"`pattern` is no regular expression: {error}") from error


class Framer:
    """Bytes in pieces of any size become numbers."""

    def __init__(self, framing: Framing) -> None:
        self._framing = framing
        self._begin = framing.begin.encode("latin-1")
        self._end = framing.end.encode("latin-1")
        self._pattern = re.compile(framing.pattern)
        self._held = bytearray()
        self._last_s: float | None = None

    def take(self, data: bytes, at_s: float) -> list[str]:
        """The numbers of the frames that `data`, which came at `at_s` seconds, ends."""
        if self._last_s is not None and at_s - self._last_s > self._framing.gap_s:
            self._held.clear()
        self._last_s = at_s
        self._held += data
        numbers = []
        while (body := self._next_body()) is not None:
            number = self._number(body)
            if number is not None:
                numbers.append(number)
        del self._held[:-MAX_FRAME]
        return numbers

    def _next_body(self) -> bytes | None:
        """The next frame's inside, taken out; None when it is not all there yet."""
        if self._begin:
            found = self._held.find(self._begin)
            if found < 0:
                del self._held[: max(0, len(self._held) - len(self._begin) + 1)]
                return None
            del self._held[:found]
        return self._body_of_length() if self._framing.length is not None else self._body_to_end()

    def _body_to_end(self) -> bytes | None:
        found = self._held.find(self._end, len(self._begin))
        if found < 0:
            return None
        body = bytes(self._held[len(self._begin) : found])
        del self._held[: found + len(self._end)]
        return body.rsplit(self._begin, 1)[-1] if self._begin else body

    def _body_of_length(self) -> bytes | None:
        """A frame of fixed length; one without its end where it should be is no frame, and the search goes on in it."""
        assert self._framing.length is not None
        inside = len(self._begin) + self._framing.length
        while len(self._held) >= inside + len(self._end):
            if self._held.startswith(self._begin) and self._held[inside:].startswith(self._end):
                body = bytes(self._held[len(self._begin) : inside])
                del self._held[: inside + len(self._end)]
                return body
            del self._held[0]
        return None

    def _number(self, body: bytes) -> str | None:
        """The number in a frame; None where checksum, alphabet or pattern do not fit."""
        payload = self._checked(body)
        if payload is None or not payload.isascii():
            return None
        found = self._pattern.fullmatch(payload.decode("ascii"))
        if found is None:
            return None
        number = (found.group(1) if self._pattern.groups else found.group()) or ""
        return number if number.strip() and number.isprintable() else None

    def _checked(self, body: bytes) -> bytes | None:
        """The frame without its checksum; None where that is wrong."""
        kind = self._framing.checksum
        if kind == "none":
            return body
        size = 2 if self._framing.checksum_as == "hex" else 1
        payload, said = body[:-size], body[-size:]
        told = _from_hex(said) if size == 2 else said
        over = _from_hex(payload) if kind.endswith("-of-hex") else payload
        if not told or not over:
            return None
        made = reduce(xor, over) if kind.startswith("xor") else sum(over) % 256
        return payload if made == told[0] else None


def _from_hex(digits: bytes) -> bytes | None:
    """The bytes that pairs of hex digits spell; None where they are none."""
    if len(digits) % 2 or not re.fullmatch(rb"[0-9A-Fa-f]*", digits):
        return None
    return bytes.fromhex(digits.decode("ascii"))
