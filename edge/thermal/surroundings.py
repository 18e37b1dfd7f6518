"""How warm the room is, as the camera sees it: what most of the picture shows when it is not a face."""

from __future__ import annotations

from collections import deque
from statistics import median

import numpy as np

from edge.clock import Instant
from edge.drivers.base import CelsiusImage

SAMPLE_EVERY_S = 2.0
SAMPLES = 60
"""Two minutes: somebody who stands close before the lens does not count."""
PERCENTILE = 35
"""Faces, lamps and the reference are the warmer part of a frame, an open door the coldest."""
STRIDE_PX = 3


class Surroundings:
    """Follows the walls of one camera's view."""

    def __init__(self) -> None:
        self._samples_c: deque[float] = deque(maxlen=SAMPLES)
        self._at: Instant | None = None

    def see(self, image: CelsiusImage, offset_k: float, at: Instant) -> float:
        """The room's temperature in °C. `offset_k` is what the reference says is to be added to the camera's."""
        if self._at is None or abs(at.seconds_since(self._at)) >= SAMPLE_EVERY_S:
            self._at = at
            self._samples_c.append(float(np.percentile(image[::STRIDE_PX, ::STRIDE_PX], PERCENTILE)) + offset_k)
        return median(self._samples_c)
