"""Contacts of a lane become crossings: somebody went through, and which way.

    turnstile turned ─────────────────────────────────────────────► crossing (its own way)
    one beam:  free ── broken ──► crossing (the lane's way) ── free again, next break ► the next
    two beams: the one that who comes in meets first watches `in`, the other `out`

               free ── `in` beam broken ──► begun from outside ── `out` beam broken in time ──► crossing in
                └──── `out` beam broken ──► begun from inside ─── `in` beam broken in time ───► crossing out
                                             └── time over: turned back ──► free

A contact as it is found at a start is no crossing. Beams belong behind the camera and the reader: who breaks them is
through.
"""

from __future__ import annotations

from msgspec import Struct

from edge.clock import Instant
from edge.drivers.base import ContactChange, ContactKind
from wire.events import Direction

BETWEEN_BEAMS_S = 2.0
"""A body is in the second beam so shortly after the first."""


class Crossing(Struct, frozen=True):
    """Somebody went through the lane."""

    at: Instant
    direction: Direction


class Crossings:
    """The contacts of one lane, whose own way is `direction`."""

    def __init__(self, direction: Direction) -> None:
        self._direction = direction
        self._active: dict[tuple[ContactKind, Direction | None], bool] = {}
        self._begun: dict[Direction, list[Instant]] = {Direction.IN: [], Direction.OUT: []}

    def change(self, change: ContactChange) -> Crossing | None:
        """A contact changed, or is told as found; the crossing that it completes."""
        key = (change.contact, change.direction)
        before = self._active.get(key)
        self._active[key] = change.active
        if before is not False or not change.active:
            return None
        if change.contact is ContactKind.TURN:
            return Crossing(change.at, change.direction or self._direction)
        if change.contact is not ContactKind.BEAM:
            return None
        if change.direction is None or not self._has_two_beams():
            return Crossing(change.at, self._direction)
        return self._second_beam(change.at, change.direction)

    def _has_two_beams(self) -> bool:
        return all((ContactKind.BEAM, way) in self._active for way in (Direction.IN, Direction.OUT))

    def _second_beam(self, at: Instant, beam: Direction) -> Crossing | None:
        """The way is that of the beam which was broken first."""
        first = Direction.OUT if beam is Direction.IN else Direction.IN
        begun = self._begun[first] = [
            since for since in self._begun[first] if 0 <= at.seconds_since(since) <= BETWEEN_BEAMS_S
        ]
        if not begun:
            self._begun[beam].append(at)
            return None
        begun.pop(0)
        return Crossing(at, first)
