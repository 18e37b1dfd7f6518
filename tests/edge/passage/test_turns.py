"""Who goes through against who was let through: nobody enters unreported."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.drivers.base import ContactChange, ContactKind
from edge.passage import LATE_S, Crossing, Crossings, Finding, Turns
from tests.support.clocks import at
from wire.events import Direction, Reason


def went(at_s: float, direction: Direction = Direction.IN) -> Crossing:
    return Crossing(at(at_s), direction)


def judged(turns: Turns, until_s: float = 1000.0) -> list[Finding]:
    findings = [turns.judge(crossing) for crossing in turns.ripe(at(until_s))]
    turns.forget(at(until_s))
    return [finding for finding in findings if finding]


def lane() -> Turns:
    return Turns(Direction.IN, turn_s=8.0)


def let(turns: Turns, name: str, at_s: float, *, allowed: bool = True, badge: str | None = None) -> None:
    turns.decided(name, badge, at(at_s - 1.0), at(at_s), allowed=allowed)


def test_who_is_let_in_goes_in():
    turns = lane()
    let(turns, "p", 10.0, badge="ann")
    turns.crossed(went(11.0))
    (finding,) = judged(turns)
    assert (finding.fault, finding.passage, finding.badge) == (None, "p", "ann")


def test_a_second_body_on_one_turn_is_tailgating():
    turns = lane()
    let(turns, "p", 10.0)
    for at_s in (11.0, 12.2):
        turns.crossed(went(at_s))
    assert [finding.fault for finding in judged(turns)] == [None, Reason.TAILGATING]


def test_an_arm_and_then_the_trunk_are_one_body():
    turns = lane()
    let(turns, "p", 10.0)
    for at_s in (11.0, 11.2, 11.5):
        turns.crossed(went(at_s))
    assert [finding.fault for finding in judged(turns)] == [None]


def test_who_was_refused_and_goes_in_all_the_same_is_told_with_the_badge():
    turns = lane()
    let(turns, "p", 10.0, allowed=False, badge="bob")
    turns.crossed(went(11.0))
    (finding,) = judged(turns)
    assert (finding.fault, finding.badge) == (Reason.ENTERED_REFUSED, "bob")


def test_who_was_never_seen_is_an_unscreened_entry():
    turns = lane()
    turns.crossed(went(11.0))
    assert [finding.fault for finding in judged(turns)] == [Reason.UNSCREENED_ENTRY]


def test_the_other_way_is_the_wrong_way_and_takes_nobodys_turn():
    turns = lane()
    let(turns, "p", 10.0)
    turns.crossed(went(10.5, Direction.OUT))
    turns.crossed(went(11.0))
    assert [finding.fault for finding in judged(turns)] == [Reason.WRONG_DIRECTION, None]


def test_a_turn_that_nobody_takes_is_over():
    turns = lane()
    let(turns, "p", 10.0)
    turns.crossed(went(18.1))
    assert [finding.fault for finding in judged(turns)] == [Reason.UNSCREENED_ENTRY]


def test_a_badge_that_is_let_in_twice_has_one_turn():
    turns = lane()
    let(turns, "p", 10.0, badge="ann")
    let(turns, "q", 13.0, badge="ann")
    for at_s in (14.0, 15.0):
        turns.crossed(went(at_s))
    assert [finding.fault for finding in judged(turns)] == [None, Reason.TAILGATING]


def test_a_crossing_waits_for_what_is_told_late():
    turns = lane()
    turns.crossed(went(11.0))
    assert turns.ripe(at(11.0 + LATE_S - 0.01)) == []
    let(turns, "p", 11.3)
    assert [finding.fault for finding in judged(turns, 11.6)] == [None]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 60), st.booleans()), max_size=6),
    st.lists(st.floats(0, 80), max_size=8),
    st.randoms(use_true_random=False),
)
def test_there_are_never_more_silent_entries_than_turns_and_the_order_of_telling_makes_no_difference(
    decided, entries, shuffle
):
    def play(order: list[tuple[str, object]]) -> list[Finding]:
        turns = lane()
        for kind, what in order:
            if kind == "turn":
                number, (at_s, allowed) = what  # type: ignore[misc]
                let(turns, str(number), at_s, allowed=allowed)
            else:
                turns.crossed(went(what))  # type: ignore[arg-type]
        return judged(turns)

    parts: list[tuple[str, object]] = [("turn", pair) for pair in enumerate(decided)]
    parts += [("crossing", at_s) for at_s in entries]
    findings = play(parts)
    silent = sum(finding.fault is None for finding in findings)
    assert silent <= sum(allowed for _, allowed in decided)
    shuffle.shuffle(parts)
    assert {(f.crossing, f.fault) for f in play(parts)} == {(f.crossing, f.fault) for f in findings}
    assert [f.fault for f in play(parts + parts[:3]) if f.fault is None].count(None) <= silent + 3


BEAM, TURN = ContactKind.BEAM, ContactKind.TURN


def crossings(*changes: tuple[ContactKind, bool, float, Direction | None]) -> list[Crossing]:
    contacts = Crossings(Direction.IN)
    found = [contacts.change(ContactChange(kind, active, at(at_s), way)) for kind, active, at_s, way in changes]
    return [crossing for crossing in found if crossing]


def test_each_turn_of_a_turnstile_is_one_in_its_own_way():
    found = crossings((TURN, False, 0, Direction.OUT), (TURN, True, 1, Direction.OUT), (TURN, False, 2, Direction.OUT))
    assert found == [went(1.0, Direction.OUT)]


def test_one_beam_goes_the_lanes_way():
    assert crossings((BEAM, False, 0, None), (BEAM, True, 1, None), (BEAM, False, 2, None), (BEAM, True, 3, None)) == [
        went(1.0),
        went(3.0),
    ]


@pytest.mark.parametrize("way", [Direction.IN, Direction.OUT])
def test_the_order_of_two_beams_is_the_way(way):
    other = Direction.OUT if way is Direction.IN else Direction.IN
    found = crossings(
        *((BEAM, False, 0, Direction.IN), (BEAM, False, 0, Direction.OUT)),
        *((BEAM, True, 1, way), (BEAM, True, 1.5, other), (BEAM, False, 1.6, way), (BEAM, False, 2, other)),
    )
    assert found == [went(1.5, way)]


def test_who_turns_back_between_two_beams_has_not_gone_through():
    rest = ((BEAM, False, 0, Direction.IN), (BEAM, False, 0, Direction.OUT))
    found = crossings(
        *rest, (BEAM, True, 1, Direction.IN), (BEAM, False, 2, Direction.IN), (BEAM, True, 9, Direction.OUT)
    )
    assert found == []


def test_a_beam_that_is_broken_when_the_agent_starts_is_no_crossing():
    assert crossings((BEAM, True, 0, None), (BEAM, False, 1, None)) == []
