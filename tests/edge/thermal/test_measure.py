"""One skin temperature out of a face and of several looks, and how sure it is."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.thermal.measure import (
    DOUBLE_DISTANCE_LOSS_C,
    HALF_RESOLUTION_LOSS_C,
    HIDDEN_CANTHI_C,
    LOOK_SD_C,
    MAX_OPTICS_C,
    ROOM_C,
    Measured,
    canthi_of,
    combine,
    measure,
    optics_loss_k,
    room_warmth_k,
    skin_of,
)
from edge.thermal.settings import ThermalSettings
from edge.thermal.surroundings import SAMPLE_EVERY_S, SAMPLES, Surroundings
from edge.thermal.types import Box, Reference
from tests.support.clocks import at

SETTINGS = ThermalSettings(reference_c=35.0)
FACE = Box(40, 40, 40, 52)


def face(canthi_c: float = 35.6, mouth_c: float = 35.8, rest_c: float = 34.0) -> np.ndarray:
    """A face in a room: warm at the eyes' inner corners and at the mouth."""
    image = np.full((160, 120), 24.0, np.float32)
    image[40:92, 40:80] = rest_c
    image[59:62, 52:56] = image[59:62, 64:68] = canthi_c
    image[80:84, 56:64] = mouth_c
    return image


def test_what_counts_is_between_the_hottest_of_the_face_and_of_the_canthi():
    assert measure(face(), FACE, None, SETTINGS).skin_c == pytest.approx(35.7, abs=0.01)


def test_a_breath_counts_by_half_and_canthi_behind_glasses_no_more_than_bare_ones_could_differ():
    assert skin_of(36.4, 35.8, None) == pytest.approx(36.1)
    assert skin_of(36.4, 32.0, None) == pytest.approx(36.4 - HIDDEN_CANTHI_C / 2)


@given(st.floats(30, 40), st.floats(30, 40), st.none() | st.floats(-20, 60), st.floats(0, 3))
def test_a_hotter_face_never_reads_colder(face_c, canthi_c, room_c, more_k):
    assert skin_of(face_c + more_k, canthi_c, room_c) >= skin_of(face_c, canthi_c, room_c) - 1e-9
    assert skin_of(face_c, canthi_c + more_k, room_c) >= skin_of(face_c, canthi_c, room_c) - 1e-9


def test_the_reference_takes_the_cameras_offset_away():
    seen = measure(face() + np.float32(1.4), FACE, Reference(10, 10, 4, 36.4, 0.05), SETTINGS, ROOM_C)
    assert seen.skin_c == pytest.approx(35.7, abs=0.01)


@given(st.none() | st.floats(-50, 80))
def test_a_room_moves_a_reading_by_little_and_never_beyond_what_was_measured(room_c):
    assert -0.2 - 1e-9 <= room_warmth_k(room_c) <= 0.25 + 1e-9
    assert room_warmth_k(ROOM_C) == 0.0


def test_a_small_face_and_a_far_one_read_too_cold_and_are_given_back_what_was_measured_to_be_lost():
    assert optics_loss_k(36.0, 120) == 0.0
    assert optics_loss_k(18.0, 60) == pytest.approx(HALF_RESOLUTION_LOSS_C)
    assert optics_loss_k(18.0, 120) == pytest.approx(HALF_RESOLUTION_LOSS_C + DOUBLE_DISTANCE_LOSS_C)
    assert optics_loss_k(80.0, 480) == pytest.approx(DOUBLE_DISTANCE_LOSS_C * math.log2(144 / 80))


@given(st.floats(0, 1000), st.floats(1, 1000))
def test_no_face_is_given_more_than_half_a_kelvin(width_px, frame_px):
    assert 0.0 <= optics_loss_k(width_px, frame_px) <= MAX_OPTICS_C


def test_what_is_corrected_more_is_less_sure():
    reference = Reference(10, 10, 4, 35.0, 0.05)
    near = measure(face(), FACE, reference, SETTINGS, ROOM_C)
    far = measure(face(), Box(50, 40, 20, 26), reference, SETTINGS, ROOM_C)
    assert 0.3 < near.u_c < far.u_c < 0.5


@given(st.integers(-50, 200), st.integers(-50, 200), st.integers(0, 200), st.integers(0, 200))
def test_a_box_that_leaves_the_frame_is_measured_where_it_is_in_it(x, y, w, h):
    seen = measure(face(), Box(x, y, w, h), None, SETTINGS)
    assert 20 < seen.skin_c < 37


def test_the_canthi_are_above_the_mouth_and_inside_the_face():
    band = canthi_of(FACE)
    assert FACE.y < band.y
    assert band.y + band.h < FACE.y + 0.6 * FACE.h
    assert FACE.x < band.x
    assert band.x + band.w < FACE.x + FACE.w


looks = st.lists(st.floats(30, 42), min_size=1, max_size=20)


@given(looks)
def test_looks_come_to_something_between_them_and_their_common_uncertainty_stays(skins_c):
    both = combine([Measured(skin_c, math.hypot(LOOK_SD_C, 0.3)) for skin_c in skins_c])
    assert min(skins_c) - 1e-9 <= both.skin_c <= max(skins_c) + 1e-9
    assert 0.3 <= both.u_c <= math.hypot(0.3, LOOK_SD_C) + 1e-9


@given(looks, st.floats(-3, 3))
def test_looks_at_a_warmer_person_come_to_as_much_more(skins_c, more_k):
    one = combine([Measured(skin_c, 0.3) for skin_c in skins_c]).skin_c
    other = combine([Measured(skin_c + more_k, 0.3) for skin_c in skins_c]).skin_c
    assert other - one == pytest.approx(more_k, abs=1e-6)


@pytest.mark.parametrize("count", [1, 3, 9])
def test_the_number_of_looks_does_not_make_a_person_warmer(count):
    draw = np.random.default_rng(1)
    drawn = draw.normal(36.0, LOOK_SD_C, (3000, count))
    come_to = [combine([Measured(skin_c, 0.3) for skin_c in row]).skin_c for row in drawn.tolist()]
    assert float(np.mean(come_to)) == pytest.approx(36.0, abs=0.03)


def test_lowered_lids_in_two_of_three_looks_do_not_hide_a_fever():
    hidden = [Measured(skin_c, 0.3) for skin_c in (35.5, 35.52, 36.65)]
    assert combine(hidden).skin_c > 36.2


def test_the_room_is_what_most_of_the_picture_shows_over_two_minutes():
    room = Surroundings()
    for n in range(SAMPLES):
        assert room.see(face() + np.float32(0.8), -0.8, at(n * SAMPLE_EVERY_S)) == pytest.approx(24.0, abs=0.01)
    close = np.full((160, 120), 34.0, np.float32)
    assert room.see(close, 0.0, at(SAMPLES * SAMPLE_EVERY_S)) == pytest.approx(24.0, abs=0.01)
