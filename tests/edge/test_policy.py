"""Decisions: pure, complete, and nobody unmeasured is ever let in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import fields, replace

from edge.policy import Circumstances, LaneRules, PersonSeen, VehicleLook, decide_person, decide_vehicle
from edge.rules import PersonEffects, PolicySettings, VehicleEffects
from wire.events import Direction, Outcome, Reason, Verdict
from wire.registry import Flag, Holder, Hours, RegistryEntry

RULES = LaneRules("north", reads_badges=True, measures=True)
TRUCKS = LaneRules("north", reads_badges=False, measures=False)
POLICY = PolicySettings()
STRICT = PolicySettings(
    isolation_place=False,
    declaration_required=True,
    antipassback="hard",
    registry_max_age_h=1.0,
    resumes=datetime(2020, 2, 10, tzinfo=UTC),
    person=PersonEffects(registry_old="deny"),
)
MONDAY = datetime(2020, 2, 10, 9, 30, tzinfo=UTC) - timedelta(hours=8)
"""Half past nine on the site's clock."""
NOW = int(MONDAY.timestamp()) * 10**9
AT = Circumstances(NOW)
ANN = RegistryEntry("token-ann", Holder.EMPLOYEE)
VISITOR = RegistryEntry("token-vi", Holder.VISITOR, until_ns=NOW + 1, reason_stated=True, hosted=True)
TRUCK = RegistryEntry("token-truck", Holder.VEHICLE, disinfected_until_ns=NOW + 1)
NORMAL = PersonSeen(Verdict.NORMAL, "t")

hours = st.builds(Hours, st.integers(0, 1440), st.integers(0, 1440), st.sets(st.integers(1, 7)).map(tuple))
entries = st.builds(
    RegistryEntry,
    st.just("token-ann"),
    st.sampled_from(Holder),
    st.none() | st.integers(NOW - 10, NOW + 10),
    st.none() | st.integers(NOW - 10, NOW + 10),
    st.sets(st.sampled_from(Flag)).map(tuple),
    st.sampled_from([(), ("north",), ("south",)]),
    st.none() | st.integers(NOW - 10, NOW + 10),
    st.lists(hours, max_size=2).map(tuple),
    st.booleans(),
    st.booleans(),
    st.none() | st.integers(NOW - 10, NOW + 10),
    st.none() | st.just("plate-of-it"),
    outside=st.booleans(),
    recheck_until_ns=st.none() | st.integers(NOW - 10, NOW + 10),
)
seens = st.builds(
    PersonSeen,
    st.sampled_from(Verdict),
    st.none() | st.just("t"),
    alone=st.booleans(),
    direction=st.sampled_from([Direction.IN, Direction.OUT]),
    masked=st.none() | st.booleans(),
    followed=st.booleans(),
    by_hand=st.booleans(),
    passed_back=st.booleans(),
    elsewhere=st.booleans(),
)


def effects(kind: type) -> st.SearchStrategy:
    """Any table that a site can write."""
    wanted = {field.name: st.sampled_from(field.type.__args__) for field in fields(kind)}
    return st.builds(kind, **wanted)


policies = st.builds(
    PolicySettings,
    resumes=st.none() | st.just(MONDAY) | st.just(MONDAY + timedelta(days=1)),
    isolation_place=st.booleans(),
    mask_required=st.booleans(),
    declaration_required=st.booleans(),
    disinfection_required=st.booleans(),
    antipassback=st.sampled_from(["hard", "soft", "off"]),
    registry_max_age_h=st.none() | st.just(1.0),
    person=effects(PersonEffects),
    vehicle=effects(VehicleEffects),
)
circumstances = st.builds(
    Circumstances,
    st.just(NOW),
    st.none() | st.floats(0, 10_000),
    st.booleans(),
    st.booleans(),
    st.sampled_from([None, 0, NOW, NOW + 1]),
)


def test_a_registered_person_with_a_normal_temperature_is_let_in():
    decision = decide_person(POLICY, RULES, NORMAL, ANN, AT)
    assert (decision.outcome, decision.reasons) == (Outcome.ALLOW, (Reason.TEMPERATURE_NORMAL,))


