"""The warmth of a face's skin, as healthy faces have it: regions of their own warmth with soft edges, and fine lines.

Inner canthi, orbits and forehead are warmest, then neck and mouth; nose tip, cheeks and ears are coolest (doi
10.1117/1.JBO.26.4.043009; Ring and Ammer, Physiol. Meas. 33 (2012) R33). How far the regions are apart, and how far
people differ in them, are means and spreads over 17 bare frontal faces of 13 Lepton recordings at building entrances
(below the maximum: forehead 1.3 and 0.7 K, orbits 1.0 and 0.5, nose 1.9 and 1.1, cheeks 1.9 and 0.9, chin 1.4 and 0.8).
"""

from __future__ import annotations

import cv2
import numpy as np

from sim.background import cloud_like
from sim.looks import Field, Looks, bell, own, soft
from sim.skull import ROWS

_COLDEST_K = 6.0
"""No living skin is more below the face's maximum, about."""
_KNEE_K, _BEND = 2.3, 1.35
"""What is a little cooler than the warmest is nearly as warm, and what is cooler is cold: a fifth of a real face is
less than 0.9 K below its maximum, half of it more than 1.7 K."""
_EYES = slice(round(0.44 * ROWS), round(0.62 * ROWS))
"""The rows of a painted head with the eyes."""


def warmth(looks: Looks, v: Field, a: Field) -> Field:
    """Kelvin above the face's maximum, about: all below 0. `v` and `a` as in `sim.skull`."""
    draw = own(looks, 4)
    cold = looks.chill
    contrast = float(np.clip(draw.lognormal(0.32, 0.4), 0.7, 3.0)) * (1 + 0.2 * cold)
    x = np.sin(np.radians(a)) * (np.abs(a) < 100) + np.sign(a) * (np.abs(a) >= 100)
    x, v = _bent(draw, np.asarray(x, dtype=np.float32), v)
    skin = _regions(draw, x, v, cold)
    skin += _eyes(draw, x, v)
    skin += _mouth(draw, x, v)
    skin = skin * contrast + _grain(draw, v)
    skin -= np.max(skin[_EYES], initial=-_COLDEST_K, where=np.abs(x[_EYES]) < 0.6)  # a neck is seldom as warm
    cooler = np.clip(-skin, 0, None) / _KNEE_K
    skin = np.maximum(skin, 0) - _KNEE_K * cooler**_BEND
    skin -= float(draw.uniform(-0.2, 1.3)) * (1 + cold) * bell(np.abs(a), v, 97, 0.08, 9, 0.2)  # ears
    skin -= (float(draw.uniform(0.2, 0.8)) + 0.5 * cold) * soft(v - 0.93, 0.2)
    return np.asarray(-_COLDEST_K * np.tanh(-skin / _COLDEST_K), dtype=np.float32)


def _bent(draw: np.random.Generator, x: Field, v: Field) -> tuple[Field, Field]:
    """The coordinates of a face that is not quite even: features are shifted and askew, each face's in its own way."""
    sideways = 0.03 * cloud_like(draw, v, 0.2) + 0.012 * cloud_like(draw, v, 0.07)
    down = 0.02 * cloud_like(draw, v, 0.2) + 0.01 * cloud_like(draw, v, 0.07) + float(draw.normal(0, 0.02)) * x
    return np.asarray(x + sideways, dtype=np.float32), np.asarray(v + down, dtype=np.float32)


def _regions(draw: np.random.Generator, x: Field, v: Field, cold: float) -> Field:
    """Sides, forehead, cheeks, what surrounds the mouth, orbits and nose: each laid over those before it."""
    edge = float(draw.uniform(0.1, 0.24))
    skin = float(draw.normal(-0.55, 0.22)) - 0.3 * cold + np.zeros_like(v)
    skin += float(draw.normal(0, 0.3)) * soft(np.abs(x) - 0.72, 0.2) * soft(v - 0.1, 0.2)  # before the ears
    for level, share in (
        (_forehead(draw, x, v, cold), soft(-0.16 - v, 1.2 * edge)),
        (float(draw.normal(-0.85, 0.45)) - 0.6 * cold, _cheeks(draw, x, v, edge)),
        (float(draw.normal(-0.65, 0.35)) - 0.2 * cold, _muzzle(draw, x, v, edge)),
        (float(draw.normal(0.0, 0.12)), _orbits(draw, x, v, edge)),
        (float(draw.choice([*draw.normal((-0.5, -1.3, -1.9), 0.4)])) - 0.8 * cold, _nose(draw, x, v)),
    ):
        skin = skin * (1 - share) + level * share
    uneven = float(draw.choice([0.0, draw.normal(0, 0.25)]))  # who lay on one side, or stood in the wind
    return np.asarray(skin + uneven * np.tanh(2 * x) * soft(0.7 - v, 0.5), dtype=np.float32)


