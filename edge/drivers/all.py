"""Several actuators that show the same decision: a barrier, a lamp and a voice, say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import structlog
from msgspec import Meta, Struct

from edge.clock import Timekeeper
from edge.drivers.base import Actuator
from wire.errors import DriverError
from wire.events import Outcome, Reason
from wire.link import Backoff

if TYPE_CHECKING:
    from edge.drivers.catalogue import Plug

log = structlog.get_logger(__name__)


class _Named:
    """An actuator whose faults bear its name."""

    def __init__(self, name: str, actuator: Actuator) -> None:
        self.name = name
        self._actuator = actuator

    async def start(self) -> None:
        await self._with_name(self._actuator.start())

    async def stop(self) -> None:
        await self._actuator.stop()

    async def show(self, outcome: Outcome, reasons: Sequence[Reason]) -> None:
        await self._with_name(self._actuator.show(outcome, reasons))

    async def announce(self, key: str) -> bool:
        """Let it say an announcement, if it is a speaker; whether it did."""
        say = getattr(self._actuator, "announce", None)
        return say is not None and bool(await say(key))

    async def _with_name(self, doing: Coroutine[Any, Any, None]) -> None:
        try:
            await doing
        except DriverError as error:
            raise DriverError(f"{self.name}: {error}") from error


class _Spare(_Named):
    """One that may fail without harm to the others: its fault is logged once, and it is started again beside them."""

    def __init__(self, name: str, actuator: Actuator) -> None:
        super().__init__(name, actuator)
        self.fault = ""
        """What is wrong with it, empty while it works."""
        self._reviving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        try:
            await super().start()
        except DriverError as error:
            self._fall(str(error))

    async def stop(self) -> None:
        reviving, self._reviving = self._reviving, None
        if reviving is not None:
            reviving.cancel()
            await asyncio.gather(reviving, return_exceptions=True)
        await super().stop()
        self.fault = ""

    async def show(self, outcome: Outcome, reasons: Sequence[Reason]) -> None:
        if self.fault:
            return
        try:
            await super().show(outcome, reasons)
        except DriverError as error:
            self._fall(str(error))

    def _fall(self, fault: str) -> None:
        log.error("actuator failed, the others go on", error=fault)
        self.fault = fault
        self._reviving = asyncio.create_task(self._revive())

    async def _revive(self) -> None:
        backoff = Backoff(0.5, 30.0)
        while self.fault:
            await super().stop()
            await asyncio.sleep(backoff.next_s())
            try:
                await super().start()
            except DriverError as error:
                self.fault = str(error)
            else:
                self.fault = ""
        log.info("actuator works again", actuator=self.name)


class All:
    """Shows each decision on all of them at once. What `parts` is missing is a fault; what `also` is missing is not."""

    nested: ClassVar[dict[str, str]] = {"parts": "actuator", "also": "actuator"}

    class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        parts: Annotated[tuple[dict[str, Any], ...], Meta(min_length=1)]
        """The actuators that must work, one table each, as if it were the lane's only one: the barrier."""
        also: tuple[dict[str, Any], ...] = ()
        """Those that may fail while the others go on: a lamp, a voice. Their faults are in the log."""

    def __init__(
        self, settings: Settings, timekeeper: Timekeeper, parts: Sequence[Plug], also: Sequence[Plug] = ()
    ) -> None:
        self._parts = [_Named(plug.name, plug.make(timekeeper)) for plug in parts]
        self._spares = [_Spare(plug.name, plug.make(timekeeper)) for plug in also]
        self._started = False

    @property
    def ailing(self) -> str:
        """What is wrong with those that may fail, empty while all work."""
        return "; ".join(spare.fault for spare in self._spares if spare.fault)

    async def start(self) -> None:
        if self._started:
            return
        try:
            await self._each(lambda one: one.start())
        except DriverError:
            await self.stop()
            raise
        self._started = True

    async def stop(self) -> None:
        self._started = False
        await self._each(lambda one: one.stop())

    async def show(self, outcome: Outcome, reasons: Sequence[Reason]) -> None:
        if not self._started:
            raise DriverError(f"{', '.join(part.name for part in self._parts)}: was not started")
        await self._each(lambda one: one.show(outcome, reasons))

    async def announce(self, key: str) -> bool:
        """Let those say it that can; whether one did."""
        said = [await one.announce(key) for one in (*self._parts, *self._spares)]
        return any(said)

    async def _each(self, do: Callable[[_Named], Coroutine[Any, Any, None]]) -> None:
        """Do it with all at once. Raises `DriverError` with every fault, when all have done it."""
        results = await asyncio.gather(*(do(one) for one in (*self._parts, *self._spares)), return_exceptions=True)
        faults = [result for result in results if isinstance(result, DriverError)]
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, DriverError):
                raise result
        if faults:
            raise DriverError("; ".join(str(fault) for fault in faults))
