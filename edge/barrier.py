"""A lane's barrier and lamp, supervised: a driver that fails is told, started again, and never shown an old
decision."""

from __future__ import annotations

import asyncio

from edge.clock import Timekeeper
from edge.devices import Device
from edge.drivers.base import Actuator
from edge.drivers.catalogue import Plug
from edge.policy import Decision
from wire.errors import DriverError
from wire.events import Health, Outcome, Reason
from wire.link import Backoff

SHOW_WITHIN_S = 1.0
AGAIN_EVERY_S = 2.0
"""A barrier that the fire alarm holds open is told so as often: drivers open it for a while at a time."""
AT_REST = Decision(Outcome.DENY, ())
HELD_OPEN = Decision(Outcome.ALLOW, (Reason.FIRE_ALARM,))
FAIL_SAFE = Decision(Outcome.ALLOW, (Reason.FAIL_SAFE,))


class Barrier:
    """One actuator. A decision that it cannot show is lost: shown later it would open to somebody else."""

    def __init__(self, plug: Plug, device: Device, timekeeper: Timekeeper, *, fail_safe: bool) -> None:
        self._plug = plug
        self._device = device
        self._timekeeper = timekeeper
        self._fail_safe = fail_safe
        self._driver: Actuator | None = None
        self._held = False
        self._wake = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()

    async def run(self) -> None:
        """Keep it going until cancelled. At each start it is closed first, whatever it was left at."""
        backoff = Backoff(0.5, 30.0)
        while True:
            driver: Actuator = self._plug.make(self._timekeeper)
            try:
                await self._start(driver)
                backoff.reset()
                await self._hold()
            except DriverError as error:
                await self._device.say(Health.FAILED, str(error))
            finally:
                await self._leave(driver)
            await asyncio.sleep(backoff.next_s())

    async def show(self, decision: Decision) -> None:
        """Show one decision, unless the fire alarm holds it open. Never raises for what a device does."""
        async with self._one_at_a_time:  # an answer that is slow must not be overtaken by the next person's
            if self._driver is None or (self._held and decision is not HELD_OPEN):
                return
            driver = self._driver
            try:
                await self._tell(driver, decision)
                await self._say_how_it_is(driver)
            except DriverError as error:
                self._driver = None
                await self._device.say(Health.FAILED, str(error))
                self._wake.set()

    async def announce(self, key: str) -> bool:
        """Let a speaker among its drivers say an announcement; whether one did. A decision is never kept waiting."""
        say = getattr(self._driver, "announce", None)
        if say is None or self._held or self._one_at_a_time.locked():
            return False
        try:
            return bool(await say(key))
        except DriverError:
            return False  # the driver's next decision tells of it

    async def hold_open(self, held: bool) -> None:
        """The fire alarm begins or ends."""
        self._held = held
        self._wake.set()
        await self.show(HELD_OPEN if held else AT_REST)

    async def _start(self, driver: Actuator) -> None:
        await driver.start()
        await self._tell(driver, HELD_OPEN if self._held else AT_REST)
        self._driver = driver
        self._wake.clear()
        await self._say_how_it_is(driver)

    async def _say_how_it_is(self, driver: Actuator) -> None:
        """A lamp or a voice beside the barrier may fail (`ailing`): that is told, and the barrier goes on."""
        fault = str(getattr(driver, "ailing", ""))
        await self._device.say(Health.DEGRADED if fault else Health.OK, fault)

    async def _hold(self) -> None:
        """Until the driver fails: sleep, or say again that it is held open."""
        while self._driver is not None:
            try:
                async with asyncio.timeout(AGAIN_EVERY_S if self._held else None):
                    await self._wake.wait()
            except TimeoutError:
                await self.show(HELD_OPEN)
            else:
                self._wake.clear()

    async def _leave(self, driver: Actuator) -> None:
        """The agent ends, or the driver is started anew: the site's choice, as far as the driver still obeys."""
        if self._driver is not None and self._fail_safe:
            await self.show(FAIL_SAFE)
        self._driver = None
        await driver.stop()

    @staticmethod
    async def _tell(driver: Actuator, decision: Decision) -> None:
        try:
            async with asyncio.timeout(SHOW_WITHIN_S):
                await driver.show(decision.outcome, decision.reasons)
        except TimeoutError as error:
            raise DriverError(f"did not take a decision within {SHOW_WITHIN_S:g} s") from error


class FireAlarm:
    """The fire panel's contacts of one gate: while any of them is active, every lane is held open.

    Release belongs in hardware, by the panel's own wire to each lock: this only follows it, and puts it on record.
    """

    def __init__(self) -> None:
        self._active: set[str] = set()
        self._changed = asyncio.Condition()

    @property
    def is_on(self) -> bool:
        return bool(self._active)

    async def set(self, source: str, active: bool) -> None:
        """One contact's word. A contact that is lost leaves it as it was."""
        async with self._changed:
            (self._active.add if active else self._active.discard)(source)
            self._changed.notify_all()

    async def changed(self, last: bool) -> bool:
        """Wait until it is not what it was last; what it is."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.is_on is not last)
            return self.is_on
