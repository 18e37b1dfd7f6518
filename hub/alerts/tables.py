"""The alerts' file: its tables, and its log, to which lines are added and nothing else."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypedDict, Unpack

import msgspec
from msgspec import Struct

from hub.alerts.lifecycle import Why
from wire.errors import JournalError

VERSION = 3
_NEVER_CUT = """CREATE TRIGGER IF NOT EXISTS log_is_never_cut BEFORE DELETE ON log
BEGIN SELECT raise(ABORT, 'the log is only added to'); END"""
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS alerts (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, rule TEXT NOT NULL, severity TEXT NOT NULL,
    state TEXT NOT NULL, since_ns INTEGER NOT NULL, last_ns INTEGER NOT NULL, count INTEGER NOT NULL,
    site TEXT NOT NULL, gate TEXT NOT NULL, lane TEXT NOT NULL, detail TEXT NOT NULL, ended_by TEXT NOT NULL DEFAULT '',
    kind TEXT NOT NULL DEFAULT '', held_by TEXT NOT NULL DEFAULT '', chain BLOB NOT NULL DEFAULT '',
    step INTEGER NOT NULL DEFAULT 0, round_step INTEGER NOT NULL DEFAULT 0, round_ns INTEGER NOT NULL DEFAULT 0,
    next_ns INTEGER, next_why TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX IF NOT EXISTS one_alert_open ON alerts (key) WHERE state <> 'resolved';
CREATE INDEX IF NOT EXISTS alerts_by_key ON alerts (key, id);
CREATE INDEX IF NOT EXISTS alerts_open ON alerts (severity, since_ns) WHERE state <> 'resolved';
CREATE INDEX IF NOT EXISTS alerts_next ON alerts (next_ns) WHERE next_ns IS NOT NULL;
CREATE TABLE IF NOT EXISTS silences (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, gate TEXT NOT NULL, rule TEXT NOT NULL,
    from_ns INTEGER NOT NULL, until_ns INTEGER NOT NULL, by TEXT NOT NULL, note TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS pages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, alert INTEGER REFERENCES alerts, kind TEXT NOT NULL, step INTEGER NOT NULL,
    receiver TEXT NOT NULL, lang TEXT, route BLOB NOT NULL, place INTEGER NOT NULL DEFAULT 0, channel TEXT NOT NULL,
    state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, tries INTEGER NOT NULL DEFAULT 0,
    made_ns INTEGER NOT NULL, next_ns INTEGER NOT NULL, message INTEGER, text TEXT NOT NULL DEFAULT '',
    UNIQUE (alert, kind, step, receiver)
);
CREATE INDEX IF NOT EXISTS pages_pending ON pages (channel, next_ns) WHERE state = 'pending';
CREATE INDEX IF NOT EXISTS pages_of_alert ON pages (alert);
CREATE INDEX IF NOT EXISTS pages_of_message ON pages (message) WHERE message IS NOT NULL;
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, channel TEXT NOT NULL, receiver TEXT NOT NULL,
    made_ns INTEGER NOT NULL, alerts BLOB NOT NULL, link_used_ns INTEGER
);
CREATE TABLE IF NOT EXISTS under_way (message INTEGER PRIMARY KEY, attempt INTEGER NOT NULL, since_ns INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS answers (
    channel TEXT NOT NULL, id TEXT NOT NULL, heard_ns INTEGER NOT NULL, PRIMARY KEY (channel, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS codes (
    hash BLOB PRIMARY KEY, message INTEGER NOT NULL, until_ns INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS log (
    id INTEGER PRIMARY KEY AUTOINCREMENT, time_ns INTEGER NOT NULL, alert INTEGER, page INTEGER, message INTEGER,
    why TEXT NOT NULL, state TEXT NOT NULL, by TEXT NOT NULL, text TEXT NOT NULL, next_ns INTEGER
);
CREATE INDEX IF NOT EXISTS log_of_alert ON log (alert);
CREATE TRIGGER IF NOT EXISTS log_is_never_changed BEFORE UPDATE ON log
BEGIN SELECT raise(ABORT, 'the log is only added to'); END;
{_NEVER_CUT};
CREATE TABLE IF NOT EXISTS heard (key TEXT PRIMARY KEY, epoch TEXT NOT NULL, seq INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (
    kind TEXT NOT NULL, place TEXT NOT NULL, time_ns INTEGER NOT NULL, name TEXT NOT NULL, text TEXT NOT NULL,
    PRIMARY KEY (kind, place, time_ns, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS duties (rota TEXT PRIMARY KEY, names BLOB NOT NULL) WITHOUT ROWID;
"""
_FROM_1 = """
DROP TABLE outbox;
DROP INDEX one_open_alert;
ALTER TABLE alerts ADD COLUMN kind TEXT NOT NULL DEFAULT '';
ALTER TABLE alerts ADD COLUMN held_by TEXT NOT NULL DEFAULT '';
ALTER TABLE alerts ADD COLUMN chain BLOB NOT NULL DEFAULT '';
ALTER TABLE alerts ADD COLUMN step INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alerts ADD COLUMN round_step INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alerts ADD COLUMN round_ns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alerts ADD COLUMN next_ns INTEGER;
ALTER TABLE alerts ADD COLUMN next_why TEXT NOT NULL DEFAULT '';
"""
"""A file of version 1 knew no chains: its open alerts have no next step, and the auditor gives them one."""


