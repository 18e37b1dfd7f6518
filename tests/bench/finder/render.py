"""Rendered scenes on disk, in shards: rendering takes longer than learning, and is done once."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge.drivers.replay import ZERO_C_IN_CENTIKELVIN
from tests.bench.finder.scenes import Crowd, scene

SHARD = 400
MOST_LABELS = 5


class Shard(NamedTuple):
    """`frames` uint16 centikelvin (n, H, W); `labels` float32 (n, MOST_LABELS, 5): box and kind, -1 for none."""

    frames: NDArray[np.uint16]
    labels: NDArray[np.float32]


def render_shards(folder: Path, seed: int, count: int, first: int = 0) -> None:
    """Write so many shards; those that are there already are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        path = folder / f"{seed}-{number:03d}.npz"
        if not path.exists():
            shard = _render(np.random.default_rng([seed, number]))
            part = path.with_suffix(".part.npz")
            np.savez_compressed(part, **shard._asdict())
            part.rename(path)


def load_shard(path: Path) -> Shard:
    with np.load(path) as archive:
        return Shard(archive["frames"], archive["labels"])


def _render(draw: np.random.Generator) -> Shard:
    crowd = Crowd(draw)
    frames = np.empty((SHARD, 160, 120), np.uint16)
    labels = np.full((SHARD, MOST_LABELS, 5), -1, np.float32)
    for n in range(SHARD):
        one = scene(draw, crowd)
        frames[n] = np.clip(np.round(one.image * 100) + ZERO_C_IN_CENTIKELVIN, 0, 65535)
        for k, label in enumerate(one.labels[:MOST_LABELS]):
            labels[n, k] = (*label.box, label.kind)
    return Shard(frames, labels)
