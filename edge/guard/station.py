"""What a guard does at the gate, and what the gate says of itself: no web page, no words.

Measured, WalkIn, Disinfected, Overridden ─► Station ─► Done (or Refused, with what was found and expected)
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import structlog
from msgspec import Struct

from edge.clock import Instant
from edge.guard.forms import Disinfected, Measured, Overridden, WalkIn
from edge.guard.ledger import Ledger, Row
from edge.guard.said import Done, Refused, Said
from edge.guard.times import Times
from edge.lane import House, Lane
from edge.porter import Act
from edge.porter.types import KEPT_S
from edge.registry import Registry
from wire.errors import DecodeError, MenshenError, SealError
from wire.events import (
    AnyEvent,
    DeviceKind,
    Guest,
    Health,
    LaneMode,
    Outcome,
    Registration,
    SecondaryMeasurement,
    VehiclePassage,
)
from wire.messages import RegistryHeld, SpoolDepth
from wire.notices import Notice
from wire.registry import Holder, RegistryEntry, entries_of, gives_way
from wire.sealing import seal
from wire.tokens import TokenKind

log = structlog.get_logger(__name__)

SHOWN_S = 30.0
"""A decision is on the lamp so long; then the lane waits for the next one."""
RECORD_WITHIN_S = 2.0
"""A card that stalls must not keep a guard waiting: the record stays in memory until the card takes it."""
HUB_SILENT_S = 30.0
"""Several beats of the registry: the hub is not heard although the broker may be."""


class Follows(Protocol):
    """The gate's copy of the registry (`edge.follower`)."""

    registry: Registry
    sealing_key: str

    async def admit(self, entry: RegistryEntry) -> None: ...

    def held(self) -> RegistryHeld: ...


class Sends(Protocol):
    """The way to the hub (`edge.uplink`)."""

    connected: bool


class Keeps(Protocol):
    """The outbox."""

    fault: str

    async def depth(self) -> SpoolDepth: ...


class Shows(Protocol):
    """The words to the people at the gate (`edge.notices`)."""

    def current(self) -> list[Notice]: ...

    def picture(self, digest: str) -> bytes | None: ...


class DeviceNow(NamedTuple):
    name: str
    kind: DeviceKind
    health: Health | None


class LaneNow(Struct, frozen=True):
    """One lane as the page shows it. `decided` is what its lamp shows; None while it waits for somebody."""

    name: str
    is_for_vehicles: bool
    mode: LaneMode | None
    decided: Outcome | None
    rows: tuple[Row, ...]
    devices: tuple[DeviceNow, ...]


class GateNow(Struct, frozen=True):
    """The gate's own state. `hub_is_heard` is by the registry's beat: a broker alone is not the hub."""

    at: Instant
    lanes: tuple[LaneNow, ...]
    connected: bool
    hub_is_heard: bool
    waiting: SpoolDepth | None
    """None where the spool does not tell."""
    spool_fault: str
    registry: RegistryHeld
    notices: tuple[Notice, ...]
    seals: bool
    """Whether there is a key to seal a visitor's details to."""


