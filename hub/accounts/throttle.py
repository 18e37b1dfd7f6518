"""Guessing passwords is slow: after a few wrong tries a login, and an address, must wait. Kept in memory."""

from __future__ import annotations

from collections import OrderedDict

FREE = 5
"""Wrong tries before waiting begins."""
FIRST_WAIT_NS = 2 * 10**9
LONGEST_WAIT_NS = 15 * 60 * 10**9
MOST_KEYS = 10_000


class Throttle:
    """Counts wrong tries by key; the wait doubles with each beyond the free ones."""

    def __init__(self) -> None:
        self._wrong: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def wait_ns(self, keys: tuple[str, ...], now_ns: int) -> int:
        """How long until the next try may be made; 0 for at once."""
        return max((self._wait_ns(key, now_ns) for key in keys), default=0)

    def failed(self, keys: tuple[str, ...], now_ns: int) -> None:
        for key in keys:
            count, _ = self._wrong.pop(key, (0, 0))
            self._wrong[key] = (count + 1, now_ns)
        while len(self._wrong) > MOST_KEYS:
            self._wrong.popitem(last=False)

    def succeeded(self, keys: tuple[str, ...]) -> None:
        """Forget the wrong tries of the first key, a login; the others, its address, keep all but this one."""
        login, *others = keys
        self._wrong.pop(login, None)
        for key in others:
            count, last_ns = self._wrong.get(key, (0, 0))
            if count <= 1:
                self._wrong.pop(key, None)
            else:
                self._wrong[key] = (count - 1, last_ns)

    def _wait_ns(self, key: str, now_ns: int) -> int:
        count, last_ns = self._wrong.get(key, (0, 0))
        if count < FREE:
            return 0
        wait_ns = min(LONGEST_WAIT_NS, FIRST_WAIT_NS << min(count - FREE, 20))
        return max(0, last_ns + wait_ns - now_ns)
