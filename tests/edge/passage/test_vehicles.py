"""Tag, plate and driver's temperature become one visit; none is used twice."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.passage import VehicleFusion, VehicleSeen
from edge.thermal.types import Reading
from tests.support.clocks import at
from wire.events import Temperature, Verdict


def lane(*, tags: bool = True, plates: bool = True, measures: bool = True) -> VehicleFusion:
    return VehicleFusion(reads_tags=tags, reads_plates=plates, measures=measures, wait_s=3.0)


def driver(track: int, at_s: float) -> Reading:
    return Reading(track, at(at_s), at(at_s), Verdict.NORMAL, Temperature(skin_c=35.5, u_c=0.3, looks=3), None)


def tag(token: str, at_s: float) -> VehicleSeen:
    return VehicleSeen(at(at_s), tag=token)


def plate(token: str | None, at_s: float) -> VehicleSeen:
    return VehicleSeen(at(at_s), plate=token)


def test_tag_plate_and_driver_are_one_visit_as_soon_as_the_last_is_there():
    fusion = lane()
    assert fusion.reading(driver(1, 1.0)) == []
    assert fusion.seen(tag("t", 1.5)) == []
    (visit,) = fusion.seen(plate("p", 2.0))
    assert (visit.tag, visit.plate, len(visit.occupants)) == ("t", "p", 1)
    assert fusion.due(at(100)) == ([], [])


def test_a_lane_that_only_reads_plates_decides_at_once_and_unread_stays_unread():
    fusion = lane(tags=False, measures=False)
    assert [visit.plate for visit in fusion.seen(plate("p", 1.0))] == ["p"]
    assert [visit.plate for visit in fusion.seen(plate(None, 20.0))] == [None]


def test_what_a_reader_repeats_is_one_vehicle_and_what_comes_back_later_is_another():
    fusion = lane(plates=False, measures=False)
    counts = [len(fusion.seen(tag("t", at_s))) for at_s in (1.0, 1.1, 5.0, 40.0)]
    assert counts == [1, 0, 0, 1]


def test_a_plate_that_is_read_long_after_the_vehicles_tag_is_no_second_vehicle():
    def same(token: str) -> frozenset[str]:
        return frozenset("tp") if token in "tp" else frozenset({token})

    fusion = VehicleFusion(reads_tags=True, reads_plates=True, measures=False, wait_s=3.0, same=same)
    assert fusion.seen(tag("t", 1.0)) == []
    assert [visit.tag for visit in fusion.due(at(5.0))[0]] == ["t"]
    assert fusion.seen(plate("p", 6.0)) == []
    assert fusion.due(at(30.0)) == ([], [])
    assert fusion.seen(tag("t", 40.0)) == []
    assert [(visit.tag, visit.plate) for visit in fusion.seen(plate("p", 41.0))] == [("t", "p")]
    fusion.seen(plate("q", 45.0))
    assert [visit.plate for visit in fusion.due(at(60.0))[0]] == ["q"]


def test_a_part_that_does_not_come_leaves_a_visit_without_it():
    fusion = lane()
    fusion.seen(tag("t", 1.0))
    assert fusion.due(at(4.4)) == ([], [])
    (visits, on_foot) = fusion.due(at(4.6))
    assert [(visit.tag, visit.plate, visit.occupants) for visit in visits] == [("t", None, ())]
    assert on_foot == []


def test_another_plate_is_another_vehicle():
    fusion = lane()
    fusion.seen(plate("p", 1.0))
    (first,) = fusion.seen(plate("q", 2.0))
    assert first.plate == "p"
    ((second,), _) = fusion.due(at(10))
    assert second.plate == "q"


def test_a_face_without_a_vehicle_is_on_foot_and_one_more_occupant_is_not():
    fusion = lane(tags=False)
    fusion.seen(plate("p", 1.0))
    assert len(fusion.reading(driver(1, 1.5))) == 1
    fusion.reading(driver(2, 2.0))
    fusion.reading(driver(3, 30.0))
    _, people = fusion.due(at(60))
    assert [(person.reading.track, person.followed) for person in people if person.reading] == [(2, True), (3, False)]


def test_a_vehicle_on_the_loop_that_nothing_reads_is_unread_and_one_that_was_read_is_not_two():
    fusion = lane(tags=False, measures=False)
    assert fusion.seen(VehicleSeen(at(1.0), loop=True)) == []
    ((visit,), _) = fusion.due(at(5))
    assert (visit.plate, visit.looked_at) == (None, False)
    assert fusion.seen(VehicleSeen(at(20.0), loop=True)) == []
    assert len(fusion.seen(plate("p", 20.5))) == 1
    assert fusion.seen(VehicleSeen(at(21.0), loop=True)) == []
    assert fusion.due(at(100)) == ([], [])


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans(), *[st.floats(0, 2.9)] * 3), min_size=1, max_size=5),
    st.randoms(use_true_random=False),
)
def test_vehicles_one_after_the_other_are_never_mixed_up(story, shuffle):
    fusion = lane()
    visits, wanted = [], set()
    for number, (has_tag, has_plate, has_driver, *delays) in enumerate(story):
        begin_s = 100.0 * (number + 1)
        if not (has_tag or has_plate):
            continue
        first_s = min(delay for delay, has in zip(delays, (has_tag, has_plate, has_driver), strict=True) if has)
        times = [begin_s + delay - first_s for delay in delays]
        parts = [tag(f"tag-{number}", times[0])] if has_tag else []
        parts += [plate(f"plate-{number}", times[1])] if has_plate else []
        parts += [driver(number, times[2])] if has_driver else []
        shuffle.shuffle(parts)
        for part in parts + parts[:1]:
            visits += fusion.seen(part) if isinstance(part, VehicleSeen) else fusion.reading(part)
        visits += fusion.due(at(begin_s + 50))[0]
        wanted.add((f"tag-{number}" if has_tag else None, f"plate-{number}" if has_plate else None))
    for visit in visits:
        numbers = {name.rpartition("-")[2] for name in (visit.tag, visit.plate) if name}
        numbers |= {str(reading.track) for reading in visit.occupants}
        assert len(numbers) == 1
    assert {(visit.tag, visit.plate) for visit in visits} == wanted
    assert len(visits) == len(wanted)
