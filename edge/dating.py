"""Dating what was taken while the gate's clock was wrong.

A Pi without a battery clock boots with a time of its own and learns the right one minutes later, or after days without
a link. What happens meanwhile is kept with the moment on the monotonic clock, which no setting of the clock touches;
once the clock is right, the moment says when it truly was:

    time = time now - (monotonic now - monotonic then)

That holds within one boot: what was taken before a restart that came first cannot be dated any more and keeps its word
that the clock was free.
"""

from __future__ import annotations

import msgspec

from edge.clock import Instant
from wire.events import MAX_TIME_NS, AnyEvent, Clock

NEAR_NS = 60 * 10**9
"""An event is put on record this soon after it happened."""

_any = msgspec.json.Decoder()


class Moments:
    """The moment of each new event on the monotonic clock, across the very second in which the clock is set."""

    def __init__(self) -> None:
        self._free: int | None = None
        """Monotonic minus wall clock, as long as that was free, in nanoseconds."""

    def of(self, event: AnyEvent, now: Instant) -> int | None:
        """When the event happened, in nanoseconds since boot; None where its time is right, or nothing can tell."""
        if now.clock is Clock.FREE:
            self._free = now.mono_ns - now.time_ns
        if event.clock is not Clock.FREE or self._free is None:
            return None
        mono_ns = event.time_ns + self._free
        is_near = now.mono_ns - NEAR_NS <= mono_ns <= now.mono_ns + NEAR_NS
        return max(0, mono_ns) if is_near or now.clock is Clock.FREE else None


def time_of(mono_ns: int, now: Instant) -> int:
    """The wall clock's time of a moment since boot, in nanoseconds; `now` is of the same boot, its clock right."""
    return min(MAX_TIME_NS, max(0, now.time_ns - (now.mono_ns - mono_ns)))


def dated(body: bytes, shift_ns: int) -> bytes:
    """The event with all its times moved by so much, and marked as dated afterwards."""
    fields = _any.decode(body)
    moved = {key: _moved(value, shift_ns) if key.endswith("_ns") else value for key, value in fields.items()}
    return msgspec.json.encode(moved | {"clock": Clock.DATED.value})


def _moved(value: object, shift_ns: int) -> object:
    return min(MAX_TIME_NS, max(0, value + shift_ns)) if isinstance(value, int) else value
