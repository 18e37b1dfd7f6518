"""What the cameras of a gate see now: the last frame and reading of each lane, in memory, for whoever looks.

A picture is made only when somebody looks, beside the event loop, and at most `rate_hz` times a second a lane, however
many look. Nothing is stored, and nothing here knows who a person is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple

import cv2

from edge.drivers.base import CelsiusImage
from edge.picture import Range, coloured, mark
from edge.thermal.types import Reading, View

HEIGHT_PX = 640
_JPEG_QUALITY = 82


class Shot(NamedTuple):
    """One picture of a lane: `jpeg`, what was found in it, and the last person's reading with its age.

    Of a camera that gives no pictures, only readings, `jpeg` and `view` are None.
    """

    number: int
    jpeg: bytes | None
    view: View | None
    last: Reading | None
    last_age_s: float


class LaneStage:
    """One lane. `show` is called with every frame; `shot` waits for one that is newer."""

    def __init__(self, rate_hz: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._pause_s = 1 / rate_hz
        self._clock = clock
        self._number = 0
        self._frame: tuple[CelsiusImage, View] | None = None
        self._last: Reading | None = None
        self._last_s = 0.0
        self._news = asyncio.Event()
        self._closed = False
        self._range = Range()
        self._shot: Shot | None = None
        self._next_s = float("-inf")
        self._making = asyncio.Lock()

    def show(self, celsius: CelsiusImage, view: View) -> None:
        """A frame was judged. Cheap: nothing is drawn."""
        self._number += 1
        self._frame = (celsius, view)
        for reading in view.readings:
            self.tell(reading)
        self._news.set()

    def tell(self, reading: Reading) -> None:
        """Somebody was measured, by a camera that gives no frames too."""
        self._last, self._last_s = reading, self._clock()
        if self._frame is None:
            self._number += 1
            self._news.set()

    def close(self) -> None:
        """The gate stops: nobody need wait any longer."""
        self._closed = True
        self._news.set()

    async def shot(self, after: int, patience_s: float) -> Shot | None:
        """A picture newer than number `after`; None when none came in time. Without pictures, the last reading."""
        try:
            async with asyncio.timeout(patience_s):
                while self._number <= after:
                    if self._closed:
                        return None
                    self._news.clear()
                    await self._news.wait()
                async with self._making:
                    await asyncio.sleep(max(0.0, self._next_s - self._clock()))
                    return await self._made(after)
        except TimeoutError:
            return self._without_picture() if self._frame is None and self._last is not None else None

    async def _made(self, after: int) -> Shot:
        """The picture that was made last, if it is new to whoever asks, else a new one."""
        if self._shot is not None and self._shot.number > after and self._clock() < self._next_s:
            return self._shot
        if self._frame is None:
            return self._without_picture()
        number, (celsius, view) = self._number, self._frame
        jpeg = await asyncio.to_thread(self._drawn, celsius, view)
        self._shot = Shot(number, jpeg, view, self._last, self._clock() - self._last_s)
        self._next_s = self._clock() + self._pause_s
        return self._shot

    def _without_picture(self) -> Shot:
        return Shot(self._number, None, None, self._last, self._clock() - self._last_s)

    def _drawn(self, celsius: CelsiusImage, view: View) -> bytes:
        height = celsius.shape[0] if celsius.ndim == 2 else 0
        scale = max(1, round(HEIGHT_PX / max(24, height)))
        picture = coloured(celsius, *self._range.follow(celsius), scale)
        mark(picture, view, scale)
        _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
        return bytes(data)


class Stage:
    """All lanes with a camera, by name."""

    def __init__(self, lanes: list[str], rate_hz: float) -> None:
        self.lanes = {name: LaneStage(rate_hz) for name in lanes}

    def close(self) -> None:
        for lane in self.lanes.values():
            lane.close()
