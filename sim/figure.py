"""The body of one person as a thermal camera sees it: neck, shoulders, arms, clothes and legs; what the head leaves.

Lengths are in half widths of the head ("units"), `x` to the picture's right and `y` down from the chin.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from msgspec.structs import replace

from sim.background import cloud, cloud_like
from sim.cloth import Cut, cloth
from sim.hair import LONG_HAIR, hair_of
from sim.looks import Field, Looks, Sprite, bare, between, own, soft
from sim.skull import tall_of

BODY_PX = 26.0
"""Pixels of a body's sprite for one unit."""
_HALF_X, _BELOW, _ABOVE = 4.1, 19.0, 1.2
"""Of a sprite, in units: to each side, below the chin, above it."""
_ELBOW, _WAIST, _CROTCH, _HAND, _FEET = 4.7, 5.3, 8.3, 8.6, 18.4
"""Below the chin, for a body of seven and a half heads."""
_NECK_BELOW_C = -0.7
"""A neck is nearly as warm as the face's maximum, but the truth is the face's."""


class _Build(NamedTuple):
    """What of a body is not its clothes."""

    shoulder: float
    neck: float
    low: float
    """How far the shoulders' line is below the chin, more than the least."""
    aside: float
    """How far the trunk is beside the head."""
    lean: float
    turned: float
    """How much nearer one shoulder is than the other."""
    slope: float
    trapezius: float
    """How high the muscle between neck and shoulder stands."""
    round: float
    uneven: float
    belly: float
    stride: float


def _build(looks: Looks) -> _Build:
    draw = own(looks, 12)
    return _Build(
        shoulder=float(np.clip(draw.normal(2.85, 0.3), 2.2, 3.5)),
        neck=float(np.clip(draw.normal(0.76, 0.08), 0.58, 0.92)),
        low=float(draw.uniform(-0.55, 0.2)),
        aside=float(draw.normal(0, 0.16)),
        lean=float(draw.normal(0, 0.06)),
        turned=float(draw.choice([draw.normal(0, 0.04), draw.normal(0, 0.14)])),
        slope=float(draw.uniform(0.4, 1.0)),
        trapezius=float(draw.uniform(0.2, 0.55)),
        round=float(draw.uniform(0.5, 1.0)),
        uneven=float(draw.normal(0, 0.1)),
        belly=float(draw.uniform(0.75, 1.2)),
        stride=float(draw.uniform(0.0, 0.45)),
    )


def body(looks: Looks, away: bool = False) -> Sprite:
    """The body down to the feet; from behind where `away`. What is on the face makes no other body of it."""
    return _body(replace(bare(looks), hot_drink=looks.hot_drink), away)


@lru_cache(maxsize=64)
def _body(looks: Looks, away: bool) -> Sprite:
    width, height = round(2 * _HALF_X * BODY_PX), round((_BELOW + _ABOVE) * BODY_PX)
    x = np.broadcast_to((np.arange(width, dtype=np.float32) + 0.5 - width / 2) / BODY_PX, (height, width))
    y = np.broadcast_to(((np.arange(height, dtype=np.float32) + 0.5) / BODY_PX - _ABOVE)[:, None], (height, width))
    build, draw = _build(looks), own(looks, 13)
    lower = y - np.float32(build.low)
    aside = x * (1 + np.float32(np.clip(build.turned, -0.4, 0.4)) * np.tanh(x)) if not away else x
    aside = np.asarray(
        aside - np.float32(build.aside) * np.clip(0.4 + lower, 0, 1) - np.float32(build.lean) * np.clip(lower, 0, 6),
        np.float32,
    )
    share, arms = _silhouette(build, draw, aside, lower)
    cut = cloth(looks, Cut(aside, lower, build.shoulder, build.neck, arms, away))
    skin_c = _skin(looks, draw, build, x, y)
    value_c: Field = between(looks, cut.part) * (1 - cut.skin) + skin_c * cut.skin
    share = np.maximum(share, cut.beyond)
    inner = cv2.GaussianBlur(share, (0, 0), 0.2 * BODY_PX)
    rim = np.clip(1 - inner, 0, 0.5) * share
    value_c = value_c - np.float32(draw.uniform(0.1, 0.4)) * (value_c - looks.ambient_c) * rim * 2
    if looks.hot_drink:
        value_c, share = _with_cup(looks, draw, value_c, share, x, y)
    if not away:
        value_c, share = _with_arms(looks, draw, value_c, share, x, lower)
        value_c, share = _with_mane(looks, value_c, share, x, y)
    image = np.stack([value_c * share, share, np.zeros_like(share)], axis=-1).astype(np.float32)
    return Sprite(image, width / 2, (_ABOVE - tall_of(looks)) * BODY_PX, BODY_PX)


