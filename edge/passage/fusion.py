"""Fuses what one lane saw of a person, a badge and a temperature, into one passage.

    badge ──► waiting badge ── temperature that belongs to it ──► passage (both)
                    ├───────── window over, somebody gone through ─► passage (unmeasured: pending, never normal)
                    └───────── a face of the window is still looked at: waits for its reading
    temperature ──► waiting reading ── badge that belongs to it ──► passage (both)
                    ├───────── still in the picture: the window stays open
                    └───────── window over, gone through ──────────► passage (no badge: unscreened entry)

**Whose temperature.** A person is at the lane's place from coming to leaving; the face in the picture and the badge at
the reader are of that time. So a badge belongs to a face when it was shown while the face was in the picture, alone, or
at most `before_s` after it was last seen, or at most `after_s` before it was first seen. What this rests on: nobody
takes another's place before the camera faster than that. Under it no loss, delay, double or order of arrival can give
one person's temperature to another's badge, because a badge and a face of two people are never that near; where two are
in the picture at once, nothing is paired and nobody is measured. Raise the times only where a cage or an airlock parts
people.

Each reading and each badge is used once; what comes twice is one. A lane without a reader makes a passage of each
temperature at once, a lane without a camera one of each badge. What is later than `LATE_S` becomes a passage of its
own, incomplete, and so is seen by a guard.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from edge.clock import Instant
from edge.passage.types import LATE_S, BadgeSeen, Passage
from edge.thermal.types import Reading

REPEAT_S = 2.0
"""The same badge within this time is one presentation: readers repeat while the card is held."""
REMEMBER_S = 60.0
"""A double that comes later than this is taken for something new."""
PATIENCE_S = 8.0
"""A badge waits no longer for the reading of a face that is still looked at."""
OUT_OF_SIGHT_S = 1.5
"""A face that no frame showed for so long is gone."""
FOLLOW_S = 3.0
"""A face without a badge so shortly after somebody's badge came through at that one's heels."""


class _Face(Struct):
    """A face in the picture: alone from `first` to `alone_until`, seen at all until `last`."""

    first: Instant
    alone_until: Instant
    last: Instant
    crowded: bool = False
    concluded: bool = False


class Fusion:
    """One person lane. Moments are compared by the monotonic clock."""

    def __init__(self, *, reads_badges: bool, measures: bool, before_s: float = 1.0, after_s: float = 1.0) -> None:
        self._reads_badges = reads_badges
        self._measures = measures
        self._before_s = before_s
        self._after_s = after_s
        self._badges: list[BadgeSeen] = []
        self._readings: list[Reading] = []
        self._faces: dict[int, _Face] = {}
        self._shown: dict[str, Instant] = {}
        """When each badge was last shown."""
        self._known: dict[tuple[int, Instant], Instant] = {}
        """Readings that were taken already."""
        self._led: list[Instant] = []
        """When somebody with a badge came by."""

    def badge(self, seen: BadgeSeen) -> list[Passage]:
        """A badge was read; the passages that this completes."""
        if self._is_repeat(seen):
            return []
        self._led.append(seen.at)
        if not self._measures:
            return [Passage(seen.at, seen, None)]
        fitting = [reading for reading in self._readings if self._belong(seen, reading)]
        if not fitting:
            self._badges.append(seen)
            return []
        reading = min(fitting, key=lambda reading: self._apart_s(seen, reading))
        self._readings.remove(reading)
        return [self._both(seen, reading)]

    def reading(self, reading: Reading) -> list[Passage]:
        """The screening concluded about a person; the passages that this completes."""
        if (reading.track, reading.at) in self._known:
            return []
        self._known[reading.track, reading.at] = reading.at
        if (face := self._faces.get(reading.track)) is not None:
            face.concluded = True
        if not self._reads_badges:
            return [Passage(reading.at, None, reading)]
        fitting = [seen for seen in self._badges if self._belong(seen, reading)]
        if not fitting:
            self._readings.append(reading)
            return []
        seen = min(fitting, key=lambda seen: self._apart_s(seen, reading))
        self._badges.remove(seen)
        return [self._both(seen, reading)]

    def view(self, at: Instant, tracks: Sequence[int]) -> None:
        """Whose faces one frame showed."""
        alone = len(tracks) == 1
        for track in tracks:
            face = self._faces.setdefault(track, _Face(at, at, at))
            face.last = at
            face.crowded = face.crowded or not alone
            if not face.crowded:
                face.alone_until = at

    def gone_through(self, at: Instant) -> list[Passage]:
        """Somebody is through the lane: whoever was at it before has had their time."""
        badges = [seen for seen in self._badges if seen.at.mono_ns <= at.mono_ns]
        readings = [reading for reading in self._readings if reading.first_at.mono_ns <= at.mono_ns]
        return self._close(badges, readings)

    def due(self, now: Instant) -> list[Passage]:
        """Passages whose other half did not come in time."""
        badges = [seen for seen in self._badges if self._badge_is_over(seen, now)]
        readings = [reading for reading in self._readings if self._reading_is_over(reading, now)]
        passages = self._close(badges, readings)
        self._forget(now)
        return passages

    def _close(self, badges: Sequence[BadgeSeen], readings: Sequence[Reading]) -> list[Passage]:
        for seen in badges:
            self._badges.remove(seen)
        for reading in readings:
            self._readings.remove(reading)
        alone = [Passage(seen.at, seen, None) for seen in badges]
        alone += [Passage(reading.at, None, reading, followed=self._follows(reading)) for reading in readings]
        return sorted(alone, key=lambda passage: passage.at.mono_ns)

    def _badge_is_over(self, seen: BadgeSeen, now: Instant) -> bool:
        waited_s = now.seconds_since(seen.at)
        if waited_s <= self._after_s + LATE_S:
            return False
        return waited_s > PATIENCE_S or not any(
            not face.concluded and self._is_near(seen.at, face.first, face.last)
            for face in self._faces.values()
            if now.seconds_since(face.last) <= OUT_OF_SIGHT_S
        )

    def _reading_is_over(self, reading: Reading, now: Instant) -> bool:
        return now.seconds_since(self._last_seen(reading)) > self._before_s + LATE_S

    def _last_seen(self, reading: Reading) -> Instant:
        face = self._faces.get(reading.track)
        return reading.at if face is None else max(reading.at, face.last, key=lambda at: at.mono_ns)

    def _belong(self, seen: BadgeSeen, reading: Reading) -> bool:
        """Whether the badge was shown at the time of this face, and the face's temperature may be the holder's."""
        if not reading.alone and reading.temperature is not None:
            return False
        return self._is_near(seen.at, reading.first_at, self._until(reading))

    def _is_near(self, at: Instant, first: Instant, last: Instant) -> bool:
        return at.seconds_since(last) <= self._before_s and first.seconds_since(at) <= self._after_s

    def _until(self, reading: Reading) -> Instant:
        """Until when nobody but this person can have shown a badge: others in the picture end it.

        A face that gave no temperature cannot give it to the wrong badge: it goes with any of its time.
        """
        face = self._faces.get(reading.track)
        if face is None or reading.temperature is None:
            return self._last_seen(reading)
        return max(reading.at, face.alone_until, key=lambda at: at.mono_ns)

    def _apart_s(self, seen: BadgeSeen, reading: Reading) -> float:
        last = self._until(reading)
        return max(seen.at.seconds_since(last), reading.first_at.seconds_since(seen.at), 0.0)

    def _follows(self, reading: Reading) -> bool:
        """A badge was shown shortly before this face came, or while it was there."""
        last = self._last_seen(reading)
        return any(
            led.seconds_since(last) <= self._after_s and reading.first_at.seconds_since(led) <= FOLLOW_S
            for led in self._led
        )

    def _is_repeat(self, seen: BadgeSeen) -> bool:
        last = self._shown.get(seen.token)
        if last is None or seen.at.mono_ns > last.mono_ns:
            self._shown[seen.token] = seen.at
        return last is not None and abs(seen.at.seconds_since(last)) <= REPEAT_S

    @staticmethod
    def _both(seen: BadgeSeen, reading: Reading) -> Passage:
        return Passage(max(seen.at, reading.at, key=lambda at: at.mono_ns), seen, reading)

    def _forget(self, now: Instant) -> None:
        self._shown = {token: at for token, at in self._shown.items() if now.seconds_since(at) <= REMEMBER_S}
        self._known = {key: at for key, at in self._known.items() if now.seconds_since(at) <= REMEMBER_S}
        self._led = [at for at in self._led if now.seconds_since(at) <= REMEMBER_S]
        waiting = {reading.track for reading in self._readings}
        self._faces = {
            track: face
            for track, face in self._faces.items()
            if track in waiting or now.seconds_since(face.last) <= REMEMBER_S
        }
