"""Whether somebody wears glasses: they are opaque to thermal cameras and colder than the skin around them. Pure.

A glass hides the eye and its inner corner, which is the warmest of a face: what is measured around it is up to half a
kelvin too cold. Looked for are two cold patches where the eyes are, for one alone is hair, a bandage or a turned head.
"""

from __future__ import annotations

import numpy as np

from edge.drivers.base import CelsiusImage
from edge.thermal.types import Box

COLDER_C = 1.5
"""Than the face's warmer quarter begins: the lids of bare eyes are not, in 31 real frames."""
SHARE = 0.25
"""Of each eye's surroundings: in 15 real frames with glasses 0.31 to 0.96 (one 0.08), in 31 without 0.16 at most."""
LEAST_FACE_PX = 12
"""In a narrower face an eye is a pixel or two, and nothing can be said."""
_ROWS, _LEFT, _RIGHT = (0.27, 0.52), (0.08, 0.46), (0.54, 0.92)
"""Where the eyes are, in shares of a frontal face's box."""


def wears_glasses(image: CelsiusImage, box: Box) -> bool:
    """Of a frontal face in a frame of °C."""
    if box.w < LEAST_FACE_PX:
        return False
    warm_c = float(np.percentile(_part(image, box, (0.05, 0.95), (0.1, 0.9)), 75))
    return all(float(np.mean(warm_c - _part(image, box, _ROWS, at) > COLDER_C)) > SHARE for at in (_LEFT, _RIGHT))


def _part(image: CelsiusImage, box: Box, rows: tuple[float, float], columns: tuple[float, float]) -> CelsiusImage:
    """A part of the box in shares of it, as far as it lies in the image: at least one pixel."""
    top, bottom = (box.y + round(share * box.h) for share in rows)
    left, right = (box.x + round(share * box.w) for share in columns)
    top, left = min(max(0, top), image.shape[0] - 1), min(max(0, left), image.shape[1] - 1)
    return image[top : max(bottom, top + 1), left : max(right, left + 1)]