class Station:
    """The guard's page of one gate, below the page."""

    def __init__(
        self,
        lanes: Sequence[Lane],
        house: House,
        follower: Follows,
        uplink: Sends,
        outbox: Keeps,
        ledger: Ledger,
        notices: Shows | None = None,
    ) -> None:
        self.notices = notices
        self.lanes = {lane.name: lane for lane in lanes}
        self.ledger = ledger
        self.times = Times(house.policy.utc_offset_h)
        self._house = house
        self._follower = follower
        self._uplink = uplink
        self._outbox = outbox
        self._records: set[asyncio.Task[None]] = set()

    # -- what is seen -----------------------------------------------------------------------------------------------

    async def now(self) -> GateNow:
        at, held = self._house.timekeeper.now(), self._follower.held()
        return GateNow(
            at=at,
            lanes=tuple(self._lane_now(lane, at) for lane in self.lanes.values()),
            connected=self._uplink.connected,
            hub_is_heard=self._uplink.connected and held.age_s is not None and held.age_s < HUB_SILENT_S,
            waiting=await self._depth(),
            spool_fault=self._outbox.fault,
            registry=held,
            notices=tuple(self.notices.current()) if self.notices is not None else (),
            seals=bool(self._follower.sealing_key),
        )

    def holder(self, token: str | None) -> Holder | None:
        """What a token is registered as."""
        entry = self._follower.registry.find(token)
        return None if entry is None else entry.holder

    def vehicle_lanes(self) -> list[str]:
        return [lane.name for lane in self.lanes.values() if lane.is_for_vehicles]

    def _lane_now(self, lane: Lane, at: Instant) -> LaneNow:
        rows = self.ledger.rows(lane.name)
        devices = [DeviceNow(device.name, device.kind, device.health) for device in lane.devices.values()]
        return LaneNow(lane.name, lane.is_for_vehicles, lane.mode, _decided(rows, at), tuple(rows), tuple(devices))

    async def _depth(self) -> SpoolDepth | None:
        try:
            async with asyncio.timeout(RECORD_WITHIN_S):
                return await self._outbox.depth()
        except (MenshenError, TimeoutError):
            return None

    # -- what is done -----------------------------------------------------------------------------------------------

    async def measured(self, asked: Measured, by: str) -> Done:
        """A contact thermometer's reading. Raises `Refused`."""
        lane = self._lane(asked.lane)
        badge = self._token(TokenKind.BADGE, asked.badge)
        self._check_known(lane, asked.passage)
        if asked.passage is None and badge is not None and self.holder(badge) is None:
            raise Refused(badge=Said("badge-unknown", (str(asked.badge),)))
        act = await lane.record_contact_measurement(asked.passage, badge, asked.body_c, by)
        said = Said("measured", (f"{asked.body_c:.1f}",))
        if act.decision is None:
            return Done((said, Said("nothing-to-decide")))
        reasons = act.event.reasons if isinstance(act.event, SecondaryMeasurement) else ()
        return Done((said,), act.decision.outcome, reasons)

    async def registered(self, asked: WalkIn, by: str) -> Done:
        """A walk-in visitor or vehicle: recorded, then let in here at once. Raises `Refused`."""
        token = self._token(asked.kind, asked.details.number) or ""
        now = self._house.timekeeper.now()
        sealed = self._sealed(token, asked)
        registration = Registration(
            time_ns=now.time_ns,
            clock=now.clock,
            token=token,
            guest=asked.guest,
            until_ns=now.time_ns + int(asked.hours * 3600e9),
            by=by,
            sealed=sealed,
            host=self._token(TokenKind.HOST, asked.details.host or None),
            reason_stated=bool(asked.details.reason),
            tag=self._token(TokenKind.TAG, asked.tag),
        )
        entries = entries_of(registration)
        for entry, field, number in zip(
            entries, ("number", "tag"), (asked.details.number, asked.tag or ""), strict=False
        ):
            self._check_free(entry, field, number)
        kept = await self._record(registration)
        for entry in entries:
            await self._follower.admit(entry)
        until = self.times.clock(registration.until_ns, now.time_ns)
        said = [Said(f"registered-{asked.guest}", (asked.details.number, until))]
        if asked.guest is Guest.VEHICLE and self._house.policy.disinfection_required:
            said.append(Said("disinfect-next"))
        return Done((*said, *([] if sealed else [Said("on-paper")]), *([] if kept else [Said("not-kept")])))

    async def disinfected(self, asked: Disinfected, by: str) -> Done:
        """A vehicle was disinfected. Raises `Refused`."""
        lane = self._lane(asked.lane)
        if not lane.is_for_vehicles:
            raise Refused(of=Said("no-vehicle-lane", (asked.lane,)))
        acts = await lane.register_disinfection(self._vehicle(lane, asked), by, asked.agent)
        decided = [act for act in acts if act.decision is not None]
        until_ns = acts[0].event.time_ns + int(self._house.policy.disinfection_valid_h * 3600e9)
        said = (Said("disinfected", (self.times.clock(until_ns, acts[0].event.time_ns),)),)
        return _of_act(said, decided[-1]) if decided else Done(said)

    async def overridden(self, asked: Overridden, by: str) -> Done:
        """A guard's own decision. Raises `Refused`."""
        lane = self._lane(asked.lane)
        self._check_known(lane, asked.passage)
        try:
            act = await lane.override(asked.outcome, by, asked.why, asked.passage)
        except DecodeError as error:
            raise Refused(why=Said("not-taken", (str(error),))) from error
        return _of_act((Said("overridden", (by,)),), act)

    def _lane(self, name: str) -> Lane:
        if name not in self.lanes:
            raise Refused(of=Said("no-lane", (name[:40],)))
        return self.lanes[name]

    def _check_known(self, lane: Lane, passage: str | None) -> None:
        """Raises `Refused` for a passage that the lane does not know any more."""
        found = self.ledger.find(lane.name, passage) if passage else None
        if passage is not None and (found is None or not is_open(found.time_ns, self._house.timekeeper.now())):
            raise Refused(of=Said("passage-gone"))

    def _vehicle(self, lane: Lane, asked: Disinfected) -> str:
        """Its token. Raises `Refused`."""
        if asked.plate:
            return self._token(TokenKind.PLATE, asked.plate) or ""
        found = self.ledger.find(lane.name, asked.passage or "")
        if not isinstance(found, VehiclePassage) or found.vehicle is None:
            raise Refused(plate=Said("vehicle-not-read"))
        return found.vehicle

    def _token(self, kind: TokenKind, number: str | None) -> str | None:
        return None if number is None else self._house.token_of(self._house.key, kind, number)

    def _check_free(self, new: RegistryEntry, field: str, number: str) -> None:
        """Raises `Refused` where the token is somebody's already."""
        old = self._follower.registry.find(new.token)
        if old is None or gives_way(old, new):
            return
        if old.holder in {Holder.VISITOR, Holder.VEHICLE} and old.until_ns is not None and not old.flags:
            raise Refused(**{field: Said("in-use", (number, self.times.clock(old.until_ns, new.from_ns or 0)))})
        raise Refused(**{field: Said(f"taken-{old.holder}", (number,))})

    def _sealed(self, token: str, asked: WalkIn) -> str:
        """Empty without a key, or with one that is none: the guard is told to write it on paper."""
        if not self._follower.sealing_key:
            return ""
        try:
            return seal(self._follower.sealing_key, token, asked.details)
        except SealError as error:
            log.error("a registration's details cannot be sealed", error=str(error))
            return ""

    async def _record(self, event: AnyEvent) -> bool:
        """Whether it is kept on disk; while the disk refuses it stays in memory and is kept later."""
        record = asyncio.create_task(self._put(event))
        self._records.add(record)
        record.add_done_callback(self._records.discard)
        done, _ = await asyncio.wait([record], timeout=RECORD_WITHIN_S)
        return bool(done)

    async def _put(self, event: AnyEvent) -> None:
        try:
            await self._house.outbox.put(event)
        except MenshenError as error:
            log.error("event not kept", error=str(error))


def is_open(time_ns: int, at: Instant) -> bool:
    """Whether a passage of that time can still be completed by hand."""
    return at.time_ns - time_ns < KEPT_S * 1e9


def _decided(rows: Sequence[Row], at: Instant) -> Outcome | None:
    """The newest decision of a lane, for as long as it is news."""
    decided = [row.last for row in rows if row.outcome is not None]
    newest = max(decided, key=lambda event: event.time_ns, default=None)
    if newest is None or abs(at.time_ns - newest.time_ns) > SHOWN_S * 1e9:
        return None
    return newest.outcome


def _of_act(said: tuple[Said, ...], act: Act) -> Done:
    decision = act.decision
    return Done(said, decision.outcome, decision.reasons) if decision is not None else Done(said)
