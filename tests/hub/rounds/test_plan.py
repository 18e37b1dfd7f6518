"""Which rounds are due when: every working day's, and each moment belongs to exactly one of a place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.rounds.plan import Stop, due, times_of
from hub.rounds.settings import RoundSettings
from hub.rounds.state import State, Window, state_of

ZONE = ZoneInfo("Asia/Shanghai")
HOUR_NS = 3600 * 10**9
CANTEEN = Stop("canteen", place="canteen-1")


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp()) * 10**9


def said(found) -> list[tuple[str, ...]]:
    """Due, from and until, as the site's clock shows them."""
    moments = [(one.time_ns, one.from_ns, one.until_ns) for one in found]
    return [tuple(datetime.fromtimestamp(ns / 1e9, ZONE).strftime("%d %H:%M") for ns in row) for row in moments]


def test_a_working_day_has_a_round_before_and_one_after_it():
    found = due([CANTEEN], RoundSettings(), ZONE, at("2020-02-10"), at("2020-02-11"))
    assert said(found) == [("10 08:00", "10 04:00", "10 16:00"), ("10 20:00", "10 16:00", "11 04:00")]


def test_a_moment_is_due_once_and_a_look_that_ends_there_has_it():
    eight = at("2020-02-10 08:00")
    assert len(due([CANTEEN], RoundSettings(), ZONE, eight - 1, eight)) == 1
    assert due([CANTEEN], RoundSettings(), ZONE, eight, eight + HOUR_NS) == []


def test_where_it_matters_most_several_rounds_share_the_day_without_overlapping():
    often = Stop("canteen", place="canteen-1", times=("06:30", "08:00", "11:00"))
    found = due([often], RoundSettings(), ZONE, at("2020-02-10"), at("2020-02-11"))
    assert said(found) == [
        ("10 06:30", "10 02:30", "10 06:30"),
        ("10 08:00", "10 06:30", "10 08:00"),
        ("10 11:00", "10 08:00", "11 02:30"),
    ]


def test_a_kind_may_have_times_of_its_own_and_a_place_before_that():
    known = RoundSettings(kinds={"canteen": ["10:00"]})
    assert times_of(CANTEEN, known) == ("10:00",)
    assert times_of(Stop("office", place="o"), known) == ("08:00", "20:00")
    assert times_of(Stop("canteen", place="c", times=("09:00",)), known) == ("09:00",)
    assert due([CANTEEN], RoundSettings(kinds={"canteen": []}), ZONE, at("2020-02-10"), at("2020-02-20")) == []


def test_nothing_is_due_on_a_free_day_and_friday_s_evening_can_be_made_good_until_monday():
    weekdays = RoundSettings(weekdays=[1, 2, 3, 4, 5])
    found = due([CANTEEN], weekdays, ZONE, at("2020-02-14"), at("2020-02-17"))  # Friday to Sunday
    assert said(found) == [("14 08:00", "14 04:00", "14 16:00"), ("14 20:00", "14 16:00", "17 04:00")]


def test_a_place_and_a_bus_may_be_due_together_and_the_wire_takes_them():
    bus = Stop("commuter", vehicle="a-token-of-it", vehicle_tag="a-tag-of-it-")
    found = due([bus, CANTEEN], RoundSettings(), ZONE, at("2020-02-10"), at("2020-02-10 12:00"))
    assert [(one.kind, one.place, one.vehicle) for one in found] == [
        ("canteen", "canteen-1", None),
        ("commuter", None, "a-token-of-it"),
    ]
    assert all(msgspec.json.decode(msgspec.json.encode(one), type=type(one)) == one for one in found)


_times = st.lists(st.times().map(lambda moment: f"{moment:%H:%M}"), min_size=1, max_size=5, unique=True)
_days = st.lists(st.integers(1, 7), max_size=7, unique=True)
_zones = st.sampled_from([UTC, ZONE, ZoneInfo("Europe/Berlin"), ZoneInfo("America/St_Johns")])


@settings(max_examples=60, deadline=None)
@given(_times, _days, st.floats(0.5, 24), _zones, st.integers(0, 366 * 24))
def test_each_moment_of_a_place_belongs_to_exactly_one_round(times, weekdays, within_h, zone, hours):
    plan = RoundSettings(times=times, within_h=within_h, weekdays=weekdays)
    begin_ns = at("2020-01-01") + hours * HOUR_NS
    found = due([CANTEEN], plan, zone, begin_ns, begin_ns + 15 * 24 * HOUR_NS)
    for before, after in pairwise(found):
        assert before.until_ns == after.from_ns
        assert before.from_ns <= before.time_ns <= before.until_ns
    cut_ns = begin_ns + 7 * 24 * HOUR_NS
    end_ns = begin_ns + 15 * 24 * HOUR_NS
    parts = [one for span in ((begin_ns, cut_ns), (cut_ns, end_ns)) for one in due([CANTEEN], plan, zone, *span)]
    assert parts == found, "it makes no difference how often one looks"
    days = {datetime.fromtimestamp(one.time_ns / 1e9, zone).isoweekday() for one in found}
    assert days == set(weekdays or range(1, 8))


@given(st.lists(st.integers(0, 100)), st.integers(0, 40), st.integers(0, 30), st.integers(0, 30))
def test_what_became_of_a_round_is_a_matter_of_the_first_disinfection_that_counts(times, start, before, after):
    window = Window(start, start + before, start + before + after)
    state, first = state_of(window, times)
    counting = [moment for moment in times if start < moment <= window.until_ns]
    assert first == (min(counting) if counting else None)
    assert (state is State.OVERDUE) is (not counting)
    assert (state is State.DONE) is any(moment <= window.due_ns for moment in counting)
    assert state_of(window, reversed(times)) == (state, first)


def test_a_day_of_23_hours_has_its_rounds_at_the_hours_of_the_clock():
    berlin = ZoneInfo("Europe/Berlin")
    spring = int(datetime(2020, 3, 29, tzinfo=berlin).timestamp()) * 10**9
    found = due([CANTEEN], RoundSettings(), berlin, spring, spring + 23 * HOUR_NS)
    hours = [datetime.fromtimestamp(one.time_ns / 1e9, berlin).hour for one in found]
    assert hours == [8, 20]
    assert found[1].time_ns - found[0].time_ns == timedelta(hours=12).total_seconds() * 1e9
