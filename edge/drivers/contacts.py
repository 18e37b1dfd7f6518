"""Contacts: light barriers, turnstiles, doors, ground loops and the fire panel, on GPIO lines or a Modbus module."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Annotated, Literal

from msgspec import Meta, Struct

from edge.clock import Timekeeper
from edge.drivers.base import ContactChange, ContactKind
from edge.drivers.bounce import Confirmed, Debounced, Settled
from edge.drivers.feed import Feed, Reader, moment
from edge.drivers.gpio import GPIO, Chip, Edge, EdgeSource, Line, OpenEdges, Watch, open_edges
from edge.drivers.listening import DescriptorReader, Listening, Silence
from edge.drivers.modbus import MODBUS, Coil, ModbusSettings, ModbusUnit
from wire.errors import DriverError
from wire.events import Direction

LONG_AFTER_NS = 2**63
MOST_AT_ONCE = 2000
"""Discrete inputs that one question may ask for (Modbus Application Protocol 1.1b3, 6.2)."""


class InputSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one contact is for."""

    contact: ContactKind
    """What it tells of: beam, turn, door, loop or fire."""
    active_when: Literal["closed", "open"] = "closed"
    """How the contact is when its beam is broken, arm turns, door is open, loop is taken or alarm is raised."""
    direction: Literal["in", "out"] | None = None
    """The way that it watches; left out where it watches both."""

    def change(self, timekeeper: Timekeeper, settled: Settled) -> ContactChange:
        """The change that a contact tells, closed or open, as the lane understands it."""
        direction = Direction(self.direction) if self.direction is not None else None
        active = settled.on == (self.active_when == "closed")
        return ContactChange(self.contact, active, moment(timekeeper, settled.mono_ns), direction)


