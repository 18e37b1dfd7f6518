"""Renders thermal frames: people before a wall with a heated reference, as a camera of low resolution sees them.

`picture` draws everything in °C at about twice the camera's resolution (`sim.background`, `sim.face`), and then looks
at it through a `sim.sensor.Sensor`. The same arguments give the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from edge.drivers.base import CelsiusImage
from sim.background import Background, stand, wall
from sim.face import head
from sim.figure import body
from sim.hair import front_of
from sim.looks import Looks, Sprite, bare
from sim.people import SimPerson
from sim.sensor import IDEAL, Sensor
from sim.skull import tall_of

_TRUE_FROM_PX = 26.0
"""From this width of a face on its hottest pixels read its true maximum; a smaller one reads less, by the blur. With
ears and hair such a head is 30 px wide, from which faces are screened."""
_FOREHEAD_V = -0.68
"""As low as that a hairline is taken to be, in v of `sim.skull`."""
_AHEAD = 0.9
"""How far brow and chin are before the neck, in half widths of a head: so they sink when it nods."""
_BREATH_S = 3.6
_BREATH_C = 1.1
"""A breath's length, and how far it warms and cools a mask's cloth around its mean."""
_ALL_HEAD = 0.95
"""A pixel with this share of head is of the face's skin alone."""
_HOTTEST_PX = 4
"""The truth is the mean of so many hottest pixels, as in `edge.thermal.measure`."""
_LIFTS = 4
"""So often what the lens takes is looked at anew, for the hottest pixels are others once some of it is given back."""


class View(NamedTuple):
    """What the camera sees: its size, and the reference's set temperature (None for none)."""

    height: int = 160
    width: int = 120
    reference_c: float | None = 35.0


class Pose(NamedTuple):
    """Where a head is: its centre in shares of the frame's width and height, its size in shares of `head_px`.

    `yaw_deg` is how far the head is turned (90 is a profile facing the picture's right, 180 its back), `tilt_deg` how
    far it leans to that side, `nod_deg` how far it looks down; `moves_px` is how many pixels at 160x120 it moves across
    while the camera looks once: the motion blur.
    """

    x: float
    y: float
    size: float
    yaw_deg: float = 0.0
    tilt_deg: float = 0.0
    moves_px: float = 0.0
    nod_deg: float = 0.0


class Posed(NamedTuple):
    """One person in the picture."""

    looks: Looks
    pose: Pose


def picture(
    view: View,
    posed: Sequence[Posed],
    draw: np.random.Generator,
    *,
    background: Background | None = None,
    sensor: Sensor | None = None,
    at_s: float = 0.0,
) -> CelsiusImage:
    """One frame in °C, float32, shape (height, width). The nearer is before the farther.

    `draw` gives what no two frames share, `at_s` what moves slowly: breath, drift and most of a sensor's noise.
    """
    return (sensor or Sensor()).expose(_scene(view, posed, background or Background(), at_s), draw, at_s)


def plain_looks(person: SimPerson) -> Looks:
    """A person who can be measured: nothing on the face but glasses, if that, and warmed up."""
    seed = int(person.badge) if person.badge.isdigit() else sum(person.badge.encode())
    return Looks(seed=seed, skin_c=person.skin_c, head_px=person.head_px, glasses=person.glasses, chill=0.1)


def reference_place(view: View, background: Background | None = None) -> tuple[float, float]:
    """The centre of the reference disc, in pixels."""
    place = background or Background()
    return view.width * place.reference_x, view.height * place.reference_y


def face_box(view: View, posed: Posed) -> tuple[int, int, int, int]:
    """The drawn face from the hairline to the chin: left, top, width, height in pixels, not cut at the frame's edge.

    So are the faces of real frames labelled; of one under a fringe the forehead counts too.
    """
    half = _unit(view, posed)
    tall, pose = half * tall_of(posed.looks), posed.pose
    top_v = _top_v(posed.looks)
    drop = half * _AHEAD * math.sin(math.radians(pose.nod_deg))
    left, top = pose.x * view.width - half, pose.y * view.height + tall * top_v + drop
    return round(left), round(top), round(2 * half), round(tall * (1 - top_v))


def _top_v(looks: Looks) -> float:
    """Where a face begins, in v of `sim.skull`."""
    return min(_FOREHEAD_V, max(-1.0, front_of(looks)))


def _unit(view: View, posed: Posed) -> float:
    """Half the head's width, in pixels."""
    return posed.looks.head_px * view.height / 160 * posed.pose.size / 2


def _finer(height: int) -> int:
    """How many times finer than the camera the scene is drawn."""
    return 4 if height < 60 else 2 if height < 300 else 1


def _scene(view: View, posed: Sequence[Posed], place: Background, at_s: float) -> CelsiusImage:
    """The world before the lens, in °C, shape (height, width)."""
    finer = _finer(view.height)
    height, width = view.height * finer, view.width * finer
    image = wall(place, height, width).copy()
    for one in sorted(posed, key=lambda one: one.pose.size * one.looks.head_px):
        _place(image, view, one, place, at_s)
    if view.reference_c is not None:
        front = stand(place, height, width, view.reference_c, view.height / 160 * finer)
        image *= 1 - front.share
        image += front.value
    if finer == 1:
        return image
    return np.asarray(cv2.resize(image, (view.width, view.height), interpolation=cv2.INTER_AREA), dtype=np.float32)


