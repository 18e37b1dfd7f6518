"""Key strokes of a keyboard-wedge reader become numbers. Pure; key codes are those of linux/input-event-codes.h."""

from __future__ import annotations

import re
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta, Struct

EV_SYN, EV_KEY, SYN_DROPPED = 0, 1, 3
PRESSED, REPEATED = 1, 2
SHIFTS = frozenset({42, 54})
TERMINATORS = {"enter": frozenset({28, 96}), "tab": frozenset({15}), "silence": frozenset[int]()}
"""KEY_ENTER and KEY_KPENTER; KEY_TAB."""
MAX_LENGTH = 64

_ROWS = (
    (2, "1234567890-=", "!@#$%^&*()_+"),
    (16, "qwertyuiop[]", "QWERTYUIOP{}"),
    (30, "asdfghjkl;'`", 'ASDFGHJKL:"~'),
    (43, "\\zxcvbnm,./", "|ZXCVBNM<>?"),
    (57, " ", " "),
    (71, "789-456+1230.", "789-456+1230."),
    (98, "/", "/"),
)
"""The US layout, which readers type in unless told otherwise: first key code of a row, plain, with shift."""
KEYMAP = {
    first + place: pair
    for first, plain, shifted in _ROWS
    for place, pair in enumerate(zip(plain, shifted, strict=True))
}
"""Key code to its character without and with shift."""


class InputEvent(NamedTuple):
    """One event of an input device, as the kernel gives it."""

    kind: int
    code: int
    value: int


class Wedging(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a wedge ends a number, and what a number looks like."""

    ends_with: Literal["enter", "tab", "silence"] = "enter"
    """What the reader types after a number; `silence` for one that types nothing."""
    pattern: str = r"\s*([0-9A-Za-z]{4,64})\s*"
    """Regular expression for what it types, all of it; its first group, where it has one, is the number."""
    gap_s: Annotated[float, Meta(gt=0, le=10)] = 0.5
    """After a silence of so long what was typed before is no part of a number (with `silence`, it is the number)."""

    def __post_init__(self) -> None:
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise ValueError(f"`pattern` is no regular expression: {error}") from error


class Typing:
    """Key strokes one by one become numbers."""

    def __init__(self, wedging: Wedging) -> None:
        self._pattern = re.compile(wedging.pattern)
        self._terminators = TERMINATORS[wedging.ends_with]
        self._gap_s = wedging.gap_s
        self._by_silence = not self._terminators
        self._typed: list[str] = []
        self._spoilt = False
        self._shifts: set[int] = set()
        self._last_s: float | None = None

    def take(self, event: InputEvent, at_s: float) -> str | None:
        """One event, which came at `at_s` seconds; the number that it ends."""
        if (event.kind, event.code) == (EV_SYN, SYN_DROPPED):
            self._spoilt = True
            self._shifts.clear()
        if event.kind != EV_KEY:
            return None
        if event.code in SHIFTS:
            (self._shifts.add if event.value else self._shifts.discard)(event.code)
            return None
        if event.value != PRESSED:
            self._spoilt |= event.value == REPEATED and event.code in KEYMAP
            return None
        return self._press(event.code, at_s)

    def end(self) -> str | None:
        """What was typed is over: the number in it, if it is one."""
        text, spoilt = "".join(self._typed), self._spoilt
        self._typed.clear()
        self._spoilt = False
        found = None if spoilt else self._pattern.fullmatch(text)
        if found is None:
            return None
        number = (found.group(1) if self._pattern.groups else found.group()) or ""
        return number if number.strip() else None

    def _press(self, code: int, at_s: float) -> str | None:
        late = self._last_s is not None and at_s - self._last_s > self._gap_s
        self._last_s = at_s
        ended = self.end() if late else None
        if code in self._terminators:
            return self.end()
        pair = KEYMAP.get(code)
        if pair is None or len(self._typed) >= MAX_LENGTH:
            self._spoilt = True
        else:
            self._typed.append(pair[bool(self._shifts)])
        return ended if self._by_silence else None
