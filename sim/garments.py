"""What people have on their faces and heads, as drawn over the skin around a head (`sim.face`).

All take and give °C (or a share) of the shape of `v`, the height (-1 the crown, 1 the chin), and `a`, the longitude in
degrees.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.background import cloud_like
from sim.looks import Field, Looks, bell, between, own, soft


class Worn(NamedTuple):
    """Something over the skin: the `share` that it covers, its °C, and how far it stands off, in units."""

    share: Field
    value_c: Field
    thick: Field


def cosmetics(v: Field, a: Field) -> Field:
    """Powder and cream on the front: it insulates and reflects, so the skin reads colder, around the eyes too."""
    front = soft(75 - np.abs(a), 30) * soft(v + 0.62, 0.2)
    return np.asarray(0.35 * front, dtype=np.float32)


def mask(looks: Looks, v: Field, a: Field) -> tuple[Worn, Field]:
    """A surgical mask or a folded one, and the share that breath warms and cools before nose and mouth."""
    draw = own(looks, 8)
    folded = bool(draw.random() < 0.35)
    reach = float(draw.uniform(56, 70))
    top = float(draw.uniform(0.06, 0.24)) + 0.26 * (np.clip(np.abs(a), 0, reach) / reach) ** 1.6
    bottom = float(draw.uniform(0.88, 1.1)) - 0.3 * np.clip((np.abs(a) - 25) / 45, 0, 1)
    share = soft(np.minimum(v - top, bottom - v), 0.05) * soft(reach - np.abs(a), 8)
    straps = soft(0.022 - np.abs(v - 0.2 - 0.0035 * (96 - np.abs(a))), 0.03) * soft(np.abs(a) - reach + 4, 4)
    share = np.maximum(share, 0.7 * straps * soft(98 - np.abs(a), 4))
    waves = 0.0 if folded else 0.02 * np.sin(v * float(draw.uniform(24, 34)) + 0.02 * np.abs(a))
    crease = -0.1 * np.exp(-((a / 3.5) ** 2)) if folded else 0.0
    part = float(draw.uniform(0.3, 0.66)) + waves + crease + 0.05 * cloud_like(draw, v, 0.06)
    part = part + float(draw.uniform(0.05, 0.2)) * bell(a, v, 0, 0.48, 26, 0.2)
    part = part + float(draw.uniform(0.0, 0.2)) * np.exp(-(((v - top - 0.03) / 0.04) ** 2)) * soft(40 - np.abs(a), 30)
    breath = share * bell(a, v, 0, 0.46, 26, 0.26)
    thick = share * np.float32(0.12 if folded else 0.05) * bell(a, v, 0, 0.5, 50, 0.4)
    return Worn(share, between(looks, np.asarray(part, np.float32)), thick), breath


def glasses(looks: Looks, v: Field, a: Field) -> Worn:
    """Glass is opaque to a thermal camera and as cold as the air: dark lenses, rim, bridge and temples."""
    draw = own(looks, 9)
    x = np.sin(np.radians(a))
    front = np.abs(a) < 90
    at_v, wide, high = (
        float(draw.uniform(0.05, 0.14)),
        float(draw.uniform(0.43, 0.50)),
        float(draw.uniform(0.15, 0.24)),
    )
    boxy, droop, at_x = float(draw.choice([2.2, 2.8, 3.6, 5.0])), float(draw.uniform(-0.05, 0.06)), wide + 0.07
    low = float(draw.uniform(0.0, 0.35))  # a rim that is straight above and round below
    share = np.zeros_like(v)
    for side in (-1, 1):
        across = (x * side - at_x) / wide
        down = (v - at_v - droop * across - 0.02 * low) / high
        narrow = 1 + low * np.clip(down, 0, 1) * 0.45
        lens = (np.abs(across * narrow) ** boxy + np.abs(down) ** boxy) ** (1 / boxy)
        share = np.maximum(share, soft(1 - lens, 0.3))
    upper = at_v - 0.45 * high
    bridge = soft(0.035 - np.abs(v - upper), 0.04) * soft(0.16 - np.abs(x), 0.05)
    share = np.maximum(share, bridge) * front
    temple = soft(0.045 - np.abs(v - upper), 0.04) * soft(np.abs(a) - 62, 6) * soft(98 - np.abs(a), 4)
    share = np.maximum(share, float(draw.uniform(0.6, 1.0)) * temple)
    part = float(draw.uniform(-0.06, 0.14)) + 0.03 * cloud_like(draw, v, 0.1) + 0.25 * np.clip(v - at_v, -0.1, 0.3)
    if draw.random() < 0.3:  # a coated lens that mirrors something warm
        part = part + float(draw.uniform(0.05, 0.2)) * bell(x, v, float(draw.normal(0, 0.5)), at_v, 0.2, 0.08)
    thick = np.asarray(0.06 * share * front, dtype=np.float32)
    return Worn(np.asarray(share, np.float32), between(looks, np.asarray(part, np.float32)), thick)


def hat(looks: Looks, v: Field, a: Field) -> Worn:
    """A cap with a brim, a woollen one, a helmet, or a hood that is up."""
    draw = own(looks, 10)
    kind = str(draw.choice(("cap", "wool", "helmet", "hood"), p=(0.3, 0.3, 0.2, 0.2)))
    around = np.abs(a)
    low = float(draw.uniform(-0.5, -0.34)) + np.zeros_like(a)
    low = low + {"wool": 0.36, "helmet": 0.1}.get(kind, 0.2) * np.clip((around - 55) / 50, 0, 1)
    if kind == "hood":
        low = np.where(around > 58, 1.6, -0.5) + 0.1 * cloud_like(draw, v, 0.15)
    share = soft(low - v, 0.05)
    level = {"helmet": (0.05, 0.25), "hood": (0.1, 0.4)}.get(kind, (0.2, 0.6))
    part = float(draw.uniform(*level)) + 0.04 * cloud_like(draw, v, 0.05) + 0.03 * cloud_like(draw, v, 0.12)
    band = np.exp(-(((v - low + 0.06) / 0.05) ** 2))
    part = part + float(draw.normal(0, 0.08)) * band
    seams = np.minimum(np.abs(np.mod(around + 30, 60) - 30), 30)
    part = part - (0.06 if kind == "cap" else 0.0) * np.exp(-((seams / 3) ** 2))
    ribs = 0.03 * np.sin(np.radians(a * 24)) if kind == "wool" else 0.0
    thick = share * {"cap": 0.1, "wool": 0.14, "helmet": 0.26, "hood": 0.3}[kind]
    if kind in ("cap", "helmet"):
        brim = soft(0.05 - np.abs(v - low + 0.02), 0.04) * soft(56 - around, 16)
        share = np.maximum(share, brim)
        part = part * (1 - brim) + float(draw.uniform(0.0, 0.25)) * brim
        thick = thick + float(draw.uniform(0.2, 0.5)) * brim * bell(a, v, 0, 0, 40, 9)
    part = np.asarray(part + ribs, dtype=np.float32)
    return Worn(share, between(looks, part), np.asarray(thick, dtype=np.float32))


def headlamp(looks: Looks, v: Field, a: Field) -> Worn:
    """A band around the forehead with a lamp that is warmer than any skin."""
    draw = own(looks, 17)
    at_v = float(draw.uniform(-0.56, -0.4)) + 0.12 * np.clip((np.abs(a) - 40) / 80, 0, 1)
    band = soft(0.05 - np.abs(v - at_v), 0.04)
    lamp = soft(1 - np.hypot(a / 12, (v - at_v) / 0.11), 0.3)
    hot_c = float(draw.uniform(37.5, 46.0))
    cloth = between(looks, float(draw.uniform(0.2, 0.5)) + 0.04 * cloud_like(draw, v, 0.05))
    value_c = cloth * (1 - lamp) + (hot_c - 5 * np.hypot(a / 24, (v - at_v) / 0.2)) * lamp
    share = np.maximum(band, lamp)
    return Worn(share, np.asarray(value_c, np.float32), np.asarray(0.03 * band + 0.15 * lamp, dtype=np.float32))
