"""Things that are switched on and off, by GPIO or by Modbus: what relays and lamps stand on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from edge.drivers.gpio import GPIO, Chip, OpenOutputs, OutputLines, open_outputs
from edge.drivers.modbus import MODBUS, ModbusSettings, ModbusUnit
from edge.drivers.needs import Needs
from wire.errors import DriverError


class Switches(Protocol):
    """Switches by number. `open` and `set` raise `DriverError`."""

    needs: Needs

    async def open(self, first: Mapping[int, bool]) -> None:
        """Open the device with its switches as in `first`."""

    async def set(self, states: Mapping[int, bool]) -> None: ...

    async def close(self) -> None: ...


class GpioVia(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="via", tag="gpio"):
    """Switches on GPIO lines."""

    chip: Chip = None
    """Label of the GPIO chip (`gpiodetect` lists them) or its device file; left out, a Raspberry Pi's header."""
    active_low: bool = False
    """The relay board switches on when its line is low."""


class ModbusVia(ModbusSettings, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="via", tag="modbus"):
    """Switches that are coils of a Modbus module."""


class GpioSwitches:
    """Lines of a GPIO chip."""

    needs = GPIO

    def __init__(self, via: GpioVia, opened: OpenOutputs = open_outputs) -> None:
        self._via = via
        self._opened = opened
        self._lines: OutputLines | None = None

    async def open(self, first: Mapping[int, bool]) -> None:
        try:
            self._lines = self._opened(self._via.chip, first, self._via.active_low)
        except OSError as error:
            raise DriverError(f"GPIO lines {_numbers(first)}: cannot be opened: {error.strerror or error}") from error

    async def set(self, states: Mapping[int, bool]) -> None:
        if self._lines is None:
            raise DriverError(f"GPIO lines {_numbers(states)}: was not started")
        try:
            self._lines.set(states)
        except OSError as error:
            raise DriverError(f"GPIO lines {_numbers(states)}: the chip was lost: {error.strerror or error}") from error

    async def close(self) -> None:
        lines, self._lines = self._lines, None
        if lines is not None:
            lines.close()


class ModbusSwitches:
    """Coils of a Modbus module, each read back."""

    needs = MODBUS

    def __init__(self, via: ModbusSettings) -> None:
        self._unit = ModbusUnit(via)

    async def open(self, first: Mapping[int, bool]) -> None:
        await self._unit.open()
        await self._unit.write_coils(first)

    async def set(self, states: Mapping[int, bool]) -> None:
        await self._unit.write_coils(states)

    async def close(self) -> None:
        await self._unit.close()


def switches(via: GpioVia | ModbusVia) -> Switches:
    """The switches that a table describes."""
    return GpioSwitches(via) if isinstance(via, GpioVia) else ModbusSwitches(via)


def _numbers(states: Mapping[int, bool]) -> str:
    return ", ".join(str(number) for number in states)
