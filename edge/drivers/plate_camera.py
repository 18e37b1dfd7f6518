"""Plates read here, on the gate, from an ordinary camera: a V4L2 device, an RTSP or HTTP stream, a film or a folder.

Needs the extra `plates`. What it reads and how well: `edge/plates/README.md`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated, NamedTuple

from msgspec import Meta, Struct

from edge.clock import Instant, Timekeeper
from edge.drivers.base import VehicleRead
from edge.drivers.grabber import Grabber
from edge.drivers.video import Film, Image, Stream
from edge.plates.models import THREADS, load
from edge.plates.motion import MotionGate
from edge.plates.reader import Models, PlateReader
from edge.plates.settings import PlateSettings
from edge.plates.types import AnyPicture
from edge.plates.votes import Vote, Votes, VoteSettings
from wire.errors import DriverError
from wire.events import Direction

_GROWN = 1.05
"""A plate that grew, or shrank, by this factor was driven towards the camera, or away from it."""
_STILL_LOOKS = 10
"""So many looks at a vehicle that stands still before it is told; more of the same picture say nothing new."""


class Region(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The part of the picture to read in, as shares of its width and height from the upper left."""

    left: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    top: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    right: Annotated[float, Meta(gt=0, le=1)] = 1.0
    bottom: Annotated[float, Meta(gt=0, le=1)] = 1.0

    def __post_init__(self) -> None:
        if self.left >= self.right or self.top >= self.bottom:
            raise ValueError("an empty region: expected left < right and top < bottom")

    def of(self, image: AnyPicture) -> AnyPicture:
        height, width = image.shape[:2]
        rows = slice(int(self.top * height), max(1, int(self.bottom * height)))
        return image[rows, int(self.left * width) : max(1, int(self.right * width))]


class _Shot(NamedTuple):
    """One picture; `since_start_s` is the film's own time, or the monotonic clock's of a live source."""

    image: AnyPicture
    at: Instant
    since_start_s: float


class PlateCamera:
    """One reading for each vehicle: its plate, or None when it passed unread."""

    class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """Either `source` (a device like `/dev/video0` or `0`, or an address) or `path` (a film, a folder of pictures).

        At most `looks_per_s` pictures of a live source are read, and none while less than `motion_share` of the scene
        changes. `timeout_s` bounds the silence of a source. `threads` bounds the processor cores that the networks
        use. A plate that grows is driven towards the camera: `approaching` says which way that is.
        """

        source: str | None = None
        path: str | None = None
        timeout_s: Annotated[float, Meta(gt=0, le=600)] = 10.0
        looks_per_s: Annotated[float, Meta(gt=0, le=100)] = 5.0
        motion_share: Annotated[float, Meta(ge=0, le=1)] = 0.003
        threads: Annotated[int, Meta(ge=1, le=64)] = THREADS
        approaching: Direction = Direction.IN
        region: Region = Region()
        """The part of the picture to read in."""
        plates: PlateSettings = PlateSettings()
        """How plates are found and read."""
        votes: VoteSettings = VoteSettings()
        """When looks agree."""

        def __post_init__(self) -> None:
            if (self.source is None) == (self.path is None):
                raise ValueError("expected one of `source` (a device or an address) and `path` (a film or a folder)")

    def __init__(self, settings: Settings, timekeeper: Timekeeper) -> None:
        self._settings = settings
        self._timekeeper = timekeeper
        self._reader: PlateReader | None = None
        self._film: Film | None = None
        self._grabber: Grabber[Image] | None = None
        self._stopped = asyncio.Event()

    async def start(self) -> None:
        self._stopped.clear()
        settings = self._settings
        models = await asyncio.to_thread(_models, settings.threads)
        if settings.path is not None:
            self._film = Film(Path(settings.path))
            await asyncio.to_thread(self._film.open)
        else:
            source = settings.source or ""
            stream = lambda: Stream(source, settings.timeout_s)  # noqa: E731 - one for each start
            self._grabber = Grabber(f"plate camera {source}", stream, self._timekeeper, settings.timeout_s)
            await self._grabber.start()
        self._reader = PlateReader(models, settings.plates)

    async def stop(self) -> None:
        self._stopped.set()
        if self._grabber is not None:
            await self._grabber.stop()

    async def reads(self) -> AsyncIterator[VehicleRead]:
        if self._reader is None:
            raise DriverError(f"plate camera {self._settings.source or self._settings.path}: was not started")
        votes = Votes(self._settings.votes, self._settings.plates.sure_confidence)
        gate = MotionGate(self._settings.motion_share)
        shot: _Shot | None = None
        async for shot in self._shots():
            for vote in await self._look(shot, self._reader, votes, gate):
                yield self._read(vote, shot.at)
        if shot is not None and not self._stopped.is_set():
            for vote in votes.flush():
                yield self._read(vote, shot.at)

    async def _shots(self) -> AsyncIterator[_Shot]:
        """Of a film every picture; of a live source what is newest, at most `looks_per_s`."""
        while self._film is not None and not self._stopped.is_set():
            scene = await asyncio.to_thread(self._film.read)
            if scene is None:
                return
            yield _Shot(scene.image, self._timekeeper.now(), scene.since_start_s)
        if self._grabber is not None:
            async for image, at in self._grabber.items():
                yield _Shot(image, at, at.mono_ns / 1e9)
                await self._pause()

    async def _look(self, shot: _Shot, reader: PlateReader, votes: Votes, gate: MotionGate) -> list[Vote]:
        """Read the picture, unless nothing moved and there is nothing left to decide."""
        image = self._settings.region.of(shot.image)
        if not gate.moved(image) and not (votes.undecided and gate.still <= _STILL_LOOKS):
            return votes.still(shot.since_start_s)
        reading = await asyncio.to_thread(reader.read, image)
        return votes.see(shot.since_start_s, reading)

    def _read(self, vote: Vote, at: Instant) -> VehicleRead:
        away = {Direction.IN: Direction.OUT, Direction.OUT: Direction.IN}[self._settings.approaching]
        direction = away if vote.growth < 1 / _GROWN else self._settings.approaching
        return VehicleRead(vote.text, at, vote.confidence, direction=direction)

    async def _pause(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1 / self._settings.looks_per_s):
                await self._stopped.wait()


@lru_cache(maxsize=2)
def _models(threads: int) -> Models:
    """Once for all lanes and all restarts: they take half a second and 100 MB."""
    return load(threads)
