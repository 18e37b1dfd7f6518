"""What a reading of a number plate is made of."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edge.plates.grammar import Colour

Picture = NDArray[np.uint8]
"""BGR, uint8, shape (H, W, 3)."""
Corners = NDArray[np.float32]
"""Of a plate in a picture, px: shape (4, 2), clockwise from the plate's own top left."""
AnyPicture = NDArray[Any]
"""What a camera or a file gave, of whatever shape and type."""


class Found(NamedTuple):
    """A plate that was found; `score` from 0 to 1 is the finder's."""

    corners: Corners
    score: float

    @property
    def width_px(self) -> float:
        """Of the upper and lower edge, the mean."""
        top_left, top_right, low_right, low_left = self.corners
        return float(np.linalg.norm(top_right - top_left) + np.linalg.norm(low_right - low_left)) / 2

    @property
    def height_px(self) -> float:
        """Of the left and right edge, the mean."""
        top_left, top_right, low_right, low_left = self.corners
        return float(np.linalg.norm(low_left - top_left) + np.linalg.norm(low_right - top_right)) / 2


class Why(StrEnum):
    """Why a plate is unread, or read with less confidence."""

    NO_PICTURE = "no_picture"
    NO_PLATE = "no_plate"
    TOO_SMALL = "too_small"
    NO_TEXT = "no_text"
    """Nothing that is a plate's text was seen."""
    DISAGREEING = "disagreeing"
    """The looks read different texts."""
    UNSURE = "unsure"


class PlateReading(Struct, frozen=True):
    """One picture's plate: its text, or None with the reasons.

    `confidence` from 0 to 1 is the chance that the text is right, calibrated on real photographs. `corners` and
    `width_px` are None where no plate was found.
    """

    text: str | None
    confidence: float = 0.0
    colour: Colour = Colour.UNKNOWN
    corners: tuple[tuple[float, float], ...] | None = None
    width_px: float | None = None
    reasons: tuple[Why, ...] = ()