def _forehead(draw: np.random.Generator, x: Field, v: Field, cold: float) -> Field:
    """Warm or cooler upwards, with vessels that rise from the brows and at the temples."""
    rise = float(draw.uniform(-0.3, 0.7)) * np.clip((-0.2 - v) / 0.5, 0, 1)
    field = float(draw.normal(-0.35, 0.28)) - 0.5 * cold - rise
    field = field + 0.22 * cloud_like(draw, v, 0.15)
    middle = float(draw.choice([0.0, draw.normal(0.0, 0.35)]))
    field = field + middle * np.exp(-((x / 0.22) ** 2)) * soft(-0.2 - v, 0.2)
    for side in (-1, 1):
        for _ in range(int(draw.integers(1, 4))):
            bend, wave = float(draw.normal(0, 0.3)), 0.05 * cloud_like(draw, v, 0.06)
            vessel = side * float(draw.uniform(0.08, 0.75)) + bend * (v + 0.5) + wave
            thick, height = float(draw.uniform(0.03, 0.09)), float(draw.choice([0.0, draw.uniform(0.05, 0.45)]))
            field = field + height * np.exp(-(((x - vessel) / thick) ** 2)) * soft(-0.2 - v, 0.2)
        field = field + float(draw.uniform(-0.1, 0.35)) * bell(x, v, side * 0.86, -0.2, 0.18, 0.2)
    return np.asarray(field, dtype=np.float32)


def _orbits(draw: np.random.Generator, x: Field, v: Field, edge: float) -> Field:
    """The warm hollows around both eyes, wider below, and the root of the nose between them."""
    wide, high = float(draw.uniform(0.25, 0.34)), float(draw.uniform(0.11, 0.17))
    sag, slant = float(draw.uniform(0.0, 0.5)), float(draw.normal(0.06, 0.08))
    share = float(draw.uniform(0.0, 0.6)) * bell(x, v, 0, 0.0, 0.13, 0.1)
    for side in (-1, 1):
        out = x * side - 0.41
        down = (v - 0.04 - slant * out) / (high * (1 + sag * (v > 0.04)))
        share = np.maximum(share, soft(1 - np.hypot(out / wide, down), 2.6 * edge / 0.24))
    return np.asarray(share, dtype=np.float32)


def _cheeks(draw: np.random.Generator, x: Field, v: Field, edge: float) -> Field:
    """From the orbits' lower rim to the jaw, between the nose and the ear."""
    upper, lower = float(draw.uniform(0.14, 0.22)), float(draw.uniform(0.5, 0.72))
    lean, outer = float(draw.uniform(-0.25, 0.15)), float(draw.uniform(0.78, 1.0))
    out = np.abs(x)
    down = np.minimum(v - upper - 0.5 * lean * (out - 0.5), lower + lean * (out - 0.5) - v)
    return soft(down, edge) * soft(out - 0.16, edge) * soft(outer - out, 1.5 * edge)


def _muzzle(draw: np.random.Generator, x: Field, v: Field, edge: float) -> Field:
    """Around the mouth, bounded by the folds that run from the nose's wings."""
    at_v, wide, high = float(draw.uniform(0.62, 0.72)), float(draw.uniform(0.42, 0.64)), float(draw.uniform(0.26, 0.38))
    narrow = 0.4 + 0.6 * np.clip((v - 0.34) / 0.34, 0, 1)
    r = np.hypot(x / (wide * narrow), (v - at_v) / high)
    return soft((1 - r) * wide, 1.4 * edge)


def _nose(draw: np.random.Generator, x: Field, v: Field) -> Field:
    """A wedge from between the eyes, widening to the wings, whole at the tip."""
    tip, wide = float(draw.uniform(0.33, 0.4)), float(draw.uniform(0.16, 0.24))
    start = float(draw.uniform(-0.1, 0.2))
    along = np.clip((v - start) / (tip - start), 0, 1)
    width = wide * (0.45 + 0.55 * along)
    wedge = along ** float(draw.uniform(0.5, 1.4)) * np.exp(-(np.abs(x / width) ** float(draw.uniform(2.4, 5.0))))
    return np.asarray(wedge * soft(tip + 0.08 - v, 0.06), dtype=np.float32)


