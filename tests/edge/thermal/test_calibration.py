"""The estimate of body temperature, and what contact thermometers do to a lane."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.thermal.calibration import FEVER_BODY_C, KEPT, LEAST_SHIFT_C, MOST_SHIFT_C, Calibration, body_of
from edge.thermal.cold import again_after_s

contacts = st.lists(st.tuples(st.floats(33, 42), st.floats(33, 42)), max_size=120)


def after(pairs: list[tuple[float, float]]) -> Calibration:
    found = Calibration()
    for estimate_c, body_c in pairs:
        found = found.confirmed(estimate_c, body_c)
    return found


def test_the_estimate_is_not_pulled_towards_normal():
    """Skin follows body by 0.87: a person 2 K of body above normal is shown 2 K above it."""
    assert body_of(35.71) == pytest.approx(36.88)
    assert body_of(35.71 + 2 * 0.87) == pytest.approx(38.88)


def test_the_limit_of_the_default_settings_is_a_fever_of_the_estimate():
    assert body_of(36.26) == pytest.approx(37.5, abs=0.05)


@given(contacts)
def test_the_shift_is_bounded_whatever_is_measured(pairs):
    found = after(pairs)
    assert LEAST_SHIFT_C <= found.shift_k <= MOST_SHIFT_C
    assert len(found.differences_k) <= KEPT


@given(contacts, st.floats(33, 42), st.floats(FEVER_BODY_C, 42))
def test_a_feverish_confirmation_never_lifts_the_limit(pairs, estimate_c, body_c):
    before = after(pairs)
    assert before.confirmed(estimate_c, body_c).limit_shift_k <= before.limit_shift_k + 1e-9


def test_one_confirmation_moves_nothing_and_many_that_agree_do():
    assert after([(37.0, 37.6)]).shift_k == 0.0
    found = after([(36.8, 37.0)] * 30)
    assert found.shift_k == pytest.approx(0.2, abs=0.01)
    assert found.limit_shift_k < 0


def test_a_few_wild_ones_are_not_believed():
    calm = after([(36.8, 36.8)] * 20)
    wild = calm
    for _ in range(5):
        wild = wild.confirmed(36.8, 41.0)
    assert abs(wild.shift_k - calm.shift_k) < 0.01


def test_the_more_is_confirmed_the_surer_the_estimate():
    few, many = after([(36.8, 36.9)]), after([(36.8, 36.9)] * 40)
    assert many.u_k(0.3) < few.u_k(0.3) < Calibration().u_k(0.3)
    assert many.u_k(0.3) > 0.4


def test_a_calibration_is_plain_values():
    kept = after([(36.8, 37.0)] * 3)
    assert msgspec.json.decode(msgspec.json.encode(kept), type=Calibration) == kept


def test_whoever_just_came_in_waits_nine_minutes_and_nobody_less_than_five():
    assert again_after_s(0.85) == 540
    assert again_after_s(5.0) == 540
    assert again_after_s(0.2) == pytest.approx(360)
    assert again_after_s(0.0) == 300


@given(st.floats(-5, 10), st.floats(0, 5))
def test_the_colder_the_longer(deficit_k, more_k):
    assert 300 <= again_after_s(deficit_k) <= again_after_s(deficit_k + more_k) <= 540
