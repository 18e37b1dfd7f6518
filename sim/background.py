"""What stands behind the people: wall panels, door frames, a window, heaters, lamps; and the heated reference."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from msgspec import Struct

from edge.drivers.base import CelsiusImage

WALL_C = 27.0
"""What a Lepton reads of an indoor wall, its own warmth included (median of real recordings: 23 to 31 °C)."""


class Background(Struct, frozen=True, kw_only=True):
    """A place. Temperatures in °C; what is not said here is drawn from `seed`.

    `reference_x`, `reference_y` is the disc's centre in shares of the frame's width and height. `below` says whether
    it is at its stand's lower end.
    """

    seed: int = 1
    wall_c: float = WALL_C
    reference_x: float = 0.86
    reference_y: float = 0.66
    below: bool = False
    panels: bool = True
    door: bool = False
    window: bool = False
    heater: bool = False
    lamps: bool = False
    tube: bool = False
    sun: bool = False


class Front(NamedTuple):
    """The reference on its stand, in front of everybody: °C times share, and the share that it covers, both (H, W)."""

    value: CelsiusImage
    share: CelsiusImage


def random_background(draw: np.random.Generator, wall_c: float = WALL_C) -> Background:
    """Some plausible place at a gate."""
    left = bool(draw.random() < 0.55)
    below = bool(draw.random() < 0.6) if left else False
    low = bool(left and draw.random() < 0.35)
    return Background(
        seed=int(draw.integers(2**31)),
        wall_c=wall_c,
        reference_x=float(
            draw.uniform(0.07, 0.10) if low else draw.uniform(0.19, 0.24) if left else draw.uniform(0.78, 0.88)
        ),
        reference_y=float(
            draw.uniform(0.94, 0.96) if low else draw.uniform(0.80, 0.84) if left else draw.uniform(0.60, 0.68)
        ),
        below=below or low,
        panels=bool(draw.random() < 0.7),
        door=bool(draw.random() < 0.45),
        window=bool(draw.random() < 0.2),
        heater=bool(draw.random() < 0.15),
        lamps=bool(draw.random() < 0.2),
        tube=bool(draw.random() < 0.15),
        sun=bool(draw.random() < 0.12),
    )


@lru_cache(maxsize=16)
def wall(place: Background, height: int, width: int) -> CelsiusImage:
    """What is behind everybody, in °C, float32, shape (height, width). Do not write into it."""
    draw = np.random.default_rng([place.seed, 11])
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j].astype(np.float32)
    image = np.full((height, width), place.wall_c, np.float32)
    image += np.float32(draw.normal(0.0, 0.35)) * (y - 0.5) + np.float32(draw.normal(0, 0.3)) * (x - 0.5)
    image += np.float32(0.06) * cloud(draw, height, width, 0.3) + np.float32(0.015) * cloud(draw, height, width, 0.06)
    for wanted, paint in (
        (place.panels, _panels),
        (place.door, _door),
        (place.window, _window),
        (place.heater, _heater),
        (place.tube, _tube),
        (place.lamps, _lamps),
        (place.sun, _sun),
    ):
        own = np.random.default_rng([place.seed, 12, int(draw.integers(2**31))])
        if wanted:
            paint(image, x, y, own)
    return image


def cloud(draw: np.random.Generator, height: int, width: int, grain: float) -> CelsiusImage:
    """Smooth noise of standard deviation about 1; `grain` is the size of its spots in shares of the width."""
    rows, columns = max(3, round(1.0 / grain * height / width)) + 3, max(3, round(1.0 / grain)) + 3
    small = draw.standard_normal((rows, columns), np.float32)
    large = np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.float32)
    return np.asarray(large / max(1e-3, float(large.std())), dtype=np.float32)


def _box(x: CelsiusImage, y: CelsiusImage, left: float, top: float, right: float, bottom: float) -> CelsiusImage:
    """1 inside, 0 outside, an edge about a hundredth of the frame wide."""
    inside = np.minimum(np.minimum(x - left, right - x), np.minimum(y - top, bottom - y))
    return np.asarray(np.clip(inside * 100 + 0.5, 0, 1), dtype=np.float32)


def _blob(x: CelsiusImage, y: CelsiusImage, cx: float, cy: float, sx: float, sy: float) -> CelsiusImage:
    return np.asarray(np.exp(-(((x - cx) / sx) ** 2) - ((y - cy) / sy) ** 2), dtype=np.float32)


def _panels(image: CelsiusImage, x: CelsiusImage, y: CelsiusImage, draw: np.random.Generator) -> None:
    edge = float(draw.uniform(-0.2, 0.4))
    while edge < 1.0:
        width = float(draw.uniform(0.15, 0.5))
        lean = float(draw.normal(0, 0.02))
        image += np.float32(draw.normal(0, 0.22)) * _box(x + lean * y, y, edge, -0.1, edge + width, 1.1)
        image -= np.float32(abs(draw.normal(0, 0.15))) * np.exp(-(((x + lean * y - edge) / 0.008) ** 2))
        edge += width


def _door(image: CelsiusImage, x: CelsiusImage, y: CelsiusImage, draw: np.random.Generator) -> None:
    """A door frame with something colder or warmer behind it."""
    left, top = (
        float(draw.choice([draw.uniform(-0.05, 0.15), draw.uniform(0.45, 0.85)])),
        float(draw.uniform(0.05, 0.35)),
    )
    right, bottom = left + float(draw.uniform(0.1, 0.4)), float(draw.choice([1.1, draw.uniform(0.55, 0.8)]))
    behind = float(draw.choice([-1, -1, 1])) * float(draw.uniform(0.1, 1.0))
    inside = _box(x, y, left, top, right, bottom)
    frame = _box(x, y, left - 0.025, top - 0.02, right + 0.025, bottom + 0.02) - inside
    image += np.float32(behind) * inside * (1 + np.float32(0.25) * cloud(draw, image.shape[0], image.shape[1], 0.2))
    image += np.float32(draw.uniform(-0.1, 0.35)) * frame
    for bar in draw.uniform(top, min(1.0, bottom), 2):
        image -= np.float32(0.5 * behind) * inside * np.exp(-(((y - bar) / 0.008) ** 2))


def _window(image: CelsiusImage, x: CelsiusImage, y: CelsiusImage, draw: np.random.Generator) -> None:
    left, top = float(draw.uniform(0.0, 0.7)), float(draw.uniform(-0.05, 0.3))
    right, bottom = left + float(draw.uniform(0.12, 0.35)), top + float(draw.uniform(0.15, 0.35))
    image += np.float32(-draw.uniform(0.3, 1.8)) * _box(x, y, left, top, right, bottom)
    middle = (left + right) / 2
    image += np.float32(0.7) * _box(x, y, middle - 0.01, top, middle + 0.01, bottom)


def _heater(image: CelsiusImage, x: CelsiusImage, y: CelsiusImage, draw: np.random.Generator) -> None:
    cx, cy = float(draw.choice([0.04, 0.96])), float(draw.uniform(0.3, 0.6))
    body = _box(x, y, cx - 0.04, cy - 0.12, cx + 0.04, cy + 0.12)
    ribs = 0.75 + 0.25 * np.sin(y * 220)
    image += np.float32(draw.uniform(1.0, 4.0)) * body * ribs
    image += np.float32(0.5) * _blob(x, y, cx, cy - 0.2, 0.06, 0.15)


def _tube(image: CelsiusImage, x: CelsiusImage, y: CelsiusImage, draw: np.random.Generator) -> None:
    """A fluorescent tube under the ceiling, in perspective."""
    slope, end = float(draw.uniform(0.35, 0.55)), float(draw.uniform(0.25, 0.42))
    side = bool(draw.random() < 0.5)
    along = x if not side else 1 - x
    distance = (y - (slope * along - 0.02)) / 0.022
    share = np.exp(-(distance**2)) * np.clip((end - along) * 40, 0, 1)
    image += np.float32(draw.uniform(1.5, 3.5)) * share * (0.65 + 0.35 * np.cos(distance * 3))
    image -= np.float32(0.25) * np.clip((0.3 * along + 0.12 - y) * 30, 0, 1)


def _lamps(image: CelsiusImage, x: CelsiusImage, y: CelsiusImage, draw: np.random.Generator) -> None:
    """Downlights in the ceiling."""
    shift, top, size_c = float(draw.uniform(-0.1, 0.1)), float(draw.uniform(0.025, 0.05)), float(draw.uniform(1.5, 4.0))
    for number in range(3):
        image += np.float32(size_c) * _blob(x, y, shift + 0.02 + 0.45 * number, top + 0.006 * number, 0.035, 0.01)


def _sun(image: CelsiusImage, x: CelsiusImage, y: CelsiusImage, draw: np.random.Generator) -> None:
    cx, cy, lean = float(draw.uniform(0.1, 0.9)), float(draw.uniform(0.2, 0.8)), float(draw.normal(0, 0.4))
    patch = _box(x + lean * (y - cy), y, cx - 0.12, cy - 0.12, cx + 0.08, cy + 0.14)
    image += np.float32(draw.uniform(0.4, 1.8)) * cv2.GaussianBlur(patch, (0, 0), max(0.8, image.shape[1] / 100))


_STAND_HALF_WIDTH, _STAND_LONG, _STAND_SHORT = 16.5, 41.0, 13.0
"""Of the reference's housing, in pixels at 160x120: from the disc to its sides, to the far end and to the near one."""
_DISC_LOSS = 0.021
"""How much of the disc's height over its housing the default lens takes from the disc's middle."""
DISC_PX = 6.3
"""The disc's radius at 160x120 (median of real recordings, at half of its height over the surroundings)."""


