"""Who went through against who was let through: each decision gives one turn, each crossing takes one.

    (nothing) ── let in ──► turn open ── crossing ──► turn taken: entered
                                │             └── another crossing soon after ──► tailgating
                                ├── the same badge let in again ──► given up for the new one
                                └── time over ──► turn lost: nobody went
    (nothing) ── refused ──► refused ── crossing ──► entered although refused
    (nothing) ── crossing ──► unscreened entry
    any ── crossing the other way ──► wrong direction

A crossing is judged `LATE_S` after it happened, in the order of time, so that the order in which things are told makes
no difference. There are never more entries than turns without one of these words about each.
"""

from __future__ import annotations

from msgspec import Struct

from edge.clock import Instant
from edge.passage.crossings import Crossing
from edge.passage.types import LATE_S
from wire.events import Direction, Reason

BODY_S = 0.4
"""Two breaks of a beam within this time are one body: an arm, then the trunk."""
FOLLOW_S = 5.0
"""A crossing so shortly after another's turn is at that one's heels."""
REMEMBER_S = 60.0
"""What is told twice later than this is taken for something new."""


class Finding(Struct, frozen=True):
    """What one crossing was: `fault` is what is wrong with it, None when it was somebody's turn.

    `passage` and `badge` are of the decision that it follows from, where there is one.
    """

    crossing: Crossing
    fault: Reason | None
    passage: str | None = None
    badge: str | None = None


class _Turn(Struct):
    """A decision: `allowed` or refused; it holds for crossings from `since` to before `until`."""

    passage: str
    badge: str | None
    allowed: bool
    since: Instant
    until_ns: int
    taken_at: Instant | None = None

    def covers(self, at: Instant) -> bool:
        return self.since.mono_ns <= at.mono_ns < self.until_ns


class Turns:
    """The turns of one lane whose way is `direction`; an open turn lasts `turn_s` from the decision."""

    def __init__(self, direction: Direction, turn_s: float = 8.0) -> None:
        self._direction = direction
        self._turn_ns = int(turn_s * 1e9)
        self._turns: list[_Turn] = []
        self._crossings: list[Crossing] = []
        self._known: list[Crossing] = []
        """Judged, kept to know what is told twice."""
        self._last: dict[Direction, Instant] = {}

    def decided(self, passage: str, badge: str | None, since: Instant, now: Instant, *, allowed: bool) -> None:
        """The lane decided upon somebody who is there since `since`."""
        if allowed and badge is not None:
            self._turns = [turn for turn in self._turns if turn.badge != badge or turn.taken_at or not turn.allowed]
        self._turns.append(_Turn(passage, badge, allowed, since, now.mono_ns + self._turn_ns))

    def crossed(self, crossing: Crossing) -> None:
        """Somebody went through."""
        if crossing not in self._crossings and crossing not in self._known:
            self._crossings.append(crossing)

    def ripe(self, now: Instant) -> list[Crossing]:
        """The crossings that can be judged now, in the order of time; they are given once."""
        ripe = [crossing for crossing in self._crossings if now.seconds_since(crossing.at) >= LATE_S]
        self._crossings = [crossing for crossing in self._crossings if crossing not in ripe]
        self._known += ripe
        return sorted(ripe, key=lambda crossing: crossing.at.mono_ns)

    def explains(self, crossing: Crossing) -> bool:
        """Whether the decisions that there are account for it: nobody who still waits needs to have gone through."""
        return (
            crossing.direction is not self._direction
            or self._is_same_body(crossing)
            or self._first_open(crossing.at) is not None
            or self._is_at_heels(crossing.at)
        )

    def judge(self, crossing: Crossing) -> Finding | None:
        """What it was; None when it is the same body as the last."""
        same_body = self._is_same_body(crossing)
        self._last[crossing.direction] = crossing.at
        if same_body:
            return None
        if crossing.direction is not self._direction:
            return Finding(crossing, Reason.WRONG_DIRECTION)
        turn = self._first_open(crossing.at)
        if turn is not None:
            turn.taken_at = crossing.at
            return Finding(crossing, None, turn.passage, turn.badge)
        if self._is_at_heels(crossing.at):
            return Finding(crossing, Reason.TAILGATING)
        return self._refused(crossing)

    def forget(self, now: Instant) -> None:
        """Drop what no crossing can need any more."""
        kept_ns = now.mono_ns - int((FOLLOW_S + 2 * LATE_S) * 1e9)
        self._turns = [
            turn
            for turn in self._turns
            if turn.until_ns > kept_ns or (turn.taken_at is not None and turn.taken_at.mono_ns > kept_ns)
        ]
        self._known = [crossing for crossing in self._known if now.seconds_since(crossing.at) <= REMEMBER_S]

    def _is_same_body(self, crossing: Crossing) -> bool:
        last = self._last.get(crossing.direction)
        return last is not None and 0 <= crossing.at.seconds_since(last) < BODY_S

    def _is_at_heels(self, at: Instant) -> bool:
        return any(
            turn.allowed and turn.taken_at is not None and 0 <= at.seconds_since(turn.taken_at) <= FOLLOW_S
            for turn in self._turns
        )

    def _refused(self, crossing: Crossing) -> Finding:
        """Named where one alone was refused just now; of several nobody can say which it was."""
        fitting = self._open(crossing.at, allowed=False)
        if not fitting:
            return Finding(crossing, Reason.UNSCREENED_ENTRY)
        turn = max(fitting, key=lambda turn: turn.since.mono_ns)
        turn.taken_at = crossing.at
        named = len(fitting) == 1
        return Finding(crossing, Reason.ENTERED_REFUSED, turn.passage if named else None, turn.badge if named else None)

    def _first_open(self, at: Instant) -> _Turn | None:
        return min(self._open(at, allowed=True), key=lambda turn: turn.since.mono_ns, default=None)

    def _open(self, at: Instant, *, allowed: bool) -> list[_Turn]:
        return [turn for turn in self._turns if turn.allowed is allowed and not turn.taken_at and turn.covers(at)]
