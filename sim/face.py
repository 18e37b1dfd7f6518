"""How the head of one person looks to a thermal camera: skin, hair and what is worn on it, from any side.

What is painted around a head is drawn once for each person, each turn of it once, and both are kept.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from sim import garments
from sim.hair import Hair, beard, hair
from sim.looks import Field, Looks, Sprite
from sim.skin import warmth
from sim.skull import HALF_X, HALF_Y, HEAD_PX, Surface, grid, seen, shape_of, surface

TURN_STEP_DEG = 3
"""Heads are drawn turned and nodded by whole multiples of this."""
_RIM_SHARE = 0.18
"""How much of its height over the surroundings skin loses where it turns away: skin emits less to the side."""


class _Painted(NamedTuple):
    """All around one head: °C, the share that breath warms, the share of hair; and its surface."""

    value_c: Field
    breath: Field
    fuzz: Field
    surface: Surface


@lru_cache(maxsize=96)
def _painted(looks: Looks) -> _Painted:
    v, a = grid()
    skin_c = looks.skin_c + warmth(looks, v, a)
    if looks.cosmetics:
        skin_c = skin_c - garments.cosmetics(v, a)
    value_c, thick, breath = skin_c, np.zeros_like(v), np.zeros_like(v)
    own_hair = hair(looks, v, a)
    fuzz = own_hair.share
    layers: list[Hair | garments.Worn] = [own_hair]
    if looks.beard:
        layers.append(beard(looks, v, a))
        fuzz = np.maximum(fuzz, layers[-1].share)
    if looks.mask:
        worn, breath = garments.mask(looks, v, a)
        layers.append(worn)
    for wears, draw in (
        (looks.glasses, garments.glasses),
        (looks.hat, garments.hat),
        (looks.headlamp, garments.headlamp),
    ):
        if wears:
            layers.append(draw(looks, v, a))
            fuzz = fuzz * (1 - layers[-1].share)
    for layer in layers:
        value_c = value_c * (1 - layer.share) + layer.value_c * layer.share
        thick = thick * (1 - 0.7 * layer.share) + layer.thick
    thick = np.asarray(cv2.GaussianBlur(thick.astype(np.float32), (0, 0), 1.2), dtype=np.float32)
    return _Painted(
        np.asarray(value_c, np.float32),
        np.asarray(breath, np.float32),
        np.asarray(fuzz, np.float32),
        surface(shape_of(looks), thick),
    )


def head(looks: Looks, yaw_deg: float, nod_deg: float = 0.0) -> Sprite:
    """The head, turned by `yaw_deg` towards the picture's right (180 is its back), nodded down by `nod_deg`."""
    return _head(looks, *(TURN_STEP_DEG * round(angle / TURN_STEP_DEG) for angle in (yaw_deg, nod_deg)))


@lru_cache(maxsize=160)
def _head(looks: Looks, yaw_deg: int, nod_deg: int) -> Sprite:
    painted = _painted(looks)
    view = seen(painted.surface, (painted.value_c, painted.breath, painted.fuzz), yaw_deg, nod_deg)
    value_c, breath, fuzz = view.layers
    above = value_c - np.float32(looks.ambient_c)
    aside = np.clip(1 - view.facing, 0, 1) ** 3
    value_c = value_c - np.float32(_RIM_SHARE) * above * aside * (1 + 1.2 * fuzz)
    view = view._replace(share=np.asarray(cv2.GaussianBlur(view.share, (0, 0), 1.2), np.float32))
    loose = cv2.GaussianBlur(view.share, (0, 0), 2.0)
    share = view.share * (1 - 0.75 * fuzz) + 0.75 * fuzz * np.clip(1.35 * loose - 0.18, 0, 1)
    image = np.stack([value_c * share, share, breath * share], axis=-1).astype(np.float32)
    return Sprite(image, HALF_X * HEAD_PX, HALF_Y * HEAD_PX, HEAD_PX)
