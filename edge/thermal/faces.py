"""Faces in a low-resolution thermal frame: what the network takes for heads, joined, checked and judged.

A box goes from the hairline (or a hat's brim) to the chin and from one temple to the other, without ears, hair and
neck. A face is frontal when the network sees it from the front and the whole of it is seen: only then may it be
measured. What is no skin (as cold as all around it, or as hot as a lamp) and the reference's own housing are no faces.
"""

from __future__ import annotations

import math

import numpy as np

from edge.drivers.base import CelsiusImage
from edge.thermal.network import Area, Head, heads
from edge.thermal.types import Box, Face, Reference

LEAST_SCORE = 0.5
_JOIN_SCORE = 0.25
"""Cells that take part in the mean of a head's box, once one of them is sure."""
FRONTAL = 0.7
"""From here on a head is towards the camera. Rather refuse a face, which comes again in the next frame, than measure a
profile."""
_SAME = 0.35
_MIN_CONTRAST_C = 1.8
"""Of a face's warm part over the frame's surroundings: less is noise, or a picture on the wall."""
_HOT_C = 45.0
_LEAST_SKIN = 0.5
"""So much of a face's box is neither hotter than skin nor as cold as the surroundings; glasses and hair take a part."""
_MOST_WIDE = 1.2
"""A head's width over its height at the most; a ceiling's or a table's warm patch is wider."""
_CUT = 0.06
"""The share of a face's width that may be beyond the frame's side."""


def find_faces(image: CelsiusImage, reference: Reference | None = None) -> list[Face]:
    """Faces in a frame of °C, shape (H, W), the surest first; heads that are turned away with `frontal` False.

    The reference, where known, is no face, and a face that is behind it cannot be measured.
    """
    if image.size == 0 or min(image.shape) < 2:
        return []
    image = np.ascontiguousarray(image, dtype=np.float32)
    found = _without_bodies(_joined(heads(image, _JOIN_SCORE)))
    boxes = ((head, _cut_to_frame(head.area, image.shape)) for head in found)
    return [
        Face(box, round(head.score, 3), _is_frontal(head, image.shape) and not _is_hidden(box, reference))
        for head, box in boxes
        if _is_skin(image, box)
    ]


def _joined(found: list[Head]) -> list[Head]:
    """One for each head: the mean of all cells that speak of it, each by its score; the surest cell's score."""
    rest = sorted(found, reverse=True)
    joined: list[Head] = []
    while rest and rest[0].score >= LEAST_SCORE:
        best = rest[0]
        same = [head for head in rest if overlap(head.area, best.area) > _SAME]
        weights = np.array([head.score for head in same])
        area = np.average([head.area for head in same], axis=0, weights=weights)
        frontal = float(np.average([head.frontal for head in same], weights=weights))
        rest = [head for head in rest if not _is_same(head.area, best.area)]
        joined.append(Head(best.score, frontal, (float(area[0]), float(area[1]), float(area[2]), float(area[3]))))
    return joined


def _without_bodies(found: list[Head]) -> list[Head]:
    """What is turned away and under another head is that one's chest, not a head of its own."""
    return [
        head for head in found if head.frontal >= FRONTAL or not any(_is_under(head.area, one.area) for one in found)
    ]


def _is_under(area: Area, head: Area) -> bool:
    aside = abs(area[0] + area[2] - head[0] - head[2]) / 2
    return (area[1] + area[3]) / 2 > head[3] and aside < 1.2 * (head[2] - head[0])


def overlap(one: Area, other: Area) -> float:
    """Intersection over union, from 0 to 1."""
    both = _common(one, other)
    return both / (_size(one) + _size(other) - both)


def _is_same(one: Area, other: Area) -> bool:
    """Whether two boxes are of one head: alike, or one mostly within the other."""
    return overlap(one, other) > _SAME or _common(one, other) > 0.6 * min(_size(one), _size(other))


def _common(one: Area, other: Area) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, wide) * max(0.0, high)


def _size(area: Area) -> float:
    return max(1e-6, area[2] - area[0]) * max(1e-6, area[3] - area[1])


def _cut_to_frame(area: Area, shape: tuple[int, ...]) -> Box:
    left, right = (min(max(0, round(value)), shape[1]) for value in (area[0], area[2]))
    top, bottom = (min(max(0, round(value)), shape[0]) for value in (area[1], area[3]))
    return Box(left, top, right - left, bottom - top)


def _is_frontal(head: Head, shape: tuple[int, ...]) -> bool:
    left, _, right, _ = head.area
    beyond = max(0.0, -left) + max(0.0, right - shape[1])
    return head.frontal >= FRONTAL and beyond <= _CUT * (right - left)


def _is_skin(image: CelsiusImage, box: Box) -> bool:
    """Whether what is in the box is as upright and as warm as a head."""
    if min(box.w, box.h) < 2 or box.w > _MOST_WIDE * box.h:
        return False
    inside = image[box.y : box.y + box.h, box.x : box.x + box.w]
    surroundings_c = float(np.percentile(image[::2, ::2], 25))
    warm_c = float(np.percentile(inside, 80))
    skin = float(np.mean((inside > surroundings_c) & (inside < _HOT_C)))
    return warm_c - surroundings_c >= _MIN_CONTRAST_C and skin >= _LEAST_SKIN


def _is_hidden(box: Box, reference: Reference | None) -> bool:
    """Whether the reference's disc is before the face: its warmth would be taken for the face's."""
    if reference is None:
        return False
    reach = reference.radius + 1
    across = max(box.x - reference.x, 0.0, reference.x - box.x - box.w)
    down = max(box.y - reference.y, 0.0, reference.y - box.y - box.h)
    return math.hypot(across, down) < reach
