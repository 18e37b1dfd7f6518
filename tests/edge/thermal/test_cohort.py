"""The cohort follows its people and never runs away."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.thermal.cohort import MAX_FALL_C, MAX_RISE_C, MAX_SPREAD_C, SESSION_GAP_NS, Cohort, CohortState
from edge.thermal.settings import ThermalSettings

HELD = ThermalSettings(reference_c=35.0)
ALONE = ThermalSettings(reference_c=None)
USUAL_C = HELD.limit_c - HELD.cohort_delta_c
MINUTE_NS = 60 * 10**9
MORNING_NS = 1_581_200_000 * 10**9


def filled(settings: ThermalSettings, skins_c: list[float], begin_ns: int = MORNING_NS) -> tuple[Cohort, int]:
    """A cohort after these people, one a minute, and the minute after the last."""
    cohort = Cohort(settings)
    for n, skin_c in enumerate(skins_c):
        cohort.add(skin_c, begin_ns + n * MINUTE_NS)
    return cohort, begin_ns + len(skins_c) * MINUTE_NS


def people(count: int, shift_k: float = 0.0, seed: int = 1) -> list[float]:
    return [float(one) for one in np.random.default_rng(seed).normal(USUAL_C + shift_k, 0.36, count)]


def limit_c(cohort: Cohort, now_ns: int) -> float:
    return cohort.centre_c(now_ns) + HELD.cohort_delta_c + cohort.wider_k


@pytest.mark.parametrize("settings", [HELD, ALONE])
def test_nobody_yet_is_as_usual(settings):
    assert Cohort(settings).centre_c(MORNING_NS) == pytest.approx(USUAL_C)


def test_the_evening_is_judged_by_the_evening():
    """A fixed limit says fever of one well person in ten when bodies are 0.25 K warmer late in the day."""
    warm_k = 0.25 * 0.82
    evening = people(400, warm_k)
    cohort, now_ns = filled(HELD, evening[:200])
    late = evening[200:]
    fixed, followed = (
        sum(one >= limit for one in late) / len(late) for limit in (HELD.limit_c, limit_c(cohort, now_ns))
    )
    assert fixed > 0.15
    assert followed < 0.13


def test_the_first_of_an_evening_shift_are_judged_by_the_evenings_before():
    cohort = Cohort(HELD)
    evening_ns = 10 * 60 * MINUTE_NS
    for day in range(3):
        day_ns = MORNING_NS + day * 24 * 60 * MINUTE_NS
        for n, (cool, warm) in enumerate(zip(people(60, -0.15, day), people(60, 0.25, 10 + day), strict=True)):
            cohort.add(cool, day_ns + n * MINUTE_NS // 2)
            cohort.add(warm, day_ns + evening_ns + n * MINUTE_NS // 2)
    next_ns = MORNING_NS + 3 * 24 * 60 * MINUTE_NS
    assert cohort.centre_c(next_ns) == pytest.approx(USUAL_C - 0.15, abs=0.1)
    assert cohort.centre_c(next_ns + evening_ns) == pytest.approx(USUAL_C + 0.25, abs=0.1)


def test_glasses_that_lower_the_median_do_not_make_the_bare_faced_feverish():
    """Three in ten wear glasses and read 0.5 K colder: of the others one in twenty is flagged, as without them."""
    draw = np.random.default_rng(6)
    bare = people(600, seed=7)
    mixed = [one - (0.5 if draw.random() < 0.3 else 0.0) for one in bare]
    cohort, now_ns = filled(HELD, mixed)
    told, usual = (sum(one >= limit for one in bare) / len(bare) for limit in (limit_c(cohort, now_ns), HELD.limit_c))
    assert told < usual + 0.02


def test_in_the_morning_nothing_is_left_of_the_evening():
    cohort, now_ns = filled(HELD, people(60, 0.25))
    assert cohort.centre_c(now_ns + 10 * 60 * MINUTE_NS) == pytest.approx(USUAL_C, abs=0.01)


@pytest.mark.parametrize("settings", [HELD, ALONE])
@pytest.mark.parametrize(("share", "rise_k"), [(0.1, 0.15), (0.25, 0.3), (0.4, 0.75)])
def test_a_wave_of_fevers_does_not_hide_the_next(settings, share, rise_k):
    """So many of a shift have fallen ill within an hour: whoever comes next with 1.2 K is told still."""
    draw = np.random.default_rng(2)
    calm = people(60)
    wave = [one + (2.0 if draw.random() < share else 0.0) for one in calm]
    limits_c = [limit_c(*filled(settings, skins_c)) for skins_c in (calm, wave)]
    assert limits_c[1] - limits_c[0] < rise_k
    assert limits_c[1] < USUAL_C + 1.2


@given(st.lists(st.floats(20, 45), max_size=80))
def test_where_a_reference_holds_the_camera_nobody_lifts_the_limit_by_more_than_is_said(skins_c):
    cohort, now_ns = filled(HELD, skins_c)
    assert USUAL_C - MAX_FALL_C <= cohort.centre_c(now_ns) <= USUAL_C + MAX_RISE_C
    assert -MAX_SPREAD_C <= cohort.wider_k <= MAX_SPREAD_C


@given(st.lists(st.floats(34, 37), min_size=20, max_size=100), st.integers(0, 60))
def test_without_a_reference_fewer_fevers_than_half_stay_below_the_feverish(skins_c, fevers):
    cohort, now_ns = filled(ALONE, skins_c)
    for n in range(min(fevers, len(skins_c) // 2 - 1, ALONE.cohort_size // 2 - 1)):
        cohort.add(39.0, now_ns + n * MINUTE_NS)
    assert cohort.centre_c(now_ns + 60 * MINUTE_NS) <= 37.0


@given(st.floats(-0.02, 0.02), st.integers(0, 1000))
def test_a_drift_of_either_sign_is_followed_without_a_reference(per_person_k, seed):
    """Up to 0.02 K from person to person, for 200 people: 4 K in all."""
    drifted = [one + n * per_person_k for n, one in enumerate(people(200, seed=seed))]
    cohort, now_ns = filled(ALONE, drifted)
    now_c = USUAL_C + 200 * per_person_k
    lag_k = abs(per_person_k) * ALONE.cohort_size / 2
    assert abs(cohort.centre_c(now_ns) - now_c) < lag_k + 0.3


def test_a_season_passes_without_alarms_running_away():
    """Ninety days from +0.4 to -0.4 K, some fevers a day: alarms stay rare, fevers are told."""
    draw = np.random.default_rng(3)
    cohort, told, well, ill = Cohort(HELD), 0, 0, 0
    caught = 0
    for day in range(90):
        for n in range(40):
            now_ns = MORNING_NS + day * 24 * 60 * MINUTE_NS + n * MINUTE_NS
            feverish = draw.random() < 0.05
            skin_c = USUAL_C + 0.4 - 0.8 * day / 89 + draw.normal(0, 0.3) + (1.2 if feverish else 0.0)
            alarm = skin_c >= limit_c(cohort, now_ns)
            told, well = told + (alarm and not feverish), well + (not feverish)
            caught, ill = caught + (alarm and feverish), ill + feverish
            cohort.add(skin_c, now_ns)
    assert told / well < 0.12
    assert caught / ill > 0.9


def test_a_morning_cohort_from_the_cold_lowers_the_limit_with_it_and_is_told():
    cohort, now_ns = filled(HELD, people(60, -0.9))
    assert cohort.is_cold(now_ns)
    assert cohort.centre_c(now_ns) < USUAL_C - 0.5
    assert not filled(HELD, people(60))[0].is_cold(now_ns)
    assert not filled(ALONE, people(60, -0.9))[0].is_cold(now_ns)


def test_after_a_night_a_camera_without_a_reference_is_learned_anew_from_few_people():
    cohort, now_ns = filled(ALONE, people(60))
    next_day_ns = now_ns + SESSION_GAP_NS + MINUTE_NS
    assert cohort.centre_c(next_day_ns) == pytest.approx(cohort.centre_c(now_ns))
    for n, skin_c in enumerate(people(8, 1.0, seed=5)):
        cohort.add(skin_c, next_day_ns + n * MINUTE_NS)
    assert cohort.centre_c(next_day_ns + 9 * MINUTE_NS) == pytest.approx(USUAL_C + 1.0, abs=0.35)


def test_a_lane_without_reference_and_people_knows_nothing_to_compare_with():
    few, now_ns = filled(ALONE, people(ALONE.cohort_least - 1))
    assert not few.knows(now_ns)
    few.add(USUAL_C, now_ns)
    assert few.knows(now_ns)
    assert Cohort(HELD).knows(MORNING_NS)


def test_a_sharper_camera_whose_people_differ_more_gets_a_wider_limit_and_a_blunt_one_a_closer():
    """By the colder half: fevers, however many, leave it as it is."""
    draw = np.random.default_rng(4)
    for sd_k, sign in ((0.5, 1), (0.25, -1)):
        cohort, _ = filled(HELD, [USUAL_C + one for one in draw.normal(0, sd_k, 400).tolist()])
        assert cohort.wider_k * sign > 0.03


@given(st.lists(st.floats(30, 40), max_size=150), st.booleans(), st.integers(0, 12))
def test_a_restart_changes_nothing(skins_c, with_reference, hours):
    settings = HELD if with_reference else ALONE
    cohort, now_ns = filled(settings, skins_c)
    later_ns = now_ns + hours * 60 * MINUTE_NS
    cohort.add(35.5, later_ns)
    kept = msgspec.json.decode(msgspec.json.encode(cohort.state()), type=CohortState)
    again = Cohort(settings, kept)
    for moment_ns in (later_ns, later_ns + 5 * 60 * MINUTE_NS):
        assert again.centre_c(moment_ns) == pytest.approx(cohort.centre_c(moment_ns))
        assert again.knows(moment_ns) == cohort.knows(moment_ns)
    assert again.wider_k == cohort.wider_k


@given(st.lists(st.tuples(st.floats(30, 40), st.integers(0, 10**19)), max_size=60))
def test_a_wall_clock_that_jumps_stops_nothing(jumps):
    for settings in (HELD, ALONE):
        cohort = Cohort(settings)
        for skin_c, time_ns in jumps:
            cohort.add(skin_c, time_ns)
            assert 28 < cohort.centre_c(time_ns) < 42
