"""FLIR Lepton on a PureThermal board: a USB camera that gives 16-bit words ("Y16").

With telemetry switched on, rows below (or above) the picture tell how long the camera has been on, when its shutter
closed last, and count frames; by that a frame that is torn, stale or blind is known. Without it the picture is all.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from edge.clock import Timekeeper
from edge.drivers.base import CelsiusImage, ThermalFrame
from edge.drivers.grabber import Grabber, Grabbing
from edge.drivers.v4l2 import Format, OpenCapture, RawCamera, Rotation, open_v4l2, upright
from edge.thermal.radiometry import Planck, Scene, celsius_of, surface_c, tlinear_c
from wire.errors import DriverError

MOST_TORN = 45
"""Frames in a row (five seconds) that make no sense: the stream is out of step and is opened anew."""

_ROW_A = 80
"""Words of the first telemetry row; the rows that follow are not needed here."""
_REVISION_WITH_IMMINENT = 9
_PLAUSIBLE_FPA_K100 = (20_000, 40_000)
"""The sensor's own temperature, -73 to 127 °C: beyond it the row is no telemetry."""


class Size(NamedTuple):
    width: int
    height: int
    telemetry_rows: int


SIZES = {"lepton3": Size(160, 120, 2), "lepton2": Size(80, 60, 3)}


class Telemetry(Struct, frozen=True):
    """What the telemetry rows say (Lepton Engineering Datasheet, "Telemetry modes", row A)."""

    uptime_ms: int
    frame: int
    shutter_ms: int
    """`uptime_ms` at the last shutter (flat-field correction); 0 before the first."""
    closing: bool
    """The shutter is closed or about to."""

    @property
    def since_shutter_s(self) -> float | None:
        if self.closing:
            return 0.0
        return (self.uptime_ms - self.shutter_ms) / 1000 if self.shutter_ms else None


def telemetry_of(rows: NDArray[np.uint16]) -> Telemetry | None:
    """The telemetry in the rows beside a picture; None when they hold none, so the frame is torn.

    Words above 16 bits come with the low word first.
    """
    a = rows.ravel()[:_ROW_A].astype(np.int64)

    def wide(index: int) -> int:
        return int(a[index] | a[index + 1] << 16)

    uptime_ms, status, frame, shutter_ms = wide(1), wide(3), wide(20), wide(30)
    low, high = _PLAUSIBLE_FPA_K100
    if not low <= a[24] <= high or shutter_ms > uptime_ms or uptime_ms == 0 or not a[0]:
        return None
    state = status >> 4 & 3
    # The states are: never, (from revision 9 on) imminent, in progress, complete.
    closing = state in (1, 2) if a[0] & 0xFF >= _REVISION_WITH_IMMINENT else state == 1
    return Telemetry(uptime_ms, frame, shutter_ms, closing)


class Sequence:
    """Which frames may follow each other: the counter goes up, or everything begins anew."""

    def __init__(self) -> None:
        self._last: Telemetry | None = None

    def takes(self, told: Telemetry) -> bool:
        """False for a frame that was given before, and for one whose telemetry is of another frame."""
        last = self._last
        restarted = last is None or (told.uptime_ms < last.uptime_ms and told.frame < last.frame)
        if restarted or (last is not None and told.frame > last.frame and told.uptime_ms > last.uptime_ms):
            self._last = told
            return True
        return False


class LeptonCamera(Grabbing[NDArray[Any]]):
    """Frames of a Lepton 2.5, 3.1R or 3.5."""

    class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """Where the camera is, how it hangs, and what it was set to."""

        device: str = "/dev/video0"
        """Better its name under /dev/v4l/by-id, which stays when another camera is plugged in."""
        model: Literal["lepton3", "lepton2"] = "lepton3"
        """160x120 pixels or 80x60."""
        telemetry: Literal["below", "above", "off"] = "below"
        """Where the camera puts its telemetry rows, which tell its warm-up and its shutter."""
        rotation: Rotation = 0
        """Clockwise, in degrees, until people stand upright."""
        mode: Literal["tlinear", "raw"] = "tlinear"
        """What the camera was set to: kelvin, or counts that `planck` turns into temperatures."""
        step_k: Annotated[float, Meta(ge=0.01, le=0.1)] = 0.01
        """Of TLinear, in kelvin: 0.01 or 0.1."""
        planck: Planck = Planck()
        """The camera's own calibration, for counts."""
        scene: Scene | None = None
        """What lies between people and camera; leave it out where a reference in view has the same in between."""
        patience_s: Annotated[float, Meta(gt=0, le=60)] = 8.0
        """A camera that gives nothing for so long is opened anew."""

    def __init__(self, settings: Settings, timekeeper: Timekeeper, open_capture: OpenCapture = open_v4l2) -> None:
        size = SIZES[settings.model]
        rows = 0 if settings.telemetry == "off" else size.telemetry_rows
        heights = (size.height + rows, size.height) if rows else (size.height,)
        self._settings = settings
        self._size = size
        wanted = Format("Y16 ", size.width, heights, np.uint16)
        self._name = f"camera {settings.device}"
        grabber = Grabber(
            self._name, lambda: RawCamera(settings.device, wanted, open_capture), timekeeper, settings.patience_s
        )
        super().__init__(grabber)

    async def frames(self) -> AsyncIterator[ThermalFrame]:
        sequence, torn = Sequence(), 0
        async with aclosing(self._grabber.items()) as items:
            async for raw, at in items:
                picture, told = self._split(raw)
                is_torn = raw.shape[0] != self._size.height and told is None
                torn = torn + 1 if is_torn or (told is not None and not sequence.takes(told)) else 0
                if torn >= MOST_TORN:
                    raise DriverError(
                        f"{self._name}: its telemetry makes no sense; is it above the picture, not below?"
                    )
                if not torn:
                    since_start_s = None if told is None else told.uptime_ms / 1000
                    since_shutter_s = None if told is None else told.since_shutter_s
                    yield ThermalFrame(self._celsius(picture), at, since_start_s, since_shutter_s)

    def _split(self, raw: NDArray[np.uint16]) -> tuple[NDArray[np.uint16], Telemetry | None]:
        """The picture and its telemetry; None where there is none or it makes no sense."""
        height, extra = self._size.height, raw.shape[0] - self._size.height
        if not extra:
            return raw, None
        if self._settings.telemetry == "above":
            return raw[extra:], telemetry_of(raw[:extra])
        return raw[:height], telemetry_of(raw[height:])

    def _celsius(self, picture: NDArray[np.uint16]) -> CelsiusImage:
        settings = self._settings
        if settings.mode == "tlinear":
            celsius: NDArray[Any] = tlinear_c(picture, settings.step_k)
        else:
            celsius = celsius_of(picture, settings.planck)
        if settings.scene is not None:
            celsius = surface_c(celsius, settings.scene, settings.planck)
        return upright(celsius.astype(np.float32, copy=False), settings.rotation)
