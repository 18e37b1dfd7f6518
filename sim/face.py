"""How one person looks to a thermal camera: a head that can turn, with hair and what is worn on it, and a body.

Head and body are drawn once for each person and kept. Lengths here are in half widths of the head ("units"); down the
head `v` goes from -1 (crown) to 1 (chin), around it the longitude goes from 0° (nose) over 90° (ear) to 180° (nape).
The pattern of the skin is that of healthy faces: inner canthi, orbits and forehead warmest, then neck and mouth; nose
tip, cheeks and ears coolest (doi 10.1117/1.JBO.26.4.043009; Ring and Ammer, Physiol. Meas. 33 (2012) R33).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from sim.background import cloud
from sim.garments import cosmetics, with_glasses, with_hat, with_mask
from sim.looks import Field, Looks, bell, between, cloud_like, own, soft

HAIR = ("short", "receding", "fringe", "parted", "long", "tied", "bald")
_HAIR_SHARES = (0.36, 0.12, 0.10, 0.11, 0.12, 0.15, 0.04)
CLOTHES = ("tee", "shirt", "hood", "collar", "open", "neckline")
_CLOTHES_SHARES = (0.18, 0.20, 0.16, 0.18, 0.16, 0.12)
_ROWS, _COLUMNS = 240, 480
"""Of a head's texture: v from -1.1 to 1.1, longitude from -180° to 180°."""
HEAD_PX, BODY_PX = 40.0, 28.0
"""Pixels of a sprite for one unit."""
_NECK_BELOW_C = -0.7
"""A neck is nearly as warm as the face's maximum, but the truth is the face's."""
_HEAD_X, _HEAD_Y = 1.9, 1.95
_BODY_X, _BODY_Y, _BODY_UP = 3.8, 13.0, 1.6


class Sprite(NamedTuple):
    """A layer to be placed: °C times share, share, and breath's share, float32 of shape (rows, columns, 3).

    `x`, `y` is the head's centre in it, `px` its pixels for one unit.
    """

    image: Field
    x: float
    y: float
    px: float


class _Shape(NamedTuple):
    """What of a person's head is the same for all turns."""

    tall: float
    jaw: float
    square: float
    nose: float
    hair: str
    volume: float
    lean: float


def hair_of(looks: Looks) -> str:
    """The hair that is drawn: the one that is said, or the seed's."""
    return looks.hair or str(own(looks, 1).choice(HAIR, p=_HAIR_SHARES))


def clothes_of(looks: Looks) -> str:
    """The clothes that are drawn: those that are said, or the seed's."""
    return looks.clothes or str(own(looks, 2).choice(CLOTHES, p=_CLOTHES_SHARES))


def tall_of(looks: Looks) -> float:
    """The head's height over its width, crown to chin."""
    return _shape(looks).tall


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


def _shape(looks: Looks) -> _Shape:
    draw = own(looks, 3)
    hair = hair_of(looks)
    volume = {"bald": 0.0, "receding": 0.03, "short": 0.05}.get(hair, 0.08) * float(draw.uniform(0.7, 1.6))
    return _Shape(
        tall=float(np.clip(draw.normal(1.42, 0.07), 1.28, 1.6)),
        jaw=float(draw.uniform(0.08, 0.22)),
        square=float(draw.uniform(2.1, 3.2)),
        nose=float(draw.uniform(0.22, 0.36)),
        hair=hair,
        volume=volume,
        lean=float(draw.normal(0, 0.02)),
    )


