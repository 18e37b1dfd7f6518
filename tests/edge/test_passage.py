"""Badge and temperature become one passage, in whatever order they come, and none is used twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge.passage import BadgeSeen, Fusion, Passage
from edge.thermal.types import Reading
from tests.support.clocks import at
from wire.events import Refusal, Temperature, Verdict


def reading(track: int, at_s: float, first_s: float | None = None, verdict: Verdict = Verdict.NORMAL) -> Reading:
    temperature = Temperature(skin_c=35.8, u_c=0.3, looks=3)
    first = at(at_s if first_s is None else first_s)
    if verdict is Verdict.UNMEASURED:
        return Reading(track, at(at_s), first, verdict, None, Refusal.NOT_FRONTAL)
    return Reading(track, at(at_s), first, verdict, temperature, None)


def lane() -> Fusion:
    return Fusion(reads_badges=True, measures=True, before_s=1.0, after_s=3.0)


def badge(token: str, at_s: float) -> BadgeSeen:
    return BadgeSeen(token, at(at_s))


def test_a_badge_and_the_temperature_after_it_are_one_passage():
    fusion = lane()
    assert fusion.badge(badge("a", 1.0)) == []
    (passage,) = fusion.reading(reading(1, 2.5))
    assert passage.badge is not None
    assert (passage.badge.token, passage.verdict) == ("a", Verdict.NORMAL)
    assert fusion.due(at(100)) == []


def test_a_temperature_and_the_badge_after_it_are_one_passage():
    fusion = lane()
    assert fusion.reading(reading(1, 2.5)) == []
    (passage,) = fusion.badge(badge("a", 3.0))
    assert passage.reading is not None


def test_a_badge_without_a_temperature_is_unmeasured_never_normal():
    fusion = lane()
    fusion.badge(badge("a", 1.0))
    assert fusion.due(at(3.9)) == []
    (passage,) = fusion.due(at(4.6))
    assert (passage.reading, passage.verdict) == (None, Verdict.UNMEASURED)


def test_a_temperature_without_a_badge_is_a_passage_of_somebody_unknown():
    fusion = lane()
    fusion.reading(reading(1, 1.0))
    (passage,) = fusion.due(at(2.6))
    assert passage.badge is None


def test_a_reading_outside_the_window_belongs_to_somebody_else():
    fusion = lane()
    fusion.reading(reading(1, 1.0))
    assert fusion.badge(badge("a", 2.5)) == []
    assert [passage.badge is None for passage in fusion.due(at(10))] == [True, False]


def test_two_people_on_one_badge_are_one_with_it_and_one_without():
    fusion = lane()
    fusion.badge(badge("a", 1.0))
    first = fusion.reading(reading(1, 1.5))
    second = fusion.reading(reading(2, 1.8))
    assert (len(first), second) == (1, [])
    assert [passage.badge for passage in fusion.due(at(10))] == [None]


def test_a_reader_that_repeats_is_one_presentation():
    fusion = lane()
    fusion.badge(badge("a", 1.0))
    fusion.reading(reading(1, 1.2))
    assert fusion.badge(badge("a", 1.4)) == []
    assert fusion.due(at(10)) == []
    fusion.badge(badge("a", 20.0))
    assert len(fusion.due(at(30))) == 1


def test_a_lane_with_one_kind_of_device_decides_at_once():
    assert len(Fusion(reads_badges=False, measures=True).reading(reading(1, 1.0))) == 1
    assert len(Fusion(reads_badges=True, measures=False).badge(badge("a", 1.0))) == 1


people = st.lists(st.tuples(st.floats(-0.9, 2.9), st.booleans(), st.booleans()), min_size=1, max_size=6)


@given(people, st.randoms(use_true_random=False))
def test_people_one_after_the_other_are_never_mixed_up_in_any_order_of_arrival(story, shuffle):
    """Each person's reading falls into the own badge's window only; parts may be missing and arrive in any order."""
    parts: list[BadgeSeen | Reading] = []
    for number, (delay_s, has_badge, has_reading) in enumerate(story):
        begin_s = 100.0 * (number + 1)
        parts += [badge(f"person-{number}", begin_s)] if has_badge else []
        parts += [reading(number, begin_s + delay_s)] if has_reading else []
    shuffle.shuffle(parts)
    fusion = lane()
    passages: list[Passage] = []
    for part in parts:
        passages += fusion.badge(part) if isinstance(part, BadgeSeen) else fusion.reading(part)
    passages += fusion.due(at(10_000))
    pairs = {
        (passage.badge.token if passage.badge else None, passage.reading.track if passage.reading else None)
        for passage in passages
    }
    wanted = {
        (f"person-{n}" if has_badge else None, n if has_reading else None)
        for n, (_, has_badge, has_reading) in enumerate(story)
        if has_badge or has_reading
    }
    assert pairs == wanted
    assert len(passages) == len(wanted)
