"""What stands behind the people: wall panels, door frames, a window, heaters, lamps; and the heated reference."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edge.drivers.base import CelsiusImage

WALL_C = 27.0
"""What a Lepton reads of an indoor wall, its own warmth included (median of real recordings: 23 to 31 °C)."""

DISC_PX = 6.3
"""The disc's radius at 160x120 (median of real recordings, at half of its height over the surroundings)."""


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
    disc_px: float = DISC_PX
    panels: bool = True
    door: bool = False
    window: bool = False
    heater: bool = False
    lamps: bool = False
    tube: bool = False
    sun: bool = False
    clutter: bool = False
    mirrored: bool = False
    ceiling: bool = False
    glow_c: float = 0.0


class Front(NamedTuple):
    """The reference on its stand, in front of everybody: °C times share, and the share that it covers, both (H, W)."""

    value: CelsiusImage
    share: CelsiusImage


def random_background(draw: np.random.Generator, wall_c: float = WALL_C) -> Background:
    """Some plausible place at a gate."""
    left = bool(draw.random() < 0.67)
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
        disc_px=float(draw.uniform(5.2, 6.5)),
        panels=bool(draw.random() < 0.35),
        door=bool(draw.random() < 0.45),
        window=bool(draw.random() < 0.3),
        heater=bool(draw.random() < 0.05),
        lamps=bool(draw.random() < 0.2),
        tube=bool(draw.random() < 0.15),
        sun=bool(draw.random() < 0.05),
        clutter=bool(draw.random() < 0.6),
        mirrored=bool(draw.random() < 0.2),
        ceiling=bool(draw.random() < 0.25),
        glow_c=float(draw.choice([0.0, draw.uniform(0.2, 0.9)])),
    )


@lru_cache(maxsize=16)
def wall(place: Background, height: int, width: int) -> CelsiusImage:
    """What is behind everybody, in °C, float32, shape (height, width). Do not write into it."""
    draw = np.random.default_rng([place.seed, 11])
    down, across = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j].astype(np.float32)
    roll = float(np.random.default_rng([place.seed, 13]).normal(0, 0.06))  # no camera hangs quite straight
    x, y = across + np.float32(roll) * (down - 0.5), down - np.float32(roll) * (across - 0.5)
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
        (place.clutter, _clutter),
        (place.mirrored, _mirrored),
        (place.ceiling, _ceiling),
    ):
        own = np.random.default_rng([place.seed, 12, int(draw.integers(2**31))])
        if wanted:
            paint(image, x, y, own)
    if place.glow_c:  # the camera's own housing warms a lower corner
        corner = float(draw.choice([0.0, 1.0, 1.0]))
        image += np.float32(place.glow_c) * np.exp(-(((x - corner) / 0.16) ** 2) - ((y - 1.02) / 0.05) ** 2)
    return image


def cloud(draw: np.random.Generator, height: int, width: int, grain: float) -> CelsiusImage:
    """Smooth noise of standard deviation about 1; `grain` is the size of its spots in shares of the width."""
    rows, columns = max(3, round(1.0 / grain * height / width)) + 3, max(3, round(1.0 / grain)) + 3
    small = draw.standard_normal((rows, columns), np.float32)
    large = np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.float32)
    return np.asarray(large / max(1e-3, float(large.std())), dtype=np.float32)


def cloud_like(draw: np.random.Generator, like: NDArray[np.floating[Any]], grain: float) -> CelsiusImage:
    """Such noise of the shape of `like`."""
    return cloud(draw, like.shape[0], like.shape[1], grain)


def _box(x: CelsiusImage, y: CelsiusImage, left: float, top: float, right: float, bottom: float) -> CelsiusImage:
    """1 inside, 0 outside, an edge about a sixtieth of the frame wide."""
    inside = np.minimum(np.minimum(x - left, right - x), np.minimum(y - top, bottom - y))
    return np.asarray(np.clip(inside * 60 + 0.5, 0, 1), dtype=np.float32)