def _silhouette(build: _Build, draw: np.random.Generator, x: Field, y: Field) -> tuple[Field, Field]:
    """The share that is covered, and of it what is an arm."""
    x = x - np.float32(draw.normal(0, 0.06)) * np.clip(y, 0, 5)
    x = x + 0.035 * cloud_like(draw, x, 0.25) * soft(y - 0.8, 0.8) + 0.015 * cloud_like(draw, x, 0.08) * (y > 0.8)
    width = np.abs(x)
    out = np.clip((width - build.neck) / (build.shoulder - build.neck), 0, 1.3)
    lift = build.uneven * np.sign(x) * out
    rounding = 1.5 * build.round * np.clip((out - 0.72) / 0.28, 0, 2) ** 2.4
    top = 0.12 + lift + build.slope * (0.75 * out + 0.25 * out**2) - build.trapezius * np.exp(-out * 5.5) + rounding
    foot = 0.22 * np.clip((y + 0.2) / 0.6, 0, 1.0) ** 2  # the neck runs out into the shoulders
    neck = (width < build.neck + foot) & (y > -1.7)
    trunk = build.shoulder * np.interp(
        y[:, 0], (0.0, 2.2, _WAIST, 7.0, _CROTCH), (0.86, 0.82, 0.8 * build.belly, 0.78, 0.74)
    )
    arm_out = build.shoulder * np.interp(y[:, 0], (1.0, 2.4, _ELBOW, _HAND), (1.0, 1.04, 1.12, 1.1))
    arm_in = build.shoulder * np.interp(y[:, 0], (1.8, _ELBOW, _HAND), (0.72, 0.82, 0.86))
    away_from = float(draw.uniform(-0.25, 0.18))
    arm_out, arm_in = arm_out + away_from * 0.4 * (y[:, 0] > 3), arm_in + away_from
    trunk_share = _inside(trunk[:, None] - width) * (y < _CROTCH)
    arm = _inside(np.minimum(arm_out[:, None] - width, width - arm_in[:, None])) * soft(_HAND - y, 0.3)
    under = _inside(y - top)
    share = np.maximum(np.maximum(trunk_share, arm) * under, neck.astype(np.float32))
    legs = _legs(build, width, x, y)
    return np.asarray(np.maximum(share, legs), np.float32), np.asarray(arm * (y > 1.6), np.float32)


def _legs(build: _Build, width: Field, x: Field, y: Field) -> Field:
    """Two legs, one before the other as in a walk."""
    along = np.clip((y - _CROTCH) / (_FEET - _CROTCH), 0, 1)
    middle = build.shoulder * 0.4 + build.stride * along * np.where(x > 0, 1.0, -0.3)
    half = build.shoulder * (0.38 - 0.16 * along) + 0.12 * (along > 0.95)
    return _inside(half - np.abs(width - middle)) * soft(y - _CROTCH + 0.3, 0.3) * soft(_FEET - y, 0.2)


def _inside(distance: Field) -> Field:
    return np.asarray(np.clip(distance * BODY_PX / 2.0 + 0.5, 0, 1), dtype=np.float32)


