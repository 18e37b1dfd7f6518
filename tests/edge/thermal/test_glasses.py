"""Glasses are found, hide nobody's fever silently, and are not seen where there are none."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from edge.drivers.base import ThermalFrame
from edge.evaluate.pictures import _read
from edge.thermal.faces import find_faces
from edge.thermal.glasses import LEAST_FACE_PX, wears_glasses
from edge.thermal.measure import GLASSES_HIDE_K, GLASSES_SD_C, Measured, combine, measure
from edge.thermal.reference import find_reference
from edge.thermal.screen import Screen
from edge.thermal.settings import ThermalSettings
from edge.thermal.types import Box
from edge.thermal.verdict import Limits, judge
from sim.background import Background
from sim.frames import Pose, Posed, View, picture, plain_looks
from sim.people import population
from sim.sensor import Sensor
from tests.support.clocks import at
from wire.events import Basis, Verdict

SETTINGS = ThermalSettings(reference_c=35.0)
LIMITS = Limits(fever_c=36.26, suspect_c=36.16, too_cold_c=30.0, centre_c=35.8, lane_k=0.0, known=True, cold=False)


def rendered(number: int, *, glasses: bool):
    """A frame of somebody, with or without glasses, and their skin's true temperature."""
    person, draw = population(11, 40)[number], np.random.default_rng(number)
    pose = Pose(0.5 + draw.uniform(-0.05, 0.05), 0.5, draw.uniform(0.9, 1.2), yaw_deg=draw.uniform(-15, 15))
    looks = replace(plain_looks(person), glasses=glasses)
    place, sensor = Background(seed=number % 5), Sensor(seed=number % 4 + 1)
    return picture(View(), [Posed(looks, pose)], draw, background=place, sensor=sensor, at_s=100.0), person.skin_c


def told(number: int, *, glasses: bool) -> bool | None:
    image, _ = rendered(number, glasses=glasses)
    found = find_faces(image, find_reference(image))
    return wears_glasses(image, found[0].box) if found else None


def test_glasses_are_found_on_rendered_faces_and_none_on_bare_ones():
    with_them = [told(number, glasses=True) for number in range(40)]
    without = [told(number, glasses=False) for number in range(40)]
    assert with_them.count(True) >= 38
    assert without.count(True) <= 1


def test_glasses_are_found_on_real_faces_and_none_on_bare_ones(real_data):
    said: dict[bool, list[bool]] = {True: [], False: []}
    with (real_data / "thermal" / "frames.csv").open(encoding="utf-8") as table:
        for row in csv.DictReader(table):
            image = _read(real_data / "thermal" / row["file"])
            drawn = Box(*(int(row[f"face_{key}"] or 0) for key in "xywh"))
            faces = find_faces(image, find_reference(image))
            if row["kind"] == "face" and faces:
                box = max(faces, key=lambda face: face.box.overlap(drawn)).box
                said["glasses" in row["tags"]].append(wears_glasses(image, box))
    assert np.mean(said[True]) >= 0.9
    assert np.mean(said[False]) <= 0.05


def test_behind_glasses_the_eyes_are_not_used_and_the_uncertainty_says_so():
    bare, _ = rendered(1, glasses=False)
    worn, skin_c = rendered(1, glasses=True)
    looks = {}
    for name, image in (("bare", bare), ("worn", worn)):
        reference = find_reference(image)
        looks[name] = measure(image, find_faces(image, reference)[0].box, reference, SETTINGS)
    assert (looks["bare"].glasses, looks["worn"].glasses) == (False, True)
    assert looks["worn"].u_c >= np.hypot(looks["bare"].u_c, 0.9 * GLASSES_SD_C)
    assert abs(looks["worn"].skin_c - skin_c) < 2 * looks["worn"].u_c


def test_who_might_be_near_the_limit_without_glasses_is_measured_again():
    near_c = LIMITS.suspect_c - GLASSES_HIDE_K / 2
    assert judge(near_c, None, LIMITS, SETTINGS) == (Verdict.NORMAL, Basis.BELOW_LIMIT)
    assert judge(near_c, None, LIMITS, SETTINGS, glasses=True) == (Verdict.SUSPECT, Basis.GLASSES)
    assert judge(LIMITS.centre_c - 0.2, None, LIMITS, SETTINGS, glasses=True)[0] is Verdict.NORMAL
    assert judge(LIMITS.fever_c, None, LIMITS, SETTINGS, glasses=True) == (Verdict.FEVER, Basis.OVER_LIMIT)


def test_a_reading_says_that_glasses_were_worn():
    person = replace(population(11, 1)[0], skin_c=35.6)
    readings = []
    for glasses in (True, False):
        screen, draw = Screen(SETTINGS), np.random.default_rng(1)
        looks = replace(plain_looks(person), glasses=glasses)
        found = []
        for n in range(40):
            image = picture(View(), [Posed(looks, Pose(0.5, 0.5, 1.1))], draw, at_s=n / 9)
            found += screen.see(ThermalFrame(image, at(n / 9))).readings
        readings.append((found + screen.flush())[0])
    assert [reading.temperature.glasses for reading in readings] == [True, False]


@pytest.mark.parametrize(
    ("worn", "said"), [((True, True, False), True), ((True, False, False), False), ((True, False), False)]
)
def test_most_looks_decide(worn, said):
    assert combine([Measured(35.5, 0.3, glasses) for glasses in worn]).glasses is said


@given(
    st.builds(Box, st.integers(-20, 130), st.integers(-20, 170), st.integers(1, 90), st.integers(1, 90)),
    st.integers(0, 9),
)
def test_no_box_and_no_noise_breaks_it(box, seed):
    image = np.random.default_rng(seed).uniform(15, 40, (160, 120)).astype(np.float32)
    assert wears_glasses(image, box) in (True, False)


def test_of_a_face_of_a_few_pixels_nothing_is_said():
    image = np.full((24, 32), 20.0, np.float32)
    image[8:16, 10:20] = 34.0
    assert not wears_glasses(image, Box(10, 8, LEAST_FACE_PX - 1, 12))
