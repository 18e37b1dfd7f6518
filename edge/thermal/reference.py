"""The heated reference (blackbody) in the frame: found as a small, round, even, warm disc, and followed."""

from __future__ import annotations

import cv2
import numpy as np

from edge.drivers.base import CelsiusImage
from edge.thermal.types import Reference

RADIUS_PX = (2.5, 12.0)
"""Of a disc at 160x120; scaled with the frame's longer side."""
_LEVELS = (0.9, 0.8, 0.7, 0.6, 0.5)
_MIN_ROUND = 0.72
_MIN_CONTRAST_C = 1.5
_NEAR_PX = 8.0
_BASE_SIDE_PX = 160


def find_reference(image: CelsiusImage, last: Reference | None = None) -> Reference | None:
    """The reference in a frame of °C, shape (H, W); the one near `last` if there are several. None when there is none.

    A disc is known by its roundness (4π·area/perimeter², 1 for a circle), by being even inside and surrounded by
    something colder. Faces are larger and uneven, lamps are hotter than any reference and uneven.
    """
    scale = max(image.shape) / _BASE_SIDE_PX
    found = [disc for level in _levels(image) for disc in _discs(image, level, scale)]
    if last is not None:
        near = [disc for disc in found if np.hypot(disc.x - last.x, disc.y - last.y) < _NEAR_PX * scale]
        found = near or found
    return min(found, key=lambda disc: disc.spread_c, default=None)


def _levels(image: CelsiusImage) -> list[float]:
    low, high = np.percentile(image, (50, 99.9))
    return [float(low + part * (high - low)) for part in _LEVELS]


def _discs(image: CelsiusImage, level_c: float, scale: float) -> list[Reference]:
    mask = (image > level_c).astype(np.uint8)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    discs = (_disc(image, contour, scale) for contour in contours if len(contour) >= 8)
    return [disc for disc in discs if disc is not None]


def _disc(image: CelsiusImage, contour: np.ndarray, scale: float) -> Reference | None:
    area = cv2.contourArea(contour)
    perimeter = cv2.arcLength(contour, closed=True)
    radius = float(np.sqrt(area / np.pi)) + 0.5  # a contour runs through the outer pixels' centres
    if not RADIUS_PX[0] * scale <= radius <= RADIUS_PX[1] * scale:
        return None
    if 4 * np.pi * area / perimeter**2 < _MIN_ROUND:
        return None
    (x, y), _ = cv2.minEnclosingCircle(contour)
    return _measured(image, float(x), float(y), radius)


def _measured(image: CelsiusImage, x: float, y: float, radius: float) -> Reference | None:
    height, width = image.shape
    rows, columns = np.ogrid[:height, :width]
    distance = np.hypot(columns - x, rows - y)
    inner = image[distance <= max(1.0, radius * 0.6)]
    ring = image[(distance >= radius * 1.5) & (distance <= radius * 2.2)]
    if inner.size < 3 or ring.size < 3:
        return None
    seen_c, spread_c = float(np.median(inner)), float(inner.std())
    if seen_c - float(np.median(ring)) < _MIN_CONTRAST_C:
        return None
    return Reference(x, y, radius, seen_c, spread_c)
