"""What became of a round, from the disinfections that count for it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    DONE = "done"
    LATE = "late"
    """Done, but after its time."""
    OVERDUE = "overdue"


class Window(NamedTuple):
    """When a round could be done, by when it had to be, and until when it can be done late."""

    from_ns: int
    due_ns: int
    until_ns: int

    def counts(self, time_ns: int) -> bool:
        """Whether a disinfection of that moment is of this round."""
        return self.from_ns < time_ns <= self.until_ns


def state_of(window: Window, times_ns: Iterable[int]) -> tuple[State, int | None]:
    """What became of the round, and when it was done first; whatever is not of this round changes nothing."""
    first_ns = min(filter(window.counts, times_ns), default=None)
    if first_ns is None:
        return State.OVERDUE, None
    return became_of(first_ns, window.due_ns), first_ns


def became_of(first_ns: int, due_ns: int) -> State:
    """What a round is that was done first at a moment."""
    return State.DONE if first_ns <= due_ns else State.LATE
