"""Normal, suspect or fever, and what it rests on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from edge.thermal.calibration import Calibration
from edge.thermal.cohort import Cohort
from edge.thermal.measure import Measured
from edge.thermal.settings import ThermalSettings
from edge.thermal.verdict import conclude, is_enough, judge, limits, wait_s
from wire.events import Basis, Verdict

HELD = ThermalSettings(reference_c=35.0)
ALONE = ThermalSettings(reference_c=None)
NOW_NS = 1_581_200_000 * 10**9


def cohort_of(settings: ThermalSettings, skin_c: float | None = None, count: int = 60) -> Cohort:
    cohort = Cohort(settings)
    for n in range(count if skin_c is not None else 0):
        cohort.add(skin_c or 0.0, NOW_NS - (count - n) * 10**9)
    return cohort


def told(
    skin_c: float, settings: ThermalSettings = HELD, cohort: Cohort | None = None, shift: Calibration | None = None
):
    calibration = shift or Calibration()
    at = limits(settings, cohort or Cohort(settings), calibration, NOW_NS)
    return conclude([Measured(skin_c, 0.35)] * 3, at, calibration, settings)


@pytest.mark.parametrize(
    ("skin_c", "verdict", "basis"),
    [
        (36.26, Verdict.FEVER, Basis.OVER_LIMIT),
        (36.25, Verdict.SUSPECT, Basis.NEAR_LIMIT),
        (36.16, Verdict.SUSPECT, Basis.NEAR_LIMIT),
        (36.15, Verdict.NORMAL, Basis.BELOW_LIMIT),
        (35.9, Verdict.NORMAL, Basis.BELOW_LIMIT),
    ],
)
def test_verdicts_follow_the_limits_as_they_are_written_down(skin_c, verdict, basis):
    found, temperature = told(skin_c)
    assert (found, temperature.basis) == (verdict, basis)
    assert temperature.limit_c == 36.26
    assert (temperature.skin_c >= temperature.limit_c) is (verdict is Verdict.FEVER)


def test_no_cohort_makes_normal_what_is_surely_above_the_sites_limit():
    strict = replace(HELD, site_limit_c=36.6)
    warm = cohort_of(strict, 36.2)
    verdict, temperature = told(36.35, strict, warm)
    assert (verdict, temperature.basis) == (Verdict.SUSPECT, Basis.SITE_LIMIT)
    assert (temperature.body_c or 0.0) - (temperature.body_u_c or 0.0) >= strict.site_limit_c
    assert told(36.35, HELD, warm)[0] is Verdict.NORMAL


def test_without_a_reference_it_is_the_cohort_whatever_the_camera_reads():
    for offset_k in (-4.0, 0.0, 3.0):
        cohort = cohort_of(ALONE, 35.8 + offset_k)
        verdict, temperature = told(37.2 + offset_k, ALONE, cohort)
        assert verdict is Verdict.FEVER
        assert temperature.body_c == pytest.approx(38.6, abs=0.3)
        assert told(35.8 + offset_k, ALONE, cohort)[0] is Verdict.NORMAL


def test_with_nothing_to_compare_with_everybody_is_measured_again_and_no_body_is_shown():
    verdict, temperature = told(35.8, ALONE)
    assert (verdict, temperature.basis, temperature.body_c) == (Verdict.SUSPECT, Basis.FEW_PEOPLE, None)


def test_in_a_cold_cohort_the_warm_ones_are_measured_again_later():
    cohort = cohort_of(HELD, 34.8)
    at = limits(HELD, cohort, Calibration(), NOW_NS)
    verdict, temperature = told(35.35, HELD, cohort)
    assert (verdict, temperature.basis) == (Verdict.SUSPECT, Basis.COLD_COHORT)
    assert wait_s(Basis.COLD_COHORT, 35.3, at, HELD) == pytest.approx(540, abs=60)
    assert told(36.0, HELD, cohort)[0] is Verdict.FEVER
    assert told(34.8, HELD, cohort)[0] is Verdict.NORMAL


def test_a_suspect_close_to_the_limit_may_be_measured_again_at_once():
    at = limits(HELD, Cohort(HELD), Calibration(), NOW_NS)
    assert wait_s(Basis.NEAR_LIMIT, 36.2, at, HELD) is None


def test_confirmations_move_what_is_shown_and_the_limit_against_it():
    warmer = Calibration((0.2,) * 40)
    assert told(36.2, shift=warmer)[0] is Verdict.FEVER
    shown_c = told(36.2, shift=warmer)[1].body_c
    assert shown_c is not None
    assert shown_c - (told(36.2)[1].body_c or 0.0) == pytest.approx(0.2, abs=0.02)


def test_a_cold_face_is_shown_no_body_temperature():
    assert told(33.0)[1].body_c is None


@given(st.floats(30, 42), st.floats(0, 3), st.floats(34, 37), st.integers(0, 60))
def test_a_hotter_person_is_never_judged_more_lightly(skin_c, more_k, others_c, count):
    order = [Verdict.NORMAL, Verdict.SUSPECT, Verdict.FEVER]
    cohort = cohort_of(HELD, others_c, count)
    assert order.index(told(skin_c + more_k, cohort=cohort)[0]) >= order.index(told(skin_c, cohort=cohort)[0])


def test_clear_looks_are_enough_and_doubtful_ones_go_on():
    calm = [Measured(35.5, 0.3)] * 3
    assert is_enough(calm, Verdict.NORMAL, HELD)
    assert not is_enough(calm[:2], Verdict.NORMAL, HELD)
    assert not is_enough(calm, Verdict.SUSPECT, HELD)
    assert not is_enough([*calm[:2], Measured(36.2, 0.3)], Verdict.NORMAL, HELD)
    assert is_enough([Measured(36.2, 0.3)] * HELD.looks * HELD.patience, Verdict.SUSPECT, HELD)


def test_the_limits_say_who_is_too_cold():
    at = limits(HELD, cohort_of(HELD, 35.8), Calibration(), NOW_NS)
    assert at.too_cold_c == pytest.approx(35.8 - HELD.cold_delta_c, abs=0.05)
    assert judge(34.0, None, at, HELD)[0] is Verdict.NORMAL
