"""Events that were taken while the gate's clock was wrong, and jumps of the clock."""

from __future__ import annotations

import itertools
import sqlite3
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec.structs import replace

from edge.dating import dated
from edge.spool import Spool, SpoolSettings
from tests.support.clocks import HandClock
from tests.support.events import fever, routine
from tests.support.strategies import events
from wire.events import Clock, Disinfection, Gap, GapCause, Urgency
from wire.messages import decode_event, encode_event

TRUE_NS = 1_581_200_000_000_000_000
"""The right time when a story begins."""
WRONG_NS = 86_400 * 10**9
"""What a clock without a battery shows: January 1970."""


def make(path: Path, clock: HandClock, boot: str = "boot-1", **bounds: float) -> Spool:
    names = (f"epoch{number}" for number in itertools.count(1))
    spool = Spool("s", "g", SpoolSettings(path=str(path), **bounds), clock, lambda: next(names), boot)
    spool.open()
    return spool


def wrong_clock() -> HandClock:
    clock = HandClock(WRONG_NS)
    clock.clock = Clock.FREE
    return clock


def now(clock: HandClock, number: int = 1) -> Disinfection:
    """An event of this moment, as the gate's clock has it."""
    return replace(routine(number, clock.time_ns), clock=clock.clock)


def sent(spool: Spool, urgency: Urgency = Urgency.ROUTINE, until_ns: int | None = None) -> list[Disinfection]:
    found = spool.read(urgency, 0, 10**6, 10**9, until_ns)
    return [decode_event(numbered.event) for numbered in found]


def test_what_was_taken_before_the_clock_was_set_is_dated_right_before_it_is_sent(tmp_path):
    clock = wrong_clock()
    spool = make(tmp_path / "spool.db", clock)
    spool.append([now(clock, 1)])
    clock.pass_s(100)
    spool.append([now(clock, 2)])
    clock.pass_s(20)
    clock.set(TRUE_NS)
    first, second = sent(spool)
    assert (first.time_ns, first.clock) == (TRUE_NS - 120 * 10**9, Clock.DATED)
    assert (second.time_ns, second.clock) == (TRUE_NS - 20 * 10**9, Clock.DATED)


def test_other_times_in_an_event_move_with_it(tmp_path):
    clock = wrong_clock()
    gap = Gap(
        time_ns=WRONG_NS, clock=Clock.FREE, cause=GapCause.WRITE_FAILED, lost=1, since_ns=WRONG_NS - 5, until_ns=None
    )
    spool = make(tmp_path / "spool.db", clock)
    spool.append([gap])
    clock.set(TRUE_NS)
    found = sent(spool, Urgency.URGENT)[0]
    assert (found.time_ns, found.since_ns, found.until_ns) == (TRUE_NS, TRUE_NS - 5, None)


def test_what_was_dated_stays_so_over_a_restart_and_what_was_not_keeps_its_word_that_the_clock_was_free(tmp_path):
    clock = wrong_clock()
    spool = make(tmp_path / "spool.db", clock)
    spool.append([now(clock, 1)])
    clock.set(TRUE_NS)
    spool.append([now(clock, 2)])  # the next event dates the earlier ones
    spool.close()
    clock = wrong_clock()
    spool = make(tmp_path / "spool.db", clock, "boot-2")
    spool.append([now(clock, 3)])
    spool.close()
    clock = wrong_clock()
    clock.set(TRUE_NS + 10**12)
    spool = make(tmp_path / "spool.db", clock, "boot-3")
    assert [(event.time_ns, event.clock) for event in sent(spool)] == [
        (TRUE_NS, Clock.DATED),
        (TRUE_NS, Clock.SYNCED),
        (WRONG_NS, Clock.FREE),
    ]


def test_a_restart_of_the_agent_alone_forgets_no_moment(tmp_path):
    clock = wrong_clock()
    spool = make(tmp_path / "spool.db", clock)
    spool.append([now(clock)])
    spool.close()
    clock.pass_s(30)
    spool = make(tmp_path / "spool.db", clock)
    clock.set(TRUE_NS)
    assert sent(spool)[0].time_ns == TRUE_NS - 30 * 10**9


def test_an_event_of_the_last_second_before_the_clock_is_set_and_kept_after_it_is_dated_too(tmp_path):
    clock = wrong_clock()
    spool = make(tmp_path / "spool.db", clock)
    spool.append([now(clock, 1)])
    late = now(clock, 2)
    clock.pass_s(0.5)
    clock.set(TRUE_NS)
    spool.append([late])
    assert sent(spool)[1].time_ns == TRUE_NS - 5 * 10**8


def test_a_device_that_has_no_time_of_its_own_is_not_dated_by_a_clock_that_was_right(tmp_path):
    clock = HandClock()
    spool = make(tmp_path / "spool.db", clock)
    spool.append([replace(routine(1), clock=Clock.FREE)])
    assert sent(spool)[0].clock is Clock.FREE


def test_a_clock_that_is_set_years_ahead_makes_nothing_too_old_to_keep(tmp_path):
    clock = wrong_clock()
    spool = make(tmp_path / "spool.db", clock, "boot-1", max_age_s=3600)
    spool.append([now(clock, 1)])
    spool.close()
    clock = wrong_clock()
    spool = make(tmp_path / "spool.db", clock, "boot-2", max_age_s=3600)
    spool.append([now(clock, 2)])
    clock.pass_s(30)
    clock.set(TRUE_NS)
    spool.append([now(clock, 3)])
    assert [event.agent for event in sent(spool)] == ["1", "2", "3"]
    clock.pass_s(7200)  # now all is too old: what has no time is as old as what follows it
    spool.append([now(clock, 4)])
    gap, last = sent(spool)
    assert (gap.lost, last.agent) == (3, "4")


