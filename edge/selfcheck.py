"""What a gate says of itself: its store fills up or cannot be written, its clock is wrong, its power is low, it is hot,
its card wears out. Each change is an event.

depth, fault ─► spool_health ───┐
clock ────────► ClockWatch ─────┼─► SelfCheck.look ─► DeviceState, where it changed
machine ──────► judge ─► Settled ┘
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

import structlog

from edge.clock import Instant, Timekeeper
from edge.fitness import Found, judge
from wire.errors import MenshenError
from wire.events import AnyEvent, Clock, DeviceKind, DeviceState, Health
from wire.machine import Machine
from wire.messages import SpoolDepth

log = structlog.get_logger(__name__)

EVERY_S = 20.0
_WELL_BELOW = 0.8
"""Of the share from which on it fills up: what goes up and down around a limit is one fault."""
WELL_AFTER_S = 120.0
"""Power that comes and goes is one fault: it is well after so long without."""


class Keeps(Protocol):
    """The outbox."""

    fault: str

    async def depth(self) -> SpoolDepth: ...

    async def put(self, event: AnyEvent) -> None: ...


def spool_health(depth: SpoolDepth, fault: str, *, max_bytes: int, full_at: float, before: Health | None) -> Found:
    """Whether events may soon be lost. `full_at` is the share of `max_bytes` from which on it fills up."""
    if fault:
        return Found(Health.FAILED, fault)
    share = depth.bytes / max_bytes
    limit = full_at if before in {None, Health.OK} else full_at * _WELL_BELOW
    if share < limit:
        return Found(Health.OK)
    waiting = depth.urgent + depth.routine
    return Found(Health.DEGRADED, f"{waiting} events wait for the hub, {share * 100:.0f} % of the room for them")


class ClockWatch:
    """A clock that is not synchronised for long is a fault; one that has just started has its time."""

    def __init__(self, fault_after_s: float) -> None:
        """`fault_after_s` 0: there is nothing here that would set it."""
        self._fault_after_s = fault_after_s
        self._free_since: Instant | None = None

    def see(self, now: Instant) -> Found | None:
        """None while it cannot be said yet."""
        if now.clock is Clock.SYNCED:
            self._free_since = None
            return Found(Health.OK)
        self._free_since = self._free_since or now
        if not self._fault_after_s or now.seconds_since(self._free_since) < self._fault_after_s:
            return None
        return Found(Health.DEGRADED, f"not synchronised for more than {self._fault_after_s:.0f} s")


class Settled:
    """What was found, but well only when it has been for `WELL_AFTER_S`."""

    def __init__(self) -> None:
        self._ill: dict[DeviceKind, tuple[Found, Instant]] = {}

    def see(self, kind: DeviceKind, found: Found, now: Instant) -> Found:
        if found.health is not Health.OK:
            self._ill[kind] = found, now
            return found
        last, at = self._ill.get(kind, (found, now))
        return last if now.seconds_since(at) < WELL_AFTER_S else found


class SelfCheck:
    """`run` looks until it is cancelled; `look` looks once. The first look after a start is told in any case."""

    def __init__(
        self,
        outbox: Keeps,
        timekeeper: Timekeeper,
        *,
        max_bytes: int,
        full_at: float,
        clock_fault_after_s: float,
        machine: Callable[[], Machine] = Machine,
    ) -> None:
        """`machine` looks at the machine, and may wait for a disk."""
        self._outbox = outbox
        self._timekeeper = timekeeper
        self._max_bytes = max_bytes
        self._full_at = full_at
        self._clock = ClockWatch(clock_fault_after_s)
        self._told: dict[DeviceKind, Health] = {}
        self._machine, self._before, self._settled = machine, Machine(), Settled()

    async def run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            await self.look()

    async def look(self) -> None:
        spool = await self._spool()
        await self._tell("spool", DeviceKind.SPOOL, spool)
        clock = self._clock.see(self._timekeeper.now())
        if clock is not None:
            await self._tell("clock", DeviceKind.CLOCK, clock)
        await self._look_at_machine()

    async def _look_at_machine(self) -> None:
        machine, now = await asyncio.to_thread(self._machine), self._timekeeper.now()
        found = judge(machine, self._before, is_hot=self._told.get(DeviceKind.HEAT) is Health.DEGRADED)
        self._before = machine
        for kind, one in found.items():
            await self._tell(kind.value, kind, self._settled.see(kind, one, now))

    async def _spool(self) -> Found:
        try:
            depth = await self._outbox.depth()
        except MenshenError as error:
            return Found(Health.FAILED, str(error))
        before = self._told.get(DeviceKind.SPOOL)
        return spool_health(depth, self._outbox.fault, max_bytes=self._max_bytes, full_at=self._full_at, before=before)

    async def _tell(self, device: str, kind: DeviceKind, found: Found) -> None:
        if self._told.get(kind) is found.health:
            return
        log.log(20 if found.health is Health.OK else 40, device, health=found.health.value, detail=found.detail)
        now = self._timekeeper.now()
        state = DeviceState(
            time_ns=now.time_ns, clock=now.clock, device=device, kind=kind, health=found.health,
            detail=found.detail[:2000],
        )  # fmt: skip
        self._told[kind] = found.health
        try:
            await self._outbox.put(state)
        except MenshenError as error:
            log.error("event not kept", error=str(error))
            self._told.pop(kind)  # said again at the next look
