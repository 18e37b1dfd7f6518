"""Radiometric JPEGs of FLIR's hand-held cameras, by flyr: raw counts and calibration are in the file beside a picture.

Temperatures come with the emissivity, distance and surroundings that were set on the camera when it was taken.
"""

from __future__ import annotations

import struct
import warnings
from io import BytesIO
from pathlib import Path

import numpy as np

from edge.drivers.base import CelsiusImage
from wire.errors import DriverError

_FAULTS = (
    ValueError,
    LookupError,
    ArithmeticError,
    TypeError,
    AttributeError,
    EOFError,
    OSError,
    SyntaxError,
    struct.error,
)
"""What flyr and Pillow raise for files that are damaged, or none of theirs."""


def read_jpeg(path: Path) -> CelsiusImage:
    """The temperatures in such a file, float32, shape (H, W). Raises `DriverError`."""
    try:
        import flyr
    except ImportError as error:
        raise DriverError(
            f'picture {path}: {error}; install what it needs with: pip install "menshen[flir]"'
        ) from error
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DriverError(f"picture {path}: {error.strerror or error}") from error
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            celsius = np.asarray(flyr.unpack(BytesIO(content)).celsius, np.float32)
    except _FAULTS as error:
        raise DriverError(f"picture {path}: no radiometric FLIR picture ({error})") from error
    if celsius.ndim != 2 or 0 in celsius.shape:
        raise DriverError(f"picture {path}: its temperatures have shape {celsius.shape}, expected (H, W)")
    return celsius
