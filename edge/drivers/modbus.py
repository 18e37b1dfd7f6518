"""Modbus by pymodbus, TCP or RTU: coils that are read back, discrete inputs; one line may have several users."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import Meta, Struct

from edge.drivers.needs import Needs
from wire.errors import DriverError

if TYPE_CHECKING:
    from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient

MODBUS = Needs("modbus", ("pymodbus.client", "serial"))
Coil = Annotated[int, Meta(ge=0, le=65535)]


class ModbusSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a Modbus module is: `host` for TCP, `port` for RTU on a serial port."""

    host: str | None = None
    """Address of a module on the network (Modbus TCP)."""
    tcp_port: Annotated[int, Meta(ge=1, le=65535)] = 502
    """Its TCP port."""
    port: str | None = None
    """Serial port of a module on RS-485 (Modbus RTU); take the one in /dev/serial/by-id."""
    baud: Annotated[int, Meta(ge=300, le=1_000_000)] = 9600
    """Bits per second on the serial port; 8 data bits, 1 stop bit."""
    parity: Literal["none", "even", "odd"] = "none"
    """Parity on the serial port."""
    unit: Annotated[int, Meta(ge=0, le=247)] = 1
    """The module's number on its line."""
    timeout_s: Annotated[float, Meta(gt=0, le=10)] = 0.3
    """How long an answer may take."""

    def __post_init__(self) -> None:
        if (self.host is None) == (self.port is None):
            raise ValueError("needs `host` (Modbus TCP) or `port` (Modbus RTU), one of them")

    @property
    def where(self) -> str:
        line = f"{self.host}:{self.tcp_port}" if self.host is not None else self.port
        return f"Modbus unit {self.unit} at {line}"

    @property
    def line(self) -> tuple[object, ...]:
        """What modules on one line have in common."""
        return (self.host, self.tcp_port if self.host else 0, self.port, self.baud, self.parity)


class _Line:
    """One connection and who uses it."""

    def __init__(self, client: AsyncModbusTcpClient | AsyncModbusSerialClient) -> None:
        self.client = client
        self.users = 0
        self.turn = asyncio.Lock()


_lines: dict[tuple[object, ...], _Line] = {}
"""Lines in use: a serial port can be opened only once, but relays and inputs are often in one module."""


class ModbusUnit:
    """One module; opened, asked and closed. Everything raises `DriverError` but `close`."""

    def __init__(self, settings: ModbusSettings) -> None:
        self._settings = settings
        self._line: _Line | None = None

    async def open(self) -> None:
        await asyncio.to_thread(MODBUS.load)
        if self._line is None:
            self._line = _lines.setdefault(self._settings.line, _Line(_client(self._settings)))
            self._line.users += 1
        await self._asked("read_coils", 0, refusal_counts=False, count=1)

    async def close(self) -> None:
        line, self._line = self._line, None
        if line is None:
            return
        line.users -= 1
        if line.users == 0:
            _lines.pop(self._settings.line, None)
            line.client.close()

    async def write_coils(self, states: Mapping[int, bool]) -> None:
        """Set coils, and read each back: a module may answer and not switch."""
        for coil, on in states.items():
            await self._asked("write_coil", coil, on)
            answer = await self._asked("read_coils", coil, count=1)
            if bool(answer.bits[0]) is not on:
                raise DriverError(f"{self._settings.where}: coil {coil} was told {_word(on)} and reads {_word(not on)}")

    async def read_inputs(self, first: int, count: int) -> list[bool]:
        """Discrete inputs from `first` on."""
        answer = await self._asked("read_discrete_inputs", first, count=count)
        return [bool(bit) for bit in answer.bits[:count]]

    async def _asked(self, what: str, *arguments: object, refusal_counts: bool = True, **more: object) -> Any:  # noqa: ANN401
        """The answer of one of pymodbus' calls; an error that the module answers may only show that it is there."""
        line = self._line
        if line is None:
            raise DriverError(f"{self._settings.where}: was not started")
        async with line.turn:
            asking = asyncio.ensure_future(self._transact(line, what, arguments, more))
            try:
                answer = await asyncio.shield(asking)
            except asyncio.CancelledError:
                await asyncio.wait([asking])
                raise
        if answer.isError() and refusal_counts:
            raise DriverError(f"{self._settings.where}: refused ({answer}): is there such a coil or input?")
        return answer

    async def _transact(self, line: _Line, what: str, arguments: Sequence[object], more: Mapping[str, object]) -> Any:  # noqa: ANN401
        """Ask and hear. Never cancelled: a late answer on RS-485 would be taken for that to the next question."""
        from pymodbus.exceptions import ModbusException

        try:
            if not line.client.connected and not await line.client.connect():
                raise DriverError(f"{self._settings.where}: cannot be opened")
            return await getattr(line.client, what)(*arguments, device_id=self._settings.unit, **more)
        except (ModbusException, OSError) as error:
            line.client.close()
            raise DriverError(f"{self._settings.where}: does not answer ({error})") from error


def _word(on: bool) -> str:
    return "on" if on else "off"


def _client(settings: ModbusSettings) -> AsyncModbusTcpClient | AsyncModbusSerialClient:
    """A client that connects when it is told to and never by itself."""
    from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient

    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # what it would tell is in our errors, once
    how: dict[str, Any] = {"timeout": settings.timeout_s, "retries": 0, "reconnect_delay": 0}
    if settings.host is not None:
        return AsyncModbusTcpClient(settings.host, port=settings.tcp_port, **how)
    parity = settings.parity[0].upper()
    return AsyncModbusSerialClient(settings.port or "", baudrate=settings.baud, parity=parity, **how)
