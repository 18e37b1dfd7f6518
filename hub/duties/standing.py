"""双测, person by person: whether somebody is on duty on a day, and what is still missing. Pure.

Two measurements of a shift are asked for. They count from some time before the shift until some time after it, so that
coming early and leaving late are in it, over midnight too.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, NamedTuple

from msgspec import Meta, Struct

from hub.alerts.rules import Severity

TWICE = 2
MINUTE_NS = 60 * 10**9


class DutyRules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a day's measurements are counted, and when somebody is told of those that are missing.

    `before_min`, `after_min`: so long before and after a shift a measurement counts for it.
    `apart_min`: a second measurement within so many minutes is of the same occasion and does not count (0: each does).
    `first_before_end_min`: so long before a shift's end an alert tells of who was never measured.
    `second_after_end_min`: so long after it, of who was not measured twice; many are measured when they leave.
    `severity`: of these alerts.
    `gate_hours`: staff may come in at the gates only in the hours of their shifts, `gate_margin_min` before and after
    included. Who leaves is never asked.
    """

    before_min: Annotated[int, Meta(ge=0, le=480)] = 180
    after_min: Annotated[int, Meta(ge=0, le=480)] = 180
    apart_min: Annotated[int, Meta(ge=0, le=480)] = 0
    first_before_end_min: Annotated[int, Meta(ge=0, le=720)] = 60
    second_after_end_min: Annotated[int, Meta(ge=-720, le=720)] = 60
    severity: Severity = Severity.WARNING
    gate_hours: bool = False
    gate_margin_min: Annotated[int, Meta(ge=0, le=480)] = 60


class Off(StrEnum):
    """Why somebody is not on duty on a day."""

    ISOLATED = "isolated"
    SICK = "sick"
    HOLIDAY = "holiday"
    BUSINESS = "business"
    OTHER = "other"
    CLOSED = "closed"
    """The site has not resumed work."""
    REST = "rest"
    UNKNOWN = "unknown"
    """No shift is known: who comes is on duty all the same, and nobody who does not is missed."""


AWAY = (Off.SICK, Off.HOLIDAY, Off.BUSINESS, Off.OTHER)


class Standing(StrEnum):
    """Where somebody on duty stands, worst first."""

    FIRST_MISSING = "first-missing"
    """The shift has begun, and they were not measured."""
    SECOND_MISSING = "second-missing"
    """The shift is over, and they were measured once."""
    TO_COME = "to-come"
    """The shift has not begun."""
    SECOND_TO_COME = "second-to-come"
    DONE = "done"


class Facts(NamedTuple):
    """What is known of somebody on a day, beside the shift."""

    isolated: bool = False
    away: Off | None = None
    closed: bool = False
    """The site has not resumed work, and they are not exempt."""


def off_because(facts: Facts, shift: int | None) -> Off | None:
    """Why somebody is not on duty; None for who is. `shift` as `shifts.shift_on` says it."""
    if facts.isolated:
        return Off.ISOLATED
    if facts.away is not None:
        return facts.away
    if facts.closed:
        return Off.CLOSED
    if shift is None:
        return Off.UNKNOWN
    return None if shift else Off.REST


def counted(times_ns: Iterable[int], apart_ns: int) -> int:
    """How many occasions these measurements are of."""
    if not apart_ns:
        return len(list(times_ns))
    last_ns, found = None, 0
    for time_ns in sorted(times_ns):
        if last_ns is None or time_ns - last_ns >= apart_ns:
            last_ns, found = time_ns, found + 1
    return found


def standing(measured: int, from_ns: int, until_ns: int, now_ns: int) -> Standing:
    """Where somebody stands whose shift is from one moment to another."""
    if measured >= TWICE:
        return Standing.DONE
    if measured:
        return Standing.SECOND_TO_COME if now_ns < until_ns else Standing.SECOND_MISSING
    return Standing.TO_COME if now_ns < from_ns else Standing.FIRST_MISSING
