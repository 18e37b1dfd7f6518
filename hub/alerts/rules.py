"""Rules: small pure functions from one journalled event to what it says about alerts, in event time. No I/O, no memory.

What takes several events (a cluster of fevers, a disinfection that is overdue) is told from facts, which
`hub.alerts.facts` remembers; the order in which they arrive does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace

from hub.alerts.names import OF_DEVICE, RUNBOOK, SEVERITY, Rule, Severity
from hub.journal import OWN_GATE, Entry
from wire.events import (
    AnyEvent,
    DeviceKind,
    DeviceState,
    Disinfection,
    Gap,
    Health,
    HealthDeclared,
    PersonPassage,
    Reason,
    RoundDue,
    SecondaryMeasurement,
    Temperature,
    Urgency,
    VehiclePassage,
    Verdict,
)

__all__ = ["RUNBOOK", "SEVERITY", "Rule", "Severity", "runbook", "said_of", "signals_of"]


class RunbookSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a site wants done about alerts of a rule, in both languages."""

    zh: Annotated[str, Meta(min_length=1, max_length=500)]
    en: Annotated[str, Meta(min_length=1, max_length=500)]


Runbooks = Mapping[Rule, RunbookSettings]
NO_RUNBOOKS: Runbooks = MappingProxyType({})


def runbook(rule: str, kind: str, lang: str, own: Runbooks = NO_RUNBOOKS) -> str:
    """What to do about an alert of that rule: the site's own words, where it has some; of a device fault else what its
    kind needs. Nothing for an unknown rule."""
    if rule in set(Rule) and (found := own.get(Rule(rule))) is not None:
        return found.en if lang == "en" else found.zh
    if rule == Rule.DEVICE_FAULT and kind in OF_DEVICE:
        return OF_DEVICE[DeviceKind(kind)][lang]
    return RUNBOOK[Rule(rule)][lang] if rule in RUNBOOK else ""


class Signal(Struct, frozen=True, kw_only=True):
    """What one event says about one alert. `key` names the alert; `firing` False means that its cause is gone."""

    key: str
    rule: Rule
    site: str
    gate: str
    time_ns: int
    epoch: str = ""
    seq: int = 0
    """With `epoch` the order in which the gate said it: its clock may jump, its numbers do not."""
    dated: bool = True
    """Whether `time_ns` is of a synchronised clock, so that it can be told how old this is."""
    firing: bool = True
    lane: str = ""
    detail: str = ""
    kind: str = ""
    """Of a device fault: the device's kind."""
    total: int | None = None
    """How many there are in all, where that is known better than by counting signals."""
    newest_ns: int | None = None
    """When the last of them was, by which the signal's age is told; None: `time_ns`."""
    severity: Severity | None = None
    """Where the site sets another than the rule's."""


class FactKind(StrEnum):
    FEVER = "fever"
    DISINFECTION = "disinfection"
    ROUND = "round"
    """A round of disinfection had to be done by then."""


class Fact(Struct, frozen=True, kw_only=True):
    """What one event adds to what is remembered. `place` is a gate or a place of disinfection, `name` makes it that
    one."""

    kind: FactKind
    site: str
    place: str
    time_ns: int
    name: str
    dated: bool = True
    from_ns: int = 0
    until_ns: int = 0
    """Of a round: when a disinfection counts for it (`hub.rounds.state`)."""
    also: str = ""
    """Of a vehicle's round: its tag, for `place` is its plate."""
    is_vehicle: bool = False


class RuleSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Thresholds of the rules.

    `confirmed_from_c`: from where on a contact thermometer's reading is a fever (37.3 °C: the order's usual limit).
    `cluster_fevers`: so many people with fever at one gate, or of one team, on one day are a cluster.
    `off`: rules that are not wanted here. `severity`, `page_within_s` and `runbooks` are a rule's own, where the site
    wants others than ours: how bad it is, how late it still wakes somebody (`[alerts] page_within_s` for the rest), and
    what is to be done.
    """

    confirmed_from_c: Annotated[float, Meta(ge=35.0, le=42.0)] = 37.3
    cluster_fevers: Annotated[int, Meta(ge=2)] = 3
    off: list[Rule] = []
    severity: dict[Rule, Severity] = {}
    page_within_s: dict[Rule, Annotated[float, Meta(gt=0)]] = {}
    runbooks: dict[Rule, RunbookSettings] = {}


def said_of(entry: Entry, settings: RuleSettings) -> list[Signal | Fact]:
    """Everything that one journalled event says about alerts by these settings, often nothing."""
    said: list[Signal | Fact] = [*signals_of(entry, settings.confirmed_from_c), *facts_of(entry)]
    return [one for one in said if (_TOLD_BY[one.kind] if isinstance(one, Fact) else one.rule) not in settings.off]


_TOLD_BY = {
    FactKind.FEVER: Rule.FEVER_CLUSTER,
    FactKind.DISINFECTION: Rule.DISINFECTION_OVERDUE,
    FactKind.ROUND: Rule.DISINFECTION_OVERDUE,
}
"""The rule that a fact is remembered for."""


def facts_of(entry: Entry) -> list[Fact]:
    """What is to be remembered of an event."""
    site = entry.stream.site
    match entry.event():
        case PersonPassage(verdict=Verdict.FEVER, passage=name, clock=clock):
            gate, dated = entry.stream.gate, clock.is_right
            return [Fact(kind=FactKind.FEVER, site=site, place=gate, time_ns=entry.time_ns, name=name, dated=dated)]
        case Disinfection() as done if done.place or done.vehicle:
            name = f"{entry.stream.gate}/{entry.stream.epoch}/{entry.seq}"
            place = done.place or done.vehicle or ""
            return [Fact(kind=FactKind.DISINFECTION, site=site, place=place, time_ns=entry.time_ns, name=name)]
        case RoundDue() as due if entry.stream.gate == OWN_GATE:
            place = due.place or due.vehicle or ""
            return [
                Fact(
                    kind=FactKind.ROUND, site=site, place=place, time_ns=due.time_ns, name=place, from_ns=due.from_ns,
                    until_ns=due.until_ns, also=due.vehicle_tag or "", is_vehicle=due.place is None,
                )
            ]  # fmt: skip
        case _:
            return []


def signals_of(entry: Entry, confirmed_from_c: float = RuleSettings().confirmed_from_c) -> list[Signal]:  # noqa: PLR0911 - one a kind
    """What one journalled event by itself says about alerts."""
    event = entry.event()
    match event:
        case PersonPassage():
            return fever(entry, event) + passage(entry, event)
        case VehiclePassage():
            return passage(entry, event)
        case SecondaryMeasurement():
            return confirmed(entry, event, confirmed_from_c)
        case DeviceState():
            return device(entry, event)
        case HealthDeclared() if entry.stream.gate == OWN_GATE:
            return declared(entry, event)
        case Gap():
            return gap(entry, event)
        case None if entry.stream.urgency is Urgency.URGENT:
            return [unreadable(entry)]
        case _:
            return []


def fever(entry: Entry, event: PersonPassage) -> list[Signal]:
    """A person whose screening says fever. Each person is an alert of their own: none hides behind another."""
    if event.verdict is not Verdict.FEVER:
        return []
    return [_signal(Rule.FEVER, entry, event, event.passage, lane=event.lane, detail=_temperature(event.temperature))]


def confirmed(entry: Entry, event: SecondaryMeasurement, from_c: float) -> list[Signal]:
    """A contact thermometer says fever of whoever was flagged, or of anybody else."""
    if event.body_c < from_c:
        return []
    what = event.passage or f"{entry.stream.urgency}/{entry.stream.epoch}/{entry.seq}"
    return [_signal(Rule.FEVER_CONFIRMED, entry, event, what, lane=event.lane, detail=f"{event.body_c:.1f} °C")]


_OF_REASON = {
    Reason.IN_ISOLATION: Rule.ISOLATION_BREACH,
    Reason.IN_QUARANTINE: Rule.ISOLATION_BREACH,
    Reason.SEVERAL_PEOPLE: Rule.TAILGATING,
    Reason.TAILGATING: Rule.TAILGATING,
    Reason.UNSCREENED_ENTRY: Rule.UNSCREENED_ENTRY,
    Reason.ENTERED_REFUSED: Rule.UNSCREENED_ENTRY,
    Reason.PASSED_BACK: Rule.BADGE_MISUSE,
    Reason.TWO_GATES: Rule.BADGE_MISUSE,
    Reason.VEHICLE_UNREGISTERED: Rule.UNREGISTERED_VEHICLE,
    Reason.NOT_DISINFECTED: Rule.VEHICLE_NOT_DISINFECTED,
}


def passage(entry: Entry, event: PersonPassage | VehiclePassage) -> list[Signal]:
    """What the reasons of a decision tell somebody: each passage is an alert of its own."""
    rules = [_OF_REASON[reason] for reason in event.reasons if reason in _OF_REASON]
    return [_signal(rule, entry, event, event.passage, lane=event.lane) for rule in dict.fromkeys(rules)]


def device(entry: Entry, event: DeviceState) -> list[Signal]:
    """A gate's word about its devices, or the hub's about a gate."""
    rule = _OF_GATE.get(event.kind) if entry.stream.gate == OWN_GATE else None
    return device_fault(entry, event) if rule is None else seen_of_gate(rule, entry, event)


_OF_GATE = {
    DeviceKind.GATE: Rule.GATE_SILENT,
    DeviceKind.REGISTRY: Rule.REGISTRY_OLD,
    DeviceKind.SPOOL: Rule.DEVICE_FAULT,
    DeviceKind.CLOCK: Rule.DEVICE_FAULT,
    DeviceKind.IDENTITY: Rule.DEVICE_FAULT,
}


def seen_of_gate(rule: Rule, entry: Entry, event: DeviceState) -> list[Signal]:
    """What the hub saw of a gate: no word for too long, an old copy of the registry, a card that takes no events,
    a clock that is far from the hub's, a name that two have. A gate cannot say this of itself."""
    signal = _signal(rule, entry, event, firing=event.health is not Health.OK, detail=event.detail)
    kind = event.kind.value if rule is Rule.DEVICE_FAULT else ""
    is_more = event.kind in {DeviceKind.CLOCK, DeviceKind.IDENTITY}
    # Not under the gate's own name for it: its clock is right by its own word, and may be wrong by the hub's.
    what = f"{OWN_GATE}/{event.device}/{event.kind}" if is_more else event.device
    return [replace(signal, key=f"{rule}/{entry.stream.site}/{what}", gate=event.device, kind=kind)]


