"""Clothes as a thermal camera sees them: warm where they lie on the skin, cold where they hang, creased and layered.

Coordinates are those of `sim.figure`. Warmth is a share between the surroundings (0) and the skin (1).
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from sim.background import cloud_like
from sim.looks import Field, Looks, own, soft

CLOTHES = ("tee", "shirt", "hood", "collar", "open", "neckline", "scarf", "overall")
_SHARES = (0.17, 0.12, 0.13, 0.13, 0.27, 0.08, 0.05, 0.05)
_WARM = {"tee": (0.22, 0.6), "shirt": (0.18, 0.54), "hood": (0.02, 0.38), "collar": (-0.06, 0.24), "open": (0.2, 0.58)}
_WARM |= {"neckline": (0.22, 0.58), "scarf": (-0.05, 0.28), "overall": (0.0, 0.34)}
"""From and to which share of the skin's warmth these clothes are, on the whole."""
_CREASE_EVERY_PX = 2
"""Creases are drawn on each so many pixels only: they are broad."""


class Cut(NamedTuple):
    """Where clothes are drawn: coordinates, the body's half widths at shoulder and neck, the share of arms."""

    x: Field
    y: Field
    shoulder: float
    neck: float
    arms: Field
    away: bool


class Cloth(NamedTuple):
    """Warmth, where skin shows instead, and what of the cloth reaches beyond the body."""

    part: Field
    skin: Field
    beyond: Field


def clothes_of(looks: Looks) -> str:
    """The clothes that are drawn: those that are said, or the seed's."""
    return looks.clothes or str(own(looks, 2).choice(CLOTHES, p=_SHARES))


def cloth(looks: Looks, cut: Cut) -> Cloth:
    """All that somebody wears below the chin."""
    kind, draw = clothes_of(looks), own(looks, 18)
    x, y = cut.x, cut.y
    warm = float(draw.uniform(*_WARM[kind]))
    part = _drape(draw, cut, warm)
    at_y = _neckline(kind, draw, cut) + np.float32(0.04) * cloud_like(draw, x[:40], 0.12)[20]
    skin = soft(at_y - y, 0.10) * soft(cut.neck * 1.9 + 0.5 * np.clip(y, 0, 2) - np.abs(x), 0.2)
    part = _collar(kind, draw, cut, part, at_y)
    if kind in ("open", "collar", "overall") and not cut.away:
        part = _front(kind, draw, cut, part)
    if kind in ("shirt", "open", "overall") and not cut.away:
        part, skin_there = _flaps(draw, cut, part)
        skin = skin * skin_there
    part = _extras(draw, cut, part)
    skin = np.maximum(skin, _bare_arms(kind, draw, cut))
    part = np.where(y > 8.0, 0.8 * part + float(draw.uniform(-0.06, 0.06)), part)
    beyond = np.zeros_like(x)
    if kind in ("scarf", "hood", "collar"):
        beyond = _around_neck(kind, draw, cut)
        skin = skin * (1 - beyond)
    return Cloth(np.asarray(np.clip(part, -0.1, 0.72), np.float32), np.asarray(skin, np.float32), beyond)


def _drape(draw: np.random.Generator, cut: Cut, warm: float) -> Field:
    """The cloth itself: lying on shoulders and chest, hanging at the waist, with creases and a weave."""
    x, y, shoulder = cut.x, cut.y, cut.shoulder
    contact = float(draw.uniform(0.2, 0.55)) * max(0.26, warm)
    part = np.full_like(x, warm)
    for side in (-1, 1):
        part += 0.7 * contact * np.exp(-(((x - side * shoulder * 0.5) / 0.9) ** 2) - ((y - 0.9) / 0.5) ** 2)
        part += (
            0.6
            * contact
            * float(draw.uniform(0, 1))
            * np.exp(-(((x - side * 0.9) / 0.6) ** 2) - ((y - 2.2) / 0.8) ** 2)
        )
    part += contact * float(draw.uniform(-0.8, 0.3)) * np.exp(-((x / 0.5) ** 2) - ((y - 3.2) / 1.6) ** 2)
    part -= contact * float(draw.uniform(0.0, 0.9)) * soft(y - 3.0, 2.5)
    part += (
        0.2 * contact * cloud_like(draw, x, 0.3)
        + 0.08 * contact * cloud_like(draw, x, 0.12)
        + 0.03 * contact * cloud_like(draw, x, 0.04)
        + float(draw.uniform(0.15, 0.6)) * contact * _streaks(draw, cut)
    )
    part += _creases(draw, cut, float(draw.uniform(1.0, 3.4)) * contact)
    part += _folds(draw, cut, float(draw.choice([0.0, draw.uniform(0.1, 0.5), draw.uniform(0.3, 0.9)])) * contact)
    part += float(draw.normal(0, 0.09)) * cut.arms + float(draw.uniform(-0.16, 0.0)) * _armpit(cut)
    seam = (
        np.exp(-(((np.abs(x) - shoulder * 0.78 + 0.1 * (y - 1)) / 0.06) ** 2)) * soft(y - 0.7, 0.3) * soft(2.6 - y, 0.6)
    )
    part += float(draw.normal(0, 0.1)) * seam
    weave = 0.014 * cloud_like(draw, x, 0.016) + 0.01 * cloud_like(draw, x[:40], 0.02)[20]
    return np.asarray(part + weave, dtype=np.float32)


