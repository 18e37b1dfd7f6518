"""Bad pixels: found by what they do over time, kept over restarts, and replaced before anything is looked for.

A pixel that is stuck, dead or noisy differs from all around it, alone or with a neighbour or two, in most frames; a
face's hot spot or a lamp's edge does so now and then. A lens cannot do it: it spreads every point over several pixels.
What stands out for good in the scene itself (a pilot lamp far away) may be taken for one, and does no harm: it is
replaced by what is around it, as is a face that passes there.
"""

from __future__ import annotations

import cv2
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edge.clock import Instant
from edge.drivers.base import CelsiusImage

STANDS_OUT_C = 0.8
"""Over the median of the 25 pixels around: 11 standard deviations of a Lepton's noise. The mean of a face's four
hottest pixels is at most 0.2 K off by less."""
MOST_TOGETHER = 3
"""Pixels that stand out beside each other; more are something in the scene."""
LOOK_EVERY_S = 1.0
LOOKS = 60.0
"""How many looks the memory is long."""
LEAST_LOOKS = 30
IS_BAD, IS_GOOD = 0.3, 0.05
"""Of the looks in which a pixel stands out: from here on it is bad, and good again below."""
MOST_SHARE = 0.005
"""Of a sensor's pixels; more are not corrected: such a camera is to be repaired."""
_NEAR = [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)]


class PixelMap(Struct, frozen=True):
    """Which pixels of a camera are bad, by their number row by row. Plain values, worth keeping over a restart."""

    height: int = 0
    width: int = 0
    bad: tuple[int, ...] = ()

    @property
    def is_too_much(self) -> bool:
        return len(self.bad) > MOST_SHARE * self.height * self.width

    def told(self) -> str:
        """In words; empty where there is nothing to tell."""
        if not self.bad:
            return ""
        if self.is_too_much:
            return f"{len(self.bad)} bad pixels, more than can be corrected: have the camera repaired"
        return f"{len(self.bad)} bad {'pixel' if len(self.bad) == 1 else 'pixels'}, corrected"


class BadPixels:
    """Those of one camera."""

    def __init__(self, known: PixelMap | None = None) -> None:
        self.map = known or PixelMap()
        self._share: NDArray[np.float32] | None = None
        """In which part of the looks each pixel stood out."""
        self._looks = 0
        self._looked_at: Instant | None = None

    def see(self, image: CelsiusImage, at: Instant) -> None:
        """Learn from a good frame, about once a second."""
        if self._looked_at is not None and 0 <= at.seconds_since(self._looked_at) < LOOK_EVERY_S:
            return
        self._looked_at = at
        if self._share is None or self._share.shape != image.shape:
            self._begin(image.shape)
        assert self._share is not None
        self._looks += 1
        weight = 1 / min(self._looks, LOOKS)
        self._share += np.float32(weight) * (standing_out(image).astype(np.float32) - self._share)
        if self._looks >= LEAST_LOOKS:
            self._settle(self._share)

    def corrected(self, image: CelsiusImage) -> CelsiusImage:
        """The frame with each bad pixel as the median of the good ones around it; the frame itself where all is
        well."""
        if not self.map.bad or self.map.is_too_much or image.shape != (self.map.height, self.map.width):
            return image
        padded = np.pad(image, 1, mode="edge")
        rows, columns = np.divmod(np.asarray(self.map.bad), self.map.width)
        padded[rows + 1, columns + 1] = np.nan
        around = np.stack([padded[rows + 1 + dy, columns + 1 + dx] for dy, dx in _NEAR])
        usable = ~np.all(np.isnan(around), axis=0)
        image = image.copy()
        image[rows[usable], columns[usable]] = np.nanmedian(around[:, usable], axis=0)
        return image

    def _begin(self, shape: tuple[int, ...]) -> None:
        """A camera's first frame: what is known of a camera of that size counts until it is looked at again."""
        self._share, self._looks = np.zeros(shape, np.float32), 0
        if (self.map.height, self.map.width) != shape:
            self.map = PixelMap(shape[0], shape[1])
        self._share.ravel()[list(self.map.bad)] = 1.0
        self._looks = LEAST_LOOKS if self.map.bad else 0

    def _settle(self, share: NDArray[np.float32]) -> None:
        before = np.zeros(share.shape, np.bool_)
        before.ravel()[list(self.map.bad)] = True
        bad = np.flatnonzero((share > IS_BAD) | (before & (share > IS_GOOD)))
        if bad.size != len(self.map.bad) or not np.array_equal(bad, self.map.bad):
            height, width = share.shape
            self.map = PixelMap(height, width, tuple(int(number) for number in bad))


def standing_out(image: CelsiusImage) -> NDArray[np.bool_]:
    """Which pixels differ from all around them, alone or with a neighbour or two.

    From the median around, and from the third most alike of the neighbours too: a corner of something in the scene has
    more of its own kind beside it.
    """
    apart = image - cv2.medianBlur(image, 5)
    rows, columns = np.nonzero(np.abs(apart) > STANDS_OUT_C)
    padded = np.pad(image, 1, mode="edge")
    around = np.stack([padded[rows + 1 + dy, columns + 1 + dx] for dy, dx in _NEAR])
    side = np.sign(apart[rows, columns])
    third = np.sort(around * side, axis=0)[-MOST_TOGETHER]
    alone = image[rows, columns] * side - third > STANDS_OUT_C
    found = np.zeros(image.shape, np.bool_)
    found[rows[alone], columns[alone]] = True
    return found