@lru_cache(maxsize=128)
def _texture(looks: Looks) -> tuple[Field, Field]:
    """The head all around: °C and the share that breath warms, both of shape (_ROWS, _COLUMNS)."""
    v, a = _bent(looks, *np.mgrid[-1.1 : 1.1 : _ROWS * 1j, -180.0 : 180.0 : _COLUMNS * 1j].astype(np.float32))
    skin = looks.skin_c + _skin(looks, v, a)
    if looks.cosmetics:
        skin = skin - cosmetics(v, a)
    temperature = _with_hair(looks, skin, v, a)
    if looks.beard:
        temperature = _with_beard(looks, temperature, v, a)
    breath = np.zeros_like(v)
    if looks.mask:
        temperature, breath = with_mask(looks, temperature, v, a)
    if looks.glasses:
        temperature = with_glasses(looks, temperature, v, a)
    if looks.hat:
        temperature = with_hat(looks, temperature, v, a)
    return temperature.astype(np.float32), breath.astype(np.float32)


def _bent(looks: Looks, v: Field, a: Field) -> tuple[Field, Field]:
    """Heights and longitudes a little out of place, smoothly: no face is a drawing by compasses."""
    draw = own(looks, 14)
    v = v + 0.02 * cloud_like(draw, v, 0.12) + 0.008 * cloud_like(draw, v, 0.04)
    a = a + 2.2 * cloud_like(draw, a, 0.12) + 1.0 * cloud_like(draw, a, 0.04)
    return np.asarray(v, np.float32), np.asarray(a, np.float32)


def _skin(looks: Looks, v: Field, a: Field) -> Field:
    """Kelvin above the face's maximum, about: all below 0."""
    draw = own(looks, 4)
    cold = looks.chill
    skin = np.full_like(v, -1.15 - 0.5 * cold)
    skin += float(draw.uniform(0.4, 0.8)) * (1 - 0.8 * cold) * bell(a, v, 0, -0.42, 50, 0.25)
    skin += 0.15 * cloud_like(draw, v, 0.035) + (0.16 + 0.14 * cold) * cloud_like(draw, v, 0.11)
    skin -= float(draw.uniform(1.4, 3.4) + 2.6 * cold * draw.uniform(0.2, 1)) * _nose(v, a, draw)
    cheeks = float(draw.uniform(0.3, 1.2) + 2.0 * cold * draw.uniform(0.3, 1))
    lids = float(draw.uniform(0.8, 2.4))
    for side in (-1, 1):
        uneven = float(draw.normal(1, 0.12))
        skin += float(draw.uniform(0.5, 0.9)) * bell(a, v, side * 21, 0.02, 17, 0.13)
        skin += uneven * float(draw.uniform(0.2, 0.45)) * bell(a, v, side * 10.5, 0.04, 5.5, 0.08)
        skin -= lids * bell(a, v - 0.00035 * (np.abs(a) - 24) ** 1, side * 25, 0.05, 10, 0.026)
        brow = -0.16 - 0.00009 * (np.abs(a) - 24) ** 2
        skin -= float(draw.uniform(1.0, 2.6)) * bell(a, v - brow, side * 26, 0, 16, 0.04)
        skin -= uneven * cheeks * bell(a, v, side * 38, 0.32, 18, 0.2)
        skin += float(draw.uniform(0.1, 0.5)) * bell(a - side * 22 * (v - 0.25), v, side * 16, 0.44, 5, 0.14)
        skin += float(draw.uniform(-0.1, 0.3)) * bell(a, v, side * 62, -0.15, 15, 0.2)
        skin -= float(draw.uniform(-0.1, 0.9) + 1.2 * cold) * bell(a, v, side * 94, 0.08, 11, 0.22)
    skin += float(draw.uniform(0.1, 0.7)) * bell(a, v, 0, 0.63, 22, 0.09)
    skin -= float(draw.uniform(1.0, 3.0)) * bell(a, v, 0, 0.62, 19, 0.03)
    skin -= float(draw.uniform(0.1, 0.6)) * bell(a, v, 0, 0.74, 14, 0.035)
    skin -= float(draw.uniform(0.0, 0.5) + 0.5 * cold) * bell(a, v, 0, 0.84, 16, 0.11)
    skin -= (float(draw.uniform(0.5, 1.1)) + 0.6 * cold) * soft(v - 0.9, 0.22)  # the truth is never at the warm neck
    return skin


