"""Plates in a picture, with their four corners.

The network is a single-stage detector with landmarks (RetinaFace, Deng et al., CVPR 2020), taught on plates: over
three grids of anchors it gives offsets of a box, the chance of a plate, and offsets of four corners.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.plates.types import Corners, Found, Picture

Detect = Callable[[NDArray[np.float32]], tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]]
"""The network: (1, 3, H, W) BGR minus its mean → offsets (1, N, 4), chances (1, N, 2), corners' offsets (1, N, 8)."""

_MEAN_BGR = (104, 117, 123)
_STRIDES_PX = (8, 16, 32)
_ANCHORS_PX = ((24, 48), (96, 192), (384, 768))
_VARIANCES = (0.1, 0.2)
"""Offsets are in these shares of an anchor: centres and corners, sizes."""
_CLOCKWISE = [2, 3, 0, 1]
"""The network's corners run from the lower right: right, left, upper left, upper right."""
_OVERLAP = 0.4
_GRAIN_PX = 32

LEAST_SCORE = 0.1
"""Below it, it is not a plate: the reading itself is the better judge of what is one."""
_CLOSE_WIDTH_PX = 128
_CLOSE_SIZE_PX = (256, 192)
"""A closer look: (width, height) of the cut, in which the plate is `_CLOSE_WIDTH_PX` wide."""


def find_plates(picture: Picture, detect: Detect, longest_px: int) -> list[Found]:
    """Plates of the picture, its longer side at most `longest_px` for the network; the likeliest first."""
    scale = min(1.0, longest_px / max(picture.shape[:2]))
    size = [max(1, round(side * scale)) for side in picture.shape[1::-1]]
    small = picture if scale == 1 else cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return [Found(each.corners / np.float32(scale), each.score) for each in _find(np.asarray(small, np.uint8), detect)]


def look_closer(picture: Picture, found: Found, detect: Detect) -> Found:
    """The same plate, its corners found anew in a cut around it at the size that the network knows best."""
    scale = _CLOSE_WIDTH_PX / max(found.width_px, 1.0)
    middle = found.corners.mean(axis=0)
    half = np.array(_CLOSE_SIZE_PX, np.float32) / 2
    matrix = np.array([[scale, 0, half[0] - scale * middle[0]], [0, scale, half[1] - scale * middle[1]]], np.float32)
    cut = cv2.warpAffine(picture, matrix, _CLOSE_SIZE_PX, flags=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    near = [each for each in _find(np.asarray(cut, np.uint8), detect) if _within(each.corners.mean(axis=0) - half)]
    if not near:
        return found
    best = max(near, key=lambda each: each.score)
    corners = (best.corners - half) / np.float32(scale) + middle
    return Found(corners, max(found.score, best.score))


def _within(off_px: NDArray[np.float32]) -> bool:
    """Still the same plate: its middle moved by less than half of the plate."""
    return bool(abs(off_px[0]) < _CLOSE_WIDTH_PX / 2 and abs(off_px[1]) < _CLOSE_WIDTH_PX / 4)


def _find(picture: Picture, detect: Detect) -> list[Found]:
    height, width = picture.shape[:2]
    padded = cv2.copyMakeBorder(
        picture, 0, -height % _GRAIN_PX, 0, -width % _GRAIN_PX, cv2.BORDER_CONSTANT, value=_MEAN_BGR
    )
    blob = (padded.astype(np.float32) - np.array(_MEAN_BGR, np.float32)).transpose(2, 0, 1)[None]
    offsets, chances, corner_offsets = detect(np.ascontiguousarray(blob))
    scores = chances[0, :, 1]
    likely = np.flatnonzero(scores > LEAST_SCORE)
    anchors = _anchors(*padded.shape[:2])[likely]
    boxes = _boxes(offsets[0][likely], anchors)
    corners = anchors[:, None, :2] + corner_offsets[0][likely].reshape(-1, 4, 2) * _VARIANCES[0] * anchors[:, None, 2:]
    kept = np.asarray(cv2.dnn.NMSBoxes(boxes.tolist(), scores[likely].tolist(), LEAST_SCORE, _OVERLAP)).reshape(-1)
    return [Found(_ordered(corners[index]), float(scores[likely][index])) for index in kept]


def _ordered(corners: NDArray[np.float32]) -> Corners:
    return np.ascontiguousarray(corners[_CLOCKWISE], np.float32)


def _boxes(offsets: NDArray[np.float32], anchors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Left, top, width, height of each box; shape (n, 4)."""
    middles = anchors[:, :2] + offsets[:, :2] * _VARIANCES[0] * anchors[:, 2:]
    sizes = anchors[:, 2:] * np.exp(np.minimum(offsets[:, 2:] * _VARIANCES[1], 8.0))
    return np.concatenate([middles - sizes / 2, sizes], axis=1)


@lru_cache(maxsize=8)
def _anchors(height: int, width: int) -> NDArray[np.float32]:
    """Middle x, y, width and height of each anchor, px, in the network's order; shape (N, 4)."""
    grids = []
    for sizes, stride in zip(_ANCHORS_PX, _STRIDES_PX, strict=True):
        y, x = np.mgrid[: -(-height // stride), : -(-width // stride)]
        middles = np.repeat((np.stack([x, y], axis=-1).reshape(-1, 1, 2) + 0.5) * stride, 2, axis=1)
        square = np.broadcast_to(np.array(sizes)[None, :, None], middles.shape)
        grids.append(np.concatenate([middles, square], axis=-1).reshape(-1, 4))
    return np.concatenate(grids).astype(np.float32)
