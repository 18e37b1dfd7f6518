"""Thermal cameras on USB, over raw bytes below OpenCV: Lepton on PureThermal, and InfiRay's P2 Pro and its kin."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import aclosing

import cv2
import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_np

from edge.drivers.base import ThermalCamera, ThermalFrame
from edge.drivers.lepton import MOST_TORN, LeptonCamera, Sequence, Telemetry, telemetry_of
from edge.drivers.topdon import TopdonCamera, celsius_of_yuyv
from edge.drivers.v4l2 import upright
from edge.thermal.radiometry import Planck, counts_of
from tests.support.clocks import HandClock
from tests.support.driver_contract import DriverCase, DriverContract, OnHardware
from tests.support.servers import eventually
from tests.support.v4l2 import FakeCapture, UsbCamera
from wire.errors import DriverError

FRAME_MS = 115
SHUTTER = {"never": 0, "imminent": 1, "running": 2, "complete": 3}


def words(celsius: float) -> np.ndarray:
    """A TLinear picture of 120x160 at one temperature, with a mark at its upper left that tells which way is up."""
    picture = np.full((120, 160), round((celsius + 273.15) * 100), np.uint16)
    picture[:10, :10] += 1000
    return picture


def row_a(uptime_ms: int, frame: int, shutter_ms: int = 1000, shutter: str = "complete") -> np.ndarray:
    """The telemetry rows below a Lepton 3's picture, two of 160 words; long values with their low word first."""
    rows = np.zeros(320, np.uint16)
    rows[0] = 0x0E0E
    for index, value in ((1, uptime_ms), (3, SHUTTER[shutter] << 4), (20, frame), (30, shutter_ms)):
        rows[index], rows[index + 1] = value & 0xFFFF, value >> 16
    rows[24], rows[29] = 30500, 30450
    return rows.reshape(2, 160)


def frame_bytes(picture: np.ndarray, *rows: np.ndarray) -> bytes:
    return b"".join(part.astype("<u2").tobytes() for part in (picture, *rows))


def lepton_stream() -> Iterator[bytes]:
    for n in itertools.count(1):
        yield frame_bytes(words(30 + n % 3), row_a(2_000_000 + n * FRAME_MS, 3 * n))


def yuyv_stream() -> Iterator[bytes]:
    for n in itertools.count():
        hot = np.full((192, 256), round((34 + n % 2 + 273.15) * 64), "<u2")
        hot[0, 0] += 640
        yield np.full((192, 256, 2), 128, np.uint8).tobytes() + hot.tobytes()


def lepton() -> UsbCamera:
    return UsbCamera([("Y16 ", 160, 122), ("Y16 ", 160, 120), ("RGB3", 160, 120)], lepton_stream)


def topdon() -> UsbCamera:
    return UsbCamera([("YUYV", 256, 384)], yuyv_stream)


@pytest.fixture(params=["lepton", "topdon"])
def case(request):
    kind, world = {"lepton": (LeptonCamera, lepton()), "topdon": (TopdonCamera, topdon())}[request.param]

    def made(settings, timekeeper):
        return kind(settings, timekeeper, world.open)

    made.Settings = kind.Settings
    return DriverCase(made, {"device": "/dev/none", "patience_s": 2.0}, "frames", ThermalCamera, world=world)


class TestUsbCameras(DriverContract, OnHardware):
    """Both of them."""

    async def test_a_read_that_hangs_is_said_and_a_new_start_recovers(self, case):
        driver, _ = await case.started(patience_s=0.2)
        source = case.said(driver)
        await anext(source)
        case.world.hangs.set()
        with pytest.raises(DriverError, match="hangs"):
            await asyncio.wait_for(self._drained(source), 5)
        await driver.stop()
        case.world.hangs.clear()
        await driver.start()
        assert await anext(case.said(driver)) is not None
        await driver.stop()
        case.world.released.set()
        await eventually(lambda: all(c.is_released for c in case.world.captures), "the one that hung is closed too")


async def frames_of(camera: UsbCamera, count: int, **more) -> list[ThermalFrame]:
    settings = msgspec.convert({"device": "/dev/none", **more}, LeptonCamera.Settings)
    driver = LeptonCamera(settings, HandClock(), camera.open)
    await driver.start()
    found: list[ThermalFrame] = []
    try:
        async with aclosing(driver.frames()) as frames:
            async for frame in frames:
                found.append(frame)
                if len(found) == count:
                    break
    finally:
        await driver.stop()
    return found


async def test_a_lepton_s_frame_is_in_degrees_with_the_camera_s_own_times():
    (frame,) = await frames_of(lepton(), 1)
    assert frame.celsius.shape == (120, 160)
    assert frame.celsius[60, 80] in (pytest.approx(31), pytest.approx(32), pytest.approx(30))
    assert frame.since_start_s == pytest.approx(2000, abs=2)
    assert frame.since_shutter_s == pytest.approx(1999, abs=2)


async def test_without_telemetry_rows_the_picture_is_all():
    camera = UsbCamera([("Y16 ", 160, 120)], lambda: itertools.repeat(frame_bytes(words(30))))
    (frame,) = await frames_of(camera, 1)
    assert (frame.since_start_s, frame.since_shutter_s) == (None, None)


@pytest.mark.parametrize(("rotation", "corner"), [(0, (0, 0)), (90, (0, -1)), (180, (-1, -1)), (270, (-1, 0))])
async def test_a_camera_that_hangs_on_its_side_gives_upright_frames(rotation, corner):
    (frame,) = await frames_of(lepton(), 1, rotation=rotation)
    assert frame.celsius.shape == ((120, 160) if rotation % 180 == 0 else (160, 120))
    assert frame.celsius[corner] == pytest.approx(frame.celsius[60, 60] + 10, abs=0.02)
    assert frame.celsius.flags["C_CONTIGUOUS"]


