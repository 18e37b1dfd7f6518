"""What a gate can say: the typed events, and nothing about how they travel.

Every event is frozen and carries the gate's wall clock (`time_ns`, nanoseconds since 1970-01-01 UTC) and how far
that clock is to be trusted. No event carries a name, a badge number or a plate: people and vehicles are tokens
(see `wire.tokens`). Temperatures are degrees Celsius, uncertainties are standard uncertainties (k = 1).

Unknown fields are ignored and unknown enum values read as `other`, so that a newer gate can talk to an older hub;
the journal keeps the bytes as they came, so nothing is lost by it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

MAX_TIME_NS = 2**63 - 1
"""The last instant that SQLite and InfluxDB can hold, in nanoseconds since 1970 (the year 2262)."""

TimeNs = Annotated[int, Meta(ge=0, le=MAX_TIME_NS)]
Celsius = Annotated[float, Meta(ge=-273.15, le=1000.0)]
Kelvin = Annotated[float, Meta(ge=0.0, le=100.0)]
"""A difference of temperatures or an uncertainty, in kelvin."""
Name = Annotated[str, Meta(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$")]
"""A site, gate, lane, device or place: lower-case letters, digits and inner hyphens, 1 to 32 characters."""
Token = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
"""A keyed hash that stands for a badge, a tag or a plate (`wire.tokens`)."""
Who = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
"""A login (a `Name`) or a token."""
Id = Annotated[str, Meta(min_length=1, max_length=64)]
Text = Annotated[str, Meta(max_length=2000)]
Count = Annotated[int, Meta(ge=0, le=2**53)]


class _Open(StrEnum):
    """An enum that reads a value it does not know as its member `other`."""

    __hash__ = str.__hash__  # equal members are equal texts; an enum's own hash is a call of Python's for each look-up

    @classmethod
    def _missing_(cls, value: object) -> _Open:
        return cls("other")


class Clock(_Open):
    """How far the gate's wall clock is to be trusted."""

    SYNCED = "synced"
    FREE = "free"
    """Not synchronised since boot."""
    DATED = "dated"
    """Not synchronised when it was taken; dated right by the gate's monotonic clock once it was."""
    OTHER = "other"

    @property
    def is_right(self) -> bool:
        """Whether the time is known; not how exactly."""
        return self in (Clock.SYNCED, Clock.DATED)


class Direction(_Open):
    IN = "in"
    OUT = "out"
    OTHER = "other"


class Outcome(_Open):
    """What the barrier was told."""

    ALLOW = "allow"
    DENY = "deny"
    REMEASURE = "remeasure"
    OTHER = "other"


class Verdict(_Open):
    """What the thermal screening says of one person."""

    NORMAL = "normal"
    SUSPECT = "suspect"
    FEVER = "fever"
    UNMEASURED = "unmeasured"
    OTHER = "other"


class Refusal(_Open):
    """Why no temperature was given although somebody was there."""

    NO_FACE = "no-face"
    SEVERAL_FACES = "several-faces"
    NOT_FRONTAL = "not-frontal"
    TOO_SMALL = "too-small"
    TOO_COLD = "too-cold"
    WARMING_UP = "warming-up"
    NO_REFERENCE = "no-reference"
    SHUTTER = "shutter"
    BAD_FRAME = "bad-frame"
    NO_CAMERA = "no-camera"
    OTHER = "other"


