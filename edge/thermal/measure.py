"""The skin temperature of one face in one frame, with its uncertainty."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from edge.drivers.base import CelsiusImage
from edge.thermal.settings import ThermalSettings
from edge.thermal.types import Box, Reference

HOTTEST_PX = 4
"""The mean of the face's four hottest pixels (J. Biomed. Opt. 26(4) 043009: the whole-face maximum; FACTS)."""
LOOK_SD_C = 0.134
"""Standard deviation of one look of a Lepton at a face that does not change (FACTS)."""
NO_REFERENCE_SD_C = 0.9
"""Of a camera's absolute offset between sessions without a reference (FACTS: 0.4 to 1.1 K)."""
HOT_OBJECT_C = 1.5
"""A pixel that is hotter than the face's next ones by this is a cigarette or a lamp's reflection, not skin."""


class Measured(NamedTuple):
    """Skin temperature in °C and its combined standard uncertainty (k = 1) in kelvin."""

    skin_c: float
    u_c: float


def measure(image: CelsiusImage, box: Box, reference: Reference | None, settings: ThermalSettings) -> Measured:
    """Measure the face in `box`; with a reference in view and its set temperature known, corrected by its offset."""
    inside = image[max(0, box.y) : box.y + box.h, max(0, box.x) : box.x + box.w]
    seen_c = _hottest(inside)
    if reference is None or settings.reference_c is None:
        return Measured(seen_c, math.hypot(LOOK_SD_C, NO_REFERENCE_SD_C))
    offset_u_c = math.hypot(settings.reference_u_c, reference.spread_c)
    return Measured(seen_c + settings.reference_c - reference.seen_c, math.hypot(LOOK_SD_C, offset_u_c))


def combine(looks: list[Measured]) -> Measured:
    """The median over looks. What looks have in common (reference, camera) does not average out; their noise does."""
    skin_c = float(np.median([look.skin_c for look in looks]))
    common_c = math.sqrt(max(0.0, float(np.median([look.u_c for look in looks])) ** 2 - LOOK_SD_C**2))
    # The median of n normal values has sqrt(pi/2) times the standard error of their mean (large n; for 1 it is 1).
    factor = 1.0 if len(looks) == 1 else math.sqrt(math.pi / 2)
    return Measured(skin_c, math.hypot(common_c, factor * LOOK_SD_C / math.sqrt(len(looks))))


def _hottest(inside: CelsiusImage) -> float:
    """The mean of the hottest pixels, without a few that stand out from all skin."""
    count = min(inside.size, 4 * HOTTEST_PX)
    hottest = np.sort(np.partition(inside.ravel(), inside.size - count)[-count:])[::-1]
    while hottest.size > HOTTEST_PX and hottest[0] - hottest[HOTTEST_PX] > HOT_OBJECT_C:
        hottest = hottest[1:]
    return float(hottest[:HOTTEST_PX].mean())
