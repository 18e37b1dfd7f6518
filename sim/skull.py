"""The shape of a head: a surface around an axis, turned as a head turns, and seen from the front.

Lengths are in half widths of the head ("units"). A point of the surface is named by `v`, the height from -1 (crown) to
1 (chin), and `a`, the longitude in degrees: 0 is the nose, 90 the ear towards the picture's right, 180 the nape.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
from msgspec import Struct

from sim.looks import Field, Looks, bell, own

ROWS, COLUMNS = 224, 360
"""Of the surface and of what is painted on it."""
HEAD_PX = 40.0
"""Pixels of a head's sprite for one unit."""
HALF_X, HALF_Y = 1.8, 2.5
"""Half of a head's sprite, in units: hair and hats reach beyond the skull."""
_V = (-1.0, -0.985, -0.95, -0.88, -0.75, -0.55, -0.3, 0.0, 0.25, 0.5, 0.7, 0.85, 0.94, 0.985, 1.0)
_WIDE = (0.0, 0.18, 0.34, 0.53, 0.74, 0.94, 1.065, 1.055, 1.01, 0.92, 0.79, 0.62, 0.44, 0.22, 0.0)
_FRONT = (0.0, 0.26, 0.46, 0.7, 0.92, 1.07, 1.13, 1.05, 1.07, 1.11, 1.08, 1.10, 1.04, 0.9, 0.7)
_BACK = (0.0, 0.3, 0.56, 0.84, 1.08, 1.24, 1.32, 1.28, 1.12, 0.86, 0.62, 0.45, 0.36, 0.3, 0.2)
"""Half width, depth of the front and of the back at each v."""
_LOW_CROWN = 0.13
"""So much lower a crown is than twice the height from the eyes to the chin: hair ends a sixth of a face above it."""
_NECK_V = 0.7
"""Where a head nods about."""


class Shape(Struct, frozen=True):
    """What of a person's head is the same for all turns."""

    tall: float
    jaw: float
    chin: float
    boxy: float
    nose: float
    nose_wide: float
    ears: float
    lean: float


class Surface(NamedTuple):
    """Points in units, x to the picture's right, y down, z to the camera: each of shape (ROWS, COLUMNS)."""

    x: Field
    y: Field
    z: Field


def shape_of(looks: Looks) -> Shape:
    """A person's head."""
    draw = own(looks, 3)
    return Shape(
        tall=float(np.clip(draw.normal(1.57, 0.08), 1.4, 1.76)),
        jaw=float(draw.normal(1.0, 0.09)),
        chin=float(draw.uniform(0.9, 1.1)),
        boxy=float(draw.uniform(1.95, 2.25)),
        nose=float(draw.uniform(0.2, 0.36)),
        nose_wide=float(draw.uniform(0.12, 0.18)),
        ears=float(draw.uniform(0.04, 0.17)),
        lean=float(draw.normal(0, 0.025)),
    )


def tall_of(looks: Looks) -> float:
    """The head's height over its width, crown to chin."""
    return shape_of(looks).tall


def grid() -> tuple[Field, Field]:
    """The height and the longitude of each point, both of shape (ROWS, COLUMNS)."""
    v, a = np.mgrid[-1.0 : 1.0 : ROWS * 1j, -180.0 : 180.0 - 360.0 / COLUMNS : COLUMNS * 1j].astype(np.float32)
    return v, a


def surface(shape: Shape, grown: Field) -> Surface:
    """The head with what grows or is worn on it: `grown` is its thickness at each point, in units."""
    v, a = grid()
    rows = v[:, 0]
    jaw = 1 + (shape.jaw - 1) * np.clip((rows - 0.1) / 0.5, 0, 1)
    chin = 1 + (shape.chin - 1) * np.clip((rows - 0.65) / 0.25, 0, 1)
    wide = (_smooth(rows, _WIDE) * np.minimum(jaw, 1.12) * chin)[:, None]
    front, back = _smooth(rows, _FRONT)[:, None], _smooth(rows, _BACK)[:, None]
    angle = np.radians(a)
    sine, cosine = np.sin(angle), np.cos(angle)
    power = np.float32(2 / shape.boxy)
    x = wide * np.sign(sine) * np.abs(sine) ** power
    z: Field = np.where(cosine > 0, front, back) * np.sign(cosine) * np.abs(cosine) ** power
    y = v * np.float32(shape.tall) * (1 - np.float32(_LOW_CROWN) * np.clip(-2 * v - 1, 0, 1))
    z = z + _features(shape, x, v, a)
    ear = sum(bell(a, v, side * 97, 0.07, 7, 0.2) for side in (-1, 1)) * np.float32(shape.ears)
    x = x + ear * np.sign(sine) + np.float32(shape.lean) * v
    length = np.sqrt(x * x + y * y + z * z) + np.float32(1e-3)
    swollen = 1 + grown / length
    return Surface(x * swollen, y * swollen, z * swollen)


