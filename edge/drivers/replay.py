"""A camera that replays a recording: `.npz` with `frames` (uint16 centikelvin, [n, H, W]) and `t_s` (seconds)."""

from __future__ import annotations

import asyncio
import contextlib
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from edge.clock import Timekeeper
from edge.drivers.base import CelsiusImage, ThermalFrame
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


class ReplayCamera:
    """Plays a recording at its own pace (`speed` 1) or another, once or again and again."""

    class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """`offset_c` is added to each temperature; `pause_s` is the time between two rounds of a `loop`."""

        path: str
        speed: Annotated[float, Meta(gt=0, le=1000)] = 1.0
        loop: bool = False
        pause_s: Annotated[float, Meta(ge=0)] = 2.0
        offset_c: float = 0.0

    def __init__(self, settings: Settings, timekeeper: Timekeeper) -> None:
        self._settings = settings
        self._timekeeper = timekeeper
        self._recording: Recording | None = None
        self._stopped = asyncio.Event()

    async def start(self) -> None:
        self._stopped.clear()
        self._recording = await asyncio.to_thread(load, Path(self._settings.path))

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

    async def _once(self, recording: Recording) -> AsyncIterator[ThermalFrame]:
        began = self._timekeeper.now()
        for index, t_s in enumerate(recording.t_s):
            due_s = float(t_s) / self._settings.speed - self._timekeeper.now().seconds_since(began)
            await self._sleep(max(0.0, due_s))
            if self._stopped.is_set():
                return
            yield ThermalFrame(recording.celsius(index, self._settings.offset_c), self._timekeeper.now())

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
