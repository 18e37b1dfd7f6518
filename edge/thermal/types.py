"""What the thermal room says to the rest of the agent."""

from __future__ import annotations

from msgspec import Struct

from edge.clock import Instant
from edge.thermal.bad_pixels import PixelMap
from wire.events import Refusal, Temperature, Verdict


class Box(Struct, frozen=True):
    """A rectangle in pixels of the frame: left, top, width, height."""

    x: int
    y: int
    w: int
    h: int

    def overlap(self, other: Box) -> float:
        """Intersection over union, from 0 (apart) to 1 (the same)."""
        wide = min(self.x + self.w, other.x + other.w) - max(self.x, other.x)
        high = min(self.y + self.h, other.y + other.h) - max(self.y, other.y)
        if wide <= 0 or high <= 0:
            return 0.0
        both = wide * high
        return both / (self.w * self.h + other.w * other.h - both)


class Face(Struct, frozen=True):
    """A face found in one frame; `score` from 0 to 1; `frontal` when both halves of it are seen."""

    box: Box
    score: float
    frontal: bool = True


class Reference(Struct, frozen=True):
    """The temperature reference (blackbody) found in one frame: centre and radius in pixels, and what it reads."""

    x: float
    y: float
    radius: float
    seen_c: float
    spread_c: float
    """Standard deviation over its inner pixels, in kelvin."""


class Look(Struct, frozen=True):
    """One face measured in one frame: skin temperature in °C, corrected; standard uncertainty in kelvin."""

    at: Instant
    box: Box
    skin_c: float
    u_c: float
    reference_c: float | None


class Reading(Struct, frozen=True):
    """What was concluded about one person who stood before the camera: given once for each track.

    Exactly one of `temperature` and `refusal` is None. `at` is the moment of the last look that counted. To measure
    again sooner than `again_after_s` would not help (somebody from the cold); None where it may be done at once.
    """

    track: int
    at: Instant
    first_at: Instant
    verdict: Verdict
    temperature: Temperature | None
    refusal: Refusal | None
    alone: bool = True
    """False when another face was in view: a one-person lane had two."""
    masked: bool | None = None
    """Whether a mask was worn; None where the camera does not tell."""
    again_after_s: float | None = None


class Person(Struct, frozen=True):
    """A person in view now, for showing: where, and what is known so far."""

    track: int
    box: Box
    verdict: Verdict
    temperature: Temperature | None
    refusal: Refusal | None


class View(Struct, frozen=True):
    """What one frame showed. `readings` are the conclusions that became due with this frame, often none.

    `refusal` is set when the frame as a whole could not be used (bad frame, shutter, warming up, no reference).
    """

    at: Instant
    people: tuple[Person, ...] = ()
    readings: tuple[Reading, ...] = ()
    reference: Reference | None = None
    refusal: Refusal | None = None
    pixels: PixelMap | None = None
    """The camera's bad pixels; None where this frame says nothing of them."""
