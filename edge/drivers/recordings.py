"""Recordings of thermal cameras, whatever kind: `.npz`, a folder of 16-bit pictures, radiometric FLIR JPEGs.

A picture of 16 bits holds kelvin in hundredths (a Lepton's TLinear). When each frame of a folder was taken is said by
its `frames.csv` (columns `file` and `t_s`), else by the rate that is given, else by the files' own times.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.drivers.base import CelsiusImage
from edge.drivers.npz import ZERO_C_IN_CENTIKELVIN, load
from wire.errors import DriverError

PICTURES = frozenset({".png", ".tif", ".tiff"})
JPEGS = frozenset({".jpg", ".jpeg"})
LONGEST_GAP_S = 3600.0
"""Files whose times lie further apart were not taken one after the other."""


class Recorded(Protocol):
    """A recording: `t_s` are seconds from its first frame, shape (n,)."""

    @property
    def t_s(self) -> NDArray[np.float64]: ...

    def celsius(self, index: int, offset_c: float = 0.0) -> CelsiusImage:
        """One frame in °C, float32, shape (H, W). Raises `DriverError`, naming what is wrong with its file."""
        ...


class Pictures:
    """A recording of one file a frame, read when it is wanted."""

    def __init__(self, paths: list[Path], t_s: NDArray[np.float64], read: Callable[[Path], CelsiusImage]) -> None:
        self._paths = paths
        self._t_s = t_s
        self._read = read

    @property
    def t_s(self) -> NDArray[np.float64]:
        return self._t_s

    def celsius(self, index: int, offset_c: float = 0.0) -> CelsiusImage:
        return self._read(self._paths[index]) + np.float32(offset_c)


def open_recording(path: Path, rate_hz: float | None = None) -> Recorded:
    """The recording at a path. Raises `DriverError`, naming what is wrong with it."""
    if path.is_dir():
        return _folder(path, rate_hz)
    if path.suffix.lower() in JPEGS | PICTURES:
        if not path.exists():
            raise DriverError(f"recording {path}: No such file or directory")
        return Pictures([path], np.zeros(1), _reader(path))
    return load(path)


def _folder(folder: Path, rate_hz: float | None) -> Pictures:
    paths, t_s = _listed(folder) or (sorted(_pictures_in(folder), key=_natural), None)
    if not paths:
        raise DriverError(f"recording {folder}: no pictures in it, expected .png, .tif or radiometric .jpg files")
    if t_s is None:
        t_s = np.arange(len(paths)) / rate_hz if rate_hz is not None else _file_times(folder, paths)
    readers = {path.suffix.lower() in JPEGS for path in paths}
    if len(readers) > 1:
        raise DriverError(f"recording {folder}: 16-bit pictures and FLIR JPEGs together, expected one kind")
    return Pictures(paths, t_s, _reader(paths[0]))


def _listed(folder: Path) -> tuple[list[Path], NDArray[np.float64]] | None:
    """Files and times by the folder's `frames.csv`; None when there is none, or it tells no times."""
    table = folder / "frames.csv"
    if not table.is_file():
        return None
    try:
        with table.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DriverError(f"recording {table}: {error}") from error
    if not rows or not {"file", "t_s"} <= rows[0].keys():
        return None
    try:
        t_s = np.array([float(row["t_s"]) for row in rows])
    except (TypeError, ValueError) as error:
        raise DriverError(f"recording {table}: t_s: {error}, expected seconds") from error
    if not np.all(np.isfinite(t_s)) or np.any(np.diff(t_s) < 0):
        raise DriverError(f"recording {table}: t_s: expected seconds that never go back")
    return [folder / str(row["file"]) for row in rows], t_s - t_s[0]


def _pictures_in(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.suffix.lower() in PICTURES | JPEGS and path.is_file()]


def _natural(path: Path) -> tuple[tuple[int, str], ...]:
    """By the numbers in its name: frame 9 before frame 10."""
    parts: list[str] = []
    for character in path.name:
        if parts and parts[-1][-1:].isdecimal() == character.isdecimal():
            parts[-1] += character
        else:
            parts.append(character)
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in parts)


def _file_times(folder: Path, paths: list[Path]) -> NDArray[np.float64]:
    times_s: NDArray[np.float64] = np.array([path.stat().st_mtime_ns for path in paths], np.float64) / 1e9
    gaps_s = np.diff(times_s)
    if np.any(gaps_s <= 0) or np.any(gaps_s > LONGEST_GAP_S):
        raise DriverError(
            f"recording {folder}: its files' own times are not those of frames one after the other; "
            "give the rate (rate_hz, or --rate), or a frames.csv with the columns file and t_s"
        )
    since_s: NDArray[np.float64] = times_s - times_s[0]
    return since_s


def _reader(path: Path) -> Callable[[Path], CelsiusImage]:
    if path.suffix.lower() not in JPEGS:
        return read_picture
    from edge.drivers.flir_jpeg import read_jpeg

    return read_jpeg


def read_picture(path: Path) -> CelsiusImage:
    """A 16-bit picture of centikelvin in °C. Raises `DriverError`."""
    if not path.is_file():
        raise DriverError(f"picture {path}: No such file or directory")
    raw = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if raw is None:
        raise DriverError(f"picture {path}: cannot be read as a picture")
    if raw.ndim != 2 or raw.dtype != np.uint16:
        found = f"{raw.dtype} with {1 if raw.ndim == 2 else raw.shape[2]} channels"
        raise DriverError(f"picture {path}: is {found}, expected uint16 centikelvin with one")
    celsius: CelsiusImage = (raw.astype(np.float32) - np.float32(ZERO_C_IN_CENTIKELVIN)) / np.float32(100)
    return celsius
