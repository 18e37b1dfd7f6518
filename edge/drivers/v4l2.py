"""USB video cameras that give raw 16-bit words, through OpenCV and V4L2: what thermal cameras of that kind share.

OpenCV converts to 8-bit colours unless it is told not to, silently: the words are gone then, and a picture is there
all the same. So each frame is checked to be what was asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Protocol

import cv2
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from wire.errors import DriverError

MOST_FAILED_READS = 5
"""So many reads in a row without a frame: it was unplugged. One or two happen when a frame is lost."""

Rotation = Annotated[int, Meta(ge=0, le=270, multiple_of=90)]
"""Clockwise, in degrees, until people stand upright."""


class Capture(Protocol):
    """What we use of `cv2.VideoCapture`, and what stands for a camera in tests."""

    def isOpened(self) -> bool: ...  # noqa: N802 - OpenCV's names
    def set(self, prop: int, value: float) -> bool: ...
    def get(self, prop: int) -> float: ...
    def read(self) -> tuple[bool, Any]: ...
    def release(self) -> None: ...


OpenCapture = Callable[[str], Capture]


def open_v4l2(device: str) -> Capture:
    """OpenCV's own capture of a V4L2 device (`/dev/video0`, or better its name under `/dev/v4l/by-id`)."""
    capture: Capture = cv2.VideoCapture(device, cv2.CAP_V4L2)
    return capture


class Format(NamedTuple):
    """What a camera is asked for: pixel format (FourCC), size in pixels, and how a frame must look then."""

    fourcc: str
    width: int
    heights: tuple[int, ...]
    """Tried one after the other: with telemetry rows first, then without."""
    dtype: type[np.generic]
    channels: int = 1


class RawCamera:
    """A `Source` of raw frames (`edge.drivers.grabber`): arrays of the format's dtype, shape (H, W) or (H, W, C)."""

    def __init__(self, device: str, wanted: Format, open_capture: OpenCapture = open_v4l2) -> None:
        self._device = device
        self._wanted = wanted
        self._open_capture = open_capture
        self._capture: Capture | None = None
        self._failed = 0

    def open(self) -> None:
        capture = self._open_capture(self._device)
        self._capture = capture
        if not capture.isOpened():
            raise DriverError(f"camera {self._device}: cannot be opened{_why_not(self._device)}")
        self._configure(capture)

    def _configure(self, capture: Capture) -> None:
        """Ask for raw words, and believe only what the camera says that it took."""
        wanted = self._wanted
        code = cv2.VideoWriter.fourcc(*wanted.fourcc)
        capture.set(cv2.CAP_PROP_FOURCC, code)
        capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)
        for height in wanted.heights:
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, wanted.width)
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
            size = (int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)))
            if size == (wanted.width, height):
                break
        else:
            raise DriverError(f"camera {self._device}: gives {size[0]}x{size[1]}, expected {_sizes(wanted)}")
        if int(capture.get(cv2.CAP_PROP_FOURCC)) != code:
            raise DriverError(f"camera {self._device}: does not give {wanted.fourcc!r}: is it a thermal camera?")

    def read(self) -> NDArray[Any] | None:
        assert self._capture is not None, "open comes first"
        good, frame = self._capture.read()
        if not good or frame is None:
            self._failed += 1
            if self._failed >= MOST_FAILED_READS:
                raise DriverError(f"camera {self._device}: gives no frames any more{_why_not(self._device)}")
            return None
        self._failed = 0
        return self._checked(frame)

    def _checked(self, frame: NDArray[Any]) -> NDArray[Any]:
        wanted = self._wanted
        channels = 1 if frame.ndim == 2 else frame.shape[2]
        if frame.dtype != wanted.dtype or channels != wanted.channels:
            found = f"{frame.dtype} with {channels} channels"
            raise DriverError(
                f"camera {self._device}: gave {found}, expected raw {np.dtype(wanted.dtype)}: "
                "OpenCV converted the picture, and the temperatures are lost"
            )
        if frame.shape[0] not in wanted.heights or frame.shape[1] != wanted.width:
            found = f"{frame.shape[1]}x{frame.shape[0]}"
            raise DriverError(f"camera {self._device}: gave a frame of {found}, expected {_sizes(wanted)}")
        return frame

    def close(self) -> None:
        if self._capture is not None:
            self._capture.release()
            self._capture = None


def upright(image: NDArray[Any], rotation: int) -> NDArray[Any]:
    """The picture turned clockwise by 0, 90, 180 or 270 degrees."""
    return np.ascontiguousarray(np.rot90(image, -rotation // 90))


def _sizes(wanted: Format) -> str:
    return " or ".join(f"{wanted.width}x{height}" for height in wanted.heights)


def _why_not(device: str) -> str:
    path = Path(device)
    if not path.exists():
        return ": no such device; is it plugged in?"
    if not path.is_char_device():
        return ": not a device"
    return ": used by another program, or this user may not (it must be in the group video)"
