"""How well number plates are read: whole-car photographs with their text, each read alone."""

from __future__ import annotations

import csv
import statistics
import time
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from msgspec import Struct

from edge.plates.models import THREADS, load
from edge.plates.reader import PlateReader
from edge.plates.settings import PlateSettings
from edge.plates.types import Picture, PlateReading, Why
from wire.errors import DriverError

WIDE_PX = 80.0
"""Plates narrower than this are left out; where none was found, the photograph counts."""
_NAMED = 40
"""Failures told one by one."""


class _Outcome(Struct, frozen=True):
    file: str
    colour: str
    plates: tuple[str, ...]
    """Every plate that can be read in the photograph, the one it was taken for first."""
    reading: PlateReading
    wall_ms: float
    cpu_ms: float

    @property
    def exact(self) -> bool:
        """A plate of the photograph was read, without an error."""
        return self.reading.text in self.plates

    @property
    def failure(self) -> str:
        if self.reading.text is not None:
            return "" if self.exact else "misread"
        return "no_plate" if Why.NO_PLATE in self.reading.reasons else "unread"


def plates(folder: Path) -> dict[str, Any]:
    """Rates over `plates.csv` (columns `file`, `plate`, `kind`, `colour`, `all_plates`), photographs only.

    `exact`: a plate of the photograph was read without an error. `confident`: the reading is sure. `confident_wrong`:
    the share of sure readings that are no plate of the photograph.
    """
    reader = PlateReader(load(THREADS))
    with (folder / "plates.csv").open(encoding="utf-8") as table:
        rows = [row for row in csv.DictReader(table) if row["kind"] == "photos"]
    if not rows:
        raise ValueError("plates.csv: no row of the kind `photos`")
    reader.read(_picture(folder / rows[0]["file"]))  # the first run of a network takes longer than the others
    every = [_read(reader, folder, row) for row in rows]
    judged = [one for one in every if one.reading.width_px is None or one.reading.width_px >= WIDE_PX]
    return _figures(judged) | {"narrower_than_80_px": len(every) - len(judged)}


def _figures(judged: list[_Outcome]) -> dict[str, Any]:
    sure_from = PlateSettings().sure_confidence
    sure = [one for one in judged if one.reading.confidence >= sure_from]
    return {
        "photos": len(judged),
        "exact": _rate(sum(one.exact for one in judged), len(judged)),
        "confident": _rate(len(sure), len(judged)),
        "confident_wrong": _rate(sum(not one.exact for one in sure), len(sure)),
        "median_ms": round(statistics.median(one.wall_ms for one in judged), 1) if judged else 0.0,
        "median_cpu_ms": round(statistics.median(one.cpu_ms for one in judged), 1) if judged else 0.0,
        "exact_of_the_plate_it_was_taken_for": _rate(
            sum(one.reading.text == one.plates[0] for one in judged), len(judged)
        ),
        "failures": dict(Counter(one.failure for one in judged if one.failure)),
        "by_colour": {colour: _of_colour(judged, colour) for colour in sorted({one.colour for one in judged})},
        "failed": [_told(one) for one in judged if one.failure][:_NAMED],
    }


def _of_colour(judged: list[_Outcome], colour: str) -> dict[str, Any]:
    mine = [one for one in judged if one.colour == colour]
    failures = Counter(one.failure for one in mine if one.failure)
    return {"photos": len(mine), "exact": _rate(sum(one.exact for one in mine), len(mine)), **failures}


def _told(one: _Outcome) -> str:
    reading = one.reading
    why = ", ".join(reading.reasons)
    wide = f"{reading.width_px:.0f} px" if reading.width_px is not None else "not found"
    return f"{one.file}: {' '.join(one.plates)} read as {reading.text} ({reading.confidence:.2f}, {wide}; {why})"


def _read(reader: PlateReader, folder: Path, row: dict[str, str]) -> _Outcome:
    image = _picture(folder / row["file"])
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    reading = reader.read(image)
    cpu_ms, wall_ms = (time.process_time() - cpu_s) * 1e3, (time.perf_counter() - wall_s) * 1e3
    others = tuple(text for text in row["all_plates"].split() if text != row["plate"])
    return _Outcome(row["file"], row["colour"] or "not_told", (row["plate"], *others), reading, wall_ms, cpu_ms)


def _picture(path: Path) -> Picture:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise DriverError(f"{path}: expected a picture")
    return np.asarray(image, np.uint8)


def _rate(count: int, of: int) -> float:
    return round(count / of, 4) if of else 0.0
