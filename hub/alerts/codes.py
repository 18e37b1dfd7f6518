"""Short codes that stand for a link, for a text in which no signed link fits: random, good for a time and once, and in
the file only as hashes.

A code has 80 bits: whoever tries a million a second for a year has one chance in 38,000 to find one of a thousand.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import sqlite3

from hub.alerts.links import VALID_S

_BYTES = 10
"""Sixteen letters and digits: base32, so that nobody mistakes one for another when it is typed."""


def new_code(db: sqlite3.Connection, message: int, now_ns: int, draw: bytes | None = None) -> str:
    """A code for a message; those that are over are forgotten."""
    code = base64.b32encode(draw or secrets.token_bytes(_BYTES)).decode().lower()
    db.execute("DELETE FROM codes WHERE until_ns <= ?", (now_ns,))
    until_ns = now_ns + round(VALID_S * 1e9)
    db.execute("INSERT OR REPLACE INTO codes VALUES (?, ?, ?)", (_hash(code), message, until_ns))
    return code


def message_of(db: sqlite3.Connection, code: str, now_ns: int) -> tuple[int, str] | None:
    """The message that a code stands for, and its receiver; None for one that is none, or no longer."""
    query = """SELECT m.id, m.receiver FROM codes c JOIN messages m ON m.id = c.message
        WHERE c.hash = ? AND c.until_ns > ?"""
    found: tuple[int, str] | None = db.execute(query, (_hash(code.strip().lower()), now_ns)).fetchone()
    return found


def _hash(code: str) -> bytes:
    """A code is random and long: no salt, and no slow hash, makes it harder to find."""
    return hashlib.sha256(code.encode()).digest()
