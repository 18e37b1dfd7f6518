"""Where badges were: what anti-passback and "at two gates at once" are decided from. Pure functions over sightings.

    unknown ── went in ──► inside ── shown at a lane in ──► passed back
       ▲                     │  └── not seen for too long ──► unknown
       └───── went out ──────┘

A gate knows its own lanes' sightings; what other gates saw is heard over MQTT, also what they saw while this gate was
away (`edge.sharing`). Until the link is back another gate's exits are unknown: a plant whose people come by one gate
and go by another may want anti-passback soft.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from wire.events import Direction
from wire.sightings import Sighting

KEPT = 8
"""Sightings kept of each badge."""


class Walks(Struct, frozen=True):
    """The least time in seconds from here: to another gate, by its name, and to another lane of this gate."""

    gates_s: Mapping[str, float]
    lanes_s: float


def too_soon(here: Sighting, others: Iterable[Sighting], walks: Walks) -> Sighting | None:
    """The sighting elsewhere from which nobody could be here by now, whichever of the two was told first."""
    return next((other for other in others if _walk_s(here, other, walks) * 1e9 > abs(here.at_ns - other.at_ns)), None)


def _walk_s(here: Sighting, other: Sighting, walks: Walks) -> float:
    if other.badge != here.badge:
        return 0.0
    if other.gate != here.gate:
        return walks.gates_s.get(other.gate, 0.0)
    return walks.lanes_s if other.lane != here.lane else 0.0


def is_inside(sightings: Iterable[Sighting], at_ns: int, forget_s: float) -> bool:
    """Whether the badge's holder went in last, and not longer ago than `forget_s`."""
    through = [seen for seen in sightings if seen.entered and seen.at_ns <= at_ns]
    last = max(through, key=_order, default=None)
    return last is not None and last.direction is Direction.IN and at_ns - last.at_ns <= forget_s * 1e9


def _order(seen: Sighting) -> tuple[int, str, str, str]:
    """By time; of one moment always the same way, whichever was told first: going out counts last."""
    return seen.at_ns, seen.direction.value, seen.gate, seen.lane


class Sightings:
    """The last sightings of each badge. `fresh` is what was added since it was last taken, to be kept on disk."""

    def __init__(self, known: Iterable[Sighting] = ()) -> None:
        self._of_badge: dict[str, tuple[Sighting, ...]] = {}
        self._fresh: list[Sighting] = []
        for sighting in known:
            self._add(sighting)

    def of(self, badge: str) -> list[Sighting]:
        """What is known of a badge, the oldest first."""
        return list(self._of_badge.get(badge, ()))

    def since(self, at_ns: int) -> Iterator[Sighting]:
        """All sightings since then, as they are at the time of the call: it may be read in another thread."""
        now = list(self._of_badge.values())
        return (seen for seen_s in now if seen_s[-1].at_ns >= at_ns for seen in seen_s if seen.at_ns >= at_ns)

    def hear(self, sighting: Sighting) -> None:
        """A badge was seen, at this gate or another; twice told is once."""
        if sighting not in self._of_badge.get(sighting.badge, ()):
            self._add(sighting)
            self._fresh.append(sighting)

    def fresh(self) -> list[Sighting]:
        """What was heard since the last call."""
        fresh, self._fresh = self._fresh, []
        return fresh

    def forget(self, before_ns: int) -> None:
        """Drop what is older."""
        kept = {
            badge: tuple(seen for seen in seen_s if seen.at_ns >= before_ns) for badge, seen_s in self._of_badge.items()
        }
        self._of_badge = {badge: seen_s for badge, seen_s in kept.items() if seen_s}

    def _add(self, sighting: Sighting) -> None:
        """The last few of each badge, and always the last time that its holder went through."""
        seen = sorted([*self._of_badge.get(sighting.badge, ()), sighting], key=_order)
        entered = [it for it in seen[:-KEPT] if it.entered][-1:]
        self._of_badge[sighting.badge] = (*entered, *seen[-KEPT:])
