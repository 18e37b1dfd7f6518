"""What `menshen doctor` finds: a level, what was found and what to do, in English and Chinese; how it is printed.

Checks are functions of values; what they are told is looked up by `wire/checkup.py`, `edge/doctor.py`, `hub/doctor.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Literal, NamedTuple

import msgspec

Lang = Literal["en", "zh"]
LANGS: tuple[Lang, ...] = ("en", "zh")


class Level(IntEnum):
    """The exit code of a command that found nothing worse."""

    GOOD = 0
    WARNING = 1
    FAULT = 2


class Words(NamedTuple):
    """The same in both languages."""

    en: str
    zh: str

    def of(self, lang: Lang) -> str:
        return self.en if lang == "en" else self.zh


class Finding(NamedTuple):
    """One thing that was looked at. `do` is what mends it, where something is to be done."""

    level: Level
    check: str
    found: Words
    do: Words | None = None


_MARKS = {Level.GOOD: "ok  ", Level.WARNING: "look", Level.FAULT: "BAD "}


def worst(findings: Iterable[Finding]) -> Level:
    return max((finding.level for finding in findings), default=Level.GOOD)


def text(findings: Iterable[Finding], lang: Lang) -> str:
    """One line for each finding, and under it what to do."""
    lines = []
    for finding in findings:
        lines.append(f"{_MARKS[finding.level]} {finding.check}: {finding.found.of(lang)}")
        if finding.do is not None and finding.level is not Level.GOOD:
            lines.append(f"     → {finding.do.of(lang)}")
    return "\n".join(lines)


def as_json(findings: Iterable[Finding]) -> str:
    """For programs; both languages."""
    rows = [
        {
            "level": finding.level.name.lower(),
            "check": finding.check,
            "found": finding.found._asdict(),
            "do": None if finding.do is None else finding.do._asdict(),
        }
        for finding in findings
    ]
    return msgspec.json.format(msgspec.json.encode(rows), indent=1).decode()