THE_ONE = """id = coalesce((SELECT id FROM alerts WHERE key = ?1 AND state <> 'resolved'),
    (SELECT max(id) FROM alerts WHERE key = ?1))"""
"""Of the alerts of a key (`?1`) the one that counts: the open one, which somebody may have reopened after a newer one
had ended, else the newest."""


@contextmanager
def without_guard(db: sqlite3.Connection) -> Iterator[None]:
    """Within a transaction: lines of the log can be erased, for they are too old to be kept."""
    db.execute("DROP TRIGGER log_is_never_cut")
    yield
    db.execute(_NEVER_CUT)


class LogLine(Struct, frozen=True, omit_defaults=True):
    """One line of the log: what was done about an alert, a page or a message, and why."""

    id: int
    time_ns: int
    alert: int | None
    page: int | None
    message: int | None
    why: Why
    state: str = ""
    """The alert's state after it."""
    by: str = ""
    """A person's name, or a receiver's."""
    text: str = ""
    """What a service answered, a note."""
    next_ns: int | None = None
    """When something happens next, where this line says so."""


def bring_up(db: sqlite3.Connection) -> None:
    """Make the tables, or bring an older file up to this version. Raises `JournalError` for a newer one."""
    db.execute("PRAGMA busy_timeout = 10000")  # the command line writes here too
    db.execute("PRAGMA synchronous = FULL")  # what was promised to somebody is not undone by a power cut
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise JournalError(f"is of version {version}, this program reads up to {VERSION}; update it")
    first = db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'outbox'").fetchone()
    begin = f"BEGIN IMMEDIATE; {_FROM_1 if first else ''}"
    db.executescript(f"{begin} {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")


class About(TypedDict, total=False):
    """What a line of the log may tell besides its time and its reason; see `LogLine`."""

    alert: int | None
    page: int | None
    message: int | None
    state: str
    by: str
    text: str
    next_ns: int | None


def write_log(db: sqlite3.Connection, time_ns: int, why: Why, **about: Unpack[About]) -> None:
    """One line more, in the transaction of what it tells of."""
    db.execute(
        "INSERT INTO log (time_ns, why, alert, page, message, state, by, text, next_ns)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (time_ns, why, about.get("alert"), about.get("page"), about.get("message"), about.get("state", ""),
         about.get("by", ""), about.get("text", "")[:500], about.get("next_ns")),
    )  # fmt: skip


def read_log(db: sqlite3.Connection, alert: int | None, limit: int) -> list[LogLine]:
    """The last lines of an alert, or of all that is not about one alone; oldest first."""
    where, values = ("WHERE alert = ?", [alert]) if alert is not None else ("", [])
    query = f"SELECT id, time_ns, alert, page, message, why, state, by, text, next_ns FROM log {where}"  # noqa: S608 - our own text
    rows = db.execute(f"{query} ORDER BY id DESC LIMIT ?", [*values, limit]).fetchall()
    return [msgspec.convert(dict(zip(LogLine.__struct_fields__, row, strict=True)), LogLine) for row in reversed(rows)]
