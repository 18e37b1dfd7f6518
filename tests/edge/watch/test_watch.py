"""`menshen edge watch`: every kind of recording, as pictures, as a video that plays, as a window."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_np

import menshen
from edge import words
from edge.thermal.settings import ThermalSettings
from edge.thermal.types import Box, Person, Reading, Reference, View
from edge.watch import fonts
from edge.watch.outputs import Window
from edge.watch.sheet import Sheet
from sim.frames import Pose
from sim.frames import View as SimView
from sim.people import population
from tests.support.clocks import at
from tests.support.flir import flir_jpeg
from tests.support.pictures import render
from wire.errors import MenshenError
from wire.events import Refusal, Temperature, Verdict

COUNT = 6


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    """A person before the camera, with the reference in view, in centikelvin."""
    draw, person = np.random.default_rng(1), population(1, 1)[0]
    images = [render(SimView(), person, Pose(0.48, 0.41, 1.0), draw) for _ in range(COUNT)]
    return np.stack([((image + 273.15) * 100).round().astype(np.uint16) for image in images])


@pytest.fixture
def recording(tmp_path, frames) -> Path:
    np.savez(tmp_path / "r.npz", frames=frames, t_s=np.arange(COUNT) / 9)
    return tmp_path / "r.npz"


def watch(*arguments: object) -> int:
    return menshen.main(["edge", "watch", *map(str, arguments)])


def test_each_frame_becomes_a_picture_and_people_are_told(recording, tmp_path, capsys):
    assert watch(recording, "--out", tmp_path / "out", "--reference", 35) == 0
    pictures = sorted((tmp_path / "out").iterdir())
    assert [path.name for path in pictures] == [f"frame-{n:05d}.png" for n in range(1, COUNT + 1)]
    assert {cv2.imread(str(path)).shape for path in pictures} == {(800, 1000, 3)}
    said = capsys.readouterr().out
    assert "1. normal: " in said
    assert f"{COUNT} frames, 0 bad; normal 1 -> " in said


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv"])
def test_a_video_plays_back_frame_by_frame_at_the_recording_s_pace(recording, tmp_path, suffix):
    path = tmp_path / f"film{suffix}"
    assert watch(recording, "--out", path) == 0
    film = cv2.VideoCapture(str(path))
    shapes = []
    while (read := film.read())[0]:
        shapes.append(read[1].shape)
    assert shapes == [(800, 1000, 3)] * COUNT
    assert film.get(cv2.CAP_PROP_FPS) == pytest.approx(9, abs=0.1)


def test_folders_and_flir_pictures_are_shown_too(tmp_path, frames):
    (tmp_path / "folder").mkdir()
    for n, frame in enumerate(frames):
        cv2.imwrite(str(tmp_path / "folder" / f"{n}.png"), frame)
    (tmp_path / "a.jpg").write_bytes(flir_jpeg(frames[0] / 100 - 273.15))
    assert watch(tmp_path / "folder", "--rate", 9, "--out", tmp_path / "one") == 0
    assert watch(tmp_path / "a.jpg", "--out", tmp_path / "two", "--lang", "zh") == 0
    assert (len(list((tmp_path / "one").iterdir())), len(list((tmp_path / "two").iterdir()))) == (COUNT, 1)


def test_a_frame_that_cannot_be_read_is_named_and_the_rest_is_shown(tmp_path, frames, capsys):
    for n, frame in enumerate(frames):
        cv2.imwrite(str(tmp_path / f"{n}.png"), frame)
    (tmp_path / "2.png").write_bytes(b"garbage")
    assert watch(tmp_path, "--rate", 9, "--out", tmp_path / "out") == 1
    told = capsys.readouterr()
    assert "frame 3 is left out: picture" in told.err
    assert "cannot be read" in told.err
    assert f"{COUNT - 1} frames, 1 bad" in told.out


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["none.npz", "--out", "out"], "recording none.npz: No such file"),
        (["r.npz", "--out", "film.gif"], ".gif is no kind of video that can be written: .mp4, .avi, .mkv, or a folder"),
        (["r.npz", "--out", "no/film.mp4"], "there is no folder no"),
        (["r.npz", "--out", "r.npz/x"], "cannot be made"),
        (["r.npz", "--rate", "0", "--out", "out"], "expected a number above 0"),
        (
            ["r.npz"],
            "no window can be shown: this machine has no display; give --out FOLDER for pictures, or --out FILE",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(recording, tmp_path, monkeypatch, capsys, arguments, fault):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert watch(*arguments) == 1
    assert fault in capsys.readouterr().err


def test_without_a_chinese_font_it_says_so_and_shows_english(recording, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fonts, "_KNOWN", ())
    monkeypatch.setattr(fonts.shutil, "which", lambda _: None)
    assert watch(recording, "--out", tmp_path / "out", "--lang", "zh") == 0
    told = capsys.readouterr()
    assert "install the Debian package fonts-noto-cjk" in told.err
    assert re.search(r"[\u4e00-\u9fff]", told.out) is None


def test_without_pillow_it_says_what_to_install():
    program = (
        "import sys; sys.modules['PIL'] = None; import menshen; sys.exit(menshen.main(['edge', 'watch', 'x.npz']))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert 'pip install "menshen[watch]"' in done.stderr


@pytest.fixture
def display(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A display that nobody looks at."""
    pytest.importorskip("tkinter", reason="this Python has no Tk: the window was NOT tried; install python3-tk")
    server = shutil.which("Xvfb")
    if server is None:
        if os.environ.get("MENSHEN_REQUIRE_ALL") == "1":
            pytest.fail("Xvfb is missing and MENSHEN_REQUIRE_ALL=1: install the package xvfb")
        pytest.skip("Xvfb is missing: the window was NOT tried; install the package xvfb")
    read, write = os.pipe()
    process = subprocess.Popen([server, "-displayfd", str(write), "-screen", "0", "1400x1000x24"], pass_fds=[write])
    os.close(write)
    with os.fdopen(read) as told:
        monkeypatch.setenv("DISPLAY", f":{told.readline().strip()}")
    yield
    process.terminate()
    process.wait(10)


