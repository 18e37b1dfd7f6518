"""The characters of number plates as masks: letters and digits of our own strokes, Chinese ones of outlines."""

from __future__ import annotations

import json
import math
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.uint8]
_OUTLINES = Path(__file__).parent / "data" / "plate_glyphs.json"
_OUTLINE_BOX = (450, 900)
_FINER = 4
"""Drawn so many times larger, then shrunk: soft edges."""
_STROKE_SHARE = 0.235
"""Of a character's width."""
_ARC_STEPS = 16


class _Arc(NamedTuple):
    """Part of an ellipse: degrees from the right, clockwise (y is downwards)."""

    x: float
    y: float
    rx: float
    ry: float
    from_deg: float
    to_deg: float


_Piece = tuple[float, float] | _Arc
_Stroke = tuple[_Piece, ...]

_BOWL_TOP = _Arc(0.5, 0.25, 0.5, 0.25, -90, 90)
_BOWL_LOW = _Arc(0.5, 0.75, 0.5, 0.25, -90, 90)
_RING: _Stroke = (_Arc(0.5, 0.3, 0.5, 0.3, 180, 360), _Arc(0.5, 0.7, 0.5, 0.3, 0, 180), (0.0, 0.3))
_C: _Stroke = (_Arc(0.5, 0.3, 0.5, 0.3, 360, 180), _Arc(0.5, 0.7, 0.5, 0.3, 180, 0))
_STROKES: dict[str, tuple[_Stroke, ...]] = {
    "A": (((0.0, 1.0), (0.5, 0.0), (1.0, 1.0)), ((0.18, 0.68), (0.82, 0.68))),
    "B": (((0.0, 1.0), (0.0, 0.0), _BOWL_TOP, (0.0, 0.5)), ((0.0, 0.5), _BOWL_LOW, (0.0, 1.0))),
    "C": (_C,),
    "D": (((0.0, 0.0), (0.0, 1.0), _Arc(0.4, 0.65, 0.6, 0.35, 90, 0), _Arc(0.4, 0.35, 0.6, 0.35, 0, -90), (0.0, 0.0)),),
    "E": (((1.0, 0.0), (0.0, 0.0), (0.0, 1.0), (1.0, 1.0)), ((0.0, 0.48), (0.85, 0.48))),
    "F": (((1.0, 0.0), (0.0, 0.0), (0.0, 1.0)), ((0.0, 0.48), (0.85, 0.48))),
    "G": ((*_C, (1.0, 0.55), (0.55, 0.55)),),
    "H": (((0.0, 0.0), (0.0, 1.0)), ((1.0, 0.0), (1.0, 1.0)), ((0.0, 0.5), (1.0, 0.5))),
    "J": (((0.9, 0.0), (0.9, 0.7), _Arc(0.45, 0.72, 0.45, 0.28, 0, 180)),),
    "K": (((0.0, 0.0), (0.0, 1.0)), ((1.0, 0.0), (0.0, 0.6)), ((0.3, 0.42), (1.0, 1.0))),
    "L": (((0.0, 0.0), (0.0, 1.0), (1.0, 1.0)),),
    "M": (((0.0, 1.0), (0.0, 0.0), (0.5, 0.62), (1.0, 0.0), (1.0, 1.0)),),
    "N": (((0.0, 1.0), (0.0, 0.0), (1.0, 1.0), (1.0, 0.0)),),
    "P": (((0.0, 1.0), (0.0, 0.0), _Arc(0.5, 0.28, 0.5, 0.28, -90, 90), (0.0, 0.56)),),
    "Q": (_RING, ((0.58, 0.74), (1.0, 1.02))),
    "R": (((0.0, 1.0), (0.0, 0.0), _Arc(0.5, 0.27, 0.5, 0.27, -90, 90), (0.0, 0.54)), ((0.5, 0.54), (1.0, 1.0))),
    "S": ((_Arc(0.5, 0.25, 0.5, 0.25, 0, -250), _Arc(0.5, 0.74, 0.5, 0.26, -70, 180)),),
    "T": (((0.0, 0.0), (1.0, 0.0)), ((0.5, 0.0), (0.5, 1.0))),
    "U": (((0.0, 0.0), (0.0, 0.7), _Arc(0.5, 0.7, 0.5, 0.3, 180, 0), (1.0, 0.0)),),
    "V": (((0.0, 0.0), (0.5, 1.0), (1.0, 0.0)),),
    "W": (((0.0, 0.0), (0.22, 1.0), (0.5, 0.25), (0.78, 1.0), (1.0, 0.0)),),
    "X": (((0.0, 0.0), (1.0, 1.0)), ((1.0, 0.0), (0.0, 1.0))),
    "Y": (((0.0, 0.0), (0.5, 0.5), (1.0, 0.0)), ((0.5, 0.5), (0.5, 1.0))),
    "Z": (((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)),),
    "0": (_RING,),
    "1": (((0.28, 0.12), (0.5, 0.0), (0.5, 1.0)),),
    "2": ((_Arc(0.5, 0.28, 0.5, 0.28, 180, 380), (0.0, 1.0), (1.0, 1.0)),),
    "3": (((0.05, 0.0), (1.0, 0.0), (0.48, 0.4), _Arc(0.5, 0.7, 0.5, 0.3, -80, 170)),),
    "4": (((0.72, 1.0), (0.72, 0.0), (0.0, 0.7), (1.0, 0.7)),),
    "5": (((0.95, 0.0), (0.12, 0.0), (0.04, 0.46), _Arc(0.5, 0.68, 0.5, 0.32, -125, 160)),),
    "6": (((0.72, 0.0), (0.06, 0.56)), (_Arc(0.5, 0.7, 0.5, 0.3, 0, 360),)),
    "7": (((0.0, 0.0), (1.0, 0.0), (0.38, 1.0)),),
    "8": ((_Arc(0.5, 0.25, 0.44, 0.25, 0, 360),), (_Arc(0.5, 0.74, 0.5, 0.26, 0, 360),)),
    "9": ((_Arc(0.5, 0.3, 0.5, 0.3, 0, 360),), ((0.94, 0.44), (0.28, 1.0))),
}  # fmt: skip
LETTERS = "".join(character for character in _STROKES if character.isalpha())
DIGITS = "0123456789"
PROVINCES = "京津冀晋蒙辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂琼渝川贵云藏陕甘青宁新"
ENDINGS = "警学港澳领使挂"


