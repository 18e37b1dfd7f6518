"""Pictures of a fever table's figures: ROC, Bland-Altman, and the cameras' drift before and after the reference."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edge.evaluate.fever import FEVER_C, Judged, auc, judged
from edge.evaluate.table import CAMERAS, Person
from wire.errors import DriverError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PUBLISHED_AUC = (0.95, 0.97)
"""Of face and canthi, in both publications on these recordings (J. Biomed. Opt. 25 097002; Sensors 2022, 22, 215)."""
LINES = {"flir": "#1f5fa8", "ici": "#c2601c"}
NAMES = {"flir": "FLIR", "ici": "ICI"}
WINDOW = 21
"""People in a running median."""


def plot(people: Sequence[Person], folder: Path) -> list[Path]:
    """Write the pictures into a folder. Raises `DriverError` where matplotlib is not installed."""
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - a gate has none
    except ModuleNotFoundError as error:
        raise DriverError('matplotlib is not installed here; pip install "menshen[plots]" brings it') from error
    folder.mkdir(parents=True, exist_ok=True)
    everybody = {camera: judged(people, camera, 3) for camera in CAMERAS}
    written = []
    for name, draw in (("roc", _roc), ("bland-altman", _bland_altman), ("drift", _drift)):
        figure = Figure(figsize=(9.0, 4.2), layout="constrained")
        panels: Any = figure.subplots(1, 2, sharex=name != "roc", sharey=name != "roc")
        draw(panels, people, everybody)
        written.append(folder / f"{name}.png")
        figure.savefig(written[-1], dpi=90, metadata={"Software": None})
    return written


def _roc(panels: Sequence[Axes], _: Sequence[Person], everybody: dict[str, list[Judged]]) -> None:
    whole, corner = panels
    false = np.linspace(0.0005, 1, 400)
    band = [_binormal(false, area) for area in PUBLISHED_AUC]
    for axes in panels:
        axes.fill_between(false, band[0], band[1], color="0.85", label="published, AUC 0.95 to 0.97")
        for camera, told in everybody.items():
            rates = _curve(told)
            axes.step(rates[:, 0], rates[:, 1], where="post", color=LINES[camera])
            label = f"{NAMES[camera]}, AUC {auc(told):.3f}"
            axes.plot(*_working_point(told), "o", color=LINES[camera], label=label)
        axes.set_xlabel("false alarms")
    whole.set_ylabel("sensitivity, oral temperature from 37.5 °C on")
    corner.set(xlim=(0, 0.2), ylim=(0.6, 1.005))
    corner.axvline(0.05, color="0.6", lw=0.8, ls=":")
    corner.legend(loc="lower right", frameon=False)
    whole.set_title("three looks; the dot is the limit in use", fontsize=10)
    corner.set_title("its corner", fontsize=10)


def _bland_altman(panels: Sequence[Axes], _: Sequence[Person], everybody: dict[str, list[Judged]]) -> None:
    for axes, (camera, told) in zip(panels, everybody.items(), strict=True):
        pairs = np.array([(one.oral_c, one.temperature.body_c) for one in told if one.temperature.body_c is not None])
        mean_c, error_k = pairs.mean(axis=1), pairs[:, 1] - pairs[:, 0]
        axes.plot(mean_c, error_k, ".", ms=4, alpha=0.6, color=LINES[camera])
        bias_k, spread_k = float(error_k.mean()), float(error_k.std())
        for level_k, style in ((bias_k, "-"), (bias_k - 1.96 * spread_k, "--"), (bias_k + 1.96 * spread_k, "--")):
            axes.axhline(level_k, color="0.3", lw=0.9, ls=style)
        axes.set_title(f"{NAMES[camera]}: {bias_k:+.2f} K, 95 % within ±{1.96 * spread_k:.2f} K", fontsize=10)
        axes.set_xlabel("mean of estimate and oral temperature, °C")
    panels[0].set_ylabel("estimate minus oral temperature, K")


def _drift(panels: Sequence[Axes], people: Sequence[Person], _: dict[str, list[Judged]]) -> None:
    for axes, camera in zip(panels, CAMERAS, strict=True):
        well = [
            (person.looks[camera][0].face_c, person.looks[camera][0].offset_k)
            for person in people
            if person.looks[camera] and person.looks[camera][0].offset_k is not None and person.oral_c < FEVER_C
        ]
        if len(well) < WINDOW:
            raise DriverError(f"too few people with {camera}_T_offset for a picture of the camera's drift")
        corrected_c, offset_k = np.array(well, dtype=np.float64).T
        for skin_c, color, label in (
            (corrected_c - offset_k, "0.6", "as the camera read"),
            (corrected_c, LINES[camera], "against the blackbody"),
        ):
            running_k = _running(skin_c - np.median(skin_c))
            axes.plot(running_k, color=color, label=f"{label}: SD {running_k.std():.2f} K")
        axes.axhline(0, color="0.8", lw=0.8, zorder=0)
        axes.set_title(NAMES[camera], fontsize=10)
        axes.set_xlabel("people without a fever, in the order of time")
        axes.legend(frameon=False)
    panels[0].set_ylabel(f"face maximum, running median of {WINDOW}, K")


def _binormal(false: NDArray[np.float64], area: float) -> NDArray[np.float64]:
    """The ROC of two normal distributions of one width whose area under the curve is this."""
    normal = NormalDist()
    apart = normal.inv_cdf(area) * 2**0.5
    return np.array([normal.cdf(apart + normal.inv_cdf(min(one, 1 - 1e-9))) for one in false.tolist()])


def _curve(told: Sequence[Judged]) -> NDArray[np.float64]:
    """False alarms and sensitivity at each limit, shape (n, 2)."""
    ill = np.array([one.oral_c >= FEVER_C for one in told])
    ordered = ill[np.argsort([-one.margin_c for one in told], kind="stable")]
    rates = np.column_stack([np.cumsum(~ordered) / max(1, (~ill).sum()), np.cumsum(ordered) / max(1, ill.sum())])
    return np.vstack([[0.0, 0.0], rates])


def _working_point(told: Sequence[Judged]) -> tuple[float, float]:
    flags = {ill: [one.flagged for one in told if (one.oral_c >= FEVER_C) is ill] for ill in (False, True)}
    return float(np.mean(flags[False])), float(np.mean(flags[True]))


def _running(values: NDArray[np.float64]) -> NDArray[np.float64]:
    windows = np.lib.stride_tricks.sliding_window_view(values, WINDOW)
    return np.asarray(np.median(windows, axis=1), dtype=np.float64)
