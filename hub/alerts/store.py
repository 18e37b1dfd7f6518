"""Alerts and what still has to be told about them, in SQLite, with the cursor in the same transaction as its effect.

    (nothing) ── signal ──► firing ── cause gone, or a person's word ──► resolved ── signal ──► firing (a new alert)

Each time an alert starts or ends, one message a channel goes into the outbox in that same transaction, so that a crash
can neither lose a page nor send one for an alert that is not there. What is older than `page_within_s` when it reaches
the hub enters the record and tells nobody; but a clock that is not synchronised cannot say how old something is, and
what may be happening now is told. Of one alert and channel the end is never told before the start.

Which word about an alert is the newer one is a matter of its number in the gate's stream, never of a clock.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from hub.alerts.rules import SEVERITY, Signal
from hub.board import AlertRow
from hub.journal import Transaction
from wire.errors import JournalError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS alerts (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, rule TEXT NOT NULL, severity TEXT NOT NULL,
    state TEXT NOT NULL, since_ns INTEGER NOT NULL, last_ns INTEGER NOT NULL, count INTEGER NOT NULL,
    site TEXT NOT NULL, gate TEXT NOT NULL, lane TEXT NOT NULL, detail TEXT NOT NULL, ended_by TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX IF NOT EXISTS one_open_alert ON alerts (key) WHERE state = 'firing';
CREATE INDEX IF NOT EXISTS alerts_by_key ON alerts (key, id);
CREATE TABLE IF NOT EXISTS outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT, alert INTEGER NOT NULL REFERENCES alerts, step TEXT NOT NULL,
    channel TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, next_ns INTEGER NOT NULL,
    answer TEXT NOT NULL DEFAULT '', UNIQUE (alert, step, channel)
);
CREATE INDEX IF NOT EXISTS outbox_pending ON outbox (next_ns) WHERE state = 'pending';
CREATE TABLE IF NOT EXISTS heard (key TEXT PRIMARY KEY, epoch TEXT NOT NULL, seq INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cursors (name TEXT PRIMARY KEY, "offset" INTEGER NOT NULL) WITHOUT ROWID;
"""
_WAITS = """o.state = 'pending' AND NOT EXISTS (
    SELECT 1 FROM outbox e WHERE e.alert = o.alert AND e.channel = o.channel AND e.id < o.id AND e.state = 'pending')"""
_ALERT = """
SELECT a.id, a.key, a.rule, a.severity, a.state, a.since_ns, a.last_ns, a.count, a.site, a.gate, a.lane, a.detail,
    (SELECT CASE
        WHEN count(*) = 0 THEN 'no-channel'
        WHEN sum(o.state = 'delivered') > 0 THEN 'delivered'
        WHEN sum(o.state = 'late') > 0 THEN 'late'
        WHEN sum(o.attempts) > 0 THEN 'retrying'
        ELSE 'pending' END FROM outbox o WHERE o.alert = a.id AND o.step = 'firing')
FROM alerts a
"""


class Page(Struct, frozen=True):
    """One message that is due: one step of one alert on one channel."""

    id: int
    channel: str
    step: str
    """`firing` or `resolved`."""
    attempts: int
    alert: AlertRow

    @property
    def dedup_key(self) -> str:
        """The same for every attempt, so that a receiver can drop what it has already."""
        return f"menshen-{self.alert.id}-{self.step}"


