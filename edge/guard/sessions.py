"""Who is logged in, and who tries too often. In memory: a restart of the gate asks for the password again."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable

MOST_SESSIONS = 50
TRIES, PAUSE_S = 5, 60.0
"""After so many wrong passwords from one address it is not listened to for so long."""
_MOST_ADDRESSES = 1000

Clock = Callable[[], float]
"""Monotonic seconds."""


class Sessions:
    """Sessions by their secret, of which only a hash is kept."""

    def __init__(self, length_s: float, clock: Clock = time.monotonic) -> None:
        self._length_s = length_s
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[str, float]] = OrderedDict()

    def begin(self, guard: str) -> str:
        """A new session of a guard; its secret, for the cookie. The oldest one ends when there are too many."""
        secret = secrets.token_urlsafe(32)
        self._known[_key(secret)] = guard, self._clock() + self._length_s
        while len(self._known) > MOST_SESSIONS:
            self._known.popitem(last=False)
        return secret

    def whose(self, secret: str) -> str | None:
        """The guard whose session it is; None when it is over or was none."""
        guard, until_s = self._known.get(_key(secret), (None, 0.0))
        if guard is not None and self._clock() >= until_s:
            self.end(secret)
            return None
        return guard

    def end(self, secret: str) -> None:
        self._known.pop(_key(secret), None)


class Throttle:
    """Counts wrong passwords by the address that they came from."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait_s(self, address: str) -> float:
        """How long this address must wait before it may try again; 0 when it may."""
        count, last_s = self._wrong.get(address, (0, 0.0))
        left_s = last_s + PAUSE_S - self._clock()
        return left_s if count >= TRIES and left_s > 0 else 0.0

    def wrong(self, address: str) -> None:
        count, last_s = self._wrong.pop(address, (0, 0.0))
        if self._clock() - last_s >= PAUSE_S:
            count = 0
        self._wrong[address] = (count + 1, self._clock())
        while len(self._wrong) > _MOST_ADDRESSES:
            self._wrong.popitem(last=False)

    def right(self, address: str) -> None:
        self._wrong.pop(address, None)


def _key(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
