"""Several actuators that show the same decision: a barrier, a lamp and a voice, say. Each fails by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from msgspec import Meta, Struct

from edge.clock import Timekeeper
from edge.drivers.base import Actuator
from wire.errors import DriverError
from wire.events import Outcome, Reason

if TYPE_CHECKING:
    from edge.drivers.catalogue import Plug


class _Part:
    """One of the actuators, and whether it is started: one that failed is started anew at the next decision."""

    def __init__(self, name: str, actuator: Actuator) -> None:
        self.name = name
        self._actuator = actuator
        self._up = False

    async def start(self) -> None:
        if not self._up:
            await self._actuator.start()
            self._up = True

    async def stop(self) -> None:
        self._up = False
        await self._actuator.stop()

    async def show(self, outcome: Outcome, reasons: Sequence[Reason]) -> None:
        try:
            await self.start()
            await self._actuator.show(outcome, reasons)
        except DriverError:
            await self.stop()
            raise


class All:
    """Shows each decision on all its parts at once; what failed of them is told, and the others have shown it."""

    nested: ClassVar[dict[str, str]] = {"parts": "actuator"}

    class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        parts: Annotated[tuple[dict[str, Any], ...], Meta(min_length=1)]
        """The actuators, one table each, as if it were the lane's only one."""

    def __init__(self, settings: Settings, timekeeper: Timekeeper, parts: Sequence[Plug]) -> None:
        self._parts = [_Part(plug.name, plug.make(timekeeper)) for plug in parts]
        self._started = False

    async def start(self) -> None:
        """Start what can be started. Raises `DriverError` only when no part can: the others work meanwhile."""
        self._started = True
        failed = await self._each(lambda part: part.start())
        if len(failed) == len(self._parts):
            await self.stop()
            raise DriverError("; ".join(failed))

    async def stop(self) -> None:
        self._started = False
        await self._each(lambda part: part.stop())

    async def show(self, outcome: Outcome, reasons: Sequence[Reason]) -> None:
        if not self._started:
            raise DriverError(f"{', '.join(part.name for part in self._parts)}: was not started")
        failed = await self._each(lambda part: part.show(outcome, reasons))
        if failed:
            raise DriverError("; ".join(failed))

    async def _each(self, do: Callable[[_Part], Coroutine[Any, Any, None]]) -> list[str]:
        """Do it with all parts at once; what failed, in words."""
        results = await asyncio.gather(*(do(part) for part in self._parts), return_exceptions=True)
        failed = []
        for part, result in zip(self._parts, results, strict=True):
            if isinstance(result, DriverError):
                failed.append(f"{part.name}: {result}")
            elif result is not None:
                raise result
        return failed
