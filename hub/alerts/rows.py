"""Alerts as rows: read from the alerts' file for the board, the pages and the API."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence

from hub.alerts.lifecycle import CAUSE_GONE, State
from hub.alerts.rules import Rule, Signal
from hub.alerts.tables import THE_ONE
from hub.board import AlertRow

_ALERT = """
SELECT a.id, a.key, a.rule, a.severity, a.state, a.since_ns, a.last_ns, a.count, a.site, a.gate, a.lane, a.detail,
    CASE WHEN a.next_why = 'late' THEN 'late' WHEN a.key GLOB 'aged *' THEN 'aged' ELSE (SELECT CASE
        WHEN count(*) = 0 THEN 'no-channel'
        WHEN sum(p.state = 'delivered') > 0 THEN 'delivered'
        WHEN sum(p.tries) > 0 THEN 'retrying'
        ELSE 'pending' END FROM pages p WHERE p.alert = a.id AND p.kind = 'firing') END,
    a.kind, a.held_by, a.step, a.next_ns, a.next_why, a.ended_by
FROM alerts a
"""
_WORST_FIRST = "CASE a.severity WHEN 'critical' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END, a.since_ns DESC"


def open_rows(db: sqlite3.Connection, limit: int) -> list[AlertRow]:
    """Those that are not resolved, worst and newest first."""
    query = f"{_ALERT} WHERE a.state <> 'resolved' ORDER BY {_WORST_FIRST} LIMIT ?"
    return [AlertRow(*row) for row in db.execute(query, (limit,))]


def rows_after(db: sqlite3.Connection, alert: int, limit: int) -> list[AlertRow]:
    """Those of every state behind a number, in the order in which they began."""
    return [AlertRow(*row) for row in db.execute(f"{_ALERT} WHERE a.id > ? ORDER BY a.id LIMIT ?", (alert, limit))]


def newest_rows(db: sqlite3.Connection, limit: int) -> list[AlertRow]:
    """Those of every state, newest first."""
    return [AlertRow(*row) for row in db.execute(f"{_ALERT} ORDER BY a.id DESC LIMIT ?", (limit,))]


def found_rows(
    db: sqlite3.Connection, words: str, number: int | None, rules: Sequence[Rule], limit: int
) -> list[AlertRow]:
    """Those with this number, of these rules, or whose gate, lane or text holds the words: the one with the number
    first, then the newest."""
    marks = ", ".join("?" * len(rules))
    like = "%" + words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    where = f"a.id = ? OR a.rule IN ({marks}) OR " + " OR ".join(
        f"a.{name} LIKE ? ESCAPE '\\'" for name in ("gate", "lane", "detail")
    )
    query = f"{_ALERT} WHERE {where} ORDER BY a.id = ? DESC, a.id DESC LIMIT ?"
    values = (number if number is not None else -1, *rules, like, like, like, number, limit)
    return [AlertRow(*row) for row in db.execute(query, values)]


def rows_during(db: sqlite3.Connection, from_ns: int, until_ns: int) -> list[AlertRow]:
    """Those of every state that were open at some time from one moment to before another, the oldest first."""
    query = f"{_ALERT} WHERE a.since_ns < ? AND (a.state <> 'resolved' OR a.last_ns >= ?) ORDER BY a.since_ns, a.id"
    return [AlertRow(*row) for row in db.execute(query, (until_ns, from_ns))]


def row_of(db: sqlite3.Connection, alert: int) -> AlertRow | None:
    row = db.execute(f"{_ALERT} WHERE a.id = ?", (alert,)).fetchone()
    return None if row is None else AlertRow(*row)


def newest_of(db: sqlite3.Connection, keys: Collection[str]) -> dict[str, AlertRow]:
    """The alert that counts of each key that has any (`THE_ONE`)."""
    found = {}
    for key in keys:
        row = db.execute(f"{_ALERT} WHERE a.{THE_ONE}", (key,)).fetchone()
        if row is not None:
            found[key] = AlertRow(*row)
    return found


def gone(
    db: sqlite3.Connection, site: str, rules: Collection[Rule], standing: Collection[str], now_ns: int
) -> list[Signal]:
    """The end of each open alert of these rules that does not stand any more."""
    query = "SELECT key, rule, gate FROM alerts WHERE site = ? AND state <> 'resolved'"
    return [
        Signal(key=key, rule=Rule(rule), site=site, gate=gate, time_ns=now_ns, firing=False)
        for key, rule, gate in db.execute(query, (site,))
        if rule in rules and key not in standing
    ]


def is_news(known: AlertRow | None, signal: Signal) -> bool:
    """Whether something that stands is to be told: not of what is told as it is, nor of what a person has resolved
    unless it grew."""
    if known is None:
        return True
    if known.state != State.RESOLVED:
        return known.count != signal.total
    return known.ended_by == CAUSE_GONE or (signal.total or 0) > known.count


def rows_of(db: sqlite3.Connection, alerts: Sequence[int]) -> list[AlertRow]:
    """The rows of these alerts, in their order."""
    return [row for alert in alerts if (row := row_of(db, alert)) is not None]
