"""Where badges were: passed back, and at two places at once."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.passage import Sightings, Walks, is_inside, too_soon
from wire.events import Direction
from wire.sightings import Sighting

S = 10**9
WALKS = Walks({"south": 240.0}, lanes_s=2.0)


def seen(at_s: float, gate: str = "north", lane: str = "in", *, entered: bool = True, way: str = "in") -> Sighting:
    return Sighting("badge-ann", gate, lane, Direction(way), int(at_s * S), entered)


def test_a_badge_that_went_in_is_inside_until_it_goes_out_or_too_long_has_passed():
    went_in, went_out = seen(10), seen(100, way="out")
    assert is_inside([went_in], 20 * S, 3600)
    assert not is_inside([went_in], 5 * S, 3600)
    assert not is_inside([went_in], 4000 * S, 3600)
    assert not is_inside([went_in, went_out], 200 * S, 3600)
    assert is_inside([went_out, went_in], 50 * S, 3600)


def test_a_badge_that_was_only_shown_is_not_inside():
    assert not is_inside([seen(10, entered=False)], 20 * S, 3600)


def test_at_another_gate_within_a_walks_time_is_impossible_whichever_was_told_first():
    here, there = seen(300), seen(100, "south")
    assert too_soon(here, [there], WALKS) == there
    assert too_soon(there, [here], Walks({"north": 240.0}, 2.0)) == here
    assert too_soon(seen(341), [there], WALKS) is None
    assert too_soon(here, [seen(299, "west")], WALKS) is None


def test_at_two_lanes_of_one_gate_at_once_is_impossible_and_again_at_one_is_not():
    assert too_soon(seen(11), [seen(10, lane="other")], WALKS)
    assert too_soon(seen(13), [seen(10, lane="other")], WALKS) is None
    assert too_soon(seen(11), [seen(10)], WALKS) is None


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0, 1000), st.sampled_from(["in", "out"]), st.booleans()),
        max_size=30,
        unique_by=lambda t: t[0],
    )
)
def test_who_is_inside_is_the_same_in_any_order_of_hearing_and_after_many_sightings(story):
    told = [seen(at_s, entered=entered, way=way) for at_s, way, entered in story]
    book, turned = Sightings(), Sightings()
    for sighting in told:
        book.hear(sighting)
        book.hear(sighting)
    for sighting in sorted(told, key=lambda it: it.at_ns):
        turned.hear(sighting)
    wanted = is_inside(told, 1001 * S, 10_000)
    assert is_inside(turned.of("badge-ann"), 1001 * S, 10_000) is wanted
    assert is_inside(book.of("badge-ann"), 1001 * S, 10_000) is wanted
    assert len(book.fresh()) >= len(book.of("badge-ann"))
    assert book.fresh() == []


def test_of_two_sightings_of_one_moment_the_same_counts_whichever_was_told_first():
    both = [seen(1, entered=True, way="in"), seen(1, entered=True, way="out")]
    for told in (both, both[::-1]):
        book = Sightings()
        for sighting in [*told, *(seen(2 + n, entered=False) for n in range(20))]:
            book.hear(sighting)
        assert is_inside(book.of("badge-ann"), 1000 * S, 10_000) is False


def test_what_is_old_is_forgotten():
    book = Sightings([seen(1), seen(5)])
    book.forget(4 * S)
    assert book.of("badge-ann") == [seen(5)]
    book.forget(9 * S)
    assert book.of("badge-ann") == []