def test_an_announced_visitor_and_a_clean_registered_vehicle_are_let_in():
    assert decide_person(STRICT, RULES, NORMAL, replace(VISITOR, declared_until_ns=NOW + 1), FRESH).outcome == "allow"
    assert decide_vehicle(POLICY, TRUCKS, VehicleLook(None, "p"), TRUCK, AT).outcome == "allow"


FRESH = Circumstances(NOW, registry_age_s=3600.0)
DECLARED = replace(ANN, declared_until_ns=NOW + 1)


@pytest.mark.parametrize(
    ("seen", "entry", "outcome", "reason"),
    [
        (replace(NORMAL, verdict=Verdict.FEVER), DECLARED, Outcome.DENY, Reason.FEVER),
        (replace(NORMAL, verdict=Verdict.SUSPECT), DECLARED, Outcome.REMEASURE, Reason.SUSPECT),
        (replace(NORMAL, verdict=Verdict.UNMEASURED), DECLARED, Outcome.REMEASURE, Reason.UNMEASURED),
        (replace(NORMAL, verdict=Verdict.OTHER), DECLARED, Outcome.REMEASURE, Reason.UNMEASURED),
        (replace(NORMAL, badge=None), None, Outcome.DENY, Reason.NO_BADGE),
        (NORMAL, None, Outcome.DENY, Reason.UNKNOWN_BADGE),
        (NORMAL, replace(DECLARED, holder=Holder.VEHICLE), Outcome.DENY, Reason.UNKNOWN_BADGE),
        (replace(NORMAL, alone=False), DECLARED, Outcome.REMEASURE, Reason.SEVERAL_PEOPLE),
        (replace(NORMAL, followed=True), DECLARED, Outcome.DENY, Reason.TAILGATING),
        (replace(NORMAL, masked=False), DECLARED, Outcome.REMEASURE, Reason.NO_MASK),
        (replace(NORMAL, passed_back=True), DECLARED, Outcome.DENY, Reason.PASSED_BACK),
        (replace(NORMAL, elsewhere=True), DECLARED, Outcome.DENY, Reason.TWO_GATES),
        (NORMAL, replace(DECLARED, until_ns=NOW), Outcome.DENY, Reason.NOT_VALID_NOW),
        (NORMAL, replace(DECLARED, from_ns=NOW + 1), Outcome.DENY, Reason.NOT_VALID_NOW),
        (NORMAL, replace(DECLARED, gates=("south",)), Outcome.DENY, Reason.NOT_AT_THIS_GATE),
        (NORMAL, replace(DECLARED, hours=(Hours(10 * 60, 18 * 60),)), Outcome.DENY, Reason.NOT_AT_THIS_HOUR),
        (NORMAL, replace(DECLARED, hours=(Hours(days=(2, 3)),)), Outcome.DENY, Reason.NOT_AT_THIS_HOUR),
        (NORMAL, replace(DECLARED, flags=(Flag.ISOLATION,)), Outcome.DENY, Reason.IN_ISOLATION),
        (NORMAL, replace(DECLARED, flags=(Flag.QUARANTINE,)), Outcome.DENY, Reason.IN_QUARANTINE),
        (NORMAL, replace(DECLARED, flags=(Flag.LISTED_AREA,)), Outcome.DENY, Reason.NO_ISOLATION_PLACE),
        (NORMAL, replace(DECLARED, flags=(Flag.OTHER,)), Outcome.REMEASURE, Reason.OTHER),
        (NORMAL, ANN, Outcome.REMEASURE, Reason.NOT_DECLARED),
        (NORMAL, replace(ANN, declared_until_ns=NOW), Outcome.REMEASURE, Reason.NOT_DECLARED),
        (NORMAL, replace(DECLARED, flags=(Flag.DECLARED_ILL,)), Outcome.DENY, Reason.DECLARED_ILL),
        (NORMAL, replace(VISITOR, reason_stated=False), Outcome.DENY, Reason.NO_STATED_REASON),
        (NORMAL, replace(VISITOR, hosted=False), Outcome.DENY, Reason.NO_HOST),
        (NORMAL, replace(VISITOR, until_ns=None), Outcome.DENY, Reason.NOT_VALID_NOW),
    ],
)
def test_each_reason_has_its_outcome_and_stands_alone(seen, entry, outcome, reason):
    decision = decide_person(STRICT, RULES, seen, entry, FRESH)
    assert decision.outcome is outcome
    fine = {Reason.TEMPERATURE_NORMAL, Reason.NOT_DECLARED}
    assert set(decision.reasons) - fine == {reason} - fine
    assert reason in decision.reasons


