"""When a gate takes its certificate for due, whatever its clock is worth."""

from __future__ import annotations

from datetime import UTC, datetime

from edge.today import ANY_DAY, NO_LINK_S, Today
from tests.support.clocks import HandClock
from wire.events import Clock


def by_clock(clock: HandClock) -> datetime:
    return datetime.fromtimestamp(clock.now().time_ns / 1e9, UTC)


def test_a_clock_that_is_set_is_believed_whether_the_hub_answers_or_not():
    clock = HandClock()
    today = Today(clock, lambda: False)
    clock.pass_s(10 * NO_LINK_S)
    assert today() == by_clock(clock)


def test_a_clock_that_nothing_sets_is_believed_only_as_long_as_the_hub_answers():
    clock, answers = HandClock(), True
    clock.clock = Clock.FREE
    today = Today(clock, lambda: answers)
    clock.pass_s(10 * NO_LINK_S)
    assert today() == by_clock(clock)
    answers = False
    clock.pass_s(NO_LINK_S - 1)
    assert today() == by_clock(clock)
    clock.pass_s(1)
    assert today() == ANY_DAY
    answers = True
    assert today() == by_clock(clock)
