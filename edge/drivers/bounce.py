"""Contacts bounce: a change counts when it has lasted. Pure."""

from __future__ import annotations

from typing import NamedTuple


class Settled(NamedTuple):
    """A contact's new state, and the monotonic time at which it began to be so."""

    on: bool
    mono_ns: int


class Debounced:
    """One contact. `seen` takes what the line shows, `settled` says what has lasted for `steady_ns` by now."""

    def __init__(self, steady_ns: int, on: bool) -> None:
        self.on = on
        """The state that counts."""
        self._steady_ns = steady_ns
        self._shown = on
        self._since_ns = 0

    def seen(self, on: bool, mono_ns: int) -> Settled | None:
        """The line shows this from `mono_ns` on; the change that had lasted before it did."""
        if on == self._shown:
            return None
        lasted = self.settled(mono_ns)
        self._shown, self._since_ns = on, mono_ns
        return lasted

    def settled(self, now_ns: int) -> Settled | None:
        """The change that has lasted by now, once."""
        if self._shown == self.on or now_ns - self._since_ns < self._steady_ns:
            return None
        self.on = self._shown
        return Settled(self.on, self._since_ns)


class Confirmed:
    """One contact that is asked again and again: a change counts when it is found twice in a row."""

    def __init__(self, on: bool) -> None:
        self._on = on
        self._shown = on
        self._since_ns = 0

    def found(self, on: bool, mono_ns: int) -> Settled | None:
        """The contact was found so; the change that this confirms, with the time at which it was found first."""
        if on != self._shown:
            self._shown, self._since_ns = on, mono_ns
            return None
        if on == self._on:
            return None
        self._on = on
        return Settled(on, self._since_ns)
