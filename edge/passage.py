"""Fuses what one lane saw, a badge and a temperature, into one passage. A pure state machine in event time.

    badge ──► waiting badge ── temperature within the window ──► passage (both)
                    └───────── window over ───────────────────► passage (unmeasured: pending, never normal)
    temperature ──► waiting reading ── badge within the window ──► passage (both)
                    └───────── window over ────────────────────► passage (no badge: unscreened entry)

A badge is paired with a temperature that was taken from `before_s` before it to `after_s` after it; each is used once,
the oldest badge first. A lane without a reader makes a passage of each temperature at once, a lane without a camera one
of each badge. Readings may arrive in any order; `due` closes what waited long enough.
"""

from __future__ import annotations

from collections import deque

from msgspec import Struct

from edge.clock import Instant
from edge.thermal.types import Reading
from wire.events import Verdict

LATE_S = 0.5
"""Waited beyond the window for a reading that is still on its way through the pipeline."""
REPEAT_S = 2.0
"""The same badge within this time is one presentation: readers repeat while the card is held."""


class BadgeSeen(Struct, frozen=True):
    """A badge, as a token."""

    token: str
    at: Instant


class Passage(Struct, frozen=True):
    """One person at the lane: with a badge, a reading, or both."""

    at: Instant
    badge: BadgeSeen | None
    reading: Reading | None

    @property
    def verdict(self) -> Verdict:
        return self.reading.verdict if self.reading else Verdict.UNMEASURED


class Fusion:
    """One person lane. Moments are compared by the monotonic clock."""

    def __init__(self, *, reads_badges: bool, measures: bool, before_s: float = 1.0, after_s: float = 3.0) -> None:
        self._reads_badges = reads_badges
        self._measures = measures
        self._before_s = before_s
        self._after_s = after_s
        self._badges: deque[BadgeSeen] = deque()
        self._readings: deque[Reading] = deque()
        self._last: dict[str, Instant] = {}

    def badge(self, seen: BadgeSeen) -> list[Passage]:
        """A badge was read; the passages that this completes."""
        if self._is_repeat(seen):
            return []
        if not self._measures:
            return [Passage(seen.at, seen, None)]
        reading = next((reading for reading in self._readings if self._belong(seen, reading)), None)
        if reading is None:
            self._badges.append(seen)
            return []
        self._readings.remove(reading)
        return [_both(seen, reading)]

    def reading(self, reading: Reading) -> list[Passage]:
        """The screening concluded about a person; the passages that this completes."""
        if not self._reads_badges:
            return [Passage(reading.at, None, reading)]
        seen = next((seen for seen in self._badges if self._belong(seen, reading)), None)
        if seen is None:
            self._readings.append(reading)
            return []
        self._badges.remove(seen)
        return [_both(seen, reading)]

    def due(self, now: Instant) -> list[Passage]:
        """Passages whose other half did not come in time."""
        badges = [seen for seen in self._badges if now.seconds_since(seen.at) > self._after_s + LATE_S]
        readings = [reading for reading in self._readings if now.seconds_since(reading.at) > self._before_s + LATE_S]
        for seen in badges:
            self._badges.remove(seen)
        for reading in readings:
            self._readings.remove(reading)
        self._last = {token: at for token, at in self._last.items() if now.seconds_since(at) <= REPEAT_S}
        alone = [Passage(seen.at, seen, None) for seen in badges]
        alone += [Passage(reading.at, None, reading) for reading in readings]
        return sorted(alone, key=lambda passage: passage.at.mono_ns)

    def _belong(self, seen: BadgeSeen, reading: Reading) -> bool:
        """The person stood before the camera, from the first look to the last, within the badge's window."""
        before_s = seen.at.seconds_since(reading.at)
        after_s = reading.first_at.seconds_since(seen.at)
        return before_s <= self._before_s and after_s <= self._after_s

    def _is_repeat(self, seen: BadgeSeen) -> bool:
        last = self._last.get(seen.token)
        self._last[seen.token] = seen.at
        return last is not None and abs(seen.at.seconds_since(last)) <= REPEAT_S


def _both(seen: BadgeSeen, reading: Reading) -> Passage:
    return Passage(max(seen.at, reading.at, key=lambda at: at.mono_ns), seen, reading)