def _nose(v: Field, a: Field, draw: np.random.Generator) -> Field:
    """The tip with its wings, the bridge above it, 1 at the tip."""
    tip = float(draw.uniform(0.31, 0.39))
    spread = float(draw.uniform(7, 10))
    wings = np.maximum(bell(a, v, -spread, tip + 0.04, 5.5, 0.06), bell(a, v, spread, tip + 0.04, 5.5, 0.06))
    bridge = float(draw.uniform(0.3, 0.65)) * bell(a, v, 0, 0.16, 5.5, 0.16)
    return np.asarray(np.maximum(np.maximum(bell(a, v, 0, tip, 9.5, 0.13), wings), bridge), dtype=np.float32)


def _hairline(looks: Looks, a: Field) -> Field:
    """The v down to which hair grows, for each longitude."""
    draw = own(looks, 5)
    front = {"short": -0.54, "receding": -0.74, "fringe": -0.26, "parted": -0.5, "long": -0.55, "tied": -0.6}
    front_v = front.get(hair_of(looks), -1.2) + float(draw.normal(0, 0.05))
    around = np.abs(a)
    corner = float(draw.uniform(0.0, 0.16)) * np.exp(-(((around - 35) / 13) ** 2))
    side_v = 1.5 if hair_of(looks) in ("long", "parted") else float(draw.uniform(-0.1, 0.2))
    side_from = 50.0 if hair_of(looks) in ("long", "parted") else float(draw.uniform(54, 70))
    side = np.clip((around - side_from) / 14, 0, 1) * (side_v - front_v)
    nape = np.clip((around - 108) / 15, 0, 1) * max(0.0, 0.75 - side_v)
    lean = float(draw.normal(0, 0.06)) * np.sin(np.radians(2 * a)) + 0.02 * _ragged(draw, a)
    lean = lean + float(draw.uniform(0.01, 0.08)) * cloud(draw, 3, a.shape[1], 0.07)[1]
    return np.asarray(front_v - corner + side + nape + lean, dtype=np.float32)


def _ragged(draw: np.random.Generator, a: Field) -> Field:
    """Strands: noise along the longitude, the same for each row of `a`."""
    strands = cloud(draw, 3, a.shape[1], 0.02)[1]
    return np.broadcast_to(strands, a.shape)


def _with_hair(looks: Looks, skin: Field, v: Field, a: Field) -> Field:
    if hair_of(looks) == "bald":
        return np.asarray(skin - 0.3 * soft(-0.5 - v, 0.5), dtype=np.float32)
    draw = own(looks, 6)
    inside = _hairline(looks, a) - v
    edge = float(draw.uniform(0.04, 0.14)) if hair_of(looks) != "receding" else 0.3
    thick = np.clip(inside / float(draw.uniform(0.25, 0.6)), 0, 1)
    strands = cloud_like(draw, v, 0.03) * 0.8 + cloud_like(draw, v, 0.07) * 0.5 + 0.4 * _ragged(draw, a)
    part = float(draw.uniform(0.18, 0.5)) - float(draw.uniform(0.05, 0.28)) * thick + 0.09 * strands
    part = part + float(draw.uniform(0.0, 0.2)) * bell(a, v, float(draw.normal(0, 20)), -0.85, 35, 0.2)
    if hair_of(looks) in ("parted", "tied"):
        part = part + float(draw.uniform(0.15, 0.4)) * bell(a, v, float(draw.normal(0, 8)), -0.85, 4, 0.25)
    share = soft(inside + 0.02 * _ragged(draw, a), edge)
    share = share * (0.75 if hair_of(looks) == "receding" else 0.97)
    return np.asarray(skin * (1 - share) + between(looks, np.clip(part, 0.12, 0.9)) * share, dtype=np.float32)