@pytest.mark.parametrize(
    ("look", "entry", "outcome", "reason"),
    [
        (VehicleLook(None, None), None, Outcome.REMEASURE, Reason.VEHICLE_UNREAD),
        (VehicleLook(None, "p"), None, Outcome.DENY, Reason.VEHICLE_UNREGISTERED),
        (VehicleLook(None, "p"), ANN, Outcome.DENY, Reason.VEHICLE_UNREGISTERED),
        (VehicleLook("t", "p"), replace(TRUCK, plate="q"), Outcome.DENY, Reason.TAG_MISMATCH),
        (VehicleLook(None, "p"), replace(TRUCK, disinfected_until_ns=NOW), Outcome.DENY, Reason.NOT_DISINFECTED),
        (VehicleLook(None, "p"), replace(TRUCK, disinfected_until_ns=None), Outcome.DENY, Reason.NOT_DISINFECTED),
        (VehicleLook(None, "p"), replace(TRUCK, outside=True), Outcome.DENY, Reason.NO_STATED_REASON),
        (VehicleLook(None, "p"), replace(TRUCK, until_ns=NOW), Outcome.DENY, Reason.NOT_VALID_NOW),
        (VehicleLook(None, "p"), replace(TRUCK, gates=("south",)), Outcome.DENY, Reason.NOT_AT_THIS_GATE),
        (VehicleLook(None, "p", occupants=(Verdict.FEVER,)), TRUCK, Outcome.DENY, Reason.FEVER),
        (VehicleLook(None, "p", occupants=(Verdict.UNMEASURED,)), TRUCK, Outcome.REMEASURE, Reason.UNMEASURED),
        (VehicleLook(None, "p", occupants=(Verdict.NORMAL,), unmasked=True), TRUCK, Outcome.REMEASURE, Reason.NO_MASK),
    ],
)
def test_each_reason_of_a_vehicle_has_its_outcome(look, entry, outcome, reason):
    decision = decide_vehicle(POLICY, TRUCKS, look, entry, AT)
    assert decision.outcome is outcome
    assert reason in decision.reasons


def test_a_driver_who_was_not_measured_where_there_is_a_camera_is_measured_first():
    decision = decide_vehicle(POLICY, replace(TRUCKS, measures=True), VehicleLook(None, "p"), TRUCK, AT)
    assert decision.outcome is Outcome.REMEASURE


def test_a_disinfection_that_was_recorded_at_the_gate_counts():
    dirty = replace(TRUCK, disinfected_until_ns=None)
    look = VehicleLook(None, "p", disinfected_until_ns=NOW + 1)
    assert decide_vehicle(POLICY, TRUCKS, look, dirty, AT).outcome is Outcome.ALLOW


def test_before_the_site_resumes_only_the_exempted_come_in_and_everybody_goes_out():
    early = replace(POLICY, resumes=MONDAY + timedelta(seconds=1))
    assert Reason.NOT_RESUMED in decide_person(early, RULES, NORMAL, ANN, AT).reasons
    assert decide_person(early, RULES, NORMAL, replace(ANN, flags=(Flag.EXEMPT,)), AT).outcome is Outcome.ALLOW
    assert decide_person(early, RULES, replace(NORMAL, direction=Direction.OUT), ANN, AT).outcome is Outcome.ALLOW
    assert decide_person(replace(POLICY, resumes=MONDAY), RULES, NORMAL, ANN, AT).outcome is Outcome.ALLOW


