"""The simulator's devices: drivers of the edge like any other. Those of one lane share a scene by its name.

Each driver makes its own copy of the schedule from the same seed; what they share is when the scene began.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Iterator
from typing import Annotated

import numpy as np
from msgspec import Meta, Struct

from edge.clock import Instant, Timekeeper
from edge.drivers.base import BadgeRead, CelsiusImage, ThermalFrame, VehicleRead
from sim import live
from sim.background import Background
from sim.frames import View, picture
from sim.people import stream
from sim.roster import Site
from sim.scene import Drive, Visit, drives, visits
from sim.sensor import Sensor
from wire.errors import DriverError, SettingsError

Share = Annotated[float, Meta(ge=0, le=1)]
Rate = Annotated[float, Meta(gt=0, le=600)]
_REPEAT_AFTER_S = 0.4
_began: dict[str, Instant] = {}


class FaultSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The scene's name, and the planted faults: seconds after each start, None for never."""

    scene: str
    seed: int = 1
    fail_after_s: Annotated[float, Meta(ge=0)] | None = None
    """From then on the device raises `DriverError`."""
    hang_after_s: Annotated[float, Meta(ge=0)] | None = None
    """From then on it says nothing at all, until it is stopped."""
    garbage_after_s: Annotated[float, Meta(ge=0)] | None = None
    """From then on it says what no device of its kind should."""
    gone_s: tuple[float, float] | None = None
    """Unplugged from one moment of the scene to another: it cannot even be started."""


