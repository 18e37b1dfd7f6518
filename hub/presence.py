"""Which gates are there: births, wills, pulses, and the silence in between.

A will is believed only if it is of the newest session of its epoch; a broker that restarts and hands out an old will
after a new birth says nothing. Silence counts from the last word of any kind. What is observed is written into the
journal as the hub's own events, so that alerts come from the one source of truth.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import structlog
from msgspec import Struct, field

from hub.archive import Archive
from hub.clock_gap import ClockGap, is_wrong
from hub.doubles import Births
from hub.journal import OWN_GATE
from wire.errors import JournalError
from wire.events import DeviceKind, DeviceState, Health, Urgency
from wire.messages import Status, Vitals

log = structlog.get_logger(__name__)

CHECK_EVERY_S = 0.5
CHECK_SHARE = 0.01
"""Of thousands of gates a look takes a while: no more than this part of the time goes into looking."""


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
    clock_reported: Health = Health.OK
    """What the journal says of its clock against the hub's already."""
    clock: ClockGap = field(default_factory=ClockGap)
    identity_reported: Health = Health.OK
    """What the journal says already of whether another works under its name."""
    births: Births = field(default_factory=Births)


class _Said(NamedTuple):
    """What is to be said of a gate."""

    kind: DeviceKind
    health: Health
    detail: str


class _News(NamedTuple):
    """An event about a gate."""

    site: str
    gate: Gate
    event: DeviceState


