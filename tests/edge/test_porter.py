"""What a lane says and tells its barrier: passages, the gate's memory and the guard's own hand together."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from edge.memory import Memory
from edge.passage import Crossing, Passage, VehicleFusion, VehicleSeen
from edge.policy import LaneRules
from edge.porter import ByHand, LaneParts, PeoplePorter, VehiclePorter
from edge.registry import Registry
from edge.rules import PolicySettings
from tests.support.clocks import at
from tests.support.gates import GUARD, badge, entry, people_porter, reading
from wire.errors import DecodeError
from wire.events import (
    Direction,
    Disinfection,
    Outcome,
    Override,
    PersonPassage,
    Reason,
    SecondaryMeasurement,
    VehiclePassage,
    Verdict,
)
from wire.registry import Flag, Holder, shard_of
from wire.sightings import Sighting

ANN, BOB = "token-ann", "token-bob"
HARD = PolicySettings(antipassback="hard", walk_s={"south": 240.0})


def pass_by(porter: PeoplePorter, token: str | None, at_s: float, verdict: Verdict = Verdict.NORMAL) -> PersonPassage:
    """Somebody shows badge and face; what is said of them."""
    acts = porter.badge(badge(token, at_s), at(at_s)) if token else []
    acts += porter.reading(reading(int(at_s * 10), at_s + 0.2, verdict), at(at_s + 0.2))
    acts += porter.due(at(at_s + 1))
    (act,) = acts
    assert isinstance(act.event, PersonPassage)
    assert act.decision is not None
    assert (act.decision.outcome, act.decision.reasons) == (act.event.outcome, act.event.reasons)
    return act.event


def test_a_badge_that_went_in_and_comes_again_was_passed_back_and_not_after_it_went_out():
    memory = Memory()
    way_in = people_porter(entry(ANN), policy=HARD, memory=memory)
    way_out = people_porter(entry(ANN), policy=HARD, memory=memory, name="out", direction=Direction.OUT)
    assert pass_by(way_in, ANN, 10).outcome is Outcome.ALLOW
    second = pass_by(way_in, ANN, 100)
    assert (second.outcome, Reason.PASSED_BACK in second.reasons) == (Outcome.DENY, True)
    left = pass_by(way_out, ANN, 200)
    assert (left.outcome, left.direction) == (Outcome.ALLOW, Direction.OUT)
    assert pass_by(way_in, ANN, 300).outcome is Outcome.ALLOW


def test_soft_antipassback_tells_and_lets_in_and_off_says_nothing():
    soft = people_porter(entry(ANN), policy=replace(HARD, antipassback="soft"))
    off = people_porter(entry(ANN), policy=replace(HARD, antipassback="off"))
    for porter in (soft, off):
        pass_by(porter, ANN, 10)
    told = pass_by(soft, ANN, 100)
    assert (told.outcome, Reason.PASSED_BACK in told.reasons) == (Outcome.ALLOW, True)
    assert Reason.PASSED_BACK not in pass_by(off, ANN, 100).reasons


def test_a_lane_inside_the_plant_says_where_it_leads_and_is_no_second_entrance():
    memory = Memory()
    gate = people_porter(entry(ANN), policy=HARD, memory=memory)
    canteen = people_porter(entry(ANN), policy=HARD, memory=memory, name="meals", place="canteen")
    assert pass_by(gate, ANN, 10).place is None
    for at_s in (100, 200):
        told = pass_by(canteen, ANN, at_s)
        assert (told.outcome, told.place) == (Outcome.ALLOW, "canteen")
    assert Reason.PASSED_BACK in pass_by(gate, ANN, 300).reasons
    other = people_porter(entry(BOB), policy=HARD, memory=memory, name="meals", place="canteen")
    pass_by(other, BOB, 400)
    assert pass_by(people_porter(entry(BOB), policy=HARD, memory=memory), BOB, 500).outcome is Outcome.ALLOW


def test_who_goes_through_unseen_is_told_with_the_place():
    porter = people_porter(entry(ANN), counts=True, place="office")
    porter.crossed(Crossing(at(12), Direction.IN))
    (told,) = [act.event for act in porter.due(at(60))]
    assert isinstance(told, PersonPassage)
    assert (told.reasons, told.place) == ((Reason.UNSCREENED_ENTRY,), "office")


def test_who_was_refused_is_not_inside():
    porter = people_porter(entry(ANN), policy=HARD)
    assert pass_by(porter, ANN, 10, Verdict.FEVER).outcome is Outcome.DENY
    assert pass_by(porter, ANN, 100).outcome is Outcome.ALLOW


def test_where_a_contact_counts_only_who_goes_through_is_inside():
    porter = people_porter(entry(ANN), policy=HARD, counts=True)
    pass_by(porter, ANN, 10)
    assert pass_by(porter, ANN, 100).outcome is Outcome.ALLOW
    porter.crossed(Crossing(at(102), Direction.IN))
    assert porter.due(at(103)) == []
    assert Reason.PASSED_BACK in pass_by(porter, ANN, 200).reasons


def test_a_badge_at_two_gates_within_a_walks_time_is_refused_and_told():
    memory = Memory()
    elsewhere = Sighting(ANN, "south", "people", Direction.OUT, at(10).time_ns, entered=True)
    memory.sightings.hear(elsewhere)
    porter = people_porter(entry(ANN), policy=HARD, memory=memory)
    soon = pass_by(porter, ANN, 100)
    assert (soon.outcome, Reason.TWO_GATES in soon.reasons) == (Outcome.DENY, True)
    assert pass_by(porter, ANN, 300).outcome is Outcome.ALLOW


def test_a_badge_at_two_lanes_of_one_gate_at_once_is_refused():
    memory = Memory()
    one = people_porter(entry(ANN), memory=memory, name="one")
    other = people_porter(entry(ANN), memory=memory, name="other")
    pass_by(one, ANN, 10)
    assert Reason.TWO_GATES in pass_by(other, ANN, 11).reasons


@pytest.mark.parametrize(
    ("crossings", "way", "reason"),
    [
        ([12.0, 13.5], Direction.IN, Reason.TAILGATING),
        ([12.0, 40.0], Direction.IN, Reason.UNSCREENED_ENTRY),
        ([12.0], Direction.OUT, Reason.WRONG_DIRECTION),
    ],
)
def test_who_goes_through_otherwise_than_let_in_is_told_each_for_what_it_is(crossings, way, reason):
    porter = people_porter(entry(ANN), counts=True)
    pass_by(porter, ANN, 10)
    for at_s in crossings:
        porter.crossed(Crossing(at(at_s), way))
    events = [act.event for act in porter.due(at(60))]
    assert [event.reasons for event in events if isinstance(event, PersonPassage)] == [(reason,)]
    assert events[0].time_ns == at(crossings[-1]).time_ns


def test_who_is_refused_and_goes_through_is_told_with_the_badge_and_is_inside():
    porter = people_porter(entry(ANN), policy=HARD, counts=True)
    pass_by(porter, ANN, 10, Verdict.FEVER)
    porter.crossed(Crossing(at(12), Direction.IN))
    ((event),) = [act.event for act in porter.due(at(13))]
    assert isinstance(event, PersonPassage)
    assert (event.badge, event.reasons) == (ANN, (Reason.ENTERED_REFUSED,))
    assert Reason.PASSED_BACK in pass_by(porter, ANN, 100).reasons


def test_who_walks_through_while_the_lane_still_waits_for_the_face_is_told_at_once():
    porter = people_porter(entry(ANN), counts=True)
    porter.badge(badge(ANN, 10), at(10))
    porter.crossed(Crossing(at(10.5), Direction.IN))
    events = [act.event for act in porter.due(at(11.05))]
    assert [event.reasons for event in events if isinstance(event, PersonPassage)] == [
        (Reason.UNMEASURED,),
        (Reason.ENTERED_REFUSED,),
    ]


def test_who_waited_in_vain_does_not_close_the_barrier_before_the_next():
    porter = people_porter(entry(ANN), entry(BOB))
    porter.badge(badge(BOB, 10), at(10))
    porter.badge(badge(ANN, 11.1), at(11.1))
    (let_in,) = porter.reading(reading(1, 11.4), at(11.4))
    assert (let_in.decision and let_in.decision.outcome) is Outcome.ALLOW
    (late,) = porter.due(at(12))
    assert isinstance(late.event, PersonPassage)
    assert (late.event.badge, late.event.outcome, late.decision) == (BOB, Outcome.REMEASURE, None)


def test_a_guards_thermometer_completes_a_passage_once():
    porter = people_porter(entry(ANN), policy=HARD)
    waiting = pass_by(porter, ANN, 10, Verdict.UNMEASURED)
    assert waiting.outcome is Outcome.REMEASURE
    act = porter.measured_by_hand(at(40), ByHand(36.6, waiting.passage, None, GUARD))
    assert isinstance(act.event, SecondaryMeasurement)
    assert (act.event.badge, act.event.outcome, act.event.body_c) == (ANN, Outcome.ALLOW, 36.6)
    assert Reason.MEASURED_BY_HAND in act.event.reasons
    assert act.decision is not None
    again = porter.measured_by_hand(at(50), ByHand(36.7, waiting.passage, None, GUARD))
    assert again.decision is None
    hot = porter.measured_by_hand(at(60), ByHand(38.2, waiting.passage, None, GUARD))
    assert (hot.decision and hot.decision.outcome) is Outcome.DENY


def test_a_guard_lets_in_at_once_whom_only_the_camera_isolated_and_nobody_whose_case_was_confirmed():
    for until_ns, outcome in ((at(7200).time_ns, Outcome.ALLOW), (None, Outcome.DENY)):
        registry = Registry([entry(ANN)])
        porter = people_porter(registry=registry)
        hot = pass_by(porter, ANN, 10, Verdict.FEVER)
        isolated = replace(entry(ANN), flags=(Flag.ISOLATION,), recheck_until_ns=until_ns)
        registry.put_shard(shard_of(ANN), [isolated])  # the hub was faster than the guard
        assert Reason.IN_ISOLATION in pass_by(porter, ANN, 20).reasons, "a second look of the camera ends nothing"
        act = porter.measured_by_hand(at(40), ByHand(36.6, hot.passage, None, GUARD))
        assert isinstance(act.event, SecondaryMeasurement)
        assert (act.event.outcome, Reason.IN_ISOLATION in act.event.reasons) == (outcome, outcome is Outcome.DENY)


def test_a_thermometer_does_not_make_a_stranger_known():
    porter = people_porter(entry(ANN))
    unknown = pass_by(porter, BOB, 10)
    act = porter.measured_by_hand(at(40), ByHand(36.6, unknown.passage, None, GUARD))
    assert (act.decision and act.decision.outcome) is Outcome.DENY
    walked_in = porter.measured_by_hand(at(50), ByHand(36.6, None, ANN, GUARD))
    assert (walked_in.decision and walked_in.decision.outcome) is Outcome.ALLOW


@pytest.mark.parametrize("body_c", [20.0, 32.9, 43.1, 98.6, float("nan")])
def test_what_is_no_body_temperature_is_refused_with_words(body_c):
    with pytest.raises(ValueError, match="is no body temperature"):
        people_porter(entry(ANN)).measured_by_hand(at(1), ByHand(body_c, None, ANN, GUARD))


def test_a_guards_override_is_named_reasoned_recorded_and_lets_go_through():
    porter = people_porter(counts=True)
    refused = pass_by(porter, BOB, 10)
    act = porter.override(at(30), Outcome.ALLOW, GUARD, "new badge, known to me", refused.passage)
    assert isinstance(act.event, Override)
    assert (act.event.by, act.event.passage, act.event.why) == (GUARD, refused.passage, "new badge, known to me")
    porter.crossed(Crossing(at(32), Direction.IN))
    assert porter.due(at(33)) == []
    for by, why in (("", "why"), (GUARD, "  "), ("a name", "why")):
        with pytest.raises(DecodeError):
            porter.override(at(40), Outcome.ALLOW, by, why, None)


def test_a_terminal_that_reads_badge_and_face_at_once_is_one_passage_and_what_is_old_moves_no_barrier():
    porter = people_porter(entry(ANN), counts=True)
    act = porter.together(Passage(at(10), badge(ANN, 10), reading(1, 10)), at(10), reads_badges=True)
    assert (act.decision and act.decision.outcome) is Outcome.ALLOW
    face = porter.together(Passage(at(15), None, reading(2, 15)), at(15), reads_badges=False)
    assert (face.decision and face.decision.outcome) is Outcome.ALLOW
    old = porter.together(Passage(at(20), badge(ANN, 20), reading(3, 20)), at(9000), reads_badges=True, live=False)
    assert old.decision is None
    porter.crossed(Crossing(at(9001), Direction.IN))
    assert [act.event.reasons for act in porter.due(at(9002)) if isinstance(act.event, PersonPassage)] == [
        (Reason.UNSCREENED_ENTRY,)
    ]


# -- vehicles --------------------------------------------------------------------------------------------------------

TRUCK = entry("plate-0001", holder=Holder.VEHICLE)


def vehicle_porter(*entries, measures: bool = False) -> VehiclePorter:
    names = iter(range(1, 100))
    rules = LaneRules("north", reads_badges=False, measures=measures)
    parts = LaneParts("trucks", rules, PolicySettings(), Registry(entries), Memory(), lambda: f"v{next(names)}")
    return VehiclePorter(parts, VehicleFusion(reads_tags=False, reads_plates=True, measures=measures))


def test_a_vehicle_that_is_disinfected_at_the_gate_is_decided_upon_again_and_comes_in_until_that_is_over():
    porter = vehicle_porter(TRUCK)
    (dirty,) = porter.seen(VehicleSeen(at(10), plate=TRUCK.token), at(10))
    assert (dirty.decision and dirty.decision.outcome) is Outcome.DENY
    record, again = porter.disinfected(at(400), TRUCK.token, GUARD, "84")
    assert isinstance(record.event, Disinfection)
    assert record.decision is None
    assert isinstance(again.event, VehiclePassage)
    assert again.event.outcome is Outcome.ALLOW
    (later,) = porter.seen(VehicleSeen(at(20 * 3600), plate=TRUCK.token), at(20 * 3600))
    assert (later.decision and later.decision.outcome) is Outcome.ALLOW
    (tomorrow,) = porter.seen(VehicleSeen(at(25 * 3600), plate=TRUCK.token), at(25 * 3600))
    assert (tomorrow.decision and tomorrow.decision.outcome) is Outcome.DENY
    with pytest.raises(DecodeError):
        porter.disinfected(at(1), "?", GUARD, "84")


@pytest.mark.parametrize(("recorded", "read"), [("tag", "plate"), ("plate", "tag"), ("plate", "plate"), ("tag", "tag")])
def test_a_disinfection_counts_for_the_vehicle_whichever_of_its_tokens_was_read(recorded, read):
    plate = replace(TRUCK, tag="tag-0001")
    tag = replace(TRUCK, token="tag-0001", plate=plate.token)
    tokens = {"tag": tag.token, "plate": plate.token}
    porter = vehicle_porter(plate, tag)
    (waits,) = porter.seen(VehicleSeen(at(10), **{read: tokens[read]}), at(10)) + porter.due(at(20))
    assert (waits.decision and waits.decision.outcome) is Outcome.DENY
    _, again = porter.disinfected(at(100), tokens[recorded], GUARD, "84")
    assert (again.decision and again.decision.outcome) is Outcome.ALLOW
    (later,) = porter.seen(VehicleSeen(at(3600), **{read: tokens[read]}), at(3600)) + porter.due(at(3610))
    assert (later.decision and later.decision.outcome) is Outcome.ALLOW


def test_the_disinfection_of_one_vehicle_is_not_anothers():
    other = replace(TRUCK, token="plate-0002", tag="tag-0002")
    porter = vehicle_porter(replace(TRUCK, tag="tag-0001"), other, replace(other, token="tag-0002", plate=other.token))
    porter.disinfected(at(1), "tag-0001", GUARD, "84")
    (dirty,) = porter.seen(VehicleSeen(at(10), plate=other.token), at(10))
    assert dirty.decision is not None
    assert Reason.NOT_DISINFECTED in dirty.decision.reasons


def test_a_driver_with_a_fever_keeps_the_vehicle_out_and_is_a_person_with_a_fever():
    porter = vehicle_porter(replace(TRUCK, disinfected_until_ns=2**62), measures=True)
    porter.seen(VehicleSeen(at(10), plate=TRUCK.token), at(10))
    vehicle, driver = porter.reading(reading(1, 11, Verdict.FEVER), at(11))
    assert isinstance(vehicle.event, VehiclePassage)
    assert vehicle.event.outcome is Outcome.DENY
    assert isinstance(driver.event, PersonPassage)
    assert (driver.event.verdict, driver.event.reasons, driver.decision) == (Verdict.FEVER, (Reason.FEVER,), None)
    act = porter.measured_by_hand(at(60), ByHand(36.5, vehicle.event.passage, None, GUARD))
    assert (act.decision and act.decision.outcome) is Outcome.ALLOW


def test_somebody_on_foot_on_a_lane_for_vehicles_is_an_unscreened_entry():
    porter = vehicle_porter(TRUCK, measures=True)
    assert porter.reading(reading(1, 11), at(11)) == []
    (act,) = porter.due(at(20))
    assert isinstance(act.event, PersonPassage)
    assert Reason.UNSCREENED_ENTRY in act.event.reasons
    assert act.event.outcome is Outcome.DENY
