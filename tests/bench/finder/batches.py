"""Batches to learn from: rendered scenes, changed anew each time, and what the network should answer to each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.drivers.replay import ZERO_C_IN_CENTIKELVIN
from edge.thermal.network import STRIDE_PX, normalised
from sim.background import cloud
from tests.bench.finder.render import Shard, load_shard
from tests.bench.finder.scenes import FACE, HEAD, UNSURE

Field = NDArray[np.float32]
HEIGHT, WIDTH = 160, 120
ROWS, COLUMNS = HEIGHT // STRIDE_PX, WIDTH // STRIDE_PX
_CORE, _RIM = 0.24, 0.42
"""Half the share of a box, across and down, whose cells shall find it; and up to which cells are left alone."""
_LEAST_PX = 9.0
_SIDES, _ABOVE, _BELOW = 0.035, 0.06, 0.025
"""How much larger faces are drawn by hand than the rendered skin is, in shares of the box."""


class Batch(NamedTuple):
    """`images` (n, 1, H, W); `head` (n, rows, columns): 1, 0 or -1 for no matter; `frontal` the same, where a head is;
    `sides` (n, 4, rows, columns): from the cell's centre to the box's left, top, right and bottom, in cells."""

    images: Field
    head: Field
    frontal: Field
    sides: Field


def batches(folder: Path, size: int, draw: np.random.Generator) -> Iterator[Batch]:
    """For ever, of all shards that are there by then."""
    known: dict[Path, Shard] = {}
    while True:
        for path in sorted(set(folder.rglob("*[0-9].npz")) - set(known)):
            known[path] = load_shard(path)
        shards = list(known.values())
        yield _stacked([_sample(shards[int(draw.integers(len(shards)))], draw) for _ in range(size)])


def _stacked(samples: list[tuple[Field, Field, Field, Field]]) -> Batch:
    images, head, frontal, sides = (np.stack(parts) for parts in zip(*samples, strict=True))
    return Batch(images[:, None], head, frontal, sides)


def _sample(shard: Shard, draw: np.random.Generator) -> tuple[Field, Field, Field, Field]:
    n = int(draw.integers(len(shard.frames)))
    image = (shard.frames[n].astype(np.float32) - ZERO_C_IN_CENTIKELVIN) / np.float32(100)
    labels = _as_drawn(shard.labels[n][shard.labels[n][:, 4] >= 0])
    image, labels = _moved(image, labels, draw)
    if draw.random() < 0.2:
        image, labels = _coarse(image, labels, draw)
    image = _seen(image, draw)
    return image, *targets(labels)


def _as_drawn(labels: Field) -> Field:
    """Boxes as people draw them: a little wider than the skin, and from within the hairline."""
    wide, high = labels[:, 2] - labels[:, 0], labels[:, 3] - labels[:, 1]
    grown = labels.copy()
    grown[:, 0] -= _SIDES * wide
    grown[:, 2] += _SIDES * wide
    grown[:, 1] -= _ABOVE * high
    grown[:, 3] += _BELOW * high
    turned = labels[:, 4] == HEAD
    grown[turned] = labels[turned]
    return grown


def _moved(image: Field, labels: Field, draw: np.random.Generator) -> tuple[Field, Field]:
    """Mirrored, zoomed, stretched and shifted; a face that the new edge cuts is none."""
    across = float(np.exp(draw.uniform(-0.35, 0.35)))
    down = across * float(np.exp(draw.normal(0, 0.09)))
    if draw.random() < 0.5:
        across = -across
    to = (float(draw.uniform(0.35, 0.65)) * WIDTH, float(draw.uniform(0.35, 0.65)) * HEIGHT)
    shift = np.array([to[0] - across * WIDTH / 2, to[1] - down * HEIGHT / 2])
    matrix = np.array([[across, 0, shift[0]], [0, down, shift[1]]])
    moved = cv2.warpAffine(image, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    kept = []
    for left, top, right, bottom, kind in labels:
        x = sorted((left * across + shift[0], right * across + shift[0]))
        y = (top * down + shift[1], bottom * down + shift[1])
        box = (max(0.0, x[0]), max(0.0, y[0]), min(float(WIDTH), x[1]), min(float(HEIGHT), y[1]))
        seen = max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1]) / ((x[1] - x[0]) * (y[1] - y[0]))
        if seen > 0.1:
            kept.append((*box, _kind_of_part(int(kind), seen)))
    return moved, _mirrored(np.array(kept, np.float32).reshape(-1, 5), across, down, shift)


def _mirrored(labels: Field, across: float, down: float, shift: Field) -> Field:
    """What a shrunken picture's border reflects is not labelled: nothing is learnt there."""
    inside = sorted((shift[0], shift[0] + across * WIDTH)), (shift[1], shift[1] + down * HEIGHT)
    strips = [
        (0.0, 0.0, inside[0][0], float(HEIGHT)),
        (inside[0][1], 0.0, float(WIDTH), float(HEIGHT)),
        (0.0, 0.0, float(WIDTH), inside[1][0]),
        (0.0, inside[1][1], float(WIDTH), float(HEIGHT)),
    ]
    rows = [(*strip, UNSURE) for strip in strips if strip[2] - strip[0] > 1 and strip[3] - strip[1] > 1]
    return np.concatenate([np.array(rows, np.float32).reshape(-1, 5), labels])


