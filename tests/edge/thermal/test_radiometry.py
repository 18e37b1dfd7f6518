"""Counts and temperatures: formulas and their inverses, known values, an uncertainty that a simulation confirms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edge.thermal import radiometry as r

PLANCK = r.Planck()
CELSIUS = st.floats(-40, 140)
SHARES = st.floats(0.5, 1.0)
SCENES = st.builds(
    r.Scene,
    emissivity=SHARES,
    reflected_c=st.floats(-30, 60),
    air_transmission=SHARES,
    air_c=st.floats(-30, 60),
    window_transmission=SHARES,
    window_reflection=st.floats(0, 0.1),
    window_c=st.floats(-30, 60),
    window_reflected_c=st.floats(-30, 60),
)


@given(CELSIUS)
def test_counts_and_temperature_are_each_other_s_inverse(celsius):
    assert float(r.celsius_of(r.counts_of(celsius, PLANCK), PLANCK)) == pytest.approx(celsius, abs=1e-6)


@given(CELSIUS, SCENES)
def test_what_a_scene_does_to_a_surface_is_undone(celsius, scene):
    assert float(r.surface_c(r.apparent_c(celsius, scene, PLANCK), scene, PLANCK)) == pytest.approx(celsius, abs=1e-4)


@given(CELSIUS, CELSIUS)
def test_a_hotter_surface_counts_more(one, other):
    assume(abs(one - other) > 0.001)
    assert (r.counts_of(one, PLANCK) < r.counts_of(other, PLANCK)) == (one < other)


@given(SCENES, CELSIUS)
def test_in_surroundings_as_warm_as_itself_any_surface_shows_its_own_temperature(scene, celsius):
    """Kirchhoff: in a cavity of one temperature emissivity and windows make no difference."""
    cavity = r.Scene(
        emissivity=scene.emissivity,
        reflected_c=celsius,
        air_transmission=scene.air_transmission,
        air_c=celsius,
        window_transmission=scene.window_transmission,
        window_reflection=min(scene.window_reflection, 1 - scene.window_transmission),
        window_c=celsius,
        window_reflected_c=celsius,
    )
    assert float(r.apparent_c(celsius, cavity, PLANCK)) == pytest.approx(celsius, abs=1e-6)


def test_the_curve_is_planck_s_at_the_effective_wavelength():
    """B is c2/λ: 1428 K are 10.08 µm, in the middle of the 8 to 14 µm that a Lepton sees."""
    assert 14388 / PLANCK.b == pytest.approx(10.08, abs=0.01)
    assert float(r.counts_of(35.0, PLANCK)) == pytest.approx(395653 / (np.exp(1428 / 308.15) - 1) + 156)


def test_skin_at_35_degrees_in_a_room_of_22_shows_a_quarter_of_a_kelvin_less():
    scene = r.Scene(emissivity=r.SKIN_EMISSIVITY, reflected_c=22.0)
    assert float(r.apparent_c(35.0, scene, PLANCK)) == pytest.approx(34.76, abs=0.01)


def test_tlinear_is_kelvin_in_steps():
    counts = np.array([[30815, 27315]], np.uint16)
    assert r.tlinear_c(counts, 0.01).dtype == np.float32
    assert r.tlinear_c(counts, 0.01)[0] == pytest.approx([35.0, 0.0], abs=1e-3)
    assert r.tlinear_c(counts // 10, 0.1)[0, 1] == pytest.approx(-0.05, abs=1e-3)


def test_pictures_keep_their_shape_and_what_no_temperature_makes_is_not_a_number():
    counts = np.array([[0, 156], [157, 3000]], np.uint16)
    celsius = r.celsius_of(counts, PLANCK)
    assert celsius.shape == (2, 2)
    assert np.isnan(celsius).tolist() == [[True, True], [False, False]]
    assert np.isnan(r.counts_of(-300.0, PLANCK))


@pytest.mark.parametrize(
    ("scene", "spread"),
    [
        (r.Scene(emissivity=0.98, reflected_c=20.0), r.Spread()),
        (r.Scene(emissivity=0.98, window_transmission=0.85), r.Spread(window_transmission=0.02, window_c=2.0)),
        (r.Scene(), r.Spread(emissivity=0.0, reflected_c=0.0)),
    ],
)  # fmt: skip
def test_the_uncertainty_is_what_drawing_every_input_gives(scene, spread):
    draw, shown_c, u_k = np.random.default_rng(1), 34.5, 0.3
    moved = []
    for _ in range(3000):
        values = {
            name: getattr(scene, name) + getattr(spread, name) * draw.normal() for name in spread.__struct_fields__
        }
        moved.append(float(r.surface_c(shown_c + u_k * draw.normal(), r.Scene(**values), PLANCK)))
    assert r.uncertainty_k(shown_c, u_k, scene, spread, PLANCK) == pytest.approx(np.std(moved), rel=0.06)