def test_what_can_still_be_dated_waits_as_long_as_it_is_told_and_urgent_events_by_themselves(tmp_path):
    clock = wrong_clock()
    spool = make(tmp_path / "spool.db", clock)
    spool.append([now(clock, 1), replace(fever(1, clock.time_ns), clock=Clock.FREE)])
    then = clock.mono_ns
    clock.pass_s(10)
    spool.append([now(clock, 2)])
    assert sent(spool, Urgency.ROUTINE, then) == []
    assert [event.agent for event in sent(spool, Urgency.ROUTINE, then + 1)] == ["1"]
    assert len(sent(spool, Urgency.URGENT, then + 1)) == 1
    assert len(sent(spool)) == 2


def test_a_file_of_an_older_version_goes_on(tmp_path):
    spool = make(tmp_path / "spool.db", HandClock())
    spool.append([routine(1)])
    spool.close()
    with sqlite3.connect(tmp_path / "spool.db") as db:
        db.execute("DROP INDEX undated")
        for column in ("boot", "mono_ns", "epoch", "crc"):
            db.execute(f"ALTER TABLE events DROP COLUMN {column}")
        for column in ("low", "epoch", "crc"):
            db.execute(f"ALTER TABLE streams DROP COLUMN {column}")
        db.execute("DROP TABLE runs")
    clock = wrong_clock()
    spool = make(tmp_path / "spool.db", clock)
    spool.append([now(clock, 2)])
    clock.set(TRUE_NS)
    assert [event.time_ns for event in sent(spool)] == [routine(1).time_ns, TRUE_NS]


def test_thousands_are_dated_bit_by_bit_and_none_is_sent_before(tmp_path):
    clock = wrong_clock()
    spool = make(tmp_path / "spool.db", clock)
    for start in range(0, 5000, 1000):
        spool.append([now(clock, start + number) for number in range(1000)])
    spool.append([replace(fever(1, clock.time_ns), clock=Clock.FREE)])
    clock.set(TRUE_NS)
    assert [event.clock for event in sent(spool, Urgency.URGENT)] == [Clock.DATED]
    seen = 0
    while seen < 5000:
        found = sent(spool)
        assert {event.clock for event in found} == {Clock.DATED}
        assert len(found) > seen
        seen = len(found)


@given(event=events, shift_s=st.integers(-(10**9), 10**9))
def test_whatever_is_dated_can_be_read_and_says_so(event, shift_s):
    found = decode_event(dated(encode_event(event), shift_s * 10**9))
    assert found.clock is Clock.DATED
    assert type(found) is type(event)
    assert found.time_ns == min(2**63 - 1, max(0, event.time_ns + shift_s * 10**9))


class Gate(RuleBasedStateMachine):
    """A gate whose clock jumps, is set, and whose power goes: nothing is lost, reordered or dated wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.true_ns = TRUE_NS
        self.boots = 0
        self.taken: list[tuple[int, int, bool]] = []
        """(the right time, the boot, whether the clock was right)."""
        self.dated_boots: set[int] = set()
        self.start()

    def teardown(self) -> None:
        self.spool.close()
        self.folder.cleanup()

    def start(self) -> None:
        self.boots += 1
        self.clock = wrong_clock()
        self.clock.mono_ns = 5 * 10**9
        self.spool = make(Path(self.folder.name) / "spool.db", self.clock, f"boot-{self.boots}")

    @rule(count=st.integers(1, 5))
    def happen(self, count: int) -> None:
        self.spool.append([now(self.clock, len(self.taken) + n) for n in range(count)])
        right = self.clock.clock is Clock.SYNCED
        self.taken += [(self.true_ns, self.boots, right)] * count

    @rule(seconds=st.integers(1, 10**6))
    def wait(self, seconds: int) -> None:
        self.clock.pass_s(seconds)
        self.true_ns += seconds * 10**9

    @rule(jump_s=st.integers(-86_000, 10**8))
    def jump(self, jump_s: int) -> None:
        """Somebody sets a clock that is not synchronised."""
        if self.clock.clock is Clock.FREE and self.clock.time_ns + jump_s * 10**9 > 0:
            self.spool.append([])  # the agent looks at its clocks all the time
            self.clock.time_ns += jump_s * 10**9

    @rule()
    def synchronise(self) -> None:
        self.clock.set(self.true_ns)
        self.spool.read(Urgency.ROUTINE, 0, 1, 1)
        self.dated_boots.add(self.boots)

    @rule()
    def lose_power(self) -> None:
        self.spool.close()
        self.start()

    @invariant()
    def every_time_is_right_or_says_that_it_may_not_be(self) -> None:
        found = sent(self.spool)
        assert [event.agent for event in found] == [str(number) for number in range(len(self.taken))]
        for event, (true_ns, boot, right) in zip(found, self.taken, strict=True):
            if right or boot in self.dated_boots:
                assert event.clock.is_right
                assert event.time_ns == true_ns
            else:
                assert event.clock is Clock.FREE


TestGate = Gate.TestCase
TestGate.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


@pytest.mark.parametrize("clock", list(Clock))
def test_each_word_of_a_clock_says_whether_its_time_is_right(clock):
    assert clock.is_right is (clock in {Clock.SYNCED, Clock.DATED})