async def test_raw_counts_become_temperatures_by_the_camera_s_calibration_and_the_scene():
    planck = Planck(r=380000.0, b=1430.0, f=1.0, o=-500.0)
    counts = np.full((120, 160), float(counts_of(34.0, planck))).round().astype(np.uint16)
    camera = UsbCamera([("Y16 ", 160, 120)], lambda: itertools.repeat(frame_bytes(counts)))
    wanted = {"mode": "raw", "telemetry": "off", "planck": msgspec.to_builtins(planck)}
    (plain,) = await frames_of(camera, 1, **wanted)
    (skin,) = await frames_of(camera, 1, **wanted, scene={"emissivity": 0.98, "reflected_c": 20.0})
    assert plain.celsius[0, 0] == pytest.approx(34.0, abs=0.05)
    assert skin.celsius[0, 0] == pytest.approx(34.3, abs=0.1)
    assert skin.celsius.dtype == np.float32


async def test_torn_and_repeated_frames_are_left_out():
    noise = np.random.default_rng(2)

    def stream() -> Iterator[bytes]:
        for n in itertools.count(1):
            good = frame_bytes(words(n % 50), row_a(60_000 + n * FRAME_MS, 3 * n))
            yield good
            yield good
            yield good[:9000] + noise.bytes(len(good) - 9000)

    frames = await frames_of(UsbCamera([("Y16 ", 160, 122)], stream), 6)
    shown = [round(float(frame.celsius[60, 80])) for frame in frames]
    assert shown == sorted(set(shown))


async def test_a_stream_that_stays_out_of_step_is_a_driver_error():
    garbage = np.random.default_rng(3).bytes(122 * 160 * 2)
    with pytest.raises(DriverError, match="telemetry makes no sense"):
        await frames_of(UsbCamera([("Y16 ", 160, 122)], lambda: itertools.repeat(garbage)), MOST_TORN)


async def test_a_camera_that_gives_colours_is_refused_in_words():
    with pytest.raises(DriverError, match="does not give 'Y16 '"):
        await frames_of(UsbCamera([("YUYV", 160, 120)], lepton_stream), 1)
    with pytest.raises(DriverError, match=r"gives 640x480, expected 160x122 or 160x120"):
        await frames_of(UsbCamera([("Y16 ", 640, 480)], lepton_stream), 1, device="/dev/none")


async def test_a_picture_that_opencv_converted_after_all_is_refused(monkeypatch):
    camera, real = lepton(), FakeCapture.set
    monkeypatch.setattr(FakeCapture, "set", lambda self, p, v: p == cv2.CAP_PROP_CONVERT_RGB or real(self, p, v))
    with pytest.raises(DriverError, match=r"gave uint8 with 3 channels, expected raw uint16: OpenCV converted"):
        await frames_of(camera, 1)


@pytest.mark.parametrize(("shutter", "since_s"), [("complete", 5.0), ("imminent", 0.0), ("running", 0.0)])
def test_a_shutter_that_closes_is_told_before_it_blinds_the_picture(shutter, since_s):
    told = telemetry_of(row_a(100_000, 9, 95_000, shutter))
    assert told is not None
    assert told.since_shutter_s == since_s


def test_before_the_first_shutter_nothing_is_said_of_it():
    told = telemetry_of(row_a(100, 1, 0, "never"))
    assert told is not None
    assert told.since_shutter_s is None


def test_a_camera_that_was_switched_off_and_on_begins_anew():
    sequence = Sequence()
    told = [Telemetry(50_000, 900, 0, False), Telemetry(120, 3, 0, False), Telemetry(235, 6, 0, False)]
    assert [sequence.takes(one) for one in told] == [True, True, True]
    assert not sequence.takes(Telemetry(235, 6, 0, False))
    assert not sequence.takes(Telemetry(9_999_999, 5, 0, False))


@given(st_np.arrays(np.uint16, (2, 160)))
def test_no_rows_break_the_telemetry(rows):
    told = telemetry_of(rows)
    assert told is None or told.since_shutter_s is None or told.since_shutter_s >= 0


@given(st.binary(min_size=2, max_size=64))
def test_words_of_any_bytes_are_kelvin_above_zero(pattern):
    raw = np.resize(np.frombuffer(pattern, np.uint8), (384, 256, 2))
    celsius = celsius_of_yuyv(raw, 0)
    assert celsius.dtype == np.float32
    assert celsius.min() >= -273.15 - 1e-3


async def test_a_topdon_reads_its_lower_half():
    driver = TopdonCamera(TopdonCamera.Settings(device="/dev/none", rotation=90), HandClock(), topdon().open)
    await driver.start()
    frame = await anext(driver.frames())
    await driver.stop()
    assert frame.celsius.shape == (256, 192)
    assert frame.celsius[0, -1] == pytest.approx(frame.celsius[9, 9] + 10, abs=0.02)
    assert frame.celsius[9, 9] in (pytest.approx(34, abs=0.02), pytest.approx(35, abs=0.02))


def test_turning_four_times_is_no_turning():
    image = np.arange(12).reshape(3, 4)
    turned = image
    for _ in range(4):
        turned = upright(turned, 90)
    assert (turned == image).all()


async def test_a_real_opencv_capture_of_a_device_that_is_not_there_is_a_driver_error(tmp_path):
    for device, why in ((str(tmp_path / "none"), "plugged in"), (str(tmp_path), "not a device")):
        driver = LeptonCamera(LeptonCamera.Settings(device=device), HandClock())
        with pytest.raises(DriverError, match=why):
            await driver.start()
        await driver.stop()
