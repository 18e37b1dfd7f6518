"""Links by which a message is acknowledged: signed, bound to the message and its receiver, and good for a time only.

Whether one was used already is written with the message; the page behind it asks for a POST, so that a preview of the
link acknowledges nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import NamedTuple

import msgspec

from hub.alerts.outbox import Message
from wire.errors import DecodeError, MenshenError

VALID_S = 24 * 3600.0
_KEY_BYTES = 32
_MAC_BYTES = 16
"""HMAC-SHA-256 cut to 128 bits (RFC 2104, 5 allows half the hash): a link must fit an SMS."""


class Claim(NamedTuple):
    """What a link says: it may acknowledge that message for that receiver."""

    message: int
    receiver: str


class Links:
    """Makes and reads links under one key. Times are seconds since 1970."""

    def __init__(self, key: bytes, base_url: str, valid_s: float = VALID_S) -> None:
        self._key = key
        self._base = base_url.rstrip("/")
        self._valid_s = valid_s

    def of(self, message: Message, now_ns: int) -> str:
        """The link of a message that can be acknowledged; none for others."""
        if message.kind != "firing":
            return ""
        return f"{self._base}/ack/{self.token(message, now_ns)}"

    def token(self, message: Message, now_ns: int) -> str:
        # To the hour: attempts soon after each other carry the same text, which services know as a second copy.
        until_s = int(now_ns / 1e9 + self._valid_s) // 3600 * 3600
        body = msgspec.json.encode([message.id, message.receiver, until_s])
        return f"{_text(body)}.{_text(self._mac(body))}"

    def read(self, token: str, now_ns: int) -> Claim:
        """What the link says. Raises `DecodeError` for one that is not ours or not good any more."""
        body_text, _, mac_text = token.partition(".")
        try:
            body, mac = _bytes(body_text), _bytes(mac_text)
        except ValueError as error:
            raise DecodeError("link: not one of this hub") from error
        if not hmac.compare_digest(mac, self._mac(body)):
            raise DecodeError("link: not one of this hub")
        message, receiver, until_s = msgspec.json.decode(body, type=tuple[int, str, int])
        if now_ns / 1e9 >= until_s:
            raise DecodeError("link: no longer good")
        return Claim(message, receiver)

    def _mac(self, body: bytes) -> bytes:
        return hmac.new(self._key, b"menshen-ack\0" + body, hashlib.sha256).digest()[:_MAC_BYTES]


def read_key(path: Path) -> bytes:
    """The key in the file; it is made where there is none. Raises `MenshenError`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            key = path.read_bytes()
            if len(key) < _KEY_BYTES:
                raise MenshenError(
                    f"{path}: {len(key)} bytes, expected {_KEY_BYTES}; delete it to have a new one"
                ) from None
            return key
        with os.fdopen(handle, "wb") as file:
            key = secrets.token_bytes(_KEY_BYTES)
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise MenshenError(f"{path}: {error.strerror}") from error
    return key


def _text(body: bytes) -> str:
    return base64.urlsafe_b64encode(body).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
