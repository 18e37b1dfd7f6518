"""How many people are where: the same as counting them one by one, in whatever order moves are heard."""

from __future__ import annotations

from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from hub.crowds.counting import MINUTE_NS, Limit, LimitKind, Move, Step, crowds, limits_of, peak_of, people_at, steps
from hub.crowds.settings import CheckpointSettings
from tests.support.console import ZONE

NOON = int(datetime(2020, 2, 10, 12, tzinfo=ZONE).timestamp()) * 10**9
SPAN = 10 * MINUTE_NS

moves = st.lists(
    st.builds(
        Move,
        st.integers(-40, 90).map(lambda minute: NOON + minute * MINUTE_NS),
        st.sampled_from("abcdef"),
        st.booleans(),
    ),
    max_size=25,
)
kinds = st.sampled_from(LimitKind)


def by_hand(found: list[Move], limit: Limit, at_ns: int) -> int:
    """Everybody whose last move until then is an entry that is not too long ago; arrivals know no exits."""
    count = 0
    for who in {move.who for move in found}:
        own = [m for m in found if m.who == who and m.time_ns <= at_ns and (m.enters or limit.kind is LimitKind.INSIDE)]
        if own:
            last = max(own, key=lambda move: (move.time_ns, not move.enters))
            count += last.enters and at_ns - last.time_ns < limit.span_ns
    return count


@given(moves, kinds, st.randoms(use_true_random=False))
def test_the_count_at_every_minute_is_that_of_counting_one_by_one_in_any_order(found, kind, random):
    limit = Limit(kind, 2, SPAN)
    shuffled = [*found, *found[:3]]  # some are told twice
    random.shuffle(shuffled)
    counted = steps(shuffled, limit)
    for minute in range(-45, 110):
        at_ns = NOON + minute * MINUTE_NS
        assert people_at(counted, at_ns) == by_hand(found, limit, at_ns), minute


@given(moves, kinds)
def test_a_crowd_is_told_exactly_where_the_count_goes_over_the_limit(found, kind):
    limit = Limit(kind, 2, SPAN)
    counted = steps(found, limit)
    told = crowds(counted, limit, ZONE)
    assert bool(told) is any(step.people > limit.most for step in counted)
    for crowd in told:
        assert by_hand(found, limit, crowd.since_ns) > limit.most >= by_hand(found, limit, crowd.since_ns - 1)
        assert by_hand(found, limit, crowd.peak_ns) == crowd.peak > limit.most
    assert len({crowd.hour for crowd in told}) == len(told)
    peak = peak_of(counted)
    assert max((crowd.peak for crowd in told), default=0) == (peak.people if peak and peak.people > limit.most else 0)


def test_a_crowd_that_lasts_over_the_hour_is_one_and_one_that_comes_back_is_another():
    limit = Limit(LimitKind.INSIDE, 1, 60 * MINUTE_NS)
    at = [NOON + minute * MINUTE_NS for minute in (58, 59, 65, 70, 72)]
    found = [Move(at[0], "a", True), Move(at[1], "b", True), Move(at[2], "b", False), Move(at[3], "c", True)]
    told = crowds(steps([*found, Move(at[4], "d", True)], limit), limit, ZONE)
    assert [(crowd.hour, crowd.since_ns, crowd.peak) for crowd in told] == [
        ("2020-02-10T12", at[1], 2),
        ("2020-02-10T13", at[3], 3),
    ]


def test_a_checkpoint_has_the_limits_that_its_settings_name():
    assert limits_of(CheckpointSettings(at="canteen")) == []
    both = CheckpointSettings(at="canteen", most_arriving=40, within_min=5, most_inside=120)
    assert limits_of(both) == [
        Limit(LimitKind.ARRIVING, 40, 5 * MINUTE_NS),
        Limit(LimitKind.INSIDE, 120, 60 * MINUTE_NS),
    ]


def test_nobody_is_nobody():
    assert people_at([], NOON) == 0
    assert peak_of([]) is None
    assert steps([Move(NOON, "a", False)], Limit(LimitKind.INSIDE, 1, SPAN)) == []
    assert people_at([Step(NOON + 1, 3)], NOON) == 0
