"""The skin temperature of one face in one frame, and of several looks at it, each with its uncertainty.

What is decided upon is a temperature of skin, never a "body temperature": the mean of the face's hottest spot and the
hottest at the inner corners of the eyes (canthi), against the reference, as it would be in a room of 24 °C. Each step's
figure and source stands at its constant; uncertainties are combined as the GUM says (JCGM 100:2008, 5.1.2).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from statistics import NormalDist, median, stdev
from typing import NamedTuple

import numpy as np

from edge.drivers.base import CelsiusImage
from edge.thermal.glasses import wears_glasses
from edge.thermal.settings import ThermalSettings
from edge.thermal.types import Box, Reference

HOTTEST_PX = 4
"""The mean of the four hottest pixels (J. Biomed. Opt. 26(4) 043009: the whole-face maximum)."""
HOT_OBJECT_C = 1.5
"""A pixel that is hotter than the face's next ones by this is a cigarette or a lamp's reflection, not skin."""

CANTHI_ROWS, CANTHI_COLUMNS = (0.25, 0.55), (0.20, 0.80)
"""Where the eyes' inner corners are, in shares of a frontal face's box from hairline to chin: mouth, neck and ears,
which breath and movement warm, are outside."""
HIDDEN_CANTHI_C = 0.6
"""Canthi colder than the face's maximum by more than this are hidden (glasses): 95 % of bare ones differ by less."""

GLASSES_SD_C = 0.35
"""How differently glasses hide the warmest of a face from one to the next (80 rendered people, with and without)."""
GLASSES_HIDE_K = 0.2
"""How much they hide of the face's maximum (0.23 K in the same frames). It is not added, for it is not of real people;
a suspicion begins so much earlier."""

ROOM_C = 24.0
ROOM_SLOPE = 0.05
"""Skin is warmer in a warm room, by this much per kelvin. In the FDA's recordings (PhysioNet doi 10.13026/3bhc-9065,
513 people, 20 to 29 °C) the slope is 0.08 ± 0.01 for either camera at equal oral temperature; part of it is the
reference's own, so that 0.05 separates best."""
ROOM_BOUNDS_C = (20.0, 29.0)
"""Beyond the rooms of those recordings nothing is known: the correction stays at the bound."""
ROOM_SD_C = 2.0
"""How far walls, as a camera sees them, may be from the air."""

SHARP_FACE_PX = 36.0
"""A face this wide loses nothing."""
HALF_RESOLUTION_LOSS_C = 0.17
"""Of the face's maximum on a Lepton when its pixels are halved (measured by averaging pixels of recordings)."""
NEAR_FACE_SHARE = 0.3
"""A face as wide as this share of the frame's shorter side stands at the working distance of a 57° lens (about 1 m)."""
DOUBLE_DISTANCE_LOSS_C = 0.31
"""Beside the lost resolution, at twice the distance (0.48 K measured in all: air, lens, stray light)."""
MAX_OPTICS_C = 0.5

LOOK_SD_C = 0.134
"""Standard deviation of one look of a Lepton at a face that does not change."""
EMISSIVITY_SD_C = 0.05
"""Skin 0.98 ± 0.01 (Int. J. Therm. Sci. 48, 2009) against a reference of 0.95 to 0.98, some 12 K above the room."""
NO_REFERENCE_SD_C = 0.9
"""Of a camera's absolute offset between sessions without a reference (0.4 to 1.1 K on real Leptons)."""

UPPER = 0.85
"""The quantile of the looks that counts. What comes between skin and camera (lids, hair, a turn of the head) only
hides: looks err downwards. With three looks it finds feverish people that their median misses."""


class Measured(NamedTuple):
    """Skin temperature in °C and its combined standard uncertainty (k = 1) in kelvin."""

    skin_c: float
    u_c: float
    glasses: bool = False
    """Glasses hid the eyes: what is told is the rest of the face, and less sure."""


def measure(
    image: CelsiusImage,
    box: Box,
    reference: Reference | None,
    settings: ThermalSettings,
    room_c: float | None = None,
) -> Measured:
    """Measure the face in `box`; with a reference in view and its set temperature known, corrected by its offset.

    `room_c` is what the surroundings read, corrected likewise; None where it is not known yet.
    """
    optics_k = optics_loss_k(box.w, min(image.shape))
    offset_k, offset_u_k = offset_of(reference, settings)
    glasses = wears_glasses(image, box)
    face_c = hottest_c(_part(image, box))
    canthi_c = face_c if glasses else hottest_c(_part(image, canthi_of(box)))
    skin_c = skin_of(face_c + offset_k + optics_k, canthi_c + offset_k + optics_k, room_c)
    hidden_k = GLASSES_SD_C if glasses else 0.0
    u_c = math.hypot(LOOK_SD_C, offset_u_k, EMISSIVITY_SD_C, optics_k / 2, ROOM_SLOPE * ROOM_SD_C, hidden_k)
    return Measured(skin_c, u_c, glasses)


