"""The reference among faces, lamps and cups: found, followed, and never mistaken."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from edge.drivers.replay import load
from edge.thermal.reference import CAMERA_OFF_C, find_reference
from edge.thermal.types import Reference
from sim.background import Background
from sim.frames import Pose, Posed, View, picture, plain_looks, reference_place
from sim.people import population
from sim.sensor import Sensor

PEOPLE = population(6, 12)
STANDING = Pose(0.48, 0.41, 1.0)


def shot(number: int, view: View | None = None, place: Background | None = None, *, nobody: bool = False) -> np.ndarray:
    posed = [] if nobody else [Posed(plain_looks(PEOPLE[number]), STANDING)]
    background = place or Background(seed=number)
    draw = np.random.default_rng(number)
    return picture(view or View(), posed, draw, background=background, sensor=Sensor(seed=number), at_s=1.0)


def distance_px(found: Reference, view: View, place: Background) -> float:
    x, y = reference_place(view, place)
    return math.hypot(found.x + 0.5 - x, found.y + 0.5 - y)


@pytest.mark.parametrize(("height", "width"), [(160, 120), (320, 240), (640, 480)])
@pytest.mark.parametrize(("x", "y"), [(0.86, 0.66), (0.2, 0.82), (0.1, 0.4)])
def test_the_disc_is_found_beside_a_face_wherever_it_stands(height, width, x, y):
    view = View(height, width)
    for number in range(4):
        place = Background(seed=number, reference_x=x, reference_y=y)
        found = find_reference(shot(number, view, place))
        assert found is not None
        assert distance_px(found, view, place) < 1.5 * height / 160
        assert abs(found.seen_c - 35.0) < 0.25


def test_without_a_disc_a_face_is_none():
    assert [find_reference(shot(n, View(reference_c=None))) for n in range(12)] == [None] * 12


def test_a_lamp_a_cup_and_a_radiator_are_not_taken_for_it():
    for number in range(6):
        image = shot(number)
        expected = find_reference(image)
        cv2.circle(image, (20, 20), 5, 80.0, -1)
        cv2.rectangle(image, (10, 120), (24, 140), 55.0, -1)
        found = find_reference(image)
        assert expected is not None
        assert found is not None
        assert math.hypot(found.x - expected.x, found.y - expected.y) < 2


def test_it_is_looked_for_where_it_was_and_not_found_elsewhere():
    image = shot(1)
    found = find_reference(image)
    assert found is not None
    assert find_reference(image, found) == found
    far = Reference(20.0, 20.0, 5.0, 35.0, 0.05)
    assert find_reference(image, far) is None


def test_a_hand_that_touches_it_does_not_lose_it():
    image = shot(2)
    last = find_reference(image)
    assert last is not None
    cv2.ellipse(image, (round(last.x) - 13, round(last.y) + 8), (9, 5), 30, 0, 360, 32.5, -1)
    found = find_reference(image, last)
    assert found is not None
    assert abs(found.seen_c - last.seen_c) < 0.05


@pytest.mark.parametrize("offset_c", [-5.0, 5.0])
def test_a_camera_may_be_off_by_what_its_maker_allows_and_no_more(offset_c):
    image = shot(3) + np.float32(offset_c)
    found = find_reference(image, None, 35.0)
    assert found is not None
    assert abs(found.seen_c - 35.0 - offset_c) < 0.15
    assert find_reference(image, None, 35.0 + offset_c + CAMERA_OFF_C + 1) is None
    assert find_reference(image, None, 35.0 + offset_c - CAMERA_OFF_C - 1) is None


def coarse(radius_px: float, seed: int) -> tuple[np.ndarray, float, float]:
    """A frame of 32x24 with a disc of 35 °C before 25 °C, and where the disc's centre is."""
    draw = np.random.default_rng(seed)
    x, y = float(draw.uniform(5, 19)), float(draw.uniform(5, 27))
    fine = np.zeros((32 * 8, 24 * 8), np.float32)
    cv2.circle(fine, (int(x * 8), int(y * 8)), int(radius_px * 8), 1.0, -1)
    share = cv2.resize(cv2.GaussianBlur(fine, (0, 0), 5), (24, 32), interpolation=cv2.INTER_AREA)
    return (draw.normal(25, 0.15, (32, 24)) + 10 * share).astype(np.float32), x - 0.5, y - 0.5


def test_a_camera_of_32x24_finds_a_disc_that_is_large_enough_and_takes_no_smaller_one_for_true():
    for seed in range(20):
        image, x, y = coarse(2.8, seed)
        found = find_reference(image)
        assert found is not None
        assert math.hypot(found.x - x, found.y - y) < 1
        assert abs(found.seen_c - 35.0) < 0.5
        assert find_reference(coarse(1.3, seed)[0]) is None


def test_in_real_recordings_it_is_at_one_place_in_every_frame(real_data):
    for path in sorted((real_data / "thermal" / "recordings").glob("*.npz")):
        recording = load(path)
        found = [find_reference(recording.celsius(index)) for index in range(0, len(recording.frames), 12)]
        places = np.array([(disc.x, disc.y) for disc in found if disc is not None])
        assert len(places) == len(found), path.name
        assert np.all(np.hypot(*(places - np.median(places, axis=0)).T) < 3), path.name