def _blob(x: CelsiusImage, y: CelsiusImage, cx: float, cy: float, sx: float, sy: float) -> CelsiusImage:
    return np.asarray(np.exp(-(((x - cx) / sx) ** 2) - ((y - cy) / sy) ** 2), dtype=np.float32)


def _panels(image: CelsiusImage, x: CelsiusImage, y: CelsiusImage, draw: np.random.Generator) -> None:
    edge = float(draw.uniform(-0.2, 0.4))
    while edge < 1.0:
        width = float(draw.uniform(0.15, 0.5))
        lean = float(draw.normal(0, 0.06))
        image += np.float32(draw.normal(0, 0.2)) * _box(x + lean * y, y, edge, -0.1, edge + width, 1.1)
        image -= np.float32(abs(draw.normal(0, 0.07))) * np.exp(-(((x + lean * y - edge) / 0.008) ** 2))
        edge += width


def _door(image: CelsiusImage, x: CelsiusImage, y: CelsiusImage, draw: np.random.Generator) -> None:
    """A door frame with something colder or warmer behind it."""
    left, top = (
        float(draw.choice([draw.uniform(-0.05, 0.15), draw.uniform(0.45, 0.85)])),
        float(draw.uniform(0.05, 0.35)),
    )
    right, bottom = left + float(draw.uniform(0.1, 0.4)), float(draw.choice([1.1, draw.uniform(0.55, 0.8)]))
    behind = float(draw.choice([-1, -1, 1])) * float(draw.uniform(0.2, 1.0)) * float(draw.choice([1.0, 2.2]))
    inside = _box(x, y, left, top, right, bottom)
    frame = _box(x, y, left - 0.025, top - 0.02, right + 0.025, bottom + 0.02) - inside
    image += np.float32(behind) * inside * (1 + np.float32(0.25) * cloud_like(draw, image, 0.2))
    image += np.float32(draw.uniform(-0.1, 0.35)) * frame
    for bar in draw.uniform(top, min(1.0, bottom), 2):
        image -= np.float32(0.5 * behind) * inside * np.exp(-(((y - bar) / 0.008) ** 2))


def _window(image: CelsiusImage, x: CelsiusImage, y: CelsiusImage, draw: np.random.Generator) -> None:
    """A pane or a panel that is colder or warmer than the wall, seen askew and often cut by the frame's edge."""
    width, height = float(draw.uniform(0.06, 0.3)), float(draw.uniform(0.15, 0.5))
    left, top = float(draw.choice([draw.uniform(-0.2, 0.05), draw.uniform(0.8, 0.97)])), float(draw.uniform(-0.1, 0.45))
    lean = float(draw.normal(0, 0.15))
    inside = _box(x + lean * (y - top), y + 0.3 * lean * x, left, top, left + width, top + height)
    level = np.float32(draw.choice([-1.0, 1.0]) * draw.uniform(0.3, 2.0))
    image += level * inside * (1 + np.float32(0.2) * cloud_like(draw, image, 0.15) - np.float32(0.3) * y)


def _heater(image: CelsiusImage, x: CelsiusImage, y: CelsiusImage, draw: np.random.Generator) -> None:
    """A radiator at the edge of the picture, its ribs blurred, and the warm air above it."""
    cx, cy = float(draw.choice([-0.01, 1.01])), float(draw.uniform(0.5, 0.85))
    body = _box(x, y, cx - 0.08, cy - 0.14, cx + 0.08, cy + 0.14)
    ribs = 0.9 + 0.1 * np.sin(x * float(draw.uniform(150, 260)))
    image += np.float32(draw.uniform(1.0, 4.5)) * body * ribs * (1 + np.float32(0.15) * cloud_like(draw, image, 0.1))
    image += np.float32(draw.uniform(0.2, 0.7)) * _blob(x, y, cx, cy - 0.25, 0.1, 0.2)


