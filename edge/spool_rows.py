"""The rows of a spool's file: their tables, and how they are written, dated and counted."""

from __future__ import annotations

import sqlite3

from edge.clock import Instant
from edge.dating import dated, time_of
from edge.salvage import Row
from wire.events import Gap, Urgency
from wire.messages import decode_event

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS streams (urgency TEXT PRIMARY KEY, next INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS marks (source TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events (
    urgency TEXT NOT NULL, seq INTEGER NOT NULL, last INTEGER NOT NULL, time_ns INTEGER NOT NULL,
    stored_ns INTEGER NOT NULL, body BLOB NOT NULL, boot TEXT, mono_ns INTEGER, PRIMARY KEY (urgency, seq)
) WITHOUT ROWID;
"""
_ADDED = {"boot": "TEXT", "mono_ns": "INTEGER"}
"""Columns that the events of an older version's file do not have."""
_INDEX = "CREATE INDEX IF NOT EXISTS undated ON events (boot, urgency, seq) WHERE boot IS NOT NULL"
BROKEN = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def losses(rows: list[Row]) -> tuple[int, int, int]:
    """How many events the rows stand for, and the first and last of their times; earlier gaps are added up."""
    lost, times = 0, []
    for row in rows:
        event = decode_event(row.body) if row.last > row.seq else None
        if isinstance(event, Gap):
            lost += event.lost or 0
            times += [time_ns for time_ns in (event.since_ns, event.until_ns) if time_ns is not None]
        else:
            lost += 1
            times.append(row.time_ns)
    return lost, min(times, default=rows[0].time_ns), max(times, default=rows[-1].time_ns)


def insert(db: sqlite3.Connection, row: Row) -> None:
    db.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)


def replace(db: sqlite3.Connection, row: Row) -> None:
    db.execute("INSERT OR REPLACE INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)


def date(row: Row, now: Instant) -> Row:
    """The row under its right time."""
    time_ns = time_of(row.mono_ns or 0, now)
    body = dated(row.body, time_ns - row.time_ns)
    return row._replace(time_ns=time_ns, stored_ns=time_ns, body=body, boot=None, mono_ns=None)


def bring_up(db: sqlite3.Connection) -> None:
    """Bring the file of an older version up to this one."""
    have = {row[1] for row in db.execute("PRAGMA table_info(events)")}
    for name, kind in _ADDED.items():
        if name not in have:
            db.execute(f"ALTER TABLE events ADD COLUMN {name} {kind}")
    db.execute(_INDEX)


def set_next(db: sqlite3.Connection, urgency: Urgency, number: int) -> None:
    db.execute("INSERT OR REPLACE INTO streams VALUES (?, ?)", (urgency, number))


def set_meta(db: sqlite3.Connection, key: str, value: str | int) -> None:
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))


def code_of(error: sqlite3.Error) -> int:
    """SQLite's primary result code."""
    return int(getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF


def broken(text: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(text)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error
