"""Faces in a low-resolution thermal frame, by shape: a head is a warm, upright, filled ellipse above a neck.

The frame is cut at several temperatures between surroundings and skin. In each cut every connected piece is read from
its top: the widest part of the first rows is the head, the narrowest below it the neck. What fits an upright ellipse
well at any level is a face; what is too small, too flat or too even is not. No colours, no training, no model.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from edge.drivers.base import CelsiusImage
from edge.thermal.types import Box, Face, Reference

_LEVELS = (0.30, 0.40, 0.50, 0.60, 0.70, 0.80)
_MIN_WIDTH_PX = 13
_ASPECT = (1.05, 1.75)
_HEIGHT_TO_WIDTH = 1.32
"""A head from the hairline to the chin, without the neck."""
_MIN_FIT = 0.72
_MIN_CONTRAST_C = 1.5
_MIN_SPREAD_C = 0.25
"""A face has warm canthi and a cool nose; a lamp's housing or a cup is more even than this."""
_BELOW_REFERENCE_C = 4.0
"""Skin of a cold face against a reference at 35 °C (FACTS: faces colder than that are in no balance)."""
_STAND_RADII = (3.0, 9.0)
"""Half width and half height of the stand, in radii of its disc."""
_SAME = 0.3
_FRONTAL_SKEW = 0.22


class _Candidate(NamedTuple):
    box: Box
    fit: float


def find_faces(image: CelsiusImage, reference: Reference | None = None) -> list[Face]:
    """Faces in a frame of °C, shape (H, W), best first. The reference disc, where known, is left out."""
    clean = _without(image, reference)
    smooth: CelsiusImage = np.asarray(cv2.GaussianBlur(clean, (3, 3), 0), dtype=np.float32)
    surroundings_c, hot_c = (float(value) for value in np.percentile(smooth, (35, 99.3)))
    if hot_c - surroundings_c < _MIN_CONTRAST_C:
        return []
    levels = [surroundings_c + part * (hot_c - surroundings_c) for part in _LEVELS]
    candidates = [candidate for level_c in levels for candidate in _heads(smooth, level_c)]
    least_c = _least_skin_c(smooth, surroundings_c, reference)
    possible = [
        candidate
        for candidate in candidates
        if _is_skin(smooth, candidate.box, surroundings_c, least_c) and not _is_stand(candidate.box, reference)
    ]
    return [_face(smooth, candidate) for candidate in _best_of_each(possible)]


def _without(image: CelsiusImage, reference: Reference | None) -> CelsiusImage:
    if reference is None:
        return np.ascontiguousarray(image, dtype=np.float32)
    covered = np.ascontiguousarray(image, dtype=np.float32).copy()
    centre = (round(reference.x), round(reference.y))
    cv2.circle(covered, centre, int(reference.radius + 2.5), float(np.percentile(image, 35)), -1)
    return covered