@lru_cache(maxsize=512)
def glyph(character: str, height: int, width: int) -> Mask:
    """A character as a mask, uint8 of shape (height, width), 255 where there is paint.

    Raises `ValueError` for a character that is on no plate.
    """
    large = np.zeros((height * _FINER, width * _FINER), np.uint8)
    if character in _STROKES:
        _draw_strokes(large, character)
    elif character in _outlines():
        _draw_outline(large, character)
    else:
        raise ValueError(f"character {character!r}: expected one of {PROVINCES}{ENDINGS}{LETTERS}{DIGITS}")
    mask = cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA)
    mask.setflags(write=False)
    return np.asarray(mask, np.uint8)


@lru_cache(maxsize=1)
def _outlines() -> dict[str, list[list[int]]]:
    found: dict[str, list[list[int]]] = json.loads(_OUTLINES.read_text("utf-8"))
    return found


def _draw_outline(image: Mask, character: str) -> None:
    scale = np.array([image.shape[1] / _OUTLINE_BOX[0], image.shape[0] / _OUTLINE_BOX[1]])
    polygons = [np.round(np.reshape(points, (-1, 2)) * scale).astype(np.int32) for points in _outlines()[character]]
    # One call for all contours fills by the even-odd rule: an inner contour is a hole.
    cv2.fillPoly(image, polygons, (255.0,))


def _draw_strokes(image: Mask, character: str) -> None:
    height, width = image.shape
    thick = round(width * _STROKE_SHARE)
    inner = np.array([width - thick, height - thick], float)
    for stroke in _STROKES[character]:
        points = np.array([point for piece in stroke for point in _points(piece)])
        places = np.round(points * inner + thick / 2).astype(np.int32)
        cv2.polylines(image, [places], isClosed=False, color=(255.0,), thickness=thick)


def _points(piece: _Piece) -> list[tuple[float, float]]:
    if not isinstance(piece, _Arc):
        return [piece]
    degrees = np.linspace(piece.from_deg, piece.to_deg, _ARC_STEPS).tolist()
    return [
        (piece.x + piece.rx * math.cos(math.radians(at)), piece.y + piece.ry * math.sin(math.radians(at)))
        for at in degrees
    ]
