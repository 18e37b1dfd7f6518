"""Signed addresses for telephones: `NUMBER-VERSION-MAC`, short enough for a QR picture that an old camera reads.

A link is of one kind and one record; raising the record's version revokes what was printed before. Nothing of it is
stored: who reads the database cannot make one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import NamedTuple

_MAC_BYTES = 10
"""80 bits: a guess is a request, and requests are slow; a longer one makes a denser picture."""
_TEXT = re.compile(r"(\d{1,18})-(\d{1,9})-([a-z2-7]{16})")


class Claim(NamedTuple):
    """What a link says; whether its version is still the record's is for whoever knows the record."""

    number: int
    version: int


class Signer:
    """Makes and reads links under one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def link(self, kind: str, number: int, version: int = 1) -> str:
        return f"{number}-{version}-{self._mac(kind, number, version)}"

    def read(self, kind: str, text: str) -> Claim | None:
        """What a link of that kind says; None for one that is not ours."""
        found = _TEXT.fullmatch(text)
        if found is None:
            return None
        claim = Claim(int(found[1]), int(found[2]))
        right = self._mac(kind, *claim)
        return claim if hmac.compare_digest(right, found[3]) else None

    def proof(self, kind: str, text: str) -> str:
        """A word that only this hub can say of a text: what a form carries to show that it is ours."""
        digest = hmac.new(self._key, f"menshen {kind}\0{text}".encode(), hashlib.sha256).digest()
        return base64.b32encode(digest[:_MAC_BYTES]).decode().lower()

    def _mac(self, kind: str, number: int, version: int) -> str:
        return self.proof(f"link {kind}", f"{number}.{version}")
