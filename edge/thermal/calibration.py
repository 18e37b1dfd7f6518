"""The line from skin to body temperature, and how contact thermometers move it at one lane.

The estimate is for people to read; the verdict is about skin. The line runs through the recordings as skin follows
body and is read backwards, so that a feverish person's estimate is not pulled towards normal, as a regression of body
on skin would (by 0.3 K: J. Biomed. Opt. 26(4) 043009 found it in all seven devices that it tried).
"""

from __future__ import annotations

import math
from statistics import median

from msgspec import Struct

BODY_C, SKIN_C = 36.88, 35.71
"""Oral temperature of the well people of the FDA's recordings (PhysioNet doi 10.13026/3bhc-9065), and skin at it."""
SKIN_PER_BODY = 0.87
"""Of all people of the recordings: 0.80 on one camera, 0.94 on the other."""
PEOPLE_SD_C = 0.30
"""How far skin is from the line from person to person, in kelvin (0.28 and 0.33)."""
FEVER_BODY_C = 37.3
"""From here on a confirmation is a feverish one (China's usual limit)."""
CONTACT_SD_C = 0.2
"""Of a clinical contact thermometer (ISO 80601-2-56)."""
SHOWN_C = (35.0, 43.0)
"""An estimate beyond these is shown to nobody: it tells of a cold face or of a camera that is off, not of a body."""
KEPT = 50
DRAWN_BY = 10
"""Beside the differences stand so many zeros: few confirmations move little."""
LEAST_SHIFT_C, MOST_SHIFT_C = -0.15, 0.3
"""The estimate may be lowered by less than it may be raised: whoever is measured again was warm, and reads colder the
second time even where the lane is right."""


def body_of(skin_c: float, lane_k: float = 0.0) -> float:
    """Body temperature in °C; `lane_k` is how much warmer skin reads at this lane than in the recordings."""
    return BODY_C + (skin_c - lane_k - SKIN_C) / SKIN_PER_BODY


class Calibration(Struct, frozen=True):
    """What contact thermometers said of a lane: body temperature minus estimate, in kelvin, the oldest first."""

    differences_k: tuple[float, ...] = ()

    def confirmed(self, estimate_c: float, body_c: float) -> Calibration:
        """With one more: `estimate_c` is what the line alone says of that skin.

        A feverish confirmation never lowers the estimate, and so never raises the limit: it counts as at least the
        shift that there is, and for it the lowest difference goes, not the oldest.
        """
        difference_k = body_c - estimate_c
        kept = list(self.differences_k)
        if body_c >= FEVER_BODY_C:
            difference_k = max(difference_k, self.shift_k)
            if len(kept) >= KEPT:
                kept.remove(min(kept))
        return Calibration((*kept[-KEPT + 1 :], difference_k))

    @property
    def shift_k(self) -> float:
        """What to add to the estimate of body temperature, in kelvin."""
        zeros = [0.0] * DRAWN_BY
        return min(max(median([*self.differences_k, *zeros]), LEAST_SHIFT_C), MOST_SHIFT_C)

    @property
    def limit_shift_k(self) -> float:
        """What to add to the limit of skin temperature, in kelvin: a lane whose people are warmer than it says has a
        lower limit."""
        return -self.shift_k * SKIN_PER_BODY

    def u_k(self, skin_u_k: float) -> float:
        """Standard uncertainty of an estimate of body temperature, in kelvin: of the skin, the people, the shift."""
        shift_u_k = math.hypot(PEOPLE_SD_C / SKIN_PER_BODY, CONTACT_SD_C) / math.sqrt(1 + len(self.differences_k))
        return math.hypot(skin_u_k / SKIN_PER_BODY, PEOPLE_SD_C / SKIN_PER_BODY, shift_u_k)
