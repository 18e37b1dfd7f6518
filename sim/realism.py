"""How like real recordings the rendered ones are: distributions, spectra, the detector and the estimator on both.

    menshen sim realism REAL --out DIR --json

REAL is a folder as `edge/thermal/README.md` describes it: `frames.csv`, `frames/*.png` and `recordings/*.npz`. More
recordings are rendered, and both are measured by the same code. Nothing of the real data is kept but the figures, the
plots (`realism.png`) and a sheet for a blind test (`mixed.png`, its key in `mixed-key.json`; see `sim.blind`).
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edge.drivers.base import CelsiusImage
from edge.drivers.replay import ZERO_C_IN_CENTIKELVIN, Recording, load
from edge.evaluate import faces as evaluate_faces
from edge.thermal.faces import find_faces
from edge.thermal.measure import measure
from edge.thermal.reference import find_reference
from edge.thermal.settings import ThermalSettings
from sim import blind
from sim.apart import Frame, Told, told_apart
from sim.people import stream
from sim.recordings import write_set
from wire.errors import MenshenError

Values = NDArray[np.float64]
LEAST_OVERLAP, MOST_HIT_POINTS, MOST_SPREAD_C = 0.6, 5.0, 0.1
"""What the rendered frames must reach: each histogram's overlap, the detector's and the estimator's difference."""
_BINS = {
    "face_px": np.arange(16, 66, 4.0),
    "contrast_c": np.arange(2.0, 11.0, 0.7),
    "face_to_reference_c": np.arange(-4.5, 2.0, 0.5),
    "gradient_log10_c_per_px": np.arange(-3.0, 1.2, 0.15),
    "noise_difference_log10": np.arange(-6.5, -0.5, 0.3),
    "noise_highpass_log10": np.arange(-4.5, 0.5, 0.25),
}
"""Histograms' edges. A spectrum's is over the logarithm of its power in K², for each ring of frequencies."""
_PATCH_PX, _RINGS = 32, np.arange(0.03, 0.52, 0.07)
"""Of the noise's spectrum: its patches, and the rings of frequencies in cycles a pixel."""
_TIMES_AS_MANY = 3
"""So many times as many rendered recordings as real ones: one set's hit rate moves by 4 points by chance alone."""
_EVERY = 3
"""Each third frame is enough for the estimator: neighbours are alike."""


class Report(Struct, frozen=True, kw_only=True):
    """The comparison. Overlaps from 0 to 1; hit rates in percent; spreads in kelvin (see `Sample`)."""

    frames_real: int
    frames_rendered: int
    overlaps: dict[str, float]
    hit_rate_real: float
    hit_rate_rendered: float
    hit_points: float
    false_rate_real: float
    false_rate_rendered: float
    spread_real_c: float
    spread_rendered_c: float
    spread_difference_c: float
    told_apart: Told
    reached: bool


class Sample(NamedTuple):
    """What is measured of one folder. `values` pooled for each histogram; a spectrum's of shape (rings, n).

    `spread_c` is the standard deviation of the looks at one person within a recording, the median over recordings.
    """

    frames: int
    values: dict[str, Values]
    hit_rate: float
    false_rate: float
    spread_c: float
    spectra: dict[str, Values]


def main(argv: list[str]) -> int:
    """The command; exit code 0 when every target is reached, 1 when not. Raises `MenshenError` for unusable data."""
    parser = argparse.ArgumentParser(prog="menshen sim realism", description=__doc__)
    parser.add_argument("real", type=Path, metavar="REAL", help="a folder with frames.csv, frames and recordings")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where plots and the mixed sheet are written")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="one line of JSON rather than indented")
    arguments = parser.parse_args(argv)
    report = compare(arguments.real, arguments.out, arguments.seed)
    print(json.dumps(msgspec.to_builtins(report), indent=None if arguments.json else 2))
    return 0 if report.reached else 1


def compare(real: Path, out: Path | None = None, seed: int = 1) -> Report:
    """Render more recordings than there are real ones, measure both, and write what `out` is to hold.

    Raises `MenshenError` when `real` is no such folder.
    """
    recordings = sorted((real / "recordings").glob("*.npz"))
    if not recordings or not (real / "frames.csv").is_file():
        raise MenshenError(f"{real}: expected frames.csv and recordings/*.npz, as edge/thermal/README.md describes")
    with tempfile.TemporaryDirectory() as folder:
        rendered = Path(folder)
        each = max(1, round(len(_rows(real)) / len(recordings)))
        write_set(rendered, seed=seed, recordings=_TIMES_AS_MANY * len(recordings), frames_each=each)
        samples = [_sample(real), _sample(rendered)]
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(out / "realism.png"), _plots(*samples))
            blind.write(out, [(folder, faces_of(folder)) for folder in (real, rendered)], seed)
        told = told_apart(_frames(real), _frames(rendered), stream(seed, "apart"))
    return _report(samples[0], samples[1], told)


