"""The colour of a plate's ground."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.plates.grammar import Colour
from edge.plates.types import Picture

_HUES = {Colour.YELLOW: (11, 34), Colour.GREEN: (36, 88), Colour.BLUE: (95, 130)}
"""OpenCV's hues (degrees / 2) of the paints of GA 36 under daylight and lamps."""
_COLOURFUL = 60
"""Saturation (of 255) from which a pixel has a colour."""
_LIT = 35
"""Value (of 255) below which a pixel is too dark to have one."""
_MOST = 0.35
"""A colour is the ground's when this share of the plate has it …"""
_NONE = 0.15
"""… and it is black or white when less than this share has any."""


def colour_of(plate: Picture) -> Colour:
    """The ground's colour, from the middle of a plate seen straight on; `UNKNOWN` where it is not clear."""
    height, width = plate.shape[:2]
    middle = plate[height // 6 : height - height // 6, width // 20 : width - width // 20]
    hue, saturation, value = cv2.split(np.asarray(cv2.cvtColor(middle, cv2.COLOR_BGR2HSV), np.uint8))
    colourful = (saturation >= _COLOURFUL) & (value >= _LIT)
    shares = {colour: float((colourful & (hue >= low) & (hue <= high)).mean()) for colour, (low, high) in _HUES.items()}
    best = max(shares, key=lambda colour: shares[colour])
    if shares[best] >= _MOST:
        return best
    if colourful.mean() >= _NONE:
        return Colour.UNKNOWN
    return _without_colour(np.asarray(value, np.uint8))


def _without_colour(value: NDArray[np.uint8]) -> Colour:
    """White with dark characters, or black with light ones: the ground is the larger part of what Otsu parts."""
    threshold, light = cv2.threshold(value, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    if not 20 < threshold < 235:
        return Colour.UNKNOWN
    return Colour.WHITE if light.mean() > 0.5 else Colour.BLACK
