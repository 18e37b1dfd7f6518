"""One track a person: a face in one frame is joined to the nearest of the last frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from edge.clock import Instant
from edge.thermal.measure import Measured
from edge.thermal.types import Box, Face
from wire.events import Refusal

_SAME_PERSON = 0.15
"""Overlap of the boxes of one walking person from frame to frame, at nine frames a second."""


@dataclass
class Track:
    """What is known of one person before the camera."""

    id: int
    box: Box
    first_at: Instant
    last_at: Instant
    seen: int = 1
    looks: list[Measured] = field(default_factory=list)
    last_look_at: Instant | None = None
    refusals: dict[Refusal, int] = field(default_factory=dict)
    reference_c: float | None = None
    alone: bool = True
    concluded: bool = False

    def refuse(self, refusal: Refusal) -> None:
        self.refusals[refusal] = self.refusals.get(refusal, 0) + 1

    @property
    def refusal(self) -> Refusal:
        """Why there is no temperature: what was said most often."""
        return max(self.refusals, key=lambda refusal: self.refusals[refusal], default=Refusal.NO_FACE)


class Tracks:
    """All people before one camera."""

    def __init__(self, forget_after_s: float) -> None:
        self._forget_after_s = forget_after_s
        self._tracks: list[Track] = []
        self._next = 1

    def follow(self, faces: Sequence[Face], at: Instant) -> list[tuple[Track, Face]]:
        """Join the faces of one frame to tracks, the best overlap first; a face that fits none begins a track."""
        pairs = sorted(
            (
                (track.box.overlap(face.box), i, j)
                for i, track in enumerate(self._tracks)
                for j, face in enumerate(faces)
            ),
            reverse=True,
        )
        joined: dict[int, Track] = {}
        taken: set[int] = set()
        for overlap, i, j in pairs:
            if overlap >= _SAME_PERSON and i not in taken and j not in joined:
                taken.add(i)
                joined[j] = self._seen_again(self._tracks[i], faces[j].box, at)
        return [(joined.get(j) or self._begin(face.box, at), face) for j, face in enumerate(faces)]

    def ended(self, at: Instant) -> list[Track]:
        """Tracks that were not seen for too long; they are forgotten."""
        over = [track for track in self._tracks if at.seconds_since(track.last_at) > self._forget_after_s]
        self._tracks = [track for track in self._tracks if track not in over]
        return over

    def end_all(self) -> list[Track]:
        over, self._tracks = self._tracks, []
        return over

    def _seen_again(self, track: Track, box: Box, at: Instant) -> Track:
        track.box, track.last_at = box, at
        track.seen += 1
        return track

    def _begin(self, box: Box, at: Instant) -> Track:
        track = Track(self._next, box, at, at)
        self._next += 1
        self._tracks.append(track)
        return track
