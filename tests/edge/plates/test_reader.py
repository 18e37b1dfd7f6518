"""The reader on rendered plates, on anything at all, and on real photographs where they are."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edge.evaluate.plates import plates
from edge.plates.colour import colour_of
from edge.plates.find import find_plates
from edge.plates.grammar import Colour, Pattern
from edge.plates.models import load
from edge.plates.motion import MotionGate
from edge.plates.reader import PlateReader, as_picture
from edge.plates.settings import PlateSettings
from edge.plates.types import Why
from sim.plates import Kind, Photo, Taken, draw, photograph

REAL = Path(__file__).parents[4] / "shared" / "data" / "plates"


@pytest.fixture(scope="module")
def models():
    return load(1)


@pytest.fixture(scope="module")
def reader(models):
    return PlateReader(models)


def photo(text: str, kind: Kind = Kind.BLUE, seed: int = 1, **taken) -> Photo:
    return photograph(draw(text, kind), np.random.default_rng(seed), Taken(**{"size": (360, 480), **taken}))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("京A88731", Kind.BLUE),
        ("沪B683J8", Kind.YELLOW),
        ("皖AD11166", Kind.GREEN),
        ("京A1234警", Kind.WHITE),
        ("粤B3587K", Kind.YELLOW_TWO_ROWS),
    ],
)
def test_each_kind_of_plate_is_read_with_its_colour_and_place(reader, text, kind):
    taken = photo(text, kind)
    reading = reader.read(taken.image)
    assert reading.text == text
    assert reading.colour.value == kind.value.partition("-")[0]
    assert np.abs(np.array(reading.corners) - taken.corners).max() < 12
    assert reading.width_px == pytest.approx(180, abs=12)


@pytest.mark.parametrize(
    "taken",
    [
        {"tilt_deg": 12.0},
        {"yaw_deg": 35.0},
        {"pitch_deg": 25.0},
        {"blur_px": 2.0},
        {"night": 0.8},
        {"dirt": 0.4},
        {"motion_px": 5.0},
    ],
    ids=lambda taken: next(iter(taken)),
)
def test_a_plate_seen_badly_is_read_or_unread(reader, taken):
    for seed in range(3):
        reading = reader.read(photo("京A88731", seed=seed, **taken).image)
        sure = reading.confidence >= reader.settings.sure_confidence
        assert reading.text == "京A88731" or not sure


@pytest.mark.parametrize(
    ("image", "why"),
    [
        (np.zeros((0, 0, 3), np.uint8), Why.NO_PICTURE),
        (np.zeros((10, 10), bool), Why.NO_PICTURE),
        (np.full((240, 320, 3), 90, np.uint8), Why.NO_PLATE),
    ],
)
def test_what_cannot_be_read_says_why(reader, image, why):
    reading = reader.read(image)
    assert (reading.text, reading.confidence, reading.reasons) == (None, 0.0, (why,))


def test_a_plate_that_is_too_small_is_unread(models):
    reader = PlateReader(models, PlateSettings(least_width_px=250))
    assert reader.read(photo("京A88731").image).reasons == (Why.TOO_SMALL,)


def test_a_plate_that_no_pattern_allows_is_not_bent_into_one_with_confidence(models):
    other = PlateReader(models, PlateSettings(patterns=(Pattern(text="[A-HJ-NP-Z]{3}[0-9]{4}"),)))
    reading = other.read(photo("京A88731").image)
    assert reading.confidence < other.settings.sure_confidence


def test_characters_that_the_networks_do_not_know_are_refused(models):
    with pytest.raises(ValueError, match="does not know"):
        PlateReader(models, PlateSettings(patterns=(Pattern(text="[🙂]{4}"),)))


def test_grey_deep_and_transparent_pictures_are_read_alike(reader):
    image = photo("京A88731").image
    alpha = np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])
    for other in (alpha, image.astype(np.uint16) << 8, image.astype(np.float32) / 255, image[:, ::1].copy()):
        assert reader.read(other).text == "京A88731"
    assert reader.read(image.mean(axis=2).astype(np.uint8)).text == "京A88731"


def test_a_picture_of_nothing_is_black_and_infinite_light_is_white():
    assert as_picture(np.full((40, 40), np.nan, np.float32)).max() == 0
    assert as_picture(np.full((40, 40, 3), np.inf)).min() == 255


ANY_DTYPE = st.sampled_from([np.uint8, np.uint16, np.int16, np.float32, np.float64, np.bool_, np.complex64])


@given(st.data())
@settings(deadline=None, max_examples=30)
def test_any_array_is_read_or_unread(reader, data):
    shape = data.draw(st.lists(st.integers(0, 90), min_size=0, max_size=4).map(tuple))
    image = (
        data.draw(hnp.arrays(data.draw(ANY_DTYPE), shape, elements=None, fill=None))
        if np.prod(shape) < 300
        else (np.random.default_rng(1).integers(0, 255, shape).astype(data.draw(ANY_DTYPE)))
    )
    reading = reader.read(image)
    assert 0 <= reading.confidence <= 1
    assert reading.text is None or reading.corners is not None


@given(st.integers(32, 80), st.integers(32, 80), st.sampled_from([1, 3, 4]), ANY_DTYPE)
def test_a_picture_is_made_of_whatever_may_be_one(height, width, channels, dtype):
    picture = as_picture(np.ones((height, width, channels), dtype))
    assert picture is None or (picture.shape == (height, width, 3) and picture.dtype == np.uint8)


@pytest.mark.parametrize(
    ("bgr", "colour"),
    [
        ((150, 62, 20), Colour.BLUE),
        ((20, 185, 240), Colour.YELLOW),
        ((120, 200, 90), Colour.GREEN),
        ((0, 0, 0), Colour.UNKNOWN),
    ],
)
def test_the_ground_has_a_colour(bgr, colour):
    assert colour_of(np.full((140, 440, 3), bgr, np.uint8)) is colour


def test_nothing_is_found_by_a_network_that_sees_nothing():
    def blind(blob):
        height, width = blob.shape[2:]
        anchors = sum(2 * -(-height // stride) * -(-width // stride) for stride in (8, 16, 32))
        return np.zeros((1, anchors, 4)), np.zeros((1, anchors, 2)), np.zeros((1, anchors, 8))

    assert find_plates(np.zeros((100, 200, 3), np.uint8), blind, 640) == []


def test_a_still_scene_does_not_move_though_it_is_noisy_and_a_car_does():
    noise, gate = np.random.default_rng(1), MotionGate(0.003)
    still = [np.clip(noise.normal(90, 8, (360, 480, 3)), 0, 255).astype(np.uint8) for _ in range(5)]
    assert [gate.moved(image) for image in still] == [True, False, False, False, False]
    assert gate.still == 4
    car = still[0].copy()
    car[200:240, 100:220] = 220
    assert gate.moved(car)
    assert not gate.moved(np.zeros((0, 3)))


def test_the_real_photographs_are_read_as_promised():
    if not REAL.is_dir():
        warnings.warn(f"no real photographs at {REAL}: the promised rates were not tested", stacklevel=1)
        pytest.skip(f"no real photographs at {REAL}")
    figures = plates(REAL)
    assert figures["exact"] >= 0.95
    assert figures["confident"] >= 0.88
    assert figures["confident_wrong"] <= 0.005
