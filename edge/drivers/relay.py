"""A barrier, a door or a turnstile by one relay, on a GPIO line or a Modbus module: a pulse, or until told otherwise.

At rest the relay is off, or on where `rest_on` says so (a magnet that holds a door): at the start, after a pulse, when
the agent stops and when it fails. A process that is killed leaves its relay as it was until its next start, so wire it
so that a barrier closes by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated

import structlog
from msgspec import Meta, Struct

from edge.clock import Timekeeper
from edge.drivers.gpio import GPIO, Chip, Line, OpenOutputs, open_outputs
from edge.drivers.modbus import MODBUS, Coil, ModbusSettings
from edge.drivers.needs import Needs
from edge.drivers.switches import GpioSwitches, GpioVia, ModbusSwitches, Switches
from wire.errors import DriverError
from wire.events import Outcome, Reason

log = structlog.get_logger(__name__)

STAYS_OPEN = frozenset({"fire-alarm", "fail-safe"})
"""Reasons for which it works until another decision, and also when the agent stops meanwhile."""

AGAIN_S = 0.5


class RelaySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a relay works, and for how long."""

    works_on: tuple[Outcome, ...] = (Outcome.ALLOW,)
    """Outcomes for which it leaves its rest: allow, deny, remeasure."""
    pulse_s: Annotated[float, Meta(gt=0, le=600)] = 1.0
    """How long it works."""
    hold: bool = False
    """Instead of a pulse, it works until an outcome that is not among `works_on`."""
    rest_on: bool = False
    """At rest it is on, and off while it works."""

    def __post_init__(self) -> None:
        if not self.works_on or Outcome.OTHER in self.works_on:
            raise ValueError("`works_on` needs one or more of: allow, deny, remeasure")


class Relay(ABC):
    """One relay. A pulse that cannot be ended is tried to end until it is."""

    def __init__(self, settings: RelaySettings, number: int, switches: Switches) -> None:
        self._settings = settings
        self._number = number
        self._switches = switches
        self._pulse: asyncio.Task[None] | None = None
        self._open = False
        self._stays = False

    @property
    @abstractmethod
    def needs(self) -> Needs:
        """The packages of its family."""

    async def start(self) -> None:
        if self._open:
            return
        await asyncio.to_thread(self.needs.load)
        try:
            await self._switches.open({self._number: self._settings.rest_on})
        except DriverError:
            await self._switches.close()
            raise
        self._open, self._stays = True, False

    async def stop(self) -> None:
        await self._end_pulse()
        if self._open:
            self._open = False
            with contextlib.suppress(DriverError):
                if not self._stays:
                    await self._switches.set({self._number: self._settings.rest_on})
        await self._switches.close()

    async def show(self, outcome: Outcome, reasons: Sequence[Reason]) -> None:
        await self._end_pulse()
        works = outcome in self._settings.works_on
        self._stays = works and not STAYS_OPEN.isdisjoint(reasons)
        await self._switches.set({self._number: works is not self._settings.rest_on})
        if works and not self._settings.hold and not self._stays:
            self._pulse = asyncio.create_task(self._rest_after(self._settings.pulse_s))

    async def _rest_after(self, seconds: float) -> None:
        """End a pulse, however often that must be tried: a door must not stay open because a wire was loose."""
        await asyncio.sleep(seconds)
        failed = False
        while True:
            try:
                await self._switches.set({self._number: self._settings.rest_on})
            except DriverError as error:
                if not failed:
                    log.error("relay not at rest after its pulse, trying again", error=str(error))
                failed = True
                await asyncio.sleep(AGAIN_S)
            else:
                return

    async def _end_pulse(self) -> None:
        """No pulse runs any more."""
        pulse, self._pulse = self._pulse, None
        if pulse is not None:
            pulse.cancel()
            await asyncio.gather(pulse, return_exceptions=True)


class GpioRelay(Relay):
    """A relay on a GPIO line."""

    needs = GPIO

    class Settings(RelaySettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
        line: Line
        """GPIO line of the relay."""
        chip: Chip = None
        """Label of the GPIO chip (`gpiodetect` lists them) or its device file; left out, a Raspberry Pi's header."""
        active_low: bool = False
        """The relay board switches on when its line is low."""

    def __init__(self, settings: Settings, timekeeper: Timekeeper, opened: OpenOutputs = open_outputs) -> None:
        via = GpioVia(chip=settings.chip, active_low=settings.active_low)
        super().__init__(settings, settings.line, GpioSwitches(via, opened))


class ModbusRelay(Relay):
    """A relay that is a coil of a Modbus module, read back after each change."""

    needs = MODBUS

    class Settings(RelaySettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
        modbus: ModbusSettings
        """Where the module is."""
        coil: Coil
        """The relay's coil, counted from 0."""

    def __init__(self, settings: Settings, timekeeper: Timekeeper) -> None:
        super().__init__(settings, settings.coil, ModbusSwitches(settings.modbus))