@pytest.mark.parametrize(("hub_ns", "refused"), [(None, True), (0, False), (NOW, False), (NOW + 1, True)])
def test_once_the_hub_has_said_when_the_site_resumes_that_counts_and_not_the_gates_own_file(hub_ns, refused):
    early = replace(POLICY, resumes=MONDAY + timedelta(seconds=1))
    decision = decide_person(early, RULES, NORMAL, ANN, replace(AT, resumes_ns=hub_ns))
    assert (Reason.NOT_RESUMED in decision.reasons) is refused


@pytest.mark.parametrize(
    ("minutes", "days", "inside"),
    [
        ((9 * 60 + 30, 18 * 60), (), True),
        ((8 * 60, 9 * 60 + 30), (), False),
        ((22 * 60, 10 * 60), (7,), True),
        ((22 * 60, 10 * 60), (1,), False),
        ((22 * 60, 6 * 60), (), False),
        ((0, 1440), (1,), True),
    ],
)
def test_hours_are_of_the_sites_clock_and_a_night_belongs_to_the_day_on_which_it_began(minutes, days, inside):
    entry = replace(ANN, hours=(Hours(*minutes, days),))
    assert (Reason.NOT_AT_THIS_HOUR not in decide_person(POLICY, RULES, NORMAL, entry, AT).reasons) is inside


@pytest.mark.parametrize(("age_s", "old"), [(3600.0, False), (3601.0, True), (None, True)])
def test_a_registry_that_is_too_old_or_of_unknown_age_changes_the_decision_where_the_site_says_so(age_s, old):
    decision = decide_person(STRICT, RULES, NORMAL, DECLARED, Circumstances(NOW, age_s))
    assert (decision.outcome is Outcome.DENY) is old
    assert (Reason.REGISTRY_OLD in decision.reasons) is old


def test_a_guards_thermometer_completes_what_the_camera_could_not():
    by_hand = replace(NORMAL, by_hand=True, alone=False)
    decision = decide_person(POLICY, RULES, by_hand, ANN, Circumstances(NOW, camera_works=False))
    assert (decision.outcome, decision.reasons) == (
        Outcome.ALLOW,
        (Reason.TEMPERATURE_NORMAL, Reason.MEASURED_BY_HAND),
    )


def test_a_lane_that_fails_safe_lets_pass_what_its_missing_device_would_have_stopped_and_nothing_else():
    safe = replace(RULES, fail_safe=True)
    dark, unmeasured = Circumstances(NOW, camera_works=False), replace(NORMAL, verdict=Verdict.UNMEASURED)
    decision = decide_person(POLICY, safe, unmeasured, ANN, dark)
    assert (decision.outcome, set(decision.reasons)) == (Outcome.ALLOW, {Reason.UNMEASURED, Reason.DEVICE_GONE})
    assert decide_person(POLICY, safe, unmeasured, None, dark).outcome is Outcome.DENY
    assert decide_person(POLICY, safe, unmeasured, ANN, AT).outcome is Outcome.REMEASURE
    assert decide_person(POLICY, RULES, unmeasured, ANN, dark).outcome is Outcome.REMEASURE
    deaf = Circumstances(NOW, reader_works=False)
    assert decide_person(POLICY, safe, replace(NORMAL, badge=None), None, deaf).outcome is Outcome.ALLOW


@settings(deadline=None)
@given(policies, st.booleans(), seens, st.none() | entries, circumstances)
def test_nobody_is_let_in_unmeasured_feverish_isolated_or_unregistered(policy, reads, seen, entry, at):
    rules = LaneRules("north", reads_badges=reads, measures=True)
    decision = decide_person(policy, rules, seen, entry, at)
    if decision.outcome is Outcome.ALLOW:
        assert seen.verdict is Verdict.NORMAL
        assert seen.alone or seen.by_hand
        assert not seen.followed
        if reads or seen.badge is not None:
            assert seen.badge
            assert entry
            assert Flag.QUARANTINE not in entry.flags
            assert Flag.ISOLATION not in entry.flags or is_cleared(seen, entry)
    assert decision.reasons


