"""Recordings in one file: `.npz` with `frames` (uint16 centikelvin, [n, H, W]) and `t_s` (seconds)."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge.drivers.base import CelsiusImage
from wire.errors import DriverError

ZERO_C_IN_CENTIKELVIN = 27315
"""0 °C is 273.15 K."""


class Recording(NamedTuple):
    """`frames` uint16 centikelvin of shape (n, H, W); `t_s` seconds from the first frame, shape (n,)."""

    frames: NDArray[np.uint16]
    t_s: NDArray[np.float64]

    def celsius(self, index: int, offset_c: float = 0.0) -> CelsiusImage:
        """One frame in °C, float32, shape (H, W)."""
        above_zero = self.frames[index].astype(np.float32) - np.float32(ZERO_C_IN_CENTIKELVIN)
        image: CelsiusImage = above_zero / np.float32(100) + np.float32(offset_c)
        return image


def load(path: Path) -> Recording:
    """The recording in a file. Raises `DriverError`, naming what is wrong with it."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            frames, t_s = np.asarray(archive["frames"]), np.asarray(archive["t_s"])
    except OSError as error:
        raise DriverError(f"recording {path}: {error.strerror or error}") from error
    except KeyError as error:
        raise DriverError(f"recording {path}: expected arrays 'frames' and 't_s' ({error})") from error
    except (ValueError, EOFError, zipfile.BadZipFile, NotImplementedError, AttributeError, TypeError) as error:
        raise DriverError(f"recording {path}: no .npz file of numpy ({error})") from error
    if frames.ndim != 3 or frames.dtype != np.uint16 or 0 in frames.shape:
        found = f"{frames.dtype} of shape {frames.shape}"
        raise DriverError(f"recording {path}: frames are {found}, expected uint16 centikelvin of shape (n, H, W)")
    if t_s.shape != frames.shape[:1] or t_s.dtype.kind not in "fiu" or not np.all(np.isfinite(t_s)):
        found = f"{t_s.dtype} of shape {t_s.shape}"
        raise DriverError(f"recording {path}: t_s is {found}, expected {len(frames)} finite seconds")
    return Recording(frames, t_s.astype(np.float64) - float(t_s[0]))
