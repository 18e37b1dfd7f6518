"""The plate seen straight on, as strips that a text recogniser reads: several margins, one or two rows of characters.

Measures in millimetres are those of GA 36-2018: 440x140, and 440x220 in two rows.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.plates.types import Corners, Found, Picture

_WIDTH_MM = 440
_HEIGHT_MM = 140
_TWO_ROWS_MM = 220
_TWO_ROWS_FROM = 0.38
"""Height over width: 0.32 of one row, 0.50 of two; seen from above or the side both change."""
_ABOVE_MM = 12
"""The finder's corners cut into the upper row: so much more is taken above and below."""
_UPPER_MM = (2, 74, 80, 360)
_LOWER_MM = (66, 214, 4, 432)
"""Top, bottom, left, right of the rows' characters, with what is around them, in the plate so taken."""
_UPPER_PX, _LOWER_PX = 192, 160
"""Widths of the rows for the recognisers: the upper row's characters are flat, and are read so."""


class Margin(NamedTuple):
    """What is shown around the corners, in mm of the plate."""

    x_mm: int
    y_mm: int


def may_have_two_rows(found: Found) -> bool:
    return found.height_px / max(found.width_px, 1.0) > _TWO_ROWS_FROM


class Row(NamedTuple):
    """Characters in one line, and how wide a recogniser is to see them, px."""

    seen: Picture
    width_px: int


def straight(picture: Picture, corners: Corners, margin: Margin) -> Picture:
    """The plate with one row, one pixel a millimetre."""
    return _warp(picture, corners, margin, _HEIGHT_MM)


def one_row(picture: Picture, corners: Corners, margin: Margin, width_px: int) -> list[Row]:
    return [Row(straight(picture, corners, margin), width_px)]


def two_rows(picture: Picture, corners: Corners, margin: Margin) -> list[Row]:
    """The upper row with the province and the letter, and the lower with the serial."""
    plate = _warp(picture, corners, Margin(margin.x_mm, margin.y_mm + _ABOVE_MM), _TWO_ROWS_MM)
    rows = ((_UPPER_MM, _UPPER_PX), (_LOWER_MM, _LOWER_PX))
    return [Row(plate[top:low, left:right], width_px) for (top, low, left, right), width_px in rows]


def _warp(picture: Picture, corners: Corners, margin: Margin, height_mm: int) -> Picture:
    x, y = margin
    right, low = _WIDTH_MM - x, height_mm - y
    target = np.array([[x, y], [right, y], [right, low], [x, low]], np.float32)
    matrix = cv2.getPerspectiveTransform(corners, target)
    size = (_WIDTH_MM, height_mm)
    return np.asarray(cv2.warpPerspective(picture, matrix, size, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def strip(plate: Picture, height_px: int, width_px: int) -> NDArray[np.float32]:
    """The recogniser's input: BGR from -1 to 1, shape (1, 3, height_px, width_px)."""
    sized = np.asarray(cv2.resize(plate, (width_px, height_px)), np.float32)
    return np.ascontiguousarray((sized / np.float32(127.5) - np.float32(1)).transpose(2, 0, 1)[None])
