"""Texts in both languages, and the colours that stand for the same thing on every board.

Grey is normal; colour is only for what is not: blue to note, orange to attend to, dark red to act on. There is no
green, and nothing is told by colour alone: whoever is colour-blind, or stands three metres away, reads the words.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from hub.web.words import Lang, known


class Text(NamedTuple):
    """A text in both languages."""

    en: str
    zh: str

    def of(self, lang: Lang) -> str:
        return self.zh if lang == "zh" else self.en


CALM = "#4b4f55"
NOTE = "#2f6db5"
WARN = "#b3590a"
GRAVE = "#8f1016"
UNKNOWN = "#2b2d31"
LIGHT = "#a9adb3"
DARK = "#74797f"
SERIES = ("#74797f", "#5b9bd5", "#d58a2d", "#8e6bb0", "#a9adb3", "#1d5c8c", "#8a5a12", "#b79ad0")
"""For series that are all alike; they differ in lightness too."""

NO_DATA = Text("No data", "无数据")


class Kind(StrEnum):
    """Kinds of values that hub and gate have words for."""

    REASON = "reason"
    REFUSAL = "refusal"
    SEVERITY = "severity"
    RULE = "rule"
    DEVICE = "devicekind"
    PLACE = "place"
    CAUSE = "cause"


def texts(kind: Kind, values: Iterable[str]) -> dict[str, Text]:
    """What people call the values."""
    return {value: Text(known("en", kind, value), known("zh", kind, value)) for value in values}