class GpioInputSettings(InputSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    line: Line
    """GPIO line of the contact."""


class ModbusInputSettings(InputSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    input: Coil
    """Discrete input of the contact, counted from 0."""


def _twice(numbers: Iterable[int], what: str) -> None:
    found = sorted(numbers)
    if len(set(found)) < len(found):
        raise ValueError(f"two contacts share a {what}: {found}, expected each its own")


class GpioInput(DescriptorReader[ContactChange, list[Edge]]):
    """Contacts between a GPIO line and ground (pull up) or 3.3 V (pull down)."""

    needs = GPIO

    class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        inputs: Annotated[tuple[GpioInputSettings, ...], Meta(min_length=1, max_length=32)]
        """The contacts, one table each."""
        chip: Chip = None
        """Label of the GPIO chip (`gpiodetect` lists them) or its device file; left out, a Raspberry Pi's header."""
        pull: Literal["up", "down"] = "up"
        """Pull resistor inside the chip: `up` for contacts to ground, `down` for contacts to 3.3 V."""
        debounce_s: Annotated[float, Meta(ge=0, le=5)] = 0.02
        """A contact must be steady for so long to count."""

        def __post_init__(self) -> None:
            _twice((one.line for one in self.inputs), "line")

    def __init__(self, settings: Settings, timekeeper: Timekeeper, opened: OpenEdges = open_edges) -> None:
        lines = ", ".join(str(one.line) for one in settings.inputs)
        super().__init__(f"contacts on GPIO lines {lines}", timekeeper)
        self._settings = settings
        self._opened = opened
        self._contacts: dict[int, Debounced] = {}

    async def _open(self, feed: Feed[ContactChange]) -> None:
        lines = tuple(one.line for one in self._settings.inputs)
        source = self._opened(Watch(self._settings.chip, lines, self._settings.pull, both=True))
        self._silence = Silence(self._settings.debounce_s, lambda: self._settle(feed, source))
        self._listening = Listening(source, source.read, lambda edges: self._take(feed, edges), feed.fail)
        closed = {line: self._closed(high) for line, high in source.values().items()}
        steady_ns = int(self._settings.debounce_s * 1e9)
        self._contacts = {line: Debounced(steady_ns, closed[line]) for line in lines}
        now_ns = self._timekeeper.now().mono_ns
        for one in self._settings.inputs:
            feed.put(one.change(self._timekeeper, Settled(closed[one.line], now_ns)))

    def _closed(self, high: bool) -> bool:
        """Pulled up, a closed contact is low."""
        return high is not (self._settings.pull == "up")

    def _take(self, feed: Feed[ContactChange], edges: list[Edge]) -> None:
        for edge in edges:
            lasted = self._contacts[edge.line].seen(self._closed(edge.rising), edge.mono_ns)
            self._tell(feed, edge.line, lasted)
        if self._silence is not None:
            self._silence.heard()

    def _settle(self, feed: Feed[ContactChange], source: EdgeSource) -> None:
        """No edge came for long enough: what the lines show has lasted. The kernel drops edges of which too many wait,
        so the lines are asked how they are."""
        try:
            shown = source.values()
        except OSError as error:
            feed.fail(f"the device was lost: {error.strerror or error}")
            return
        now_ns = self._timekeeper.now().mono_ns
        for line, contact in self._contacts.items():
            self._tell(feed, line, contact.seen(self._closed(shown[line]), now_ns))
            self._tell(feed, line, contact.settled(LONG_AFTER_NS))

    def _tell(self, feed: Feed[ContactChange], line: int, settled: Settled | None) -> None:
        for one in self._settings.inputs:
            if settled is not None and one.line == line:
                feed.put(one.change(self._timekeeper, settled))


class ModbusInput(Reader[ContactChange]):
    """Contacts on the discrete inputs of a Modbus module, asked again and again."""

    needs = MODBUS

    class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        modbus: ModbusSettings
        """Where the module is."""
        inputs: Annotated[tuple[ModbusInputSettings, ...], Meta(min_length=1, max_length=32)]
        """The contacts, one table each."""
        every_s: Annotated[float, Meta(ge=0.01, le=5)] = 0.1
        """How often it is asked; a change counts when it is found twice."""

        def __post_init__(self) -> None:
            places = [one.input for one in self.inputs]
            _twice(places, "input")
            if max(places) - min(places) >= MOST_AT_ONCE:
                raise ValueError(f"inputs {min(places)} to {max(places)} are more than {MOST_AT_ONCE}, too many to ask")

    def __init__(self, settings: Settings, timekeeper: Timekeeper) -> None:
        super().__init__(f"contacts of {settings.modbus.where}", timekeeper)
        self._settings = settings
        self._unit = ModbusUnit(settings.modbus)
        self._asking: asyncio.Task[None] | None = None

    async def _open(self, feed: Feed[ContactChange]) -> None:
        await self._unit.open()
        found = await self._inputs()
        now_ns = self._timekeeper.now().mono_ns
        for one in self._settings.inputs:
            feed.put(one.change(self._timekeeper, Settled(found[one.input], now_ns)))
        self._asking = asyncio.create_task(self._ask(feed, found))

    async def _close(self) -> None:
        asking, self._asking = self._asking, None
        if asking is not None:
            asking.cancel()
            await asyncio.wait([asking])
        await self._unit.close()

    async def _inputs(self) -> dict[int, bool]:
        """Each input: whether its contact is closed."""
        places = [one.input for one in self._settings.inputs]
        first = min(places)
        bits = await self._unit.read_inputs(first, max(places) - first + 1)
        return {place: bits[place - first] for place in places}

    async def _ask(self, feed: Feed[ContactChange], found: dict[int, bool]) -> None:
        contacts = {place: Confirmed(on) for place, on in found.items()}
        try:
            while True:
                await asyncio.sleep(self._settings.every_s)
                found = await self._inputs()
                now_ns = self._timekeeper.now().mono_ns
                for one in self._settings.inputs:
                    settled = contacts[one.input].found(found[one.input], now_ns)
                    if settled is not None:
                        feed.put(one.change(self._timekeeper, settled))
        except DriverError as error:
            feed.fail(f"lost: {error}")
