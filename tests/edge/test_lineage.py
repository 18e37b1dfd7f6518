"""Two cards of one origin, and what their numbers are worth: the pure decisions, and both ends of the protocol."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge.lineage import in_common, is_foreign, run_of
from edge.spool_rows import Run
from hub.lineage import extended, joins, run_at
from wire.events import Urgency
from wire.messages import Numbered, StreamId, batch_of

OURS = [Run("routine", 1, "a", "", "e"), Run("routine", 101, "b", "a", "e")]


def batch(first: int, last: int, run: str, after: str | None = None):
    events = [Numbered(seq, b"{}", None) for seq in range(first, last + 1)]  # type: ignore[arg-type]
    return batch_of(StreamId("s", "g", Urgency.ROUTINE, "e"), events, run, after)


def test_each_number_is_of_the_run_that_gave_it():
    assert [run_of(OURS, number) for number in (1, 100, 101, 999)] == ["a", "a", "b", "b"]


def test_where_a_run_is_missing_nobody_knows_and_nobody_is_foreign():
    torn = [OURS[0], Run("routine", 201, "c", "b", "e")]
    assert run_of(torn, 150) == ""
    assert run_of(torn, 201) == "c"
    assert not is_foreign("", "x")
    assert not is_foreign("x", "")
    assert is_foreign("x", "y")


def test_what_was_given_before_the_cards_went_apart_is_in_common():
    assert in_common(OURS, 120, [(1, "a"), (101, "other")], 110) == 100
    assert in_common(OURS, 120, [(1, "a"), (90, "other")], 110) == 89
    assert in_common(OURS, 120, [(1, "a"), (101, "b"), (111, "later")], 115) == 110
    assert in_common(OURS, 120, [(1, "somebody")], 110) == 0
    assert in_common(OURS, 120, [], 110) == 0


def test_the_hub_takes_only_what_goes_on_where_the_same_card_was():
    laps = ((1, "a"), (101, "other"))
    assert not joins(batch(111, 112, "b"), laps, 110)
    assert not joins(batch(101, 112, "b", "a"), laps, 110)
    assert joins(batch(111, 112, "later", "other"), laps, 110)
    assert joins(batch(111, 112, "other"), laps, 110)
    assert joins(batch(105, 110, "b"), laps, 110), "a duplicate is dropped anyway"
    assert joins(batch(115, 116, "b"), laps, 110), "and what is too far ahead is asked for again"
    assert joins(batch(111, 112, ""), laps, 110), "an older gate says nothing"


def test_runs_are_noted_where_they_begin():
    laps = extended((), batch(1, 5, "a"), 0, 5)
    laps = extended(laps, batch(6, 7, "a"), 5, 7)
    laps = extended(laps, batch(8, 9, "b", "a"), 7, 9)
    assert laps == ((1, "a"), (8, "b"))
    assert [run_at(laps, number) for number in (0, 1, 7, 8, 99)] == ["", "a", "a", "b", "b"]


class Card:
    """A card in a machine: a list of events, of which a prefix may be another's too."""

    def __init__(self, events: list[str], runs: list[Run], name: str) -> None:
        self.events, self.runs, self.name = list(events), list(runs), name

    def give(self, event: str) -> None:
        if not self.runs or self.runs[-1].run != self.name:
            before = self.runs[-1].run if self.runs else ""
            self.runs.append(Run("routine", len(self.events) + 1, self.name, before, "e"))
        self.events.append(event)

    def batch(self, first: int, last: int):
        run = run_of(self.runs, last)
        first = max(first, max((lap.first for lap in self.runs if lap.first <= last), default=1))
        after = run_of(self.runs, first - 1)
        return batch(first, last, run, None if after == run else after)


@given(
    st.lists(st.sampled_from(["give", "send", "stale"]), max_size=12),
    st.lists(st.tuples(st.sampled_from([0, 1]), st.sampled_from(["give", "send", "stale"])), max_size=40),
    st.data(),
)
def test_a_stream_is_of_one_card_however_two_of_one_origin_send(before, after, data):
    """Whatever is sent in whatever order, the journal's stream is a prefix of what one of the two gave; and what the
    other is told is in common is what is on both."""
    origin = Card([], [], "a")
    journal: list[str] = []
    laps: tuple[tuple[int, str], ...] = ()

    def act(card: Card, what: str, tag: str) -> None:
        nonlocal laps
        if what == "give":
            card.give(f"{tag}{len(card.events)}")
        elif card.events:
            last = data.draw(st.integers(1, len(card.events)))
            sent = card.batch(data.draw(st.integers(1, last)), last)
            through = len(journal)
            if sent.events[0].seq <= through + 1 <= sent.events[-1].last and joins(sent, laps, through):
                journal.extend(card.events[through : sent.events[-1].last])
                laps = extended(laps, sent, through, len(journal))

    for what in before:
        act(origin, what, "o")
    cards = [Card(origin.events, origin.runs, "b"), Card(origin.events, origin.runs, "c")]
    for number, what in after:
        act(cards[number], what, "bc"[number])
    assert any(card.events[: len(journal)] == journal for card in cards)
    for card in cards:
        foreign = is_foreign(run_of(card.runs, len(journal)), run_at(laps, len(journal)))
        if len(card.events) >= len(journal):
            assert foreign == (card.events[: len(journal)] != journal)
        common = in_common(card.runs, len(card.events), laps, len(journal))
        assert journal[:common] == card.events[:common]
        assert journal[common : common + 1] != card.events[common : common + 1] or not journal[common:]