def _eyes(draw: np.random.Generator, x: Field, v: Field) -> Field:
    """Warm inner canthi, cooler balls, the lids' and the brows' lines, a warm crescent below."""
    canthus, crescent = float(draw.uniform(0.48, 1.05)), float(draw.choice([0.0, draw.uniform(0.1, 0.4)]))
    ball, lid, brow = (float(most * draw.random() ** 1.2) for most in (1.0, 2.2, 2.0))
    brow_v, slant, arch = float(draw.uniform(-0.2, -0.12)), float(draw.normal(0.02, 0.1)), float(draw.uniform(0.0, 0.5))
    lid_v, bow = float(draw.uniform(-0.01, 0.05)), float(draw.uniform(-0.5, 0.6))
    field = np.zeros_like(v)
    for side in (-1, 1):
        out, uneven = x * side - 0.42, float(draw.normal(1, 0.15))
        field += uneven * canthus * bell(out, v, -0.22, 0.06, 0.09, 0.06)
        field += crescent * np.exp(-(((v - 0.15 + 0.35 * (out + 0.1) ** 2) / 0.035) ** 2) - ((out + 0.08) / 0.2) ** 2)
        field -= ball * bell(out, v, 0.0, lid_v + 0.02, 0.15, 0.05)
        line = v - lid_v + slant * out - bow * out * out
        field -= uneven * lid * np.exp(-((line / 0.022) ** 2) - (out / 0.19) ** 4)
        above = v - brow_v + slant * out + arch * (out - 0.05) ** 2
        field -= brow * np.exp(-((above / 0.04) ** 2) - ((out - 0.02) / 0.27) ** 4)
    return np.asarray(field, dtype=np.float32)


def _mouth(draw: np.random.Generator, x: Field, v: Field) -> Field:
    """Lips that are warm or cold, the line between them, nostrils, folds beside them, and a cooler chin."""
    at, wide = float(draw.uniform(0.59, 0.66)), float(draw.uniform(0.2, 0.32))
    curve = at - float(draw.normal(0.0, 0.04)) * (x / wide) ** 2
    within = np.exp(-((x / wide) ** 4))
    lips = np.exp(-(((v - curve) / 0.06) ** 2)) * within
    field = float(draw.normal(0.0, 0.25)) * lips
    field -= (
        float(draw.choice([draw.uniform(-0.3, 0.3), draw.uniform(0.3, 1.5)]))
        * within
        * np.exp(-(((v - curve) / 0.025) ** 2))
    )
    field -= float(draw.uniform(-0.2, 0.3)) * within * np.exp(-(((v - curve - 0.11) / 0.035) ** 2))
    field -= float(draw.uniform(-0.1, 0.45)) * bell(x, v, 0.0, 0.86, 0.22, 0.08)
    nostrils, fold = float(draw.uniform(0.1, 1.6)), float(draw.normal(0.0, 0.3))
    for side in (-1, 1):
        field -= nostrils * bell(x, v, side * 0.09, 0.425, 0.06, 0.025)
        crease = x - side * (0.2 + float(draw.uniform(0.3, 0.6)) * (v - 0.36))
        field += fold * np.exp(-((crease / 0.05) ** 2) - ((v - 0.5) / 0.15) ** 2)
    return np.asarray(field, dtype=np.float32)


def _grain(draw: np.random.Generator, v: Field) -> Field:
    """Vessels and wrinkles finer than any region, drawn out to the sides as a brow's lines are; in kelvin."""
    rough = float(draw.lognormal(0.2, 0.25))
    field = 0.08 * cloud_like(draw, v, 0.1)
    for across, down, share in ((0.065, 0.05, 0.1), (0.032, 0.025, 0.11), (0.016, 0.013, 0.1)):
        rows, columns = round(v.shape[0] / v.shape[1] / down) + 3, round(1 / across) + 3
        fine = draw.standard_normal((rows, columns), np.float32)
        field += share * cv2.resize(fine, (v.shape[1], v.shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray(rough * field, dtype=np.float32)
