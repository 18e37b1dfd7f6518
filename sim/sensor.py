"""What a thermal camera does to a scene: blur, noise that is slow more than white, shading, drift, and faults.

The figures are statistics of still parts of Lepton 3.5 recordings (160x120, high gain, 8.8 Hz): a single frame's noise
is white in space with a standard deviation of 0.07 K, but most of it stays from frame to frame (0.012 K between two
neighbouring ones), as the camera filters in time; rows and columns add 0.015 K each.
"""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np
from msgspec import Struct

from edge.drivers.base import CelsiusImage

_SLOW, _FIXED, _SWIM, _GAIN = 1, 2, 6, 7
"""Kinds of noise. What is slow is also smoother in space than white (spectrum of frame differences); what swims is
broad patches that come and go, which no reference at one place of the frame takes away."""
_SWIM_PX = 9.0
_ROW_SHARE, _COLUMN_SHARE = np.float32(0.46), np.float32(0.2)
"""Of the slow noise, beside 0.9 of single pixels: whole rows and columns wander together (frames 3 s apart)."""


class Sensor(Struct, frozen=True, kw_only=True):
    """One camera. Standard deviations, offsets and steps in kelvin, times in seconds since power-on, lengths in pixels.

    What is `slow` moves smoothly within about `slow_s`, what swims within `swim_s`, what is `fixed` within `fixed_s`:
    the same moment of the same sensor always has the same of all three. `gain_sd` is how far the pixels differ in their
    response, as a share of what is above the frame's mean. `shutter_every_s` is None for a camera whose shutter does
    not move.
    """

    seed: int = 1
    blur_px: float = 0.4
    halo_share: float = 0.3
    halo_px: float = 1.6
    veil_share: float = 0.06
    veil_px: float = 4.0
    white_sd_c: float = 0.005
    slow_sd_c: float = 0.048
    slow_s: float = 1.05
    swim_sd_c: float = 0.0
    swim_s: float = 2.5
    fixed_sd_c: float = 0.047
    fixed_s: float = 60.0
    gain_sd: float = 0.0
    line_sd_c: float = 0.015
    shading_sd_c: float = 0.03
    vignette_c: float = 0.05
    housing_c: float = 0.0
    warm_up_c: float = 0.0
    warm_up_s: float = 600.0
    between_shutters_c: float = 0.0
    shutter_every_s: float | None = None
    shutter_s: float = 0.45
    bad_pixels: int = 0
    offset_c: float = 0.0
    step_c: float = 0.02

    def expose(self, scene: CelsiusImage, draw: np.random.Generator, at_s: float = 0.0) -> CelsiusImage:
        """The picture of a scene in °C, float32, of the scene's shape (H, W). `draw` gives the white noise only."""
        image = self.focus(scene)
        image = image + self._standing(image.shape[0], image.shape[1], at_s)
        if self.gain_sd:
            image += (image - image.mean()) * _field(self.seed, _GAIN, *image.shape, 0) * np.float32(self.gain_sd)
        if self.white_sd_c:
            image += np.float32(self.white_sd_c) * draw.standard_normal(image.shape, np.float32)
        image += np.float32(self.offset_c + self.drift_c(at_s))
        for row, column, error_c in _bad_pixels(self.seed, self.bad_pixels, image.shape[0], image.shape[1]):
            image[row, column] += error_c
        return np.round(image / np.float32(self.step_c)) * np.float32(self.step_c) if self.step_c else image

    def focus(self, scene: CelsiusImage, scale: float | None = None) -> CelsiusImage:
        """The scene through the lens, of shape (H, W): a narrow core, which leaves edges jagged, and two wider halos.

        Across the sides of 24 real heads 3 to 5 px outside of the steepest point 5 to 2 % of the step are left. The
        widest is stray light, as wide in the scene for any number of pixels: `scale` is the frame's height in 160 px.
        """
        if self.blur_px <= 0:
            return scene.astype(np.float32)
        core = cv2.GaussianBlur(scene, (0, 0), self.blur_px, borderType=cv2.BORDER_REPLICATE)
        if self.halo_share <= 0:
            return np.asarray(core, dtype=np.float32)
        halo = cv2.GaussianBlur(scene, (0, 0), self.halo_px, borderType=cv2.BORDER_REPLICATE)
        both = cv2.addWeighted(core, 1 - self.halo_share, halo, self.halo_share, 0)
        if self.veil_share > 0:
            veil_px = self.veil_px * (scene.shape[0] / 160 if scale is None else scale)
            veil = cv2.GaussianBlur(scene, (0, 0), veil_px, borderType=cv2.BORDER_REPLICATE)
            both = cv2.addWeighted(both, 1 - self.veil_share, veil, self.veil_share, 0)
        return np.asarray(both, dtype=np.float32)

    def drift_c(self, at_s: float) -> float:
        """The offset of all pixels: warming up after power-on, and a sawtooth from one shutter to the next."""
        warming = -self.warm_up_c * math.exp(-max(0.0, at_s) / self.warm_up_s)
        if not self.shutter_every_s:
            return warming
        return warming + self.between_shutters_c * (at_s % self.shutter_every_s) / self.shutter_every_s

    def is_frozen(self, at_s: float) -> bool:
        """Whether the shutter is closed: the camera repeats its last frame meanwhile."""
        every_s = self.shutter_every_s
        return every_s is not None and at_s >= every_s and at_s % every_s < self.shutter_s

    def _standing(self, height: int, width: int, at_s: float) -> CelsiusImage:
        """What is on each picture of this moment beside white noise, in kelvin."""
        size = (height, width)
        total = _shading(self.seed, *size, self.shading_sd_c, self.vignette_c, self.housing_c).copy()
        if self.slow_sd_c:
            total += _between(self.seed, _SLOW, *size, at_s / self.slow_s) * np.float32(self.slow_sd_c)
        if self.swim_sd_c:
            total += _between(self.seed, _SWIM, *size, at_s / self.swim_s) * np.float32(self.swim_sd_c)
        if self.fixed_sd_c:
            total += _between(self.seed, _FIXED, *size, at_s / self.fixed_s) * np.float32(self.fixed_sd_c)
        if self.line_sd_c:
            total += _lines(self.seed, *size) * np.float32(self.line_sd_c)
        return total


