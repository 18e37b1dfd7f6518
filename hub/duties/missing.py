"""Missed checks near the end of a shift, as signals for the alerts: one a team and shift. Pure.

What is said depends on the roll and the time alone, so the order in which gates are heard changes nothing; measurements
that arrive late take people off the count, and the last one ends the alert.
"""

from __future__ import annotations

from typing import NamedTuple

from hub.alerts.rules import Rule, Signal
from hub.duties.desk import Book
from hub.duties.roll import Figures, total
from hub.duties.standing import MINUTE_NS, DutyRules


class _Turn(NamedTuple):
    """A team's turn in a shift."""

    team_id: int | None
    shift_id: int
    until_ns: int


def missed(book: Book, rules: DutyRules, site: str, now_ns: int) -> list[Signal]:
    """What each team's shift says whose time has come: who was never measured before its end, and once after it."""
    turns: dict[_Turn, list[Figures]] = {}
    spans = book.roll.spans()
    for group, figures in book.roll.figures(now_ns).items():
        if group.off is None and group.shift_id is not None:
            turn = _Turn(group.team_id, group.shift_id, spans[group][1])
            turns.setdefault(turn, []).append(figures)
    found = [
        _signal(book, rules, site, turn, total(figures), now_ns) for turn, figures in sorted(turns.items(), key=str)
    ]
    return [signal for signal in found if signal is not None]


def _signal(book: Book, rules: DutyRules, site: str, turn: _Turn, figures: Figures, now_ns: int) -> Signal | None:
    first_ns = turn.until_ns - rules.first_before_end_min * MINUTE_NS
    second_ns = turn.until_ns + rules.second_after_end_min * MINUTE_NS
    if now_ns < first_ns:
        return None
    never = figures.never
    once = figures.once if now_ns >= second_ns else 0
    return Signal(
        key=f"{Rule.MISSED_CHECKS}/{site}/{turn.team_id or 0}/{turn.shift_id}/{book.day.isoformat()}",
        rule=Rule.MISSED_CHECKS,
        site=site,
        gate=book.team(turn.team_id),
        lane=book.shift(turn.shift_id),
        time_ns=first_ns if never else second_ns if once else now_ns,
        newest_ns=second_ns if once else first_ns,
        firing=bool(never + once),
        total=never + once,
        detail=f"{book.day.isoformat()} · 0×: {never} · 1×: {once}",
        severity=rules.severity,
    )
