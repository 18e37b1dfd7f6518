"""Doubles of hardware below the drivers: serial lines over pty pairs, GPIO edges and key strokes over pipes."""

from __future__ import annotations

import errno
import os
import pty
import struct
import tty
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge.drivers.gpio import Edge, Watch
from edge.drivers.keys import EV_KEY, KEYMAP, InputEvent


class PtyLine:
    """A serial line whose far end is ours: `path` is what the driver opens, a link to the pty's other side."""

    def __init__(self, folder: Path, *, held: bool = False) -> None:
        """`held` keeps the driver's side open too, so that the far end can be listened to before the driver comes."""
        self.path = folder / "tty-reader"
        self._held = held
        self._master = self._slave = -1
        self.plug()

    def plug(self) -> None:
        self._master, slave = pty.openpty()
        tty.setraw(slave)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(slave))
        self._slave = slave
        if not self._held:
            os.close(slave)

    @property
    def far_end(self) -> int:
        """The descriptor that the device talks through."""
        return self._master

    def say(self, data: bytes) -> None:
        os.write(self._master, data)

    def unplug(self) -> None:
        os.close(self._master)
        self._master = -1
        self.path.unlink()
        if self._held:
            os.close(self._slave)

    def is_open(self) -> bool:
        """Whether a driver in this process has it open."""
        if not self.path.exists():
            return False
        wanted = os.path.realpath(self.path)
        users = [link for link in Path("/proc/self/fd").iterdir() if os.path.realpath(link) == wanted]
        return len(users) > self._held


class Pipe:
    """A device file that is really a pipe; closing its far end is pulling the plug."""

    def __init__(self) -> None:
        self._ends: tuple[int, int] | None = None
        self.plugged = True

    @property
    def open(self) -> bool:
        return self._ends is not None

    def opened(self) -> None:
        if not self.plugged:
            raise OSError(errno.ENODEV, "No such device")
        self._ends = os.pipe()
        os.set_blocking(self._ends[0], False)

    def fileno(self) -> int:
        assert self._ends is not None
        return self._ends[0]

    def say(self, data: bytes) -> None:
        if self._ends is not None and self.plugged:
            os.write(self._ends[1], data)

    def hear(self) -> bytes:
        data = os.read(self.fileno(), 1 << 16)
        if not data:
            raise OSError(errno.ENODEV, "No such device")
        return data

    def unplug(self) -> None:
        if self._ends is not None and self.plugged:
            os.close(self._ends[1])
        self.plugged = False

    def close(self) -> None:
        assert self._ends is not None
        os.close(self._ends[0])
        if self.plugged:
            os.close(self._ends[1])
        self._ends = None


class FakeEdges(Pipe):
    """GPIO lines whose edges a test makes."""

    _EDGE = struct.Struct("<I?Q")

    def __init__(self) -> None:
        super().__init__()
        self.state: dict[int, bool] = {}
        self.watch: Watch | None = None

    def open_lines(self, watch: Watch) -> FakeEdges:
        self.opened()
        self.watch = watch
        return self

    def edge(self, line: int, rising: bool, mono_ns: int) -> None:
        self.state[line] = rising
        self.say(self._EDGE.pack(line, rising, mono_ns))

    def read(self) -> list[Edge]:
        return [Edge(*found) for found in self._EDGE.iter_unpack(self.hear())]

    def values(self) -> dict[int, bool]:
        assert self.watch is not None
        return {line: self.state.get(line, False) for line in self.watch.lines}


class FakeKeys(Pipe):
    """An input device that types what a test says."""

    _EVENT = struct.Struct("<HHi")

    def open_device(self, path: str) -> FakeKeys:
        self.opened()
        return self

    def event(self, *events: InputEvent) -> None:
        self.say(b"".join(self._EVENT.pack(*event) for event in events))

    def type(self, text: str) -> None:
        for character in text:
            self.event(*strokes(character))

    def events(self) -> list[InputEvent]:
        return [InputEvent(*found) for found in self._EVENT.iter_unpack(self.hear())]


_CODES = {character: (code, shift) for code, pair in reversed(KEYMAP.items()) for shift, character in enumerate(pair)}
_CODES |= {"\n": (28, 0), "\t": (15, 0)}


def strokes(character: str) -> list[InputEvent]:
    """What a keyboard says when somebody types a character."""
    code, shift = _CODES[character]
    pressed = [InputEvent(EV_KEY, code, 1), InputEvent(EV_KEY, code, 0)]
    shifted = [InputEvent(EV_KEY, 42, 1), *pressed, InputEvent(EV_KEY, 42, 0)] if shift else pressed
    return [*shifted, InputEvent(0, 0, 0)]


class FakeOutputs:
    """GPIO outputs that remember: `history` is what they were told, in order."""

    def __init__(self) -> None:
        self.plugged = True
        self.open = False
        self.active_low: bool | None = None
        self.state: dict[int, bool] = {}
        self.history: list[dict[int, bool]] = []

    def open_lines(self, chip: str | None, first: Mapping[int, bool], active_low: bool) -> FakeOutputs:
        self._check()
        self.open, self.active_low = True, active_low
        self.set(first)
        return self

    def set(self, values: Mapping[int, bool]) -> None:
        self._check()
        self.state.update(values)
        self.history.append(dict(self.state))

    def close(self) -> None:
        self.open = False

    def _check(self) -> None:
        if not self.plugged:
            raise OSError(errno.ENODEV, "No such device")


def wiegand_pulses(bits: str, d0: int, d1: int, mono_ns: int, every_ns: int = 2_000_000) -> list[tuple[int, bool, int]]:
    """The falling edges of a card whose last bit comes at `mono_ns`."""
    last = len(bits) - 1
    return [(d1 if bit == "1" else d0, False, mono_ns - (last - place) * every_ns) for place, bit in enumerate(bits)]


Settings = dict[str, Any]