def _features(shape: Shape, x: Field, v: Field, a: Field) -> Field:
    """How far nose, brow, lips and chin stand out, and the sockets lie in."""
    tip = 0.36
    ridge = np.interp(v[:, 0], (-0.16, -0.02, tip - 0.03, tip + 0.04, tip + 0.12), (0.0, 0.25, 1.0, 0.85, 0.0))
    across = np.float32(shape.nose_wide) * (0.75 + 0.4 * np.clip(v / tip, 0, 1))
    nose = np.float32(shape.nose) * ridge[:, None] * np.exp(-((x / across) ** 2))
    brow = 0.045 * np.exp(-(((v + 0.15) / 0.06) ** 2) - (x / 0.6) ** 2)
    sockets = sum(0.07 * np.exp(-(((x - side * 0.4) / 0.2) ** 2) - ((v - 0.02) / 0.08) ** 2) for side in (-1, 1))
    lips = 0.035 * np.exp(-(((v - 0.6) / 0.06) ** 2) - (x / 0.3) ** 2)
    return np.asarray((nose + brow - sockets + lips) * (np.abs(a) < 90), dtype=np.float32)


def _smooth(rows: Field, knots: tuple[float, ...]) -> Field:
    line = np.interp(rows, _V, knots).astype(np.float32)[:, None]
    inner = cv2.GaussianBlur(line, (1, 0), 0.1, sigmaY=5.0, borderType=cv2.BORDER_REFLECT_101)[:, 0]
    keep = np.clip((1 - np.abs(rows)) / 0.12, 0, 1)  # the ends must close
    return np.asarray(line[:, 0] * (1 - keep) + inner * keep, dtype=np.float32)


class Seen(NamedTuple):
    """What is painted on a head, as seen: each of shape (rows, columns) of a sprite; `facing` is 1 towards the camera.

    `layers` are the painted ones, in order.
    """

    share: Field
    facing: Field
    layers: tuple[Field, ...]


def seen(head: Surface, layers: tuple[Field, ...], yaw_deg: float, nod_deg: float) -> Seen:
    """The surface turned towards the picture's right and nodded down, its nearest points painted."""
    x, y, z = _turned(head, yaw_deg, nod_deg)
    nx, ny, nz = _normals(x, y, z)
    facing = nz / np.sqrt(nx * nx + ny * ny + nz * nz + np.float32(1e-9))
    visible = np.flatnonzero(facing.ravel() > 0)
    visible = visible[np.argsort(z.ravel()[visible])]
    width, height = round(2 * HALF_X * HEAD_PX), round(2 * HALF_Y * HEAD_PX)
    column = np.clip((x.ravel()[visible] + HALF_X) * HEAD_PX, 0, width - 1).astype(np.int32)
    row = np.clip((y.ravel()[visible] + HALF_Y) * HEAD_PX, 0, height - 1).astype(np.int32)
    painted = np.zeros((height, width, 2 + len(layers)), np.float32)
    values = np.stack([np.ones(len(visible), np.float32), facing.ravel()[visible]], axis=1)
    more = np.stack([layer.ravel()[visible] for layer in layers], axis=1)
    painted[row, column] = np.concatenate([values, more], axis=1)
    return _filled(painted)


def _filled(painted: Field) -> Seen:
    """With the points between the painted ones taken from their neighbours, and a soft edge."""
    near = cv2.GaussianBlur(painted, (0, 0), 0.6)
    weight = near[..., :1]
    wide = cv2.GaussianBlur(painted, (0, 0), 2.0)  # for the few points that nothing is near to
    values = np.where(weight > 0.05, near / np.maximum(weight, 1e-3), wide / np.maximum(wide[..., :1], 1e-4))
    solid = cv2.morphologyEx(painted[..., 0], cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    share = np.asarray(cv2.GaussianBlur(solid, (0, 0), 0.7), dtype=np.float32)
    return Seen(share, values[..., 1], tuple(values[..., 2 + number] for number in range(painted.shape[2] - 2)))


def _turned(head: Surface, yaw_deg: float, nod_deg: float) -> Surface:
    yaw, nod = math.radians(yaw_deg), math.radians(nod_deg)
    x = head.x * np.float32(math.cos(yaw)) + head.z * np.float32(math.sin(yaw))
    ahead = head.z * np.float32(math.cos(yaw)) - head.x * np.float32(math.sin(yaw))
    up = head.y - np.float32(_NECK_V)
    y = up * np.float32(math.cos(nod)) + ahead * np.float32(math.sin(nod)) + np.float32(_NECK_V)
    z = ahead * np.float32(math.cos(nod)) - up * np.float32(math.sin(nod))
    return Surface(x, y, z)


def _normals(x: Field, y: Field, z: Field) -> tuple[Field, Field, Field]:
    down = [np.gradient(axis, axis=0) for axis in (x, y, z)]
    around = [(np.roll(axis, -1, axis=1) - np.roll(axis, 1, axis=1)) / 2 for axis in (x, y, z)]
    return (
        -(down[1] * around[2] - down[2] * around[1]),
        -(down[2] * around[0] - down[0] * around[2]),
        -(down[0] * around[1] - down[1] * around[0]),
    )
