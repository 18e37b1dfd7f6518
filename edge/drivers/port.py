"""Serial ports (USB, RS-232, RS-485): settings, opening, and bytes as they come."""

from __future__ import annotations

import errno
import os
import termios
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, Struct

from edge.drivers.needs import Needs
from wire.errors import DriverError

if TYPE_CHECKING:
    from serial import Serial

SERIAL = Needs("serial", ("serial",))
MOST_AT_ONCE = 4096


class PortSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a serial port is opened."""

    port: str
    """Device file; take the one in /dev/serial/by-id, which stays the same after a new start."""
    baud: Annotated[int, Meta(ge=300, le=1_000_000)] = 9600
    """Bits per second."""
    data_bits: Literal[7, 8] = 8
    """Bits of a character."""
    parity: Literal["none", "even", "odd"] = "none"
    """Parity bit of a character."""
    stop_bits: Literal[1, 2] = 1
    """Stop bits of a character."""


def open_port(settings: PortSettings) -> Serial:
    """The port, opened for this process alone and never blocking. Raises `DriverError`."""
    import serial

    try:
        return serial.Serial(
            settings.port,
            settings.baud,
            bytesize=settings.data_bits,
            parity=settings.parity[0].upper(),
            stopbits=settings.stop_bits,
            timeout=0,
            write_timeout=0,
            exclusive=True,
        )
    except (serial.SerialException, ValueError, termios.error) as error:
        raise DriverError(f"serial port {settings.port}: cannot be opened: {error}") from error


def read_port(port: Serial, most: int = MOST_AT_ONCE) -> bytes:
    """What waits at a port that is readable. Raises `OSError` when it is gone."""
    data = os.read(port.fileno(), most)
    if not data:
        raise OSError(errno.ENODEV, "it was unplugged")
    return data