class LaneSettings(FaultSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the device stands, for one of a plant (`sim.plant`); without a plant, arrivals are steady."""

    plant: str | None = None
    site: str = "sim"
    gate: str = "gate-01"

    def site_now(self, now_ns: int) -> Site:
        """The plant's site as it is today. Raises `DriverError` when there is no such plant or gate."""
        spot = live.Spot(self.plant or "", self.seed, self.site, self.gate)
        try:
            return live.site_of(spot, now_ns)
        except SettingsError as error:
            raise DriverError(f"simulated device of scene {self.scene!r}: {error}") from error


class PeopleSettings(LaneSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A lane of people: the same values for its camera and its badge reader."""

    people: Annotated[int, Meta(ge=1, le=100_000)] = 300
    rate_per_min: Rate = 12.0
    fever_share: Share = 0.02

    def visits(self, began: Instant) -> Iterator[Visit]:
        """Who comes when, in seconds of the scene, which began at `began`."""
        if self.plant is None:
            return visits(self.seed, self.people, self.rate_per_min, self.fever_share)
        return live.visits(self.site_now(began.time_ns), self.gate, began.time_ns)


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
        self._check_presence(self._started.seconds_since(self._began))

    async def stop(self) -> None:
        self._stopped.set()

    @property
    def began(self) -> Instant:
        """When the scene began; known after `start`."""
        assert self._began is not None, "now_s raised before"
        return self._began

    def now_s(self) -> float:
        """Seconds of the scene. Raises `DriverError` before `start`, when the time to fail has come, and while gone."""
        if self._began is None or self._started is None:
            raise DriverError(f"simulated device of scene {self._faults.scene!r}: was not started")
        now = self._timekeeper.now()
        fail_after_s = self._faults.fail_after_s
        if fail_after_s is not None and now.seconds_since(self._started) >= fail_after_s:
            raise DriverError(f"simulated fault after {fail_after_s} s")
        scene_s = now.seconds_since(self._began)
        self._check_presence(scene_s)
        return scene_s

    def _check_presence(self, scene_s: float) -> None:
        gone = self._faults.gone_s
        if gone is not None and gone[0] <= scene_s < gone[1]:
            raise DriverError("simulated fault: no such device")

    def _is_due(self, after_s: float | None) -> bool:
        """Whether a planted fault is there, so long after the start."""
        assert self._started is not None, "now_s raised before"
        return after_s is not None and self._timekeeper.now().seconds_since(self._started) >= after_s

    def talks_garbage(self) -> bool:
        return self._is_due(self._faults.garbage_after_s)

    async def until(self, at_s: float) -> bool:
        """Wait for a moment of the scene; False when the driver was stopped meanwhile."""
        wait_s = at_s - self.now_s()
        if wait_s > 0 and not self._stopped.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._stopped.wait()
            if not self._stopped.is_set():
                self.now_s()
        if self._is_due(self._faults.hang_after_s):
            await self._stopped.wait()
        return not self._stopped.is_set()


class SimulatedCamera(_Paced):
    """Renders the scene in a thread, at `fps` frames a second.

    It was switched on `on_for_s` before the scene began, and drifts by `warm_up_c` while it warms up; each shutter
    repeats a frame and takes `between_shutters_c` back.
    """

    class Settings(PeopleSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
        height: Annotated[int, Meta(ge=24, le=640)] = 160
        width: Annotated[int, Meta(ge=24, le=640)] = 120
        fps: Annotated[float, Meta(gt=0, le=30)] = 9.0
        reference_c: float | None = 35.0
        on_for_s: Annotated[float, Meta(ge=0)] = 3600.0
        warm_up_c: float = 2.0
        shutter_every_s: Annotated[float, Meta(gt=1)] | None = 180.0
        between_shutters_c: float = 0.1
        bad_pixels: Annotated[int, Meta(ge=0, le=1000)] = 2

    def __init__(self, settings: Settings, timekeeper: Timekeeper) -> None:
        super().__init__(settings, timekeeper)
        self._settings = settings
        self._view = View(settings.height, settings.width, settings.reference_c)
        self._noise = stream(settings.seed, "noise")
        self._place = Background(seed=settings.seed, door=True, heater=True, lamps=True)
        self._sensor = Sensor(
            seed=settings.seed,
            warm_up_c=settings.warm_up_c,
            shutter_every_s=settings.shutter_every_s,
            between_shutters_c=settings.between_shutters_c,
            bad_pixels=settings.bad_pixels,
        )
        self._last: CelsiusImage | None = None

    async def frames(self) -> AsyncIterator[ThermalFrame]:
        settings = self._settings
        began_s = self.now_s()
        schedule = settings.visits(self.began)
        visit = await asyncio.to_thread(next, schedule)
        for number in itertools.count():
            if not await self.until(began_s + number / settings.fps):
                return
            now_s = self.now_s()
            while visit.end_s < now_s:
                visit = await asyncio.to_thread(next, schedule)
            garbage = self.talks_garbage()
            image = _no_picture(self._noise) if garbage else await asyncio.to_thread(self._render, visit, now_s)
            yield ThermalFrame(image, self._timekeeper.now())

    def _render(self, visit: Visit, now_s: float) -> CelsiusImage:
        at_s = self._settings.on_for_s + now_s
        if self._last is None or not self._sensor.is_frozen(at_s):
            posed = visit.posed(now_s)
            self._last = picture(self._view, posed, self._noise, background=self._place, sensor=self._sensor, at_s=at_s)
        return self._last.copy()


class SimulatedBadgeReader(_Paced):
    """Reads the badges of the scene's people; some read twice, some are forgotten."""

    Settings = PeopleSettings

    def __init__(self, settings: PeopleSettings, timekeeper: Timekeeper) -> None:
        super().__init__(settings, timekeeper)
        self._settings = settings
        self._noise = stream(settings.seed, "reader")

    async def reads(self) -> AsyncIterator[BadgeRead]:
        settings = self._settings
        self.now_s()
        schedule = settings.visits(self.began)
        while (visit := await asyncio.to_thread(next, schedule, None)) is not None:
            if visit.badge is None or visit.badge_s < self.now_s():
                continue
            for at_s in (visit.badge_s, visit.badge_s + _REPEAT_AFTER_S)[: 1 + visit.repeats]:
                if not await self.until(at_s):
                    return
                number = str(self._noise.choice(_NO_BADGES)) if self.talks_garbage() else visit.badge
                yield BadgeRead(number, self._timekeeper.now())


class SimulatedVehicleReader(_Paced):
    """Reads the plates of the scene's vehicles; a share stays unread."""

    class Settings(LaneSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
        vehicles: Annotated[int, Meta(ge=1, le=100_000)] = 60
        rate_per_min: Rate = 4.0
        unread_share: Share = 0.05

        def drives(self, began: Instant) -> Iterator[Drive]:
            """Which vehicles come when, in seconds of the scene, which began at `began`."""
            if self.plant is None:
                return drives(self.seed, self.vehicles, self.rate_per_min, self.unread_share)
            return live.drives(self.site_now(began.time_ns), self.gate, began.time_ns)

    def __init__(self, settings: Settings, timekeeper: Timekeeper) -> None:
        super().__init__(settings, timekeeper)
        self._settings = settings

    async def reads(self) -> AsyncIterator[VehicleRead]:
        settings = self._settings
        self.now_s()
        schedule = settings.drives(self.began)
        while (drive := await asyncio.to_thread(next, schedule, None)) is not None:
            if drive.at_s < self.now_s():
                continue
            if not await self.until(drive.at_s):
                return
            if self.talks_garbage():
                yield VehicleRead("\x00" * 40, self._timekeeper.now(), float("nan"))
            else:
                yield VehicleRead(drive.plate, self._timekeeper.now(), drive.confidence)


_NO_BADGES = ("", " ", "\x00\xff", "9" * 10_000, "'; --")


def _no_picture(draw: np.random.Generator) -> CelsiusImage:
    """What a broken camera may give instead of a frame in °C: nothing, another shape, no numbers, all hot."""
    shape = (160, 120)
    broken = (
        np.empty((0, 0), np.float32),
        np.zeros((3, 5), np.float32),
        np.full(shape, np.nan, np.float32),
        np.full(shape, np.inf, np.float32),
        np.full(shape, 600.0, np.float32),
        draw.normal(20, 300, shape).astype(np.float32),
        np.zeros((*shape, 3), np.float32),
    )
    return broken[int(draw.integers(len(broken)))]
