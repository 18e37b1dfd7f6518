"""The warmth of a face's skin, as healthy faces have it.

Inner canthi, orbits and forehead are warmest, then neck and mouth; nose tip, cheeks and ears are coolest (doi
10.1117/1.JBO.26.4.043009; Ring and Ammer, Physiol. Meas. 33 (2012) R33).
"""

from __future__ import annotations

import numpy as np

from sim.background import cloud_like
from sim.looks import Field, Looks, bell, own, soft

_COLDEST_K = 5.5
"""No living skin is more below the face's maximum, about."""


def warmth(looks: Looks, v: Field, a: Field) -> Field:
    """Kelvin above the face's maximum, about: all below 0. `v` and `a` as in `sim.skull`."""
    draw = own(looks, 4)
    cold = looks.chill
    depth = float(draw.uniform(0.7, 1.2)) * (1 + 0.6 * cold)
    x = np.sin(np.radians(a)) * (np.abs(a) < 100) + np.sign(a) * (np.abs(a) >= 100)
    x = np.asarray(x + 0.02 * cloud_like(draw, v, 0.08), dtype=np.float32)
    v = np.asarray(v + 0.015 * cloud_like(draw, v, 0.08) + float(draw.normal(0, 0.03)) * x, dtype=np.float32)
    contrast = float(np.clip(draw.lognormal(0.36, 0.34), 0.8, 2.8))
    skin = np.zeros_like(v)
    patchy = float(draw.lognormal(-0.1, 0.25)) / contrast**0.75  # the texture of skin differs less than its warmth
    for grain, share in ((0.13, 0.1), (0.06, 0.11), (0.03, 0.19), (0.016, 0.16), (0.009, 0.05)):
        skin += share * patchy * cloud_like(draw, v, grain)
    skin += _forehead(draw, v, x, cold)
    skin += _eyes(draw, v, x)
    skin -= depth * float(draw.choice([draw.uniform(0.0, 0.5), draw.uniform(0.3, 1.2)])) * _cheeks(draw, v, x)
    skin -= depth * float(draw.choice([draw.uniform(0.3, 1.0), draw.uniform(0.9, 2.4)])) * _nose(draw, v, x)
    skin += _mouth(draw, v, x)
    skin = (skin - 0.95) * contrast
    ears = bell(np.abs(a), v, 97, 0.08, 9, 0.2)
    skin -= depth * float(draw.uniform(-0.1, 1.1)) * ears
    skin -= depth * 0.35 * soft(np.abs(a) - 62, 40) * soft(v - 0.1, 0.3)
    skin -= (float(draw.uniform(0.3, 0.8)) + 0.5 * cold) * soft(v - 0.93, 0.2)
    return np.asarray(-_COLDEST_K * np.tanh(-skin / _COLDEST_K), dtype=np.float32)


def _spot(x: Field, v: Field, at_x: float, at_v: float, wide: float, high: float) -> Field:
    return bell(x, v, at_x, at_v, wide, high)


def _forehead(draw: np.random.Generator, v: Field, x: Field, cold: float) -> Field:
    """Warm and even, with vessels that rise from the brows."""
    level = float(draw.uniform(0.1, 0.45)) * (1 - 0.7 * cold)
    field = level * _spot(x, v, 0.0, -0.48, 0.85, 0.32)
    for side in (-1, 1):
        for _ in range(int(draw.integers(1, 3))):
            bend, wave = float(draw.normal(0, 0.25)), 0.05 * cloud_like(draw, v, 0.06)
            vessel = side * float(draw.uniform(0.1, 0.7)) + bend * (v + 0.5) + wave
            thick, height = float(draw.uniform(0.035, 0.08)), float(draw.choice([0.0, draw.uniform(0.05, 0.4)]))
            field += height * np.exp(-(((x - vessel) / thick) ** 2)) * soft(-0.2 - v, 0.2)
        field += float(draw.uniform(0.0, 0.3)) * _spot(x, v, side * 0.86, -0.18, 0.18, 0.22)
    return np.asarray(field, dtype=np.float32)


