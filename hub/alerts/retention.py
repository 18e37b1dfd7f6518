"""What is old in the alerts' file is erased. An alert keeps its row, for figures: which rule, where, when, how often;
not whom it was about, what it said, who was told and who answered."""

from __future__ import annotations

import sqlite3

from hub.alerts.tables import without_guard

_OLD = """
SELECT a.id, a.key FROM alerts a WHERE a.state = 'resolved' AND a.last_ns < ? AND a.key NOT GLOB 'aged *'
AND NOT EXISTS (SELECT 1 FROM pages p WHERE p.alert = a.id AND p.state = 'pending') ORDER BY a.id LIMIT ?
"""
_BLANK = "UPDATE alerts SET key = 'aged ' || id, detail = '', held_by = '', ended_by = '', chain = '' WHERE id = ?"
AT_ONCE = 500
"""Alerts erased in one transaction: new ones wait no longer than that."""


def forget(db: sqlite3.Connection, before_ns: int) -> int:
    """Erase up to `AT_ONCE` alerts that ended before that, with what was told of them; how many."""
    old = db.execute(_OLD, (before_ns, AT_ONCE)).fetchall()
    with without_guard(db):
        for alert, key in old:
            db.execute("DELETE FROM log WHERE alert = ?1 OR page IN (SELECT id FROM pages WHERE alert = ?1)", (alert,))
            db.execute("DELETE FROM pages WHERE alert = ?", (alert,))
            db.execute(_BLANK, (alert,))
            if db.execute("SELECT 1 FROM alerts WHERE key = ?", (key,)).fetchone() is None:
                db.execute("DELETE FROM heard WHERE key = ?", (key,))
        if len(old) < AT_ONCE:
            _forget_messages(db, before_ns)
    return len(old)


def _forget_messages(db: sqlite3.Connection, before_ns: int) -> None:
    """Messages, and what is about no alert alone; what is still to be told stays, and the log's newest line."""
    db.execute("DELETE FROM pages WHERE alert IS NULL AND state <> 'pending' AND made_ns < ?", (before_ns,))
    unused = "id NOT IN (SELECT message FROM pages WHERE message IS NOT NULL)"
    db.execute(f"DELETE FROM messages WHERE made_ns < ? AND {unused}", (before_ns,))  # noqa: S608 - our own text
    newest = "id < (SELECT max(id) FROM log)"
    db.execute(f"DELETE FROM log WHERE alert IS NULL AND time_ns < ? AND {newest}", (before_ns,))  # noqa: S608 - our own text