def is_cleared(seen: PersonSeen, entry: RegistryEntry) -> bool:
    """A guard's thermometer showed no fever while nothing but a camera's stood behind the isolation."""
    return seen.by_hand and seen.verdict is Verdict.NORMAL and (entry.recheck_until_ns or 0) > NOW


@pytest.mark.parametrize(
    ("seen", "until_ns", "let_in"),
    [
        (replace(NORMAL, by_hand=True), NOW + 1, True),
        (replace(NORMAL, by_hand=True), NOW, False),
        (replace(NORMAL, by_hand=True), None, False),
        (NORMAL, NOW + 1, False),
        (replace(NORMAL, by_hand=True, verdict=Verdict.FEVER), NOW + 1, False),
    ],
)
def test_a_guards_thermometer_ends_an_isolation_by_a_cameras_word_alone_and_only_soon_after_it(seen, until_ns, let_in):
    isolated = replace(ANN, flags=(Flag.ISOLATION,), recheck_until_ns=until_ns)
    decision = decide_person(POLICY, RULES, seen, isolated, AT)
    assert (decision.outcome is Outcome.ALLOW, Reason.IN_ISOLATION not in decision.reasons) == (let_in, let_in)
    returnee = replace(isolated, flags=(Flag.ISOLATION, Flag.QUARANTINE))
    assert decide_person(POLICY, RULES, seen, returnee, AT).outcome is Outcome.DENY


@settings(deadline=None)
@given(policies, seens, st.none() | entries, circumstances)
def test_a_lane_that_fails_safe_still_keeps_out_the_feverish_and_the_isolated(policy, seen, entry, at):
    rules = LaneRules("north", reads_badges=True, measures=True, fail_safe=True)
    decision = decide_person(policy, rules, seen, entry, at)
    if decision.outcome is Outcome.ALLOW:
        assert seen.verdict is not Verdict.FEVER
        assert seen.badge is None or (entry and Flag.QUARANTINE not in entry.flags)
        assert entry is None or Flag.ISOLATION not in entry.flags or is_cleared(seen, entry) or seen.badge is None
        assert seen.badge or not at.reader_works
        assert seen.verdict is Verdict.NORMAL or not at.camera_works


@settings(deadline=None)
@given(policies, st.none() | st.just("p"), st.none() | entries, st.lists(st.sampled_from(Verdict), max_size=2))
def test_no_vehicle_is_let_in_unread_unregistered_or_with_a_fever(policy, plate, entry, verdicts):
    decision = decide_vehicle(policy, TRUCKS, VehicleLook(None, plate, occupants=tuple(verdicts)), entry, AT)
    if decision.outcome is Outcome.ALLOW:
        assert plate
        assert entry
        assert entry.holder is Holder.VEHICLE
        assert set(verdicts) <= {Verdict.NORMAL}
        if policy.disinfection_required and policy.vehicle.not_disinfected != "note":
            assert entry.disinfected_until_ns is not None
            assert entry.disinfected_until_ns > NOW
    assert decision.reasons


@settings(deadline=None)
@given(policies, seens, entries, circumstances)
def test_who_leaves_is_not_asked_what_only_concerns_coming_in(policy, seen, entry, at):
    decision = decide_person(policy, RULES, replace(seen, direction=Direction.OUT), entry, at)
    of_coming = {
        *(Reason.NOT_RESUMED, Reason.NOT_VALID_NOW, Reason.NOT_AT_THIS_HOUR, Reason.NOT_AT_THIS_GATE),
        *(Reason.NO_HOST, Reason.NO_STATED_REASON, Reason.NOT_DECLARED, Reason.NO_ISOLATION_PLACE),
        Reason.DECLARED_ILL,
    }
    assert not of_coming & set(decision.reasons)


def test_every_reason_that_a_site_can_weigh_is_one():
    weighed = {field.name for kind in (PersonEffects, VehicleEffects) for field in fields(kind)}
    assert weighed <= {reason.value.replace("-", "_") for reason in Reason}
