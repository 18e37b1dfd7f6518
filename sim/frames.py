"""Renders thermal frames: one person before a wall with a heater and a heated reference disc, and a sensor's faults."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from edge.drivers.base import CelsiusImage
from sim.people import SimPerson

WHITE_SD_C, ROW_SD_C, COLUMN_SD_C = 0.05, 0.02, 0.03
"""NETD of a Lepton 3.5 (50 mK, datasheet) and its line noise, by eye of real recordings."""
WALL_C, CLOTHES_C, HAIR_C = 22.0, 27.5, 29.0
_CANTHI_ABOVE_C = 1.2
"""How much the inner canthi are above the face's mean; the hottest part of a face (FACTS)."""


class View(NamedTuple):
    """What the camera sees: its size, and the reference's set temperature (None for none)."""

    height: int = 160
    width: int = 120
    reference_c: float | None = 35.0


class Pose(NamedTuple):
    """Where a head is: its centre in shares of the frame's width and height, its size in shares of `head_px`."""

    x: float
    y: float
    size: float


def render(
    view: View, person: SimPerson | None, pose: Pose, draw: np.random.Generator, drift_c: float = 0.0
) -> CelsiusImage:
    """One frame in °C, float32, shape (height, width). `drift_c` is the camera's offset, on everything alike."""
    scale = view.height / 160
    rows, columns = np.mgrid[: view.height, : view.width].astype(np.float32)
    image = np.full((view.height, view.width), WALL_C, np.float32) + rows * np.float32(0.004 / scale)
    image += 5.0 * _blob(columns, rows, view.width * 0.95, view.height * 0.05, 9 * scale, 3 * scale)  # a heater
    if person is not None:
        _draw_person(image, rows, columns, person, pose, scale, view)
    if view.reference_c is not None:
        x, y = reference_place(view)
        image = _mix(image, view.reference_c, _disc(columns, rows, x, y, 5.5 * scale))
    return _noisy(image, draw, drift_c)


def reference_place(view: View) -> tuple[float, float]:
    """The centre of the reference disc, in pixels."""
    return view.width * 0.86, view.height * 0.66


def _draw_person(
    image: CelsiusImage,
    rows: CelsiusImage,
    columns: CelsiusImage,
    person: SimPerson,
    pose: Pose,
    scale: float,
    view: View,
) -> None:
    half = person.head_px * scale * pose.size / 2
    tall = half * 1.32
    x, y = pose.x * view.width, pose.y * view.height
    mean_c = person.skin_c - _CANTHI_ABOVE_C
    body = (np.abs(columns - x) < half * (0.9 + 1.2 * _ramp(rows, y + tall * 1.25, half))) & (rows > y + tall * 1.25)
    image[:] = _mix(image, CLOTHES_C, body.astype(np.float32))
    neck = (np.abs(columns - x) < half * 0.55) & (rows > y) & (rows < y + tall * 1.35)
    image[:] = _mix(image, mean_c - 0.2, neck.astype(np.float32))
    head = _ellipse(columns, rows, x, y, half, tall)
    image[:] = _mix(image, mean_c, head)
    hair = head * (rows < y - tall * 0.55)
    image[:] = _mix(image, HAIR_C, hair.astype(np.float32))
    image[:] = image - 1.6 * head * _blob(columns, rows, x, y + tall * 0.18, half * 0.18, tall * 0.2)  # the nose
    image[:] = image + 0.5 * head * _blob(columns, rows, x, y + tall * 0.55, half * 0.35, tall * 0.12)  # the mouth
    for side in (-1, 1):
        eye_x, eye_y = x + side * half * 0.2, y - tall * 0.08
        if person.glasses:
            lens = _ellipse(columns, rows, x + side * half * 0.48, eye_y, half * 0.3, tall * 0.13)
            image[:] = _mix(image, mean_c - 4.0, lens)
        canthus = _disc(columns, rows, eye_x, eye_y, max(1.3, half * 0.09))
        image[:] = _mix(image, person.skin_c, canthus)


def _noisy(image: CelsiusImage, draw: np.random.Generator, drift_c: float) -> CelsiusImage:
    height, width = image.shape
    noise = draw.normal(0, WHITE_SD_C, (height, width))
    noise += draw.normal(0, ROW_SD_C, (height, 1)) + draw.normal(0, COLUMN_SD_C, (1, width))
    return (image + noise + drift_c).astype(np.float32)


def _mix(image: CelsiusImage, value_c: float, share: CelsiusImage) -> CelsiusImage:
    mixed: CelsiusImage = image * (1 - share) + np.float32(value_c) * share
    return mixed


def _ellipse(x: CelsiusImage, y: CelsiusImage, cx: float, cy: float, rx: float, ry: float) -> CelsiusImage:
    """1 inside, 0 outside, with an edge about a pixel wide."""
    distance = (np.sqrt(((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2) - 1) * min(rx, ry)
    soft: CelsiusImage = np.clip(0.5 - distance, 0, 1)
    return soft


def _disc(x: CelsiusImage, y: CelsiusImage, cx: float, cy: float, radius: float) -> CelsiusImage:
    return _ellipse(x, y, cx, cy, radius, radius)


def _blob(x: CelsiusImage, y: CelsiusImage, cx: float, cy: float, sx: float, sy: float) -> CelsiusImage:
    """A bell of height 1."""
    bell: CelsiusImage = np.exp(-(((x - cx) / sx) ** 2) - ((y - cy) / sy) ** 2)
    return bell


def _ramp(rows: CelsiusImage, begin: float, over: float) -> CelsiusImage:
    """From 0 to 1, from the row `begin` on: the shoulders' slope."""
    ramp: CelsiusImage = np.clip((rows - begin) / max(1.0, over), 0, 1)
    return ramp
