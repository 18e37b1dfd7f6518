"""The screening as a whole: one reading a person, honest refusals, and no frame that stops it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from edge.drivers.base import ThermalFrame
from edge.drivers.replay import load
from edge.passage import Passage
from edge.policy import Decision
from edge.porter import person_event
from edge.thermal.screen import Screen, ScreenState
from edge.thermal.settings import ThermalSettings
from edge.thermal.types import Reading
from sim.frames import Pose, View
from sim.people import SimPerson, population
from sim.recordings import write
from tests.support.clocks import at
from tests.support.pictures import render
from wire.events import Outcome, Reason, Refusal, Verdict

SETTINGS = ThermalSettings(reference_c=35.0)
PERSON = population(1, 1)[0]


def readings_of(path: Path, thermal: ThermalSettings = SETTINGS) -> list[Reading]:
    recording, screen = load(path), Screen(thermal)
    found: list[Reading] = []
    for index, t_s in enumerate(recording.t_s):
        found += screen.see(ThermalFrame(recording.celsius(index), at(float(t_s)))).readings
    return found + screen.flush()


@pytest.mark.parametrize("seed", range(3))
def test_each_person_of_a_recording_gets_one_reading_near_the_truth(tmp_path, seed):
    write(tmp_path / "r.npz", seed=seed, people=5, fevers=2)
    readings = readings_of(tmp_path / "r.npz")
    truth = json.loads((tmp_path / "r.json").read_text())["people"]
    assert len(readings) == len(truth)
    for reading, person in zip(readings, truth, strict=True):
        assert reading.temperature is not None
        # Glasses hide the inner canthi, the warmest of a face, and half of what they hide of the canthi counts.
        hidden_c = 1.0 if person["glasses"] else 0.3
        assert -hidden_c < reading.temperature.skin_c - person["skin_c"] < 0.3
        if person["skin_c"] > SETTINGS.limit_c + hidden_c:
            assert reading.verdict is Verdict.FEVER
        if person["skin_c"] < SETTINGS.limit_c - 0.4:
            assert reading.verdict is Verdict.NORMAL


def test_without_its_reference_nobody_is_given_a_temperature():
    screen, draw = Screen(SETTINGS), np.random.default_rng(1)
    view = View(reference_c=None)
    for n in range(20):
        seen = screen.see(ThermalFrame(render(view, PERSON, Pose(0.48, 0.41, 1.0), draw), at(n / 9)))
        assert seen.refusal is Refusal.NO_REFERENCE
    (reading,) = screen.flush()
    assert (reading.verdict, reading.temperature) == (Verdict.UNMEASURED, None)


def test_who_is_too_far_away_is_refused():
    screen, draw = Screen(ThermalSettings(reference_c=35.0, min_face_px=30)), np.random.default_rng(1)
    for n in range(20):
        screen.see(ThermalFrame(render(View(), PERSON, Pose(0.48, 0.41, 0.6), draw), at(n / 9)))
    (reading,) = screen.flush()
    assert reading.refusal is Refusal.TOO_SMALL


def look_at(screen: Screen, person: SimPerson, begin_s: float, frames: int = 12, **health) -> list[Reading]:
    """What is concluded about somebody who stands before the camera and goes."""
    draw = np.random.default_rng(1)
    found: list[Reading] = []
    for n in range(frames):
        image = render(View(), person, Pose(0.48, 0.41, 1.0), draw)
        found += screen.see(ThermalFrame(image, at(begin_s + n / 9), **health)).readings
    return found + screen.flush()


def test_who_comes_in_from_the_cold_is_told_to_come_again_later():
    (reading,) = look_at(Screen(SETTINGS), replace(PERSON, skin_c=33.0, glasses=False), 0.0)
    assert (reading.verdict, reading.refusal) == (Verdict.UNMEASURED, Refusal.TOO_COLD)
    passage = Passage(reading.at, None, reading)
    told = person_event("people", "p1", passage, Decision(Outcome.REMEASURE, (Reason.UNMEASURED,)), None)
    assert reading.again_after_s == told.again_after_s == 540


def test_a_camera_that_warms_up_measures_nobody_until_its_reference_stands_still():
    screen = Screen(SETTINGS)
    assert look_at(screen, PERSON, 0.0, since_start_s=60.0) == []
    draw = np.random.default_rng(2)
    for n in range(22):
        empty = render(View(), None, Pose(0, 0, 0), draw)
        screen.see(ThermalFrame(empty, at(10 + 10.0 * n), since_start_s=200 + 10.0 * n))
    assert screen.drift.is_stable
    assert [reading.temperature is not None for reading in look_at(screen, PERSON, 240.0, since_start_s=430.0)] == [
        True
    ]


def test_a_guards_thermometer_moves_what_is_shown_and_a_restart_keeps_it():
    screen = Screen(SETTINGS)
    (before,) = look_at(screen, PERSON, 0.0)
    assert before.temperature is not None
    for _ in range(40):
        screen.calibrate(before.temperature, (before.temperature.body_c or 0.0) + 0.2)
    screen.calibrate(before.temperature, 3.7)  # no thermometer shows this
    screen.calibrate(before.temperature, math.nan)
    (after,) = look_at(screen, PERSON, 60.0)
    restarted = Screen(SETTINGS)
    restarted.restore(msgspec.json.decode(msgspec.json.encode(screen.state()), type=ScreenState))
    (again,), (same,) = look_at(restarted, PERSON, 120.0), look_at(screen, PERSON, 120.0)
    assert after.temperature is not None
    assert after.temperature.body_c == pytest.approx((before.temperature.body_c or 0.0) + 0.2, abs=0.03)
    assert (again.temperature, again.verdict) == (same.temperature, same.verdict)


def garbage(draw: st.DrawFn) -> object:
    """Frames as broken cameras give them."""
    shape = draw(st.sampled_from([(160, 120), (32, 24), (1, 1), (0, 5)]))
    if draw(st.booleans()):
        return np.full(shape, draw(st.integers(0, 65535)), np.uint16)
    value = draw(st.sampled_from([np.nan, np.inf, -300.0, 0.0, 36.0, 1e9]))
    return np.full(shape, value, draw(st.sampled_from([np.float32, np.float64])))


@st.composite
def films(draw: st.DrawFn) -> list[object]:
    """People who come and go, with garbage in between."""
    noise = np.random.default_rng(draw(st.integers(0, 1000)))
    film: list[object] = []
    for _ in range(draw(st.integers(1, 6))):
        match draw(st.sampled_from(["person", "nobody", "garbage", "noise"])):
            case "person":
                pose = Pose(draw(st.floats(0, 1)), draw(st.floats(0, 1)), draw(st.floats(0.2, 1.5)))
                film += [render(View(), PERSON, pose, noise) for _ in range(draw(st.integers(1, 8)))]
            case "nobody":
                film += [render(View(), None, Pose(0, 0, 0), noise) for _ in range(draw(st.integers(1, 12)))]
            case "garbage":
                film += [garbage(draw)]
            case "noise":
                film += [noise.normal(25, draw(st.floats(0.1, 20)), (160, 120)).astype(np.float32)]
    return film


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(films(), st.booleans())
def test_no_film_stops_the_screening_and_each_track_has_one_reading(film, with_reference):
    screen = Screen(ThermalSettings(reference_c=35.0 if with_reference else None))
    readings: list[Reading] = []
    for n, image in enumerate(film):
        readings += screen.see(ThermalFrame(image, at(n / 9))).readings
    readings += screen.flush()
    assert len({reading.track for reading in readings}) == len(readings)
    for reading in readings:
        assert (reading.temperature is None) == (reading.refusal is not None)
        assert (reading.verdict is Verdict.UNMEASURED) == (reading.temperature is None)


def test_real_recordings_are_read_and_most_give_a_temperature(real_data):
    recordings = sorted((real_data / "thermal" / "recordings").glob("*.npz"))[:8]
    unknown = ThermalSettings()  # nobody noted what their reference was set to
    measured = [any(reading.temperature for reading in readings_of(path, unknown)) for path in recordings]
    assert sum(measured) >= len(measured) // 2
