"""Meals by turns: who eats when, who does not keep to it, and when a canteen is crowded."""

from __future__ import annotations

import datetime as dt
import itertools
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from sim.illness import is_fever
from sim.meals import Crowds, Slot, seat, slots
from sim.plant import BUILT_IN, ZONE, Conduct, Kind, Plant, Shift
from sim.roster import sites, token_key
from sim.story import Story
from sim.truth import CrowdTruth, Misconduct, PersonTruth, SecondaryTruth, Truth
from wire.events import Direction, Outcome

HUNGRY = Plant(
    people=400,
    canteens=2,
    canteen_seats=35,
    eaters_share=1.0,
    office_share=0.5,
    conduct=Conduct(out_of_slot_share=0.1, served_late_share=0.2, skipped_second_share=0.1),
)


def story_of(which: Plant, seed: int = 1, days: int = 3) -> list[Truth]:
    (site,) = sites(which, seed, token_key(seed))
    return list(itertools.chain.from_iterable(Story(site).days(days)))


STORY = story_of(HUNGRY)
MEALS = [truth for truth in STORY if isinstance(truth, PersonTruth) and truth.slot]


def minute_of(time_ns: int) -> float:
    moment = dt.datetime.fromtimestamp(time_ns / 1e9, ZONE)
    return moment.hour * 60 + moment.minute + moment.second / 60


def is_within(slot: str, time_ns: int) -> bool:
    """By the words of the slot alone."""
    begin, end = (int(text[:2]) * 60 + int(text[3:]) for text in slot.split("-"))
    return (minute_of(time_ns) - begin) % 1440 < (end - begin) % 1440


def test_teams_eat_by_turns_on_their_own_time_but_who_strays_is_served_late_or_has_to_be_measured_again():
    assert len(MEALS) > 500
    assert {truth.place for truth in MEALS} == {"canteen-1", "canteen-2"}
    for truth in MEALS:
        assert truth.in_slot == is_within(truth.slot, truth.time_ns)
    share = sum(truth.in_slot for truth in MEALS) / len(MEALS)
    assert 0.6 < share < 0.85
    strays = [truth for truth in MEALS if Misconduct.OUT_OF_SLOT in truth.misconduct]
    assert 0.05 < len(strays) / len(MEALS) < 0.15
    assert not any(truth.in_slot for truth in strays)


def test_where_everybody_keeps_to_it_and_is_served_in_time_hardly_anybody_is_out_of_slot():
    orderly = replace(HUNGRY, conduct=Conduct(out_of_slot_share=0.0, served_late_share=0.0), canteen_seats=60)
    story = story_of(orderly)
    meals = [truth for truth in story if isinstance(truth, PersonTruth) and truth.slot]
    assert sum(truth.in_slot for truth in meals) / len(meals) > 0.97
    assert not [truth for truth in story if isinstance(truth, CrowdTruth)]


def came_into(canteen: str) -> list[int]:
    """When somebody was let in there, by the truth of passages and guards' measurements alone."""
    by_hand = {truth.passage: truth for truth in STORY if isinstance(truth, SecondaryTruth)}
    came = []
    for truth in MEALS:
        second = by_hand.get(truth.passage)
        if truth.place == canteen and truth.outcome is Outcome.ALLOW:
            came.append(truth.time_ns)
        elif truth.place == canteen and second is not None and not is_fever(second.body_c):
            came.append(second.time_ns)
    return came


def test_a_canteen_is_crowded_while_more_came_in_within_a_sitting_than_there_are_seats():
    stay_ns, seats = int(HUNGRY.sitting_min * 60e9), HUNGRY.canteen_seats
    crowds = [truth for truth in STORY if isinstance(truth, CrowdTruth)]
    assert len(crowds) > 10
    for canteen in ("canteen-1", "canteen-2"):
        came = came_into(canteen)
        people = {at_ns: sum(at_ns - stay_ns < since <= at_ns for since in came) for at_ns in came}
        own = [truth for truth in crowds if truth.place == canteen]
        assert [truth.crowded for truth in own] == [True, False] * (len(own) // 2)
        spans = list(zip(own[::2], own[1::2], strict=True))
        for begin, _ in spans:
            assert people[begin.time_ns] == begin.people == seats + 1
        for at_ns, count in people.items():
            crowded = any(begin.time_ns <= at_ns < end.time_ns for begin, end in spans)
            assert crowded == (count > seats)


def test_office_people_have_a_second_check_at_the_office_and_who_skips_it_is_in_the_truth_alone():
    (site,) = sites(HUNGRY, 1, token_key(1))
    office = {member.badge for member in site.members if member.office}
    at_office = [truth for truth in STORY if isinstance(truth, PersonTruth) and truth.place == "office"]
    assert {truth.person for truth in at_office} <= office
    assert len({truth.person for truth in at_office}) > 0.9 * len(office)
    skipped = [truth for truth in at_office if not truth.seen]
    assert {truth.direction for truth in skipped} == {Direction.IN}
    coming = sum(truth.direction is Direction.IN for truth in at_office)
    assert 0.05 < len(skipped) / coming < 0.15
    assert not any(truth.facts.measured for truth in skipped)


@given(st.integers(0, 300), st.integers(1, 12), st.integers(1, 9))
def test_teams_of_a_shift_are_spread_evenly_over_sittings_and_canteens(teams, sittings, canteens):
    plant = Plant(canteens=canteens, canteen_sittings=sittings)
    found = Counter(seat(plant, number) for number in range(teams))
    fewest = min(found.values(), default=0) if len(found) == sittings * canteens else 0
    assert max(found.values(), default=0) - fewest <= 1


def test_a_sitting_is_told_as_the_clock_says_over_midnight_too():
    night = slots(Plant(), Shift(name="night", from_h=20.5, to_h=5.0))
    assert [str(slot) for slot in night] == ["00:00-00:30", "00:30-01:00", "01:00-01:30"]
    assert str(Slot(23.5, 24.0)) == "23:30-00:00"
    assert slots(Plant(), Shift(name="short", from_h=8.0, to_h=12.0)) == []
    assert slots(BUILT_IN["demo"], BUILT_IN["demo"].shifts[0]) == []


@given(st.lists(st.integers(0, 5000), max_size=60), st.integers(1, 5), st.integers(1, 4))
def test_however_days_are_cut_the_crowds_are_the_same(arrivals, seats, days):
    plant = Plant(canteen_seats=seats, sitting_min=10.0)
    whole, cut = Crowds(plant), Crowds(plant)
    for at_s in arrivals:
        whole.came(0, float(at_s))
        cut.came(0, float(at_s))
    told = [served for day in range(1, days + 1) for served in cut.until(6000.0 * day / days)]
    assert told == list(whole.until(6000.0))


def test_checkpoints_are_named_after_their_places_and_places_are_disinfected_with_a_checkpoint_or_without():
    several = BUILT_IN["plant"]
    points = several.checkpoints()
    assert [point.gate for point in points] == several.gate_names()
    assert Counter(point.kind for point in points) == {Kind.ENTRANCE: 20, Kind.OFFICE: 4, Kind.CANTEEN: 6}
    assert points[several.office(0)].place == "office-1"
    assert points[several.canteen(5)].place == "canteen-6"
    assert {point.place for point in points} - {None} <= set(several.places())
    assert BUILT_IN["demo"].places() == ["workshop", "office", "dormitory", "canteen", "isolation"]
