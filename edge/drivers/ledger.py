"""Which numbered events of a device were taken, and which are missing. A pure state machine.

A device numbers its events upwards and keeps them. Live events come in order but may leave out what happened while
nobody listened; that is asked for later and comes from the lowest number on. Numbers may have holes of their own.
"""

from __future__ import annotations

from collections import deque

_MOST_ABOVE = 10_000
_REMEMBERED = 1000


class Ledger:
    """Begins with the last number of an earlier run, None when there was none: then the first event is the first."""

    def __init__(self, done: int | None) -> None:
        self.done = done
        """Everything up to here was taken or is not there: what a later run begins with."""
        self._above: set[int] = set()
        self._taken: deque[int] = deque(maxlen=_REMEMBERED)

    def is_new(self, serial: int, *, live: bool = False) -> bool:
        """Whether an event was not taken yet.

        A `live` one with a lower number than those before, which was not taken, is of a device that was set back or
        exchanged: it counts anew from there. Better an old event told twice than a new one not at all.
        """
        if self.done is None or self._counts_anew(serial, live):
            return True
        return serial > self.done and serial not in self._above

    def take(self, serial: int, *, live: bool = False) -> None:
        """An event was used: from now on it is not new."""
        if not self.is_new(serial, live=live):
            return
        if self.done is None or self._counts_anew(serial, live):
            self.done, self._above = serial, set()
        else:
            self._above.add(serial)
            self._join()
        self._taken.append(serial)
        if len(self._above) > _MOST_ABOVE:  # what is missing cannot be had: better new events than memory for ever
            self.done, self._above = max(self._above), set()

    def _counts_anew(self, serial: int, live: bool) -> bool:
        return live and self.done is not None and serial < self.done and serial not in self._taken

    def missing(self) -> tuple[int, int] | None:
        """The lowest numbers between those taken, first and last; None when nothing is missing."""
        if self.done is None or not self._above:
            return None
        return self.done + 1, min(self._above) - 1

    def filled(self, through: int) -> None:
        """Everything up to this number was asked for, and what there was of it was taken."""
        if self.done is not None and through > self.done:
            self.done = through
            self._above = {serial for serial in self._above if serial > through}
            self._join()

    def _join(self) -> None:
        while self.done is not None and self.done + 1 in self._above:
            self.done += 1
            self._above.remove(self.done)