def _with_beard(looks: Looks, skin: Field, v: Field, a: Field) -> Field:
    draw = own(looks, 7)
    upper = float(draw.uniform(0.40, 0.58))
    cheek = 0.62 - 0.40 * np.clip((np.abs(a) - 20) / 45, 0, 1)
    round_mouth = bell(a, v, 0, 0.61, 11, 0.055)
    edge = np.minimum(v - upper, v - cheek) + 0.03 * _ragged(draw, a)
    share = soft(edge, 0.12) * soft(88 - np.abs(a), 15) * (1 - 0.9 * round_mouth)
    part = float(draw.uniform(0.3, 0.65)) - 0.12 * np.clip(edge / 0.4, 0, 1) + 0.06 * cloud_like(draw, v, 0.03)
    share = share * float(draw.uniform(0.75, 1.0))
    return np.asarray(skin * (1 - share) + between(looks, part) * share, dtype=np.float32)


_FRONT_V = (-1.0, -0.6, -0.3, -0.12, 0.05, 0.28, 0.36, 0.44, 0.56, 0.66, 0.76, 0.88, 1.0)
_FRONT_X = (1.02, 1.04, 1.06, 1.10, 1.06, 1.24, 1.36, 1.14, 1.16, 1.12, 1.10, 1.10, 0.88)
_BACK_V = (-1.0, -0.7, -0.3, 0.0, 0.3, 0.6, 0.8, 1.0)
_BACK_X = (1.1, 1.2, 1.24, 1.26, 1.12, 0.86, 0.72, 0.66)
"""A head in profile, in units from the middle: brow, nose, lips and chin; the back of the head and the nape."""


