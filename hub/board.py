"""The live board: what is going on now, kept in memory for the console, the terminal view and the API.

It is no source of truth: it is filled from the journal's tail at start, then by each commit and each vitals message.
"""

from __future__ import annotations

from msgspec import Struct

from wire.events import Count, Direction, Outcome, Reason, Refusal, Temperature, Verdict
from wire.machine import Machine
from wire.messages import ConfigurationHeld, RegistryHeld
from wire.releases import ReleaseHeld
from wire.token_keys import TokenKeyHeld


class PassageRow(Struct, frozen=True, omit_defaults=True):
    """One passage as people read it; `offset` is its place in the journal (newest highest)."""

    offset: int
    time_ns: int
    site: str
    gate: str
    lane: str
    kind: str
    """`person` or `vehicle`."""
    outcome: Outcome
    verdict: Verdict | None = None
    direction: Direction = Direction.IN
    temperature: Temperature | None = None
    refusal: Refusal | None = None
    who: str | None = None
    """The token's first characters; the board knows no names."""
    reasons: tuple[Reason, ...] = ()
    late_s: float = 0.0
    """Seconds from the event to the journal: large for what was caught up after an outage."""


class AlertRow(Struct, frozen=True, omit_defaults=True):
    """One alert. `key` is its deduplication key, `state` one of `hub.alerts.lifecycle.State`."""

    id: int
    key: str
    rule: str
    severity: str
    """`critical`, `warning` or `info`."""
    state: str
    since_ns: int
    last_ns: int
    count: int
    site: str
    gate: str
    lane: str = ""
    detail: str = ""
    told: str = "pending"
    """`pending`, `delivered`, `retrying`, `late` (too old to page) or `no-channel`."""
    kind: str = ""
    """Of a device fault: the device's kind, of `wire.events.DeviceKind`."""
    held_by: str = ""
    """Who acknowledged it."""
    step: int = 0
    """How many steps of its chain were taken."""
    next_ns: int | None = None
    """When its next step is due."""
    next_why: str = ""
    """What it waits for, of `hub.alerts.plan.Next`."""
    ended_by: str = ""


class DeviceRow(Struct, frozen=True, omit_defaults=True):
    name: str
    kind: str
    health: str
    detail: str = ""


class GateVitals(Struct, frozen=True, omit_defaults=True):
    """How a gate's machine was as of its last pulse; None is what it does not tell."""

    time_ns: int
    """When it said so, by the hub's clock."""
    uptime_s: float = 0.0
    memory_mb: float | None = None
    """What the agent takes."""
    disk_free_mb: float | None = None
    machine: Machine = Machine()
    drift_c: dict[str, float] = {}
    """By lane: the reference as its camera sees it, minus its set temperature, in kelvin."""
    clock_ahead_s: float | None = None
    """Of the hub's clock, without the link's delay."""
    safe: bool = False


class GateRow(Struct, frozen=True, omit_defaults=True):
    """One gate's pulse. `state` is `online`, `silent` (no word for too long), `offline` (it said so, or its will)."""

    site: str
    gate: str
    state: str
    seen_ns: int
    version: str = ""
    spool_urgent: Count = 0
    spool_routine: Count = 0
    spool_oldest_ns: int | None = None
    registry: RegistryHeld | None = None
    """The gate's copy of the registry as of its last pulse; None where it said nothing of one."""
    configuration: ConfigurationHeld | None = None
    """What it runs as of its last pulse."""
    wanted: int | None = None
    """The version of its settings that the hub wants it to run; None where it was never told any."""
    release: ReleaseHeld | None = None
    """Which release of the program it runs, and how far it is with an update, as of its last pulse."""
    token_key: TokenKeyHeld | None = None
    """By which of the site's token keys it works, as of its last pulse."""
    frames_per_s: dict[str, float] = {}
    vitals: GateVitals | None = None
    devices: tuple[DeviceRow, ...] = ()
    people_today: Count = 0
    vehicles_today: Count = 0
    fevers_today: Count = 0
    refused_today: Count = 0


class ProjectionRow(Struct, frozen=True, omit_defaults=True):
    """A reader of the journal: how far behind it is, and what stops it."""

    name: str
    behind: Count
    state: str
    """`live`, `catching-up` or `waiting`."""
    error: str = ""


class Snapshot(Struct, frozen=True):
    """All that the first console page and the terminal view show."""

    time_ns: int
    site: str
    gates: tuple[GateRow, ...]
    passages: tuple[PassageRow, ...]
    """Newest first, a few dozen."""
    alerts: tuple[AlertRow, ...]
    """Open ones, worst and newest first."""
    projections: tuple[ProjectionRow, ...]
    journal_events: Count
    dead_letters: Count
    events_per_s: float
    """Over the last minute."""
