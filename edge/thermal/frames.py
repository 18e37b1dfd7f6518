"""Whether a frame may be used at all. A bad frame is refused in words, never an exception, never a temperature."""

from __future__ import annotations

import numpy as np

from edge.drivers.base import ThermalFrame
from edge.thermal.settings import ThermalSettings
from edge.thermal.torn import is_torn
from wire.events import Refusal

PLAUSIBLE_C = (-60.0, 160.0)
"""A Lepton's high-gain range is -10 to 140 °C; beyond this with some margin the numbers are no temperatures."""
FROZEN_AFTER = 5
"""So many identical frames in a row are a frozen camera: sensor noise alone never repeats a frame."""
FLAT_SPREAD_C = 0.02
"""A picture with less spread than a sensor's own noise (NETD 50 mK) shows nothing."""
MIN_SIDE_PX = 16
CLIPPED_SHARE = 0.05
"""Of a frame's pixels at its very highest or lowest value: at most 0.0005 in real recordings."""


class FrameCheck:
    """Looks at one frame after the other of one camera."""

    def __init__(self, settings: ThermalSettings) -> None:
        self._settings = settings
        self._shape: tuple[int, ...] | None = None
        self._last: bytes = b""
        self._same = 0

    def refuse(self, frame: ThermalFrame) -> Refusal | None:
        """Why the frame cannot be used, None when it can."""
        image = frame.celsius
        if not _is_picture(image):
            return Refusal.BAD_FRAME
        if self._shape is not None and image.shape != self._shape:
            self._shape = image.shape  # told once; a camera that was exchanged goes on with its new size
            return Refusal.BAD_FRAME
        self._shape = image.shape
        if self._is_frozen(image):
            return Refusal.BAD_FRAME
        if frame.since_start_s is not None and frame.since_start_s < self._settings.warm_up_s:
            return Refusal.WARMING_UP
        if frame.since_shutter_s is not None and frame.since_shutter_s < self._settings.shutter_s:
            return Refusal.SHUTTER
        return None

    def _is_frozen(self, image: np.ndarray) -> bool:
        content = image.tobytes()
        self._same = self._same + 1 if content == self._last else 0
        self._last = content
        return self._same >= FROZEN_AFTER


def _is_picture(image: np.ndarray) -> bool:
    if image.ndim != 2 or min(image.shape) < MIN_SIDE_PX or image.dtype.kind != "f":
        return False
    low, high = float(image.min()), float(image.max())  # a NaN anywhere makes both NaN, and the comparison False
    if not (PLAUSIBLE_C[0] <= low and high <= PLAUSIBLE_C[1] and high - low > FLAT_SPREAD_C):
        return False
    return not is_clipped(image, low, high) and not is_torn(image)


def is_clipped(image: np.ndarray, low_c: float, high_c: float) -> bool:
    """Whether so many pixels are at the one end that the sensor, not the world, has an end there."""
    most = CLIPPED_SHARE * image.size
    return any(int(np.count_nonzero(image == end_c)) > most for end_c in (low_c, high_c))
