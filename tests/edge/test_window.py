"""The sender's window with a model hub over a channel that loses, doubles, reorders and breaks."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from edge.window import RESEND_MAX_S, Heard, Window


class DeliveryMachine(RuleBasedStateMachine):
    """The hub takes only the next number (DESIGN); everything between is as bad as it can be."""

    def __init__(self) -> None:
        super().__init__()
        self.produced = 0
        self.now_s = 0.0
        self.window = Window(0, messages=3)
        self.to_hub: list[tuple[int, int]] = []
        self.to_gate: list[tuple[int, bool]] = []
        self.journal: list[int] = []
        self.window.connect()
        self.hello()

    def hello(self) -> None:
        """The hub answers a birth."""
        self.to_gate.append((len(self.journal), False))

    @rule(count=st.integers(1, 5))
    def produce(self, count):
        self.produced += count

    @rule(batch=st.integers(1, 4))
    def send(self, batch):
        if self.window.has_room and self.window.sent < self.produced:
            first = self.window.sent + 1
            last = min(self.produced, first + batch - 1)
            self.window.record(last, self.now_s)
            self.to_hub.append((first, last))

    @rule(index=st.integers(0, 10), double=st.booleans())
    def hub_takes(self, index, double):
        """Any message that is on its way arrives, perhaps twice."""
        if not self.to_hub:
            return
        message = self.to_hub.pop(index % len(self.to_hub))
        for _ in range(1 + double):
            hole = False
            for number in range(message[0], message[1] + 1):
                if number == len(self.journal) + 1:
                    self.journal.append(number)
                elif number > len(self.journal):
                    hole = True
            self.to_gate.append((len(self.journal), hole))

    @rule(index=st.integers(0, 10))
    def gate_hears(self, index):
        if self.to_gate:
            through, resend = self.to_gate.pop(index % len(self.to_gate))
            assert self.window.hear(through, resend=resend) is not Heard.FOREIGN

    @rule()
    def lose(self):
        self.to_hub.clear()
        self.to_gate.clear()

    @rule()
    def reconnect(self):
        self.lose()
        self.window.connect()
        self.hello()

    @rule(seconds=st.floats(0, 100))
    def time_passes(self, seconds):
        self.now_s += seconds
        self.window.overdue(self.now_s)

    @invariant()
    def each_number_is_there_once_and_in_order(self):
        assert self.journal == list(range(1, len(self.journal) + 1))

    @invariant()
    def the_gate_never_believes_more_than_the_hub_has(self):
        assert self.window.acknowledged <= len(self.journal)

    @invariant()
    def the_window_bounds_what_is_in_flight(self):
        assert len(self.window._flights) <= 3

    def teardown(self):
        """When the channel behaves again, everything arrives."""
        self.reconnect()
        for _ in range(3 * self.produced + 10):
            self.gate_hears(0)
            self.send(4)
            self.hub_takes(0, double=False)
            self.now_s += RESEND_MAX_S + 1 if not self.to_hub and not self.to_gate else 0
            self.window.overdue(self.now_s)
        assert self.journal == list(range(1, self.produced + 1))


TestDelivery = DeliveryMachine.TestCase
TestDelivery.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)


def test_nothing_is_sent_before_the_hubs_first_word():
    window = Window(0)
    window.connect()
    assert not window.has_room
    window.hear(0, resend=False)
    assert window.has_room


def test_numbers_that_were_never_given_away_are_foreign():
    window = Window(known=7)
    window.connect()
    assert window.hear(8, resend=False) is Heard.FOREIGN
    assert window.hear(7, resend=False) is Heard.NEWS


def test_a_hub_that_was_restored_from_a_backup_is_sent_what_it_lost():
    window = Window(known=0)
    window.hear(0, resend=False)
    window.record(9, 0.0)
    window.hear(9, resend=False)
    window.connect()
    assert window.hear(4, resend=False) is Heard.NEWS
    assert window.sent == 4


def test_a_hub_that_was_restored_behind_an_open_connection_is_asked_anew_before_anything_is_given_up():
    window = Window(known=0)
    window.hear(0, resend=False)
    window.record(9, 0.0)
    window.hear(9, resend=False)
    assert window.hear(4, resend=False) is Heard.NOTHING_NEW
    assert window.hear(4, resend=True) is Heard.FORGOT
    assert (window.acknowledged, window.sent) == (9, 9)


def test_patience_doubles_up_to_a_bound_and_is_reset_by_progress():
    window = Window(0)
    window.hear(0, resend=False)
    waits = []
    now_s = 0.0
    for _ in range(8):
        window.record(1, now_s)
        assert window.due_s is not None
        waits.append(window.due_s - now_s)
        now_s = window.due_s
        assert window.overdue(now_s)
        assert window.sent == 0
    assert waits == [2, 4, 8, 16, 32, 60, 60, 60]


def test_more_is_in_flight_with_each_word_of_progress_and_half_as_much_after_too_long_a_silence():
    window = Window(0)
    window.hear(0, resend=False)
    fits = []
    for now_s in (0.0, 1.0, 2.0, 3.0):
        number = window.sent
        while window.has_room:
            window.record(window.sent + 1, now_s)
        fits.append(window.sent - number)
        window.hear(window.sent, resend=False, now_s=now_s)
    assert fits == [2, 4, 8, 8]
    window.record(window.sent + 1, 4.0)
    assert window.overdue(6.0)
    window.record(window.sent + 1, 6.0)
    assert [window.has_room, len(window._flights)] == [True, 1]
    for number in range(2, 5):
        window.record(window.sent + 1, 6.0 + number / 10)
    assert not window.has_room


def test_patience_with_what_is_in_flight_begins_anew_with_each_word_of_progress():
    window = Window(0)
    window.hear(0, resend=False)
    window.record(1, 0.0)
    window.record(2, 0.0)
    window.hear(1, resend=False, now_s=0.5)
    assert not window.overdue(2.4)
    assert window.overdue(2.6)


def test_a_hub_that_is_slow_but_answers_is_given_the_time_it_takes():
    window = Window(0)
    window.hear(0, resend=False)
    now_s, again = 0.0, 0
    for _ in range(10):
        window.record(window.sent + 1, now_s)
        for _ in range(3):
            now_s += 1.0
            again += window.overdue(now_s)
        window.record(window.sent + 1, now_s) if not window._flights else None
        window.hear(window.sent, resend=False, now_s=now_s)
    assert again == 1
    for _ in range(20):
        window.record(window.sent + 1, now_s)
        window.hear(window.sent, resend=False, now_s=now_s + 0.1)
    window.record(window.sent + 1, now_s)
    assert window.due_s is not None
    assert round(window.due_s - now_s, 3) <= 2.1, "and once it is quick again, no more than that"
