"""The simulator: the same seed gives the same plant, its pictures and its registry."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge import settings as gate_settings
from sim.feed import script
from sim.frames import Pose, View
from sim.gates import SimulatedGate, gate_file
from sim.pager import Pager
from sim.people import population, vehicles
from sim.plant import Plant
from sim.recordings import write
from sim.roster import registry, site
from sim.scene import BREAK_S, drives, visits
from tests.support.pictures import render
from wire.messages import encode_event
from wire.tokens import TokenKind, token

KEY = b"0123456789abcdef"


@given(st.integers(0, 2**32), st.integers(0, 50))
def test_the_same_seed_is_the_same_plant(seed, people):
    assert population(seed, people) == population(seed, people)
    assert site(Plant(people=people + 1), "s", seed, KEY) == site(Plant(people=people + 1), "s", seed, KEY)


@given(st.integers(0, 2**32))
def test_people_are_plausible_and_the_feverish_are_feverish(seed):
    for person in population(seed, 20):
        assert 35.5 < person.body_c < 38.2
        assert 33.5 < person.skin_c < 38.0
    assert all(person.feverish for person in population(seed, 5, fever_share=1.0))


@given(st.integers(0, 2**32), st.floats(0.1, 200))
def test_two_people_are_never_in_the_lane_at_once(seed, rate):
    story = list(itertools.islice(visits(seed, 10, rate, 0.1), 30))
    for one, other in itertools.pairwise(story):
        assert other.begin_s - one.end_s >= BREAK_S - 1e-6
        assert one.badge is None or one.begin_s < one.badge_s < one.end_s


def test_nearly_all_visitors_are_registered_and_some_are_not():
    people = population(3, 1000)
    known = {entry.token for entry in registry(site(Plant(people=1000), "s", 3, KEY)).entries}
    share = sum(token(KEY, TokenKind.BADGE, person.badge) in known for person in people) / 1000
    assert 0.9 < share < 1.0
    plates = [token(KEY, TokenKind.PLATE, vehicle.plate) in known for vehicle in vehicles(3, 60)]
    assert 0.6 < sum(plates) / 60 < 1.0


def test_an_unread_plate_is_never_a_guess():
    story = list(itertools.islice(drives(1, 60, 4.0, 0.5), 200))
    assert any(drive.plate is None for drive in story)
    assert all(drive.plate in {None, drive.vehicle.plate} for drive in story)


@pytest.mark.parametrize("view", [View(), View(120, 160), View(32, 24), View(480, 640)])
def test_a_frame_has_its_size_and_its_hottest_skin_is_the_persons(view):
    lost_c = []
    for person in population(5, 20):
        image = render(view._replace(reference_c=None), person, Pose(0.48, 0.41, 1.0), np.random.default_rng(1))
        assert (image.shape, image.dtype) == ((view.height, view.width), np.float32)
        lost_c.append(abs(float(image.max()) - person.skin_c))
    assert np.median(lost_c) < 1.0
    assert max(lost_c) < (1.0 if view.height > 100 else 2.5)  # of a face of 8 pixels much is lost


def test_a_recording_is_the_same_to_the_byte_and_holds_as_many_fevers_as_asked(tmp_path):
    for name in ("a", "b"):
        write(tmp_path / f"{name}.npz", seed=9, people=3, fevers=2)
    one, other = (np.load(tmp_path / f"{name}.npz")["frames"] for name in ("a", "b"))
    assert np.array_equal(one, other)
    truth = json.loads((tmp_path / "a.json").read_text())["people"]
    assert sum(person["body_c"] >= 37.5 for person in truth) == 2
    with pytest.raises(ValueError, match="no more fevers than people"):
        write(tmp_path / "c.npz", seed=1, people=1, fevers=2)


@given(st.integers(0, 1000), st.integers(1, 10**6))
def test_the_script_is_always_the_same_and_crosses_the_wire(seed, number):
    event = script(seed, "gate", number, 5)
    assert event == script(seed, "gate", number, 5)
    assert encode_event(event)


def test_a_gate_inside_the_plant_is_set_up_with_its_place_and_without_vehicles(tmp_path):
    (tmp_path / "gate.toml").write_text(
        gate_file(SimulatedGate(site="sim", gate="canteen", port=9, seed=1, plant="small", place="canteen"))
    )
    (lane,) = gate_settings.load(tmp_path / "gate.toml").settings.lanes
    assert (lane.kind, lane.place) == ("person", "canteen")


def test_the_demos_pager_refuses_a_page_that_is_not_signed(tmp_path):
    pager = Pager(b"secret", tmp_path / "pages.log")
    assert not pager.is_signed("1", b"{}", "v1=00")
