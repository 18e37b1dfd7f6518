"""The people and vehicles of a simulated plant, from a seed: the same seed, the same plant."""

from __future__ import annotations

from typing import TypedDict

import numpy as np
from msgspec import Struct

BODY_MEAN_C, BODY_SD_C = 36.88, 0.27
"""Oral temperature of the people without a fever in the FDA's recordings (PhysioNet doi 10.13026/3bhc-9065)."""
FEVER_FROM_C, WELL_BELOW_C = 37.5, 37.4
"""Who has a fever in the same recordings, by definition; the line and spread above are of people below it."""
FEVER_C = (38.0, 39.6)
SKIN_AT_MEAN_C, SKIN_SLOPE, SKIN_SD_C = 35.81, 0.82, 0.29
"""Whole-face maximum against oral temperature in the same recordings: line and spread between people."""
MASK_SHARE, HAT_SHARE, HOT_DRINK_SHARE = 0.5, 0.15, 0.03
_PROVINCE = "蒙"
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
"""A plate has neither I nor O (GA 36-2018)."""


class SimPerson(Struct, frozen=True):
    """One person: `skin_c` is the true maximum of the face's skin, `head_px` the head's width at the standing place.

    `height_m` is from sole to crown.
    """

    badge: str
    body_c: float
    skin_c: float
    glasses: bool
    head_px: float
    mask: bool = False
    hat: bool = False
    beard: bool = False
    cosmetics: bool = False
    hot_drink: bool = False
    height_m: float = 1.68

    @property
    def feverish(self) -> bool:
        """By the definition of the recordings: an oral temperature of 37.5 °C and more."""
        return self.body_c >= FEVER_FROM_C


class _Wear(TypedDict):
    mask: bool
    hat: bool
    beard: bool
    cosmetics: bool
    hot_drink: bool
    height_m: float


class SimVehicle(Struct, frozen=True):
    plate: str


def stream(seed: int, *name: str) -> np.random.Generator:
    """The random numbers of one purpose: independent of all others, the same for the same seed and name."""
    return np.random.default_rng([seed, *"/".join(name).encode()])


def population(seed: int, people: int, fever_share: float = 0.0) -> list[SimPerson]:
    """The plant's people. Raises `ValueError` for a negative number or a share that is none."""
    if people < 0 or not 0 <= fever_share <= 1:
        raise ValueError(f"{people} people, fever share {fever_share}: expected at least 0, and a share from 0 to 1")
    draw = stream(seed, "people")
    wear = stream(seed, "wear")
    found = []
    for number in range(people):
        chance, ill_c = draw.random(), fever_c(draw)
        body_c = ill_c if chance < fever_share else min(draw.normal(BODY_MEAN_C, BODY_SD_C), WELL_BELOW_C)
        skin_c = SKIN_AT_MEAN_C + SKIN_SLOPE * (body_c - BODY_MEAN_C) + draw.normal(0, SKIN_SD_C)
        glasses, head_px = bool(draw.random() < 0.3), float(np.clip(draw.normal(36, 3), 28, 44))
        found.append(
            SimPerson(
                badge=badge_number(number),
                body_c=float(body_c),
                skin_c=float(skin_c),
                glasses=glasses,
                head_px=head_px,
                **_wear(wear),
            )
        )
    return found


def _wear(draw: np.random.Generator) -> _Wear:
    """What somebody wears and looks like; heights of adults in China (2020 national survey: 1.70 and 1.58 m)."""
    mask, hat, woman, beard, paint, drink = draw.random(6)
    is_woman = bool(woman < 0.4)
    height_m = draw.normal(1.58 if is_woman else 1.70, 0.06)
    return {
        "mask": bool(mask < MASK_SHARE),
        "hat": bool(hat < HAT_SHARE),
        "beard": not is_woman and bool(beard < 0.12),
        "cosmetics": is_woman and bool(paint < 0.15),
        "hot_drink": bool(drink < HOT_DRINK_SHARE),
        "height_m": float(np.clip(height_m, 1.40, 2.0)),
    }


def fever_c(draw: np.random.Generator) -> float:
    """The body temperature of somebody with a fever."""
    return float(draw.uniform(*FEVER_C))


def vehicles(seed: int, count: int) -> list[SimVehicle]:
    """Vehicles with plates of one province, all different."""
    draw = stream(seed, "vehicles")
    plates: dict[str, None] = {}
    while len(plates) < count:
        letter, number = _LETTERS[draw.integers(len(_LETTERS))], int(draw.integers(10**5))
        plates[f"{_PROVINCE}{letter}{number:05d}"] = None
    return [SimVehicle(plate) for plate in plates]


def badge_number(number: int) -> str:
    return f"{100_000 + number}"
