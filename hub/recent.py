"""The journal's newest entries, as they were taken: whoever keeps up reads no disk, and nothing is decoded twice."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from hub.journal import Entry

MOST = 24_000
HOLD = 8000
"""A reader that is further behind than this, and still in the window, is about to fall out of it."""
MOST_BYTES = 16 * 1024 * 1024
"""Of the events as they came; decoded they take some four times as much."""


class Recent:
    """A window onto the journal's end, without holes. Thread-safe; who writes the journal adds, in the same thread, so
    that nothing is in the journal for long that this window hides."""

    def __init__(self, most: int = MOST, most_bytes: int = MOST_BYTES) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._entries: list[Entry] = []
        self._bytes = 0
        self._lock = threading.Lock()

    def add(self, entries: Sequence[Entry]) -> None:
        """What was just taken. The oldest go, half of all at once where they are too many."""
        with self._lock:
            if self._entries and entries and entries[0].offset != self._entries[-1].offset + 1:
                self._forget(len(self._entries))
            self._entries += entries
            self._bytes += sum(len(entry.body) for entry in entries)
            while len(self._entries) > self._most or self._bytes > self._most_bytes:
                self._forget((len(self._entries) + 1) // 2)

    def after(self, offset: int, limit: int) -> list[Entry] | None:
        """Up to `limit` entries behind `offset`; None where they may not be here."""
        with self._lock:
            if not self._entries or offset + 1 < self._entries[0].offset:
                return None
            start = offset + 1 - self._entries[0].offset
            return self._entries[start : start + limit]

    def lags(self, offset: int) -> bool:
        """Whether a reader that has come so far is in the older part of the window. Who has fallen out of it, does not:
        waiting for them would help nobody."""
        with self._lock:
            if not self._entries or offset + 1 < self._entries[0].offset:
                return False
            return self._entries[-1].offset - offset > HOLD

    def behind(self, offset: int) -> int:
        """How many entries here are behind that offset."""
        with self._lock:
            return max(0, self._entries[-1].offset - offset) if self._entries else 0

    def clear(self) -> None:
        """What is here may not be as it is in the journal any more."""
        with self._lock:
            self._forget(len(self._entries))

    def _forget(self, count: int) -> None:
        self._bytes -= sum(len(entry.body) for entry in self._entries[:count])
        del self._entries[:count]
