"""The date by which a gate renews its certificate, as well as it knows it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from edge.clock import Timekeeper
from wire.events import Clock

NO_LINK_S = 600.0
ANY_DAY = datetime.max.replace(tzinfo=UTC)
"""Later than the end of any certificate."""


class Today:
    """A clock that is set is believed. One that nothing sets may be right, and is believed as long as the hub answers;
    where it is behind, the certificate may be over without the gate knowing: after `NO_LINK_S` without the hub it is
    any day, for asking for another harms nothing, and nobody else would let it in again."""

    def __init__(self, timekeeper: Timekeeper, hub_answers: Callable[[], bool]) -> None:
        self._timekeeper, self._hub_answers = timekeeper, hub_answers
        self._answered = timekeeper.now()

    def __call__(self) -> datetime:
        now = self._timekeeper.now()
        if self._hub_answers():
            self._answered = now
        is_lost = now.seconds_since(self._answered) >= NO_LINK_S
        if is_lost and now.clock is not Clock.SYNCED:
            return ANY_DAY
        return datetime.fromtimestamp(now.time_ns / 1e9, UTC)
