"""Recordings of every kind: read alike, timed by what tells the time, and named for what is wrong with them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.drivers.base import ThermalCamera
from edge.drivers.recordings import open_recording
from edge.drivers.replay import ReplayCamera
from edge.thermal.radiometry import Scene
from tests.support.driver_contract import DriverCase, DriverContract
from tests.support.flir import flir_jpeg
from wire.errors import DriverError


def scene(add_c: float = 0.0) -> np.ndarray:
    return np.linspace(15, 40, 24 * 32).reshape(24, 32) + add_c


def centikelvin(add_c: float = 0.0) -> np.ndarray:
    return ((scene(add_c) + 273.15) * 100).round().astype(np.uint16)


def write_folder(folder: Path, count: int = 3, suffix: str = ".png", gap_s: float = 0.1) -> Path:
    for n in range(8, 8 + count):
        path = folder / f"frame-{n}{suffix}"
        if suffix == ".jpg":
            path.write_bytes(flir_jpeg(scene(n)))
        else:
            cv2.imwrite(str(path), centikelvin(n))
        os.utime(path, (1000 + n * gap_s, 1000 + n * gap_s))
    return folder


def write_npz(folder: Path) -> Path:
    frames = np.stack([centikelvin(n) for n in (8, 9, 10)])
    np.savez(folder / "r.npz", frames=frames, t_s=np.array([0.0, 0.1, 0.2]))
    return folder / "r.npz"


KINDS = {
    "npz": write_npz,
    "png": write_folder,
    "tiff": lambda folder: write_folder(folder, suffix=".tiff"),
    "flir": lambda folder: write_folder(folder, suffix=".jpg"),
}


@pytest.fixture(params=KINDS)
def path(request, tmp_path):
    return KINDS[request.param](tmp_path)


@pytest.fixture
def case(path):
    wanted = {"path": str(path), "loop": True, "pause_s": 0.0, "speed": 100.0}
    return DriverCase(ReplayCamera, wanted, "frames", ThermalCamera)


class TestReplayOfEveryKind(DriverContract):
    """All kinds keep the drivers' contract."""


def test_every_kind_gives_the_same_frames_at_the_same_times(path):
    recording = open_recording(path)
    assert recording.t_s == pytest.approx([0.0, 0.1, 0.2])
    for index, add_c in enumerate((8, 9, 10)):
        image = recording.celsius(index, 0.5)
        assert image.dtype == np.float32
        assert np.abs(image - scene(add_c) - 0.5).max() < 0.01


def test_one_picture_is_a_recording_too(tmp_path):
    write_folder(tmp_path)
    recording = open_recording(tmp_path / "frame-9.png")
    assert len(recording.t_s) == 1
    assert np.abs(recording.celsius(0) - scene(9)).max() < 0.01


def test_a_flir_picture_has_the_temperatures_that_our_own_formulas_put_into_it(tmp_path):
    """Our radiometry and flyr's, which was written apart from it, agree."""
    of_skin = Scene(emissivity=0.95, reflected_c=20.0, window_transmission=0.9, window_c=24.0)
    (tmp_path / "a.jpg").write_bytes(flir_jpeg(scene(), of_skin))
    assert np.abs(open_recording(tmp_path / "a.jpg").celsius(0) - scene()).max() < 0.02


def test_a_table_tells_which_files_when_before_anything_else(tmp_path):
    write_folder(tmp_path)
    (tmp_path / "frames.csv").write_text("file,t_s\nframe-10.png,5\nframe-8.png,7.5\n")
    recording = open_recording(tmp_path, rate_hz=9)
    assert recording.t_s.tolist() == [0.0, 2.5]
    assert recording.celsius(0)[0, 0] == pytest.approx(25, abs=0.01)


def test_a_rate_tells_before_the_files_own_times_and_numbers_count_as_numbers(tmp_path):
    write_folder(tmp_path, gap_s=0.0)
    recording = open_recording(tmp_path, rate_hz=10)
    assert recording.t_s == pytest.approx([0.0, 0.1, 0.2])
    assert [float(recording.celsius(n)[0, 0]) for n in range(3)] == pytest.approx([23, 24, 25], abs=0.01)


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        ({}, "no pictures in it"),
        ({"a.png": b"garbage"}, "a.png: cannot be read"),
        ({"a.png": cv2.imencode(".png", np.zeros((4, 5, 3), np.uint8))[1].tobytes()}, "uint8 with 3 channels"),
        ({"a.jpg": cv2.imencode(".jpg", np.zeros((4, 5), np.uint8))[1].tobytes()}, "no radiometric FLIR picture"),
        ({"a.jpg": b"", "b.png": b""}, "together, expected one kind"),
        ({"frames.csv": b"file,t_s\na.png,1\n"}, "a.png: No such file"),
        ({"frames.csv": b"file,t_s\na.png,x\n"}, "expected seconds"),
        ({"frames.csv": b"file,t_s\na.png,2\nb.png,1\n"}, "never go back"),
        ({"frames.csv": b"\xff\xfe"}, "decode"),
    ],
)
def test_a_bad_folder_is_named_with_its_fault(tmp_path, files, fault):
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DriverError, match=fault):
        open_recording(tmp_path, rate_hz=9).celsius(0)


def test_files_that_were_copied_all_at_once_ask_for_a_rate(tmp_path):
    write_folder(tmp_path, gap_s=0.0)
    with pytest.raises(DriverError, match="give the rate"):
        open_recording(tmp_path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    for name in ("none.npz", "none.png", "none.jpg"):
        with pytest.raises(DriverError, match=f"{name}: No such file"):
            open_recording(tmp_path / name)


def test_without_its_package_a_flir_picture_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "a.jpg").write_bytes(flir_jpeg(scene()))
    monkeypatch.setitem(sys.modules, "flyr", None)
    with pytest.raises(DriverError, match=r'pip install "menshen\[flir\]"'):
        open_recording(tmp_path / "a.jpg").celsius(0)


GOOD = flir_jpeg(scene())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.data())
def test_a_damaged_flir_picture_is_read_or_refused(tmp_path, data):
    content = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, 1600))] = data.draw(st.integers(0, 255))
    path = tmp_path / "a.jpg"
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))
    try:
        image = open_recording(path).celsius(0)
    except DriverError as error:
        assert str(path) in str(error)
    else:
        assert image.ndim == 2
