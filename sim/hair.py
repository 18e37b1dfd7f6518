"""Hair and beards on a head: how far they reach, how thick they are, and how warm what one sees of them is.

`v` and `a` are the height and the longitude of each point, as in `sim.skull`.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from sim.background import cloud_like
from sim.looks import Field, Looks, bell, between, own, soft

HAIR = ("short", "receding", "shaved", "fringe", "swept", "parted", "long", "tied", "curly", "bald")
_HAIR_SHARES = (0.25, 0.09, 0.06, 0.09, 0.13, 0.09, 0.09, 0.12, 0.05, 0.03)
LONG_HAIR = ("long", "parted")
_FRONT_V = {"short": -0.68, "receding": -0.8, "shaved": -0.72, "fringe": -0.44, "swept": -0.62, "parted": -0.7}
_FRONT_V |= {"long": -0.68, "tied": -0.7, "curly": -0.64, "bald": -1.3}
_VOLUME = {"short": 0.11, "receding": 0.08, "shaved": 0.02, "fringe": 0.12, "swept": 0.15, "parted": 0.12}
_VOLUME |= {"long": 0.14, "tied": 0.08, "curly": 0.24, "bald": 0.0}


class Hair(NamedTuple):
    """`share` covers the skin, °C of it, and how far it stands off the skull, in units; all of the shape of `v`."""

    share: Field
    value_c: Field
    thick: Field


def hair_of(looks: Looks) -> str:
    """The hair that is drawn: the one that is said, or the seed's."""
    return looks.hair or str(own(looks, 1).choice(HAIR, p=_HAIR_SHARES))


def front_of(looks: Looks) -> float:
    """The v of the hairline above the nose."""
    return _FRONT_V[hair_of(looks)] + float(own(looks, 5).normal(0, 0.05))


def hair(looks: Looks, v: Field, a: Field) -> Hair:
    """The hair of a head, without the beard."""
    style = hair_of(looks)
    draw = own(looks, 6)
    strands = _strands(looks, v, a)
    jagged = float(draw.uniform(0.06, 0.17)) if style in ("fringe", "swept") else float(draw.uniform(0.02, 0.07))
    inside = _hairline(looks, a) + jagged * strands - v
    edge = {"receding": 0.22, "shaved": 0.16, "bald": 0.1}.get(style, float(draw.uniform(0.08, 0.22)))
    share = soft(inside, edge) * {"receding": 0.85, "shaved": 0.75}.get(style, 0.97)
    share = share * soft(_hairline(looks, a) + 0.97, 0.06)  # what begins at the crown itself is bald
    share = share * soft(0.86 - v, 0.12)  # and none grows under the jaw
    part = _part(looks, draw, np.asarray(inside, np.float32), strands, v, a)
    volume = _VOLUME[style] * float(draw.uniform(0.7, 1.5))
    tufts = 1 + 0.22 * cloud_like(draw, v, 0.05) + (0.16 if style == "curly" else 0.1) * strands
    thick = volume * share * tufts * np.clip(inside / 0.3, 0.15, 1) * np.clip(1.15 - 0.4 * v, 0.6, 1.2)
    if style not in LONG_HAIR and style != "curly":  # cut short beside the ears
        thick = thick * (1 - 0.75 * bell(np.abs(a), v, 90, 0.0, 60, 0.55))
    if style == "tied" and draw.random() < 0.5:
        thick = thick + float(draw.uniform(0.15, 0.35)) * _bun(draw, v, a)
    return Hair(share, between(looks, part), np.asarray(np.clip(thick, 0, 0.6), dtype=np.float32))


def _part(looks: Looks, draw: np.random.Generator, inside: Field, strands: Field, v: Field, a: Field) -> Field:
    """How near to the skin's the hair's temperature is: thin at its edge, in the parting and on the crown."""
    style = hair_of(looks)
    root, tip = float(draw.uniform(0.0, 0.24)), float(draw.uniform(-0.08, 0.08))
    if style in ("shaved", "receding"):
        root, tip = root + 0.12, tip + 0.1
    deep = np.clip(inside / float(draw.uniform(0.25, 0.7)), 0, 1)
    part = root + (tip - root) * deep**0.7
    part = part + float(draw.uniform(0.01, 0.08)) * strands + 0.04 * cloud_like(draw, v, 0.09)
    part = part + float(draw.uniform(-0.05, 0.12)) * bell(a, v, float(draw.normal(0, 40)), -0.85, 60, 0.2)
    if style in ("parted", "tied", "long") or (style == "swept" and draw.random() < 0.4):
        at_a = float(draw.normal(0, 12)) + 18 * (v + 0.9) * float(draw.normal(0, 1))
        line = np.exp(-(((a - at_a) / (2.5 + 6 * np.clip(v + 1, 0, 1))) ** 2)) * soft(-0.5 - v, 0.25)
        part = part + float(draw.choice([0.0, draw.uniform(0.05, 0.3)])) * line
    return np.asarray(np.clip(part, -0.05, 0.92), dtype=np.float32)