def test_a_window_shows_the_recording_and_a_closed_one_ends_it(display, recording, tmp_path):
    assert watch(recording, "--window", "--out", tmp_path / "out") == 0
    assert len(list((tmp_path / "out").iterdir())) == COUNT
    window = Window("title")
    sheet = np.zeros((10, 10, 3), np.uint8)
    assert window.show(sheet, 0.0)
    window._closed()
    assert not window.show(sheet, 0.1)
    window.close()


# -- the sheet -------------------------------------------------------------------------------------------------------


def temperature(skin_c: float, limit_c: float | None = 36.4) -> Temperature:
    return Temperature(skin_c=skin_c, u_c=0.4, looks=3, limit_c=limit_c)


def test_a_temperature_below_the_limit_never_reads_like_the_limit():
    assert [words.skin_text(temperature(value)) for value in (36.2, 36.36, 36.4, 37.04)] == [
        "36.2",
        "36.36",
        "36.4",
        "37.0",
    ]


@pytest.mark.parametrize("lang", words.LANGS)
def test_every_verdict_and_refusal_has_a_word_and_a_new_one_is_shown_by_its_name(lang):
    told = [words.verdict(value, lang) for value in Verdict] + [words.refusal(value, lang) for value in Refusal]
    assert all(told)
    assert all(words.word(key, lang, "1", "2") for key in words._WORDS)
    assert words.refusal("new-kind", lang) == "new kind"  # type: ignore[arg-type]


BOXES = st.builds(Box, st.integers(-20, 130), st.integers(-20, 170), st.integers(1, 90), st.integers(1, 90))
TEMPERATURES = st.builds(temperature, st.floats(-40, 140), st.none() | st.floats(30, 40))
PEOPLE = st.builds(
    Person, st.just(1), BOXES, st.sampled_from(Verdict), st.none() | TEMPERATURES, st.none() | st.sampled_from(Refusal)
)
READINGS = st.builds(
    Reading, st.just(1), st.just(at(0)), st.just(at(0)), st.sampled_from(Verdict), st.none() | TEMPERATURES, st.none()
)
REFERENCES = st.builds(
    Reference, st.floats(-9, 130), st.floats(-9, 170), st.floats(1, 12), st.floats(20, 40), st.just(0.1)
)
VIEWS = st.builds(
    View,
    st.just(at(0)),
    st.tuples() | st.tuples(PEOPLE) | st.tuples(PEOPLE, PEOPLE),
    st.tuples() | st.tuples(READINGS),
    st.none() | REFERENCES,
    st.none() | st.sampled_from(Refusal),
)
IMAGES = st_np.arrays(np.float32, (160, 120), elements=st.floats(width=32), fill=st.floats(width=32))


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(IMAGES, VIEWS, st.sampled_from(words.LANGS))
def test_whatever_a_frame_and_a_view_hold_a_sheet_of_the_same_size_comes_out(image, view, lang):
    sheet = Sheet(ThermalSettings(), lang)
    for celsius in (image, np.full((160, 120), 30.0, np.float32)):
        drawn = sheet.draw(celsius, view, 61.5)
        assert drawn.shape == (800, 1000, 3)
        assert drawn.dtype == np.uint8


def test_a_sheet_in_chinese_needs_a_font_that_has_it(monkeypatch):
    monkeypatch.setattr(fonts, "_KNOWN", ())
    monkeypatch.setattr(fonts.shutil, "which", lambda _: None)
    with pytest.raises(MenshenError, match="fonts-noto-cjk"):
        Sheet(ThermalSettings(), "zh")
