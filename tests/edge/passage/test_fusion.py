"""Badge and temperature become one passage, in whatever order they come; none is used twice, and none is another's."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from edge.passage import LATE_S, BadgeSeen, Fusion, Passage
from edge.passage.fusion import PATIENCE_S
from edge.thermal.types import Reading
from tests.support.clocks import at
from wire.events import Refusal, Temperature, Verdict

SLACK_S = 1.0


def reading(
    track: int, at_s: float, first_s: float | None = None, verdict: Verdict = Verdict.NORMAL, *, alone: bool = True
) -> Reading:
    temperature = Temperature(skin_c=35.8, u_c=0.3, looks=3)
    first = at(at_s if first_s is None else first_s)
    if verdict is Verdict.UNMEASURED:
        return Reading(track, at(at_s), first, verdict, None, Refusal.NOT_FRONTAL, alone)
    return Reading(track, at(at_s), first, verdict, temperature, None, alone)


def lane() -> Fusion:
    return Fusion(reads_badges=True, measures=True, before_s=SLACK_S, after_s=SLACK_S)


def badge(token: str, at_s: float) -> BadgeSeen:
    return BadgeSeen(token, at(at_s))


def test_a_badge_and_the_temperature_after_it_are_one_passage():
    fusion = lane()
    assert fusion.badge(badge("a", 1.0)) == []
    (passage,) = fusion.reading(reading(1, 2.5, 1.8))
    assert passage.badge is not None
    assert (passage.badge.token, passage.verdict) == ("a", Verdict.NORMAL)
    assert fusion.due(at(100)) == []


def test_a_temperature_and_the_badge_after_it_are_one_passage():
    fusion = lane()
    assert fusion.reading(reading(1, 2.5)) == []
    (passage,) = fusion.badge(badge("a", 3.0))
    assert passage.reading is not None
    assert passage.began == at(2.5)


def test_somebody_who_still_stands_before_the_camera_may_take_time_to_find_the_badge():
    fusion = lane()
    for tenth in range(60):
        fusion.view(at(tenth / 10), [7])
    fusion.reading(reading(7, 0.5, 0.0))
    assert fusion.due(at(6.0)) == []
    (passage,) = fusion.badge(badge("a", 6.2))
    assert passage.reading is not None


def test_a_badge_waits_for_the_reading_of_the_face_that_is_looked_at_but_not_for_ever():
    fusion = lane()
    fusion.badge(badge("a", 1.0))
    for tenth in range(5, 200):
        fusion.view(at(tenth / 10), [7])
        passages = fusion.due(at(tenth / 10))
        if passages:
            break
    assert tenth / 10 == pytest.approx(1.0 + PATIENCE_S, abs=0.15)
    assert passages[0].verdict is Verdict.UNMEASURED


def test_a_badge_without_a_temperature_is_unmeasured_never_normal():
    fusion = lane()
    fusion.badge(badge("a", 1.0))
    assert fusion.due(at(1.0 + SLACK_S + LATE_S)) == []
    (passage,) = fusion.due(at(2.6))
    assert (passage.reading, passage.verdict) == (None, Verdict.UNMEASURED)


def test_a_temperature_without_a_badge_is_a_passage_of_somebody_unknown():
    fusion = lane()
    fusion.reading(reading(1, 1.0))
    (passage,) = fusion.due(at(2.6))
    assert passage.badge is None
    assert not passage.followed


def test_a_reading_outside_the_window_belongs_to_somebody_else():
    fusion = lane()
    fusion.reading(reading(1, 1.0))
    assert fusion.badge(badge("a", 2.5)) == []
    assert [passage.badge is None for passage in fusion.due(at(10))] == [True, False]


def test_two_people_on_one_badge_are_one_with_it_and_one_who_followed():
    fusion = lane()
    fusion.badge(badge("a", 1.0))
    first = fusion.reading(reading(1, 1.5))
    second = fusion.reading(reading(2, 1.8))
    assert (len(first), second) == (1, [])
    (follower,) = fusion.due(at(10))
    assert (follower.badge, follower.followed) == (None, True)


def test_where_two_faces_are_in_the_picture_no_temperature_goes_with_a_badge():
    fusion = lane()
    fusion.badge(badge("a", 1.0))
    assert fusion.reading(reading(1, 1.5, alone=False)) == []
    assert fusion.reading(reading(2, 1.6, alone=False)) == []
    passages = fusion.due(at(10))
    assert [passage.reading is None or passage.badge is None for passage in passages] == [True, True, True]


def test_somebody_who_comes_into_the_picture_ends_the_time_in_which_a_badge_can_be_the_first_ones():
    fusion = lane()
    for tenth in range(10):
        fusion.view(at(tenth / 10), [1])
    for tenth in range(10, 40):
        fusion.view(at(tenth / 10), [1, 2])
    fusion.reading(reading(1, 0.4, 0.0))
    assert fusion.badge(badge("b", 3.0)) == []


def test_a_reader_that_repeats_is_one_presentation():
    fusion = lane()
    fusion.badge(badge("a", 1.0))
    fusion.reading(reading(1, 1.2))
    assert fusion.badge(badge("a", 1.4)) == []
    assert fusion.due(at(10)) == []
    fusion.badge(badge("a", 20.0))
    assert len(fusion.due(at(30))) == 1


def test_a_reading_told_twice_is_one():
    fusion = lane()
    fusion.badge(badge("a", 1.0))
    assert len(fusion.reading(reading(1, 1.2))) == 1
    assert fusion.reading(reading(1, 1.2)) == []
    assert fusion.due(at(10)) == []


def test_who_is_gone_through_has_had_their_time_and_who_comes_after_has_not():
    fusion = lane()
    fusion.badge(badge("a", 1.0))
    fusion.badge(badge("b", 1.5))
    (passage,) = fusion.gone_through(at(1.2))
    assert passage.badge == badge("a", 1.0)


def test_a_lane_with_one_kind_of_device_decides_at_once():
    assert len(Fusion(reads_badges=False, measures=True).reading(reading(1, 1.0))) == 1
    assert len(Fusion(reads_badges=True, measures=False).badge(badge("a", 1.0))) == 1


class Stay(NamedTuple):
    """One person at the lane's place; what of it was seen, and how late each part is told (None: lost)."""

    number: int
    begin_s: float
    badge_s: float | None
    face_s: tuple[float, float] | None
    late_s: tuple[float, float]
    doubled: bool