def _strands(looks: Looks, v: Field, a: Field) -> Field:
    """Noise drawn out along the hair, standard deviation about 1: from the crown down, swept to a side."""
    draw = own(looks, 16)
    rows, columns = v.shape
    fine, coarse = (
        np.asarray(cv2.resize(draw.standard_normal(size, np.float32), (columns, rows), interpolation=cv2.INTER_CUBIC))
        for size in ((6, 130), (4, 40))
    )
    lock = np.asarray((0.8 * fine + 0.8 * coarse) * np.clip((v + 1.0) / 0.3, 0.1, 1), dtype=np.float32)
    swept = 26.0 if hair_of(looks) in ("swept", "parted", "long") else 7.0
    shift = float(draw.normal(0, 1)) * swept * (v + 1) + 5 * cloud_like(draw, v, 0.12)
    if hair_of(looks) == "curly":
        shift = shift + 14 * cloud_like(draw, v, 0.035)
    row = np.broadcast_to(np.arange(rows, dtype=np.float32)[:, None], v.shape)
    column = np.asarray((a + shift + 180) * (columns / 360) % columns, dtype=np.float32)
    return np.asarray(cv2.remap(lock, column, np.ascontiguousarray(row), cv2.INTER_LINEAR), dtype=np.float32)


def _hairline(looks: Looks, a: Field) -> Field:
    """The v down to which hair grows, for each longitude."""
    draw = own(looks, 5)
    style = hair_of(looks)
    front = _FRONT_V[style] + float(draw.normal(0, 0.05))
    around = np.abs(a)
    corner = float(draw.uniform(-0.06, 0.08)) * np.exp(-(((around - 36) / 13) ** 2))
    burns = float(draw.uniform(-0.1, 0.22))
    side_v, side_from = (
        (1.6, float(draw.uniform(40, 56))) if style in LONG_HAIR else (burns, float(draw.uniform(36, 52)))
    )
    side = np.clip((around - side_from) / 22, 0, 1) ** 1.3 * (side_v - front)
    nape = np.clip((around - 112) / 18, 0, 1) * max(0.0, 0.82 - side_v)
    sweep = np.zeros_like(a)
    if style in ("swept", "parted"):  # combed from one temple over the forehead to the other
        to = float(draw.choice([-1, 1]))
        sweep = float(draw.uniform(0.1, 0.3)) * np.sin(np.radians(np.clip(to * a * 1.6, -90, 90))) * (around < 75)
    if style == "fringe":
        sweep = -float(draw.uniform(0.0, 0.2)) * np.exp(-(((a - float(draw.normal(0, 14))) / 16) ** 2))
    lean = float(draw.normal(0, 0.05)) * np.sin(np.radians(2 * a))
    return np.asarray(front - corner + side + nape + sweep + lean, dtype=np.float32)


def _bun(draw: np.random.Generator, v: Field, a: Field) -> Field:
    """A knot on the crown or behind it."""
    size, at_a = float(draw.uniform(0.1, 0.16)), float(draw.uniform(-180, 180))
    return soft(size - (v + 1.0) * (1 + 0.4 * np.sin(np.radians(a - at_a))), 0.08)


def beard(looks: Looks, v: Field, a: Field) -> Hair:
    """A full beard, one around the mouth, or stubble."""
    draw = own(looks, 7)
    kind = str(draw.choice(("full", "goatee", "stubble", "bushy"), p=(0.3, 0.32, 0.23, 0.15)))
    upper = float(draw.uniform(0.42, 0.52))
    reach = 26.0 if kind == "goatee" else 100.0
    cheek = 0.66 - float(draw.uniform(0.3, 0.5)) * np.clip((np.abs(a) - 24) / 45, 0, 1)
    mouth = bell(a, v, 0, float(draw.uniform(0.61, 0.66)), 14, 0.06)
    gap = bell(a, v, 0, 0.75, 20, 0.05) * float(draw.choice([0.0, 0.8])) if kind == "goatee" else 0.0
    strands = _strands(looks, v, a)
    edge = np.minimum(v - upper, v - cheek) + 0.03 * strands
    share = soft(edge, 0.12) * soft(reach - np.abs(a), 12) * (1 - 0.92 * mouth) * (1 - gap)
    share = share * {"stubble": 0.45}.get(kind, float(draw.uniform(0.75, 1.0)))
    base, deep = float(draw.uniform(0.4, 0.65)), 0.1 if kind != "bushy" else 0.4
    part = base - deep * np.clip(edge / 0.4, 0, 1) + 0.06 * strands
    thick = share * {"full": 0.06, "goatee": 0.04, "bushy": 0.22}.get(kind, 0.0) * (1 + 0.2 * strands)
    value_c = between(looks, np.asarray(np.clip(part, 0.08, 0.9), np.float32))
    return Hair(share, value_c, np.asarray(np.clip(thick, 0, 0.5), dtype=np.float32))
