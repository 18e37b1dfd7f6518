"""Duty calendars as iCalendar files (RFC 5545): each event is a shift, named for who has it, repeating as it likes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path

import icalendar
import recurring_ical_events
import structlog

from wire.errors import SettingsError

log = structlog.get_logger(__name__)

_NOT_UNDERSTOOD = (
    ValueError, TypeError, AttributeError, LookupError, ArithmeticError, AssertionError, RecursionError,
    NotImplementedError,
)  # fmt: skip
"""What the two libraries raise where a file is not as they expect."""


class CalendarFile:
    """A calendar in a file. A shift is its people's whose name, or whose mail address, stands in the event's summary or
    among its attendees; `addresses` maps mail addresses to names."""

    def __init__(self, path: Path, addresses: Mapping[str, str], names: frozenset[str]) -> None:
        self._addresses = addresses
        self._names = names
        try:
            calendar = icalendar.Calendar.from_ical(path.read_bytes())
            self._shifts = recurring_ical_events.of(calendar, skip_bad_series=True)
        except OSError as error:
            raise SettingsError([f"{path}: cannot be read: {error.strerror}"]) from error
        except _NOT_UNDERSTOOD as error:
            raise SettingsError([f"{path}: not an iCalendar file that can be understood: {error}"]) from error

    def on_duty(self, moment: dt.datetime) -> list[str]:
        """The names of those whose shift the moment is in, in the order of the shifts' starts.

        A shift that cannot be understood is nobody's: the chain goes on to its next step.
        """
        try:
            shifts = self._shifts.between(moment, moment + dt.timedelta(seconds=1))
        except _NOT_UNDERSTOOD as error:  # it stops no page
            log.error("duty calendar cannot be read", error=str(error))
            return []
        shifts.sort(key=lambda shift: str(shift["DTSTART"].dt))
        return list(dict.fromkeys(name for shift in shifts for name in self._names_in(shift)))

    def _names_in(self, shift: icalendar.cal.Component) -> list[str]:
        said = [part.strip() for part in str(shift.get("SUMMARY", "")).replace(";", ",").split(",")]
        attendees = shift.get("ATTENDEE", [])
        invited = attendees if isinstance(attendees, list) else [attendees]
        said += [str(attendee).lower().removeprefix("mailto:") for attendee in invited]
        found = [self._addresses.get(part.lower(), part) for part in said]
        return [name for name in found if name in self._names]
