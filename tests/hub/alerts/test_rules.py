"""Rules: pure functions from one event to what it says about alerts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.alerts.rules import RUNBOOK, SEVERITY, Rule, RuleSettings, Severity, runbook, said_of, signals_of
from hub.alerts.texts import NAMES
from hub.journal import OWN_GATE, UNREADABLE
from hub.web.words import WORDS
from tests.support import strategies as our
from tests.support.events import TIME_NS, fever, routine
from tests.support.journals import entry
from wire.events import (
    Clock,
    DeviceKind,
    DeviceState,
    Gap,
    GapCause,
    Health,
    HealthDeclared,
    Outcome,
    Reason,
    Urgency,
    VehiclePassage,
    Verdict,
)


def rules_of(event, gate: str = "north") -> list[tuple[Rule, bool]]:
    return [(signal.rule, signal.firing) for signal in signals_of(entry(event, gate=gate))]


def test_each_feverish_person_is_an_alert_of_their_own():
    first, second = (signals_of(entry(fever(n)))[0] for n in (1, 2))
    assert (first.rule, first.firing) == (Rule.FEVER, True)
    assert first.key != second.key
    assert "38.1 ± 0.3 °C" in first.detail


def test_whoever_is_well_or_suspect_is_no_fever():
    for verdict in set(Verdict) - {Verdict.FEVER}:
        assert rules_of(replace(fever(1), verdict=verdict)) == []


def test_only_an_unregistered_vehicle_is_told():
    truck = VehiclePassage(time_ns=1, passage="p", lane="a", outcome=Outcome.DENY)
    assert rules_of(replace(truck, reasons=(Reason.VEHICLE_UNREGISTERED,))) == [(Rule.UNREGISTERED_VEHICLE, True)]
    assert rules_of(replace(truck, reasons=(Reason.VEHICLE_UNREAD,))) == []


@pytest.mark.parametrize(
    ("reason", "rule"),
    [
        (Reason.IN_ISOLATION, Rule.ISOLATION_BREACH),
        (Reason.SEVERAL_PEOPLE, Rule.TAILGATING),
        (Reason.PASSED_BACK, Rule.BADGE_MISUSE),
        (Reason.TWO_GATES, Rule.BADGE_MISUSE),
        (Reason.IN_QUARANTINE, Rule.ISOLATION_BREACH),
        (Reason.TAILGATING, Rule.TAILGATING),
        (Reason.UNSCREENED_ENTRY, Rule.UNSCREENED_ENTRY),
        (Reason.ENTERED_REFUSED, Rule.UNSCREENED_ENTRY),
        (Reason.NOT_DISINFECTED, Rule.VEHICLE_NOT_DISINFECTED),
    ],
)
def test_a_reason_that_somebody_must_hear_of_is_told_once_a_passage(reason, rule):
    well = replace(fever(1), verdict=Verdict.NORMAL)
    assert rules_of(replace(well, reasons=(reason, reason))) == [(rule, True)]
    first, second = (signals_of(entry(replace(well, reasons=(reason,), passage=name)))[0] for name in ("p-1", "p-2"))
    assert first.key != second.key


def test_a_fever_in_isolation_is_two_alerts():
    event = replace(fever(1), reasons=(Reason.FEVER, Reason.IN_ISOLATION))
    assert {rule for rule, _ in rules_of(event)} == {Rule.FEVER, Rule.ISOLATION_BREACH}


def test_a_device_fault_fires_and_its_recovery_ends_it_under_one_key():
    camera = DeviceState(time_ns=1, device="cam", kind=DeviceKind.THERMAL, health=Health.FAILED)
    (fault,) = signals_of(entry(camera))
    (well,) = signals_of(entry(replace(camera, health=Health.OK)))
    assert (fault.rule, fault.firing, well.firing) == (Rule.DEVICE_FAULT, True, False)
    assert fault.key == well.key


def test_a_silent_gate_is_told_under_its_own_name():
    silent = DeviceState(time_ns=1, device="south", kind=DeviceKind.GATE, health=Health.FAILED)
    (signal,) = signals_of(entry(silent, gate="hub"))
    assert (signal.rule, signal.gate, signal.firing) == (Rule.GATE_SILENT, "south", True)


def test_an_old_copy_of_the_registry_is_told_under_the_gates_name_and_a_gate_cannot_say_it_of_itself():
    old = DeviceState(time_ns=1, device="south", kind=DeviceKind.REGISTRY, health=Health.FAILED)
    (signal,) = signals_of(entry(old, gate="hub"))
    assert (signal.rule, signal.gate, signal.key) == (Rule.REGISTRY_OLD, "south", "registry-old/site/south")
    assert rules_of(old) == [(Rule.DEVICE_FAULT, True)]


def test_a_card_that_takes_no_events_is_a_fault_of_that_gate_with_its_own_runbook():
    broken = DeviceState(time_ns=1, device="south", kind=DeviceKind.SPOOL, health=Health.FAILED)
    (signal,) = signals_of(entry(broken, gate=OWN_GATE))
    assert (signal.rule, signal.gate, signal.kind) == (Rule.DEVICE_FAULT, "south", "spool")
    (of_itself,) = signals_of(entry(broken, gate="south"))
    assert of_itself.key != signal.key


@pytest.mark.parametrize("health", list(Health))
def test_what_a_gate_says_of_itself_is_a_fault_of_its_own_and_never_its_silence(health):
    for named in ("north", "south"):
        state = DeviceState(time_ns=1, device=named, kind=DeviceKind.GATE, health=health)
        assert rules_of(state) == [(Rule.DEVICE_FAULT, health is not Health.OK)]


def test_a_gate_that_is_heard_of_again_ends_its_alert_under_the_same_key():
    states = [
        DeviceState(time_ns=1, device="south", kind=DeviceKind.GATE, health=h) for h in (Health.FAILED, Health.OK)
    ]
    keys = [(signal.key, signal.firing) for state in states for signal in signals_of(entry(state, gate="hub"))]
    assert keys == [("gate-silent/site/south", True), ("gate-silent/site/south", False)]


@pytest.mark.parametrize("clock", list(Clock))
def test_only_a_time_that_is_right_can_say_how_old_an_event_is(clock):
    (signal,) = signals_of(entry(replace(fever(1), clock=clock)))
    assert signal.dated is (clock in {Clock.SYNCED, Clock.DATED})


def test_a_gap_says_how_many_were_lost():
    (signal,) = signals_of(entry(Gap(time_ns=TIME_NS, cause=GapCause.SPOOL_FULL, lost=7)))
    assert signal.detail == "7 × spool-full"
    (unknown,) = signals_of(entry(Gap(time_ns=TIME_NS, cause=GapCause.SPOOL_CORRUPT)))
    assert unknown.detail == "? × spool-corrupt"


ASKED = {
    "fever": Rule.FEVER,
    "suspect confirmed by contact thermometer": Rule.FEVER_CONFIRMED,
    "person in isolation at a gate": Rule.ISOLATION_BREACH,
    "unregistered vehicle": Rule.UNREGISTERED_VEHICLE,
    "vehicle not disinfected": Rule.VEHICLE_NOT_DISINFECTED,
    "unscreened entry": Rule.UNSCREENED_ENTRY,
    "tailgating": Rule.TAILGATING,
    "missed checks near the end of a shift": Rule.MISSED_CHECKS,
    "fever cluster": Rule.FEVER_CLUSTER,
    "isolation place full": Rule.ISOLATION_FULL,
    "returnee not isolated": Rule.RETURNEE_NOT_ISOLATED,
    "disinfection overdue": Rule.DISINFECTION_OVERDUE,
    "gate silent": Rule.GATE_SILENT,
    "camera, reference, reader or clock fault; spool filling": Rule.DEVICE_FAULT,
    "gap": Rule.GAP,
    "registry copy too old": Rule.REGISTRY_OLD,
}
"""What the order and the site have to be told of."""


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_rule_has_its_severity_name_runbook_and_words_in_both_languages(lang):
    assert set(ASKED.values()) <= set(Rule)
    for rule in Rule:
        assert SEVERITY[rule]
        assert RUNBOOK[rule][lang]
        assert NAMES[rule][lang]
        assert WORDS[f"rule.{rule}"]
    assert len({RUNBOOK[rule][lang] for rule in Rule}) == len(Rule)


@pytest.mark.parametrize(
    "kind",
    [DeviceKind.THERMAL, DeviceKind.BADGE, DeviceKind.VEHICLE, DeviceKind.ACTUATOR, DeviceKind.SPOOL, DeviceKind.CLOCK],
)
def test_each_kind_of_fault_says_what_to_do_about_it(kind):
    [signal] = signals_of(entry(DeviceState(time_ns=1, device="d", kind=kind, health=Health.DEGRADED)))
    assert (signal.rule, signal.kind) == (Rule.DEVICE_FAULT, kind)
    assert runbook(signal.rule, signal.kind, "zh") != RUNBOOK[Rule.DEVICE_FAULT]["zh"]


@given(st.sampled_from(["north", "clock"]), st.sampled_from([DeviceKind.CLOCK, DeviceKind.IDENTITY]))
def test_what_the_hub_saw_of_a_gate_is_not_ended_by_the_gate_s_own_word(gate, kind):
    [seen] = signals_of(entry(DeviceState(time_ns=1, device=gate, kind=kind, health=Health.DEGRADED), gate=OWN_GATE))
    for device in ("clock", "identity", gate):
        own = entry(DeviceState(time_ns=2, device=device, kind=DeviceKind.CLOCK, health=Health.OK), gate=gate)
        assert seen.key not in {signal.key for signal in signals_of(own)}


def test_something_urgent_that_this_hub_cannot_read_is_told_once_a_gate_until_somebody_has_looked():
    """A newer gate's words for a fever are no reason to say nothing."""
    known = entry(fever(1), seq=7)
    body = known.body.replace(b'"fever"]', b'"fever","a-newer-reason"]')
    assert body != known.body
    unread = replace(known, kind=UNREADABLE, time_ns=known.received_ns, body=body)
    [signal] = said_of(unread, RuleSettings())
    assert (signal.rule, signal.gate, signal.key) == (Rule.UNREADABLE, "north", "unreadable/site/north")
    assert SEVERITY[signal.rule] is Severity.CRITICAL
    stream = replace(known.stream, urgency=Urgency.ROUTINE)
    assert said_of(replace(unread, stream=stream), RuleSettings()) == []


def test_what_is_routine_says_nothing():
    assert rules_of(routine(1)) == []


@given(our.events)
def test_any_event_is_judged_and_every_signal_has_its_severity_and_runbook(event):
    for signal in signals_of(entry(event)):
        assert SEVERITY[signal.rule]
        assert set(RUNBOOK[signal.rule]) == {"zh", "en"}


def test_who_declares_to_be_ill_is_looked_into_until_it_is_settled_and_only_the_hub_says_so():
    ill = HealthDeclared(time_ns=TIME_NS, number=17, concern="ill")
    [signal] = signals_of(entry(ill, gate=OWN_GATE))
    assert (signal.rule, signal.firing, signal.detail) == (Rule.DECLARED_ILL, True, "#17")
    [settled] = signals_of(entry(replace(ill, settled=True), gate=OWN_GATE))
    assert (settled.key, settled.firing) == (signal.key, False)
    assert signals_of(entry(replace(ill, concern="note"), gate=OWN_GATE)) == []
    assert signals_of(entry(ill)) == []
