"""A USB video camera as OpenCV shows it: what `cv2.VideoCapture` does over V4L2, fed with the camera's raw bytes.

Like the real one it converts to 8-bit colours unless it is told not to, takes the nearest size that the camera offers,
gives (False, None) once the camera is gone, and may wait for ever.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np

FRAME_S = 0.002


class UsbCamera:
    """The camera: plugged in, unplugged, talking nonsense, or hanging. `offers` are FourCC, width and height."""

    def __init__(self, offers: list[tuple[str, int, int]], stream: Callable[[], Iterator[bytes]]) -> None:
        self.offers = offers
        self.stream = stream
        self.plugged = True
        self.garbled = False
        self.hangs = threading.Event()
        self.released = threading.Event()
        self.threads: set[int] = set()
        self.captures: list[FakeCapture] = []

    def open(self, device: str) -> FakeCapture:
        self.threads.add(threading.get_ident())
        self.captures.append(FakeCapture(self))
        return self.captures[-1]

    def vanish(self) -> None:
        self.plugged = False

    def come_back(self) -> None:
        self.plugged, self.garbled = True, False

    def garble(self) -> None:
        self.garbled = True


class FakeCapture:
    """One opened capture of the camera."""

    def __init__(self, camera: UsbCamera) -> None:
        self._camera = camera
        self._format = ("YUYV", *camera.offers[0][1:])
        self._asked = camera.offers[0][1:]
        self._converts = True
        self._bytes = camera.stream()
        self._noise = np.random.default_rng(1)
        self.is_released = False

    def isOpened(self) -> bool:
        return self._camera.plugged

    def set(self, prop: int, value: float) -> bool:
        fourcc = self._format[0]
        match prop:
            case cv2.CAP_PROP_FOURCC:
                asked = int(value).to_bytes(4, "little").decode("latin-1")
                fourcc = asked if any(offer[0] == asked for offer in self._camera.offers) else fourcc
            case cv2.CAP_PROP_CONVERT_RGB:
                self._converts = bool(value)
            case cv2.CAP_PROP_FRAME_WIDTH:
                self._asked = (int(value), self._asked[1])
            case cv2.CAP_PROP_FRAME_HEIGHT:
                self._asked = (self._asked[0], int(value))
        self._format = (fourcc, *self._nearest(fourcc))
        return True

    def _nearest(self, fourcc: str) -> tuple[int, int]:
        """The size that a UVC camera takes when it is asked for one: the nearest that it has."""
        sizes = [offer[1:] for offer in self._camera.offers if offer[0] == fourcc] or [self._camera.offers[0][1:]]
        return min(sizes, key=lambda size: abs(size[0] - self._asked[0]) + abs(size[1] - self._asked[1]))

    def get(self, prop: int) -> float:
        fourcc, width, height = self._format
        told = {cv2.CAP_PROP_FRAME_WIDTH: width, cv2.CAP_PROP_FRAME_HEIGHT: height}
        return float(told.get(prop, cv2.VideoWriter.fourcc(*fourcc)))

    def read(self) -> tuple[bool, Any]:
        camera = self._camera
        camera.threads.add(threading.get_ident())
        if camera.hangs.is_set():
            camera.released.wait(30)
        time.sleep(FRAME_S)
        if not camera.plugged:
            return False, None
        return True, self._decoded(next(self._bytes))

    def _decoded(self, data: bytes) -> np.ndarray:
        fourcc, width, height = self._format
        if self._camera.garbled:
            data = self._noise.bytes(2 * width * height)
        if self._converts:
            return np.zeros((height, width, 3), np.uint8)
        if fourcc == "Y16 ":
            return np.frombuffer(data[: 2 * width * height], "<u2").reshape(height, width)
        return np.frombuffer(data[: 2 * width * height], np.uint8).reshape(height, width, 2)

    def release(self) -> None:
        self.is_released = True
