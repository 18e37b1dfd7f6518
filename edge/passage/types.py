"""What the state machines of a lane take and give."""

from __future__ import annotations

from msgspec import Struct

from edge.clock import Instant
from edge.thermal.types import Reading
from wire.events import Verdict

LATE_S = 0.5
"""What happened may be told so much later, in any order, without a difference to what comes of it."""


class BadgeSeen(Struct, frozen=True):
    """A badge, as a token."""

    token: str
    at: Instant


class Passage(Struct, frozen=True):
    """One person at the lane: with a badge, a reading, or both.

    `followed`: came so close behind somebody with a badge that they went through, or tried to, on that one's turn.
    """

    at: Instant
    badge: BadgeSeen | None
    reading: Reading | None
    followed: bool = False

    @property
    def verdict(self) -> Verdict:
        return self.reading.verdict if self.reading else Verdict.UNMEASURED

    @property
    def alone(self) -> bool:
        return self.reading.alone if self.reading else True

    @property
    def began(self) -> Instant:
        """The first that was seen of this person."""
        moments = [seen.at for seen in (self.badge,) if seen] + [seen.first_at for seen in (self.reading,) if seen]
        return min([*moments, self.at], key=lambda at: at.mono_ns)
