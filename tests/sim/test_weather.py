"""The weather, and what it does to a face."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.plant import Climate
from sim.weather import Outside, face_deficit_k, outside

FROST = Outside(-2.75, 0.0)
FOREHEAD = 4.0
"""A forehead suffers so many times more than the inner canthi."""


@pytest.mark.parametrize(("minutes", "forehead_k"), [(0, 3.4), (1, 1.7), (3, 0.8), (5, 0.5)])
def test_a_face_warms_up_as_it_was_measured(minutes, forehead_k):
    assert face_deficit_k(FROST, minutes) * FOREHEAD == pytest.approx(forehead_k, rel=0.01)


def test_from_15_below_zero_a_forehead_needs_about_nine_minutes():
    assert face_deficit_k(Outside(-15.0, 0.0), 9) * FOREHEAD == pytest.approx(0.3, abs=0.1)


@given(st.floats(-40, 45), st.floats(0, 25), st.floats(0, 600), st.floats(0, 600))
def test_the_longer_in_the_warm_and_the_milder_outside_the_less(air_c, wind_ms, one, other):
    early, late = sorted((one, other))
    weather = Outside(air_c, wind_ms)
    assert 0 <= face_deficit_k(weather, late) <= face_deficit_k(weather, early)
    assert face_deficit_k(Outside(air_c - 5, wind_ms), one) >= face_deficit_k(weather, one)


def test_wind_makes_it_colder_and_a_time_that_is_not_yet_is_refused():
    assert Outside(-15.0, 8.0).feels_c < Outside(-15.0, 2.0).feels_c < -15.0
    assert Outside(20.0, 8.0).feels_c == 20.0
    with pytest.raises(ValueError, match="expected 0 or more"):
        face_deficit_k(FROST, -1)


def test_a_year_has_its_seasons_and_its_nights_and_some_of_it_is_colder_than_25_below_zero():
    climate = Climate()
    year = [dt.date(2020, 1, 1) + dt.timedelta(days=day) for day in range(366)]
    noon = {date: outside(climate, 1, date, 14).air_c for date in year}
    dawn = {date: outside(climate, 1, date, 5).air_c for date in year}
    assert all(dawn[date] < noon[date] for date in year)
    january = [noon[date] for date in year if date.month == 1]
    july = [noon[date] for date in year if date.month == 7]
    assert sum(july) / 31 - sum(january) / 31 == pytest.approx(34, abs=8)
    assert min(outside(climate, seed, date, 5).air_c for seed in range(5) for date in year) < -25
    assert outside(climate, 1, year[0], 5) == outside(climate, 1, year[0], 5)
