"""The simulator's devices: drivers of the edge like any other. Those of one lane share a scene by its name.

Each driver makes its own copy of the schedule from the same seed; what they share is when the scene began.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from typing import Annotated

from msgspec import Meta, Struct

from edge.clock import Instant, Timekeeper
from edge.drivers.base import BadgeRead, CelsiusImage, ThermalFrame, VehicleRead
from sim.frames import Pose, View, render
from sim.people import stream
from sim.scene import Visit, drives, visits
from wire.errors import DriverError

Share = Annotated[float, Meta(ge=0, le=1)]
Rate = Annotated[float, Meta(gt=0, le=600)]
_REPEAT_AFTER_S = 0.4
_NOBODY = Pose(0, 0, 0)
_began: dict[str, Instant] = {}


class FaultSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The scene's name, and the planted faults: seconds after each start, None for never."""

    scene: str
    seed: int = 1
    fail_after_s: Annotated[float, Meta(ge=0)] | None = None
    """From then on the device raises `DriverError`."""
    hang_after_s: Annotated[float, Meta(ge=0)] | None = None
    """From then on it says nothing at all, until it is stopped."""


class PeopleSettings(FaultSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A lane of people: the same values for its camera and its badge reader."""

    people: Annotated[int, Meta(ge=1, le=100_000)] = 300
    rate_per_min: Rate = 12.0
    fever_share: Share = 0.02


class _Paced:
    """What all of them do alike: begin with their scene, wait for its moments, fail when told to."""

    def __init__(self, faults: FaultSettings, timekeeper: Timekeeper) -> None:
        self._faults = faults
        self._timekeeper = timekeeper
        self._stopped = asyncio.Event()
        self._began: Instant | None = None
        self._started: Instant | None = None

    async def start(self) -> None:
        self._stopped.clear()
        self._started = self._timekeeper.now()
        self._began = _began.setdefault(self._faults.scene, self._started)

    async def stop(self) -> None:
        self._stopped.set()

    def now_s(self) -> float:
        """Seconds of the scene. Raises `DriverError` before `start`, and when the stated time to fail has come."""
        if self._began is None or self._started is None:
            raise DriverError(f"simulated device of scene {self._faults.scene!r}: was not started")
        now = self._timekeeper.now()
        fail_after_s = self._faults.fail_after_s
        if fail_after_s is not None and now.seconds_since(self._started) >= fail_after_s:
            raise DriverError(f"simulated fault after {fail_after_s} s")
        return now.seconds_since(self._began)

    def _hangs(self) -> bool:
        """Whether the device hangs now."""
        after_s = self._faults.hang_after_s
        assert self._started is not None, "now_s raised before"
        return after_s is not None and self._timekeeper.now().seconds_since(self._started) >= after_s

    async def until(self, at_s: float) -> bool:
        """Wait for a moment of the scene; False when the driver was stopped meanwhile."""
        wait_s = at_s - self.now_s()
        if wait_s > 0 and not self._stopped.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._stopped.wait()
            if not self._stopped.is_set():
                self.now_s()
        if self._hangs():
            await self._stopped.wait()
        return not self._stopped.is_set()


class SimulatedCamera(_Paced):
    """Renders the scene in a thread, at `fps` frames a second. `drift_c_per_min` moves all temperatures."""

    class Settings(PeopleSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
        height: Annotated[int, Meta(ge=24, le=640)] = 160
        width: Annotated[int, Meta(ge=24, le=640)] = 120
        fps: Annotated[float, Meta(gt=0, le=30)] = 9.0
        reference_c: float | None = 35.0
        drift_c_per_min: float = 0.02

    def __init__(self, settings: Settings, timekeeper: Timekeeper) -> None:
        super().__init__(settings, timekeeper)
        self._settings = settings
        self._view = View(settings.height, settings.width, settings.reference_c)
        self._noise = stream(settings.seed, "noise")

    async def frames(self) -> AsyncIterator[ThermalFrame]:
        settings = self._settings
        schedule = visits(settings.seed, settings.people, settings.rate_per_min, settings.fever_share)
        visit = next(schedule)
        began_s = self.now_s()
        for number in itertools.count():
            if not await self.until(began_s + number / settings.fps):
                return
            now_s = self.now_s()
            while visit.end_s < now_s:
                visit = next(schedule)
            image = await asyncio.to_thread(self._render, visit, now_s)
            yield ThermalFrame(image, self._timekeeper.now())

    def _render(self, visit: Visit, now_s: float) -> CelsiusImage:
        here = visit.begin_s <= now_s < visit.end_s
        pose = visit.pose(now_s) if here else _NOBODY
        drift_c = self._settings.drift_c_per_min * now_s / 60
        return render(self._view, visit.person if here else None, pose, self._noise, drift_c)


class SimulatedBadgeReader(_Paced):
    """Reads the badges of the scene's people; some read twice, some are forgotten."""

    Settings = PeopleSettings

    def __init__(self, settings: PeopleSettings, timekeeper: Timekeeper) -> None:
        super().__init__(settings, timekeeper)
        self._settings = settings

    async def reads(self) -> AsyncIterator[BadgeRead]:
        settings = self._settings
        for visit in visits(settings.seed, settings.people, settings.rate_per_min, settings.fever_share):
            if visit.badge_s is None or visit.badge_s < self.now_s():
                continue
            for at_s in (visit.badge_s, visit.badge_s + _REPEAT_AFTER_S)[: 1 + visit.repeats]:
                if not await self.until(at_s):
                    return
                yield BadgeRead(visit.person.badge, self._timekeeper.now())


class SimulatedVehicleReader(_Paced):
    """Reads the plates of the scene's vehicles; a share stays unread."""

    class Settings(FaultSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
        vehicles: Annotated[int, Meta(ge=1, le=100_000)] = 60
        rate_per_min: Rate = 4.0
        unread_share: Share = 0.05

    def __init__(self, settings: Settings, timekeeper: Timekeeper) -> None:
        super().__init__(settings, timekeeper)
        self._settings = settings

    async def reads(self) -> AsyncIterator[VehicleRead]:
        settings = self._settings
        for drive in drives(settings.seed, settings.vehicles, settings.rate_per_min, settings.unread_share):
            if drive.at_s < self.now_s():
                continue
            if not await self.until(drive.at_s):
                return
            yield VehicleRead(drive.plate, self._timekeeper.now(), drive.confidence)
