"""How good the finding of people is, on labelled frames (`menshen evaluate faces`) and films (`… recordings`).

What is counted, and how strictly:

- *found*: a drawn face overlaps a box of the finder by at least `MATCH_IOU`; of `faces`.
- *false_positives*: frames with nobody near in which anything is found; of the empty ones.
- *within_0_1_c*: the hottest pixel of the matched box is within `NEAR_C` of the drawn box's hottest pixel; of all
  faces, so that one that is not found is none within. It says whether the box holds the whole face and nothing hotter
  beside it. What is measured of a face is a steadier statistic (`edge/thermal/measure.py`), evaluated by `… fever`.
- *reference_found*: the disc within `NEAR_PX` of where it is drawn; of the frames that show it.
- *measured_profiles*: frames of people turned away or far in which anybody would be measured; of those frames.

Each frame is judged alone; the product sees films and has more to go by.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from edge.clock import Instant
from edge.drivers.base import CelsiusImage, ThermalFrame
from edge.drivers.replay import ZERO_C_IN_CENTIKELVIN, load
from edge.thermal.faces import find_faces
from edge.thermal.reference import find_reference
from edge.thermal.screen import Screen
from edge.thermal.settings import ThermalSettings
from edge.thermal.types import Box, Face, Reading, Reference
from wire.errors import DriverError

MATCH_IOU = 0.5
"""Intersection over union of a found box and a drawn one (the PASCAL VOC challenge's measure of a find)."""
NEAR_PX = 4.0
NEAR_C = 0.1
_FIGURES = {
    "found": "face",
    "false_positives": "empty",
    "within_0_1_c": "face",
    "reference_found": "reference",
    "measured_profiles": "away",
}
"""Each rate, and what it is a share of."""


class Outcome(NamedTuple):
    """What became of one frame: its name and tags, what it shows, and what was said of it."""

    file: str
    tags: tuple[str, ...]
    shows: frozenset[str]
    said: frozenset[str]


def faces(folder: Path) -> dict[str, float]:
    """Rates over single frames (`frames.csv`)."""
    return _rates(list(outcomes(folder)))


def faces_in_detail(folder: Path) -> dict[str, Any]:
    """The same, for each tag too, and which frames went wrong."""
    every = list(outcomes(folder))
    tags = sorted({tag for one in every for tag in one.tags})
    by_tag = {tag: _of_tag(_rates([one for one in every if tag in one.tags])) for tag in tags}
    wrong = {name: [one.file for one in every if _is_wrong(one, name)] for name in _FIGURES}
    return {**_rates(every), "by_tag": by_tag, "wrong": {name: files for name, files in wrong.items() if files}}


def recordings(folder: Path) -> dict[str, Any]:
    """What the screening says of each recording, without knowing the reference's set temperature.

    They are in the folder or in `recordings` within it (where `menshen sim render` writes them). Raises `DriverError`
    where there are none.
    """
    settings = ThermalSettings()
    found = sorted(folder.glob("*.npz")) or sorted(folder.glob("recordings/*.npz"))
    if not found:
        raise DriverError(f"{folder}: no recordings there; expected {folder}/*.npz or {folder}/recordings/*.npz")
    told = {path.name: _read_through(path, settings) for path in found}
    every = [reading for readings in told.values() for reading in readings]
    return {
        "recordings": len(told),
        "people": len(every),
        "measured": sum(reading.temperature is not None for reading in every),
        "looks": sum(reading.temperature.looks for reading in every if reading.temperature),
        "refusals": dict(Counter(str(reading.refusal) for reading in every if reading.refusal)),
        "each": {name: [_short(reading) for reading in readings] for name, readings in told.items()},
    }


def outcomes(folder: Path) -> Iterator[Outcome]:
    """Judge each frame of `frames.csv`. Raises `DriverError` for a picture that is none."""
    with (folder / "frames.csv").open(encoding="utf-8") as table:
        for row in csv.DictReader(table):
            yield _outcome(row, _read(folder / row["file"]))


def _outcome(row: dict[str, str], image: CelsiusImage) -> Outcome:
    reference = find_reference(image)
    found = find_faces(image, reference)
    shows = {{"face": "face", "empty": "empty"}.get(row["kind"], "away")}
    said: set[str] = set()
    if row["blackbody_x_y_r_c"]:
        shows.add("reference")
        said |= {"reference_found"} if _is_near(row["blackbody_x_y_r_c"], reference) else set()
    if row["kind"] == "face":
        said |= _of_a_face(row, image, found)
    elif row["kind"] == "empty":
        said |= {"false_positives"} if found else set()
    elif any(face.frontal and face.box.w >= ThermalSettings().min_face_px for face in found):
        said.add("measured_profiles")
    tags = tuple(tag for tag in row.get("tags", "").split(",") if tag not in ("", "-"))
    return Outcome(row["file"], tags, frozenset(shows), frozenset(said))


def _of_a_face(row: dict[str, str], image: CelsiusImage, found: Iterable[Face]) -> set[str]:
    drawn = Box(*(int(row[f"face_{key}"]) for key in "xywh"))
    best = max(found, key=lambda face: face.box.overlap(drawn), default=None)
    if best is None or best.box.overlap(drawn) < MATCH_IOU:
        return set()
    box = best.box
    hottest_c = float(image[box.y : box.y + box.h, box.x : box.x + box.w].max())
    apart_c = round(abs(hottest_c - float(row["face_max_c"])), 3)  # both have two decimals
    return {"found", "within_0_1_c"} if apart_c <= NEAR_C else {"found"}


def _is_near(drawn: str, found: Reference | None) -> bool:
    x, y, _, _ = (float(value) for value in drawn.split())
    return found is not None and float(np.hypot(found.x - x, found.y - y)) <= NEAR_PX


def _rates(every: list[Outcome]) -> dict[str, float]:
    rates: dict[str, float] = {"faces": sum("face" in one.shows for one in every)}
    for name, of in _FIGURES.items():
        those = [one for one in every if of in one.shows]
        rates[name] = round(sum(name in one.said for one in those) / len(those), 4) if those else 0.0
    return rates


def _of_tag(rates: dict[str, float]) -> dict[str, float]:
    return {name: rates[name] for name in ("faces", "found", "within_0_1_c")}


def _is_wrong(one: Outcome, name: str) -> bool:
    bad_when_said = name in ("false_positives", "measured_profiles")
    return _FIGURES[name] in one.shows and (name in one.said) == bad_when_said


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
