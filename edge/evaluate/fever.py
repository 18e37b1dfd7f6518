"""The verdict on a table of skin and oral temperatures, at the limits that the product uses."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np

from edge.thermal.settings import ThermalSettings

FEVER_C = 37.5
CLEAR_FEVER_C = 38.0


def fever(table: Path) -> dict[str, Any]:
    """The maximum of the face at the product's fixed limit, for three looks (rounds 1 to 3) and one."""
    with table.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {camera: _camera(rows, camera) for camera in ("flir", "ici")}


def _camera(rows: list[dict[str, str]], camera: str) -> dict[str, Any]:
    limit_c = ThermalSettings().limit_c
    looks = {"three_looks": f"{camera}_T_Max_m123", "one_look": f"{camera}_T_Max_r1"}
    pairs = {name: _pairs(rows, column) for name, column in looks.items()}
    return {
        "auc": round(_auc(pairs["three_looks"]), 4),
        **{name: _rates_at(values, limit_c) for name, values in pairs.items()},
    }


def _pairs(rows: list[dict[str, str]], column: str) -> np.ndarray:
    """Oral and skin temperature of everybody who has both, shape (n, 2)."""
    return np.array(
        [[float(row["oral_monitor_c"]), float(row[column])] for row in rows if row["oral_monitor_c"] and row[column]]
    )


def _rates_at(pairs: np.ndarray, limit_c: float) -> dict[str, float]:
    oral_c, flagged = pairs[:, 0], pairs[:, 1] >= limit_c
    return {
        "sensitivity": round(float(flagged[oral_c >= FEVER_C].mean()), 4),
        "specificity": round(float((~flagged[oral_c < FEVER_C]).mean()), 4),
        "sensitivity_38": round(float(flagged[oral_c >= CLEAR_FEVER_C].mean()), 4),
    }


def _auc(pairs: np.ndarray) -> float:
    """The chance that a feverish person reads hotter than one who is not (Mann-Whitney U, ties count half)."""
    ill, well = pairs[pairs[:, 0] >= FEVER_C, 1], pairs[pairs[:, 0] < FEVER_C, 1]
    return float((ill[:, None] > well).mean() + 0.5 * (ill[:, None] == well).mean())
