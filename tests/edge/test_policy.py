"""Decisions: pure, complete, and nobody unmeasured is ever let in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.policy import LaneRules, decide_person, decide_vehicle
from wire.events import Outcome, Reason, Verdict
from wire.registry import Flag, Holder, RegistryEntry

RULES = LaneRules("north", reads_badges=True, measures=True)
ANN = RegistryEntry("token-ann", Holder.EMPLOYEE)
ISOLATED = RegistryEntry("token-bob", Holder.EMPLOYEE, flags=(Flag.ISOLATION,))
NOW = 10**18

entries = st.builds(
    RegistryEntry,
    st.just("token-ann"),
    st.sampled_from(Holder),
    st.none() | st.integers(NOW - 10, NOW + 10),
    st.none() | st.integers(NOW - 10, NOW + 10),
    st.sets(st.sampled_from(Flag)).map(tuple),
    st.sampled_from([(), ("north",), ("south",)]),
    st.none() | st.integers(NOW - 10, NOW + 10),
)


def test_a_registered_person_with_a_normal_temperature_is_let_in():
    decision = decide_person(RULES, Verdict.NORMAL, ANN.token, ANN, NOW)
    assert (decision.outcome, decision.reasons) == (Outcome.ALLOW, (Reason.TEMPERATURE_NORMAL,))


@pytest.mark.parametrize(
    ("verdict", "badge", "entry", "outcome", "reason"),
    [
        (Verdict.FEVER, "t", ANN, Outcome.DENY, Reason.FEVER),
        (Verdict.SUSPECT, "t", ANN, Outcome.REMEASURE, Reason.SUSPECT),
        (Verdict.UNMEASURED, "t", ANN, Outcome.REMEASURE, Reason.UNMEASURED),
        (Verdict.OTHER, "t", ANN, Outcome.REMEASURE, Reason.UNMEASURED),
        (Verdict.NORMAL, None, None, Outcome.DENY, Reason.NO_BADGE),
        (Verdict.NORMAL, "t", None, Outcome.DENY, Reason.UNKNOWN_BADGE),
        (Verdict.NORMAL, "t", RegistryEntry("t", Holder.VISITOR, until_ns=NOW), Outcome.DENY, Reason.NOT_VALID_NOW),
        (Verdict.NORMAL, "t", RegistryEntry("t", Holder.VISITOR, from_ns=NOW + 1), Outcome.DENY, Reason.NOT_VALID_NOW),
        (Verdict.NORMAL, "t", RegistryEntry("t", Holder.VISITOR, gates=("south",)), Outcome.DENY, Reason.NOT_VALID_NOW),
        (
            Verdict.NORMAL,
            "t",
            RegistryEntry("t", Holder.EMPLOYEE, flags=(Flag.ISOLATION,)),
            Outcome.DENY,
            Reason.IN_ISOLATION,
        ),
    ],
)
def test_each_reason_has_its_outcome(verdict, badge, entry, outcome, reason):
    decision = decide_person(RULES, verdict, badge, entry, NOW)
    assert decision.outcome is outcome
    assert reason in decision.reasons


def test_two_people_in_a_one_person_lane_are_measured_again():
    decision = decide_person(RULES, Verdict.NORMAL, "t", ANN, NOW, alone=False)
    assert (decision.outcome, Reason.SEVERAL_PEOPLE in decision.reasons) == (Outcome.REMEASURE, True)


@given(st.sampled_from(Verdict), st.none() | st.just("t"), st.none() | entries, st.booleans(), st.booleans())
def test_nobody_is_let_in_unmeasured_feverish_isolated_or_unregistered(verdict, badge, entry, alone, reads):
    rules = LaneRules("north", reads_badges=reads, measures=True)
    decision = decide_person(rules, verdict, badge, entry, NOW, alone=alone)
    if decision.outcome is Outcome.ALLOW:
        assert verdict is Verdict.NORMAL
        assert alone
        assert not reads or (badge and entry and Flag.ISOLATION not in entry.flags)
    assert decision.reasons


@given(st.none() | st.just("t"), st.none() | entries)
def test_no_vehicle_is_let_in_unread_unregistered_or_not_disinfected(vehicle, entry):
    decision = decide_vehicle(RULES, vehicle, entry, NOW)
    if decision.outcome is Outcome.ALLOW:
        assert vehicle
        assert entry
        assert entry.disinfected_until_ns is None or entry.disinfected_until_ns > NOW
    assert decision.reasons