def _kind_of_part(kind: int, seen: float) -> int:
    if kind == UNSURE or seen < 0.4:
        return UNSURE
    if kind == FACE and seen < 0.92:
        return HEAD if seen < 0.8 else UNSURE
    return kind


def _coarse(image: Field, labels: Field, draw: np.random.Generator) -> tuple[Field, Field]:
    """As a camera of few pixels sees it, enlarged: down to 32x24."""
    factor = float(draw.choice([1.5, 2.0, 3.0, 4.0, 5.0]))
    small = cv2.resize(image, (round(WIDTH / factor), round(HEIGHT / factor)), interpolation=cv2.INTER_AREA)
    small = small + float(draw.uniform(0, 0.25)) * draw.standard_normal(small.shape, np.float32)
    large = cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    tiny = (labels[:, 2] - labels[:, 0]) < 5 * factor
    labels[tiny, 4] = UNSURE
    return np.asarray(large, np.float32), labels


def _seen(image: Field, draw: np.random.Generator) -> Field:
    """Normalised as the product does it, and then a little otherwise."""
    if draw.random() < 0.25:
        image = cv2.GaussianBlur(image, (0, 0), float(draw.uniform(0.4, 1.4)))
    if draw.random() < 0.4:
        image = image + float(draw.uniform(0.02, 0.2)) * draw.standard_normal(image.shape, np.float32)
    seen = _uneven(normalised(np.asarray(image, np.float32)), draw)
    if draw.random() < 0.7:
        seen = np.float32(draw.uniform(0.6, 1.25)) * seen + np.float32(draw.normal(0, 0.08))
    if draw.random() < 0.3:
        seen = np.sign(seen) * np.abs(seen) ** np.float32(draw.uniform(0.7, 1.4))
    return np.asarray(seen, np.float32)


def _uneven(seen: Field, draw: np.random.Generator) -> Field:
    """Blotches, and more or less contrast within what is warm: faces from the cold, patterned clothes."""
    if draw.random() < 0.5:
        spots = cloud(draw, HEIGHT, WIDTH, float(np.exp(draw.uniform(-3.5, -1.2))))
        seen = seen + np.float32(draw.uniform(0.02, 0.16)) * spots * np.clip(seen, 0, 1)
    if draw.random() < 0.4:
        from_share, gain = float(draw.uniform(0.45, 0.95)), float(np.exp(draw.uniform(-0.7, 0.9)))
        seen = np.where(seen > from_share, from_share + gain * (seen - from_share), seen)
    return np.asarray(np.clip(seen, -0.6, 1.6), np.float32)


def targets(labels: Field) -> tuple[Field, Field, Field]:
    """What the network should answer, see `Batch`."""
    head, frontal = np.zeros((ROWS, COLUMNS), np.float32), np.full((ROWS, COLUMNS), -1, np.float32)
    sides = np.zeros((4, ROWS, COLUMNS), np.float32)
    x = (np.arange(COLUMNS, dtype=np.float32) + 0.5)[None, :] * STRIDE_PX
    y = (np.arange(ROWS, dtype=np.float32) + 0.5)[:, None] * STRIDE_PX
    ordered = sorted(labels, key=lambda row: (row[4] != UNSURE, (row[2] - row[0]) * (row[3] - row[1])))
    for left, top, right, bottom, kind in ordered:
        wide, high = max(1e-3, right - left), max(1e-3, bottom - top)
        dx, dy = np.abs(x - (left + right) / 2) / wide, np.abs(y - (top + bottom) / 2) / high
        if kind == UNSURE or wide < _LEAST_PX:
            head[np.maximum(dx, dy) <= 0.5] = -1
            continue
        core = np.hypot(dx, dy) <= _CORE
        if not core.any():
            core = np.hypot(dx * wide, dy * high) <= np.hypot(dx * wide, dy * high).min() + 1e-3
        head[(np.hypot(dx, dy) <= _RIM) & ~core & (head == 0)] = -1
        head[core] = 1
        frontal[core] = float(kind == FACE)
        for number, side in enumerate((x - left + 0 * y, y - top + 0 * x, right - x + 0 * y, bottom - y + 0 * x)):
            sides[number][core] = np.maximum(0.1, side[core] / STRIDE_PX)
    return head, frontal, sides
