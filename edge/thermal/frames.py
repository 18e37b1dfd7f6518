"""Whether a frame may be used at all. A bad frame is refused in words, never an exception, never a temperature."""

from __future__ import annotations

import numpy as np

from edge.clock import Instant
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
STILL_S = 0.25
"""A camera whose picture stands still for so long and then moves has closed its shutter, even where it does not say so
(a Lepton repeats its last frame for about half a second). Frames that are merely given twice are closer together."""
SETTLED_S = 1.0
"""So long after such a pause a Lepton's frames are good again. What a camera tells itself counts for `shutter_s`."""
CLIPPED_SHARE = 0.05
"""Of a frame's pixels at its very highest or lowest value: at most 0.0005 in real recordings."""


class FrameCheck:
    """Looks at one frame after the other of one camera."""

    def __init__(self, settings: ThermalSettings) -> None:
        self._settings = settings
        self._shape: tuple[int, ...] | None = None
        self._last: bytes = b""
        self._last_at: Instant | None = None
        self._same = 0
        self._shutter_at: Instant | None = None

    def refuse(self, frame: ThermalFrame) -> Refusal | None:
        """Why the frame cannot be used, None when it can."""
        image = frame.celsius
        if not _is_picture(image):
            return Refusal.BAD_FRAME
        if self._shape is not None and image.shape != self._shape:
            self._shape = image.shape  # told once; a camera that was exchanged goes on with its new size
            return Refusal.BAD_FRAME
        self._shape = image.shape
        if self._is_frozen(image, frame.at):
            return Refusal.BAD_FRAME
        return Refusal.SHUTTER if self._is_settling(frame) else None

    def _is_frozen(self, image: np.ndarray, at: Instant) -> bool:
        content = image.tobytes()
        if content == self._last:
            self._same += 1
        else:
            if self._last_at is not None and self._same > 1 and at.seconds_since(self._last_at) >= STILL_S:
                self._shutter_at = at
            self._last, self._last_at, self._same = content, at, 0
        return self._same >= FROZEN_AFTER

    def _is_settling(self, frame: ThermalFrame) -> bool:
        """Whether the shutter closed just now, by the camera's word or by a picture that stood still."""
        told_s = frame.since_shutter_s
        if told_s is not None and told_s < self._settings.shutter_s:
            return True
        return self._shutter_at is not None and 0 <= frame.at.seconds_since(self._shutter_at) < SETTLED_S


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
