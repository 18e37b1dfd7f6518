"""Two gates compare what they know by fingerprints, and in the end know the same."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from edge import catching_up
from edge.catching_up import fingerprints, lacking, parts, slice_of
from wire.events import Direction
from wire.messages import MAX_PAYLOAD_BYTES, SCHEMA_VERSION, decode, encode
from wire.sightings import MOST_IN_MESSAGE, SLICE_S, Recall, Recalled, Sighting

S = 10**9


def seen(at_s: int, badge: int = 0, gate: str = "north") -> Sighting:
    return Sighting(f"badge-number-{badge:04}", gate, "in", Direction.IN, at_s * S, entered=True)


of_north = st.builds(seen, st.integers(0, 5 * SLICE_S), st.integers(0, 3))


@given(st.sets(of_north, max_size=30), st.sets(of_north, max_size=30), st.integers(0, 3 * SLICE_S))
def test_who_asks_knows_in_the_end_all_that_the_other_saw_since(own, lost, since_s):
    asker = own - lost
    known = fingerprints(asker, since_s * S).get("north", {})
    told = lacking(own, known, since_s * S)
    first = slice_of(since_s * S)
    assert {it for it in asker | set(told) if slice_of(it.at_ns) >= first} == {
        it for it in own if slice_of(it.at_ns) >= first
    }
    assert told == sorted(told, key=lambda it: it.at_ns)


@given(st.sets(of_north, max_size=30), st.randoms())
def test_who_knows_the_same_is_told_nothing_in_whatever_order_it_was_heard(own, chance: random.Random):
    shuffled = sorted(own, key=lambda _: chance.random())
    assert lacking(own, fingerprints(shuffled, 0).get("north", {}), 0) == []


def test_only_slices_that_differ_are_told():
    own = [seen(second) for second in (1, SLICE_S + 1, SLICE_S + 2)]
    known = fingerprints(own[:2], 0)["north"]
    assert lacking(own, known, 0) == own[1:]


def test_an_answer_is_bounded_and_keeps_the_newest(monkeypatch):
    monkeypatch.setattr(catching_up, "MOST_TOLD", 10)
    told = lacking([seen(second) for second in range(100)], {}, 0)
    assert [it.at_ns // S for it in told] == list(range(90, 100))


def test_no_message_is_larger_than_a_broker_takes_at_the_longest_names():
    sighting = Sighting("b" * 64, "g" * 32, "l" * 32, Direction.OTHER, 2**62, entered=True)
    for part in parts([sighting] * (MOST_IN_MESSAGE + 1)):
        answer = encode(Recalled(SCHEMA_VERSION, sighting.gate, part))
        assert len(answer) < MAX_PAYLOAD_BYTES / 2
        assert decode(Recalled, answer).sightings == part


def test_no_question_is_larger_than_a_broker_takes_with_the_most_gates_and_a_whole_day():
    everywhere = [
        seen(200_000_000 + number * SLICE_S, gate=f"gate-{gate:027}") for gate in range(100) for number in range(200)
    ]
    known = fingerprints(everywhere, 0)
    assert len(known) == catching_up.MOST_GATES
    assert len(encode(Recall(SCHEMA_VERSION, "g" * 32, 2**62, None, known))) < MAX_PAYLOAD_BYTES
