"""Looks vote: each vehicle is told once, a wrong look does not win, and what was never sure is unread."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.plates.types import PlateReading, Why
from edge.plates.votes import Vote, Votes, VoteSettings

SURE = 0.98
EVERY_S = 0.2


def look(text: str | None, confidence: float = 0.99, width_px: float = 100.0) -> PlateReading:
    return PlateReading(text, confidence if text else 0.0, width_px=width_px)


NOTHING = PlateReading(None, reasons=(Why.NO_PLATE,))


def told(looks: list[PlateReading], **settings) -> list[Vote]:
    votes = Votes(VoteSettings(**settings), SURE)
    out = [vote for number, one in enumerate(looks) for vote in votes.see(number * EVERY_S, one)]
    return out + votes.flush()


def texts(looks: list[PlateReading], **settings) -> list[str | None]:
    return [vote.text for vote in told(looks, **settings)]


GONE = [NOTHING] * 12
A, B = "京A88731", "沪B683J8"


def test_two_sure_looks_tell_a_vehicle_at_once():
    votes = Votes(VoteSettings(), SURE)
    assert votes.see(0.0, look(A)) == []
    assert votes.undecided
    (vote,) = votes.see(0.2, look(A))
    assert (vote.text, vote.agreeing, vote.looks) == (A, 2, 2)
    assert not votes.undecided


def test_a_wrong_look_does_not_win():
    assert texts([look("京A88781"), look(A), look(A), look(A)]) == [A]
    assert texts([look(A), look("京A88781"), look(A), look(A)]) == [A]


def test_sure_looks_that_contradict_each_other_are_unread():
    assert texts([look(A), look("京A88781"), look(A), look("京A88781")]) == [None]


def test_looks_that_are_not_sure_do_not_vote():
    assert texts([look(A, 0.9)] * 20) == [None]


def test_one_sure_look_of_a_vehicle_that_is_gone_counts():
    assert texts([look(A, 0.5), look(A), look(A, 0.7), *GONE]) == [A]


def test_what_flashes_by_unread_was_no_vehicle():
    assert texts([look(None), *GONE]) == []


def test_two_vehicles_with_a_gap_are_two_though_they_have_one_plate():
    assert texts([look(A)] * 3 + GONE + [look(A)] * 3) == [A, A]


def test_a_vehicle_close_behind_is_another():
    assert texts([look(A)] * 4 + [look(B)] * 4) == [A, B]
    assert texts([look(A), look(B), look(B), look(B)]) == [A, B]


def test_a_vehicle_that_stands_still_is_the_same_when_it_moves_again():
    votes = Votes(VoteSettings(), SURE)
    out = votes.see(0.0, look(A)) + votes.see(0.2, look(A))
    for step in range(600):
        out += votes.still(0.4 + step)
    out += votes.see(601.0, look(A)) + votes.see(601.2, look(A)) + votes.flush()
    assert [vote.text for vote in out] == [A]


def test_an_empty_scene_that_stays_still_lets_the_vehicle_go():
    votes = Votes(VoteSettings(), SURE)
    votes.see(0.0, look(A))
    votes.see(0.2, NOTHING)
    assert [vote.text for step in range(5) for vote in votes.still(1.0 + step)] == [A]


def test_growth_is_the_last_width_over_the_first():
    (vote,) = told([look(A, width_px=100), look(A, width_px=130)])
    assert vote.growth == pytest.approx(1.3)


class Seen(NamedTuple):
    """One vehicle of a story: its plate and its looks, of which the wrong ones are fewer by the lead."""

    plate: str
    looks: list[PlateReading]


@st.composite
def vehicle(draw: st.DrawFn) -> Seen:
    plate = draw(st.text("ABCDEFGH", min_size=7, max_size=7))
    wrong = draw(st.lists(st.integers(0, 6), max_size=1))
    misread = [plate[:at] + "9" + plate[at + 1 :] for at in wrong]
    doubtful = draw(st.lists(st.sampled_from([None, plate, "9" * 7]), max_size=5))
    right = [look(plate)] * draw(st.integers(len(misread) + 2, 6))
    looks = right + [look(text) for text in misread] + [look(text, 0.6) for text in doubtful]
    return Seen(plate, draw(st.permutations(looks)))


@given(st.lists(vehicle(), max_size=5))
def test_each_vehicle_is_told_once_and_right(story):
    looks = [one for vehicle in story for one in [*vehicle.looks, *GONE]]
    assert texts(looks) == [vehicle.plate for vehicle in story]


readings = st.one_of(
    st.just(NOTHING),
    st.builds(
        look,
        st.sampled_from([None, A, B, "京A88781"]),
        st.floats(0, 1),
        st.floats(1, 500),
    ),
)


@given(st.lists(st.tuples(st.floats(0, 5), readings | st.none()), max_size=60), st.integers(1, 4))
def test_nothing_is_told_that_no_sure_look_read(story, lead):
    votes = Votes(VoteSettings(lead=lead), SURE)
    now_s, sure, out = 0.0, set(), []
    for passed_s, reading in story:
        now_s += passed_s
        out += votes.still(now_s) if reading is None else votes.see(now_s, reading)
        if reading is not None and reading.confidence >= SURE:
            sure.add(reading.text)
    out += votes.flush()
    assert {vote.text for vote in out} <= sure | {None}
    assert all(vote.agreeing >= 1 for vote in out if vote.text)
    assert votes.flush() == []
