"""Fuses what one lane saw of a vehicle, its tag, its plate and its occupants' temperatures, into one visit.

    tag, plate or occupant ──► waiting vehicle ── every part that the lane can see ──► visit (whole)
                                    ├── window over ──────────────────────────────► visit (with what there is)
                                    └── another tag or plate ──► visit of the first, and a new one begins

Each part is used once; what a reader repeats is one. The first occupant's temperature makes the visit whole; one more
occupant is a passage that `followed`, and somebody without a vehicle is on foot in the wrong lane. Two vehicles are
further apart than `wait_s`: the lane is no shorter than a car.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from edge.clock import Instant
from edge.passage.types import LATE_S, Passage
from edge.thermal.types import Reading
from wire.events import Direction

REPEAT_S = 10.0
"""The same tag or plate within this time is one vehicle at the reader."""


class VehicleSeen(Struct, frozen=True):
    """One look of a vehicle reader: tokens; both None when it saw a vehicle and could not read it.

    `loop`: not a look at all, but the ground loop's word that a vehicle is there.
    """

    at: Instant
    tag: str | None = None
    plate: str | None = None
    direction: Direction = Direction.IN
    confidence: float = 1.0
    loop: bool = False


class Visit(Struct):
    """One vehicle at the lane."""

    began: Instant
    at: Instant
    tag: str | None = None
    plate: str | None = None
    direction: Direction = Direction.IN
    confidence: float = 1.0
    looked_at: bool = False
    """A plate camera had its look, whether it could read or not."""
    occupants: tuple[Reading, ...] = ()


class VehicleFusion:
    """One vehicle lane with a reader of tags, a reader of plates, a thermal camera at the driver's window, or
    several."""

    def __init__(
        self,
        *,
        reads_tags: bool,
        reads_plates: bool,
        measures: bool,
        wait_s: float = 3.0,
        same: Callable[[str], frozenset[str]] = lambda token: frozenset({token}),
    ) -> None:
        """`same` gives all tokens of the vehicle that has one of them."""
        self._reads_tags = reads_tags
        self._reads_plates = reads_plates
        self._measures = measures
        self._wait_s = wait_s
        self._same = same
        self._open: Visit | None = None
        self._readings: list[Reading] = []
        self._known: dict[object, Instant] = {}
        self._last: Instant | None = None
        """When the last vehicle was done with."""

    def seen(self, seen: VehicleSeen) -> list[Visit]:
        """A vehicle reader had a look; the visits that this completes."""
        if self._is_repeat(seen) or (seen.loop and self._is_of_last(seen.at)):
            return []
        visits = []
        if self._open is not None and not self._belongs(seen, self._open):
            visits.append(self._done(self._open))
        if self._open is None:
            self._open = Visit(seen.at, seen.at, direction=seen.direction, confidence=seen.confidence)
            self._take_waiting()
        self._join(self._open, seen)
        return visits + self._whole()

    def reading(self, reading: Reading) -> list[Visit]:
        """The screening concluded about an occupant; the visits that this completes."""
        key = (reading.track, reading.at)
        if key in self._known:
            return []
        self._known[key] = reading.at
        self._readings.append(reading)
        if self._open is not None:
            self._take_waiting()
        return self._whole()

    def due(self, now: Instant) -> tuple[list[Visit], list[Passage]]:
        """Visits whose other parts did not come in time, and people who came without a vehicle."""
        visits: list[Visit] = []
        if self._open is not None and now.seconds_since(self._open.began) > self._wait_s + LATE_S:
            visits.append(self._done(self._open))
        on_foot = [reading for reading in self._readings if now.seconds_since(reading.at) > self._wait_s + LATE_S]
        self._readings = [reading for reading in self._readings if reading not in on_foot]
        self._known = {key: at for key, at in self._known.items() if now.seconds_since(at) <= 2 * REPEAT_S}
        return visits, [
            Passage(reading.at, None, reading, followed=self._is_of_last(reading.at)) for reading in on_foot
        ]

    def _is_repeat(self, seen: VehicleSeen) -> bool:
        read = [token for token in (seen.tag, seen.plate) if token is not None]
        last = [self._last_known(token) for token in read]
        for token in read:
            self._known[token] = seen.at
        if not read:  # nothing to know it by: the very same look told twice
            last, self._known[seen] = [self._known.get(seen)], seen.at
        return all(at is not None and abs(seen.at.seconds_since(at)) <= REPEAT_S for at in last)

    def _last_known(self, token: str) -> Instant | None:
        """When the vehicle was seen last by this token; or by another of its own, unless it waits for this one."""
        its = self._same(token)
        waits = self._open is not None and not its.isdisjoint({self._open.tag, self._open.plate})
        times = [self._known.get(one) for one in ({token} if waits else its | {token})]
        return max((at for at in times if at is not None), key=lambda at: at.mono_ns, default=None)

    def _belongs(self, seen: VehicleSeen, visit: Visit) -> bool:
        if abs(seen.at.seconds_since(visit.began)) > self._wait_s:
            return False
        tag_fits = seen.tag is None or visit.tag in (None, seen.tag)
        plate_fits = seen.plate is None or visit.plate in (None, seen.plate)
        return tag_fits and plate_fits

    def _join(self, visit: Visit, seen: VehicleSeen) -> None:
        visit.at = max(visit.at, seen.at, key=lambda at: at.mono_ns)
        visit.tag = visit.tag or seen.tag
        visit.plate = visit.plate or seen.plate
        visit.looked_at = visit.looked_at or (seen.tag is None and not seen.loop) or seen.plate is not None
        visit.confidence = min(visit.confidence, seen.confidence)

    def _take_waiting(self) -> None:
        visit = self._open
        assert visit is not None
        own = [reading for reading in self._readings if abs(reading.at.seconds_since(visit.began)) <= self._wait_s]
        for reading in own:
            self._readings.remove(reading)
            visit.occupants += (reading,)
            visit.at = max(visit.at, reading.at, key=lambda at: at.mono_ns)

    def _whole(self) -> list[Visit]:
        visit = self._open
        if visit is None:
            return []
        has_tag = visit.tag is not None or not self._reads_tags
        has_plate = visit.looked_at or not self._reads_plates
        if has_tag and has_plate and (visit.occupants or not self._measures):
            return [self._done(visit)]
        return []

    def _done(self, visit: Visit) -> Visit:
        self._open, self._last = None, visit.at
        return visit

    def _is_of_last(self, at: Instant) -> bool:
        """Of the vehicle that was decided upon already: one more occupant, its wheels on the loop."""
        return self._last is not None and abs(at.seconds_since(self._last)) <= self._wait_s + LATE_S