@st.composite
def stays(draw: st.DrawFn, max_late_s: float) -> list[Stay]:
    """People who take each other's place no faster than the slack; anything may be missing, late or doubled."""
    found = []
    now_s = 10.0
    for number in range(draw(st.integers(1, 6))):
        begin_s = now_s + SLACK_S + draw(st.floats(0.01, 5.0))
        end_s = begin_s + draw(st.floats(0.1, 4.0))
        inside = st.floats(begin_s, end_s)
        first_s, last_s = sorted((draw(inside), draw(inside)))
        late = st.floats(0.0, max_late_s)
        has_badge, has_face = draw(st.booleans()), draw(st.booleans())
        badge_s, face = draw(inside) if has_badge else None, (first_s, last_s) if has_face else None
        found.append(Stay(number, begin_s, badge_s, face, (draw(late), draw(late)), draw(st.booleans())))
        now_s = end_s
    return found


def told(story: list[Stay]) -> list[tuple[float, BadgeSeen | Reading]]:
    parts: list[tuple[float, BadgeSeen | Reading]] = []
    for stay in story:
        own: list[tuple[float, BadgeSeen | Reading]] = []
        if stay.badge_s is not None:
            own.append((stay.badge_s + stay.late_s[0], badge(f"person-{stay.number}", stay.badge_s)))
        if stay.face_s is not None:
            first_s, last_s = stay.face_s
            own.append((last_s + stay.late_s[1], reading(stay.number, last_s, first_s)))
        parts += own
        parts += [(when_s + 0.3, part) for when_s, part in own] if stay.doubled else []
    return sorted(parts, key=lambda pair: pair[0])