def _clutter(image: CelsiusImage, x: CelsiusImage, y: CelsiusImage, draw: np.random.Generator) -> None:
    """Small things that are warm or cold: lamps of devices, handles, shelves, a cable duct."""
    for _ in range(int(draw.integers(1, 6))):
        cx, cy = float(draw.beta(0.5, 0.5)), float(draw.uniform(0.1, 0.9))
        wide, high = float(draw.choice([0.008, 0.012, 0.03])), float(draw.choice([0.006, 0.012, 0.05]))
        image += np.float32(draw.normal(0.2, 0.5)) * _blob(x, y, cx, cy, wide, high)
    if draw.random() < 0.5:
        at, lean = float(draw.uniform(0.3, 0.8)), float(draw.normal(0, 0.05))
        image += np.float32(draw.normal(0, 0.12)) * np.exp(-(((y + lean * x - at) / 0.006) ** 2))


def _mirrored(image: CelsiusImage, x: CelsiusImage, y: CelsiusImage, draw: np.random.Generator) -> None:
    """Somebody's heat, dim in a pane of glass or a painted wall."""
    cx, cy, size = float(draw.uniform(0.2, 0.8)), float(draw.uniform(0.3, 0.55)), float(draw.uniform(0.02, 0.05))
    head = _blob(x, y, cx, cy, size, size * 0.9)
    trunk = _blob(x, y, cx + float(draw.normal(0, 0.01)), cy + 3.1 * size, 1.7 * size, 2.4 * size)
    image += np.float32(draw.uniform(0.1, 0.4)) * (head + 0.7 * trunk) * (1 + 0.3 * cloud_like(draw, image, 0.03))


def _ceiling(image: CelsiusImage, x: CelsiusImage, y: CelsiusImage, draw: np.random.Generator) -> None:
    """A warm ceiling over the wall, with beams that run away from the camera."""
    down, slope = float(draw.uniform(0.1, 0.32)), float(draw.normal(0, 0.12))
    above = np.clip((down + slope * (x - 0.5) - y) * 40, 0, 1)
    warm = np.float32(draw.uniform(0.15, 1.2))
    image += warm * above * (1 + np.float32(0.15) * cloud_like(draw, image, 0.12))
    for start in draw.uniform(-0.3, 1.0, int(draw.integers(1, 4))):
        lean = float(draw.normal(0.9, 0.3))
        beam = np.exp(-(((x - start - lean * y) / float(draw.uniform(0.01, 0.04))) ** 2))
        image += np.float32(draw.normal(0, 0.35)) * warm * beam * above


def _tube(image: CelsiusImage, x: CelsiusImage, y: CelsiusImage, draw: np.random.Generator) -> None:
    """A fluorescent tube under the ceiling, in perspective."""
    slope, end = float(draw.uniform(0.35, 0.55)), float(draw.uniform(0.25, 0.42))
    side = bool(draw.random() < 0.5)
    along = x if not side else 1 - x
    thick = float(draw.uniform(0.022, 0.04))
    distance = (y - (slope * along - 0.02)) / thick
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


_HALOS = ((0.085, 4.0), (0.4, 1.6))
"""Shares and widths of what the default lens (`sim.sensor`) and the soft edge take from the disc (fitted)."""
_STAND_HALF_WIDTH, _STAND_LONG, _STAND_SHORT = 16.5, 41.0, 13.0
"""Of the reference's housing, in pixels at 160x120: from the disc to its sides, to the far end and to the near one."""