def _skin(looks: Looks, draw: np.random.Generator, build: _Build, x: Field, y: Field) -> Field:
    """Neck, chest and arms: warm beside the windpipe, cooler towards the edges and outwards."""
    throat = -0.55 - 0.25 * np.abs(x) ** 2 + 0.12 * cloud_like(draw, x, 0.12) - 0.2 * np.clip(y, 0, 3)
    throat += 0.12 * cloud_like(draw, x, 0.03) + 0.1 * cloud_like(draw, x, 0.012)
    ring_y, drop = float(draw.uniform(0.1, 0.5)), float(draw.uniform(0.2, 0.9))
    if draw.random() < 0.12:  # a chain around the neck
        throat -= 1.6 * np.exp(-(((y - ring_y - drop * (1 - (x / 0.75) ** 2)) / 0.05) ** 2)) * (np.abs(x) < 0.75)
    throat += (
        float(draw.uniform(0.0, 0.35)) * np.exp(-(((np.abs(x) - 0.4 * build.neck) / 0.16) ** 2)) * soft(1 - y, 0.6)
    )
    throat -= float(draw.uniform(0.2, 1.2)) * np.exp(-((np.clip(y + 0.08, 0, None) / 0.14) ** 2))  # under the chin
    throat -= float(draw.uniform(0.0, 0.5)) * np.exp(-((x / 0.13) ** 2) - ((y - 0.35) / 0.3) ** 2)
    arms = float(draw.uniform(0.3, 1.5)) + 0.3 * cloud_like(draw, x, 0.2)
    throat = throat - arms * soft(y - 2.2, 0.8)
    return np.asarray(looks.skin_c + np.minimum(throat, _NECK_BELOW_C), dtype=np.float32)


def _with_mane(looks: Looks, value_c: Field, share: Field, x: Field, y: Field) -> tuple[Field, Field]:
    """Long hair beside the neck and over the shoulders, in uneven locks."""
    if hair_of(looks) not in LONG_HAIR:
        return value_c, share
    draw, tall = own(looks, 15), tall_of(looks)
    length = float(draw.choice([draw.uniform(-0.5, 0.3), draw.uniform(0.3, 2.6)]))
    lock = np.broadcast_to(cloud(draw, 3, x.shape[1], 0.05)[1] + 0.6 * cloud(draw, 3, x.shape[1], 0.02)[1], x.shape)
    sway = x + 0.06 * cloud_like(draw, x, 0.2)
    wide = float(draw.uniform(1.0, 1.22)) + 0.08 * np.clip(y, 0, 2) + 0.05 * cloud_like(draw, x, 0.1)
    inner = np.where(y > 0, float(draw.uniform(0.3, 0.62)) + float(draw.uniform(-0.05, 0.2)) * y, 0.0)
    top = np.sqrt(np.clip(1 - np.clip(-(y + tall) / tall, 0, 1) ** 2.2, 0, 1))
    down = length - 0.7 * (np.abs(sway) - 0.8) ** 2 + 0.22 * lock + float(draw.normal(0, 0.25)) * np.sign(x)
    hair = soft(wide * top - np.abs(sway), 0.16) * soft(np.abs(sway) - inner, 0.14) * soft(down - y, 0.35)
    part = float(draw.uniform(0.08, 0.36)) + 0.2 * np.exp(-np.abs(np.abs(sway) - inner) * 5) + 0.05 * lock
    part = np.asarray(np.clip(part + 0.03 * cloud_like(draw, x, 0.05), 0.03, 0.9), np.float32)
    return value_c * (1 - hair) + between(looks, part) * hair, np.maximum(share, hair)


