"""When staff may come in at the gates, from the shifts that they work: for a site that wants it.

Gates know hours by weekday. What is sent covers seven days from yesterday on, each its own weekday, and is sent anew
each midnight: so a rota of any length fits, and gates that hear of no hub go on for some days.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import partial

from sqlalchemy.orm import Session

from hub.duties import absences, shifts
from hub.duties.muster import planned, shifts_of
from hub.duties.shifts import REST
from hub.duties.standing import DutyRules
from hub.registry.office import HoursOf
from wire.registry import Hours

DAYS = 7
DAY_MIN = 1440
NEVER = (Hours(0, 0),)


def hours_of(session: Session, people: Sequence[int], today: date, *, margin_min: int) -> dict[int, tuple[Hours, ...]]:
    """When these people may come in; nobody comes while they are away."""
    first = today - timedelta(days=1)
    known = shifts_of(session)
    away = [absences.away_on(session, first + timedelta(days=n)) for n in range(DAYS)]
    found = {}
    for person, plan in planned(session, first, DAYS, people).items():
        worked = [REST if person in away[n] else shift for n, shift in enumerate(plan)]
        found[person] = gate_hours(worked, first, known, margin_min)
    return found


def hours_by(rules: DutyRules) -> HoursOf | None:
    """How a site wants it; None where staff come in at any time."""
    return partial(hours_of, margin_min=rules.gate_margin_min) if rules.gate_hours else None


def gate_hours(
    worked: Sequence[int | None], first: date, known: Mapping[int, shifts.Hours], margin_min: int
) -> tuple[Hours, ...]:
    """The hours of somebody who works these shifts from a day on. Of a day of which nobody said anything, all of it;
    where nothing is said of any day, no hours at all, which gates read as any time. Pure."""
    if all(shift is None for shift in worked):
        return ()
    spans: dict[tuple[int, int], set[int]] = {}
    for n, shift in enumerate(worked):
        day = first + timedelta(days=n)
        if shift is None:
            spans.setdefault((0, DAY_MIN), set()).add(day.isoweekday())
        elif shift in known:
            begins, ends, before = _span(known[shift], margin_min)
            if n or not before:  # what began before the first of these days is over
                spans.setdefault((begins, ends), set()).add((day - timedelta(days=before)).isoweekday())
    made = [Hours(begins, ends, tuple(sorted(days))) for (begins, ends), days in sorted(spans.items())]
    return tuple(made) or NEVER


def _span(shift: shifts.Hours, margin_min: int) -> tuple[int, int, int]:
    """From and until which minute with its margins, and how many days before the shift's own that begins."""
    length = (shift.to_min - shift.from_min) % DAY_MIN or DAY_MIN
    length += 2 * margin_min
    if length >= DAY_MIN:
        return 0, DAY_MIN, 0
    begins = shift.from_min - margin_min
    before = 1 if begins < 0 else 0
    begins %= DAY_MIN
    ends = begins + length
    return begins, ends if ends <= DAY_MIN else ends - DAY_MIN, before
