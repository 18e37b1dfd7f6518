"""What fills the live board: the journal's tail, the gates' pulses, the alerts and the projections."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime

import structlog
from msgspec import Struct

from hub.alerts.desk import AlertDesk
from hub.archive import Archive
from hub.board import DeviceRow, GateRow, GateVitals, PassageRow, Snapshot
from hub.ingest import Ingest
from hub.journal import Entry, JournalReader
from hub.presence import Gate, Presence
from hub.projections.runner import Runner
from wire.errors import JournalError
from wire.events import DeviceState, Outcome, PersonPassage, VehiclePassage, Verdict
from wire.machine import Machine
from wire.messages import RegistryHeld, Vitals

log = structlog.get_logger(__name__)

_SETTLES_S = 30.0
"""A gate that started so lately may not have heard a beat of the registry."""
MAX_PASSAGES = 60
PUSH_EVERY_S = 0.2
RATE_OVER_S = 60.0
_SHOWN_TOKEN = 6


class _Today(Struct):
    """One gate's figures since midnight, by the hub's local clock."""

    people: int = 0
    vehicles: int = 0
    fevers: int = 0
    refused: int = 0


class LiveBoard:
    """The board of one hub. It reads the journal like a projection (`hub.projections.runner`), but keeps nothing."""

    name = "board"
    batch_entries = 2000

    def __init__(
        self,
        archive: Archive,
        presence: Presence,
        desk: AlertDesk,
        site: str,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.runners: list[Runner] = []
        self.ingest: Ingest | None = None
        self.stopped = False
        self.wanted: Callable[[str, str], int | None] = lambda _site, _gate: None
        """The version of its settings that a gate is to run."""
        self._archive = archive
        self._presence = presence
        self._desk = desk
        self._site = site
        self._now_ns = now_ns
        self._passages: deque[PassageRow] = deque(maxlen=MAX_PASSAGES)
        self._devices: dict[tuple[str, str], dict[str, DeviceRow]] = {}
        self._today: dict[tuple[str, str], _Today] = {}
        self._midnight_ns = 0
        self._offset = 0
        self._count = 0
        self._dead = 0
        self._rate: deque[tuple[int, int]] = deque()
        self._version = 0
        self._faults: dict[str, str] = {}
        self._bell = asyncio.Event()

    # -- as a projection --------------------------------------------------------------------------------------------

    async def start(self) -> int:
        """Begin with today's events, but at least with the last passages."""
        self._midnight_ns = _midnight_ns(self._now_ns())
        begin, self._count = await self._archive.read(self._where_to_begin)
        return begin

    async def apply(self, entries: Sequence[Entry]) -> None:
        now_ns = self._now_ns()
        self._turn_day(now_ns)
        for entry in entries:
            self._apply_one(entry)
        self._show(entries)
        self._count += len(entries)
        fresh = sum(now_ns - entry.received_ns < RATE_OVER_S * 1e9 for entry in entries)
        self._rate.append((now_ns, fresh))
        self._touch()

    async def stop(self) -> None:
        self.stopped = True
        self._touch()

    def _where_to_begin(self, reader: JournalReader) -> tuple[int, int]:
        """The offset to read on from, and how many entries there are up to it."""
        first, last = reader.first_since(self._midnight_ns), reader.last_offset()
        begin = max(0, min(first - 1, last - MAX_PASSAGES))
        return begin, reader.count_through(begin)

    def _apply_one(self, entry: Entry) -> None:
        self._offset = entry.offset
        key = entry.stream.site, entry.stream.gate
        match entry.event():
            case PersonPassage() as event:
                self._count_person(key, event, entry)
            case VehiclePassage() as event:
                if (today := self._of_today(key, entry)) is not None:
                    today.vehicles += 1
                    today.refused += event.outcome is Outcome.DENY
            case DeviceState() as event if event.kind != "gate":
                row = DeviceRow(event.device, event.kind, event.health, event.detail)
                self._devices.setdefault(key, {})[event.device] = row

    def _show(self, entries: Sequence[Entry]) -> None:
        """The last passages; of a backlog nobody sees the others."""
        rows: list[PassageRow] = []
        for entry in reversed(entries):
            match entry.event():
                case PersonPassage() as event:
                    rows.append(_person_row(entry, event))
                case VehiclePassage() as event:
                    rows.append(_vehicle_row(entry, event))
            if len(rows) == MAX_PASSAGES:
                break
        self._passages.extendleft(reversed(rows))

    def _count_person(self, key: tuple[str, str], event: PersonPassage, entry: Entry) -> None:
        if (today := self._of_today(key, entry)) is not None:
            today.people += 1
            today.fevers += event.verdict is Verdict.FEVER
            today.refused += event.outcome is Outcome.DENY

    def _turn_day(self, now_ns: int) -> None:
        """The figures of the day begin anew at midnight."""
        midnight_ns = _midnight_ns(now_ns)
        if midnight_ns != self._midnight_ns:
            self._midnight_ns = midnight_ns
            self._today.clear()

    def _of_today(self, key: tuple[str, str], entry: Entry) -> _Today | None:
        """The gate's figures of the day, for an event of today."""
        if entry.time_ns < self._midnight_ns:
            return None
        found = self._today.get(key)
        if found is None:
            found = self._today[key] = _Today()
        return found

    # -- as the console's source ------------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        now_ns = self._now_ns()
        gates = [self._gate_row(*key, gate) for key, gate in sorted(self._presence.gates.items())]
        return Snapshot(
            time_ns=now_ns,
            site=self._site,
            gates=tuple(gates),
            passages=tuple(self._passages),
            alerts=tuple(self._desk.open),
            projections=tuple(runner.row(self._offset) for runner in self.runners),
            journal_events=self._count,
            dead_letters=self._dead,
            events_per_s=self._events_per_s(now_ns),
        )

    async def changes(self) -> AsyncIterator[Snapshot]:
        seen = -1
        while not self.stopped:
            bell = self._bell
            if seen == self._version:
                await bell.wait()
            seen = self._version
            yield self.snapshot()
            await asyncio.sleep(PUSH_EVERY_S)

    def tell_fault(self, part: str, fault: str) -> None:
        """What is wrong with a part of the hub; an empty text when nothing is."""
        if fault:
            self._faults[part] = fault
        else:
            self._faults.pop(part, None)
        self._touch()

    def ready(self) -> dict[str, str]:
        problems = dict(self._faults)
        problems |= {runner.projection.name: runner.error for runner in self.runners if runner.error}
        if self.ingest is None or not self.ingest.connected:
            problems["broker"] = "not connected: no gate can be heard"
        return problems

    async def watch(self) -> None:
        """Push when alerts or gates change, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for changed in (self._presence.changed, self._desk.changed):
                tasks.create_task(self._touch_on(changed))
            tasks.create_task(self._count_dead())

    async def _count_dead(self) -> None:
        """A message that cannot be read is no entry that `apply` could see, and shall show all the same."""
        while True:
            bell = self._archive.bell()
            try:
                dead = await self._archive.read(JournalReader.dead_count)
            except JournalError as error:
                log.error("dead letters cannot be counted", error=str(error))
            else:
                if dead != self._dead:
                    self._dead = dead
                    self._touch()
            await bell.wait()

    async def _touch_on(self, changed: asyncio.Event) -> None:
        while True:
            await changed.wait()
            changed.clear()
            self._touch()

    def _touch(self) -> None:
        self._version += 1
        self._bell.set()
        self._bell = asyncio.Event()

    def _events_per_s(self, now_ns: int) -> float:
        while self._rate and now_ns - self._rate[0][0] > RATE_OVER_S * 1e9:
            self._rate.popleft()
        return sum(count for _, count in self._rate) / RATE_OVER_S

    def _gate_row(self, site: str, name: str, gate: Gate) -> GateRow:
        today = self._today.get((site, name), _Today())
        vitals = gate.vitals
        return GateRow(
            site=site,
            gate=name,
            state=self._presence.state(gate),
            seen_ns=gate.seen_ns,
            version=gate.version,
            spool_urgent=vitals.spool.urgent if vitals else 0,
            spool_routine=vitals.spool.routine if vitals else 0,
            spool_oldest_ns=vitals.spool.oldest_ns if vitals else None,
            registry=_registry_of(vitals),
            configuration=vitals.configuration if vitals else None,
            wanted=self.wanted(site, name),
            release=vitals.release if vitals else None,
            token_key=vitals.token_key if vitals else None,
            frames_per_s=vitals.frames_per_s if vitals else {},
            vitals=_vitals_of(gate),
            devices=tuple(self._devices_of(site, name)),
            people_today=today.people,
            vehicles_today=today.vehicles,
            fevers_today=today.fevers,
            refused_today=today.refused,
        )

    def _devices_of(self, site: str, name: str) -> list[DeviceRow]:
        rows = self._devices.get((site, name), {})
        return [rows[device] for device in sorted(rows)]


def _person_row(entry: Entry, event: PersonPassage) -> PassageRow:
    return PassageRow(
        offset=entry.offset,
        time_ns=event.time_ns,
        site=entry.stream.site,
        gate=entry.stream.gate,
        lane=event.lane,
        kind="person",
        outcome=event.outcome,
        verdict=event.verdict,
        direction=event.direction,
        temperature=event.temperature,
        refusal=event.refusal,
        who=event.badge[:_SHOWN_TOKEN] if event.badge else None,
        reasons=event.reasons,
        late_s=max(0.0, (entry.received_ns - entry.time_ns) / 1e9),
    )


def _vehicle_row(entry: Entry, event: VehiclePassage) -> PassageRow:
    return PassageRow(
        offset=entry.offset,
        time_ns=event.time_ns,
        site=entry.stream.site,
        gate=entry.stream.gate,
        lane=event.lane,
        kind="vehicle",
        outcome=event.outcome,
        direction=event.direction,
        who=event.vehicle[:_SHOWN_TOKEN] if event.vehicle else None,
        reasons=event.reasons,
        late_s=max(0.0, (entry.received_ns - entry.time_ns) / 1e9),
    )


def _midnight_ns(now_ns: int) -> int:
    """The last midnight of the hub's local zone."""
    now = datetime.fromtimestamp(now_ns / 1e9).astimezone()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return int(midnight.timestamp()) * 10**9


def _registry_of(vitals: Vitals | None) -> RegistryHeld | None:
    """A gate's copy of the registry; nothing is said of one that no hub can have confirmed yet."""
    held = vitals.registry if vitals is not None else None
    if vitals is None or held is None:
        return None
    is_starting = 0 < vitals.uptime_s < _SETTLES_S
    return None if held.age_s is None and is_starting else held


def _vitals_of(gate: Gate) -> GateVitals | None:
    """What the newest pulse says of the gate's machine."""
    vitals = gate.vitals
    if vitals is None:
        return None
    return GateVitals(
        time_ns=gate.seen_ns,
        uptime_s=vitals.uptime_s,
        memory_mb=vitals.memory_mb,
        disk_free_mb=vitals.disk_free_mb,
        machine=vitals.machine or Machine(cpu_c=vitals.cpu_c),
        drift_c=vitals.reference_drift_c,
        clock_ahead_s=gate.clock.ahead_s,
        safe=vitals.safe,
    )
