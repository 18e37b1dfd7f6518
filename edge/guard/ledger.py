"""What happened at the lanes lately, for the guard's page: in memory, and bounded.

lane ─ event ─► Ledger.put ─► outbox, unchanged
                    └─► rows by lane, and whoever waits for news
"""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import chain

from msgspec import Struct
from msgspec.structs import replace

from edge.lane import Recorder
from wire.events import AnyEvent, Outcome, Override, PersonPassage, SecondaryMeasurement, VehiclePassage

ROWS = 30
"""Passages kept of each lane."""
HANDS = 5
"""What a guard did about one passage is shown so often."""

Passage = PersonPassage | VehiclePassage
ByHand = SecondaryMeasurement | Override


class Row(Struct, frozen=True):
    """One passage and what the guard did about it, the newest last; no passage where a badge alone was measured."""

    passage: Passage | None
    hands: tuple[ByHand, ...] = ()

    @property
    def last(self) -> Passage | ByHand:
        """What decided last."""
        decided = [hand for hand in self.hands if hand.outcome is not None]
        return decided[-1] if decided else self.passage or self.hands[-1]

    @property
    def outcome(self) -> Outcome | None:
        return self.last.outcome


class Ledger:
    """Hears each event of the gate on its way to the outbox."""

    def __init__(self, outbox: Recorder) -> None:
        self.version = 0
        self._outbox = outbox
        self._rows: dict[str, deque[Row]] = {}
        self._news = asyncio.Event()
        self._closed = False

    async def put(self, event: AnyEvent) -> None:
        """As the outbox's; the page sees it first, for a card that stalls must not hide a decision."""
        self.hear(event)
        await self._outbox.put(event)

    def rows(self, lane: str) -> list[Row]:
        """The newest first."""
        return list(self._rows.get(lane, ()))

    def find(self, lane: str, passage: str) -> Passage | None:
        """A passage of the list."""
        rows = (row.passage for row in self._rows.get(lane, ()))
        return next((one for one in rows if one is not None and one.passage == passage), None)

    async def news(self, after: int, patience_s: float) -> int:
        """The version, once it is not `after` any more, or when patience is over."""
        try:
            async with asyncio.timeout(patience_s):
                while self.version == after and not self._closed:
                    await self._news.wait()
        except TimeoutError:
            pass
        return self.version

    def close(self) -> None:
        """The gate stops: nobody need wait any longer."""
        self._closed = True
        self._news.set()

    def hear(self, event: AnyEvent) -> None:
        match event:
            case PersonPassage() | VehiclePassage():
                self._of(event.lane).appendleft(Row(event))
            case SecondaryMeasurement() | Override():
                self._by_hand(self._of(event.lane), event)
        self.version += 1
        self._news.set()
        self._news = asyncio.Event()

    def _of(self, lane: str) -> deque[Row]:
        return self._rows.setdefault(lane, deque(maxlen=ROWS))

    @staticmethod
    def _by_hand(rows: deque[Row], event: ByHand) -> None:
        for index, row in enumerate(rows):
            if row.passage is not None and row.passage.passage == event.passage:
                rows[index] = replace(row, hands=tuple(chain(row.hands, (event,)))[-HANDS:])
                return
        rows.appendleft(Row(None, (event,)))