class AlertStore:
    """The alerts of one hub. Not thread-safe; every method may raise `JournalError`."""

    def __init__(self, path: Path, channels: Sequence[str], page_within_s: float) -> None:
        self._path = path
        self._channels = list(channels)
        self._page_within_ns = int(page_within_s * 1e9)
        self._db: sqlite3.Connection | None = None

    def open(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(_SCHEMA)
        except (sqlite3.DatabaseError, OSError) as error:
            raise JournalError(f"alerts {self._path}: {error}") from error

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def cursor(self, name: str) -> int:
        with self._transaction() as db:
            row = db.execute('SELECT "offset" FROM cursors WHERE name = ?', (name,)).fetchone()
        return 0 if row is None else int(row[0])

    def take(self, name: str, offset: int, signals: Sequence[tuple[Signal, int]]) -> None:
        """The signals, each with the time when its event reached the journal, and the cursor, all together."""
        with self._transaction() as db:
            for signal, received_ns in signals:
                self._take_one(db, signal, received_ns)
            db.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?)", (name, offset))

    def resolve(self, alert_id: int, by: str, now_ns: int) -> bool:
        """End an alert by a person's word; whether it was open."""
        with self._transaction() as db:
            row = db.execute("SELECT id FROM alerts WHERE id = ? AND state = 'firing'", (alert_id,)).fetchone()
            if row is None:
                return False
            self._end(db, alert_id, now_ns, now_ns, by)
        return True

    def open_alerts(self, limit: int = 200) -> list[AlertRow]:
        """Firing alerts, worst and newest first."""
        order = "CASE a.severity WHEN 'critical' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END, a.since_ns DESC"
        with self._transaction() as db:
            return [
                AlertRow(*row)
                for row in db.execute(f"{_ALERT} WHERE a.state = 'firing' ORDER BY {order} LIMIT ?", (limit,))
            ]

    def alerts_after(self, alert_id: int, limit: int) -> list[AlertRow]:
        """Alerts of every state in the order in which they began, those behind a number."""
        with self._transaction() as db:
            return [
                AlertRow(*row)
                for row in db.execute(f"{_ALERT} WHERE a.id > ? ORDER BY a.id LIMIT ?", (alert_id, limit))
            ]

    def due(self, now_ns: int, limit: int = 8) -> list[Page]:
        """Pages that are to be sent now, up to `limit` of each channel, the worst first."""
        query = f"""
            SELECT id, channel, step, attempts, alert FROM (
                SELECT o.*, row_number() OVER (PARTITION BY channel ORDER BY severity = 'critical' DESC, o.id) AS place
                FROM outbox o JOIN alerts a ON a.id = o.alert WHERE o.next_ns <= ? AND {_WAITS})
            WHERE place <= ? ORDER BY place
        """  # noqa: S608 - our own text
        with self._transaction() as db:
            return [
                Page(
                    id_, channel, step, attempts, AlertRow(*db.execute(f"{_ALERT} WHERE a.id = ?", (alert,)).fetchone())
                )
                for id_, channel, step, attempts, alert in db.execute(query, (now_ns, limit)).fetchall()
            ]

    def next_due_ns(self, now_ns: int) -> int | None:
        """When the next page falls due that is not due yet; None when there is none."""
        query = f"SELECT min(o.next_ns) FROM outbox o WHERE o.next_ns > ? AND {_WAITS}"  # noqa: S608 - our own text
        with self._transaction() as db:
            found = db.execute(query, (now_ns,)).fetchone()[0]
        return None if found is None else int(found)

    def record(self, page: Page, answer: str, *, delivered: bool, next_ns: int) -> None:
        """What came of one attempt."""
        state = "delivered" if delivered else "pending"
        with self._transaction() as db:
            db.execute(
                "UPDATE outbox SET state = ?, attempts = attempts + 1, next_ns = ?, answer = ? WHERE id = ?",
                (state, next_ns, answer[:500], page.id),
            )

    # -- within -----------------------------------------------------------------------------------------------------

    def _take_one(self, db: sqlite3.Connection, signal: Signal, received_ns: int) -> None:
        if not self._is_news(db, signal):
            return
        row = db.execute("SELECT id FROM alerts WHERE key = ? AND state = 'firing'", (signal.key,)).fetchone()
        if row is None:
            if signal.firing:
                self._begin(db, signal, received_ns)
        elif signal.firing:
            db.execute(
                "UPDATE alerts SET last_ns = max(last_ns, ?), count = count + 1, detail = ? WHERE id = ?",
                (signal.time_ns, signal.detail, row[0]),
            )
        else:
            self._end(db, row[0], signal.time_ns, received_ns, "cause gone")

    def _is_news(self, db: sqlite3.Connection, signal: Signal) -> bool:
        """Whether the gate said it after what is known; a dead letter that is replayed comes out of its order."""
        row = db.execute("SELECT epoch, seq FROM heard WHERE key = ?", (signal.key,)).fetchone()
        if row is not None and row[0] == signal.epoch and signal.seq < row[1]:
            return False
        db.execute("INSERT OR REPLACE INTO heard VALUES (?, ?, ?)", (signal.key, signal.epoch, signal.seq))
        return True

    def _begin(self, db: sqlite3.Connection, signal: Signal, received_ns: int) -> None:
        done = db.execute(
            "INSERT INTO alerts (key, rule, severity, state, since_ns, last_ns, count, site, gate, lane, detail)"
            " VALUES (?, ?, ?, 'firing', ?, ?, 1, ?, ?, ?, ?)",
            (signal.key, signal.rule, SEVERITY[signal.rule], signal.time_ns, signal.time_ns, signal.site, signal.gate,
             signal.lane, signal.detail),
        )  # fmt: skip
        assert done.lastrowid is not None
        late = signal.dated and received_ns - signal.time_ns > self._page_within_ns
        for channel in self._channels:
            self._tell(db, done.lastrowid, "firing", channel, received_ns, "late" if late else "pending")

    def _end(self, db: sqlite3.Connection, alert_id: int, time_ns: int, received_ns: int, by: str) -> None:
        db.execute(
            "UPDATE alerts SET state = 'resolved', last_ns = ?, ended_by = ? WHERE id = ?", (time_ns, by, alert_id)
        )
        # Whoever was told of the start is told of the end, however late it is heard of, and nobody else.
        told = "SELECT channel FROM outbox WHERE alert = ? AND step = 'firing' AND state <> 'late'"
        for (channel,) in db.execute(told, (alert_id,)).fetchall():
            self._tell(db, alert_id, "resolved", channel, received_ns, "pending")

    def _tell(self, db: sqlite3.Connection, alert_id: int, step: str, channel: str, next_ns: int, state: str) -> None:
        db.execute(
            "INSERT OR IGNORE INTO outbox (alert, step, channel, state, next_ns) VALUES (?, ?, ?, ?, ?)",
            (alert_id, step, channel, state, next_ns),
        )

    def _transaction(self) -> Transaction:
        if self._db is None:
            raise JournalError(f"alerts {self._path}: not open")
        return Transaction(self._db, f"alerts {self._path}")
