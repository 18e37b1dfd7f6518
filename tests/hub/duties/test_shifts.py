"""Which shift somebody works on a day, from what HR says of them, their team and the site."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.duties.shifts import NOTHING, REST, Cycle, Hours, Plan, shift_on

MONDAY = date(2020, 2, 10)
DAY, LATE, NIGHT = 1, 2, 3
FOUR_TEAMS = (DAY, DAY, LATE, LATE, NIGHT, NIGHT, REST, REST)
"""四班三运转."""


def moment_ns(day: date, at: time) -> int:
    return int(datetime.combine(day, at, ZoneInfo("Asia/Shanghai")).timestamp()) * 10**9


def test_four_teams_of_one_cycle_keep_every_shift_manned_by_one_team_each_day():
    teams = [Plan({}, (Cycle(MONDAY - timedelta(days=2 * n), FOUR_TEAMS),)) for n in range(4)]
    for n in range(30):
        day = MONDAY + timedelta(days=n)
        assert sorted(shift_on(day, NOTHING, team, NOTHING) for team in teams) == [REST, DAY, LATE, NIGHT]


def test_a_week_begins_on_monday_whatever_day_the_rota_begins():
    week = Plan({}, (Cycle(date(2020, 2, 13), (DAY,) * 5 + (REST,) * 2),))
    worked = [shift_on(MONDAY + timedelta(days=n), NOTHING, week, NOTHING) for n in range(7)]
    assert worked == [None, None, None, DAY, DAY, REST, REST], "before it begins nobody said"


def test_the_newest_rota_that_has_begun_counts():
    team = Plan({}, (Cycle(date(2020, 2, 20), (NIGHT,)), Cycle(MONDAY, (DAY,))))
    assert shift_on(date(2020, 2, 19), NOTHING, team, NOTHING) == DAY
    assert shift_on(date(2020, 2, 20), NOTHING, team, NOTHING) == NIGHT


@pytest.mark.parametrize(
    ("own", "team", "site", "expected"),
    [
        (NOTHING, NOTHING, NOTHING, None),
        (NOTHING, NOTHING, Plan({MONDAY: REST}), REST),
        (NOTHING, Plan({}, shift=DAY), NOTHING, DAY),
        (NOTHING, Plan({}, shift=DAY), Plan({MONDAY: REST}), REST),
        (NOTHING, Plan({MONDAY: NIGHT}, shift=DAY), Plan({MONDAY: REST}), NIGHT),
        (NOTHING, Plan({}, (Cycle(MONDAY, (LATE,)),), DAY), NOTHING, LATE),
        (Plan({}, shift=NIGHT), Plan({}, (Cycle(MONDAY, (LATE,)),), DAY), NOTHING, NIGHT),
        (Plan({MONDAY: REST}, shift=NIGHT), Plan({MONDAY: DAY}), NOTHING, REST),
    ],
)
def test_a_single_day_goes_before_a_rota_one_s_own_before_the_team_s(own, team, site, expected):
    assert shift_on(MONDAY, own, team, site) == expected


@given(st.integers(0, 1439), st.integers(0, 1439))
def test_a_shift_lasts_at_most_a_day_and_ends_after_it_began(from_min, to_min):
    from_ns, until_ns = Hours(1, "x", from_min, to_min).span(MONDAY, moment_ns)
    length_min = (until_ns - from_ns) // (60 * 10**9)
    assert 0 < length_min <= 1440
    assert length_min % 1440 == (to_min - from_min) % 1440
    assert from_ns == moment_ns(MONDAY, time(from_min // 60, from_min % 60))
