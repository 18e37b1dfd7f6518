"""The stages of the screening, on arrays drawn here and on the simulator's frames."""

from __future__ import annotations

import math

import numpy as np
import pytest
from msgspec.structs import replace

from edge.drivers.base import ThermalFrame
from edge.thermal.faces import find_faces
from edge.thermal.frames import FROZEN_AFTER, FrameCheck
from edge.thermal.measure import measure
from edge.thermal.reference import find_reference
from edge.thermal.settings import ThermalSettings
from edge.thermal.types import Box, Reference
from sim.frames import Pose, View, reference_place
from sim.people import SimPerson, population, stream
from tests.support.clocks import at
from tests.support.pictures import render
from wire.events import Refusal

SETTINGS = ThermalSettings(reference_c=35.0)
STANDING = Pose(0.48, 0.41, 1.0)
NOBODY = Pose(0, 0, 0)
FULL = View()


def picture(
    person: SimPerson | None = None, pose: Pose = STANDING, seed: int = 1, drift_c: float = 0.0, view: View = FULL
):
    return render(view, person, pose, np.random.default_rng(seed), drift_c)


def frame(celsius, seconds: float = 0.0, **health) -> ThermalFrame:
    return ThermalFrame(celsius, at(seconds), **health)


def well(seed: int = 1) -> SimPerson:
    return population(seed, 1)[0]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda image: np.full_like(image, 22.0),
        lambda image: np.where(np.arange(image.size).reshape(image.shape) == 7, np.nan, image),
        lambda image: np.full_like(image, np.nan),
        lambda image: image + np.float32(500),
        lambda image: image * 0 - 273.15,
        lambda image: image[:5, :5],
        lambda image: image.astype(np.uint16),
        lambda image: image[..., None],
        lambda image: np.where(image > 30, np.inf, image),
    ],
)
def test_a_bad_frame_is_refused(spoil):
    assert FrameCheck(SETTINGS).refuse(frame(spoil(picture()))) is Refusal.BAD_FRAME


def test_a_frame_of_another_size_is_refused_once():
    check = FrameCheck(SETTINGS)
    assert check.refuse(frame(picture())) is None
    small = picture(view=View(32, 24))
    assert check.refuse(frame(small)) is Refusal.BAD_FRAME
    assert check.refuse(frame(small)) is None


def test_a_frozen_camera_is_noticed_and_forgiven_when_it_moves_again():
    check = FrameCheck(SETTINGS)
    still = picture()
    refusals = [check.refuse(frame(still)) for _ in range(FROZEN_AFTER + 2)]
    assert refusals[:FROZEN_AFTER] == [None] * FROZEN_AFTER
    assert refusals[-1] is Refusal.BAD_FRAME
    assert check.refuse(frame(picture(seed=2))) is None


def test_a_shutter_that_just_closed_is_refused():
    check = FrameCheck(SETTINGS)
    assert check.refuse(frame(picture(seed=2), since_shutter_s=2.0)) is Refusal.SHUTTER
    assert check.refuse(frame(picture(seed=3), since_shutter_s=9.0)) is None


def test_a_picture_that_stood_still_for_a_moment_was_a_shutter_though_the_camera_does_not_say_so():
    check = FrameCheck(SETTINGS)
    still = picture()
    for n in range(4):
        assert check.refuse(frame(still, n / 9)) is None
    after = [(seconds, check.refuse(frame(picture(seed=n + 2), seconds))) for n, seconds in enumerate((0.5, 1.4, 1.6))]
    assert after == [(0.5, Refusal.SHUTTER), (1.4, Refusal.SHUTTER), (1.6, None)]


def test_frames_that_are_given_twice_are_no_shutter():
    check = FrameCheck(SETTINGS)
    for n in range(20):
        assert check.refuse(frame(picture(seed=n // 2), n / 27)) is None


@pytest.mark.parametrize("drift_c", [-2.0, 0.0, 2.0])
def test_the_reference_is_found_where_it_is_and_reads_the_drift(drift_c):
    found = find_reference(picture(well(), drift_c=drift_c))
    assert found is not None
    x, y = reference_place(View())
    assert math.hypot(found.x - x, found.y - y) < 2
    assert abs(found.seen_c - 35.0 - drift_c) < 0.1


def test_there_is_no_reference_where_there_is_none():
    assert find_reference(picture(None, NOBODY, view=View(reference_c=None))) is None


@pytest.mark.parametrize("size", [0.7, 1.0, 1.2])
def test_one_standing_person_is_one_face(size):
    pose = Pose(0.48, 0.41, size)
    for seed in range(10):
        image = picture(well(seed), pose, seed)
        (face,) = find_faces(image, find_reference(image))
        assert abs(face.box.x + face.box.w / 2 - 0.48 * 120) < 5
        assert face.frontal


def test_nobody_is_no_face_and_a_cup_is_none_either():
    empty = picture(None, NOBODY)
    assert find_faces(empty, find_reference(empty)) == []
    cup = empty.copy()
    cup[60:80, 40:54] = 60.0
    assert find_faces(cup, find_reference(cup)) == []


def errors_c(*, glasses: bool) -> list[float]:
    errors = []
    for seed in range(30):
        person = replace(well(seed), glasses=glasses)
        image = picture(person, STANDING, seed, drift_c=1.5)
        reference = find_reference(image)
        (face,) = find_faces(image, reference)
        errors.append(measure(image, face.box, reference, SETTINGS).skin_c - person.skin_c)
    return errors


def test_a_bare_faces_maximum_is_the_persons_skin_after_correction():
    errors = errors_c(glasses=False)
    assert abs(float(np.mean(errors))) < 0.1
    assert float(np.std(errors)) < 0.1


def test_glasses_hide_the_hottest_of_a_face_and_never_make_it_hotter():
    errors = errors_c(glasses=True)
    assert -1.0 < float(np.mean(errors)) < -0.1
    assert max(errors) < 0.15


def test_a_cigarette_in_the_face_is_not_measured():
    image = np.full((60, 60), 30.0, np.float32)
    image[10:20, 10:20] = 35.0
    image[30, 30] = 90.0
    seen = measure(image, Box(0, 0, 60, 60), None, ThermalSettings())
    assert seen.skin_c == pytest.approx(35.0)


def test_without_a_reference_the_uncertainty_says_so():
    image = picture(well())
    with_it = measure(image, Box(40, 40, 40, 50), Reference(1, 1, 5, 35.0, 0.05), SETTINGS)
    without = measure(image, Box(40, 40, 40, 50), None, SETTINGS)
    assert with_it.u_c < 0.4 < without.u_c


def test_random_streams_are_independent_and_repeatable():
    assert stream(1, "a").random() == stream(1, "a").random()
    assert stream(1, "a").random() != stream(1, "b").random()