IDEAL = Sensor(
    white_sd_c=0, slow_sd_c=0, fixed_sd_c=0, swim_sd_c=0, line_sd_c=0, shading_sd_c=0, vignette_c=0, step_c=0.0
)
"""The lens alone: no noise, no shading, no faults."""


def _between(seed: int, kind: int, height: int, width: int, moment: float) -> CelsiusImage:
    """Noise of standard deviation 1 that moves smoothly from one whole moment to the next."""
    whole = math.floor(moment)
    angle = (moment - whole) * math.pi / 2
    one, other = _field(seed, kind, height, width, whole), _field(seed, kind, height, width, whole + 1)
    return np.asarray(one * np.float32(math.cos(angle)) + other * np.float32(math.sin(angle)), dtype=np.float32)


@lru_cache(maxsize=36)
def _field(seed: int, kind: int, height: int, width: int, number: int) -> CelsiusImage:
    draw = np.random.default_rng([seed, kind, abs(number), number < 0])
    white = draw.standard_normal((height, width), np.float32)
    if kind in (_FIXED, _GAIN):
        return white
    if kind == _SWIM:
        red = np.asarray(cv2.GaussianBlur(white, (0, 0), _SWIM_PX * height / 160), dtype=np.float32)
    else:
        red = np.asarray(0.7 * white + 2.1 * cv2.GaussianBlur(white, (0, 0), 1.3), dtype=np.float32)
        red = red + _ROW_SHARE * draw.standard_normal((height, 1), np.float32)
        red = red + _COLUMN_SHARE * draw.standard_normal((1, width), np.float32)
    return np.asarray(red / float(red.std()), dtype=np.float32)


@lru_cache(maxsize=8)
def _lines(seed: int, height: int, width: int) -> CelsiusImage:
    """Rows and columns, standard deviation 1 each."""
    draw = np.random.default_rng([seed, 3])
    return draw.standard_normal((height, 1), np.float32) + draw.standard_normal((1, width), np.float32)


@lru_cache(maxsize=8)
def _shading(seed: int, height: int, width: int, sd_c: float, vignette_c: float, housing_c: float) -> CelsiusImage:
    """Slow unevenness over the frame, in kelvin: a surface of second order, colder corners, the housing's warmth.

    The last is the shape that the still parts of 24 real recordings have in common: warmer upwards and to the left.
    """
    draw = np.random.default_rng([seed, 4])
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    a, b, c, d, e = (np.float32(value) for value in draw.normal(0, sd_c, 5))
    surface = a * x + b * y + c * x * y + d * (x * x - 1 / 3) + e * (y * y - 1 / 3)
    radius = (x * x + y * y) / 2
    corner = 0.7 * np.exp(-((x + 1) / 0.6) - (y + 1) / 0.45) + 0.15 * np.exp(-(y + 1) / 0.12)
    housing = corner - 0.3 * y - 0.12 * x
    return np.asarray(surface - np.float32(vignette_c) * radius * radius + np.float32(housing_c) * housing, np.float32)


@lru_cache(maxsize=8)
def _bad_pixels(seed: int, count: int, height: int, width: int) -> tuple[tuple[int, int, float], ...]:
    """Row, column and error in kelvin of each bad pixel."""
    draw = np.random.default_rng([seed, 5])
    return tuple(
        (int(draw.integers(height)), int(draw.integers(width)), float(draw.choice([-1, 1]) * draw.uniform(2, 12)))
        for _ in range(count)
    )
