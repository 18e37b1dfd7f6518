"""pymodbus' own simulated server as a module with relays and inputs, over loopback or over a pair of ptys."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from tests.support.lines import PtyLine
from tests.support.servers import free_port

COILS = INPUTS = 16
READ_INPUTS, WRITE_COIL = 2, 5
UNIT = 3


class ModbusModule:
    """Eight relays and eight inputs. `stuck` relays answer and do not switch; `glitch` inputs show wrong once."""

    def __init__(self) -> None:
        self.coils = [False] * COILS
        self.inputs = [False] * INPUTS
        self.stuck: set[int] = set()
        self.glitch: set[int] = set()
        self.history: list[tuple[int, bool]] = []
        self.asked = 0
        self.clients = 0
        self._server: ModbusTcpServer | ModbusSerialServer | None = None

    def _device(self) -> SimDevice:
        block = [SimData(0, values=[False] * COILS, datatype=DataType.BITS)]
        words = [SimData(0, count=1, datatype=DataType.REGISTERS)]
        return SimDevice(id=UNIT, simdata=(block, block, words, words), action=self._act)

    async def _act(self, function: int, start: int, address: int, count: int, current: list[int], told: Any) -> None:
        self.asked += 1
        if function == WRITE_COIL and told is not None:
            if address in self.stuck:
                told[0] = not told[0]
            self.coils[address] = bool(told[0])
            self.history.append((address, bool(told[0])))
        elif function == READ_INPUTS:
            shown = [on is not (place in self.glitch) for place, on in enumerate(self.inputs)]
            current[0] = sum(1 << place for place, on in enumerate(shown) if on)
            self.glitch.clear()

    def connected(self, up: bool) -> None:
        self.clients += 1 if up else -1

    async def serve(self, server: ModbusTcpServer | ModbusSerialServer) -> None:
        self._server = server
        await server.serve_forever(background=True)

    async def shutdown(self) -> None:
        if self._server is not None:
            await self._server.shutdown()
            self._server = None

    async def settled(self) -> None:
        """Until the module was asked three times more."""
        wanted = self.asked + 3
        while self.asked < wanted:
            await asyncio.sleep(0.005)


class TcpModule(ModbusModule):
    """On a port of 127.0.0.1."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.port = free_port()

    def settings(self) -> dict[str, Any]:
        return {"host": "127.0.0.1", "tcp_port": self.port, "unit": UNIT, "timeout_s": 0.5}

    async def plug(self) -> None:
        address = ("127.0.0.1", self.port)
        await self.serve(ModbusTcpServer(self._device(), address=address, trace_connect=self.connected))

    async def unplug(self) -> None:
        await self.shutdown()

    def is_open(self) -> bool:
        return self.clients > 0


class RtuModule(ModbusModule):
    """On RS-485: two ptys with a wire between them."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        (folder / "far").mkdir(exist_ok=True)
        self._folder = folder
        self.near: PtyLine | None = None
        self._far: PtyLine | None = None

    def settings(self) -> dict[str, Any]:
        return {"port": str(self._folder / "tty-reader"), "unit": UNIT, "timeout_s": 0.5, "baud": 115200}

    async def plug(self) -> None:
        self.near, self._far = PtyLine(self._folder, held=True), PtyLine(self._folder / "far", held=True)
        loop = asyncio.get_running_loop()
        for here, there in ((self.near.far_end, self._far.far_end), (self._far.far_end, self.near.far_end)):
            os.set_blocking(here, False)
            loop.add_reader(here, _pump, here, there)
        await self.serve(ModbusSerialServer(self._device(), port=str(self._far.path), baudrate=115200))

    async def unplug(self) -> None:
        await self.shutdown()
        for line in (self.near, self._far):
            if line is not None:
                asyncio.get_running_loop().remove_reader(line.far_end)
                line.unplug()
        self.near = self._far = None

    def is_open(self) -> bool:
        return self.near is not None and self.near.is_open()


def _pump(here: int, there: int) -> None:
    try:
        os.write(there, os.read(here, 4096))
    except OSError:
        asyncio.get_running_loop().remove_reader(here)