def _place(image: CelsiusImage, view: View, posed: Posed, place: Background, at_s: float) -> None:
    """Draw one person over what is there."""
    finer = _finer(view.height)
    looks, pose = posed
    unit = _unit(view, posed) * finer
    if unit < 0.5:
        return
    x, y = pose.x * view.width * finer, pose.y * view.height * finer
    turn = math.sin(math.radians(pose.yaw_deg))
    blur = pose.moves_px * view.height / 160 * finer
    narrow = 1 - 0.28 * abs(turn)
    away = abs((pose.yaw_deg + 180) % 360 - 180) > 105
    face_px = max(_TRUE_FROM_PX, round(64 * unit / finer) / 32)
    within = (round(x / finer * 64) % 64 / 64, round(y / finer * 64) % 64 / 64)
    lift_c = _lift_c(bare(looks), face_px, (finer, view.height / 160), within, round(4 * place.wall_c) / 4)
    chin = unit * tall_of(looks) * math.sin(math.radians(0.4 * pose.tilt_deg))
    at = (x - 0.3 * turn * unit + chin, y)
    _over(image, body(looks, away), (unit * narrow, unit, 0.25 * pose.tilt_deg), at, (blur, 0.0, 0.0))
    breath_c = _BREATH_C * math.sin(2 * math.pi * (at_s / _BREATH_S + looks.seed % 7 / 7))
    sprite = head(looks, pose.yaw_deg, pose.nod_deg)
    _over(image, sprite, (unit, unit, pose.tilt_deg), (x, y), (blur, breath_c, lift_c))


def _over(
    image: CelsiusImage,
    sprite: Sprite,
    size: tuple[float, float, float],
    at: tuple[float, float],
    more: tuple[float, float, float],
) -> None:
    """Lay a sprite over the image. `size`: a unit's width and height in pixels, tilt in degrees; `at`: its place.

    `more`: the motion blur in pixels, the breath's warmth and the lift of the whole layer in kelvin.
    """
    (wide, high, tilt_deg), (blur, breath_c, lift_c) = size, more
    source, shrink = np.asarray(sprite.image, dtype=np.float32), 1.0
    turn = math.radians(tilt_deg)
    while high * 1.5 < sprite.px * shrink:  # halve first: a far person must not be picked from single points
        source, shrink = np.asarray(cv2.pyrDown(source), dtype=np.float32), shrink / 2
    across, down = wide / sprite.px / shrink, high / sprite.px / shrink
    matrix = np.array(
        [
            [across * math.cos(turn), -down * math.sin(turn), 0.0],
            [across * math.sin(turn), down * math.cos(turn), 0.0],
        ]
    )
    matrix[:, 2] = np.array(at) - 0.5 - matrix[:, :2] @ np.array([sprite.x - 0.5, sprite.y - 0.5]) * shrink
    height, width = image.shape
    layer = cv2.warpAffine(source, matrix, (width, height), flags=cv2.INTER_LINEAR, borderValue=(0.0, 0.0, 0.0))
    if blur >= 1.5:
        layer = cv2.blur(layer, (max(1, round(blur)), 1))
    share = layer[..., 1]
    image *= 1 - share
    image += layer[..., 0]
    image += np.float32(lift_c) * share
    if breath_c:
        image += np.float32(breath_c) * layer[..., 2]


def _shape(sprite: Sprite) -> Sprite:
    """What a sprite covers, at a temperature of 1."""
    share = sprite.image[..., 1]
    return sprite._replace(image=np.stack([share, share, np.zeros_like(share)], axis=-1))


@lru_cache(maxsize=2048)
def _lift_c(
    looks: Looks, face_px: float, scales: tuple[int, float], within: tuple[float, float], wall_c: float
) -> float:
    """What the lens takes from the hottest pixels of this bare frontal face, and the drawing left out, in kelvin.

    `scales`: how many times finer the scene is drawn, and the frame's height in 160 px. `within` is where in a pixel
    the face's centre is, across and down, from 0 to 1; `wall_c` is what surrounds it.
    """
    finer, scale = scales
    width, height = math.ceil(face_px * 1.3), math.ceil(face_px * tall_of(looks) * 1.2)
    image = np.full((height * finer, width * finer), wall_c, np.float32)
    cover = np.zeros_like(image)
    at = ((width // 2 + within[0]) * finer, (height // 2 + within[1]) * finer)
    unit = face_px * finer / 2
    _over(image, body(looks), (unit, unit, 0.0), at, (0.0, 0.0, 0.0))  # its warmth is near the chin
    _over(image, head(looks, 0), (unit, unit, 0.0), at, (0.0, 0.0, 0.0))
    _over(cover, _shape(head(looks, 0)), (unit, unit, 0.0), at, (0.0, 0.0, 0.0))
    small, cover = (
        np.asarray(cv2.resize(one, (width, height), interpolation=cv2.INTER_AREA), dtype=np.float32)
        for one in (image, cover)
    )
    tall = face_px * tall_of(looks) / 2
    top, bottom = round(height // 2 + within[1] + tall * _top_v(looks)), math.floor(height // 2 + tall) - 1
    inside = cover[top:bottom] > _ALL_HEAD  # not the neck beside the jaw: only the head is lifted
    seen, share = (IDEAL.focus(one, scale)[top:bottom][inside] for one in (small, cover))
    lift_c = 0.0
    for _ in range(_LIFTS):  # beside the jaw the lens mixes the neck in, so that other pixels are the hottest then
        lifted = seen + lift_c * share
        lift_c += looks.skin_c - float(np.partition(lifted, -_HOTTEST_PX)[-_HOTTEST_PX:].mean())
    return lift_c
