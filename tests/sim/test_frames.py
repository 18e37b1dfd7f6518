"""Rendered frames: the same seed gives the same bytes, the truth is the truth, and what is worn is seen."""

from __future__ import annotations

import csv
import itertools
import json

import cv2
import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from edge.drivers.replay import ZERO_C_IN_CENTIKELVIN, load
from edge.thermal.reference import find_reference
from sim.background import Background, random_background
from sim.cloth import CLOTHES
from sim.frames import Pose, Posed, View, face_box, picture
from sim.hair import HAIR
from sim.looks import Looks
from sim.recordings import COLUMNS, write, write_set
from sim.sensor import IDEAL, Sensor

STANDING = Pose(0.48, 0.41, 1.0)
PERSON = Looks(seed=4, skin_c=35.6, head_px=40, hair="short")


def quiet(*posed: Posed, view: View = View(reference_c=None), **more):  # noqa: B008
    """A noise-free picture."""
    return picture(view, posed, np.random.default_rng(1), sensor=IDEAL, **more)


def face(image, posed: Posed):
    left, top, width, height = face_box(View(image.shape[0], image.shape[1]), posed)
    return image[max(0, top) : top + height, max(0, left) : left + width]


def hottest(image) -> float:
    return float(np.sort(image, axis=None)[-4:].mean())


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.floats(-90, 90), st.floats(0, 1e5))
def test_the_same_arguments_give_the_same_bytes(seed, yaw_deg, at_s):
    posed = [Posed(replace(PERSON, seed=seed), STANDING._replace(yaw_deg=yaw_deg))]
    one, other = (picture(View(), posed, np.random.default_rng(seed), at_s=at_s) for _ in range(2))
    assert one.tobytes() == other.tobytes()
    assert np.all(np.isfinite(one))


@settings(max_examples=120, deadline=None)
@example(Looks(seed=1897, skin_c=30.0, head_px=30.0, ambient_c=21.0, hair="short", clothes="tee"), 0.5, 0.5)
@given(
    st.builds(
        Looks,
        seed=st.integers(0, 2**31),
        skin_c=st.floats(30, 40),
        head_px=st.floats(30, 50),
        ambient_c=st.floats(18, 28),
        chill=st.floats(0, 1),
        hair=st.sampled_from(HAIR),
        clothes=st.sampled_from(CLOTHES),
    ),
    st.floats(0.4, 0.6),
    st.floats(0.35, 0.55),
)
def test_the_hottest_pixels_of_a_bare_frontal_face_are_the_truth(looks, x, y):
    assume(looks.skin_c - looks.ambient_c > 4)  # a face is warmer than clothes in the room's own warmth
    posed = Posed(looks, Pose(x, y, 1.0))
    image = quiet(posed, background=Background(wall_c=looks.ambient_c))
    assert hottest(face(image, posed)) == pytest.approx(looks.skin_c, abs=0.02)


@pytest.mark.parametrize("size", [(160, 120), (32, 24), (120, 160), (62, 80), (480, 640)])
def test_any_size_is_given_in_float32(size):
    view = View(*size)
    image = picture(view, [Posed(PERSON, STANDING)], np.random.default_rng(1))
    assert (image.shape, image.dtype) == (size, np.float32)
    assert image.max() < 37


def test_who_is_far_reads_less_than_who_is_near():
    readings = [hottest(quiet(Posed(PERSON, STANDING._replace(size=size)))) for size in (0.2, 0.5, 1.0)]
    assert readings == sorted(readings)


@pytest.mark.parametrize("worn", ["glasses", "mask", "hat", "beard", "cosmetics"])
def test_what_is_worn_is_colder_than_the_skin_under_it(worn):
    bare, dressed = Posed(PERSON, STANDING), Posed(replace(PERSON, **{worn: True}), STANDING)
    skin = face(quiet(bare), bare) > PERSON.skin_c - 3.0
    change = (face(quiet(dressed), dressed) - face(quiet(bare), bare))[skin]
    assert change.min() < -0.3
    assert change.mean() < -0.05
    assert hottest(quiet(dressed)) <= hottest(quiet(bare)) + 0.02