def faces_of(folder: Path) -> list[dict[str, str]]:
    """The rows of `frames.csv` with a face."""
    return [row for row in _rows(folder) if row["kind"] == "face"]


def _frames(folder: Path) -> list[Frame]:
    return [
        Frame(
            blind.read_frame(folder / row["file"]),
            (int(row["face_x"]), int(row["face_y"]), int(row["face_w"]), int(row["face_h"])),
            row["recording"],
        )
        for row in faces_of(folder)
    ]


def overlap(one: Values, other: Values, edges: Values) -> float:
    """The overlap coefficient of two histograms: 1 for the same distribution, 0 for two that share no bin."""
    first, second = (_histogram(values, edges) for values in (one, other))
    return float(np.minimum(first, second).sum())


def _histogram(values: Values, edges: Values) -> Values:
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1] - 1e-9), edges)
    return np.asarray(counts / max(1, counts.sum()), dtype=np.float64)


def _report(real: Sample, rendered: Sample, told: Told) -> Report:
    overlaps = {name: round(overlap(real.values[name], rendered.values[name], _BINS[name]), 3) for name in real.values}
    for name in real.spectra:
        rings = [
            overlap(one, other, _BINS[name])
            for one, other in zip(real.spectra[name], rendered.spectra[name], strict=True)
        ]
        overlaps[name] = round(float(np.mean(rings)), 3)
    hit_points = round(abs(real.hit_rate - rendered.hit_rate) * 100, 1)
    spread_c = round(abs(real.spread_c - rendered.spread_c), 3)
    return Report(
        frames_real=real.frames,
        frames_rendered=rendered.frames,
        overlaps=overlaps,
        hit_rate_real=round(real.hit_rate * 100, 1),
        hit_rate_rendered=round(rendered.hit_rate * 100, 1),
        hit_points=hit_points,
        false_rate_real=round(real.false_rate * 100, 1),
        false_rate_rendered=round(rendered.false_rate * 100, 1),
        spread_real_c=round(real.spread_c, 3),
        spread_rendered_c=round(rendered.spread_c, 3),
        spread_difference_c=spread_c,
        told_apart=told,
        reached=min(overlaps.values()) >= LEAST_OVERLAP and hit_points <= MOST_HIT_POINTS and spread_c <= MOST_SPREAD_C,
    )


def _rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "frames.csv").open(encoding="utf-8") as table:
        return list(csv.DictReader(table))


def _sample(folder: Path) -> Sample:
    rows = _rows(folder)
    films = [load(path) for path in sorted((folder / "recordings").glob("*.npz"))]
    figures = evaluate_faces(folder)
    spreads = [spread for film in films if (spread := _spread_c(film)) is not None]
    noise = [_noise(film) for film in films]
    return Sample(
        frames=len(rows),
        values=_of_faces(folder, faces_of(folder)),
        hit_rate=figures["found"],
        false_rate=figures["false_positives"],
        spread_c=float(np.median(spreads)) if spreads else float("nan"),
        spectra={
            name: np.concatenate([pair[index] for pair in noise], axis=1)
            for index, name in enumerate(("noise_difference_log10", "noise_highpass_log10"))
        },
    )


def _of_faces(folder: Path, rows: Sequence[dict[str, str]]) -> dict[str, Values]:
    """Size, contrast, maximum and gradients of the labelled faces."""
    sizes, contrasts, maxima, gradients = [], [], [], []
    for row in rows:
        image, maximum_c = blind.read_frame(folder / row["file"]), float(row["face_max_c"])
        sizes.append(float(row["face_w"]))
        contrasts.append(maximum_c - float(np.percentile(image, 35)))
        if row["blackbody_x_y_r_c"]:
            maxima.append(maximum_c - float(row["blackbody_x_y_r_c"].split()[-1]))
        down, across = np.gradient(image)
        gradients.append(np.log10(np.hypot(down, across).ravel() + 1e-4))
    return {
        "face_px": np.array(sizes, dtype=np.float64),
        "contrast_c": np.array(contrasts, dtype=np.float64),
        "face_to_reference_c": np.array(maxima, dtype=np.float64),
        "gradient_log10_c_per_px": np.concatenate(gradients).astype(np.float64) if gradients else np.empty(0),
    }


def _spread_c(film: Recording) -> float | None:
    """The standard deviation of the looks at the one frontal face of a recording, in kelvin; None for too few looks."""
    settings = ThermalSettings(reference_c=35.0)
    looks = []
    for index in range(0, len(film.frames), _EVERY):
        image = film.celsius(index)
        reference = find_reference(image)
        found = find_faces(image, reference)
        if reference is None or len(found) != 1:
            continue
        if found[0].frontal and found[0].box.w >= settings.min_face_px:
            looks.append(measure(image, found[0].box, reference, settings).skin_c)
    if len(looks) < 5:
        return None
    middle = float(np.median(looks))
    return float(1.4826 * np.median(np.abs(np.array(looks) - middle)))


