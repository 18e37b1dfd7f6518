"""Grafana's words for moments: `now`, `now/d`, `now-6d/d`, `24h` for so long ago. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, tzinfo

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_NOW = re.compile(r"now(?:-(\d+)([mhd]))?(/d)?")
_BACK = re.compile(r"(\d+)([mhd])")


def moment_ns(words: str, now_ns: int, zone: tzinfo | None) -> int:
    """The moment that is meant, in nanoseconds; `/d` is the midnight before it. Raises `ValueError`."""
    found = _NOW.fullmatch(words)
    if found is None:
        raise ValueError(f"{words!r}: expected something like now, now-24h or now-6d/d")
    number, unit, midnight = found.groups()
    if midnight is None:
        return now_ns - (_ns(_UNITS[unit] * int(number)) if number else 0)
    local = datetime.fromtimestamp(now_ns // 10**9, zone)
    if number:  # whole days of the wall clock, whatever the clocks do between
        local -= _UNITS[unit] * int(number)
    return round(local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()) * 10**9


def back_ns(words: str, now_ns: int, zone: tzinfo | None) -> int:
    """Where a panel's own range begins: `48h`, or `now/d`."""
    found = _BACK.fullmatch(words)
    return (
        moment_ns(words, now_ns, zone) if found is None else now_ns - _ns(_UNITS[found.group(2)] * int(found.group(1)))
    )


def _ns(length: timedelta) -> int:
    return round(length.total_seconds()) * 10**9
