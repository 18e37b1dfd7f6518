"""A thermal frame as people look at it: enlarged, coloured, with a box around each face and a ring at the reference.

The colours are "inferno": evenly perceived, ordered also in grey and for colour-blind eyes, and free of the white and
cyan of what is drawn on top. Their range follows the scene slowly, so that it does not flicker, and is never so narrow
that noise looks like warmth.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.drivers.base import CelsiusImage
from edge.thermal.types import Person, View
from wire.events import Verdict

Picture = NDArray[np.uint8]
"""Colours as OpenCV has them, shape (H, W, 3), blue first."""

LEAST_SPAN_C = 8.0
FOLLOW = 0.08
"""How far the colours' range goes to where the scene is, a frame."""
_SANE_C = (-100.0, 600.0)
"""Beyond it a value is none: it must not stretch the colours."""
_COLDEST_PART, _HOTTEST_PART = 2.0, 99.8
_HEADROOM_C = 0.5

WHITE = (255, 255, 255)
CYAN = (255, 230, 90)
DARK = (20, 16, 16)
BOX_COLOURS = {
    Verdict.NORMAL: WHITE,
    Verdict.SUSPECT: (60, 190, 255),
    Verdict.FEVER: (80, 80, 255),
    Verdict.UNMEASURED: (190, 190, 190),
}


class Range:
    """Which temperatures the colours reach from and to."""

    def __init__(self) -> None:
        self.low_c: float | None = None
        self.high_c = 0.0

    def follow(self, celsius: CelsiusImage) -> tuple[float, float]:
        """The range for this frame, in °C. A frame with nothing in it moves nothing."""
        sane = celsius[(celsius > _SANE_C[0]) & (celsius < _SANE_C[1])]
        if sane.size:
            low_c, high_c = (float(value) for value in np.percentile(sane, (_COLDEST_PART, _HOTTEST_PART)))
            high_c = max(high_c + _HEADROOM_C, low_c + LEAST_SPAN_C)
            if self.low_c is None:
                self.low_c, self.high_c = low_c, high_c
            self.low_c += FOLLOW * (low_c - self.low_c)
            self.high_c += FOLLOW * (high_c - self.high_c)
        return self.low_c or 0.0, max(self.high_c, (self.low_c or 0.0) + LEAST_SPAN_C)


def coloured(celsius: CelsiusImage, low_c: float, high_c: float, scale: int) -> Picture:
    """The frame in colours, `scale` times as large. What is no number is black."""
    if celsius.ndim != 2 or 0 in celsius.shape:
        return np.zeros((24 * scale, 32 * scale, 3), np.uint8)
    part = (np.nan_to_num(celsius, nan=low_c, posinf=high_c, neginf=low_c) - low_c) / max(1e-6, high_c - low_c)
    grey = (np.clip(part, 0, 1) * 255).astype(np.uint8)
    height, width = celsius.shape
    large = cv2.resize(grey, (width * scale, height * scale), interpolation=cv2.INTER_CUBIC)
    picture: Picture = np.asarray(cv2.applyColorMap(large, cv2.COLORMAP_INFERNO), np.uint8)
    return picture


def mark(picture: Picture, view: View, scale: int) -> None:
    """Draw what a view found onto its enlarged frame."""
    if view.reference is not None:
        centre = (round((view.reference.x + 0.5) * scale), round((view.reference.y + 0.5) * scale))
        _ring(picture, centre, round((view.reference.radius + 2) * scale))
    for person in view.people:
        _corners(picture, person, scale)


def _ring(picture: Picture, centre: tuple[int, int], radius: int) -> None:
    for colour, thickness in ((DARK, 4), (CYAN, 2)):
        cv2.circle(picture, centre, radius, colour, thickness, cv2.LINE_AA)


def _corners(picture: Picture, person: Person, scale: int) -> None:
    """Only the corners of the box: the face stays free."""
    box, colour = person.box, BOX_COLOURS.get(person.verdict, WHITE)
    left, top, right, bottom = (edge * scale for edge in (box.x, box.y, box.x + box.w, box.y + box.h))
    arm = max(8, min(right - left, bottom - top) // 4)
    for x, inward_x in ((left, arm), (right, -arm)):
        for y, inward_y in ((top, arm), (bottom, -arm)):
            for tint, thickness in ((DARK, 6), (colour, 3)):
                cv2.line(picture, (x, y), (x + inward_x, y), tint, thickness, cv2.LINE_AA)
                cv2.line(picture, (x, y), (x, y + inward_y), tint, thickness, cv2.LINE_AA)


def colour_bar(height: int, width: int) -> Picture:
    """The colours from hot at the top to cold at the bottom."""
    ramp = np.repeat(np.linspace(255, 0, height).astype(np.uint8)[:, None], width, axis=1)
    bar: Picture = np.asarray(cv2.applyColorMap(ramp, cv2.COLORMAP_INFERNO), np.uint8)
    return bar