def _with_arms(
    looks: Looks, draw: np.random.Generator, value_c: Field, share: Field, x: Field, y: Field
) -> tuple[Field, Field]:
    """A hand before the belly or chest, or both arms folded: sleeves, and skin at their ends."""
    for side in (-1, 1):
        shown, chance = draw.random(2)
        from_x, from_y = side * float(draw.uniform(1.9, 2.9)), float(draw.uniform(3.6, 5.2))
        to_x, to_y = -side * float(draw.uniform(-1.1, 0.9)), float(draw.uniform(1.9, 4.6))
        wide, hand = float(draw.uniform(0.38, 0.55)), float(draw.uniform(0.8, 1.3))
        sleeve, cold = float(draw.uniform(0.1, 0.6)), float(draw.uniform(1.2, 3.6))
        if shown > 0.2:
            continue
        length = float(np.hypot(to_x - from_x, to_y - from_y))
        along = ((x - from_x) * (to_x - from_x) + (y - from_y) * (to_y - from_y)) / length
        across = np.abs((x - from_x) * (to_y - from_y) - (y - from_y) * (to_x - from_x)) / length
        is_hand = soft(along - length + min(hand, 0.95), 0.1)
        narrow = wide * (1.15 - 0.35 * np.clip(along / length, 0, 1)) + 0.03 * cloud_like(draw, x, 0.06)
        narrow = narrow * (1 - is_hand) + float(draw.uniform(0.26, 0.38)) * is_hand
        end = np.clip(along - length + 0.7, 0, 1) / 0.75
        tip = np.sqrt(np.clip(1 - end * end, 0, 1))
        arm = soft(np.minimum(narrow * tip - across, np.minimum(along + 0.3, length - along + 0.3)), 0.1)
        bare = hand if chance < 0.6 else length
        skin = soft(along - length + bare, 0.08)
        grooves = 0.6 * np.exp(-(((np.mod(across / narrow, 0.5) - 0.25) / 0.08) ** 2)) * soft(along - length + 0.5, 0.1)
        skin_c = looks.skin_c - 0.8 - cold * np.clip((along - length + bare) / bare, 0, 1) - grooves
        cloth_c = between(looks, sleeve + 0.09 * cloud_like(draw, x, 0.05) - 0.1 * across / narrow)
        shadow = soft(narrow + 0.14 - across, 0.2) * soft(length + 0.3 - along, 0.2) * soft(along + 0.3, 0.2)
        value_c = value_c - np.float32(0.12) * (value_c - looks.ambient_c) * shadow
        value_c = value_c * (1 - arm) + (cloth_c * (1 - skin) + skin_c * skin) * arm
        share = np.maximum(share, arm)
    return np.asarray(value_c, np.float32), np.asarray(share, np.float32)


def _with_cup(
    looks: Looks, draw: np.random.Generator, value_c: Field, share: Field, x: Field, y: Field
) -> tuple[Field, Field]:
    """A hand with a hot drink before the chest: the cup is hotter than any skin."""
    cx, cy = float(draw.choice([-1, 1])) * float(draw.uniform(0.4, 1.3)), float(draw.uniform(1.7, 3.0))
    size, taper = float(draw.uniform(0.3, 0.42)), float(draw.uniform(0.0, 0.12))
    cup = soft(np.minimum(size - taper * (y - cy) - np.abs(x - cx), 1.4 * size - np.abs(y - cy)), 0.08)
    hot_c = float(draw.uniform(37, 52)) - float(draw.uniform(0, 5)) * (y - cy) + 0.6 * cloud_like(draw, x, 0.03)
    steam = 3.0 * np.exp(-(((y - cy + 1.25 * size) / 0.12) ** 2))
    fingers = 0.12 * np.sin(22 * (y - cy)) * np.sign(x - cx)
    hand = soft(1 - np.hypot((x - cx + 0.2 * np.sign(cx) * -1) / (0.62 + fingers), (y - cy - 0.15) / 0.4), 0.2)
    hand = hand * np.clip(1.2 - soft(0.1 - np.abs(x - cx), 0.4), 0, 1)
    value_c = value_c * (1 - cup) + (hot_c + steam) * cup
    arm_c = looks.skin_c - 2.2 + 0.4 * cloud_like(draw, x, 0.05)
    return value_c * (1 - hand) + arm_c * hand, np.maximum(share, np.maximum(cup, hand))
