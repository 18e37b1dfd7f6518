"""A real pcscd with vpcd, the reader whose cards are programs, and such a card."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import socket
import struct
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.servers import REQUIRE_ALL, START_WITHIN_S, binary

DRIVER = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
SOCKET = Path("/run/pcscd/pcscd.comm")
NAME = "Menshen Test"
ATR = bytes.fromhex("3B8F8001804F0CA000000306030001000000006A")
"""A MIFARE Classic 1K's, as readers give it (PC/SC part 3, 3.1.3.2.3)."""
GET_UID = bytes.fromhex("FFCA000000")
GET_ATR = 4
"""vpcd's control byte for "tell the ATR"; others switch power; anything longer is a command for the card."""


def _skip(message: str) -> None:
    if REQUIRE_ALL:
        pytest.fail(message)
    pytest.skip(message)


def _two_free_ports() -> int:
    """The lower of two ports in a row that were free just now: vpcd's reader has two slots, a port each."""
    for port in random.sample(range(20_000, 30_000), 100):
        with contextlib.suppress(OSError), socket.socket() as one, socket.socket() as other:
            one.bind(("", port))
            other.bind(("", port + 1))
            return port
    raise OSError("no two free ports in a row")


class Pcscd:
    """pcscd in the foreground, with one virtual reader; there can be one on a machine."""

    def __init__(self, folder: Path) -> None:
        self.port = _two_free_ports()
        self._config = folder / "reader.conf"
        self._config.write_text(
            f'FRIENDLYNAME "{NAME}"\nDEVICENAME /dev/null:0x{self.port:04X}\n'
            f"LIBPATH {DRIVER}\nCHANNELID 0x{self.port:04X}\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def runs(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        program = binary("pcscd", "pcscd")
        if not DRIVER.exists():
            _skip(f"{DRIVER} is not there (Debian's package vsmartcard-vpcd)")
        if os.geteuid() != 0:
            pytest.skip("only root can run pcscd for a test")
        if SOCKET.exists():
            pytest.skip("another pcscd runs here, and there can be only one: stop it to test with ours")
        SOCKET.parent.mkdir(exist_ok=True)
        self._process = subprocess.Popen([program, "-f", "-c", str(self._config)], stdout=subprocess.DEVNULL)
        until_s = time.monotonic() + START_WITHIN_S
        while not SOCKET.exists():
            assert time.monotonic() < until_s, "pcscd did not start"
            time.sleep(0.01)

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
        for path in (SOCKET, SOCKET.with_name("pcscd.pid")):
            path.unlink(missing_ok=True)


class VirtualCard:
    """A card that is laid on the reader by `async with`; it answers the question for its number."""

    def __init__(self, port: int, answer: bytes) -> None:
        self._port = port
        self._answer = answer
        self.asked = asyncio.Event()
        self._serving: asyncio.Task[None] | None = None

    async def lay_on(self) -> None:
        for _ in range(400):
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                break
            await asyncio.sleep(0.01)
        self._serving = asyncio.create_task(self._serve(reader, writer))

    async def take_off(self) -> None:
        if self._serving is not None:
            self._serving.cancel()
            await asyncio.gather(self._serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                (size,) = struct.unpack(">H", await reader.readexactly(2))
                told = await reader.readexactly(size)
                if size == 1 and told[0] != GET_ATR:
                    continue
                answer = ATR if size == 1 else self._answer if told == GET_UID else b"\x6d\x00"
                writer.write(struct.pack(">H", len(answer)) + answer)
                if told == GET_UID:
                    self.asked.set()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
