"""Rules: small pure functions from one journalled event to signals, in event time. No I/O, no memory."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from hub.journal import OWN_GATE, Entry
from wire.events import (
    AnyEvent,
    Clock,
    DeviceKind,
    DeviceState,
    Gap,
    Health,
    PersonPassage,
    Reason,
    Temperature,
    VehiclePassage,
    Verdict,
)


class Severity(StrEnum):
    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class Rule(StrEnum):
    FEVER = "fever"
    ISOLATION_BREACH = "isolation-breach"
    TAILGATING = "tailgating"
    UNSCREENED_ENTRY = "unscreened-entry"
    BADGE_MISUSE = "badge-misuse"
    UNREGISTERED_VEHICLE = "unregistered-vehicle"
    VEHICLE_NOT_DISINFECTED = "vehicle-not-disinfected"
    GATE_SILENT = "gate-silent"
    DEVICE_FAULT = "device-fault"
    GAP = "gap"


SEVERITY = {
    Rule.FEVER: Severity.CRITICAL,
    Rule.ISOLATION_BREACH: Severity.CRITICAL,
    Rule.TAILGATING: Severity.WARNING,
    Rule.UNSCREENED_ENTRY: Severity.CRITICAL,
    Rule.BADGE_MISUSE: Severity.WARNING,
    Rule.UNREGISTERED_VEHICLE: Severity.WARNING,
    Rule.VEHICLE_NOT_DISINFECTED: Severity.WARNING,
    Rule.GATE_SILENT: Severity.CRITICAL,
    Rule.DEVICE_FAULT: Severity.WARNING,
    Rule.GAP: Severity.WARNING,
}
RUNBOOK = {
    Rule.FEVER: {
        "zh": "立即隔离，用接触式体温计复测；确认后逐人核查，并报当地防疫指挥部。",
        "en": "Isolate at once and measure again with a contact thermometer; if confirmed, check everybody one by one "
        "and report to the district headquarters.",
    },
    Rule.ISOLATION_BREACH: {
        "zh": "此人应在隔离中：拒绝入厂，送回隔离点，核查外出期间的接触者。",
        "en": "This person belongs into isolation: keep out, take back, and find whom they met on the way.",
    },
    Rule.TAILGATING: {
        "zh": "有人尾随：拦下，逐个测温、登记。",
        "en": "Somebody followed at the heels: stop both, measure and register them one by one.",
    },
    Rule.UNSCREENED_ENTRY: {
        "zh": "有人未经筛查进入：立即找到此人，测温、登记，查明从何处进入。",
        "en": "Somebody went in unscreened: find them at once, measure and register them, and see how they came in.",
    },
    Rule.BADGE_MISUSE: {
        "zh": "同一张卡已入厂：核对持卡人身份，查明卡从何来。",
        "en": "This badge is inside already: see who holds it, and how they came by it.",
    },
    Rule.UNREGISTERED_VEHICLE: {
        "zh": "车辆不得进入；说明原因、详细登记并消毒后放行。",
        "en": "Keep the vehicle out until its reason is stated, it is registered in detail and disinfected.",
    },
    Rule.VEHICLE_NOT_DISINFECTED: {
        "zh": "车辆未消毒：消毒并登记后放行。",
        "en": "The vehicle is not disinfected: disinfect and record it, then let it in.",
    },
    Rule.GATE_SILENT: {
        "zh": "派人到门岗，改为人工测温登记，检查电源和网络。",
        "en": "Send somebody to the gate, measure and register by hand, check power and network.",
    },
    Rule.DEVICE_FAULT: {
        "zh": "该通道改为人工测温，检查设备。",
        "en": "Measure by hand at this lane and check the device.",
    },
    Rule.GAP: {
        "zh": "有事件丢失：核对该时段的纸质登记。",
        "en": "Events were lost: check the paper register for that time.",
    },
}


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


def signals_of(entry: Entry) -> list[Signal]:
    """Everything that one journalled event says about alerts, often nothing."""
    match entry.event():
        case PersonPassage() as event:
            return fever(entry, event) + passage(entry, event)
        case VehiclePassage() as event:
            return passage(entry, event)
        case DeviceState(kind=DeviceKind.GATE) as event if entry.stream.gate == OWN_GATE:
            return gate_silent(entry, event)
        case DeviceState() as event:
            return device_fault(entry, event)
        case Gap() as event:
            return gap(entry, event)
        case _:
            return []


def fever(entry: Entry, event: PersonPassage) -> list[Signal]:
    """A person whose screening says fever. Each person is an alert of their own: none hides behind another."""
    if event.verdict is not Verdict.FEVER:
        return []
    return [_signal(Rule.FEVER, entry, event, event.passage, lane=event.lane, detail=_temperature(event.temperature))]


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


def gate_silent(entry: Entry, event: DeviceState) -> list[Signal]:
    """The hub has not heard of a gate for too long, or hears of it again. A gate cannot say this of itself."""
    signal = _signal(Rule.GATE_SILENT, entry, event, firing=event.health is not Health.OK, detail=event.detail)
    return [replace(signal, key=f"{Rule.GATE_SILENT}/{entry.stream.site}/{event.device}", gate=event.device)]


def device_fault(entry: Entry, event: DeviceState) -> list[Signal]:
    """A device of a gate, or the gate by its own word, is degraded or failed, or is well again."""
    firing = event.health is not Health.OK
    detail = ": ".join(filter(None, (event.device, event.detail)))
    return [_signal(Rule.DEVICE_FAULT, entry, event, event.device, firing=firing, detail=detail)]


def gap(entry: Entry, event: Gap) -> list[Signal]:
    """A gate had to drop events."""
    lost = "an unknown number of" if event.lost is None else str(event.lost)
    detail = f"{lost} events lost: {event.cause.value}" + (f" ({event.detail})" if event.detail else "")
    what = f"{entry.stream.urgency}/{entry.stream.epoch}/{entry.seq}"
    return [_signal(Rule.GAP, entry, event, what, detail=detail)]


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
        dated=event.clock is Clock.SYNCED,
        firing=firing,
        lane=lane,
        detail=detail,
    )


def _temperature(measured: Temperature | None) -> str:
    return f"{measured.skin_c:.1f} ± {measured.u_c:.1f} °C" if measured else ""
