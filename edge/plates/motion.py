"""Whether a scene changed since it was last looked at: on a still one the networks need not run."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.plates.reader import as_picture
from edge.plates.types import AnyPicture

_SIZE_PX = (96, 72)
_STEP = 12
"""Grey levels (of 255) by which a small pixel changes; a camera's noise, averaged over so many px, stays below."""


class MotionGate:
    """Compares each picture with the one that was last let through; `least_share` of it must have changed."""

    def __init__(self, least_share: float) -> None:
        self._least_share = least_share
        self._last: NDArray[np.int16] | None = None
        self.still = 0
        """Pictures since the scene last changed."""

    def moved(self, image: AnyPicture) -> bool:
        """Whether it differs; if so it is what the next ones are compared with. What is no picture never moved."""
        picture = as_picture(image)
        if picture is None:
            return False
        small = cv2.resize(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), _SIZE_PX, interpolation=cv2.INTER_AREA)
        now = np.asarray(small, np.int16)
        if self._last is not None and float((np.abs(now - self._last) >= _STEP).mean()) < self._least_share:
            self.still += 1
            return False
        self._last = now
        self.still = 0
        return True
