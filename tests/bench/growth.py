"""How a hub's costs grow, as a picture: both axes logarithmic, so that a straight line's slope is the exponent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

_SIZES = {
    "gates": "gates, an event a second each",
    "people": "people in the register",
    "age": "events in the journal",
}
_ROWS = (
    ("hub's CPU, cores", (("hub_cores", "cores"),)),
    ("passage to the hub's word, ms", (("p50_ms", "p50"), ("p99_ms", "p99"))),
    ("hub's memory, MB", (("hub_peak_mb", "peak"),)),
    ("start, s", (("start_s", "until it answers"), ("start_cpu_s", "CPU of its first seconds"))),
)
_COLOURS = ("#1f5fa8", "#c2571a")


def draw(
    growth: Mapping[str, Sequence[Mapping[str, Any]]], fitted: Mapping[str, Mapping[str, float]], to: Path
) -> None:
    """A column for each size that grows, a row for each cost; dashed is what linear growth would be."""
    figure = Figure(figsize=(4.2 * len(growth), 10.5), layout="constrained")
    axes = figure.subplots(len(_ROWS), len(growth), squeeze=False)
    for column, (name, points) in enumerate(growth.items()):
        for row, (title, costs) in enumerate(_ROWS):
            _panel(axes[row][column], points, costs, fitted[name])
            if column == 0:
                axes[row][column].set_ylabel(title)
            if row == len(_ROWS) - 1:
                axes[row][column].set_xlabel(_SIZES[name])
    to.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(to, dpi=110)


def _panel(
    axis: Axes, points: Sequence[Mapping[str, Any]], costs: Sequence[tuple[str, str]], fitted: Mapping[str, float]
) -> None:
    sizes = [point["size"] for point in points]
    for (cost, label), colour in zip(costs, _COLOURS, strict=False):
        values = [max(1e-3, float(point[cost])) for point in points]
        axis.loglog(sizes, values, "o-", color=colour, label=f"{label}, exponent {fitted[cost]:.2f}")
        axis.loglog(sizes, [values[0] * size / sizes[0] for size in sizes], ":", color=colour, alpha=0.35)
    lowest = min(float(point[cost]) for point in points for cost, _ in costs)
    highest = max(float(point[cost]) for point in points for cost, _ in costs)
    axis.set_ylim(max(1e-3, lowest / 3), highest * 6)
    axis.grid(visible=True, which="major", alpha=0.3)
    axis.legend(fontsize=8, loc="upper left", frameon=False)