def _noise(film: Recording) -> tuple[Values, Values]:
    """Spectra of the stillest patches: of differences of neighbouring frames, and of single high-passed frames.

    Logarithms of the mean power in each ring, in K², shape (rings, samples).
    """
    celsius = (film.frames.astype(np.float32) - ZERO_C_IN_CENTIKELVIN) / np.float32(100)
    steps = np.diff(celsius, axis=0)
    differences, singles = [], []
    for at in range(0, len(steps), max(1, len(steps) // 6)):
        top, left = _stillest(steps[at])
        patch = (slice(top, top + _PATCH_PX), slice(left, left + _PATCH_PX))
        high = celsius[at] - cv2.GaussianBlur(celsius[at], (0, 0), 4.0)
        if np.any(steps[at]):
            differences.append(_rings(steps[at][patch]))
        singles.append(_rings(high[patch]))
    return np.stack(differences, axis=1), np.stack(singles, axis=1)


def _stillest(step: CelsiusImage) -> tuple[int, int]:
    """Where the least moved between two frames, away from the frame's edge."""
    tops = range(8, step.shape[0] - _PATCH_PX - 7, 8)
    places = [(top, left) for top in tops for left in range(8, step.shape[1] - _PATCH_PX - 7, 8)]
    return min(places, key=lambda at: float(step[at[0] : at[0] + _PATCH_PX, at[1] : at[1] + _PATCH_PX].std()))


def _rings(patch: CelsiusImage) -> Values:
    """The logarithm (base 10) of the mean power of a patch in each ring of frequencies."""
    window = np.outer(np.hanning(_PATCH_PX), np.hanning(_PATCH_PX))
    power = np.abs(np.fft.fft2((patch - patch.mean()) * window)) ** 2 / (window**2).sum()
    frequency = np.fft.fftfreq(_PATCH_PX)
    radius = np.hypot(frequency[:, None], frequency[None, :])
    means = [power[(radius >= low) & (radius < high)].mean() for low, high in itertools.pairwise(_RINGS)]
    return np.asarray(np.log10(np.maximum(means, 1e-7)), dtype=np.float64)


_PLOT = (260, 360)
"""Rows and columns of one plot."""
_REAL_INK, _RENDERED_INK = (40, 40, 200), (200, 90, 20)


def _plots(real: Sample, rendered: Sample) -> NDArray[np.uint8]:
    """All histograms and both spectra on one page: real red, rendered blue."""
    sheets = [_histogram_plot(name, real.values[name], rendered.values[name]) for name in real.values]
    sheets += [_spectrum_plot(name, real.spectra[name], rendered.spectra[name]) for name in real.spectra]
    rows = [np.hstack(sheets[at : at + 3]) for at in range(0, len(sheets), 3)]
    return np.asarray(np.vstack(rows), dtype=np.uint8)


def _histogram_plot(name: str, real: Values, rendered: Values) -> NDArray[np.uint8]:
    edges = _BINS[name]
    shares = [_histogram(values, edges) for values in (real, rendered)]
    title = f"{name}  overlap {overlap(real, rendered, edges):.2f}"
    return _curves(title, (edges[:-1] + edges[1:]) / 2, shares)


def _spectrum_plot(name: str, real: Values, rendered: Values) -> NDArray[np.uint8]:
    centres = np.asarray((_RINGS[:-1] + _RINGS[1:]) / 2, dtype=np.float64)
    return _curves(f"{name} over cycles/px", centres, [np.median(real, axis=1), np.median(rendered, axis=1)])


def _curves(title: str, x: Values, curves: Sequence[Values]) -> NDArray[np.uint8]:
    height, width = _PLOT
    page = np.full((height, width, 3), 255, np.uint8)
    low, high = min(float(curve.min()) for curve in curves), max(float(curve.max()) for curve in curves)
    across = 30 + (x - x[0]) / (x[-1] - x[0]) * (width - 60)
    for curve, ink in zip(curves, (_REAL_INK, _RENDERED_INK), strict=True):
        down = height - 40 - (curve - low) / max(1e-9, high - low) * (height - 90)
        points = np.stack([across, down], axis=1).round().astype(np.int32)
        cv2.polylines(page, [points], isClosed=False, color=ink, thickness=2, lineType=cv2.LINE_AA)
    cv2.rectangle(page, (28, 46), (width - 28, height - 36), (170, 170, 170), 1)
    for text, at in (
        (title, (10, 18)),
        ("real", (10, 38)),
        ("rendered", (60, 38)),
        (f"{x[0]:.2f}", (20, height - 18)),
        (f"{x[-1]:.2f}", (width - 70, height - 18)),
    ):
        ink = {"real": _REAL_INK, "rendered": _RENDERED_INK}.get(text, (0, 0, 0))
        cv2.putText(page, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.4, ink, 1, cv2.LINE_AA)
    return page
