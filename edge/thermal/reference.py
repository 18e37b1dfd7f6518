"""The heated reference (blackbody) in the frame: found as a small, round, even, warm disc, and followed.

The frame is cut at many temperatures. A disc is a round piece at many of them, at the same place and of about the same
size, for its edge is steep; a canthus, a chin or a lamp's reflection is round at one or two. Of several discs it is the
one that stands out most from all that surrounds it: a face is nearly as warm around its hottest spot.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.drivers.base import CelsiusImage
from edge.thermal.types import Reference

RADIUS_PX = (2.2, 16.0)
"""Of a disc at 160x120; scaled with the frame's longer side."""
LEAST_RADIUS_PX = 2.2
"""Of the camera's own pixels: the blur reaches the middle of a smaller disc, which reads half a kelvin too cold."""
PLAUSIBLE_C = (24.0, 46.0)
"""What a reference near skin temperature reads at most and at least, with a camera that is 5 K off."""
CAMERA_OFF_C = 7.0
"""How far a camera's reading may be from a reference's set temperature: a Lepton's ±5 K, and some drift."""
_BASE_SIDE_PX = 160
_WORK_SIDE_PX = 240
"""A larger frame is looked through at about this size: the disc is larger there, too."""
_LEVELS, _MOST_STEP_C = 12, 0.8
"""So many cuts at least; more, where something hot (a lamp) would drive them apart."""
_MIN_ROUND = 0.70
_MIN_CONTRAST_C = 2.5
"""Of a disc over its surroundings: 4 to 8 K in real recordings."""
_STEEP, _STEEP_AGAIN = 0.55, 0.3
"""The share of its height over its surroundings through which a disc is round; of one that is where it was before."""
_EVEN = 0.1
"""The spread within a disc, as a share of its height: 0.02 to 0.05 in real recordings, 0.15 in faces."""
_NEAR_PX = 6.0
_SAME_PX = 2.0
_INNER = 0.5
"""The part of a disc, from its middle, that is read: the lens takes warmth from what is nearer to its edge."""
_SECTORS = 8


class _Piece(NamedTuple):
    """A round piece of one cut, in pixels of the frame that was cut; how deep it is, in kelvin."""

    x: float
    y: float
    radius: float
    depth_c: float = 0.0


def find_reference(image: CelsiusImage, last: Reference | None = None, set_c: float | None = None) -> Reference | None:
    """The reference in a frame of °C, shape (H, W); None when there is none.

    With `last` it is looked for only where it was: neither it nor the camera moves, and what is round elsewhere is
    something else. Without, it must be a clear one. `set_c`: its set temperature, where it is known.
    """
    scale = max(image.shape) / _BASE_SIDE_PX
    pieces = _pieces(image, scale)
    steep = _STEEP
    if last is not None:
        pieces = [p for p in pieces if math.hypot(p.x - last.x, p.y - last.y) < _NEAR_PX * scale]
        steep = _STEEP_AGAIN
    discs = [disc for piece in pieces if (disc := _measured(image, piece, steep)) is not None]
    if set_c is not None:
        discs = [disc for disc in discs if abs(disc[1].seen_c - set_c) <= CAMERA_OFF_C]
    return max(discs, key=lambda disc: disc[0], default=(0.0, None))[1]


