"""A reference tells how a camera drifts, and when it is warm."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.thermal.drift import Drift, DriftTracker, is_warming_up
from edge.thermal.settings import ThermalSettings
from tests.support.clocks import at

SETTINGS = ThermalSettings(reference_c=35.0)


def after(seconds: float, read, fps: float = 1.0) -> Drift:
    """What a tracker says after so long of a reference that reads `read(t)`."""
    tracker = DriftTracker()
    for n in range(int(seconds * fps)):
        tracker.see(read(n / fps), at(n / fps))
    return tracker.drift


@pytest.mark.parametrize("per_minute", [-0.4, -0.05, 0.0, 0.05, 0.4])
def test_the_rate_is_what_it_is_in_spite_of_noise(per_minute):
    noise = np.random.default_rng(1)
    drift = after(400, lambda t: 35.0 + per_minute * t / 60 + noise.normal(0, 0.03))
    assert drift.rate_k_per_min == pytest.approx(per_minute, abs=0.015)


def test_a_hand_before_the_reference_is_no_drift():
    drift = after(400, lambda t: 33.0 if 200 < t < 230 else 35.0)
    assert drift.is_stable


def test_nothing_is_said_before_three_minutes_or_after_a_pause():
    assert after(150, lambda t: 35.0) == Drift(None)
    tracker = DriftTracker()
    for n in range(400):
        tracker.see(35.0, at(n))
    assert tracker.drift.is_stable
    assert tracker.see(36.0, at(2000)) == Drift(None)


def test_a_camera_is_warm_by_its_reference_sooner_than_by_the_clock():
    """Warming by 1.5 K with a time constant of four minutes: stable after some 16, while the clock says 30."""

    def warm_at(minutes: float) -> Drift:
        return after(minutes * 60, lambda t: 35.0 - 1.5 * math.exp(-t / 240), fps=0.1)

    assert is_warming_up(300.0, warm_at(5), SETTINGS)
    assert not is_warming_up(1200.0, warm_at(20), SETTINGS)
    assert is_warming_up(1200.0, Drift(None), SETTINGS)
    assert not is_warming_up(1800.0, Drift(None), SETTINGS)


def test_no_reference_makes_a_camera_warm_in_its_first_minutes():
    assert is_warming_up(200.0, Drift(0.0), SETTINGS)


def test_a_camera_that_runs_is_warming_up_though_it_does_not_know_its_start():
    assert is_warming_up(None, Drift(-0.3), SETTINGS)
    assert not is_warming_up(None, Drift(0.01), SETTINGS)
    assert not is_warming_up(None, Drift(None), SETTINGS)


@given(st.lists(st.tuples(st.floats(-60, 160), st.floats(-1000, 1000)), max_size=80))
def test_whatever_comes_in_whatever_order_there_is_an_answer(samples):
    tracker, now_s = DriftTracker(), 10_000.0
    for seen_c, step_s in samples:
        now_s += step_s
        rate = tracker.see(seen_c, at(max(0.0, now_s))).rate_k_per_min
        assert rate is None or math.isfinite(rate)