def test_cosmetics_lower_the_reading_and_a_hot_drink_is_hotter_than_any_skin():
    powdered = Posed(replace(PERSON, cosmetics=True), STANDING)
    assert PERSON.skin_c - hottest(face(quiet(powdered), powdered)) > 0.2
    assert quiet(Posed(replace(PERSON, hot_drink=True), STANDING)).max() > PERSON.skin_c + 1.5


def test_a_headlamp_is_hotter_than_any_skin():
    lit = Posed(replace(PERSON, headlamp=True), STANDING)
    assert hottest(face(quiet(lit), lit)) > PERSON.skin_c + 0.5


def test_who_looks_away_shows_no_face_and_who_looks_down_another_one():
    turned = Posed(PERSON, STANDING._replace(yaw_deg=180.0))
    assert hottest(face(quiet(turned), turned)) < PERSON.skin_c - 0.8
    straight, down = (quiet(Posed(PERSON, STANDING._replace(nod_deg=nod_deg))) for nod_deg in (0.0, 24.0))
    assert np.abs(straight - down).max() > 1.0


def test_a_mask_breathes():
    masked = Posed(replace(PERSON, mask=True), STANDING)
    breaths = [quiet(masked, at_s=at_s) for at_s in (0.0, 0.9, 1.8)]
    assert np.abs(breaths[0] - breaths[1]).max() > 0.3
    still = [quiet(Posed(PERSON, STANDING), at_s=at_s) for at_s in (0.0, 0.9)]
    assert np.array_equal(*still)


def test_a_turned_head_shows_other_things_and_a_moving_one_is_blurred():
    frontal, profile = (quiet(Posed(PERSON, STANDING._replace(yaw_deg=yaw_deg))) for yaw_deg in (0.0, 80.0))
    assert np.abs(frontal - profile).max() > 3
    moving = quiet(Posed(PERSON, STANDING._replace(moves_px=8.0)))
    assert np.abs(np.diff(moving, axis=1)).max() < np.abs(np.diff(frontal, axis=1)).max()


def test_the_nearer_person_is_before_the_farther_one():
    near, far = Posed(PERSON, STANDING), Posed(replace(PERSON, seed=9), STANDING._replace(size=0.4))
    assert np.array_equal(quiet(near, far), quiet(far, near))
    assert hottest(face(quiet(near, far), near)) == pytest.approx(PERSON.skin_c, abs=0.05)


@pytest.mark.parametrize("seed", range(5))
def test_the_reference_reads_what_it_is_set_to_wherever_it_stands(seed):
    place = random_background(np.random.default_rng(seed))
    image = picture(View(), [], np.random.default_rng(1), background=place, sensor=IDEAL)
    found = find_reference(image)
    assert found is not None
    assert found.seen_c == pytest.approx(35.0, abs=0.1)


def still_pair(sensor: Sensor, first_s: float, second_s: float):
    draw = np.random.default_rng(3)
    return [
        picture(View(), [], draw, background=Background(seed=7), sensor=sensor, at_s=t_s) for t_s in (first_s, second_s)
    ]


def test_noise_stays_from_frame_to_frame_as_a_leptons_does():
    soon, late = still_pair(Sensor(), 10.0, 10.0 + 1 / 9), still_pair(Sensor(), 10.0, 14.0)
    assert 0.005 < float(np.std(soon[1] - soon[0])) < 0.025
    assert 0.05 < float(np.std(late[1] - late[0])) < 0.1


def test_a_sensor_warms_up_drifts_between_shutters_and_has_bad_pixels():
    cold, warm = still_pair(Sensor(warm_up_c=2.0), 0.0, 6000.0)
    assert float(np.mean(warm - cold)) == pytest.approx(2.0, abs=0.02)
    sensor = Sensor(shutter_every_s=180.0, between_shutters_c=0.4)
    assert sensor.drift_c(179.0) == pytest.approx(0.4, abs=0.01)
    assert [sensor.is_frozen(t_s) for t_s in (0.0, 180.1, 181.0)] == [False, True, False]
    clean, spoiled = (still_pair(Sensor(bad_pixels=count), 0.0, 1.0)[0] for count in (0, 5))
    assert 1 <= int(np.count_nonzero(np.abs(clean - spoiled) > 1.0)) <= 5


