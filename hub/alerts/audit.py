"""The auditor: finds every open alert that has no next step, and gives it one.

There should be none. There can be: a channel that left the settings with pages in its outbox, a file from an older
version, a defect. Each that is found is planned anew by the settings of today, and is itself an alert.
"""

from __future__ import annotations

import sqlite3

import msgspec

from hub.alerts import plan
from hub.alerts.chains import Contact, Planner
from hub.alerts.lifecycle import State, Why
from hub.alerts.plan import Next
from hub.alerts.rules import Rule, Signal
from hub.alerts.tables import write_log

_STUCK = """
SELECT a.id FROM alerts a WHERE a.state <> 'resolved' AND NOT (
    (a.state = 'firing' AND a.next_why = 'step' AND a.next_ns IS NOT NULL)
    OR (a.state = 'firing' AND a.next_why IN ('chain-over', 'late'))
    OR (a.state = 'acknowledged' AND a.next_why = 'held')
    OR (a.state = 'silenced' AND a.next_why = 'silence' AND a.next_ns IS NOT NULL)
    OR (a.state = 'inhibited' AND a.next_why = 'inhibitor' AND a.next_ns IS NULL))
"""
_UNTOLD = """
SELECT a.id FROM alerts a WHERE a.state = 'firing' AND a.next_why = 'chain-over' AND NOT EXISTS (
    SELECT 1 FROM pages p WHERE p.alert = a.id AND p.kind = 'firing' AND p.step >= a.round_step
    AND p.state IN ('pending', 'delivered'))
"""
"""Whose chain ran out without anybody who was or will be told."""
_decode_route = msgspec.json.Decoder(list[Contact]).decode


def audit(db: sqlite3.Connection, planner: Planner, channels: frozenset[str], now_ns: int) -> list[Signal]:
    """Mend what is stuck; an alert about each, under the number of what was found. Without channels nobody can be
    told."""
    if not channels:
        return []
    _reroute(db, channels, now_ns)
    stuck = [alert for query in (_STUCK, _UNTOLD) for (alert,) in db.execute(query).fetchall()]
    return [_mend(db, planner, alert, now_ns) for alert in dict.fromkeys(stuck)]


def _reroute(db: sqlite3.Connection, channels: frozenset[str], now_ns: int) -> None:
    """Pages for a channel that is no longer set up go to the receiver's next one; or nowhere, and the alert is
    stuck."""
    query = "SELECT id, alert, receiver, route, channel FROM pages WHERE state = 'pending'"
    for page, alert, receiver, raw, channel in db.execute(query).fetchall():
        if channel in channels:
            continue
        places = [place for place, contact in enumerate(_decode_route(raw)) if contact.channel in channels]
        if not places:
            db.execute("UPDATE pages SET state = 'withdrawn' WHERE id = ?", (page,))
            write_log(db, now_ns, Why.WITHDRAWN, alert=alert, page=page, by=receiver, text=f"{channel}: not set up")
            continue
        to = _decode_route(raw)[places[0]].channel
        db.execute(
            "UPDATE pages SET place = ?, channel = ?, attempts = 0, message = NULL, next_ns = ? WHERE id = ?",
            (places[0], to, now_ns, page),
        )
        text = f"{channel} → {to}: not set up"
        write_log(db, now_ns, Why.HANDED_OVER, alert=alert, page=page, by=receiver, text=text, next_ns=now_ns)


def _mend(db: sqlite3.Connection, planner: Planner, alert: int, now_ns: int) -> Signal:
    query = "SELECT state, site, gate, rule FROM alerts WHERE id = ?"
    state, site, gate, rule = db.execute(query, (alert,)).fetchone()
    write_log(db, now_ns, Why.FOUND_STUCK, alert=alert, state=state)
    if state == State.ACKNOWLEDGED:
        plan.rest(db, alert, Next.HELD)
    else:
        db.execute("UPDATE alerts SET state = 'firing', chain = '' WHERE id = ?", (alert,))
        if not plan.refresh_muting(db, planner, alert, now_ns):
            plan.begin_round(db, planner, alert, now_ns)
    return Signal(
        key=f"{Rule.ALERT_STUCK}/{site}/{gate}/{alert}",
        rule=Rule.ALERT_STUCK,
        site=site,
        gate=gate,
        time_ns=now_ns,
        detail=f"alert {alert}: {rule}",
    )
