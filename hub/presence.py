"""Which gates are there: births, wills, pulses, and the silence in between.

A will is believed only if it is of the newest session of its epoch; a broker that restarts and hands out an old will
after a new birth says nothing. Silence counts from the last word of any kind. What is observed is written into the
journal as the hub's own events, so that alerts come from the one source of truth.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog
from msgspec import Struct

from hub.archive import Archive
from hub.journal import OWN_GATE
from wire.errors import JournalError
from wire.events import DeviceKind, DeviceState, Health
from wire.messages import Status, Vitals

log = structlog.get_logger(__name__)

CHECK_EVERY_S = 0.5


class Gate(Struct):
    """What is known of one gate now. Times `*_s` are of the hub's monotonic clock, `seen_ns` of its wall clock."""

    seen_s: float
    seen_ns: int = 0
    session: int = -1
    epoch: str = ""
    online: bool | None = None
    """What its newest birth or will said; None before either."""
    version: str = ""
    vitals: Vitals | None = None
    heard: bool = False
    """Whether anything came of it since this hub started."""
    reported: Health = Health.OK
    """What the journal says of it already."""
    registry_reported: Health = Health.OK
    """What the journal says of its copy of the registry already."""
    spool_reported: Health = Health.OK
    """What the journal says of its store of events already."""


class Presence:
    """Watches the gates of one hub."""

    def __init__(
        self,
        archive: Archive,
        silent_after_s: float,
        now_s: Callable[[], float] = time.monotonic,
        now_ns: Callable[[], int] = time.time_ns,
        registry_old_after_s: float = 3600.0,
    ) -> None:
        self.gates: dict[tuple[str, str], Gate] = {}
        self.silent_after_s = silent_after_s
        self._registry_old_after_s = registry_old_after_s
        self.changed = asyncio.Event()
        self._archive = archive
        self._now_s = now_s
        self._now_ns = now_ns

    async def start(self) -> None:
        """Remember the gates that the journal knows; each has the full time from now to be heard of."""
        for stream in self._archive.streams():
            if stream.gate != OWN_GATE:
                self.gates[stream.site, stream.gate] = Gate(self._now_s())
        for entry in await self._archive.read(lambda reader: reader.own_states()):
            event = entry.event()
            if isinstance(event, DeviceState) and event.kind is DeviceKind.GATE:
                self._gate(entry.stream.site, event.device).reported = event.health
            elif isinstance(event, DeviceState) and event.kind is DeviceKind.REGISTRY:
                self._gate(entry.stream.site, event.device).registry_reported = event.health
            elif isinstance(event, DeviceState) and event.kind is DeviceKind.SPOOL:
                self._gate(entry.stream.site, event.device).spool_reported = event.health

    def heard(self, site: str, gate: str) -> Gate:
        """Something of the gate arrived."""
        known = self._gate(site, gate)
        known.seen_s, known.seen_ns, known.heard = self._now_s(), self._now_ns(), True
        self.changed.set()
        return known

    def pulse(self, site: str, gate: str, vitals: Vitals) -> None:
        known = self.heard(site, gate)
        known.vitals, known.version, known.online = vitals, vitals.version or known.version, True

    def status(self, site: str, gate: str, status: Status) -> bool:
        """Take a birth or a will; whether it was news, and not the will of an older connection."""
        known = self._gate(site, gate)
        same_epoch = status.epoch == known.epoch
        if not status.online and known.epoch and (not same_epoch or status.session < known.session):
            return False  # the will of an older connection, or of an epoch that is over; a birth always counts
        known.epoch, known.session, known.online = status.epoch, status.session, status.online
        if status.online:
            known.version = status.version
            self.heard(site, gate)
        self.changed.set()
        return True

    def state(self, gate: Gate) -> str:
        """`online`, `offline` (it said so, or its will) or `silent`."""
        if self._now_s() - gate.seen_s > self.silent_after_s:
            return "offline" if gate.online is False else "silent"
        return "offline" if gate.online is False else "online"

    def heard_of(self) -> int:
        """How many gates spoke within the time after which one counts as silent."""
        return sum(gate.heard and self._now_s() - gate.seen_s <= self.silent_after_s for gate in self.gates.values())

    async def watch(self) -> None:
        """Write into the journal what changed, until cancelled."""
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            for (site, name), gate in list(self.gates.items()):
                try:
                    await self._check(site, name, gate)
                    await self._check_registry(site, name, gate)
                    await self._check_spool(site, name, gate)
                except JournalError as error:
                    log.error("silence could not be recorded", gate=name, error=str(error))

    async def _check(self, site: str, name: str, gate: Gate) -> None:
        """A gate counts as lost after the full time of silence, whatever its will said: short breaks page nobody."""
        quiet_s = self._now_s() - gate.seen_s
        health = Health.FAILED if quiet_s > self.silent_after_s else Health.OK
        if health is gate.reported or (health is Health.OK and not gate.heard):
            return  # nothing new; a hub that restarts has no word yet of a gate that was silent
        detail = f"no word for {quiet_s:.0f} s" if health is Health.FAILED else "heard of again"
        event = DeviceState(time_ns=self._now_ns(), device=name, kind=DeviceKind.GATE, health=health, detail=detail)
        await self._archive.append_own(site, [event])
        gate.reported = health
        log.warning("gate silent" if health is Health.FAILED else "gate back", site=site, gate=name)
        self.changed.set()

    async def _check_registry(self, site: str, name: str, gate: Gate) -> None:
        """A gate that is heard of and whose copy of the registry no hub has confirmed for too long says so in its
        pulse."""
        held = gate.vitals.registry if gate.vitals is not None else None
        if held is None or held.age_s is None or self.state(gate) != "online":
            return  # nothing is known, or the gate itself is the trouble
        health = Health.FAILED if held.age_s > self._registry_old_after_s else Health.OK
        if health is gate.registry_reported:
            return
        detail = f"version {held.version}, confirmed {held.age_s:.0f} s ago"
        event = DeviceState(time_ns=self._now_ns(), device=name, kind=DeviceKind.REGISTRY, health=health, detail=detail)
        await self._archive.append_own(site, [event])
        gate.registry_reported = health

    async def _check_spool(self, site: str, name: str, gate: Gate) -> None:
        """A gate whose card takes no events cannot send one that says so; its pulse does."""
        if gate.vitals is None or self.state(gate) != "online":
            return
        health = Health.FAILED if gate.vitals.devices.get("spool") == Health.FAILED else Health.OK
        if health is gate.spool_reported:
            return
        detail = "its card takes no events" if health is Health.FAILED else "its card takes events again"
        event = DeviceState(time_ns=self._now_ns(), device=name, kind=DeviceKind.SPOOL, health=health, detail=detail)
        await self._archive.append_own(site, [event])
        gate.spool_reported = health
        log.warning("gate's spool", site=site, gate=name, health=health.value)

    def _gate(self, site: str, gate: str) -> Gate:
        return self.gates.setdefault((site, gate), Gate(self._now_s()))