def test_vignetting_makes_corners_colder():
    flat, shaded = (still_pair(Sensor(vignette_c=value), 0.0, 1.0)[0] for value in (0.0, 1.0))
    assert float((shaded - flat)[0, 0]) == pytest.approx(-1.0, abs=0.05)


@pytest.mark.parametrize("nod_deg", [-14.0, 20.0])
def test_the_box_of_who_looks_up_or_down_goes_with_the_face(nod_deg):
    posed = Posed(PERSON, STANDING._replace(nod_deg=nod_deg))
    straight, nodded = (face_box(View(), Posed(PERSON, pose)) for pose in (STANDING, posed.pose))
    assert (nodded[1] - straight[1]) * nod_deg > 0
    eyes = [int(np.argmax(face(quiet(one), one)[10:34].max(axis=1))) for one in (Posed(PERSON, STANDING), posed)]
    assert abs(eyes[0] - eyes[1]) <= 5


def test_stray_light_is_as_wide_in_the_scene_for_any_number_of_pixels():
    scenes = [np.zeros((rows, 3 * rows // 4), np.float32) for rows in (160, 480)]
    for scene in scenes:
        scene[:, : scene.shape[1] // 2] = 10.0
    left_c = [float(IDEAL.focus(scene)[scene.shape[0] // 2, round(0.55 * scene.shape[1])]) for scene in scenes]
    assert left_c[0] == pytest.approx(left_c[1], abs=0.05)
    assert 0.02 < left_c[0] < 0.3


def test_a_cameras_own_housing_warms_the_upper_left_of_the_picture():
    flat, warmed = (still_pair(Sensor(housing_c=value), 0.0, 1.0)[0] for value in (0.0, 1.0))
    assert float((warmed - flat)[0, 0]) > 0.8
    assert float((warmed - flat)[-1, -1]) < -0.2


def test_a_closed_shutter_repeats_the_frame_in_a_recording(tmp_path):
    sensor = Sensor(shutter_every_s=2.0, shutter_s=0.5)
    write(tmp_path / "r.npz", seed=1, people=1, fevers=0, sensor=sensor)
    frames = load(tmp_path / "r.npz").frames
    same = [np.array_equal(one, other) for one, other in itertools.pairwise(frames)]
    assert 4 <= sum(same) <= 20


def test_single_frames_are_labelled_as_real_ones_are(tmp_path):
    write(tmp_path / "recordings" / "r.npz", seed=2, people=2, fevers=1, labelled=tmp_path)
    with (tmp_path / "frames.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert tuple(rows[0]) == COLUMNS
    assert [row["kind"] for row in rows] == ["empty", "face", "face", "face", "face"]
    people = json.loads((tmp_path / "recordings" / "r.json").read_text())["people"]
    for row, person in zip(rows[1:], [one for one in people for _ in range(2)], strict=True):
        raw = cv2.imread(str(tmp_path / row["file"]), cv2.IMREAD_UNCHANGED)
        assert (raw.dtype, raw.shape) == (np.uint16, (160, 120))
        assert 250 < raw.mean() - ZERO_C_IN_CENTIKELVIN < 4000
        assert float(row["face_max_c"]) == pytest.approx(person["skin_c"], abs=0.35)


def test_a_set_is_the_same_for_the_same_seed_and_tells_the_truth(tmp_path):
    for name in ("a", "b"):
        write_set(tmp_path / name, seed=3, recordings=2, frames_each=2)
    one, other = (sorted((tmp_path / name).rglob("*.png")) for name in ("a", "b"))
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]
    truth = json.loads(next((tmp_path / "a" / "recordings").glob("*.json")).read_text())
    assert {"skin_c", "glasses", "mask"} <= set(truth["people"][0])