def play(story: list[Stay]) -> list[Passage]:
    fusion = lane()
    passages: list[Passage] = []
    for when_s, part in told(story):
        passages += fusion.due(at(when_s))
        passages += fusion.badge(part) if isinstance(part, BadgeSeen) else fusion.reading(part)
    return passages + fusion.due(at(10_000))


def _whose(passage: Passage) -> tuple[int | None, int | None]:
    of_badge = int(passage.badge.token.rpartition("-")[2]) if passage.badge else None
    return of_badge, passage.reading.track if passage.reading else None


@settings(max_examples=400, deadline=None)
@given(stays(max_late_s=20.0))
def test_nobodys_temperature_is_ever_paired_with_anothers_badge(story):
    """Whatever is lost, late by any time, doubled or out of order."""
    for passage in play(story):
        of_badge, of_face = _whose(passage)
        assert of_badge is None or of_face is None or of_badge == of_face


@settings(max_examples=200, deadline=None)
@given(stays(max_late_s=20.0))
def test_every_part_is_used_once(story):
    parts = [whose for passage in play(story) for whose in enumerate(_whose(passage)) if whose[1] is not None]
    wanted = {(0, stay.number) for stay in story if stay.badge_s is not None}
    wanted |= {(1, stay.number) for stay in story if stay.face_s is not None}
    assert set(parts) == wanted
    assert len(parts) == len(wanted)


@settings(max_examples=200, deadline=None)
@given(stays(max_late_s=LATE_S))
def test_who_showed_badge_and_face_near_each_other_is_one_passage_in_any_order_of_arrival(story):
    pairs = {_whose(passage) for passage in play(story)}
    for stay in story:
        if stay.badge_s is not None and stay.face_s is not None:
            near = stay.face_s[0] - SLACK_S <= stay.badge_s <= stay.face_s[1] + SLACK_S
            waits = stay.face_s[1] - stay.badge_s <= SLACK_S  # no frames tell this lane that somebody is looked at
            assert not (near and waits) or (stay.number, stay.number) in pairs


class AnyOrder(RuleBasedStateMachine):
    """Whatever is told, nothing comes out twice, and nothing is kept for ever."""

    def __init__(self) -> None:
        super().__init__()
        self.fusion = lane()
        self.now_s = 100.0
        self.out: list[Passage] = []

    @rule(token=st.sampled_from("abc"), ago_s=st.floats(0, 5))
    def shown(self, token: str, ago_s: float) -> None:
        self.out += self.fusion.badge(badge(token, self.now_s - ago_s))

    @rule(track=st.integers(1, 4), ago_s=st.floats(0, 5), looked_s=st.floats(0, 3), alone=st.booleans())
    def measured(self, track: int, ago_s: float, looked_s: float, alone: bool) -> None:
        end_s = self.now_s - ago_s
        self.out += self.fusion.reading(reading(track, end_s, end_s - looked_s, alone=alone))

    @rule(tracks=st.lists(st.integers(1, 4), unique=True, max_size=3))
    def frame(self, tracks: list[int]) -> None:
        self.fusion.view(at(self.now_s), tracks)

    @rule(passed_s=st.floats(0, 30))
    def wait(self, passed_s: float) -> None:
        self.now_s += passed_s
        self.out += self.fusion.due(at(self.now_s))

    @invariant()
    def nothing_twice(self) -> None:
        readings = [(p.reading.track, p.reading.at) for p in self.out if p.reading]
        assert len(readings) == len(set(readings))

    @invariant()
    def no_temperature_of_a_crowd_with_a_badge(self) -> None:
        assert not any(p.badge and p.reading and not p.reading.alone and p.reading.temperature for p in self.out)

    def teardown(self) -> None:
        self.fusion.due(at(self.now_s + 1000))
        assert not self.fusion.due(at(self.now_s + 2000))


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
