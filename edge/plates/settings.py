"""What can be set about reading plates; the defaults are those that the figures of README.md were measured with."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from edge.plates.grammar import MAINLAND, Grammar, Pattern

Share = Annotated[float, Meta(ge=0, le=1)]


class PlateSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`patterns` are the plates of the country (`edge.plates.grammar`), the mainland's when left out.

    A picture's longer side is brought to `longest_px` to find plates in, and to `far_longest_px` when that finds none.
    Plates under `least_width_px` are unread. A text is told from `least_confidence`, and counts as sure from
    `sure_confidence`; a first pair of looks that is not sure is followed by a second.
    """

    patterns: tuple[Pattern, ...] = MAINLAND
    longest_px: Annotated[int, Meta(ge=160, le=4096)] = 640
    far_longest_px: Annotated[int, Meta(ge=160, le=4096)] = 1280
    least_width_px: Annotated[int, Meta(ge=20, le=1000)] = 60
    least_confidence: Share = 0.5
    sure_confidence: Share = 0.985

    def __post_init__(self) -> None:
        Grammar(self.patterns)
        if self.least_confidence > self.sure_confidence:
            raise ValueError(f"least_confidence {self.least_confidence}: expected at most {self.sure_confidence}, sure")
