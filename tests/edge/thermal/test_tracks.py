"""One track a person, over frames in which the person moves, turns, or is not found."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge.thermal.tracks import Tracks, is_alone
from edge.thermal.types import Box, Face
from tests.support.clocks import at


def face(x: int, w: int = 30, *, frontal: bool = True) -> Face:
    return Face(Box(x, 40, w, 40), 0.9, frontal)


def test_a_walking_person_is_one_track_although_a_frame_misses_the_face():
    tracks = Tracks(1.0)
    ids = set()
    for n in range(12):
        if n != 5:
            ids |= {track.id for track, _ in tracks.follow([face(5 + 6 * n)], at(n / 9))}
    assert len(ids) == 1


def test_a_fast_walker_is_followed_by_where_the_next_step_leads():
    tracks = Tracks(1.0)
    places = [0, 10, 28, 52, 76, 100]
    ids = {track.id for n, x in enumerate(places) for track, _ in tracks.follow([face(x)], at(n / 9))}
    assert len(ids) == 1


def test_two_people_who_stand_apart_stay_two():
    tracks = Tracks(1.0)
    for n in range(6):
        seen = tracks.follow([face(10 + n), face(70 - n)], at(n / 9))
        assert [track.id for track, _ in seen] == [1, 2]


def test_who_turns_the_head_is_not_frontal_at_once_again():
    tracks = Tracks(1.0)
    told = []
    for n, letter in enumerate("FFFFFF.FFF...FF.FFFF"):
        ((_, seen),) = tracks.follow([face(20, frontal=letter == "F")], at(n / 9))
        told.append("F" if seen.frontal else ".")
    assert "".join(told) == "...FFF.FFF.......FFF"


def test_who_is_far_behind_does_not_count_as_company():
    near, far, beside = face(20, 40), face(90, 14), face(70, 34)
    assert is_alone(near, [near, far])
    assert not is_alone(far, [near, far])
    assert not is_alone(near, [near, far, beside])


def test_a_track_ends_when_nobody_was_seen_for_long_enough():
    tracks = Tracks(1.0)
    tracks.follow([face(20)], at(0))
    assert tracks.ended(at(0.9)) == []
    assert [track.id for track in tracks.ended(at(1.1))] == [1]
    assert tracks.end_all() == []


boxes = st.builds(Box, st.integers(0, 100), st.integers(0, 100), st.integers(4, 60), st.integers(4, 60))
frames = st.lists(st.lists(st.builds(Face, boxes, st.floats(0, 1), st.booleans()), max_size=4), max_size=12)


@given(frames)
def test_each_face_of_a_frame_has_a_track_of_its_own_and_none_is_lost(film):
    tracks, begun = Tracks(0.3), set()
    ended: list[int] = []
    for n, seen in enumerate(film):
        ended += [track.id for track in tracks.ended(at(n / 9))]
        joined = tracks.follow(seen, at(n / 9))
        ids = [track.id for track, _ in joined]
        assert len(set(ids)) == len(ids) == len(seen)
        assert all(was.frontal or not now.frontal for was, (_, now) in zip(seen, joined, strict=True))
        begun |= set(ids)
    ended += [track.id for track in tracks.end_all()]
    assert sorted(ended) == sorted(begun)