def _heads(image: CelsiusImage, level_c: float) -> list[_Candidate]:
    mask = cv2.morphologyEx((image > level_c).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    heads = []
    for label in range(1, count):
        left, top, width, height, area = (int(value) for value in stats[label])
        if width < _MIN_WIDTH_PX or height < _MIN_WIDTH_PX or area < _MIN_WIDTH_PX**2:
            continue
        piece = labels[top : top + height, left : left + width] == label
        if (candidate := _head_of(_filled(piece), left, top)) is not None:
            heads.append(candidate)
    return heads


def _filled(piece: np.ndarray) -> np.ndarray:
    """Between the outermost pixels of each row: glasses, a nose or a mask are holes, not background."""
    first = np.maximum.accumulate(piece, axis=1)
    last = np.maximum.accumulate(piece[:, ::-1], axis=1)[:, ::-1]
    return first & last


def _head_of(piece: np.ndarray, left: int, top: int) -> _Candidate | None:
    """The best upright ellipse at the piece's top, over the plausible widths of a head."""
    rows = piece.sum(axis=1)
    best: _Candidate | None = None
    for end in _ends(rows):
        head = piece[:end]
        columns = np.flatnonzero(head.sum(axis=0) > 0.25 * end)
        if columns.size < _MIN_WIDTH_PX:
            continue
        x0, width = int(columns[0]), int(columns[-1] - columns[0] + 1)
        height = min(end, round(width * _HEIGHT_TO_WIDTH * 1.1))
        if not _ASPECT[0] <= height / width <= _ASPECT[1]:
            continue
        fit = _ellipse_fit(piece, x0, width, height)
        if best is None or fit > best.fit:
            best = _Candidate(Box(left + x0, top, width, height), fit)
    return best if best is not None and best.fit >= _MIN_FIT else None


def _ends(rows: np.ndarray) -> list[int]:
    """Where a head may end: at the piece's end, at each narrowing, and at a head's height below its top."""
    height = len(rows)
    widest = np.maximum.accumulate(rows)
    ends = {height}
    for y in range(_MIN_WIDTH_PX, height):
        if y >= 0.9 * widest[y] and rows[y] <= rows[max(0, y - 3) : y + 4].min() and rows[y] < 0.92 * widest[y]:
            ends.add(y)
    ends.update(
        y for y in (round(float(widest[min(height - 1, 25)]) * part) for part in (1.2, 1.35, 1.5)) if 0 < y < height
    )
    return sorted(ends)


def _ellipse_fit(piece: np.ndarray, x0: int, width: int, height: int) -> float:
    """Intersection over union of the piece's pixels around the box with the ellipse that the box bounds."""
    margin = max(2, width // 6)
    ellipse = np.zeros((height, width + 2 * margin), np.uint8)
    centre = ((width + 2 * margin - 1) / 2, (height - 1) / 2)
    cv2.ellipse(ellipse, (centre, (float(width), float(height)), 0.0), 1, -1)
    around = np.zeros_like(ellipse)
    begin, stop = max(0, x0 - margin), min(piece.shape[1], x0 + width + margin)
    part = piece[:height, begin:stop]
    offset = begin - (x0 - margin)
    around[: part.shape[0], offset : offset + part.shape[1]] = part
    both, either = int(np.count_nonzero(around & ellipse)), int(np.count_nonzero(around | ellipse))
    return both / max(1, either)


def _best_of_each(candidates: list[_Candidate]) -> list[_Candidate]:
    kept: list[_Candidate] = []
    for candidate in sorted(candidates, key=lambda c: -c.fit):
        if all(candidate.box.overlap(other.box) < _SAME and not _inside(candidate.box, other.box) for other in kept):
            kept.append(candidate)
    return [candidate for candidate in kept if not any(_is_under(candidate.box, other.box) for other in kept)]


def _is_under(box: Box, head: Box) -> bool:
    """What is under a head is its body: a warm chest, a hand."""
    aside = abs(box.x + box.w / 2 - head.x - head.w / 2)
    return box.y + box.h / 2 > head.y + head.h and aside < 1.3 * head.w


def _inside(one: Box, other: Box) -> bool:
    """Whether one box's centre lies in the other, either way round: the same head at two levels."""
    return _has_centre(one, other) or _has_centre(other, one)


def _has_centre(outer: Box, inner: Box) -> bool:
    x, y = inner.x + inner.w / 2, inner.y + inner.h / 2
    return outer.x <= x <= outer.x + outer.w and outer.y <= y <= outer.y + outer.h


def _least_skin_c(image: CelsiusImage, surroundings_c: float, reference: Reference | None) -> float:
    """What a face's hottest pixels reach at least: near the reference, else near the picture's hottest places."""
    if reference is not None:
        return reference.seen_c - _BELOW_REFERENCE_C
    return surroundings_c + 0.6 * (float(np.percentile(image, 99.7)) - surroundings_c)


def _is_skin(image: CelsiusImage, box: Box, surroundings_c: float, least_c: float) -> bool:
    inside = image[box.y : box.y + box.h, box.x : box.x + box.w]
    warm_c, hot_c = (float(value) for value in np.percentile(inside, (75, 98)))
    return warm_c - surroundings_c >= _MIN_CONTRAST_C and hot_c >= least_c and float(inside.std()) >= _MIN_SPREAD_C


def _is_stand(box: Box, reference: Reference | None) -> bool:
    """The reference's own housing is warm too: what stands around or above the disc is no face."""
    if reference is None:
        return False
    x, y = box.x + box.w / 2 - reference.x, box.y + box.h / 2 - reference.y
    return abs(x) < _STAND_RADII[0] * reference.radius and abs(y) < _STAND_RADII[1] * reference.radius


def _face(image: CelsiusImage, candidate: _Candidate) -> Face:
    return Face(candidate.box, round(float(candidate.fit), 3), _skew(image, candidate.box) <= _FRONTAL_SKEW)


def _skew(image: CelsiusImage, box: Box) -> float:
    """How uneven left and right halves are: the difference of their means over the face's spread of temperature."""
    inside = image[box.y : box.y + box.h, box.x : box.x + box.w]
    half = inside.shape[1] // 2
    left, right = inside[:, :half], inside[:, -half:]
    low, high = np.percentile(inside, (5, 95))
    return float(abs(left.mean() - right.mean()) / max(1e-3, high - low))
