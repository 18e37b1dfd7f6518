"""A traffic lamp and a buzzer on switches. Each outcome has a rhythm of its own, so that colours are not needed.

allow: green, steady. deny: red, twice a second, three long tones. remeasure: amber (or red and green where there is no
amber), every two seconds, two short tones. Nothing blinks faster than 3 times a second, the limit of WCAG 2.3.1.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Sequence
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta, Struct

from edge.clock import Timekeeper
from edge.drivers.needs import Needs
from edge.drivers.switches import GpioVia, ModbusVia, Switches, switches
from wire.errors import DriverError
from wire.events import Outcome, Reason

Place = Annotated[int, Meta(ge=0, le=65535)]

BEAT_S = 0.125


class Step(NamedTuple):
    """For `seconds` these are on, of red, amber, green and buzzer; the others off."""

    seconds: float
    on: frozenset[str]


def rhythm(outcome: Outcome, show_s: float, *, amber: bool) -> list[Step]:
    """What lamp and buzzer do for an outcome, `show_s` seconds of it; `amber` where the lamp has that colour."""
    steps: list[Step] = []
    for beat in range(max(1, round(show_s / BEAT_S))):
        on = _on(outcome, beat, frozenset({"amber"} if amber else {"red", "green"}))
        if steps and steps[-1].on == on:
            steps[-1] = Step(steps[-1].seconds + BEAT_S, on)
        else:
            steps.append(Step(BEAT_S, on))
    return steps


def _on(outcome: Outcome, beat: int, again: frozenset[str]) -> frozenset[str]:
    """What is on in a beat of an eighth of a second."""
    if outcome is Outcome.ALLOW:
        return frozenset({"green"})
    if outcome is Outcome.REMEASURE:
        lit = again if beat % 16 < 8 else frozenset[str]()
        return lit | {"buzzer"} if beat in (0, 1, 4, 5) else lit
    lit = frozenset({"red"}) if beat % 4 < 2 else frozenset[str]()
    return lit | {"buzzer"} if beat < 24 and beat % 8 < 6 else lit


class Lamp:
    """Shows each outcome for a while, then what it shows at rest. A lamp that fails meanwhile is told at the next."""

    class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        switches: GpioVia | ModbusVia
        """What the lamp hangs on: `via = "gpio"` or `via = "modbus"`, and where that is."""
        green: Place
        """Line or coil of the green light."""
        red: Place
        """Line or coil of the red light."""
        amber: Place | None = None
        """Line or coil of the amber light; left out, red and green together."""
        buzzer: Place | None = None
        """Line or coil of the buzzer; left out, it is silent."""
        show_s: Annotated[float, Meta(ge=1, le=60)] = 4.0
        """How long an outcome is shown."""
        rest: Literal["dark", "red"] = "red"
        """What it shows between people; red, steady, says: wait."""

        def __post_init__(self) -> None:
            places = [place for place in (self.green, self.red, self.amber, self.buzzer) if place is not None]
            if len(set(places)) < len(places):
                raise ValueError(f"two lights share a line: {sorted(places)}, expected each its own")

        def states(self, on: Collection[str]) -> dict[int, bool]:
            """Every line or coil, with those of `on` switched on."""
            places = {"green": self.green, "red": self.red, "amber": self.amber, "buzzer": self.buzzer}
            return {place: name in on for name, place in places.items() if place is not None}

    def __init__(self, settings: Settings, timekeeper: Timekeeper, hung_on: Switches | None = None) -> None:
        self._settings = settings
        self._switches = hung_on or switches(settings.switches)
        self._showing: asyncio.Task[None] | None = None
        self._open = False

    @classmethod
    def needs_of(cls, settings: Settings) -> Needs:
        """What it needs depends on what it hangs on."""
        return switches(settings.switches).needs

    async def start(self) -> None:
        if self._open:
            return
        await asyncio.to_thread(self._switches.needs.load)
        try:
            await self._switches.open(self._settings.states(self._at_rest()))
        except DriverError:
            await self._switches.close()
            raise
        self._open = True

    async def stop(self) -> None:
        with contextlib.suppress(DriverError):
            await self._end()
        if self._open:
            self._open = False
            with contextlib.suppress(DriverError):
                await self._switches.set(self._settings.states(()))
        await self._switches.close()

    async def show(self, outcome: Outcome, reasons: Sequence[Reason]) -> None:
        """A refusal without a reason is nobody's: the lane is at rest."""
        await self._end()
        if outcome is Outcome.DENY and not reasons:
            await self._switches.set(self._settings.states(self._at_rest()))
            return
        first, *rest = rhythm(outcome, self._settings.show_s, amber=self._settings.amber is not None)
        await self._switches.set(self._settings.states(first.on))
        self._showing = asyncio.create_task(self._play(first, rest))

    async def _play(self, step: Step, rest: Sequence[Step]) -> None:
        for following in rest:
            await asyncio.sleep(step.seconds)
            await self._switches.set(self._settings.states(following.on))
            step = following
        await asyncio.sleep(step.seconds)
        await self._switches.set(self._settings.states(self._at_rest()))

    def _at_rest(self) -> tuple[str, ...]:
        return ("red",) if self._settings.rest == "red" else ()

    async def _end(self) -> None:
        """Nothing is being shown any more. Raises `DriverError` when the lamp failed while it was."""
        showing, self._showing = self._showing, None
        if showing is None:
            return
        showing.cancel()
        await asyncio.wait([showing])
        if not showing.cancelled() and (error := showing.exception()) is not None:
            raise error
