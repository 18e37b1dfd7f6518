"""What people have on their faces and heads, as drawn over the skin around a head (`sim.face`).

All take and give °C (or a share) of the shape of `v`, the height (-1 the crown, 1 the chin), and `a`, the longitude in
degrees.
"""

from __future__ import annotations

import numpy as np

from sim.looks import Field, Looks, bell, between, cloud_like, own, soft


def cosmetics(v: Field, a: Field) -> Field:
    """Powder and cream on the front: it insulates and reflects, so the skin reads colder, around the eyes too."""
    front = soft(75 - np.abs(a), 30) * soft(v + 0.62, 0.2)
    return np.asarray(0.35 * front, dtype=np.float32)


def with_mask(looks: Looks, skin: Field, v: Field, a: Field) -> tuple[Field, Field]:
    """A surgical mask; breath warms and cools the cloth before nose and mouth."""
    draw = own(looks, 8)
    top = float(draw.uniform(0.10, 0.26)) + 0.20 * (np.clip(np.abs(a), 0, 70) / 70) ** 1.5
    share = soft(v - top, 0.05) * soft(68 - np.abs(a), 8)
    straps = soft(0.025 - np.abs(v - 0.25 + 0.004 * (np.abs(a) - 68)), 0.03) * soft(np.abs(a) - 66, 4)
    share = np.maximum(share, 0.7 * straps * soft(96 - np.abs(a), 4))
    pleats = 0.05 * np.sin(v * 42) + 0.06 * cloud_like(draw, v, 0.08)
    part = float(draw.uniform(0.42, 0.6)) + pleats + 0.12 * bell(a, v, 0, 0.5, 30, 0.25)
    breath = share * bell(a, v, 0, 0.46, 26, 0.26)
    return np.asarray(skin * (1 - share) + between(looks, part) * share, dtype=np.float32), breath


def with_glasses(looks: Looks, skin: Field, v: Field, a: Field) -> Field:
    """Glass is opaque to a thermal camera and as cold as the air: dark lenses, rim, bridge and temples."""
    draw = own(looks, 9)
    at_v, wide, high = (
        float(draw.uniform(-0.05, 0.05)),
        float(draw.uniform(21, 26)),
        float(draw.uniform(0.15, 0.23)),
    )
    droop, tilt = float(draw.uniform(-0.02, 0.05)), float(draw.normal(0, 0.0006))
    boxy = float(draw.uniform(2.2, 3.6))
    share = np.zeros_like(v)
    for side in (-1, 1):
        across = np.abs(a - side * 32) / wide
        down = np.abs(v - at_v - droop * np.abs(across) ** 2 - tilt * a) / (high * (1 - 0.12 * (across > 0)))
        share = np.maximum(share, soft(1 - (across**boxy + down**boxy) ** (1 / boxy), 0.10))
    bridge = soft(0.05 - np.abs(v - at_v + 0.06), 0.05) * soft(9 - np.abs(a), 3)
    temple = 0.45 * soft(0.03 - np.abs(v - at_v + 0.06), 0.04) * soft(np.abs(a) - 38, 4) * soft(92 - np.abs(a), 4)
    share = np.maximum(share, np.maximum(bridge, temple))
    part = float(draw.uniform(-0.12, 0.12)) + 0.05 * cloud_like(draw, v, 0.1) + 0.12 * np.clip(v - at_v, -0.3, 0.3)
    return np.asarray(skin * (1 - share) + between(looks, part) * share, dtype=np.float32)


def with_hat(looks: Looks, skin: Field, v: Field, a: Field) -> Field:
    """A cap, some with a brim over the forehead, or a woollen one."""
    draw = own(looks, 10)
    low = float(draw.uniform(-0.48, -0.34)) + 0.25 * np.clip((np.abs(a) - 60) / 60, 0, 1)
    share = soft(low - v, 0.05)
    part = float(draw.uniform(0.25, 0.6)) + 0.05 * cloud_like(draw, v, 0.04) - 0.1 * soft(v - low + 0.1, 0.03)
    if draw.random() < 0.5:
        brim = bell(a, v, 0, -0.36, 45, 0.07)
        share, part = np.maximum(share, soft(brim - 0.4, 0.3)), part - 0.2 * brim
    return np.asarray(skin * (1 - share) + between(looks, part) * share, dtype=np.float32)