class Reason(_Open):
    """Why an outcome is what it is; a decision carries all that apply."""

    TEMPERATURE_NORMAL = "temperature-normal"
    FEVER = "fever"
    SUSPECT = "suspect"
    UNMEASURED = "unmeasured"
    NO_BADGE = "no-badge"
    UNKNOWN_BADGE = "unknown-badge"
    NOT_VALID_NOW = "not-valid-now"
    IN_ISOLATION = "in-isolation"
    SEVERAL_PEOPLE = "several-people"
    PASSED_BACK = "passed-back"
    """The badge went in already and has not come out: it was handed back over the barrier."""
    WRONG_DIRECTION = "wrong-direction"
    VEHICLE_REGISTERED = "vehicle-registered"
    VEHICLE_UNREGISTERED = "vehicle-unregistered"
    VEHICLE_UNREAD = "vehicle-unread"
    NOT_DISINFECTED = "not-disinfected"
    TAILGATING = "tailgating"
    """Somebody went through at another's heels: a second face, beam break or turn for one badge."""
    UNSCREENED_ENTRY = "unscreened-entry"
    """Somebody went through without badge and temperature."""
    ENTERED_REFUSED = "entered-refused"
    """Somebody went through although the lane had not let them in."""
    TWO_GATES = "two-gates"
    """The badge was at another gate or lane so shortly before that nobody walks that fast."""
    IN_QUARANTINE = "in-quarantine"
    """Back from elsewhere, and the days of observation are not over."""
    NO_ISOLATION_PLACE = "no-isolation-place"
    """Back from a listed area, and the site has no place to isolate anybody."""
    NOT_RESUMED = "not-resumed"
    """The site has not resumed work, and there is no exemption."""
    NOT_AT_THIS_GATE = "not-at-this-gate"
    NOT_AT_THIS_HOUR = "not-at-this-hour"
    NO_STATED_REASON = "no-stated-reason"
    """A visitor, or a vehicle from outside, whose reason for coming is not registered."""
    NO_HOST = "no-host"
    """A visitor of nobody."""
    NOT_DECLARED = "not-declared"
    """No declaration of health for today."""
    DECLARED_ILL = "declared-ill"
    """Declared to be ill, or to have met somebody who is, and was not cleared yet."""
    NO_MASK = "no-mask"
    TAG_MISMATCH = "tag-mismatch"
    """The tag belongs to another vehicle than the one whose plate was read."""
    REGISTRY_OLD = "registry-old"
    """The gate's copy of the registry is older than the site lets it be."""
    DEVICE_GONE = "device-gone"
    """The device that would have stopped this one is gone, and the site lets people through this lane then."""
    FAIL_SAFE = "fail-safe"
    """The agent ends, and the site wants the lane left open then."""
    FIRE_ALARM = "fire-alarm"
    MEASURED_BY_HAND = "measured-by-hand"
    """The temperature is a guard's contact thermometer's."""
    OTHER = "other"


class LaneMode(_Open):
    """How a lane works at the moment."""

    SCREENING = "screening"
    MANUAL = "manual"
    """A device that it needs is gone: a guard measures and registers by hand."""
    OPEN = "open"
    """The fire alarm holds it open."""
    OTHER = "other"


class Basis(_Open):
    """What a verdict on a temperature rests on."""

    BELOW_LIMIT = "below-limit"
    OVER_LIMIT = "over-limit"
    NEAR_LIMIT = "near-limit"
    SITE_LIMIT = "site-limit"
    """The estimate of body temperature is above the site's own limit by more than its uncertainty."""
    COLD_COHORT = "cold-cohort"
    """Everybody here comes in from the cold: to be measured again after some minutes in the warm."""
    FEW_PEOPLE = "few-people"
    """The lane has no reference and has not seen enough people to compare with."""
    GLASSES = "glasses"
    """Glasses hide the eyes, and without them it might be near the limit: to be measured again without."""
    OTHER = "other"


class DeviceKind(_Open):
    THERMAL = "thermal"
    BADGE = "badge"
    VEHICLE = "vehicle"
    ACTUATOR = "actuator"
    CONTACT = "contact"
    SPOOL = "spool"
    CLOCK = "clock"
    GATE = "gate"
    REGISTRY = "registry"
    """A gate's copy of the registry, as the hub sees it."""
    POWER = "power"
    """The gate's own machine: its supply …"""
    HEAT = "heat"
    STORAGE = "storage"
    """… and the card that holds its spool."""
    IDENTITY = "identity"
    """Whose name it is: the hub's word that two machines have one."""
    OTHER = "other"


class Health(_Open):
    OK = "ok"
    DEGRADED = "degraded"
    FAILED = "failed"
    OTHER = "other"


