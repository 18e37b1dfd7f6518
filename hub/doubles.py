"""Two machines under one gate's name, told from their births.

A card is replaced once, and its epoch does not come back. Where it does, with another session than its last,
two cards are at work: an image of one in a second machine, or two gates set up with one name. Each throws the other off
the broker, so both are slow, and whoever reads the gate's events reads two gates' in one.
"""

from __future__ import annotations

from msgspec import Struct

TOLD_FOR_S = 600.0
"""After so long without another sign it counts as over."""
_KEPT = 4


class Births(Struct):
    """The births of one gate: its epochs, the newest last, with the highest session that was heard of each."""

    sessions: dict[str, int] = {}
    doubled_s: float | None = None
    """When the last sign of a second machine was."""

    def remember(self, epoch: str) -> None:
        """An epoch that the journal knows; in the order in which they came."""
        self.sessions[epoch] = self.sessions.pop(epoch, -1)
        while len(self.sessions) > _KEPT:
            del self.sessions[next(iter(self.sessions))]

    def see(self, epoch: str, session: int, now_s: float) -> None:
        before = self.sessions.get(epoch)
        is_newest = next(reversed(self.sessions), epoch) == epoch
        if before is not None and (session == before or (session < before and is_newest)):
            return  # heard of already: a birth is repeated until it is answered, and may come late
        if before is not None and not is_newest:
            self.doubled_s = now_s  # a lower session, too: one card's only grow, and its epoch was over
        self.remember(epoch)
        self.sessions[epoch] = max(session, -1 if before is None else before)

    def are_of_two(self, now_s: float) -> bool:
        return self.doubled_s is not None and now_s - self.doubled_s < TOLD_FOR_S