@lru_cache(maxsize=256)
def head(looks: Looks, yaw_deg: int) -> Sprite:
    """The head, turned by `yaw_deg` towards the picture's right."""
    shape = _shape(looks)
    width, height = round(2 * _HEAD_X * HEAD_PX), round(2 * _HEAD_Y * HEAD_PX)
    x = (np.arange(width, dtype=np.float32) + 0.5 - width / 2)[None, :] / np.float32(HEAD_PX)
    rows = (np.arange(height, dtype=np.float32) + 0.5 - height / 2) / np.float32(HEAD_PX * shape.tall)
    left, right = _outline(looks, shape, rows, yaw_deg)
    inside = np.minimum(x - left[:, None], right[:, None] - x)
    share = (
        np.clip(inside * HEAD_PX + 0.5, 0, 1)
        * (inside.max(axis=1, keepdims=True) > 0.05)
        * (np.abs(rows) < 1.09)[:, None]
    )
    middle, half = (left + right) / 2, np.maximum((right - left) / 2, 1e-3)
    across = np.clip((x - middle[:, None]) / half[:, None], -1, 1)
    longitude = (np.degrees(np.arcsin(across)) - yaw_deg + 180.0) % 360.0
    down = np.broadcast_to(((rows + 1.1) / 2.2 * (_ROWS - 1))[:, None], longitude.shape)
    around = np.asarray(longitude / 360.0 * (_COLUMNS - 1), dtype=np.float32)
    temperature, breath = (
        cv2.remap(layer, around, np.asarray(down, dtype=np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for layer in _texture(looks)
    )
    rim = np.clip(np.abs(across), 0, 1) ** 8
    temperature = temperature - np.float32(0.07) * (looks.skin_c - looks.ambient_c) * rim
    image = np.stack([temperature * share, share, breath * share], axis=-1).astype(np.float32)
    return Sprite(image, width / 2, height / 2, HEAD_PX)


def _outline(looks: Looks, shape: _Shape, v: Field, yaw_deg: int) -> tuple[Field, Field]:
    """The head's left and right edge at each v, in units."""
    draw = own(looks, 11)
    up = np.clip(1 - np.abs(np.minimum(v, 0) / (1 + shape.volume)) ** 2.4, 0, 1) ** (1 / 2.1)
    low = np.clip(1 - np.maximum(v, 0) ** shape.square, 0, 1) ** 0.5
    frontal = up * low * (1 - shape.jaw * np.clip(v, 0, 1) ** 1.3) - np.where(v > 1, 0.5, 0.0)
    grown = 1 + shape.volume * np.clip((0.1 - v) / 0.5, 0, 1)
    ears = 0.07 * np.exp(-(((v - 0.08) / 0.17) ** 2)) if shape.hair not in ("long", "parted") else 0.0
    wobble = [0.012 * np.interp(v, np.linspace(-1.2, 1.2, 9), draw.normal(0, 1, 9)) for _ in range(2)]
    turn = abs(np.sin(np.radians(yaw_deg)))
    nose = np.where((v > 0.1) & (v < 0.46), (shape.nose - 0.26), 0.0)
    front = np.interp(v, _FRONT_V, _FRONT_X) * up * (low > 0) + nose
    back = np.interp(v, _BACK_V, _BACK_X) * up * (v < 1.05)
    ahead = (1 - turn) * (frontal * grown + ears) + turn * np.where(v < -0.55, front * grown, front)
    behind = (1 - turn) * (frontal * grown + ears) + turn * back * grown
    left, right = (behind, ahead) if yaw_deg >= 0 else (ahead, behind)
    lean = shape.lean * v
    return np.asarray(lean - left - wobble[0]), np.asarray(lean + right + wobble[1])


@lru_cache(maxsize=64)
def body(looks: Looks) -> Sprite:
    """Neck, long hair, shoulders and clothes down to the feet; what the head does not cover."""
    width, height = round(2 * _BODY_X * BODY_PX), round((_BODY_Y + _BODY_UP) * BODY_PX)
    x = np.broadcast_to((np.arange(width, dtype=np.float32) + 0.5 - width / 2) / BODY_PX, (height, width))
    y = np.broadcast_to(((np.arange(height, dtype=np.float32) + 0.5) / BODY_PX - _BODY_UP)[:, None], (height, width))
    draw, tall = own(looks, 12), tall_of(looks)
    y = y - np.float32(tall)  # from the chin on
    shoulder, neck = float(draw.uniform(2.15, 2.85)), float(draw.uniform(0.56, 0.74))
    edge = _silhouette(y, shoulder, neck, float(draw.uniform(-0.15, 0.15)), float(draw.uniform(0.75, 1.3)))
    knots = np.linspace(0, 6, 14)
    edge = edge + np.interp(y, knots, draw.normal(0, 0.05, 14)) * (y > 0.6)
    share = np.clip((edge - np.abs(x)) * BODY_PX + 0.5, 0, 1) * (y > -0.75)
    part = np.clip(_cloth(draw, x, y, shoulder, float(draw.uniform(0.08, 0.62))), 0.03, 0.93)
    temperature = between(looks, part)
    shadow = 1.3 * np.exp(-((np.clip(y + 0.05, 0, None) / 0.2) ** 2))  # under the chin
    throat = -0.6 - shadow - 0.5 * np.abs(x) + 0.15 * cloud(draw, height, width, 0.1) - 0.35 * np.clip(y, 0, 2)
    throat = looks.skin_c + np.minimum(throat, _NECK_BELOW_C)
    sleeves = float(draw.uniform(2.0, 3.2))
    open_to = _opening(clothes_of(looks), draw, x, neck)
    skin = np.maximum(soft(open_to - y, 0.07), soft(0.18 - y, 0.05) * (np.abs(x) < neck * 1.1))
    if clothes_of(looks) == "tee":
        skin = np.maximum(
            skin, soft(y - 0.25 * np.abs(x) - sleeves, 0.15) * soft(np.abs(x) - shoulder * 0.72, 0.15) * (y < 6.5)
        )
    rim = np.exp(-(((y - open_to - 0.08) / 0.07) ** 2)) * float(draw.normal(0.0, 0.1))
    temperature = temperature + rim * (looks.skin_c - looks.ambient_c)
    temperature = temperature * (1 - skin) + throat * skin
    temperature = temperature - np.float32(0.06) * (looks.skin_c - looks.ambient_c) * np.exp(-(edge - np.abs(x)) * 5)
    temperature, share = _with_mane(looks, draw, temperature, share, x, y)
    if looks.hot_drink:
        temperature, share = _with_cup(looks, draw, temperature, share, x, y)
    image = np.stack([temperature * share, share, np.zeros_like(share)], axis=-1).astype(np.float32)
    return Sprite(image, width / 2, _BODY_UP * BODY_PX, BODY_PX)


def _silhouette(y: Field, shoulder: float, neck: float, slope: float, drop: float) -> Field:
    """The body's half width at each height below the chin, in units."""
    down = np.clip((y - slope) / drop, 0, 1)
    shoulders = neck + (shoulder - neck) * np.sin(down * np.pi / 2) ** 0.75 + 0.10 * np.clip(y - 1.3, 0, 3)
    hips = np.clip((y - 6.0) / 1.0, 0, 1)
    legs = shoulders * (1 - hips) + 1.25 * hips - 0.06 * np.clip(y - 7, 0, 5)
    return np.asarray(legs + 0.1 * np.exp(-(((y - 0.1) / 0.3) ** 2)), dtype=np.float32)


def _opening(clothes: str, draw: np.random.Generator, x: Field, neck: float) -> Field:
    """Down to where skin shows at the neck, below the chin, in units, for each x."""
    wide = {"neckline": 1.15, "tee": 0.95, "open": 0.9, "shirt": 0.75}.get(clothes, 0.7) * float(draw.uniform(0.9, 1.2))
    deep = {"neckline": 1.0, "tee": 0.5, "open": 0.7, "shirt": 0.7, "hood": 0.42}.get(clothes, 0.22)
    deep = deep * float(draw.uniform(0.8, 1.3))
    shape = 1.0 if clothes in ("shirt", "hood", "open") else 2.2
    inside = 1 - (np.abs(x - float(draw.normal(0, 0.04))) / max(wide, neck)) ** shape
    return np.asarray(deep * inside - np.where(inside < 0, 9.0, 0.0) + 0.0 * neck, dtype=np.float32)


def _cloth(draw: np.random.Generator, x: Field, y: Field, shoulder: float, warm: float) -> Field:
    """Clothes as a share between surroundings (0) and skin (1): folds, seams, sleeves, an open or closed front."""
    height, width = x.shape
    part = np.full((height, width), warm, np.float32)
    part += 0.022 * cloud(draw, height, width, 0.16) + 0.012 * cloud(draw, height, width, 0.022)
    crease = cloud(draw, height, width, 0.22) + x * float(draw.normal(0, 0.8))
    part += float(draw.uniform(-0.07, 0.05)) * np.exp(-((crease / 0.2) ** 2)) * (y > 0.6)
    folds = cloud(draw, height, width, 0.5)
    phase = float(draw.uniform(3, 7)) * (
        x * float(draw.normal(0.7, 0.5)) + y * float(draw.normal(0.2, 0.3)) + 0.5 * folds
    )
    part += float(draw.uniform(0.0, 0.05)) * np.sin(phase) * (y > 0.7)
    part += float(draw.uniform(-0.02, 0.10)) * np.exp(-(((y - 0.9) / 0.8) ** 2))
    part -= float(draw.uniform(0.0, 0.02)) * np.clip(y - 1.5, 0, 4)
    sleeve = np.abs(np.abs(x) - shoulder * 0.74 - 0.06 * (y - 2))
    part -= float(draw.uniform(0.02, 0.12)) * np.exp(-((sleeve / 0.09) ** 2)) * (y > 1.9)
    part += float(draw.normal(0, 0.03)) * soft(np.abs(x) - shoulder * 0.74, 0.1) * (y > 1.6)
    kind = draw.random()
    if kind < 0.22:
        gap = float(draw.uniform(0.15, 0.55)) + 0.12 * y
        inner = soft(gap - np.abs(x + 0.05 * np.sin(y * 1.5)), 0.06)
        part += float(draw.uniform(0.03, 0.2)) * inner - 0.08 * np.exp(-(((np.abs(x) - gap - 0.1) / 0.1) ** 2))
    elif kind < 0.6:
        part += float(draw.normal(0, 0.06)) * np.exp(-(((x - 0.05) / 0.07) ** 2))
    collar = np.exp(-(((y - 0.35 - 0.35 * np.clip(1 - np.abs(x), 0, 1)) / 0.22) ** 2)) * (np.abs(x) < 1.25)
    part += float(draw.normal(-0.06, 0.09)) * collar
    drape = np.clip(y - 0.5, 0, 1) * cloud_like(draw, x[:6], 0.02)[3]
    part += float(draw.uniform(0.005, 0.03)) * drape
    part[y > 6.3] = 0.6 * warm + 0.06
    return part + 0.01 * cloud(draw, height, width, 0.08)


def _with_mane(
    looks: Looks,
    draw: np.random.Generator,
    temperature: Field,
    share: Field,
    x: Field,
    y: Field,
) -> tuple[Field, Field]:
    """Long hair beside the neck and over the shoulders."""
    if hair_of(looks) not in ("long", "parted"):
        return temperature, share
    tall, length = tall_of(looks), float(draw.uniform(0.0, 1.6))
    head_y = (y + tall) / tall
    wide = 1.02 + float(draw.uniform(0.05, 0.2)) * np.clip(head_y + 0.3, 0, 1)
    top = np.sqrt(np.clip(1 - np.clip(-head_y, 0, 1) ** 2.2, 0, 1))
    inner = np.where(y > 0.1, 0.35 + 0.15 * y, 0.0)
    down = length - 0.5 * np.abs(np.abs(x) - 0.9) + 0.1 * _ragged(draw, x)
    hair = soft(wide * top - np.abs(x), 0.08) * soft(np.abs(x) - inner, 0.1) * soft(down - y, 0.25)
    strands = 0.035 * _ragged(draw, x) + 0.03 * cloud_like(draw, x, 0.05)
    part = float(draw.uniform(0.1, 0.35)) + 0.15 * np.exp(-np.abs(np.abs(x) - 0.8) * 4) + strands
    temperature = temperature * (1 - hair) + between(looks, part) * hair
    return temperature, np.maximum(share, hair)


def _with_cup(
    looks: Looks,
    draw: np.random.Generator,
    temperature: Field,
    share: Field,
    x: Field,
    y: Field,
) -> tuple[Field, Field]:
    """A hand with a hot drink before the chest: the cup is hotter than any skin."""
    cx, cy = float(draw.choice([-1, 1])) * float(draw.uniform(0.5, 1.2)), float(draw.uniform(1.5, 2.4))
    cup = soft(np.minimum(0.36 - 0.05 * (y - cy) - np.abs(x - cx), 0.52 - np.abs(y - cy)), 0.06)
    hand = soft(1 - np.hypot((x - cx) / 0.62, (y - cy - 0.25) / 0.42), 0.15)
    hot_c = float(draw.uniform(39, 50)) + 3.0 * np.exp(-(((y - cy + 0.45) / 0.12) ** 2))
    temperature = temperature * (1 - cup) + hot_c * cup
    temperature = temperature * (1 - hand) + (looks.skin_c - 2.5 + 0.3 * cloud_like(draw, x, 0.05)) * hand
    return temperature, np.maximum(share, np.maximum(cup, hand))
