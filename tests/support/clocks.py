"""Time that tests move by hand."""

from __future__ import annotations

from edge.clock import Instant
from wire.events import Clock


class HandClock:
    """A timekeeper whose time passes only when it is told to."""

    def __init__(self, time_ns: int = 1_581_200_000_000_000_000) -> None:
        self.time_ns = time_ns
        self.mono_ns = 1_000_000_000
        self.clock = Clock.SYNCED

    def now(self) -> Instant:
        return Instant(self.time_ns, self.mono_ns, self.clock)

    def set(self, time_ns: int) -> None:
        """The clock is synchronised: it jumps, and is right from now on."""
        self.time_ns, self.clock = time_ns, Clock.SYNCED

    def pass_s(self, seconds: float) -> Instant:
        self.time_ns += int(seconds * 1e9)
        self.mono_ns += int(seconds * 1e9)
        return self.now()


def at(seconds: float) -> Instant:
    """The moment so many seconds after the start of a test's story."""
    return Instant(1_581_200_000_000_000_000 + int(seconds * 1e9), int(seconds * 1e9))
