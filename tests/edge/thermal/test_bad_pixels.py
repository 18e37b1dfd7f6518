"""Bad pixels of a camera: found over time, corrected before the faces, kept over restarts, told with its health."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.devices import Device
from edge.drivers.base import ThermalFrame
from edge.thermal.bad_pixels import MOST_SHARE, BadPixels, PixelMap, standing_out
from edge.thermal.screen import Screen, ScreenState
from edge.thermal.settings import ThermalSettings
from sim.background import Background
from sim.frames import Pose, Posed, View, picture, plain_looks
from sim.people import population
from sim.sensor import Sensor
from sim.sensor import _bad_pixels as planted
from tests.support.clocks import HandClock, at
from wire.events import DeviceKind, DeviceState, Health

PERSON = population(1, 1)[0]
PLACE = Background(seed=3, door=True, lamps=True)


def frames(sensor: Sensor, seconds: int, *, people: bool = True):
    """One frame a second; somebody stands there half of the time, each time a little elsewhere."""
    draw = np.random.default_rng(1)
    for second in range(seconds):
        sway = Pose(0.5 + 0.06 * np.sin(second), 0.5 + 0.03 * np.cos(second), 1.0)
        here = [Posed(plain_looks(PERSON), sway)] if people and second % 20 < 10 else []
        yield second, picture(View(), here, draw, background=PLACE, sensor=sensor, at_s=float(second))


def learned(sensor: Sensor, seconds: int = 90) -> BadPixels:
    pixels = BadPixels()
    for second, image in frames(sensor, seconds):
        pixels.see(image, at(second))
    return pixels


@pytest.mark.parametrize("seed", range(1, 5))
def test_planted_pixels_are_found_and_next_to_nothing_else(seed):
    sensor = Sensor(seed=seed, bad_pixels=20)
    wanted = {row * 120 + column for row, column, _ in planted(seed, 20, 160, 120)}
    found = set(learned(sensor).map.bad)
    assert len(wanted & found) >= 0.9 * len(wanted)
    assert len(found - wanted) <= 3


@pytest.mark.parametrize("seed", range(1, 4))
def test_a_camera_without_a_fault_has_none_although_people_and_lamps_stand_before_it(seed):
    assert len(learned(Sensor(seed=seed)).map.bad) <= 3


def test_a_noisy_pixel_is_found_and_one_that_recovers_is_forgotten():
    draw, pixels = np.random.default_rng(1), BadPixels()
    for second, image in frames(Sensor(), 320):
        if second < 120:
            image[40, 50] += draw.normal(0, 3.0)
        pixels.see(image, at(second))
        if second == 119:
            assert 40 * 120 + 50 in pixels.map.bad
    assert 40 * 120 + 50 not in pixels.map.bad


def test_two_bad_pixels_beside_each_other_are_both_found():
    pixels = BadPixels()
    for second, image in frames(Sensor(), 60):
        image[40, 50:52] = 60.0
        pixels.see(image, at(second))
    assert {40 * 120 + 50, 40 * 120 + 51} <= set(pixels.map.bad)


def test_what_is_corrected_is_near_what_a_whole_sensor_sees():
    sensor = Sensor(seed=2, bad_pixels=20)
    pixels = learned(sensor)
    view, here = View(), [Posed(plain_looks(PERSON), Pose(0.5, 0.5, 1.0))]
    spoiled = picture(view, here, np.random.default_rng(9), background=PLACE, sensor=sensor, at_s=100.0)
    whole = picture(view, here, np.random.default_rng(9), background=PLACE, sensor=Sensor(seed=2), at_s=100.0)
    before = spoiled.copy()
    after = pixels.corrected(spoiled)
    assert np.abs(after - whole).max() < 0.5 * np.abs(spoiled - whole).max()
    bad = np.unravel_index(list(pixels.map.bad), whole.shape)
    assert np.median(np.abs(after - whole)[bad]) < 0.2
    assert np.array_equal(spoiled, before)


def test_a_hot_pixel_in_a_face_warms_nobody():
    """A pixel that is 1.2 K too hot is no lamp to the measurement, and would make a fever of a warm face."""
    skins = []
    for error_c in (0.0, 1.2):
        screen, draw = Screen(ThermalSettings(reference_c=35.0)), np.random.default_rng(1)
        for second in range(60):
            image = picture(View(), [], draw, background=PLACE, at_s=float(second))
            image[78:80, 60] += error_c
            screen.see(ThermalFrame(image, at(second)))
        readings = []
        for n in range(60):
            t_s = 60 + n / 9
            here = [Posed(plain_looks(PERSON), Pose(0.5, 0.5, 1.0))]
            image = picture(View(), here, draw, background=PLACE, at_s=t_s)
            image[78:80, 60] += error_c
            readings += screen.see(ThermalFrame(image, at(t_s))).readings
        skins.append((readings + screen.flush())[0].temperature.skin_c)
    assert abs(skins[1] - skins[0]) < 0.05


def test_the_map_is_kept_over_a_restart_and_forgotten_for_a_camera_of_another_size():
    known = PixelMap(160, 120, (5, 77))
    screen = Screen(ThermalSettings())
    screen.restore(msgspec.json.decode(msgspec.json.encode(ScreenState(pixels=known)), type=ScreenState))
    assert screen.state().pixels == known
    image = next(iter(frames(Sensor(), 1)))[1]
    assert screen.see(ThermalFrame(image, at(0))).pixels == known
    other = BadPixels(known)
    other.see(np.zeros((24, 32), np.float32), at(0))
    assert other.map == PixelMap(24, 32)


def test_a_camera_with_too_many_is_told_and_not_corrected():
    count = int(MOST_SHARE * 160 * 120) + 1
    ruined = PixelMap(160, 120, tuple(range(count)))
    assert ruined.is_too_much
    assert "repaired" in ruined.told()
    image = np.zeros((160, 120), np.float32)
    assert BadPixels(ruined).corrected(image) is image
    assert PixelMap().told() == ""
    assert PixelMap(160, 120, (1,)).told() == "1 bad pixel, corrected"


@given(st.sets(st.integers(0, 16 * 16 - 1), max_size=1), st.integers(0, 99))
def test_correcting_changes_bad_pixels_only_and_stays_within_what_is_around(bad, seed):
    image = np.random.default_rng(seed).uniform(20, 40, (16, 16)).astype(np.float32)
    after = BadPixels(PixelMap(16, 16, tuple(sorted(bad)))).corrected(image)
    same = np.ones(image.size, np.bool_)
    same[list(bad)] = False
    assert np.array_equal(after.ravel()[same], image.ravel()[same])
    assert image.min() <= after.min()
    assert after.max() <= image.max()


def test_a_block_of_warm_pixels_is_the_scene_and_not_the_sensor():
    image = np.full((60, 80), 22.0, np.float32)
    image[20:24, 20:24] = 40.0
    assert not standing_out(image)[21:23, 21:23].any()


class Frames:
    """A camera that gives three frames and ends."""

    def make(self, _: object) -> Frames:
        return self

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def frames(self):
        for number in range(3):
            yield number


async def test_what_ails_a_camera_that_works_is_told_with_its_health_once():
    told: list[tuple[Health, str]] = []

    async def tell(state: DeviceState) -> None:
        told.append((state.health, state.detail))

    device = Device("people-thermal", DeviceKind.THERMAL, Frames(), HandClock(), tell)

    async def use(number: int) -> None:
        pixels = PixelMap(160, 120, tuple(range(1 if number < 2 else 99)))
        device.ails = (Health.DEGRADED if pixels.is_too_much else Health.OK, pixels.told())

    await device.read(use)
    assert told == [
        (Health.OK, "1 bad pixel, corrected"),
        (Health.DEGRADED, PixelMap(160, 120, tuple(range(99))).told()),
    ]
