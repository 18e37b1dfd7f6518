"""Numbered events: each taken once, whatever is missed, told twice, asked for again or cut short."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge.drivers.ledger import Ledger


def take(ledger: Ledger, serial: int, *, live: bool = False) -> bool:
    is_new = ledger.is_new(serial, live=live)
    ledger.take(serial, live=live)
    return is_new


def test_the_first_event_ever_is_the_first():
    ledger = Ledger(None)
    assert take(ledger, 500)
    assert (ledger.done, ledger.missing()) == (500, None)


def test_a_leap_is_missing_until_it_was_asked_for():
    ledger = Ledger(4)
    assert [take(ledger, serial) for serial in (5, 9, 9, 10, 5)] == [True, True, False, True, False]
    assert (ledger.done, ledger.missing()) == (5, (6, 8))
    assert take(ledger, 7)
    ledger.filled(8)
    assert (ledger.done, ledger.missing()) == (10, None)


def test_a_device_that_counts_anew_is_taken_from_there_and_one_that_repeats_itself_is_not():
    ledger = Ledger(90)
    assert [take(ledger, serial, live=True) for serial in (91, 92, 91, 92)] == [True, True, False, False]
    assert not take(ledger, 3)
    assert [take(ledger, serial, live=True) for serial in (3, 4, 3)] == [True, True, False]
    assert ledger.done == 4


def test_what_can_never_be_had_does_not_take_memory_for_ever():
    ledger = Ledger(0)
    for serial in range(2, 20_000):
        take(ledger, serial)
    assert ledger.done >= 10_000


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.data())
def test_every_event_is_taken_exactly_once_over_any_losses_and_restarts(heard, data):
    """The device has events 1…n; each is heard live or not; now and then the link breaks and a new run begins."""
    taken: list[int] = []
    ledger = Ledger(0)

    def ask(first: int, last: int) -> None:
        """The device's record, which may be cut off after any entry."""
        for serial in range(first, min(last, serials) + 1):
            if take(ledger, serial):
                taken.append(serial)
            ledger.filled(serial)
            if data.draw(st.integers(0, 9)) == 0:
                return

    serials = 0
    for is_heard in heard:
        serials += 1
        if is_heard and take(ledger, serials, live=True):
            taken.append(serials)
        if span := ledger.missing():
            ask(*span)
        if data.draw(st.integers(0, 9)) == 0:
            ahead = {serial for serial in taken if serial > ledger.done}
            taken = [serial for serial in taken if serial not in ahead]  # what the next run takes again
            ledger = Ledger(ledger.done)
    while ledger.done < serials:
        ask(ledger.done + 1, serials)
    assert sorted(taken) == list(range(1, serials + 1))
