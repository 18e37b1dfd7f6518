"""How fast one asks: a token bucket for each user, program or address. Kept in memory."""

from __future__ import annotations

import math
from collections import OrderedDict

PER_S = 100.0
"""Requests a second, for ever."""
BURST = 500.0
"""Requests at once, after a rest."""
MOST_KEYS = 10_000


class Pace:
    """Counts requests by key."""

    def __init__(self, per_s: float = PER_S, burst: float = BURST) -> None:
        self._per_s, self._burst = per_s, burst
        self._left: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def left(self, key: str) -> float:
        """How many requests might have been made at once when the last one was."""
        return self._left.get(key, (self._burst, 0))[0]

    def wait_s(self, key: str, now_ns: int) -> int:
        """Take one request; 0 where it may be made, else how many seconds too early it is."""
        left, at_ns = self._left.pop(key, (self._burst, now_ns))
        left = min(self._burst, left + max(0, now_ns - at_ns) / 1e9 * self._per_s)
        may = left >= 1.0
        self._left[key] = (left - 1.0 if may else left, now_ns)
        if len(self._left) > MOST_KEYS:
            self._left.popitem(last=False)
        return 0 if may else math.ceil((1.0 - left) / self._per_s)
