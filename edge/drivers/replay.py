"""A camera that replays a recording of any kind that `edge.drivers.recordings` reads."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from edge.clock import Timekeeper
from edge.drivers.base import ThermalFrame
from edge.drivers.npz import ZERO_C_IN_CENTIKELVIN, Recording, load
from edge.drivers.recordings import Recorded, open_recording
from wire.errors import DriverError

__all__ = ["ZERO_C_IN_CENTIKELVIN", "Recording", "ReplayCamera", "load"]


class ReplayCamera:
    """Plays a recording at its own pace (`speed` 1) or another, once or again and again."""

    class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """What is played, and how."""

        path: str
        """`.npz`, a folder of 16-bit pictures, or a radiometric FLIR JPEG."""
        rate_hz: Annotated[float, Meta(gt=0, le=1000)] | None = None
        """Frames a second of a folder whose times nothing tells."""
        speed: Annotated[float, Meta(gt=0, le=1000)] = 1.0
        """How much faster than it was taken."""
        loop: bool = False
        """Again and again."""
        pause_s: Annotated[float, Meta(ge=0)] = 2.0
        """Between two rounds of a loop."""
        offset_c: float = 0.0
        """Added to each temperature."""

    def __init__(self, settings: Settings, timekeeper: Timekeeper) -> None:
        self._settings = settings
        self._timekeeper = timekeeper
        self._recording: Recorded | None = None
        self._stopped = asyncio.Event()

    async def start(self) -> None:
        self._stopped.clear()
        self._recording = await asyncio.to_thread(open_recording, Path(self._settings.path), self._settings.rate_hz)

    async def stop(self) -> None:
        self._stopped.set()
        self._recording = None

    async def frames(self) -> AsyncIterator[ThermalFrame]:
        if self._recording is None:
            raise DriverError(f"recording {self._settings.path}: the camera was not started")
        while not self._stopped.is_set():
            async for frame in self._once(self._recording):
                yield frame
            if not self._settings.loop:
                return
            await self._sleep(self._settings.pause_s)

    async def _once(self, recording: Recorded) -> AsyncIterator[ThermalFrame]:
        began = self._timekeeper.now()
        for index, t_s in enumerate(recording.t_s):
            due_s = float(t_s) / self._settings.speed - self._timekeeper.now().seconds_since(began)
            await self._sleep(max(0.0, due_s))
            celsius = await asyncio.to_thread(recording.celsius, index, self._settings.offset_c)
            if self._stopped.is_set():
                return
            yield ThermalFrame(celsius, self._timekeeper.now())

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
