"""Badge readers that write numbers on a serial line: USB, RS-232 or RS-485, framed as the settings say."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from edge.clock import Timekeeper
from edge.drivers.base import BadgeRead
from edge.drivers.feed import Feed, Repeats
from edge.drivers.framing import Framer, Framing
from edge.drivers.listening import DescriptorReader, Listening
from edge.drivers.port import SERIAL, PortSettings, open_port, read_port


class SerialReader(DescriptorReader[BadgeRead, bytes]):
    """Listens on one port; what does not fit the framing is left out."""

    needs = SERIAL

    class Settings(PortSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
        frame: Framing = Framing()
        """How a number is wrapped."""
        quiet_s: Annotated[float, Meta(ge=0, le=60)] = 0.0
        """A number that the reader repeats within so long counts once; 0 for readers that say each badge once."""

    def __init__(self, settings: Settings, timekeeper: Timekeeper) -> None:
        super().__init__(f"serial reader {settings.port}", timekeeper)
        self._settings = settings

    async def _open(self, feed: Feed[BadgeRead]) -> None:
        framer = Framer(self._settings.frame)
        repeats = Repeats(self._settings.quiet_s)

        def take(data: bytes) -> None:
            at = self._timekeeper.now()
            for number in framer.take(data, at.mono_ns / 1e9):
                if not self._settings.quiet_s or repeats.is_new(number, at):
                    feed.put(BadgeRead(number, at))

        port = open_port(self._settings)
        self._listening = Listening(port, lambda: read_port(port), take, feed.fail)
