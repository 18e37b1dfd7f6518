"""Each device runs supervised: started, read, and restarted with back-off when it fails; its health is an event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import structlog

from edge.clock import Timekeeper
from edge.drivers.catalogue import Plug
from wire.errors import DriverError
from wire.events import DeviceKind, DeviceState, Health
from wire.link import Backoff

log = structlog.get_logger(__name__)

STEADY_S = 5.0
"""A device that failed and was started again is told to be well after so long, or at its first reading."""

TellState = Callable[[DeviceState], Awaitable[None]]
_READS = {
    DeviceKind.THERMAL: "frames",
    DeviceKind.BADGE: "reads",
    DeviceKind.VEHICLE: "reads",
    DeviceKind.CONTACT: "reads",
}


class Device:
    """One device of a lane: keeps a driver going for ever and tells each change of its health."""

    def __init__(self, name: str, kind: DeviceKind, plug: Plug, timekeeper: Timekeeper, tell: TellState) -> None:
        self.name = name
        self.kind = kind
        self.health: Health | None = None
        """None until it first worked or failed."""
        self.is_done = False
        """It has no more to say: a recording is over."""
        self.ails = (Health.OK, "")
        """What is wrong with it although it works, as its lane sees it: told with its health."""
        self.tries = 0
        """How often it was started: a device that fails again and again gets on, too."""
        self._detail = ""
        self._plug = plug
        self._timekeeper = timekeeper
        self._tell = tell

    async def read(self, use: Callable[[Any], Awaitable[None]], silence_s: float | None = None) -> None:
        """Give each of the device's readings to `use`, until cancelled or the device has no more to say.

        With `silence_s` a device that gives nothing for that long counts as hanging and is restarted: right for a
        camera, wrong for a badge reader at night.
        """
        backoff = Backoff(0.5, 30.0)
        while True:
            driver = self._plug.make(self._timekeeper)
            self.tries += 1
            steady: asyncio.Task[None] | None = None
            try:
                await driver.start()
                if silence_s is None:
                    steady = asyncio.create_task(self._say_ok_when_steady())
                source: AsyncIterator[Any] = getattr(driver, _READS[self.kind])()
                async for reading in _never_silent(source, silence_s):
                    await use(reading)
                    await self.say(*self.ails)
                    backoff.reset()
                self.is_done = True
                return  # noqa: TRY300 - the device has no more to say
            except DriverError as error:
                await self.say(Health.FAILED, str(error))
            finally:
                if steady is not None:
                    steady.cancel()
                await driver.stop()
            await asyncio.sleep(backoff.next_s())

    async def _say_ok_when_steady(self) -> None:
        """A reader may have nothing to read for hours: after a fault it is well again when it holds for a while."""
        if self.health is Health.FAILED:
            await asyncio.sleep(STEADY_S)
        await self.say(*self.ails)

    async def say(self, health: Health, detail: str = "") -> None:
        """Tell a change of health, once; of one that works also what else is to be known of it."""
        if health is self.health and (health is Health.FAILED or detail == self._detail):
            return
        first = self.health is None
        self.health, self._detail = health, detail
        if first and health is Health.OK:
            detail = detail or "started"
        log.log(20 if health is Health.OK else 40, "device", device=self.name, health=health.value, detail=detail)
        now = self._timekeeper.now()
        state = DeviceState(
            time_ns=now.time_ns, clock=now.clock, device=self.name, kind=self.kind, health=health, detail=detail[:2000]
        )
        await self._tell(state)


async def _never_silent(source: AsyncIterator[Any], silence_s: float | None) -> AsyncIterator[Any]:
    """The readings of `source`; `DriverError` when none comes for too long."""
    while True:
        try:
            async with asyncio.timeout(silence_s):
                reading = await anext(source)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise DriverError(f"gave nothing for {silence_s:.0f} s, expected frames") from error
        yield reading
