"""The whole contract between the gate agent and its devices.

A driver's constructor does nothing but keep its settings. `start` opens the device, `stop` undoes exactly that and may
be called at any time, twice too. An iterator that ends means that the device has no more to say (a recording is over);
a fault raises `DriverError`, and the agent restarts the driver with back-off. Drivers stamp what they give with the
moment that it happened.

A driver class carries `Settings`, a msgspec struct that its table in the gate's file is read into, and is made as
`Class(settings, timekeeper)`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from enum import StrEnum
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edge.clock import Instant
from wire.events import Direction, Outcome, Reason

CelsiusImage = NDArray[np.float32]
"""Temperatures in °C, shape (height, width)."""


class ThermalFrame(Struct, frozen=True):
    """One picture of a thermal camera.

    `celsius` float32 of shape (H, W), upright. `since_start_s` and `since_shutter_s` are seconds since the camera was
    powered and since its shutter last closed, None where the camera does not tell.
    """

    celsius: CelsiusImage
    at: Instant
    since_start_s: float | None = None
    since_shutter_s: float | None = None


class BadgeRead(Struct, frozen=True):
    """A badge at a reader; `number` as the reader gives it, never stored nor sent (it becomes a token)."""

    number: str
    at: Instant


class VehicleRead(Struct, frozen=True):
    """A vehicle's plate or tag at a reader; `confidence` from 0 to 1; `plate` None means unread, never a guess."""

    plate: str | None
    at: Instant
    confidence: float = 1.0
    tag: str | None = None
    direction: Direction = Direction.IN


class ContactKind(StrEnum):
    """What a contact tells of, and so what `active` means for it."""

    BEAM = "beam"
    """A light barrier: active while something breaks it."""
    TURN = "turn"
    """A turnstile: active while its arm turns, once for each person."""
    DOOR = "door"
    """A door or barrier: active while it is open."""
    LOOP = "loop"
    """A ground loop: active while a vehicle stands on it."""
    FIRE = "fire"
    """The fire panel: active while it alarms. It must also release the doors by its own wire, not by software alone."""


class ContactChange(Struct, frozen=True):
    """A contact as it is since `at`. After each start every contact is told once as it is found, then its changes.

    `active` says that what the contact is there to tell is so; whether its wire is then closed or open is a setting of
    the driver. `direction` is that of the way which the contact watches, None where it watches both.
    """

    contact: ContactKind
    active: bool
    at: Instant
    direction: Direction | None = None


class Driver(Protocol):
    """What all drivers share."""

    Settings: ClassVar[type[Any]]

    async def start(self) -> None:
        """Open the device. Raises `DriverError`."""

    async def stop(self) -> None:
        """Undo `start`. Never raises."""


@runtime_checkable
class ThermalCamera(Driver, Protocol):
    def frames(self) -> AsyncIterator[ThermalFrame]:
        """Frames as they come. Raises `DriverError`."""
        ...


@runtime_checkable
class BadgeReader(Driver, Protocol):
    def reads(self) -> AsyncIterator[BadgeRead]:
        """Badges as they come. Raises `DriverError`."""
        ...


@runtime_checkable
class VehicleReader(Driver, Protocol):
    def reads(self) -> AsyncIterator[VehicleRead]:
        """Vehicles as they come. Raises `DriverError`."""
        ...


@runtime_checkable
class Contact(Driver, Protocol):
    def reads(self) -> AsyncIterator[ContactChange]:
        """States and changes of one or more contacts as they come, bounces left out. Raises `DriverError`."""
        ...


@runtime_checkable
class Actuator(Driver, Protocol):
    async def show(self, outcome: Outcome, reasons: Sequence[Reason]) -> None:
        """Move the barrier and light the lamp for one decision. Raises `DriverError`."""
        ...
