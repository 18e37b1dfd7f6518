"""Faces and no faces, on rendered frames of all kinds of cameras, on real ones, and on what is no picture at all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from msgspec.structs import replace
from numpy.typing import NDArray

from edge.evaluate.pictures import faces as evaluate
from edge.thermal import network
from edge.thermal.faces import find_faces
from edge.thermal.network import STRIDE_PX, heads, normalised
from edge.thermal.reference import find_reference
from edge.thermal.types import Box, Face, Reference
from sim.background import Background
from sim.frames import Pose, Posed, View, picture, plain_looks
from sim.looks import Looks
from sim.people import population
from sim.sensor import Sensor

CROWD = population(5, 24)
STANDING = Pose(0.48, 0.41, 1.0)


def looks(number: int, **worn: bool) -> Looks:
    return replace(plain_looks(CROWD[number]), head_px=40.0, **worn)


def shot(posed: list[Posed], view: View | None = None, seed: int = 1, **place: bool) -> NDArray[np.float32]:
    view = view or View()
    background = Background(seed=seed, **place)
    sensor = Sensor(seed=seed)
    return picture(view, posed, np.random.default_rng(seed), background=background, sensor=sensor, at_s=float(seed))


def found(image: NDArray[np.float32]) -> list[Face]:
    return find_faces(image, find_reference(image))


def drawn(view: View, pose: Pose, head_px: float = 40.0) -> Box:
    """About where the skin of a drawn face is: under the hair, between the ears."""
    unit = head_px * view.height / 160 * pose.size / 2
    x, y = pose.x * view.width, pose.y * view.height
    return Box(round(x - 0.9 * unit), round(y - 0.7 * unit), round(1.8 * unit), round(2.1 * unit))


@pytest.mark.parametrize(("height", "width"), [(160, 120), (120, 160), (320, 240), (640, 480), (80, 60)])
def test_a_face_is_found_where_it_is_by_cameras_of_any_size(height, width):
    view = View(height, width)
    for number in range(4):
        (face,) = found(shot([Posed(looks(number), STANDING)], view, number))
        assert face.box.overlap(drawn(view, STANDING)) > 0.5
        assert face.frontal


def test_a_camera_of_32x24_finds_most_near_faces_and_nobody_where_nobody_is():
    view, near = View(32, 24), Pose(0.5, 0.45, 1.2)
    hits = 0
    for number in range(20):
        image = shot([Posed(looks(number), near)], view, number)
        hits += any(face.box.overlap(drawn(view, near)) > 0.4 for face in find_faces(image))
        assert find_faces(shot([], view, number)) == []
    assert hits >= 16


@pytest.mark.parametrize("worn", ["glasses", "mask", "hat", "beard"])
def test_what_people_wear_hides_no_face(worn):
    hits = [len(found(shot([Posed(looks(n, **{worn: True}), STANDING)], seed=n))) for n in range(8)]
    assert hits.count(1) >= 7


@pytest.mark.parametrize("yaw_deg", [-90.0, 90.0, 150.0, 180.0, -150.0])
def test_heads_that_are_turned_away_are_not_frontal(yaw_deg):
    turned = replace_yaw(STANDING, yaw_deg)
    seen = [face for n in range(10) for face in found(shot([Posed(looks(n), turned)], seed=n))]
    assert sum(face.frontal for face in seen) <= 1


def replace_yaw(pose: Pose, yaw_deg: float) -> Pose:
    return pose._replace(yaw_deg=yaw_deg)


def test_a_face_that_the_frames_side_cuts_is_not_frontal():
    for number in range(6):
        assert not any(face.frontal for face in found(shot([Posed(looks(number), Pose(0.03, 0.45, 1.1))], seed=number)))


def test_two_people_are_two_faces():
    both = [Posed(looks(1), Pose(0.25, 0.42, 0.75)), Posed(looks(2), Pose(0.72, 0.40, 0.75))]
    assert len(found(shot(both))) == 2


@pytest.mark.parametrize("place", ["heater", "lamps", "tube", "window", "door"])
def test_no_place_has_a_face_of_its_own(place):
    for seed in range(6):
        assert found(shot([], seed=seed, **{place: True})) == []


@pytest.mark.parametrize("hot_c", [33.0, 45.0, 60.0, 140.0])
def test_a_hot_thing_is_no_face_and_hides_none(hot_c):
    empty, somebody = shot([]), shot([Posed(looks(3), Pose(0.6, 0.4, 0.9))])
    for image in (empty, somebody):
        cv2.circle(image, (18, 60), 11, hot_c, -1)
        cv2.rectangle(image, (8, 100), (30, 130), hot_c - 5, -1)
    assert [face for face in find_faces(empty) if face.frontal] == []
    assert any(face.frontal and face.box.x > 40 for face in find_faces(somebody))


@pytest.mark.parametrize("offset_c", [-5.0, 3.0, 5.0])
def test_a_cameras_offset_changes_no_box(offset_c):
    image = shot([Posed(looks(4), STANDING)])
    (face,), (shifted,) = find_faces(image), find_faces(image + np.float32(offset_c))
    assert shifted.box.overlap(face.box) > 0.9


def test_a_face_behind_the_reference_is_not_measured():
    image = shot([Posed(looks(5), STANDING)])
    (face,) = find_faces(image)
    before = Reference(face.box.x + face.box.w / 2, face.box.y + face.box.h - 2.0, 5.0, 35.0, 0.05)
    assert [one.frontal for one in find_faces(image, before)] == [False]


pixels = st.floats(-100, 300, width=32)


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(2, 70), st.integers(2, 70)).flatmap(lambda shape: arrays(np.float32, shape, elements=pixels))
)
def test_whatever_is_in_a_picture_boxes_are_within_it_and_nothing_is_raised(image):
    height, width = image.shape
    for face in found(image):
        assert 0 <= face.box.x < face.box.x + face.box.w <= width
        assert 0 <= face.box.y < face.box.y + face.box.h <= height
        assert 0 <= face.score <= 1


@pytest.mark.parametrize("value", [0.0, 36.0, -40.0, 140.0])
def test_a_picture_of_one_value_has_no_face(value):
    assert find_faces(np.full((160, 120), value, np.float32)) == []


def test_cameras_that_look_at_the_same_time_see_what_each_would_alone():
    images = [shot([Posed(looks(n), STANDING)], View(*size), n) for n, size in enumerate([(160, 120), (120, 160)] * 4)]
    alone = [find_faces(image) for image in images]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(find_faces, images * 5)) == alone * 5


def test_the_network_is_small_and_answers_for_each_cell():
    assert network._FILE.stat().st_size < 1_000_000
    answer = network._answer(normalised(shot([Posed(looks(1), STANDING)])))
    assert answer.shape == (6, 160 // STRIDE_PX, 120 // STRIDE_PX)
    assert all(0 <= head.score <= 1 and head.area[0] < head.area[2] for head in heads(shot([]), 0.0))


def test_the_real_frames_at_hand_are_judged_as_the_readme_says(real_data):
    figures = evaluate(real_data / "thermal")
    assert figures["faces"] == 46
    assert figures["found"] >= 0.97
    assert figures["false_positives"] == 0.0
    assert figures["within_0_1_c"] >= 0.95
    assert figures["reference_found"] >= 0.97
    assert figures["measured_profiles"] == 0.0