def _streaks(draw: np.random.Generator, cut: Cut) -> Field:
    """How cloth hangs: noise that is drawn out downwards and from the shoulders, standard deviation about 1."""
    x, y = cut.x[::2, ::2], cut.y[::2, ::2]
    fan = float(draw.uniform(-0.1, 0.25))
    across = x / (1 + fan * np.clip(y, 0, 6)) + 0.12 * cloud_like(draw, x, 0.15) + float(draw.normal(0, 0.08)) * y
    total = np.zeros_like(x)
    for every, rows, weight in ((1.1, 6, 0.8), (0.45, 9, 0.5)):
        columns = round(12 / every)
        noise = draw.standard_normal((rows, columns), np.float32)
        row = np.clip((y + 1) / 20 * (rows - 1), 0, rows - 1)
        column = np.clip((across + 6) / 12 * (columns - 1), 0, columns - 1)
        total += weight * cv2.remap(noise, column.astype(np.float32), row.astype(np.float32), cv2.INTER_CUBIC)
    full = cv2.resize(total, (cut.x.shape[1], cut.x.shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(full, dtype=np.float32)


def _armpit(cut: Cut) -> Field:
    """The gap between the arm and the trunk."""
    inner = cut.shoulder * np.interp(cut.y[:, 0], (1.8, 4.7, 8.6), (0.74, 0.83, 0.87))[:, None]
    return np.asarray(np.exp(-(((np.abs(cut.x) - inner) / 0.1) ** 2)) * soft(cut.y - 1.9, 0.6), dtype=np.float32)


def _creases(draw: np.random.Generator, cut: Cut, height: float) -> Field:
    """Bent strokes, warmer or colder than the cloth: from the shoulders inwards, and hanging down."""
    every = _CREASE_EVERY_PX
    x, y = (np.ascontiguousarray(axis[::every, ::every]) for axis in (cut.x, cut.y))
    total = np.zeros_like(x)
    for _ in range(int(draw.integers(14, 36))):
        side = float(draw.choice([-1, 1]))
        cx = side * float(draw.uniform(0.05, 1.0)) * cut.shoulder
        cy = float(draw.choice([draw.uniform(0.3, 2.5), draw.uniform(0.8, 6.5)]))
        lie = float(draw.normal(0.35 if cy < 2.6 else 0.05, 0.35)) * side  # from upright
        lie += float(draw.choice([0.0, 0.0, draw.normal(1.1, 0.3)]))  # or drawn across the chest and belly
        long, wide = float(draw.uniform(0.3, 1.6)), float(draw.choice([0.06, 0.09, 0.14, 0.26]))
        bend = float(draw.normal(0, 0.2))
        dx, dy = x - cx, y - cy
        along, across = dy * np.cos(lie) - dx * np.sin(lie), dx * np.cos(lie) + dy * np.sin(lie)
        across = (across - bend * along * along) / wide
        if draw.random() < 0.3:
            across = -across
        lit = np.where(across > 0, 0.4, 1.5) * across  # a fold is shaded off to one side, and steep on the other
        way = float(draw.choice([-1, 1]))
        total += way * float(draw.uniform(0.3, 1.0)) * np.exp(-lit * lit - (along / long) ** 2)
    full = cv2.resize(total, (cut.x.shape[1], cut.x.shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(height * full, dtype=np.float32)


def _folds(draw: np.random.Generator, cut: Cut, height: float) -> Field:
    """Cloth that hangs in folds from the chest down, or is drawn to a side."""
    x, y = cut.x, cut.y
    way = float(draw.normal(0, 0.35))
    across = x * np.cos(way) + y * np.sin(way) + 0.25 * cloud_like(draw, x, 0.3) + 0.05 * cloud_like(draw, x, 0.1)
    folds = np.sin(2 * np.pi * across / float(draw.uniform(0.8, 1.9)) + 2.2 * cloud_like(draw, x, 0.25))
    return np.asarray(height * folds * np.abs(folds) * soft(y - float(draw.uniform(0.7, 2.0)), 1.2), dtype=np.float32)


def _neckline(kind: str, draw: np.random.Generator, cut: Cut) -> Field:
    """Down to where skin shows, for each x: around the neck's foot, round or pointed in front."""
    deep = {"neckline": 1.35, "tee": 0.62, "open": 0.62, "shirt": 0.85, "hood": 0.5, "overall": 0.55}.get(kind, 0.28)
    deep = deep * float(draw.uniform(0.65, 1.35)) * (0.25 if cut.away else 1.0)
    wide = cut.neck * float(draw.uniform(1.1, 1.3 if kind in ("shirt", "collar", "overall") else 1.75))
    pointed = draw.random() < {"shirt": 0.9, "overall": 0.9, "collar": 0.9, "tee": 0.15}.get(kind, 0.5)
    across = np.abs(cut.x - float(draw.normal(0, 0.1)) - float(draw.normal(0, 0.1)) * cut.y)
    inside = 1 - across / wide
    shape = np.where(inside > 0, np.clip(inside, 0, 1) ** (1.0 if pointed else 0.5), 2.5 * inside)
    return np.asarray(0.02 + deep * shape, dtype=np.float32)


def _collar(kind: str, draw: np.random.Generator, cut: Cut, part: Field, at_y: Field) -> Field:
    """What goes around the neck: a band, two flaps, or a thick fold."""
    below = cut.y - at_y
    high = {"shirt": 0.34, "hood": 0.55, "collar": 0.5, "open": 0.4, "overall": 0.36, "scarf": 0.7}.get(kind, 0.13)
    high = high * float(draw.uniform(0.7, 1.4))
    if kind in ("tee", "neckline") and draw.random() < 0.55:
        return part  # a hem that is as warm as the rest
    near = soft(cut.neck * 2.0 + 0.25 - np.abs(cut.x), 0.2)
    band = soft(below, 0.09) * soft(high - below, 0.10) * near
    dark = draw.random() < {"tee": 0.3, "neckline": 0.2}.get(kind, 0.55)
    colder = float(draw.uniform(0.3, 0.8)) if dark else float(draw.uniform(0.75, 1.2))
    part = part * (1 - band) + (part * colder + 0.05 * cloud_like(draw, cut.x, 0.03)) * band
    gap = float(draw.choice([0.0, draw.uniform(0.05, 0.3)]))  # where it stands off the neck one sees into the shade
    part = part - gap * np.exp(-((below / 0.07) ** 2)) * near
    edge = np.exp(-(((below - high) / 0.09) ** 2)) * near
    return np.asarray(part + float(draw.normal(-0.05, 0.13)) * edge, dtype=np.float32)


def _flaps(draw: np.random.Generator, cut: Cut, part: Field) -> tuple[Field, Field]:
    """The two ends of a collar, which lie on the chest: double cloth, colder; and where they leave skin to be seen."""
    left = np.ones_like(part)
    long, wide = float(draw.uniform(0.7, 1.4)), float(draw.uniform(0.35, 0.75))
    level, shadow = float(draw.choice([draw.uniform(0.15, 0.6), draw.uniform(0.6, 1.1)])), float(draw.uniform(0, 0.12))
    for side in (-1, 1):
        out = cut.x * side
        spread = float(draw.uniform(0.1, 0.5))
        lean = out - cut.neck * 0.9 + (cut.neck * 0.9 - spread) * np.clip((cut.y + 0.1) / long, 0, 1.5)
        inside = np.minimum(np.minimum(lean, wide * (1.1 - 0.4 * cut.y / long) - lean), np.minimum(cut.y + 0.1, 9.0))
        inside = np.minimum(inside, (long - cut.y) * 0.6 - 0.2 * lean)
        flap = soft(inside, 0.06) * (out > 0)
        under = np.exp(-((np.clip(inside + 0.06, None, 0) / 0.08) ** 2)) * (out > 0) * soft(cut.y - 0.1, 0.2)
        part = part - shadow * under * (1 - flap)
        part = part * (1 - flap) + (part * level + 0.03 * cloud_like(draw, cut.x, 0.05)) * flap
        left = left * (1 - flap)
    return np.asarray(part, np.float32), np.asarray(left, np.float32)


def _front(kind: str, draw: np.random.Generator, cut: Cut, part: Field) -> Field:
    """A jacket that is open over something warmer, or its closed zip."""
    x, y = cut.x, cut.y
    middle = float(draw.normal(0, 0.12)) + 0.05 * np.sin(y * float(draw.uniform(0.5, 1.5)))
    if kind != "open":
        line = np.exp(-(((x - middle) / 0.06) ** 2)) * soft(y - 0.3, 0.2)
        flap = soft(x - middle, 0.05) * soft(0.35 - (x - middle), 0.05) * soft(y - 0.3, 0.2)
        return np.asarray(part + float(draw.normal(0, 0.09)) * line + float(draw.normal(0, 0.03)) * flap, np.float32)
    gap = float(draw.uniform(0.35, 0.85)) + float(draw.uniform(-0.03, 0.3)) * np.clip(y - 0.5, 0, 6)
    left, right = gap * float(draw.uniform(0.7, 1.4)), gap * float(draw.uniform(0.7, 1.4))
    inside = np.minimum(x - middle + left, right - (x - middle)) + 0.04 * cloud_like(draw, x, 0.1)
    outer = soft(-inside, 0.08)
    jacket = part * float(draw.uniform(0.05, 0.6)) + float(draw.uniform(0.0, 0.06))
    lapel = outer * soft(0.32 + inside, 0.06) * soft(3.5 - y, 0.4)
    jacket = jacket * (1 - lapel) + jacket * float(draw.uniform(0.4, 1.2)) * lapel
    shadow = np.exp(-((inside / 0.1) ** 2)) * (inside > 0)
    return np.asarray(part * (1 - outer) + jacket * outer - 0.25 * part * shadow, np.float32)


def _extras(draw: np.random.Generator, cut: Cut, part: Field) -> Field:
    """A pocket, a card on its string, straps, a bag's belt across."""
    x, y, away = cut.x, cut.y, cut.away
    string, straps, belt, pocket = draw.random(4)
    if string < 0.2 and not away:
        hang = float(draw.uniform(2.4, 4.2))
        lie = x - 0.12 * np.sin(y * 0.9) + 0.03 * cloud_like(draw, x, 0.2)
        line = np.abs(np.abs(lie) - 0.62 * cut.neck * (1 - (y - 0.3) / hang)) / 0.05
        part = part - 0.12 * np.exp(-(line**2)) * soft(hang - y, 0.2) * soft(y - 0.3, 0.2)
        card = soft(np.minimum(0.36 - np.abs(x), 0.48 - np.abs(y - hang - 0.45)), 0.06)
        part = part * (1 - card) + (part * float(draw.uniform(0.3, 0.8))) * card
    if straps < 0.1:
        strap = soft(0.2 - np.abs(np.abs(x) - 1.25 - 0.06 * y), 0.06) * soft(4.5 - y, 0.5)
        part = part * (1 - strap) + part * float(draw.uniform(0.75, 0.97)) * strap
    if belt > 0.9:
        slant = float(draw.choice([-1, 1])) * x - float(draw.uniform(0.55, 0.9)) * (y - 2.4)
        part = part - float(draw.uniform(0.05, 0.2)) * np.exp(-((slant / 0.12) ** 2)) * soft(y - 0.4, 0.3)
    if pocket < 0.3 and not away:
        px, py = float(draw.choice([-1, 1])) * float(draw.uniform(0.8, 1.2)), float(draw.uniform(2.4, 3.2))
        inside = np.minimum(0.42 - np.abs(x - px), 0.46 - np.abs(y - py))
        part = part - float(draw.uniform(0.01, 0.06)) * soft(inside, 0.06) - 0.05 * np.exp(-((inside / 0.05) ** 2))
    return np.asarray(part, dtype=np.float32)


def _bare_arms(kind: str, draw: np.random.Generator, cut: Cut) -> Field:
    """Skin below short sleeves, or hands."""
    from_y = float(draw.uniform(2.4, 3.6)) if kind == "tee" or (kind == "shirt" and draw.random() < 0.4) else 7.6
    return np.asarray(cut.arms * soft(cut.y - from_y, 0.15), dtype=np.float32)


def _around_neck(kind: str, draw: np.random.Generator, cut: Cut) -> Field:
    """A scarf, a hood that is down or a stand-up collar, which hides the neck."""
    x, y = cut.x, cut.y
    wide = cut.neck * float(draw.uniform(1.25, 1.7))
    rise = {"scarf": draw.uniform(-0.1, 0.12), "hood": draw.uniform(0.05, 0.4), "collar": draw.uniform(-0.02, 0.35)}[
        kind
    ]
    dip = float(draw.uniform(0.0, 0.3)) + (0.5 if kind != "scarf" else 0.05)
    if cut.away:
        dip = 0.0
    top = float(rise) - 0.12 * np.abs(x) + dip * np.clip(1 - np.abs(x) / (0.8 * wide), 0, 1)
    lumps = 0.05 * cloud_like(draw, x, 0.08)
    share = soft(y - top + lumps, 0.1) * soft(wide + 0.35 * np.clip(y, 0, 2) - np.abs(x) + lumps, 0.12) * (y < 1.4)
    return np.asarray(share, dtype=np.float32)
