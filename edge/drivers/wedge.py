"""Badge readers that type like a USB keyboard, kept to ourselves so that a badge does not land in a terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from edge.clock import Instant, Timekeeper
from edge.drivers.base import BadgeRead
from edge.drivers.feed import Feed
from edge.drivers.keys import InputEvent, Typing, Wedging
from edge.drivers.listening import DescriptorReader, Listening, Silence
from edge.drivers.needs import Needs


class KeySource(Protocol):
    """An input device that is ours alone: the seam to the kernel."""

    def fileno(self) -> int: ...

    def events(self) -> list[InputEvent]:
        """The events that wait. Raises `OSError` when the device is gone."""
        ...

    def close(self) -> None: ...


class _KernelKeys:
    """An input device through evdev, grabbed."""

    def __init__(self, path: str) -> None:
        from evdev import InputDevice

        self._device = InputDevice(path)
        try:
            self._device.grab()
        except OSError:
            self._device.close()
            raise

    def fileno(self) -> int:
        return self._device.fd

    def events(self) -> list[InputEvent]:
        return [InputEvent(event.type, event.code, event.value) for event in self._device.read()]

    def close(self) -> None:
        self._device.close()


def open_keys(path: str) -> KeySource:
    """Grab an input device of the kernel. Raises `OSError`."""
    return _KernelKeys(path)


class WedgeReader(DescriptorReader[BadgeRead, list[InputEvent]]):
    """Listens to one input device; what is no number in its entirety is left out."""

    needs = Needs("wedge", ("evdev",))

    class Settings(Wedging, frozen=True, kw_only=True, forbid_unknown_fields=True):
        device: str
        """Input device; take the one in /dev/input/by-id that ends in `-event-kbd`."""

    def __init__(
        self, settings: Settings, timekeeper: Timekeeper, opened: Callable[[str], KeySource] = open_keys
    ) -> None:
        super().__init__(f"wedge reader {settings.device}", timekeeper)
        self._settings = settings
        self._opened = opened
        self._typing = Typing(settings)
        self._typed: Instant | None = None

    async def _open(self, feed: Feed[BadgeRead]) -> None:
        self._typing = Typing(self._settings)
        if self._settings.ends_with == "silence":
            self._silence = Silence(self._settings.gap_s, lambda: self._tell(feed, self._typing.end()))
        keys = self._opened(self._settings.device)
        self._listening = Listening(keys, keys.events, lambda events: self._take(feed, events), feed.fail)

    def _take(self, feed: Feed[BadgeRead], events: list[InputEvent]) -> None:
        self._typed = now = self._timekeeper.now()
        for event in events:
            self._tell(feed, self._typing.take(event, now.mono_ns / 1e9))
        if self._silence is not None:
            self._silence.heard()

    def _tell(self, feed: Feed[BadgeRead], number: str | None) -> None:
        """A number bears the time of its last key."""
        if number is not None and self._typed is not None:
            feed.put(BadgeRead(number, self._typed))
