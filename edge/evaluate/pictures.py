"""The screening on labelled pictures: single frames with drawn faces, and recordings."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from msgspec import Struct

from edge.clock import Instant
from edge.drivers.base import CelsiusImage, ThermalFrame
from edge.drivers.replay import ZERO_C_IN_CENTIKELVIN, load
from edge.thermal.faces import find_faces
from edge.thermal.reference import find_reference
from edge.thermal.screen import Screen
from edge.thermal.settings import ThermalSettings
from edge.thermal.types import Box, Face, Reading, Reference
from wire.errors import DriverError

MATCH_IOU = 0.4
"""A face counts as found when a box overlaps the hand-drawn one by this much (intersection over union)."""
NEAR_PX = 4.0
NEAR_C = 0.1


class _Counts(Struct):
    faces: int = 0
    found: int = 0
    within: int = 0
    empty: int = 0
    false_positives: int = 0
    references: int = 0
    references_found: int = 0
    profiles: int = 0
    measured_profiles: int = 0


def faces(folder: Path) -> dict[str, float]:
    """Rates over single frames (`frames.csv`): see the module's constants for what counts as found."""
    counts = _Counts()
    with (folder / "frames.csv").open(encoding="utf-8") as table:
        for row in csv.DictReader(table):
            _count_frame(counts, row, _read(folder / row["file"]))
    return {
        "faces": counts.faces,
        "found": _rate(counts.found, counts.faces),
        "false_positives": _rate(counts.false_positives, counts.empty),
        "within_0_1_c": _rate(counts.within, counts.faces),
        "reference_found": _rate(counts.references_found, counts.references),
        "measured_profiles": _rate(counts.measured_profiles, counts.profiles),
    }


def recordings(folder: Path) -> dict[str, Any]:
    """What the screening says of each recording, without knowing the reference's set temperature."""
    settings = ThermalSettings()
    told = {path.name: _read_through(path, settings) for path in sorted(folder.glob("*.npz"))}
    every = [reading for readings in told.values() for reading in readings]
    return {
        "recordings": len(told),
        "people": len(every),
        "measured": sum(reading.temperature is not None for reading in every),
        "looks": sum(reading.temperature.looks for reading in every if reading.temperature),
        "refusals": dict(Counter(str(reading.refusal) for reading in every if reading.refusal)),
        "each": {name: [_short(reading) for reading in readings] for name, readings in told.items()},
    }


def _count_frame(counts: _Counts, row: dict[str, str], image: CelsiusImage) -> None:
    reference = find_reference(image)
    found = find_faces(image, reference)
    _count_reference(counts, row["blackbody_x_y_r_c"], reference)
    match row["kind"]:
        case "face":
            counts.faces += 1
            drawn = Box(*(int(row[f"face_{key}"]) for key in "xywh"))
            best = max(found, key=lambda face: face.box.overlap(drawn), default=None)
            if best is not None and best.box.overlap(drawn) >= MATCH_IOU:
                counts.found += 1
                counts.within += abs(_maximum(image, best) - float(row["face_max_c"])) <= NEAR_C
        case "empty":
            counts.empty += 1
            counts.false_positives += bool(found)
        case _:
            counts.profiles += 1
            least_px = ThermalSettings().min_face_px
            counts.measured_profiles += any(face.frontal and face.box.w >= least_px for face in found)


def _count_reference(counts: _Counts, drawn: str, found: Reference | None) -> None:
    if not drawn:
        return
    x, y, _, _ = (float(value) for value in drawn.split())
    counts.references += 1
    counts.references_found += found is not None and float(np.hypot(found.x - x, found.y - y)) <= NEAR_PX


def _maximum(image: CelsiusImage, face: Face) -> float:
    box = face.box
    inside = image[box.y : box.y + box.h, box.x : box.x + box.w]
    return float(np.sort(inside, axis=None)[-4:].mean())


def _read(path: Path) -> CelsiusImage:
    raw = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if raw is None or raw.ndim != 2:
        raise DriverError(f"{path}: expected a 16-bit picture with one channel")
    image: CelsiusImage = (raw.astype(np.float32) - ZERO_C_IN_CENTIKELVIN) / np.float32(100)
    return image


def _read_through(path: Path, settings: ThermalSettings) -> list[Reading]:
    recording, screen = load(path), Screen(settings)
    readings: list[Reading] = []
    for index, t_s in enumerate(recording.t_s):
        at = Instant(int(t_s * 1e9), int(t_s * 1e9))
        readings += screen.see(ThermalFrame(recording.celsius(index), at)).readings
    return readings + screen.flush()


def _short(reading: Reading) -> str:
    measured = reading.temperature
    return f"{measured.skin_c:.1f} ± {measured.u_c:.1f} °C" if measured else str(reading.refusal)


def _rate(count: int, of: int) -> float:
    return round(count / of, 4) if of else 0.0