def _eyes(draw: np.random.Generator, v: Field, x: Field) -> Field:
    """Orbits like a bright mask, canthi brightest; lids and brows a little colder."""
    orbit, canthus = float(draw.uniform(0.3, 1.1)), float(draw.uniform(0.2, 0.6))
    ball, brow = float(draw.choice([0.3, *draw.uniform(0.7, 1.9, 3)])), float(draw.uniform(0.1, 1.5))
    brow_v, slant = float(draw.uniform(-0.22, -0.14)), float(draw.normal(0, 0.05))
    wide, high = float(draw.uniform(0.2, 0.3)), float(draw.uniform(0.08, 0.13))
    flat = float(draw.uniform(1.0, 2.2))
    field = np.zeros_like(v)
    for side in (-1, 1):
        out = x * side
        uneven = float(draw.normal(1, 0.1))
        socket = ((out - 0.40) / wide) ** 2 + ((v + slant * (out - 0.4) - 0.03) / high) ** 2
        field += uneven * orbit * np.exp(-(socket**flat))
        field += uneven * canthus * bell(out, v, 0.22, 0.05, 0.13, 0.1)
        field += float(draw.uniform(0.0, 0.4)) * orbit * bell(out, v, 0.30, 0.2, 0.2, 0.07)
        field -= ball * bell(out, v + slant * (out - 0.4), 0.42, 0.03, 0.15, 0.048)
        arch = v - brow_v + 0.12 * (out - 0.45) ** 2 - 0.03 * out
        field -= brow * np.exp(-((arch / 0.055) ** 2) - ((out - 0.45) / 0.27) ** 2)
    return np.asarray(field, dtype=np.float32)


def _cheeks(draw: np.random.Generator, v: Field, x: Field) -> Field:
    """Patches between eye, nose and jaw, with an edge towards mouth and jaw; 1 where they are coldest."""
    field = np.zeros_like(v)
    wide, low, sharp = float(draw.uniform(0.24, 0.4)), float(draw.uniform(0.28, 0.42)), float(draw.uniform(0.9, 1.5))
    lean = float(draw.uniform(-0.6, 0.1))
    for side in (-1, 1):
        uneven = float(draw.normal(1, 0.12))
        out = x * side - 0.52
        down = v - low - float(draw.normal(0, 0.02)) - lean * out
        patch = (out / wide) ** 2 + (down / float(draw.uniform(0.16, 0.27))) ** 2
        field += uneven * np.exp(-(patch**sharp))
        field += 0.4 * uneven * _spot(x, v, side * 0.75, low + 0.2, 0.2, 0.2)
    return np.asarray(field, dtype=np.float32)


def _nose(draw: np.random.Generator, v: Field, x: Field) -> Field:
    """A wedge from between the eyes, widening to the wings, darkest at the tip and the nostrils; 1 there."""
    tip, wide = float(draw.uniform(0.33, 0.4)), float(draw.uniform(0.17, 0.25))
    start = float(draw.uniform(-0.22, 0.08))
    along = np.clip((v - start) / (tip - start), 0, 1)
    width = wide * (0.5 + 0.5 * along)
    below = soft(tip + 0.085 - v, 0.07)
    sharp = float(draw.uniform(2.2, 4.5))
    wedge = along ** float(draw.uniform(0.4, 1.0)) * np.exp(-(np.abs(x / width) ** sharp)) * below
    nostrils = sum(_spot(x, v, side * 0.08, tip + 0.055, 0.06, 0.03) for side in (-1, 1))
    return np.asarray(wedge + float(draw.uniform(0.1, 0.9)) * nostrils, dtype=np.float32)


def _mouth(draw: np.random.Generator, v: Field, x: Field) -> Field:
    """Warm around the lips; the line between them warm in some and cold in most."""
    at, wide = float(draw.uniform(0.6, 0.66)), float(draw.uniform(0.24, 0.36))
    curve = at - float(draw.normal(0.02, 0.04)) * (x / wide) ** 2
    lips = np.exp(-(((v - curve) / 0.038) ** 2) - np.abs(x / wide) ** 4)
    field = float(draw.uniform(0.0, 0.4)) * _spot(x, v, 0.0, at, wide * 1.25, 0.14)
    field -= float(draw.choice([draw.uniform(-0.5, 0.0), draw.uniform(0.5, 1.7), draw.uniform(0.5, 1.7)])) * lips
    field += float(draw.uniform(-0.1, 0.35)) * np.exp(-(((v - curve - 0.055) / 0.035) ** 2) - (x / (0.7 * wide)) ** 2)
    field -= float(draw.uniform(0.0, 0.45)) * _spot(x, v, 0.0, 0.86, 0.26, 0.09)
    for side in (-1, 1):
        crease = side * (0.19 + float(draw.uniform(0.3, 0.6)) * (v - 0.36))
        fold = np.exp(-(((x - crease) / 0.05) ** 2) - ((v - 0.5) / 0.15) ** 2)
        field += float(draw.normal(0.2, 0.3)) * fold
    return np.asarray(field, dtype=np.float32)