def skin_of(face_c: float, canthi_c: float, room_c: float | None) -> float:
    """The skin temperature to decide upon, in °C, from the hottest of the face and of the canthi, in a room of 24 °C.

    Either alone separates worse than both on either camera of the FDA's recordings: the maximum may be a breath, the
    canthi may be hidden.
    """
    apart_k = min(max(face_c - canthi_c, 0.0), HIDDEN_CANTHI_C)
    return face_c - apart_k / 2 - room_warmth_k(room_c)


def room_warmth_k(room_c: float | None) -> float:
    """How much warmer skin is for the room than it would be at 24 °C, in kelvin."""
    if room_c is None:
        return 0.0
    return ROOM_SLOPE * (min(max(room_c, ROOM_BOUNDS_C[0]), ROOM_BOUNDS_C[1]) - ROOM_C)


def offset_of(reference: Reference | None, settings: ThermalSettings) -> tuple[float, float]:
    """What to add to a camera's temperatures, and its standard uncertainty, both in kelvin."""
    if reference is None or settings.reference_c is None:
        return 0.0, NO_REFERENCE_SD_C
    return settings.reference_c - reference.seen_c, math.hypot(settings.reference_u_c, reference.spread_c)


def optics_loss_k(width_px: float, frame_px: float) -> float:
    """What a face of this width in a frame with this shorter side lost to few pixels and to distance, in kelvin."""
    pixels = math.log2(SHARP_FACE_PX / max(width_px, 1.0))
    distance = math.log2(NEAR_FACE_SHARE * frame_px / max(width_px, 1.0))
    loss_k = HALF_RESOLUTION_LOSS_C * max(0.0, pixels) + DOUBLE_DISTANCE_LOSS_C * max(0.0, distance)
    return min(loss_k, MAX_OPTICS_C)


def canthi_of(box: Box) -> Box:
    """Where the inner corners of both eyes are, in a frontal face's box."""
    (top, bottom), (left, right) = CANTHI_ROWS, CANTHI_COLUMNS
    x, y = box.x + round(left * box.w), box.y + round(top * box.h)
    return Box(x, y, max(1, round((right - left) * box.w)), max(1, round((bottom - top) * box.h)))


def hottest_c(inside: CelsiusImage) -> float:
    """The mean of the hottest pixels, without a few that stand out from all skin."""
    count = min(inside.size, 4 * HOTTEST_PX)
    hottest = np.sort(np.partition(inside.ravel(), inside.size - count)[-count:])[::-1]
    while hottest.size > HOTTEST_PX and hottest[0] - hottest[HOTTEST_PX] > HOT_OBJECT_C:
        hottest = hottest[1:]
    return float(hottest[:HOTTEST_PX].mean())


def combine(looks: Sequence[Measured]) -> Measured:
    """The upper quantile of the looks, less what their noise adds to it. Between the coldest and the hottest look.

    What looks have in common (reference, camera) does not average out; their noise does.
    """
    skins_c = [look.skin_c for look in looks]
    count = len(looks)
    noise_c = min(LOOK_SD_C, stdev(skins_c)) if count > 1 else 0.0
    skin_c = quantile(skins_c, UPPER) - _expected_upper(count) * noise_c
    common_c = math.sqrt(max(0.0, median(look.u_c for look in looks) ** 2 - LOOK_SD_C**2))
    glasses = 2 * sum(look.glasses for look in looks) > count
    return Measured(skin_c, math.hypot(common_c, LOOK_SD_C * _spread_of_upper(count)), glasses)


def quantile(values: Iterable[float], share: float) -> float:
    """As numpy's, with linear interpolation; of a handful of numbers, many times a second, in a tenth of its time."""
    ordered = sorted(values)
    whole, part = divmod(share * (len(ordered) - 1), 1)
    low = ordered[int(whole)]
    return low + (ordered[min(int(whole) + 1, len(ordered) - 1)] - low) * part


@lru_cache
def _expected_upper(count: int) -> float:
    """The quantile of so many standard normal values, expected (Blom 1958: order statistics)."""
    scores = [NormalDist().inv_cdf((rank - 0.375) / (count + 0.25)) for rank in range(1, count + 1)]
    return quantile(scores, UPPER)


@lru_cache
def _spread_of_upper(count: int) -> float:
    """Its standard deviation: sqrt(p(1-p)/n) over the density there (large n), and never more than one value's."""
    normal = NormalDist()
    return min(1.0, math.sqrt(UPPER * (1 - UPPER) / count) / normal.pdf(normal.inv_cdf(UPPER)))


def _part(image: CelsiusImage, box: Box) -> CelsiusImage:
    """The pixels of a box, as far as it lies in the image: at least one."""
    top, left = min(max(0, box.y), image.shape[0] - 1), min(max(0, box.x), image.shape[1] - 1)
    return image[top : max(box.y + box.h, top + 1), left : max(box.x + box.w, left + 1)]