class GapCause(_Open):
    """Why events are missing."""

    SPOOL_FULL = "spool-full"
    SPOOL_AGED = "spool-aged"
    SPOOL_CORRUPT = "spool-corrupt"
    WRITE_FAILED = "write-failed"
    HUB_FORGOT = "hub-forgot"
    """The hub had acknowledged them and asks for them again: it was restored from an older copy."""
    OTHER = "other"


class Guest(_Open):
    """What was registered at a gate."""

    VISITOR = "visitor"
    VEHICLE = "vehicle"
    OTHER = "other"


class Temperature(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One person's skin temperature, made of `looks` frames.

    `skin_c` is the face's hottest skin after correction against the reference, `u_c` its combined standard
    uncertainty in kelvin, `limit_c` the skin temperature from which this lane said fever at that moment. `body_c`
    estimates body temperature, for showing, with standard uncertainty `body_u_c`; `basis` is what the verdict rests on.
    """

    skin_c: Celsius
    u_c: Kelvin
    looks: Count
    limit_c: Celsius | None = None
    reference_c: Celsius | None = None
    body_c: Celsius | None = None
    body_u_c: Kelvin | None = None
    basis: Basis | None = None
    glasses: bool = False
    """Glasses hid the eyes; the uncertainty says so too."""


class Event(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", gc=False):
    """What all events have in common.

    Nothing in an event points back at it: the collector of garbage, which a hub would keep busy with millions of them,
    need not look.
    """

    time_ns: TimeNs
    clock: Clock = Clock.SYNCED


class PersonPassage(Event, frozen=True, kw_only=True, tag="person-passage"):
    """One person came to a lane and was decided upon."""

    passage: Id
    lane: Name
    outcome: Outcome
    verdict: Verdict
    direction: Direction = Direction.IN
    badge: Token | None = None
    temperature: Temperature | None = None
    refusal: Refusal | None = None
    reasons: tuple[Reason, ...] = ()
    again_after_s: Annotated[float, Meta(ge=0, le=86_400)] | None = None
    """To measure this person again sooner would not help; None where it may be done at once."""
    place: Name | None = None
    """The place inside the plant that the lane leads into, by the name that a disinfection of it has: an office, the
    canteen. None at the plant's own entrance."""


class VehiclePassage(Event, frozen=True, kw_only=True, tag="vehicle-passage"):
    """One vehicle came to a lane and was decided upon."""

    passage: Id
    lane: Name
    outcome: Outcome
    direction: Direction = Direction.IN
    vehicle: Token | None = None
    registered: bool = False
    confidence: Annotated[float, Meta(ge=0.0, le=1.0)] | None = None
    reasons: tuple[Reason, ...] = ()


class DeviceState(Event, frozen=True, kw_only=True, tag="device-state"):
    """A device, or the gate itself, changed its health.

    On a stream of the hub's own, kinds `gate` and `registry` say what the hub saw of the gate named in `device`.
    """

    device: Name
    kind: DeviceKind
    health: Health
    detail: Text = ""


class Gap(Event, frozen=True, kw_only=True, tag="gap"):
    """Events were lost before they could be sent; silence is never the answer.

    `lost` counts them where that is known. `since_ns` and `until_ns` bound the times of what was lost.
    """

    cause: GapCause
    lost: Count | None = None
    since_ns: TimeNs | None = None
    until_ns: TimeNs | None = None
    detail: Text = ""


class Disinfection(Event, frozen=True, kw_only=True, tag="disinfection"):
    """A place or a vehicle was disinfected (六个必消).

    `by` is a login or a token; `person-ID`, of the hub's own record, where it was told by telephone.
    """

    place: Name | None = None
    vehicle: Token | None = None
    by: Who | None = None
    agent: Text = ""


class SecondaryMeasurement(Event, frozen=True, kw_only=True, tag="secondary-measurement"):
    """A guard measured a person again with a contact thermometer; `body_c` is what it showed.

    `outcome` is what the barrier was told because of it, None where there was nothing left to decide.
    """

    body_c: Celsius
    lane: Name
    passage: Id | None = None
    badge: Token | None = None
    by: Who | None = None
    device: Text = ""
    outcome: Outcome | None = None
    reasons: tuple[Reason, ...] = ()


class Registration(Event, frozen=True, kw_only=True, tag="registration"):
    """A guard registered a visitor or a vehicle at the gate: `token` may pass from the event's time to `until_ns`.

    Who it is, from where, why and to whom travels sealed to the hub's key (`wire.sealing`): between the guard's page
    and the hub nobody can read it. `sealed` is empty where the gate had no key yet; `by` is the guard's login. `host`
    stands for whom they visit (a keyed hash of the name), None where nobody was named.
    """

    token: Token
    guest: Guest
    until_ns: TimeNs
    lane: Name | None = None
    by: Name | None = None
    sealed: Annotated[str, Meta(max_length=8192)] = ""
    host: Token | None = None
    reason_stated: bool = False
    """Whether the guard was told why they come."""
    tag: Token | None = None
    """Of a vehicle that has one; `token` is then its plate's."""


class Override(Event, frozen=True, kw_only=True, tag="override"):
    """A guard decided otherwise than the lane, by name and with a reason; `by` is the guard's login or token."""

    lane: Name
    outcome: Outcome
    by: Who
    why: Annotated[str, Meta(min_length=1, max_length=2000)]
    passage: Id | None = None
    """The passage that it is about, None where there is none."""


class LaneState(Event, frozen=True, kw_only=True, tag="lane-state"):
    """A lane works in another way from now on; `detail` says why."""

    lane: Name
    mode: LaneMode
    detail: Text = ""


class RoundDue(Event, frozen=True, kw_only=True, tag="round-due"):
    """A round of disinfection had to be done by now (六个必消), by the site's plan; only the hub says so.

    `kind` is the kind of place. A disinfection of the place, or of the vehicle by its plate (`vehicle`) or its tag,
    after `from_ns` and until now counts as done, one after now and until `until_ns` as done late.
    """

    kind: Name
    from_ns: TimeNs
    until_ns: TimeNs
    place: Name | None = None
    vehicle: Token | None = None
    vehicle_tag: Token | None = None


class HealthDeclared(Event, frozen=True, kw_only=True, tag="health-declared"):
    """Somebody declared their health, and how much that calls for a look; or that was seen to. Only the hub says so.

    Of nobody: `number` is that of the declaration in the hub's own record, where the person is.
    """

    number: Count
    concern: Name
    settled: bool = False


AnyEvent = (
    PersonPassage
    | VehiclePassage
    | DeviceState
    | Gap
    | Disinfection
    | SecondaryMeasurement
    | Registration
    | Override
    | LaneState
    | RoundDue
    | HealthDeclared
)
"""The events of this schema version."""


class Urgency(StrEnum):
    """The two streams of a gate. After an outage the urgent one is sent first."""

    __hash__ = str.__hash__  # see `_Open`

    URGENT = "urgent"
    ROUTINE = "routine"


_URGENT_REASONS = frozenset(
    {Reason.FEVER, Reason.SUSPECT, Reason.IN_ISOLATION, Reason.VEHICLE_UNREGISTERED, Reason.NOT_DISINFECTED,
     Reason.SEVERAL_PEOPLE, Reason.NO_BADGE, Reason.PASSED_BACK, Reason.TAILGATING, Reason.UNSCREENED_ENTRY,
     Reason.ENTERED_REFUSED, Reason.TWO_GATES, Reason.IN_QUARANTINE, Reason.TAG_MISMATCH}
)  # fmt: skip


def urgency_of(event: AnyEvent) -> Urgency:
    """The stream that an event belongs to.

    Urgent is what may have to wake somebody: a fever, a breach of isolation, an unregistered vehicle, an
    unscreened entry, a device fault, a lane that works otherwise, a guard's own decision, a gap.
    """
    match event:
        case PersonPassage(reasons=reasons) | VehiclePassage(reasons=reasons):
            return Urgency.URGENT if _URGENT_REASONS.intersection(reasons) else Urgency.ROUTINE
        case DeviceState() | Gap() | SecondaryMeasurement() | Override() | LaneState():
            return Urgency.URGENT
        case Disinfection() | Registration() | RoundDue() | HealthDeclared():
            return Urgency.ROUTINE