def _housing(
    place: Background, draw: np.random.Generator, dx: CelsiusImage, dy: CelsiusImage
) -> tuple[CelsiusImage, CelsiusImage]:
    """The box around the disc, in °C, and the share that it covers: its panel, what it mirrors, the arm that holds it.

    `dx`, `dy` are the distances from the disc in pixels at 160x120, the longer end of the box below it.
    """
    middle, half = (_STAND_LONG - _STAND_SHORT) / 2, (_STAND_LONG + _STAND_SHORT) / 2
    from_side = np.abs(dx + np.float32(draw.normal(0, 1))) - (_STAND_HALF_WIDTH - 3)
    from_end = np.abs(dy - middle) - (half - 3)
    outside = np.hypot(np.maximum(from_side, 0), np.maximum(from_end, 0)) + np.minimum(
        np.maximum(from_side, from_end), 0
    )
    housing = np.clip((3.5 - outside) / float(draw.uniform(1.5, 3.5)), 0, 1)
    value = np.float32(place.wall_c + draw.uniform(0.05, 0.6)) + np.zeros_like(outside)
    side, top, end = draw.uniform(4.0, 6.5), -9.0, middle + half - draw.uniform(4, 9)
    panel = np.minimum(_STAND_HALF_WIDTH - side - np.abs(dx + draw.normal(0, 1.2)), np.minimum(dy - top, end - dy))
    lift = np.float32(draw.uniform(0.4, 1.3))
    far = np.clip(0.45 + 0.55 * (dy - 4) / 24, 0.2, 1.1)  # warmest away from the disc, where the heater's board is
    value = value + lift * far * np.clip(panel / float(draw.uniform(2.5, 5.0)) + 0.5, 0, 1)
    smudge = np.exp(-(((dx - draw.normal(0, 2)) / 8) ** 2) - ((dy - middle - draw.uniform(9, 13)) / 5) ** 2)
    value = value + np.float32(draw.uniform(0.1, 0.7)) * smudge
    line = np.exp(-(((dx - draw.normal(3, 3)) / 7) ** 2) - ((dy - end + 2) / 1.3) ** 2)
    value = value + np.float32(draw.choice([0.0, draw.uniform(0.3, 2.0)])) * line
    value = value + np.float32(draw.uniform(0.3, 1.1)) * np.exp(-((np.hypot(dx, dy) / 10) ** 2))
    value = value + np.float32(0.08) * cloud_like(draw, dx, 0.08)
    if draw.random() < 0.5:  # the arm that holds it
        arm = np.clip(4 - np.abs(dy - middle - 6), 0, 1) * (dx * (0.5 - place.reference_x) < 0)
        value, housing = value - 0.15 * arm * (1 - housing), np.maximum(housing, arm)
    return np.asarray(value, dtype=np.float32), np.asarray(housing, dtype=np.float32)


def _disc_loss(place: Background) -> float:
    """How much of the disc's height over its housing the default lens takes from the disc's middle."""
    seen_px = place.disc_px / (1.06 if place.below else 1.0)
    return sum(share * math.exp(-((seen_px / px) ** 2) / 2) for share, px in _HALOS)


@lru_cache(maxsize=16)
def stand(place: Background, height: int, width: int, reference_c: float, scale: float) -> Front:
    """The housing with its heated disc; `scale` is pixels here for one at 160x120.

    What the lens takes from the disc is put on it, as far as it is known: it shall read its set temperature.
    """
    lost_c = _disc_loss(place) * (reference_c - place.wall_c) + 0.006
    draw = np.random.default_rng([place.seed, 21])
    y, x = np.mgrid[:height, :width].astype(np.float32)
    dx = (x + 0.5 - place.reference_x * width) / np.float32(scale)
    dy = (y + 0.5 - place.reference_y * height) / np.float32(scale)
    if place.below:
        dy = -dy
    value, housing = _housing(place, draw, dx, dy)
    flat = np.float32(1.12 if place.below else 1.0)  # one stands lower, and is seen from above
    disc = np.clip((place.disc_px - np.hypot(dx / np.float32(1.04), dy * flat)) * scale / 5.4 + 0.5, 0, 1)
    even = np.float32(reference_c + lost_c) - np.float32(0.15) * (np.hypot(dx, dy) / place.disc_px) ** 2
    value = value * (1 - disc) + even * disc
    share = np.maximum(housing, disc).astype(np.float32)
    return Front(np.asarray(value * share, dtype=np.float32), share)
