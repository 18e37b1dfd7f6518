"""One track a person: a face in one frame is joined to the nearest of the last frames.

A film knows more than a frame: where a person will be next, and whether a face was towards the camera just before. A
face counts as frontal when it is so in this frame and in most of the last ones: who turns the head is not measured
while it turns, nor when a single frame of a profile passes for a face.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from edge.clock import Instant
from edge.thermal.measure import Measured
from edge.thermal.types import Box, Face
from wire.events import Refusal

_SAME_PERSON = 0.15
"""Overlap of the boxes of one walking person from frame to frame, at nine frames a second."""
_FRONTAL_FRAMES, _FRONTAL_LEAST = 5, 4
"""Half a second of a Lepton: who only walks past turns the face to the camera for less."""
_MOST_STEP = 0.5
"""How far somebody goes from one frame to the next at the most, in widths of the face: what is foreseen of a walk."""
_NEAR = 0.6
"""Who is this much smaller than the nearest face, in width, stands farther back than a lane is long."""


def is_alone(face: Face, faces: Sequence[Face]) -> bool:
    """Whether nobody else is as near as this face, or nearly: who passes far behind is not in the lane."""
    return all(other is face or other.box.w < _NEAR * face.box.w for other in faces)


@dataclass
class Track:
    """What is known of one person before the camera."""

    id: int
    box: Box
    first_at: Instant
    last_at: Instant
    seen: int = 0
    looks: list[Measured] = field(default_factory=list)
    last_look_at: Instant | None = None
    refusals: dict[Refusal, int] = field(default_factory=dict)
    reference_c: float | None = None
    alone: bool = True
    concluded: bool = False
    step: tuple[float, float] = (0.0, 0.0)
    """How the box moved from the frame before to the last one, in pixels across and down."""
    facing: deque[bool] = field(default_factory=lambda: deque(maxlen=_FRONTAL_FRAMES))

    def see(self, face: Face, at: Instant) -> Face:
        """Take in the face of one more frame; it is given back as what it is in the light of those before."""
        across, down = face.box.x - self.box.x, face.box.y - self.box.y
        most = _MOST_STEP * face.box.w
        self.step = (min(most, max(-most, across)), min(most, max(-most, down)))
        self.box, self.last_at = face.box, at
        self.seen += 1
        self.facing.append(face.frontal)
        return replace(face, frontal=face.frontal and sum(self.facing) >= _FRONTAL_LEAST)

    @property
    def expected(self) -> Box:
        """Where the face is in the next frame, when it goes on like this."""
        return replace(self.box, x=self.box.x + round(self.step[0]), y=self.box.y + round(self.step[1]))

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
                (max(track.box.overlap(face.box), track.expected.overlap(face.box)), i, j)
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
                joined[j] = self._tracks[i]
        every = [(joined.get(j) or self._begin(face, at), face) for j, face in enumerate(faces)]
        return [(track, track.see(face, at)) for track, face in every]

    def ended(self, at: Instant) -> list[Track]:
        """Tracks that were not seen for too long; they are forgotten."""
        over = [track for track in self._tracks if at.seconds_since(track.last_at) > self._forget_after_s]
        self._tracks = [track for track in self._tracks if track not in over]
        return over

    def end_all(self) -> list[Track]:
        over, self._tracks = self._tracks, []
        return over

    def _begin(self, face: Face, at: Instant) -> Track:
        track = Track(self._next, face.box, at, at)
        self._next += 1
        self._tracks.append(track)
        return track
