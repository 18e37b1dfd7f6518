"""Whether a machine tells rendered frames from real ones: a classifier two-sample test on simple statistics of texture.

A ridge classifier learns from some recordings which frames are rendered, and says it of the frames of others
(Lopez-Paz and Oquab, Revisiting Classifier Two-Sample Tests, ICLR 2017). An AUC of 0.5 is guessing, 1.0 is always
right. Two halves of the real recordings, tried in the same way, say what comes out where there is nothing to be told.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edge.drivers.base import CelsiusImage

Values = NDArray[np.float64]
_FACE_SIZE = (48, 60)
"""Columns and rows that a face is brought to: what is compared is its texture, not its size."""
_AROUND = 0.15
"""A face is taken with so much of its box around it."""
_RINGS = np.linspace(0.0, 0.5, 9)
_FOLDS, _FLOOR_SPLITS, _RIDGE = 5, 8, 30.0


class Frame(NamedTuple):
    """A frame with a face: °C, the face's box (left, top, width, height), and which recording it is of."""

    celsius: CelsiusImage
    box: tuple[int, int, int, int]
    recording: str


class Told(Struct, frozen=True):
    """AUC of the classifier on whole frames and on faces: rendered against real, and real against real (the floor)."""

    frame_auc: float
    frame_floor_auc: float
    face_auc: float
    face_floor_auc: float


def told_apart(real: Sequence[Frame], rendered: Sequence[Frame], draw: np.random.Generator) -> Told:
    """How well the two are told apart. Recordings are never in both what is learnt from and what is judged."""
    aucs = []
    for features in (_of_frame, _of_face):
        one, other = (np.stack([features(frame) for frame in frames]) for frames in (real, rendered))
        groups = [[frame.recording for frame in frames] for frames in (real, rendered)]
        aucs.append(_auc_of(one, other, groups, draw))
        floors = [_auc_of(*_halves(one, groups[0], draw), draw) for _ in range(_FLOOR_SPLITS)]
        aucs.append(float(np.mean(floors)))
    return Told(*(round(auc, 3) for auc in aucs))


def _of_frame(frame: Frame) -> Values:
    low, high = np.percentile(frame.celsius, (1, 99.7))
    image = np.asarray((frame.celsius - low) / max(0.5, float(high - low)), dtype=np.float32)
    return np.concatenate([_spectrum(image), _gradients(image), _patterns(image), _levels(image)])


def _of_face(frame: Frame) -> Values:
    left, top, width, height = frame.box
    size = (round(width * (1 + 2 * _AROUND)), round(height * (1 + 2 * _AROUND)))
    crop = cv2.getRectSubPix(frame.celsius, size, (left + width / 2, top + height / 2))
    image = np.asarray(cv2.resize(crop, _FACE_SIZE, interpolation=cv2.INTER_AREA), dtype=np.float32)
    high = float(np.percentile(image, 99))
    image = np.asarray(np.clip((image - high) / 6.0 + 1, -1, 1.2), dtype=np.float32)
    return np.concatenate([_spectrum(image), _gradients(image), _patterns(image), _levels(image)])


def _spectrum(image: CelsiusImage) -> Values:
    """Logarithm of the mean power in rings of frequencies."""
    height, width = image.shape
    window = np.outer(np.hanning(height), np.hanning(width))
    power = np.abs(np.fft.fft2((image - image.mean()) * window)) ** 2
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :])
    rings = np.digitize(radius, _RINGS[1:-1])
    return np.array([np.log10(power[rings == ring].mean() + 1e-9) for ring in range(len(_RINGS) - 1)])


def _gradients(image: CelsiusImage) -> Values:
    """How steep it is (logarithmic histogram), and in which directions."""
    down, across = np.gradient(image)
    size = np.hypot(down, across)
    steep, _ = np.histogram(np.log10(size + 1e-4), np.linspace(-3.5, 0.0, 13))
    turn, _ = np.histogram(np.arctan2(down, across) % np.pi, np.linspace(0, np.pi, 9), weights=size)
    return np.concatenate([steep / size.size, turn / max(1e-9, float(turn.sum()))]).astype(np.float64)


