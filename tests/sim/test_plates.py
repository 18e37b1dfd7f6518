"""Number plates: every character and kind is drawn, corners are where they are said to be, nonsense is refused."""

from __future__ import annotations

import csv
import itertools

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sim.glyphs import DIGITS, ENDINGS, LETTERS, PROVINCES, glyph
from sim.people import stream, vehicles
from sim.plates import Kind, Taken, any_plate, anyhow, boxes, crop, draw, photograph, write

CHARACTERS = PROVINCES + ENDINGS + LETTERS + DIGITS


def test_every_character_of_a_plate_is_drawn_and_unlike_all_others():
    assert (len(PROVINCES), len(LETTERS)) == (31, 24)
    masks = {character: glyph(character, 45, 23).astype(float) / 255 for character in CHARACTERS}
    assert all(0.1 < mask.mean() < 0.75 for mask in masks.values())
    for (one, first), (other, second) in itertools.combinations(masks.items(), 2):
        assert np.abs(first - second).mean() > 0.03, (one, other)


@pytest.mark.parametrize("character", ["I", "O", "a", "#", "", "国"])
def test_a_character_that_is_on_no_plate_is_told(character):
    with pytest.raises(ValueError, match="expected one of 京津冀"):
        glyph(character, 90, 45)


@given(st.integers(0, 2**32))
def test_any_plate_is_drawn_in_its_size(seed):
    text, kind = any_plate(stream(seed, "t"))
    plate = draw(text, kind)
    wide, high = {Kind.YELLOW_TWO_ROWS: (440, 220), Kind.GREEN: (480, 140), Kind.GREEN_LARGE: (480, 140)}.get(
        kind, (440, 140)
    )
    assert plate.shape == (high, wide, 3)
    assert len(boxes(kind)) == len(text)
    for box in boxes(kind):
        assert box.x > 0
        assert box.x + box.width < wide
        assert 0 < box.y < box.y + box.height < high


@given(st.text(max_size=9))
@example("京A1234")
@example("京A123456")
@example("AA12345")
@example("京I12345")
def test_a_text_that_is_no_plate_is_told_with_an_example(text):
    for kind in Kind:
        try:
            draw(text, kind)
        except ValueError as error:
            assert f"{text!r}: expected" in str(error)
            assert "like 京A" in str(error)


def test_plates_of_simulated_vehicles_can_be_drawn():
    for vehicle in vehicles(1, 50):
        draw(vehicle.plate)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32))
def test_corners_are_where_the_plate_is(seed):
    noise = stream(seed, "corners")
    taken = Taken(width_px=200, yaw_deg=float(noise.uniform(-25, 25)), pitch_deg=10, tilt_deg=5, blur_px=0.3)
    plate = draw("蒙B7M5Q2")
    photo = photograph(plate, noise, taken)
    assert photo.image.shape == (480, 640, 3)
    seen = cv2.cvtColor(crop(photo, (220, 70)), cv2.COLOR_BGR2GRAY).astype(float)
    wanted = cv2.cvtColor(cv2.resize(plate, (220, 70), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY).astype(float)
    assert np.corrcoef(seen.ravel(), wanted.ravel())[0, 1] > 0.85


@pytest.mark.parametrize(
    ("changed", "darker", "blurred"),
    [(Taken(night=1.0), True, False), (Taken(blur_px=3.0), False, True), (Taken(motion_px=12.0), False, True)],
)
def test_night_is_dark_and_blur_takes_the_edges(changed, darker, blurred):
    plate = draw("蒙B7M5Q2")
    usual, other = (crop(photograph(plate, stream(1, "same"), taken), (220, 70)) for taken in (Taken(), changed))
    assert (other.mean() < 0.8 * usual.mean()) == darker
    edges = [float(cv2.Sobel(image, cv2.CV_64F, 1, 0).std()) for image in (usual, other)]
    assert not blurred or edges[1] < 0.6 * edges[0]


def test_dirt_hides_part_of_a_plate():
    plate = draw("蒙B7M5Q2")
    clean, dirty = (photograph(plate, stream(1, "same"), Taken(dirt=dirt)).image.astype(int) for dirt in (0.0, 0.9))
    assert (np.abs(clean - dirty).max(2) > 60).sum() > 300


def test_a_set_is_the_same_for_a_seed_and_says_what_is_in_it(tmp_path):
    for name in ("a", "b"):
        write(tmp_path / name, seed=3, count=4)
    with (tmp_path / "a" / "plates.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8
    for row in rows:
        one, other = (cv2.imread(str(tmp_path / name / row["file"])) for name in ("a", "b"))
        assert np.array_equal(one, other)
        assert row["kind"] != "crops" or one.shape == (24, 94, 3)
    with pytest.raises(ValueError, match="0 plates: expected at least 1"):
        write(tmp_path, seed=1, count=0)


def test_pictures_are_taken_in_many_ways():
    ways = [anyhow(stream(number, "way")) for number in range(40)]
    assert any(way.night for way in ways)
    assert any(way.dirt for way in ways)
    assert any(way.motion_px for way in ways)