@lru_cache(maxsize=16)
def stand(place: Background, height: int, width: int, reference_c: float, scale: float) -> Front:
    """The housing with its heated disc; `scale` is pixels here for one at 160x120.

    What the lens takes from the disc is put on it, as far as it is known: it shall read its set temperature.
    """
    lost_c = _DISC_LOSS * (reference_c - place.wall_c) + 0.03
    draw = np.random.default_rng([place.seed, 21])
    y, x = np.mgrid[:height, :width].astype(np.float32)
    dx = (x + 0.5 - place.reference_x * width) / np.float32(scale)
    dy = (y + 0.5 - place.reference_y * height) / np.float32(scale)
    if place.below:
        dy = -dy
    middle, half = (_STAND_LONG - _STAND_SHORT) / 2, (_STAND_LONG + _STAND_SHORT) / 2
    from_side = np.abs(dx + np.float32(draw.normal(0, 1))) - (_STAND_HALF_WIDTH - 3)
    from_end = np.abs(dy - middle) - (half - 3)
    outside = np.hypot(np.maximum(from_side, 0), np.maximum(from_end, 0)) + np.minimum(
        np.maximum(from_side, from_end), 0
    )
    housing = np.clip(3.5 - outside, 0, 1)
    warm = np.float32(place.wall_c + draw.uniform(0.3, 0.8))
    inner = np.clip((0.5 - outside) / 3, 0, 1)
    value = warm + np.float32(draw.uniform(0.25, 0.6)) * inner
    spot = draw.uniform(0.5, 1.1) * np.exp(-((dx / 8) ** 2) - ((dy - middle - 12) / 7) ** 2)
    value = value + spot + np.float32(0.7) * np.exp(-((np.hypot(dx, dy) / 11) ** 2))
    value = value + np.float32(0.12) * cloud(draw, height, width, 0.08)
    disc = np.clip((DISC_PX - np.hypot(dx / np.float32(1.04), dy)) * scale + 0.5, 0, 1)
    even = np.float32(reference_c + lost_c) - np.float32(0.15) * (np.hypot(dx, dy) / DISC_PX) ** 2
    value = value * (1 - disc) + even * disc
    share = np.maximum(housing, disc).astype(np.float32)
    return Front(np.asarray(value * share, dtype=np.float32), share)