def device_fault(entry: Entry, event: DeviceState) -> list[Signal]:
    """A device of a gate, or the gate by its own word, is degraded or failed, or is well again."""
    firing = event.health is not Health.OK
    detail = ": ".join(filter(None, (event.device, event.detail)))
    signal = _signal(Rule.DEVICE_FAULT, entry, event, event.device, firing=firing, detail=detail)
    return [replace(signal, kind=event.kind.value)]


def declared(entry: Entry, event: HealthDeclared) -> list[Signal]:
    """A declaration that somebody has to look into, until they have; who it is stands in the hub's record."""
    if event.concern not in {"call", "ill"}:
        return []
    detail = f"#{event.number}"
    return [_signal(Rule.DECLARED_ILL, entry, event, str(event.number), firing=not event.settled, detail=detail)]


def gap(entry: Entry, event: Gap) -> list[Signal]:
    """A gate had to drop events."""
    lost = "?" if event.lost is None else str(event.lost)  # the rule's name says of what, in either language
    detail = f"{lost} × {event.cause.value}" + (f" ({event.detail})" if event.detail else "")
    what = f"{entry.stream.urgency}/{entry.stream.epoch}/{entry.seq}"
    return [_signal(Rule.GAP, entry, event, what, detail=detail)]


def unreadable(entry: Entry) -> Signal:
    """Something urgent that this hub does not understand: it may be a fever, in words of a newer gate."""
    what = f"{entry.stream.site}/{entry.stream.gate}"
    return Signal(
        key=f"{Rule.UNREADABLE}/{what}",
        rule=Rule.UNREADABLE,
        site=entry.stream.site,
        gate=entry.stream.gate,
        time_ns=entry.received_ns,
        epoch=entry.stream.epoch,
        seq=entry.seq,
        detail=f"{entry.stream.urgency} {entry.seq}",
    )


def _signal(
    rule: Rule, entry: Entry, event: AnyEvent, what: str = "", *, firing: bool = True, lane: str = "", detail: str = ""
) -> Signal:
    site, gate = entry.stream.site, entry.stream.gate
    return Signal(
        key=f"{rule}/{site}/{gate}/{what}",
        rule=rule,
        site=site,
        gate=gate,
        time_ns=entry.time_ns,
        epoch=entry.stream.epoch,
        seq=entry.seq,
        dated=event.clock.is_right,
        firing=firing,
        lane=lane,
        detail=detail,
    )


def _temperature(measured: Temperature | None) -> str:
    return f"{measured.skin_c:.1f} ± {measured.u_c:.1f} °C" if measured else ""
