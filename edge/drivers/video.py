"""Pictures of whatever OpenCV opens: a live source (a device, an RTSP or HTTP stream), or a film (a file, a folder)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from wire.errors import DriverError

_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp"}
_FOLDER_EVERY_S = 0.2
"""Pictures of a folder count as taken so long after one another."""
_NO_RATE = 25.0
"""Pictures a second of a film that does not say."""

Image = NDArray[Any]


class Stream:
    """A live source for `edge.drivers.grabber`: what it does not give within `timeout_s` is a fault."""

    def __init__(self, where: str, timeout_s: float) -> None:
        self._where = where
        self._timeout_ms = round(timeout_s * 1000)
        self._capture: cv2.VideoCapture | None = None

    def open(self) -> None:
        """Raises `DriverError`."""
        self._capture = _opened(self._where, self._timeout_ms)

    def read(self) -> Image:
        """The next picture. Raises `DriverError` when there is none: a live source never ends by itself."""
        image = _next(self._where, self._capture)
        if image is None:
            raise DriverError(f"{self._where}: the stream ended or broke, expected a next picture")
        return image

    def close(self) -> None:
        if self._capture is not None:
            self._capture.release()


class Scene(NamedTuple):
    """One picture of a film, so long after its first."""

    image: Image
    since_start_s: float


class Film:
    """A file or a folder of pictures, from its beginning to its end, none left out."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._scenes: Iterator[Scene] = iter(())

    def open(self) -> None:
        """Raises `DriverError` for what is not there or not a film."""
        if self._path.is_dir():
            self._scenes = _folder(_pictures_in(self._path))
        elif self._path.is_file():
            self._scenes = _film(str(self._path), _opened(str(self._path), None))
        else:
            raise DriverError(f"{self._path}: no such film or folder")

    def read(self) -> Scene | None:
        """The next picture; None at the end. Raises `DriverError`."""
        return next(self._scenes, None)


def _pictures_in(folder: Path) -> list[Path]:
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES)
    if not files:
        raise DriverError(f"{folder}: no pictures, expected files ending in {', '.join(sorted(_SUFFIXES))}")
    return files


def _folder(files: list[Path]) -> Iterator[Scene]:
    for number, path in enumerate(files):
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is not None:
            yield Scene(np.asarray(image), number * _FOLDER_EVERY_S)


def _film(where: str, capture: cv2.VideoCapture) -> Iterator[Scene]:
    rate = float(capture.get(cv2.CAP_PROP_FPS))
    every_s = 1 / rate if 0 < rate < 1000 else 1 / _NO_RATE
    number = 0
    try:
        while (image := _next(where, capture)) is not None:
            yield Scene(image, number * every_s)
            number += 1
    finally:
        capture.release()


def _opened(where: str, timeout_ms: int | None) -> cv2.VideoCapture:
    """Raises `DriverError`."""
    try:
        capture = _capture(where, timeout_ms)
    except cv2.error as error:
        raise DriverError(f"{where}: {error}") from error
    if not capture.isOpened():
        raise DriverError(f"{where}: cannot be opened, expected {_EXPECTED}")
    return capture


_EXPECTED = "a camera (/dev/video0 or its number), an rtsp:// or http:// address, or a film"


def _capture(where: str, timeout_ms: int | None) -> cv2.VideoCapture:
    if where.isdecimal():
        return cv2.VideoCapture(int(where))
    if "://" in where and timeout_ms is not None:
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, timeout_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, timeout_ms]
        return cv2.VideoCapture(where, cv2.CAP_FFMPEG, limits)
    return cv2.VideoCapture(where)


def _next(where: str, capture: cv2.VideoCapture | None) -> Image | None:
    """The next picture, None at the end. Raises `DriverError`."""
    if capture is None:
        raise DriverError(f"{where}: was not opened")
    try:
        good, image = capture.read()
    except cv2.error as error:
        raise DriverError(f"{where}: {error}") from error
    return np.asarray(image) if good and image is not None else None
