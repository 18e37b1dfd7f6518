"""Whether a frame is pieced together from two: a link that lost its place, a buffer that was read while it was written.

A lens spreads every edge of the world over two or three rows; a seam lies between two. So where neighbouring rows (or
columns, for a camera that is mounted upright) differ much and those before and behind do not, the frame is torn. Halves
of two moments of one film differ only where somebody moves, often too little to be noticed, and then do no harm: their
hottest pixels are skin all the same.
"""

from __future__ import annotations

import numpy as np

from edge.drivers.base import CelsiusImage

LEAST_SIDE_PX = 80
"""Below it one pixel holds an edge of the world, and nothing can be said."""
_SHARP = 3.0
"""A seam's step over its neighbours': in 794 sampled real frames at most 2.3, in torn ones mostly 5 to 17."""
_STEP_C, _TYPICAL = 0.35, 3.0
"""A seam's step in kelvin at least, the mean over the whole row, and in steps that are usual in this frame."""
_NOISE_C = 0.05
_BORDER_PX = 3
"""The outermost rows of many sensors read otherwise than their neighbours."""
_ENOUGH = 160
"""So many points along a seam tell it."""


def is_torn(image: CelsiusImage) -> bool:
    """Whether a seam goes through a frame of °C, shape (H, W)."""
    if min(image.shape) < LEAST_SIDE_PX:
        return False
    return _has_seam(image) or _has_seam(image.T)


def _has_seam(image: CelsiusImage) -> bool:
    sparse = image[:, :: max(1, image.shape[1] // _ENOUGH)]
    steps = np.abs(np.diff(sparse, axis=0)).mean(axis=1)
    inner = steps[_BORDER_PX:-_BORDER_PX]
    beside = np.maximum(steps[_BORDER_PX - 1 : -_BORDER_PX - 1], steps[_BORDER_PX + 1 : 1 - _BORDER_PX])
    sharp = inner > _SHARP * np.maximum(beside, _NOISE_C)
    return bool(np.any(sharp & (inner > _STEP_C) & (inner > _TYPICAL * np.median(steps))))
