"""A sheet for a blind test: ten real frames and ten rendered ones, mixed, and the key to it in a file of its own.

Look at `mixed.png`, write down which tiles are rendered, and only then open `mixed-key.json`: who guesses is right in
ten of twenty on average.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.drivers.base import CelsiusImage
from edge.drivers.replay import ZERO_C_IN_CENTIKELVIN
from sim.people import stream
from wire.errors import MenshenError

KINDS = ("real", "rendered")
_OF_EACH, _COLUMNS, _ENLARGED = 10, 5, 3


def write(out: Path, folders: Sequence[tuple[Path, Sequence[dict[str, str]]]], seed: int) -> None:
    """Write sheet and key. `folders`: the real one, then the rendered one, each with its rows of `frames.csv`.

    Each tile is from another recording as far as there are enough; no name, size or order tells its kind.
    """
    draw = stream(seed, "mixed")
    chosen: list[tuple[str, Path]] = []
    for kind, (folder, rows) in zip(KINDS, folders, strict=True):
        one_each = {rows[int(number)]["recording"]: rows[int(number)] for number in draw.permutation(len(rows))}
        places = draw.permutation(len(one_each))[:_OF_EACH]
        chosen += [(kind, folder / list(one_each.values())[int(place)]["file"]) for place in places]
    order = [int(number) for number in draw.permutation(len(chosen))]
    tiles = [_tile(chosen[number][1], place) for place, number in enumerate(order, 1)]
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % _COLUMNS)
    cv2.imwrite(
        str(out / "mixed.png"),
        np.vstack([np.hstack(tiles[at : at + _COLUMNS]) for at in range(0, len(tiles), _COLUMNS)]),
    )
    key = {str(place): chosen[number][0] for place, number in enumerate(order, 1)}
    (out / "mixed-key.json").write_text(json.dumps(key, indent=1))


def read_frame(path: Path) -> CelsiusImage:
    """A 16-bit picture in °C. Raises `MenshenError` when it is none."""
    raw = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if raw is None or raw.ndim != 2:
        raise MenshenError(f"{path}: expected a 16-bit picture with one channel")
    image: CelsiusImage = (raw.astype(np.float32) - ZERO_C_IN_CENTIKELVIN) / np.float32(100)
    return image


def _tile(path: Path, number: int) -> NDArray[np.uint8]:
    """A frame in the grey from its first to its 99.7th percentile, enlarged, numbered."""
    celsius = read_frame(path)
    low, high = np.percentile(celsius, (1, 99.7))
    grey = (np.clip((celsius - low) / max(0.01, float(high - low)), 0, 1) * 255).astype(np.uint8)
    large = cv2.resize(grey, (120 * _ENLARGED, 160 * _ENLARGED), interpolation=cv2.INTER_CUBIC)
    framed = cv2.copyMakeBorder(large, 22, 2, 2, 2, cv2.BORDER_CONSTANT, value=128)
    cv2.putText(framed, str(number), (6, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 255, 1, cv2.LINE_AA)
    return np.asarray(framed, dtype=np.uint8)