def _pieces(image: CelsiusImage, scale: float) -> list[_Piece]:
    """What is round at two cuts or more, as it is at the middle one."""
    factor = _factor(max(image.shape))
    sized = _sized(image, factor)
    levels = _levels(sized)
    groups: list[list[_Piece]] = []
    for level_c in levels:
        for piece in _round_pieces(sized, float(level_c), scale * factor):
            same = next((g for g in groups if math.hypot(g[-1].x - piece.x, g[-1].y - piece.y) < _SAME_PX), None)
            groups.append([piece]) if same is None else same.append(piece)
    step_c, shift = float(levels[1] - levels[0]), (1 / factor - 1) / 2
    middles = [(group[len(group) // 2], len(group) * step_c) for group in groups if len(group) > 1]
    found = (_Piece(p.x / factor + shift, p.y / factor + shift, p.radius / factor, deep_c) for p, deep_c in middles)
    return [piece for piece in found if piece.radius >= LEAST_RADIUS_PX]


def _factor(side_px: int) -> float:
    """How much a frame is enlarged (of a camera of few pixels) or shrunk before it is cut."""
    if side_px < _BASE_SIDE_PX / 2:
        return float(round(_BASE_SIDE_PX / side_px))
    return 1 / max(1, round(side_px / _WORK_SIDE_PX))


def _sized(image: CelsiusImage, factor: float) -> CelsiusImage:
    if factor == 1:
        return image
    how = cv2.INTER_CUBIC if factor > 1 else cv2.INTER_AREA
    return np.asarray(cv2.resize(image, None, fx=factor, fy=factor, interpolation=how), dtype=np.float32)


def _levels(image: CelsiusImage) -> NDArray[np.float64]:
    """Temperatures to cut at, from the surroundings to the hottest that a reference can be."""
    low_c, high_c = np.percentile(np.minimum(image, PLAUSIBLE_C[1]), (40, 99.9))
    height_c = max(0.1, float(high_c - low_c))
    count = min(2 * _LEVELS, max(_LEVELS, math.ceil(height_c / _MOST_STEP_C)))
    return np.linspace(low_c + min(0.2 * height_c, _MIN_CONTRAST_C / 2), high_c - 0.05 * height_c, count)


def _round_pieces(image: CelsiusImage, level_c: float, scale: float) -> list[_Piece]:
    mask = (image > level_c).view(np.uint8)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    least, most = RADIUS_PX[0] * scale, RADIUS_PX[1] * scale
    whole = (one for one in contours if 4 * least <= len(one) <= 9 * most and not _is_cut(one, image.shape))
    return [piece for contour in whole if (piece := _round(contour, least, most)) is not None]


def _is_cut(contour: NDArray[Any], shape: tuple[int, ...]) -> bool:
    """Whether it goes on beyond the frame: a hand or a sleeve at its edge ends round, too."""
    left, top, width, height = cv2.boundingRect(contour)
    return left == 0 or top == 0 or left + width == shape[1] or top + height == shape[0]


def _round(contour: NDArray[Any], least: float, most: float) -> _Piece | None:
    """A contour as a disc, when 4π·area/perimeter² says that it is one (1 for a circle)."""
    area, perimeter = cv2.contourArea(contour), cv2.arcLength(contour, closed=True)
    radius = math.sqrt(area / math.pi) + 0.5  # a contour runs through the outer pixels' centres
    if not least <= radius <= most or 4 * math.pi * area < _MIN_ROUND * perimeter**2:
        return None
    left, top, width, height = cv2.boundingRect(contour)
    if not 0.6 <= width / height <= 1.7:
        return None
    return _Piece(left + (width - 1) / 2, top + (height - 1) / 2, radius)


def _measured(image: CelsiusImage, piece: _Piece, steep: float) -> tuple[float, Reference] | None:
    """What a piece reads, if it is a disc: and how far it stands out in kelvin, at its least prominent side but one."""
    reach = math.ceil(piece.radius * 2.4) + 1
    top, left = max(0, round(piece.y) - reach), max(0, round(piece.x) - reach)
    part = image[top : round(piece.y) + reach + 1, left : round(piece.x) + reach + 1]
    rows, columns = np.ogrid[: part.shape[0], : part.shape[1]]
    dy, dx = rows + (top - piece.y), columns + (left - piece.x)
    distance = np.hypot(dx, dy)
    inner = part[distance <= max(1.0, piece.radius * _INNER)]
    sides_c = _sides(part, dx, dy, (distance >= piece.radius * 1.5) & (distance <= piece.radius * 2.3))
    if inner.size < 3 or len(sides_c) < _SECTORS // 2:
        return None
    seen_c, spread_c = float(np.median(inner)), float(inner.std())
    stands_out_c = seen_c - sides_c[-2]
    if not PLAUSIBLE_C[0] <= seen_c <= PLAUSIBLE_C[1] or stands_out_c < _MIN_CONTRAST_C:
        return None
    if spread_c > _EVEN * stands_out_c or piece.depth_c < steep * stands_out_c:
        return None
    return stands_out_c - spread_c, Reference(piece.x, piece.y, piece.radius, seen_c, spread_c)


def _sides(image: CelsiusImage, dx: NDArray[Any], dy: NDArray[Any], ring: NDArray[np.bool_]) -> list[float]:
    """The ring's mean temperature on each side that is in the picture, coldest first."""
    sectors = np.floor((np.arctan2(dy, dx)[ring] / (2 * math.pi) + 0.5) * _SECTORS).astype(np.intp) % _SECTORS
    counts = np.bincount(sectors, minlength=_SECTORS)
    sums = np.bincount(sectors, image[ring], _SECTORS)
    return sorted(float(total / count) for total, count in zip(sums, counts, strict=True) if count)