_HEADLINES = {
    DeviceKind.GATE: "gate's silence",
    DeviceKind.REGISTRY: "gate's registry",
    DeviceKind.SPOOL: "gate's spool",
    DeviceKind.CLOCK: "gate's clock",
    DeviceKind.IDENTITY: "gate's name",
}


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
                known = self._gate(stream.site, stream.gate)
                if stream.urgency is Urgency.URGENT:
                    known.births.remember(stream.epoch)
        for entry in await self._archive.read(lambda reader: reader.own_states()):
            event = entry.event()
            if isinstance(event, DeviceState):
                self._remember(self._gate(entry.stream.site, event.device), event)

    def heard(self, site: str, gate: str) -> Gate:
        """Something of the gate arrived."""
        known = self._gate(site, gate)
        known.seen_s, known.seen_ns, known.heard = self._now_s(), self._now_ns(), True
        self.changed.set()
        return known

    def pulse(self, site: str, gate: str, vitals: Vitals) -> None:
        """A pulse that comes after the will of its own connection is late: it may have waited behind events."""
        known = self.heard(site, gate)
        known.vitals, known.version = vitals, vitals.version or known.version
        known.clock.see(vitals.time_ns, known.seen_ns)
        if known.online is not False or vitals.epoch != known.epoch or vitals.session > known.session:
            known.online = True

    def status(self, site: str, gate: str, status: Status) -> bool:
        """Take a birth or a will; whether it was news, and not the will of an older connection."""
        known = self._gate(site, gate)
        same_epoch = status.epoch == known.epoch
        if not status.online and known.epoch and (not same_epoch or status.session < known.session):
            return False  # the will of an older connection, or of an epoch that is over; a birth always counts
        known.epoch, known.session, known.online = status.epoch, status.session, status.online
        if status.online:
            known.version = status.version
            known.births.see(status.epoch, status.session, self._now_s())
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
        now_s = self._now_s()
        return sum(gate.heard and now_s - gate.seen_s <= self.silent_after_s for gate in self.gates.values())

    async def watch(self) -> None:
        """Write into the journal what changed, until cancelled."""
        took_s = 0.0
        while True:
            await asyncio.sleep(max(CHECK_EVERY_S, min(took_s / CHECK_SHARE, 4 * CHECK_EVERY_S)))
            try:
                begun_s = time.monotonic()
                await self.look()
                took_s = time.monotonic() - begun_s
            except JournalError as error:
                log.error("silence could not be recorded", error=str(error))

    async def look(self) -> None:
        """Write into the journal what changed by now. Raises `JournalError`."""
        await self._record(self._news())

    def _news(self) -> list[_News]:
        """What the journal does not say yet of any gate; of nearly all of thousands there is nothing to tell."""
        now_s, now_ns = self._now_s(), self._now_ns()
        found = []
        for (site, name), gate in self.gates.items():
            for look in (self._silence, self._registry_age, self._spool, self._clock, self._identity):
                said = look(gate, now_s)
                if said is not None:
                    kind, health, detail = said
                    event = DeviceState(time_ns=now_ns, device=name, kind=kind, health=health, detail=detail)
                    found.append(_News(site, gate, event))
        return found

    async def _record(self, news: Sequence[_News]) -> None:
        """All of it in one commit a site; only then it counts as said. Raises `JournalError`."""
        for site in sorted({one.site for one in news}):
            mine = [one for one in news if one.site == site]
            await self._archive.append_own(site, [one.event for one in mine])
            for _, gate, event in mine:
                self._remember(gate, event)
                log.warning(_HEADLINES[event.kind], site=site, gate=event.device, health=event.health.value)
            self.changed.set()

    def _remember(self, gate: Gate, event: DeviceState) -> None:
        """What the journal says of a gate now."""
        match event.kind:
            case DeviceKind.GATE:
                gate.reported = event.health
            case DeviceKind.REGISTRY:
                gate.registry_reported = event.health
            case DeviceKind.SPOOL:
                gate.spool_reported = event.health
            case DeviceKind.CLOCK:
                gate.clock_reported = event.health
            case DeviceKind.IDENTITY:
                gate.identity_reported = event.health

    def _silence(self, gate: Gate, now_s: float) -> _Said | None:
        """A gate counts as lost after the full time of silence, whatever its will said: short breaks page nobody."""
        quiet_s = now_s - gate.seen_s
        health = Health.FAILED if quiet_s > self.silent_after_s else Health.OK
        if health is gate.reported or (health is Health.OK and not gate.heard):
            return None  # nothing new; a hub that restarts has no word yet of a gate that was silent
        # A duration needs no language: this stands in messages to people of either.
        return _Said(DeviceKind.GATE, health, "" if health is Health.OK else f"{quiet_s:.0f} s")

    def _registry_age(self, gate: Gate, now_s: float) -> _Said | None:
        """A gate that is heard of and whose copy of the registry no hub has confirmed for too long says so in its
        pulse."""
        held = gate.vitals.registry if gate.vitals is not None else None
        if held is None or held.age_s is None or not self._is_online(gate, now_s):
            return None  # nothing is known, or the gate itself is the trouble
        health = Health.FAILED if held.age_s > self._registry_old_after_s else Health.OK
        if health is gate.registry_reported:
            return None
        return _Said(DeviceKind.REGISTRY, health, f"version {held.version}, confirmed {held.age_s:.0f} s ago")

    def _spool(self, gate: Gate, now_s: float) -> _Said | None:
        """A gate whose card takes no events cannot send one that says so; its pulse does."""
        if gate.vitals is None or not self._is_online(gate, now_s):
            return None
        health = Health.FAILED if gate.vitals.devices.get("spool") == Health.FAILED else Health.OK
        if health is gate.spool_reported:
            return None
        return _Said(
            DeviceKind.SPOOL, health, f"its card takes {'no events' if health is Health.FAILED else 'events again'}"
        )

    def _clock(self, gate: Gate, now_s: float) -> _Said | None:
        """A gate that takes its clock for right, and is far from the hub's: its own events cannot tell."""
        ahead_s = gate.clock.ahead_s
        if ahead_s is None or not _believes_its_clock(gate) or not self._is_online(gate, now_s):
            return None
        health = Health.DEGRADED if is_wrong(ahead_s, was_wrong=gate.clock_reported is not Health.OK) else Health.OK
        if health is gate.clock_reported:
            return None
        way = "ahead of" if ahead_s > 0 else "behind"
        return _Said(DeviceKind.CLOCK, health, f"{abs(ahead_s):.1f} s {way} the hub's clock")

    def _identity(self, gate: Gate, now_s: float) -> _Said | None:
        """Each of two machines with one name takes the other for a bad link."""
        health = Health.FAILED if gate.births.are_of_two(now_s) else Health.OK
        if health is gate.identity_reported:
            return None
        two = "two machines work under this name, and throw each other off the broker"
        return _Said(DeviceKind.IDENTITY, health, "one machine again" if health is Health.OK else two)

    def _is_online(self, gate: Gate, now_s: float) -> bool:
        return gate.online is not False and now_s - gate.seen_s <= self.silent_after_s

    def _gate(self, site: str, gate: str) -> Gate:
        known = self.gates.get((site, gate))
        if known is None:
            known = self.gates[site, gate] = Gate(self._now_s())
        return known


def _believes_its_clock(gate: Gate) -> bool:
    """Whether the gate takes its clock for right: else it dates its events itself, and says so."""
    machine = gate.vitals.machine if gate.vitals is not None else None
    return machine is not None and machine.clock is not None and machine.clock.synced
