"""错时用餐: whose time it is when somebody comes to the canteen."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.crowds.meals import Diner, Meal, Slot, Visit, by_team, every_slot, meal_of, slots_of
from tests.support.console import ZONE

WELDERS, FITTERS, NIGHT = 1, 2, 3
SLOTS = {
    WELDERS: slots_of("11:30-12:00,17:30-18:00"),
    FITTERS: slots_of("12:00-12:30"),
    NIGHT: slots_of("23:45-00:15"),
}


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2020-02-10 {clock}").replace(tzinfo=ZONE)


def minute(clock: str) -> float:
    """The minute of the day."""
    hours, minutes, seconds = (int(part) for part in clock.split(":"))
    return hours * 60 + minutes + seconds / 60


@pytest.mark.parametrize(
    ("team", "clock", "meal"),
    [
        (WELDERS, "11:25:00", Meal.IN_SLOT),
        (WELDERS, "11:24:59", Meal.BETWEEN),
        (WELDERS, "12:05:00", Meal.IN_SLOT),
        (WELDERS, "12:05:01", Meal.OUT_OF_SLOT),
        (WELDERS, "17:45:00", Meal.IN_SLOT),
        (FITTERS, "11:40:00", Meal.OUT_OF_SLOT),
        (FITTERS, "09:00:00", Meal.BETWEEN),
        (NIGHT, "00:10:00", Meal.IN_SLOT),
        (NIGHT, "23:40:00", Meal.IN_SLOT),
        (NIGHT, "00:21:00", Meal.BETWEEN),
        (9, "11:40:00", Meal.NO_SLOT),
        (None, "11:40:00", Meal.NO_SLOT),
    ],
)
def test_a_meal_is_in_the_teams_own_time_or_in_anothers_or_in_nobodys(team, clock, meal):
    assert meal_of(team, minute(clock), SLOTS, every_slot(SLOTS), 5.0) is meal


@given(st.integers(0, 1439), st.integers(0, 1439), st.integers(0, 1439), st.integers(0, 60))
def test_a_time_over_midnight_is_as_long_as_any_other(from_min, length, after, tolerance):
    slot = Slot(from_min, (from_min + length) % 1440)
    moment = (from_min + after) % 1440
    if length + 2 * tolerance < 1440:
        inside = any(-tolerance <= after + shift <= length + tolerance for shift in (0, -1440))
        assert slot.holds(moment, tolerance) is inside


def test_each_person_counts_once_a_team_and_way_and_unknown_badges_count_as_of_no_team():
    noon = int(at("12:00:00").timestamp()) * 10**9
    ann, bob = Diner(7, WELDERS), Diner(8, WELDERS)
    visits = [
        Visit(noon, "card-1", ann, Meal.OUT_OF_SLOT),
        Visit(noon + 5, "card-2", ann, Meal.OUT_OF_SLOT),  # the same person's second card
        Visit(noon + 9, "card-3", bob, Meal.OUT_OF_SLOT),
        Visit(noon + 9, "card-3", bob, Meal.IN_SLOT),
        Visit(noon, "lost-card", None, Meal.NO_SLOT),
    ]
    found = by_team(visits)
    assert found[WELDERS].people == {Meal.OUT_OF_SLOT: 2, Meal.IN_SLOT: 1, Meal.BETWEEN: 0, Meal.NO_SLOT: 0}
    assert (found[WELDERS].first_ns, found[WELDERS].last_ns) == (noon, noon + 9)
    assert found[None].people[Meal.NO_SLOT] == 1


def test_what_is_no_time_is_refused():
    assert slots_of("") == ()
    with pytest.raises(ValueError, match="not enough values"):
        slots_of("noon-12:00")
    assert at("00:00:00") + timedelta(minutes=SLOTS[NIGHT][0].to_min) == at("00:15:00")
