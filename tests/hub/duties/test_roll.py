"""The roll of a day: who is on duty, how often each was measured, and that counting as things come is counting anew."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.duties import lists
from hub.duties.desk import Book
from hub.duties.lists import Asked, By, Show
from hub.duties.roll import Check, Duty, Figures, Group, Means, Roll, Whom, total
from hub.duties.standing import DutyRules, Facts, Off, Standing, counted, off_because, standing

ZONE = ZoneInfo("Asia/Shanghai")
HOUR_NS = 3600 * 10**9
MIDNIGHT_NS = int(datetime(2020, 2, 10, tzinfo=ZONE).timestamp()) * 10**9
DAY = date(2020, 2, 10)
RULES = DutyRules(before_min=120, after_min=60)


def at(hour: float) -> int:
    return MIDNIGHT_NS + round(hour * HOUR_NS)


def duty(
    person: int, *, off: Off | None = None, hours: tuple[float, float] = (8, 17), team: int = 1, **more: object
) -> Duty:
    whom = Whom(person, f"{person:04d}", "李雷", team, "", (f"badge {person}",))
    if off is not None:
        hours = (0, 24)
    shift = None if off else round(hours[0]) + 1
    return Duty(whom, shift, off, at(hours[0]), at(hours[1]), Group(team, "", shift, off), **more)  # type: ignore[arg-type]


def check(number: int, hour: float, means: Means = Means.GATE) -> Check:
    return Check(number, at(hour), "north", "people", means)


def figures(roll: Roll, hour: float) -> Figures:
    return total(roll.figures(at(hour)).values())


@pytest.mark.parametrize(
    ("facts", "shift", "expected"),
    [
        (Facts(), 1, None),
        (Facts(), 0, Off.REST),
        (Facts(), None, Off.UNKNOWN),
        (Facts(closed=True), 1, Off.CLOSED),
        (Facts(away=Off.SICK, closed=True), 1, Off.SICK),
        (Facts(isolated=True, away=Off.SICK), 1, Off.ISOLATED),
    ],
)
def test_nobody_is_on_duty_who_is_isolated_away_resting_or_whose_site_is_closed(facts, shift, expected):
    assert off_because(facts, shift) is expected


@pytest.mark.parametrize(
    ("measured", "hour", "expected"),
    [
        (0, 7.9, Standing.TO_COME), (0, 8, Standing.FIRST_MISSING), (0, 20, Standing.FIRST_MISSING),
        (1, 7, Standing.SECOND_TO_COME), (1, 16.9, Standing.SECOND_TO_COME), (1, 17, Standing.SECOND_MISSING),
        (2, 7, Standing.DONE), (5, 20, Standing.DONE),
    ],
)  # fmt: skip
def test_the_first_is_missing_when_the_shift_began_and_the_second_when_it_is_over(measured, hour, expected):
    assert standing(measured, at(8), at(17), at(hour)) is expected


def test_coming_early_and_leaving_late_count_for_the_shift_and_no_other_time_does():
    roll = Roll(DAY, RULES, [duty(1)])
    for number, hour in enumerate((5.9, 6, 17.9, 18), start=1):
        roll.add("badge 1", check(number, hour))
    assert [found.number for found in roll.checks(1)] == [2, 3]


def test_a_night_shift_is_measured_after_midnight_too():
    roll = Roll(DAY, RULES, [duty(1, hours=(22, 30))])
    roll.add("badge 1", check(1, 21.7))
    assert roll.of(1, at(29)).standing is Standing.SECOND_TO_COME
    roll.add("badge 1", check(2, 30.4))
    assert roll.of(1, at(31)).standing is Standing.DONE


def test_measurements_of_one_occasion_count_once_where_the_site_wants_it():
    times = [at(8), at(8.2), at(8.4), at(8.6), at(17)]
    assert counted(times, 0) == 5
    assert counted(times, HOUR_NS // 2) == 3
    roll = Roll(DAY, DutyRules(apart_min=30), [duty(1)])
    roll.add("badge 1", check(1, 8))
    roll.add("badge 1", check(2, 8.1))
    assert roll.of(1, at(9)).measured == 1


def test_who_is_measured_without_being_on_duty_is_seen_but_not_who_leaves_the_night_shift_before():
    elsewhere = ((at(-2), at(7)),)
    roll = Roll(DAY, RULES, [duty(1, off=Off.REST), duty(2, off=Off.REST, elsewhere=elsewhere), duty(3, off=Off.SICK)])
    for person in (1, 2):
        roll.add(f"badge {person}", check(person, 6.5))
    assert figures(roll, 9) == Figures(resting=2, away=1, uncalled=1)


def test_who_has_no_known_shift_is_missed_only_after_they_came():
    roll = Roll(DAY, RULES, [duty(1, off=Off.UNKNOWN), duty(2, off=Off.UNKNOWN)])
    assert figures(roll, 12) == Figures(unknown=2)
    roll.add("badge 1", check(1, 8))
    assert figures(roll, 12) == Figures(on_duty=1, once=1, unknown=1)
    assert roll.of(1, at(12)).standing is Standing.SECOND_TO_COME
    assert roll.of(2, at(12)).standing is None


def test_a_correction_counts_and_what_was_struck_out_does_not():
    corrections = {1: [check(-1, 16, Means.CORRECTION)]}
    roll = Roll(DAY, RULES, [duty(1), duty(2)], corrections, {2: {7}})
    roll.add("badge 1", check(6, 8))
    roll.add("badge 2", check(7, 8))
    assert [roll.of(person, at(18)).measured for person in (1, 2)] == [2, 0]
    assert [found.means for found in roll.checks(1)] == [Means.GATE, Means.CORRECTION]


EVENTS = st.lists(st.tuples(st.integers(1, 5), st.integers(0, 47)), max_size=30)
CHANGES = st.lists(
    st.tuples(st.integers(1, 5), st.sampled_from([None, *Off]), st.integers(0, 12), st.integers(1, 3)), max_size=10
)


@given(EVENTS, CHANGES, st.permutations(range(40)), st.integers(0, 36))
def test_in_whatever_order_measurements_and_changes_come_the_figures_are_those_of_counting_anew(
    events, changes, order, hour
):
    start = {person: duty(person) for person in range(1, 4)}
    steps = [("check", one) for one in enumerate(events, start=1)] + [("change", one) for one in changes]
    steps = [steps[n] for n in order if n < len(steps)] + steps[len(order) :]
    roll, present = Roll(DAY, RULES, start.values()), dict(start)
    for kind, one in steps:
        if kind == "check":
            number, (person, half) = one
            for _ in range(2):
                roll.add(f"badge {person}", check(number, half / 2))
        else:
            person, off, begins, team = one
            changed = duty(person, off=off, hours=(begins, begins + 8), team=team)
            roll.replace([person], [changed], {}, {})
            present[person] = changed
    anew = Roll(DAY, RULES, present.values())
    for number, (person, half) in enumerate(events, start=1):
        anew.add(f"badge {person}", check(number, half / 2))
    assert list(roll.lines(at(hour))) == list(anew.lines(at(hour)))
    assert roll.figures(at(hour)) == anew.figures(at(hour))
    _agree(roll, hour)


def _agree(roll: Roll, hour: int) -> None:
    """Each figure is the length of its list, in all and by team."""
    book = Book(DAY, DAY, roll, {1: "一班", 2: "二班"}, {})
    for asked in (Asked(), Asked(team=1), Asked(team=2), Asked(grid="x"), Asked(shift=9)):
        found = lists.figures(book, asked, at(hour))
        counted_ = {show: len(list(lists.people(book, asked._replace(show=show), at(hour)))) for show in Show}
        assert counted_ == {show: getattr(found, show) for show in Show}
        assert found.on_duty == found.never + found.once + found.twice
        assert total(row.figures for row in lists.rows(book, asked, By.TEAM, at(hour))) == found


def test_somebody_who_is_gone_is_counted_no_more():
    roll = Roll(DAY, RULES, [duty(1), duty(2)])
    roll.replace([1], [], {}, {})
    assert roll.of(1, at(9)) is None
    assert list(roll.figures(at(9))) == [Group(1, "", 9, None)]
    assert figures(roll, 9).on_duty == 1
