"""How one person looks to a thermal camera, and the strokes that faces, hair and garments are drawn with."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Field = NDArray[np.floating[Any]]
"""Temperatures in °C, shares or coordinates over a layer, of shape (rows, columns)."""


class Sprite(NamedTuple):
    """A layer to be placed: °C times share, share, and breath's share, float32 of shape (rows, columns, 3).

    `x`, `y` is the head's centre in it, `px` its pixels for one unit: half the head's width.
    """

    image: Field
    x: float
    y: float
    px: float


class Looks(Struct, frozen=True, kw_only=True):
    """One person. `skin_c` is the true maximum of the face's bare skin, `head_px` the head's width at 160x120.

    `seed` draws what is individual. `ambient_c` is what surrounds the person: hair, clothes and glasses lie between it
    and the skin. `chill` from 0 (warmed up) to 1 (just come in from the cold) is how much colder nose and cheeks are.
    `hair` and `clothes` are drawn too where they are empty.
    """

    seed: int
    skin_c: float = 35.8
    head_px: float = 36.0
    glasses: bool = False
    mask: bool = False
    hat: bool = False
    beard: bool = False
    cosmetics: bool = False
    hot_drink: bool = False
    headlamp: bool = False
    ambient_c: float = 27.0
    chill: float = 0.35
    hair: str = ""
    clothes: str = ""


def bare(looks: Looks) -> Looks:
    """The same face with nothing before it."""
    return Looks(
        seed=looks.seed,
        skin_c=looks.skin_c,
        head_px=looks.head_px,
        ambient_c=looks.ambient_c,
        chill=looks.chill,
        hair=looks.hair,
        clothes=looks.clothes,
    )


def own(looks: Looks, purpose: int) -> np.random.Generator:
    return np.random.default_rng([looks.seed, purpose])


def bell(a: Field, v: Field, at_a: float, at_v: float, wide: float, high: float) -> Field:
    """A spot of height 1, at a longitude and height, `wide` degrees and `high` v."""
    return np.asarray(np.exp(-(((a - at_a) / wide) ** 2) - ((v - at_v) / high) ** 2), dtype=np.float32)


def soft(inside: Field, edge: float) -> Field:
    """1 where `inside` is well above 0, 0 well below, `edge` wide."""
    return np.asarray(np.clip(inside / edge + 0.5, 0, 1), dtype=np.float32)


def between(looks: Looks, part: float | Field) -> Field:
    """A temperature between the surroundings (0) and the skin (1), in °C."""
    return np.asarray(looks.ambient_c + part * (looks.skin_c - looks.ambient_c), dtype=np.float32)
