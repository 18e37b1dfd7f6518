"""Badge readers on two wires (Wiegand): pulses by GPIO edges, cards after a silence."""

from __future__ import annotations

from typing import Annotated

import structlog
from msgspec import Meta

from edge.clock import Timekeeper
from edge.drivers.base import BadgeRead
from edge.drivers.feed import Feed, moment
from edge.drivers.gpio import GPIO, Chip, Edge, Line, OpenEdges, Pull, Watch, open_edges
from edge.drivers.listening import DescriptorReader, Listening, Silence
from edge.drivers.wiegand_bits import Card, Pulses, WiegandFormat

log = structlog.get_logger(__name__)


class WiegandReader(DescriptorReader[BadgeRead, list[Edge]]):
    """Listens to D0 and D1; cards of another length or with a wrong parity are left out."""

    needs = GPIO

    class Settings(WiegandFormat, frozen=True, kw_only=True, forbid_unknown_fields=True):
        chip: Chip = None
        """Label of the GPIO chip (`gpiodetect` lists them) or its device file; left out, a Raspberry Pi's header."""
        d0: Line
        """GPIO line of D0 (green)."""
        d1: Line
        """GPIO line of D1 (white)."""
        pull: Pull = "up"
        """Pull resistor inside the chip; `none` where the level shifter has one."""
        gap_s: Annotated[float, Meta(ge=0.005, le=0.5)] = 0.03
        """A silence of so long ends a card."""

        def __post_init__(self) -> None:
            WiegandFormat.__post_init__(self)
            if self.d0 == self.d1:
                raise ValueError(f"`d0` and `d1` are both line {self.d0}: expected two lines")

    def __init__(self, settings: Settings, timekeeper: Timekeeper, opened: OpenEdges = open_edges) -> None:
        super().__init__(f"Wiegand reader on lines {settings.d0} and {settings.d1}", timekeeper)
        self._settings = settings
        self._opened = opened
        self._pulses = Pulses(0)

    async def _open(self, feed: Feed[BadgeRead]) -> None:
        settings = self._settings
        self._pulses = Pulses(int(settings.gap_s * 1e9))
        self._silence = Silence(settings.gap_s, lambda: self._tell(feed, self._pulses.end()))
        source = self._opened(Watch(settings.chip, (settings.d0, settings.d1), settings.pull, both=False))
        self._listening = Listening(source, source.read, lambda edges: self._take(feed, edges), feed.fail)

    def _take(self, feed: Feed[BadgeRead], edges: list[Edge]) -> None:
        for edge in edges:
            self._tell(feed, self._pulses.pulse(int(edge.line == self._settings.d1), edge.mono_ns))
        if self._silence is not None:
            self._silence.heard()

    def _tell(self, feed: Feed[BadgeRead], card: Card | None) -> None:
        if card is None:
            return
        number = self._settings.number(card.bits)
        if number is None:
            log.warning("badge not read: wrong parity or length", reader=self._name, bits=len(card.bits))
            return
        feed.put(BadgeRead(number, moment(self._timekeeper, card.mono_ns)))