def _patterns(image: CelsiusImage) -> Values:
    """Histograms of local binary patterns of 8 neighbours, 1 and 2 px away; those alike but for a turn are one."""
    found = []
    for far in (1, 2):
        inner = image[far:-far, far:-far]
        code = np.zeros(inner.shape, np.int32)
        for bit, (dy, dx) in enumerate(((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))):
            shifted = image[
                far + far * dy : image.shape[0] - far + far * dy, far + far * dx : image.shape[1] - far + far * dx
            ]
            code |= (shifted > inner).astype(np.int32) << bit
        counts = np.bincount(_SAME_BUT_TURNED[code].ravel(), minlength=_KINDS)
        found.append(counts / code.size)
    return np.concatenate(found).astype(np.float64)


def _turned_codes() -> NDArray[np.int64]:
    least = [min(((code << turn) | (code >> (8 - turn))) & 255 for turn in range(8)) for code in range(256)]
    kinds = {code: number for number, code in enumerate(sorted(set(least)))}
    return np.array([kinds[code] for code in least])


_SAME_BUT_TURNED = _turned_codes()
_KINDS = int(_SAME_BUT_TURNED.max()) + 1


def _levels(image: CelsiusImage) -> Values:
    """Quantiles, and how uneven it is over small and large distances."""
    quantiles = np.quantile(image, (0.05, 0.25, 0.5, 0.75, 0.95))
    uneven = [float(np.abs(image - cv2.GaussianBlur(image, (0, 0), sigma)).mean()) for sigma in (1.0, 2.5, 6.0)]
    return np.concatenate([quantiles, np.log10(np.array(uneven) + 1e-5)]).astype(np.float64)


def _halves(values: Values, groups: Sequence[str], draw: np.random.Generator) -> tuple[Values, Values, list[list[str]]]:
    """One set in two halves, by recordings."""
    names = sorted(set(groups))
    first = {names[int(number)] for number in draw.permutation(len(names))[: len(names) // 2]}
    inside = np.array([group in first for group in groups])
    halves = [[group for group in groups if (group in first) is side] for side in (True, False)]
    return values[inside], values[~inside], halves


def _auc_of(one: Values, other: Values, groups: Sequence[Sequence[str]], draw: np.random.Generator) -> float:
    """The AUC of out-of-fold scores. NaN where there are too few recordings to be held out."""
    values, labels = np.concatenate([one, other]), np.repeat([0, 1], [len(one), len(other)])
    fold = np.concatenate([_folds(names, draw) for names in groups])
    scores = np.full(len(labels), np.nan)
    for number in range(_FOLDS):
        held = fold == number
        if held.any() and len(set(labels[~held])) == 2:
            scores[held] = _scores(values[~held], labels[~held], values[held])
    known = ~np.isnan(scores)
    return auc(scores[known & (labels == 0)], scores[known & (labels == 1)])


def _folds(names: Sequence[str], draw: np.random.Generator) -> NDArray[np.int64]:
    distinct = sorted(set(names))
    at = {distinct[int(number)]: place % _FOLDS for place, number in enumerate(draw.permutation(len(distinct)))}
    return np.array([at[name] for name in names], dtype=np.int64)


def _scores(values: Values, labels: NDArray[np.int64], judged: Values) -> Values:
    """A ridge regression on -1 and 1, each class of equal weight, on standardised values."""
    mean, spread = values.mean(axis=0), values.std(axis=0) + 1e-6
    known, asked = (values - mean) / spread, (judged - mean) / spread
    weight = np.where(labels == 1, 0.5 / (labels == 1).sum(), 0.5 / (labels == 0).sum()) * len(labels)
    wanted = np.where(labels == 1, 1.0, -1.0)
    gram = (known * weight[:, None]).T @ known + _RIDGE * np.eye(known.shape[1])
    slope = np.linalg.solve(gram, (known * weight[:, None]).T @ wanted)
    return np.asarray(asked @ slope, dtype=np.float64)


def auc(low: Values, high: Values) -> float:
    """The chance that one of `high` scores above one of `low`; NaN where either is empty."""
    if not len(low) or not len(high):
        return float("nan")
    above = (high[:, None] > low[None, :]).mean() + 0.5 * (high[:, None] == low[None, :]).mean()
    return float(above)
