"""Tokens: what stands for a person's badge or a vehicle's plate outside the hub's relational store.

A token is HMAC-SHA-256 (RFC 2104) of the kind and the normalised number under the site's key, cut to 128 bits and
written in URL-safe base64 (22 characters). Without the key a token cannot be turned back by trying all numbers.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import unicodedata
from enum import StrEnum
from pathlib import Path

from wire.errors import SettingsError

MIN_KEY_BYTES = 16
_FINGERPRINT = b"menshen token key fingerprint "


class TokenKind(StrEnum):
    """Kinds never share tokens: badge 4711 and plate 4711 differ."""

    BADGE = "badge"
    TAG = "tag"
    PLATE = "plate"
    HOST = "host"
    """Whom a visitor visits, by name: no reader reads it, and it is registered nowhere."""


READ_KINDS = (TokenKind.BADGE, TokenKind.TAG, TokenKind.PLATE)
"""What readers read, and what can be registered."""


def token(key: bytes, kind: TokenKind, number: str) -> str:
    """The token of a number as a reader gives it; case, width and inner spaces do not matter.

    Raises `ValueError` for a key under 16 bytes or a number with nothing in it.
    """
    if len(key) < MIN_KEY_BYTES:
        raise ValueError(f"token key of {len(key)} bytes, expected at least {MIN_KEY_BYTES}")
    plain = normal(number)
    if not plain:
        raise ValueError(f"{kind} number {number!r}: expected at least one character")
    digest = hmac.new(key, f"{kind}\0{plain}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()


def normal(number: str) -> str:
    """What two readings of the same number have in common: no difference of case, width or spaces."""
    return "".join(unicodedata.normalize("NFKC", number).upper().split())


def fingerprint(key: bytes) -> str:
    """What may be read out aloud to compare two keys; it tells nothing of the key."""
    digits = hashlib.sha256(_FINGERPRINT + key).hexdigest()[:16]
    return "-".join(digits[at : at + 4] for at in range(0, 16, 4))


def read_key(path: Path) -> bytes:
    """The site's token key. Raises `SettingsError` when it is missing or too short."""
    try:
        key = path.read_bytes().strip()
    except OSError as error:
        raise SettingsError([f"{path}: token key cannot be read: {error.strerror}"]) from error
    if len(key) < MIN_KEY_BYTES:
        raise SettingsError([f"{path}: token key of {len(key)} bytes, expected at least {MIN_KEY_BYTES}"])
    return key
