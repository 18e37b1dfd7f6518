"""The truth about a simulated plant, as records: who truly passed where and when, and what ought to have come of it."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from sim.faults import Breakdown
from sim.orders import PersonFacts, VehicleFacts, Warn
from sim.roster import Errand
from wire.events import (
    AnyEvent,
    DeviceKind,
    DeviceState,
    Direction,
    Disinfection,
    Health,
    Outcome,
    PersonPassage,
    Reason,
    Refusal,
    SecondaryMeasurement,
    Temperature,
    VehiclePassage,
    Verdict,
)

LIMIT_C = 36.4
"""Of the face's true maximum; the edge's own limit (`edge/thermal/settings.py`) is of face and canthi together."""


class Misconduct(StrEnum):
    """What somebody did that they should not have."""

    FORGOTTEN_BADGE = "forgotten-badge"
    LENT_BADGE = "lent-badge"
    """Shows the badge of somebody who is not there: no gate without a face register can know."""
    PASSED_BACK = "passed-back"
    TAILGATING = "tailgating"
    WRONG_WAY = "wrong-way"
    PAST_CAMERA = "past-camera"
    SKIPPED_SECOND = "skipped-second"
    """Leaves the plant, or comes into the office, by a way that has no reader."""
    OUT_OF_SLOT = "out-of-slot"
    """Eats at another team's time."""
    BREACH = "isolation-breach"


class IsolationCause(StrEnum):
    FEVER = "fever"
    RETURNEE = "returnee"


class Record(Struct, frozen=True, kw_only=True, tag_field="kind"):
    """What all records have in common. `gate` is where it is told; "" for what no gate tells."""

    time_ns: int
    site: str
    gate: str = ""
    warn: tuple[Warn, ...] = ()
    """What ought to be told to somebody because of it."""


class PersonTruth(Record, frozen=True, kw_only=True, tag="person"):
    """One person at a lane. `outcome` and `reasons` are what the order asks; nobody saw it where `seen` is False.

    `person` is the token of the one who stands there, `badge` of the badge that is shown; `follower` came in at the
    heels. `skin_c` is the face's true maximum as it is, `minutes_inside` since coming in from `air_c`.
    `place` is what the lane leads into, None for the plant itself. At a canteen `slot` is the team's time and
    `in_slot` whether it is kept, by whoever's fault.
    """

    lane: str
    place: str | None = None
    slot: str = ""
    in_slot: bool = True
    passage: str
    direction: Direction
    person: str
    badge: str | None
    misconduct: tuple[Misconduct, ...] = ()
    follower: str | None = None
    host: str | None = None
    purpose: str = ""
    seen: bool = True
    air_c: float
    minutes_inside: float
    body_c: float
    skin_c: float
    facts: PersonFacts
    refusal: Refusal | None
    outcome: Outcome
    reasons: tuple[Reason, ...]


class VehicleTruth(Record, frozen=True, kw_only=True, tag="vehicle"):
    """One vehicle at a lane; `vehicle` is the token of its plate, whether it was read or not."""

    lane: str
    passage: str
    direction: Direction
    vehicle: str
    errand: Errand
    facts: VehicleFacts
    outcome: Outcome
    reasons: tuple[Reason, ...]


class SecondaryTruth(Record, frozen=True, kw_only=True, tag="secondary"):
    """A guard measures somebody with a contact thermometer: who has no `fever` goes on."""

    lane: str
    passage: str
    person: str
    badge: str | None
    body_c: float
    fever: bool


class DisinfectionTruth(Record, frozen=True, kw_only=True, tag="disinfection"):
    """A place or vehicle that was due to be disinfected at `due_ns`; `done` False when it was left out."""

    place: str | None = None
    vehicle: str | None = None
    due_ns: int
    done: bool = True
    by: str


class DeviceTruth(Record, frozen=True, kw_only=True, tag="device"):
    """A device fails or is well again."""

    device: str
    device_kind: DeviceKind
    well: bool
    detail: str = ""


class FaultTruth(Record, frozen=True, kw_only=True, tag="fault"):
    """Power, link or clock of a gate: broken from `time_ns` to `until_ns`; no gate says so itself."""

    fault: Breakdown
    until_ns: int
    amount: float = 0.0


class IsolationTruth(Record, frozen=True, kw_only=True, tag="isolation"):
    """Somebody has to be isolated from `time_ns` to `until_ns`."""

    person: str
    cause: IsolationCause
    until_ns: int


class CrowdTruth(Record, frozen=True, kw_only=True, tag="crowd"):
    """A canteen becomes crowded, or is no longer: `people` came in within one sitting, and there are `seats`."""

    place: str
    crowded: bool
    people: int
    seats: int


class DutyTruth(Record, frozen=True, kw_only=True, tag="duty"):
    """One shift of one date is over: who was on duty, and how often each was measured. Tokens of persons."""

    date: str
    shift: str
    on_duty: int
    twice: tuple[str, ...]
    """Twice or more."""
    once: tuple[str, ...]
    never: tuple[str, ...]


Truth = (
    PersonTruth
    | VehicleTruth
    | SecondaryTruth
    | DisinfectionTruth
    | DeviceTruth
    | FaultTruth
    | IsolationTruth
    | CrowdTruth
    | DutyTruth
)


def event_of(truth: Truth) -> AnyEvent | None:
    """What a gate without any fault or noise says of it: its thermometer has no uncertainty. None: nothing."""
    match truth:
        case PersonTruth(seen=True):
            return _person_event(truth)
        case VehicleTruth():
            return VehiclePassage(
                time_ns=truth.time_ns,
                passage=truth.passage,
                lane=truth.lane,
                outcome=truth.outcome,
                direction=truth.direction,
                vehicle=truth.vehicle if truth.facts.plate_read else None,
                registered=truth.facts.plate_read and truth.facts.registered,
                reasons=truth.reasons,
            )
        case SecondaryTruth():
            return SecondaryMeasurement(
                time_ns=truth.time_ns,
                body_c=truth.body_c,
                lane=truth.lane,
                passage=truth.passage,
                badge=truth.badge,
                device="contact thermometer",
                outcome=Outcome.DENY if truth.fever else Outcome.ALLOW,
                reasons=(Reason.MEASURED_BY_HAND, Reason.FEVER if truth.fever else Reason.TEMPERATURE_NORMAL),
            )
        case DisinfectionTruth(done=True):
            return Disinfection(
                time_ns=truth.time_ns, place=truth.place, vehicle=truth.vehicle, by=truth.by, agent="84 disinfectant"
            )
        case DeviceTruth():
            health = Health.OK if truth.well else Health.FAILED
            return DeviceState(
                time_ns=truth.time_ns,
                device=truth.device,
                kind=truth.device_kind,
                health=health,
                detail=truth.detail,
            )
        case _:
            return None


def _person_event(truth: PersonTruth) -> PersonPassage:
    measured = Temperature(skin_c=truth.skin_c, u_c=0.0, looks=1, limit_c=LIMIT_C)
    return PersonPassage(
        time_ns=truth.time_ns,
        passage=truth.passage,
        lane=truth.lane,
        outcome=truth.outcome,
        verdict=verdict_of(truth.facts),
        direction=truth.direction,
        badge=truth.badge,
        temperature=measured if truth.facts.measured else None,
        refusal=truth.refusal,
        reasons=truth.reasons,
        place=truth.place,
    )


def verdict_of(facts: PersonFacts) -> Verdict:
    """What a perfect screening says."""
    if not facts.measured:
        return Verdict.UNMEASURED
    return Verdict.FEVER if facts.feverish else Verdict.NORMAL
