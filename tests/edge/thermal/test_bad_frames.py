"""Whatever a camera gives: the screening goes on, and a bad frame adds nothing to what is known of a person."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge.drivers.base import ThermalFrame
from edge.thermal.screen import Screen
from edge.thermal.settings import ThermalSettings
from sim.background import Background
from sim.frames import Pose, Posed, View, picture, plain_looks
from sim.people import population
from sim.sensor import Sensor
from tests.support.clocks import at
from wire.events import Refusal

SETTINGS = ThermalSettings(reference_c=35.0)
PERSON = population(1, 1)[0]


@lru_cache
def good(n: int) -> np.ndarray:
    posed = [Posed(plain_looks(PERSON), Pose(0.46 + 0.002 * n, 0.41, 1.0))]
    return picture(
        View(), posed, np.random.default_rng(n), background=Background(seed=2), sensor=Sensor(seed=2), at_s=n / 9
    )


def bad(kind: str, n: int) -> np.ndarray:
    image = good(n).copy()
    match kind:
        case "nan":
            image[n % 160, n % 120] = np.nan
        case "infinite":
            image[3, 4] = np.inf
        case "saturated":
            image = np.minimum(image, np.float32(30))
        case "counts":
            image = image * 100 + 27315
        case "one value":
            image[:] = 36.0
        case "cut":
            image = image[: 40 + n]
        case "torn":
            image = np.roll(image, 60, axis=0)
        case "colours":
            image = np.stack([image] * 3, axis=-1)
        case "nothing":
            image = np.empty((0, 0), np.float32)
    return image


KINDS = ("nan", "infinite", "saturated", "counts", "one value", "cut", "torn", "colours", "nothing")


@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_frame_is_refused_and_adds_no_look(kind):
    screen = Screen(SETTINGS)
    screen.see(ThermalFrame(good(0), at(0)))  # the camera's size is known
    for n in range(1, 12):
        view = screen.see(ThermalFrame(bad(kind, n), at(n / 9)))
        assert view.refusal is Refusal.BAD_FRAME
        assert view.people == view.readings == ()
    assert screen.flush() == []


@pytest.mark.parametrize("kind", KINDS)
def test_good_frames_among_bad_ones_still_measure(kind):
    screen = Screen(SETTINGS)
    readings = []
    for n in range(30):
        image = bad(kind, n) if n % 5 == 4 else good(n)
        readings += screen.see(ThermalFrame(image, at(n / 9))).readings
    readings += screen.flush()
    assert [reading.temperature is not None for reading in readings] == [True]


def test_a_frozen_camera_measures_nobody_however_long_it_shows_a_face():
    screen = Screen(ThermalSettings(reference_c=35.0, looks=10))
    views = [screen.see(ThermalFrame(good(1), at(n / 9))) for n in range(60)]
    assert views[-1].refusal is Refusal.BAD_FRAME
    assert not any(reading.temperature for view in views for reading in view.readings)


values = st.one_of(st.floats(-40, 120, width=32), st.just(np.nan), st.just(np.inf))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(16, 60), st.integers(16, 60)).flatmap(
            lambda shape: arrays(np.float32, shape, elements=values)
        ),
        max_size=4,
    )
)
def test_noise_of_any_kind_never_has_a_temperature(film):
    screen = Screen(ThermalSettings())
    readings = []
    for n, image in enumerate(film * 4):
        readings += screen.see(ThermalFrame(image, at(n / 9))).readings
    assert not any(reading.temperature for reading in readings + screen.flush())
