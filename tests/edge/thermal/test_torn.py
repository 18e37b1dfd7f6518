"""Frames that are pieced together, or cut off at the sensor's end, are noticed; whole ones are not suspected."""

from __future__ import annotations

import numpy as np
import pytest

from edge.drivers.replay import load
from edge.thermal.frames import is_clipped
from edge.thermal.torn import is_torn
from sim.background import Background
from sim.frames import Pose, Posed, View, picture, plain_looks
from sim.people import population
from sim.sensor import Sensor

PEOPLE = population(8, 12)


def shot(number: int, view: View | None = None, x: float = 0.48) -> np.ndarray:
    posed = [Posed(plain_looks(PEOPLE[number]), Pose(x, 0.41, 1.0))]
    place = Background(seed=number, door=True, window=True, heater=True)
    draw = np.random.default_rng(number)
    return picture(view or View(), posed, draw, background=place, sensor=Sensor(seed=number), at_s=1.0)


@pytest.mark.parametrize("view", [View(), View(120, 160), View(640, 480), View(32, 24)])
def test_whole_frames_are_not_torn(view):
    assert not any(is_torn(shot(number, view)) for number in range(12))


def torn(number: int, kind: str) -> np.ndarray:
    image = shot(number)
    cut = 55 + number
    match kind:
        case "rows swapped":
            return np.roll(image, cut, axis=0)
        case "columns swapped":
            return np.roll(image, cut // 2, axis=1)
        case "two cameras":
            return np.concatenate([image[:cut], shot((number + 5) % 12, x=0.7)[cut:] + np.float32(2)])
        case _:
            return np.concatenate([image[:, :cut], np.roll(image, 25, axis=0)[:, cut:]], axis=1)


@pytest.mark.parametrize("kind", ["rows swapped", "columns swapped", "two cameras", "halves shifted"])
def test_torn_frames_are_noticed(kind):
    assert sum(is_torn(torn(number, kind)) for number in range(12)) >= 10


def test_a_sensor_at_its_end_is_noticed():
    image = shot(1)
    assert not is_clipped(image, float(image.min()), float(image.max()))
    for cut in (np.minimum(image, 30), np.maximum(image, 28)):
        assert is_clipped(cut, float(cut.min()), float(cut.max()))


def test_no_real_frame_is_suspected(real_data):
    for path in sorted((real_data / "thermal" / "recordings").glob("*.npz")):
        recording = load(path)
        for index in range(0, len(recording.frames), 10):
            image = recording.celsius(index)
            assert not is_torn(image), (path.name, index)
            assert not is_clipped(image, float(image.min()), float(image.max())), (path.name, index)
