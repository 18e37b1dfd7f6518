"""The MLX90640: Adafruit's calibration maths over a bus with a sensor's own words, and buses that fail."""

from __future__ import annotations

import asyncio
import sys

import numpy as np
import pytest

from edge.drivers.base import CelsiusImage, ThermalCamera
from edge.drivers.catalogue import Plug
from edge.drivers.mlx90640 import Mlx90640Camera, mended, open_i2c
from tests.support.clocks import HandClock
from tests.support.driver_contract import DriverCase, DriverContract, OnHardware
from tests.support.i2c import BROKEN, Mlx90640OnABus
from wire.errors import DriverError, SettingsError
from wire.settings import Document

STEP_K = 0.1
"""What one count of this sensor is worth: its pictures cannot be nearer to the scene."""


def scene() -> np.ndarray:
    rows, columns = np.mgrid[:24, :32]
    return 20 + 15 * np.exp(-((rows - 8) ** 2 + (columns - 20) ** 2) / 30)


@pytest.fixture
def case():
    world = Mlx90640OnABus(scene())

    def made(settings, timekeeper):
        return Mlx90640Camera(settings, timekeeper, lambda: world)

    made.Settings = Mlx90640Camera.Settings
    return DriverCase(made, {"patience_s": 2.0}, "frames", ThermalCamera, world=world)


class TestMlx90640(DriverContract, OnHardware):
    """It keeps the drivers' contract."""


async def frame(world: Mlx90640OnABus, **more) -> CelsiusImage:
    camera = Mlx90640Camera(Mlx90640Camera.Settings(patience_s=2.0, **more), HandClock(), lambda: world)
    await camera.start()
    try:
        return (await anext(camera.frames())).celsius
    finally:
        await camera.stop()


async def test_the_scene_comes_out_as_it_went_in_by_the_maker_s_formulas():
    image = await frame(Mlx90640OnABus(scene()))
    assert image.shape == (24, 32)
    assert np.abs(image - scene()).max() < 2 * STEP_K


async def test_a_frame_is_given_when_both_halves_are_new():
    world = Mlx90640OnABus(scene())
    camera = Mlx90640Camera(Mlx90640Camera.Settings(), HandClock(), lambda: world)
    await camera.start()
    frames = camera.frames()
    await anext(frames)
    world.scene_c = scene() + 3
    for _ in range(5):
        image = (await anext(frames)).celsius
    await camera.stop()
    assert set(world.halves) == {0, 1}
    assert np.abs(image - scene() - 3).max() < 2 * STEP_K


async def test_the_emissivity_is_skin_s_and_not_the_driver_s_own():
    warm = np.full((24, 32), 35.0)
    of_skin = await frame(Mlx90640OnABus(warm, emissivity=0.98))
    too_high = await frame(Mlx90640OnABus(warm, emissivity=0.98), emissivity=0.95)
    assert float(np.median(of_skin)) == pytest.approx(35.0, abs=STEP_K)
    assert abs(float(np.median(too_high)) - 35.0) > 0.03


async def test_a_pixel_that_the_maker_marked_as_broken_is_like_those_around_it():
    image = await frame(Mlx90640OnABus(scene()))
    assert image[BROKEN // 32, BROKEN % 32] == pytest.approx(scene()[BROKEN // 32, BROKEN % 32], abs=0.5)


async def test_a_second_start_finds_no_more_broken_pixels_than_the_first():
    world = Mlx90640OnABus(scene())
    for _ in range(6):
        await frame(world)


@pytest.mark.parametrize(("rotation", "mirrored"), [(0, True), (90, False), (180, True), (270, False)])
async def test_a_sensor_that_hangs_on_its_side_or_sees_a_mirror_gives_upright_frames(rotation, mirrored):
    image = await frame(Mlx90640OnABus(scene()), rotation=rotation, mirrored=mirrored)
    wanted = np.rot90(np.fliplr(scene()) if mirrored else scene(), -rotation // 90)
    assert image.shape == wanted.shape
    assert np.abs(image - wanted).max() < 2 * STEP_K


@pytest.mark.parametrize("word", [0, 0xFFFF])
async def test_an_empty_calibration_is_said_rather_than_computed_with_for_ever(word):
    world = Mlx90640OnABus(scene())
    world.eeprom[:] = word
    with pytest.raises(DriverError, match="calibration is empty"):
        await asyncio.wait_for(frame(world), 5)


async def test_a_sensor_that_never_has_a_frame_is_given_up_and_its_thread_ends():
    world = Mlx90640OnABus(scene())
    camera = Mlx90640Camera(Mlx90640Camera.Settings(patience_s=0.2), HandClock(), lambda: world)
    await camera.start()
    frames = camera.frames()
    await anext(frames)
    world.stuck = True
    with pytest.raises(DriverError, match=r"0x33"):
        async for _ in frames:
            pass
    await camera.stop()


async def test_an_address_at_which_nothing_answers_is_said():
    with pytest.raises(DriverError, match=r"0x44: cannot be opened.*wired"):
        await frame(Mlx90640OnABus(scene()), address=0x44)


def test_a_machine_without_a_bus_says_so():
    with pytest.raises(DriverError, match="I²C bus cannot be opened"):
        open_i2c()


def test_without_its_package_the_gate_s_file_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "edge.drivers.mlx90640")
    monkeypatch.setitem(sys.modules, "adafruit_mlx90640", None)
    document = Document(tmp_path / "gate.toml", 'driver = "mlx90640"')
    with pytest.raises(SettingsError, match=r'gate.toml:1: driver = .mlx90640.: .*pip install "menshen\[mlx90640\]"'):
        Plug(document, (), "thermal", document.data)


def test_a_broken_pixel_among_broken_ones_stays_unknown():
    image = np.full((24, 32), -273.15, np.float32)
    assert np.isnan(mended(image)).all()
    image[0, 1] = 30
    assert mended(image)[0, 0] == 30
