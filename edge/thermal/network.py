"""The face finder's network: a frame in, heads with a score, a box and how frontal they are, out.

A small convolutional network (`faces.onnx`, made by `python -m tests.bench.finder` from rendered frames alone: no
picture of a real person is in it), run by OpenCV, which is there anyway. It sees a frame scaled to one size and to its
own spread of temperatures, never degrees: a camera's offset or gain changes nothing. One cell of its answer is 8x8
pixels of what it sees. Method: one stage, without anchors (Tian et al., FCOS, arXiv 1904.01355).
"""

from __future__ import annotations

import threading
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.drivers.base import CelsiusImage

STRIDE_PX = 8
SIDE_PX = 160
"""The longer side of what the network sees: a Lepton's frame as it is, any other resized."""
FINER_FROM_PX = 320
"""A frame at least so large is looked at a second time, twice as finely: its faces may be far and yet large enough."""
FINER_WIDEST = 0.22
"""What the second look may find, in widths of the frame: a nearer face is seen better by the first."""
SKIN_RANGE_C = (-40.0, 45.0)
"""What is hotter than any skin shall not squeeze the skin's own spread into nothing."""
_SURROUNDINGS, _HOT = 10.0, 99.0
"""Percentiles of a frame that become 0 and 1."""
_LEAST_SPREAD_C = 3.0
"""A frame with less between the two is not stretched further: its noise would be drawn as faces."""
_BOUNDS = (-0.6, 1.6)
_FILE = Path(__file__).with_name("faces.onnx")
_ONE_AT_A_TIME = threading.Lock()
"""OpenCV's networks keep what they compute in themselves; lanes with a camera each share one."""

Area = tuple[float, float, float, float]
"""Left, top, right and bottom in pixels of the frame, right and bottom exclusive."""


class Head(NamedTuple):
    """A head as the network sees it; `score` and `frontal` from 0 to 1."""

    score: float
    frontal: float
    area: Area


def heads(image: CelsiusImage, least_score: float) -> list[Head]:
    """All cells that say "head" in a frame of °C, shape (H, W), with what each says of it; one head has several."""
    found = _heads_at(image, SIDE_PX, least_score)
    if max(image.shape) >= FINER_FROM_PX:
        finer = _heads_at(image, 2 * SIDE_PX, least_score)
        widest = FINER_WIDEST * image.shape[1]
        found += [head for head in finer if head.area[2] - head.area[0] <= widest]
    return found


def normalised(image: CelsiusImage) -> NDArray[np.float32]:
    """°C of shape (H, W) as shares of the frame's spread: about 0 for surroundings, 1 for what is hottest."""
    clipped = np.clip(image, *SKIN_RANGE_C)
    low_c, high_c = np.percentile(clipped[::2, ::2], (_SURROUNDINGS, _HOT))
    spread_c = np.float32(max(high_c - low_c, _LEAST_SPREAD_C))
    return np.asarray(np.clip((clipped - np.float32(low_c)) / spread_c, *_BOUNDS), dtype=np.float32)


def _heads_at(image: CelsiusImage, side_px: int, least_score: float) -> list[Head]:
    seen, across, down = _sized(image, side_px)
    answer = _answer(normalised(seen))
    score = _share(answer[0])
    rows, columns = np.nonzero(score >= least_score)
    frontal = _share(answer[1][rows, columns])
    sides = np.exp(np.clip(answer[2:, rows, columns], -5, 5)) * STRIDE_PX
    x, y = (columns + 0.5) * STRIDE_PX, (rows + 0.5) * STRIDE_PX
    edges = ((x - sides[0]) * across, (y - sides[1]) * down, (x + sides[2]) * across, (y + sides[3]) * down)
    areas = np.stack(edges, axis=1).tolist()
    return [
        Head(float(one), float(facing), tuple(area))
        for one, facing, area in zip(score[rows, columns], frontal, areas, strict=True)
    ]


def _sized(image: CelsiusImage, side_px: int) -> tuple[CelsiusImage, float, float]:
    """The frame with its longer side so long, both sides in whole cells; and the frame's pixels for one of it."""
    factor = side_px / max(image.shape)
    height, width = (max(STRIDE_PX, round(side * factor / STRIDE_PX) * STRIDE_PX) for side in image.shape)
    if image.shape == (height, width):
        return image, 1.0, 1.0
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    sized = np.asarray(cv2.resize(image, (width, height), interpolation=how), dtype=np.float32)
    return sized, image.shape[1] / width, image.shape[0] / height


def _answer(seen: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the network says, shape (6, H/8, W/8): head, frontal, and the logarithms of four sides in cells."""
    with _ONE_AT_A_TIME:
        network = _network(*seen.shape)
        network.setInput(seen[None, None])
        return np.asarray(network.forward()[0], dtype=np.float32)


@lru_cache(maxsize=4)
def _network(_height: int, _width: int) -> cv2.dnn.Net:
    """One for each size of input, for a change of size costs more than an answer.

    OpenCV gets one thread, in the whole process: the network is too small to share out, and a gate's other lanes and
    its spool want their core.
    """
    cv2.setNumThreads(1)
    return cv2.dnn.readNetFromONNX(str(_FILE))


def _share(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -30, 30))), dtype=np.float32)
