"""How far a reading's confidence can be believed: `python -m tests.bench.plates [FOLDER] [--seed S] [--each N]`.

Without a folder the plates are rendered (`sim.plates`), all kinds, as gates see them. With one (`plates.csv` as for
`menshen evaluate plates`) each photograph is made worse N times: smaller, blurred, dark and noisy, smeared or slanted.
Prints a line of JSON: for each band of confidence how many readings fell in it, and how many of them were right.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from edge.plates.models import load
from edge.plates.reader import PlateReader
from edge.plates.settings import PlateSettings
from edge.plates.types import Picture, PlateReading
from sim.plates import any_plate, anyhow, draw, photograph

BANDS = (0.0, 0.3, 0.5, 0.8, 0.9, 0.97, 0.985, 0.995, 1.0)


class Case(NamedTuple):
    kind: str
    plates: tuple[str, ...]
    image: Picture


def rendered(seed: int, count: int) -> Iterator[Case]:
    noise = np.random.default_rng(seed)
    for _ in range(count):
        text, kind = any_plate(noise)
        yield Case(kind, (text,), photograph(draw(text, kind), noise, anyhow(noise)).image)


def worsened(folder: Path, reader: PlateReader, seed: int, each: int) -> Iterator[Case]:
    noise = np.random.default_rng(seed)
    with (folder / "plates.csv").open(encoding="utf-8") as table:
        rows = [row for row in csv.DictReader(table) if row["kind"] == "photos"]
    for row in rows:
        image = np.asarray(cv2.imread(str(folder / row["file"])), np.uint8)
        width_px = reader.read(image).width_px
        for number in range(each if width_px else 0):
            kind, worse = worsen(image, width_px or 0.0, number, noise)
            yield Case(kind, (row["plate"], *row["all_plates"].split()), worse)


def worsen(image: Picture, width_px: float, number: int, noise: np.random.Generator) -> tuple[str, Picture]:
    """A photograph whose plate becomes 60 to 160 px wide, made worse in one more of four ways."""
    scale = min(1.0, noise.uniform(60, 160) / width_px)
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    kind = ("blurred", "dark", "smeared", "slanted")[number % 4]
    if kind == "blurred":
        small = cv2.GaussianBlur(small, (0, 0), noise.uniform(0.5, 1.3))
    elif kind == "dark":
        dark = small * noise.uniform(0.15, 0.5) + noise.normal(0, 4, small.shape)
        small = np.clip(dark, 0, 255).astype(np.uint8)
    elif kind == "smeared":
        length = int(noise.integers(3, 7))
        small = cv2.filter2D(small, -1, np.full((1, length), 1 / length))
    else:
        small = slant(np.asarray(small, np.uint8), noise)
    packed = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, int(noise.integers(50, 90))])[1]
    return kind, np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)


def slant(image: Picture, noise: np.random.Generator) -> Picture:
    height, width = image.shape[:2]
    turn, shear = np.radians(noise.uniform(-12, 12)), noise.uniform(-0.25, 0.25)
    across = np.array([[np.cos(turn) * noise.uniform(0.6, 1), -np.sin(turn)], [np.sin(turn) + shear, np.cos(turn)]])
    middle = np.array([width, height]) / 2
    matrix = np.column_stack([across, middle - across @ middle])
    return np.asarray(cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def figures(read: list[tuple[Case, PlateReading]], sure_from: float) -> dict[str, object]:
    said = np.array([reading.confidence for _, reading in read])
    right = np.array([reading.text in case.plates for case, reading in read])
    kinds = sorted({case.kind for case, _ in read})
    of_kind = {kind: np.array([case.kind == kind for case, _ in read]) for kind in kinds}
    sure = said >= sure_from
    bands = list(itertools.pairwise(BANDS))
    inside = [(said >= low) & ((said < high) | (high == 1.0)) for low, high in bands]
    return {
        "pictures": len(read),
        "exact": round(float(right.mean()), 4),
        "confident": round(float(sure.mean()), 4),
        "confident_wrong": int((sure & ~right).sum()),
        "exact_by_kind": {kind: round(float(right[mine].mean()), 3) for kind, mine in of_kind.items()},
        "bands": {
            f"{low}-{high}": [int(mine.sum()), int(right[mine].sum())]
            for (low, high), mine in zip(bands, inside, strict=True)
        },
        "sure_and_wrong": [
            f"{case.plates[0]} read as {reading.text} ({case.kind})"
            for (case, reading), wrong in zip(read, sure & ~right, strict=True)
            if wrong
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--each", type=int, default=8, help="times that a photograph is made worse")
    parser.add_argument("--count", type=int, default=400, help="rendered plates")
    arguments = parser.parse_args()
    settings = PlateSettings(least_confidence=0.0)
    reader = PlateReader(load(1), settings)
    cases = (
        worsened(arguments.folder, reader, arguments.seed, arguments.each)
        if arguments.folder
        else rendered(arguments.seed, arguments.count)
    )
    read = [(case, reader.read(case.image)) for case in cases]
    print(json.dumps(figures(read, settings.sure_confidence), ensure_ascii=False))


if __name__ == "__main__":
    main()
