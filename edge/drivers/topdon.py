"""InfiRay's P2 Pro and its kin (Topdon TC001, HIKMICRO's look-alikes): a USB camera that claims to give colours.

A frame is 256x384 "YUYV": the upper half is a picture to look at, the lower half 16-bit words of kelvin times 64
(found by measuring, in several open drivers; the maker publishes nothing).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any

import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from edge.clock import Timekeeper
from edge.drivers.base import CelsiusImage, ThermalFrame
from edge.drivers.grabber import Grabber, Grabbing
from edge.drivers.v4l2 import Format, OpenCapture, RawCamera, Rotation, open_v4l2, upright
from edge.thermal.radiometry import ZERO_C_K

WIDTH, HEIGHT = 256, 192
STEPS_PER_K = 64


class TopdonCamera(Grabbing[NDArray[Any]]):
    """Frames of 192x256 before they are turned upright."""

    class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """Where the camera is and how it hangs."""

        device: str = "/dev/video0"
        """Better its name under /dev/v4l/by-id, which stays when another camera is plugged in."""
        rotation: Rotation = 0
        """Clockwise, in degrees, until people stand upright."""
        patience_s: Annotated[float, Meta(gt=0, le=60)] = 8.0
        """A camera that gives nothing for so long is opened anew."""

    def __init__(self, settings: Settings, timekeeper: Timekeeper, open_capture: OpenCapture = open_v4l2) -> None:
        self._settings = settings
        wanted = Format("YUYV", WIDTH, (2 * HEIGHT,), np.uint8, 2)
        grabber = Grabber(
            f"camera {settings.device}",
            lambda: RawCamera(settings.device, wanted, open_capture),
            timekeeper,
            settings.patience_s,
        )
        super().__init__(grabber)

    async def frames(self) -> AsyncIterator[ThermalFrame]:
        async with aclosing(self._grabber.items()) as items:
            async for raw, at in items:
                yield ThermalFrame(celsius_of_yuyv(raw, self._settings.rotation), at)


def celsius_of_yuyv(raw: NDArray[np.uint8], rotation: int) -> CelsiusImage:
    """The temperatures in the lower half of a frame of shape (384, 256, 2), upright."""
    words = np.ascontiguousarray(raw[HEIGHT:]).view("<u2")[..., 0]
    celsius = words.astype(np.float32) / np.float32(STEPS_PER_K) - np.float32(ZERO_C_K)
    return upright(celsius, rotation)
