"""How far a gate's clock is from the hub's, by its pulses: each was sent a little before it arrived, never after.

The smallest of the last differences has the least of the link's delay in it (NTP's clock filter has the same idea).
"""

from __future__ import annotations

from collections import deque

KEPT = 12
"""At a pulse every five or ten seconds, one or two minutes."""
LEAST = 4
"""Fewer say nothing: one pulse may have waited for a link."""
WRONG_S = 5.0
"""So far apart one of the two clocks is wrong, whatever NTP says of it: it cannot be the link."""
RIGHT_S = 2.5


class ClockGap:
    """The differences of one gate's last pulses."""

    def __init__(self) -> None:
        self._late_s: deque[float] = deque(maxlen=KEPT)

    def see(self, said_ns: int, received_ns: int) -> None:
        self._late_s.append((received_ns - said_ns) / 1e9)

    @property
    def ahead_s(self) -> float | None:
        """How far the gate is ahead of the hub (negative: behind); None while too little was heard."""
        return -min(self._late_s) if len(self._late_s) >= LEAST else None


def is_wrong(ahead_s: float, *, was_wrong: bool) -> bool:
    """Whether the two are too far apart; what is around the limit is one fault."""
    return abs(ahead_s) > (RIGHT_S if was_wrong else WRONG_S)
