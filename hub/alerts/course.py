"""The course of alerts: carries out in the alerts' file what `hub.alerts.lifecycle` decides, within its caller's
transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct

from hub.alerts import plan
from hub.alerts.chains import Planner
from hub.alerts.lifecycle import CAUSE_GONE, Change, State, Why, Word, on_signal, on_word
from hub.alerts.plan import Next
from hub.alerts.rules import SEVERITY, Rule, Severity, Signal
from hub.alerts.tables import THE_ONE, write_log


class StoreSettings(Struct, frozen=True):
    """`acknowledgeable` are the channels that are told of acknowledgements too."""

    page_within_s: float = 3600.0
    page_within: Mapping[Rule, float] = MappingProxyType({})
    """Of rules that have their own."""
    severity: Mapping[Rule, Severity] = MappingProxyType({})
    """Of rules for which the site wants another than ours."""
    reopen_within_s: float = 60.0
    acknowledgeable: frozenset[str] = frozenset()
    cluster_fevers: int = 3
    zone: str | None = None
    """The site's; None: the machine's own."""


class Course:
    """What signals and people's words do to alerts."""

    def __init__(self, planner: Planner, settings: StoreSettings) -> None:
        self._planner = planner
        self._settings = settings

    def take(self, db: sqlite3.Connection, signal: Signal, received_ns: int, now_ns: int) -> None:
        if not self._is_news(db, signal):
            return
        query = f"SELECT id, state, last_ns FROM alerts WHERE {THE_ONE}"  # noqa: S608 - our own text
        alert, state, last_ns = db.execute(query, (signal.key,)).fetchone() or (0, None, 0)
        age_ns = received_ns - (signal.time_ns if signal.newest_ns is None else signal.newest_ns)
        within_s = self._settings.page_within.get(signal.rule, self._settings.page_within_s)
        late = signal.dated and age_ns > within_s * 1e9
        change = on_signal(
            State(state) if state else None,
            firing=signal.firing,
            late=late,
            since_end_ns=signal.time_ns - last_ns,
            reopen_within_ns=round(self._settings.reopen_within_s * 1e9),
        )
        if change is None:
            return
        match change.why:
            case Why.BEGAN | Why.BEGAN_LATE:
                self._begin(db, signal, change, now_ns)
            case Why.CAUSE_AGAIN | Why.CAUSE_BACK:
                self._again(db, alert, signal, change, now_ns)
                self._wake(db, alert, now_ns, late=late)
            case _:
                self._end(db, alert, signal.time_ns, change, now_ns)

    def _is_news(self, db: sqlite3.Connection, signal: Signal) -> bool:
        """Whether the gate said it after what is known; a dead letter that is replayed comes out of its order.

        What the hub tells by itself has no number and is always news.
        """
        if not signal.epoch:
            return True
        row = db.execute("SELECT epoch, seq FROM heard WHERE key = ?", (signal.key,)).fetchone()
        if row is not None and row[0] == signal.epoch and signal.seq <= row[1]:
            return False
        db.execute("INSERT OR REPLACE INTO heard VALUES (?, ?, ?)", (signal.key, signal.epoch, signal.seq))
        return True

    def _begin(self, db: sqlite3.Connection, signal: Signal, change: Change, now_ns: int) -> None:
        at_ns, count = signal.time_ns, signal.total or 1
        done = db.execute(
            "INSERT INTO alerts (key, rule, severity, state, since_ns, last_ns, count, site, gate, lane, detail, kind)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (signal.key, signal.rule, self._severity(signal), change.state, at_ns, at_ns, count,
             signal.site, signal.gate, signal.lane, signal.detail, signal.kind),
        )  # fmt: skip
        alert = done.lastrowid
        assert alert is not None
        write_log(db, now_ns, change.why, alert=alert, state=change.state, text=signal.detail)
        if change.why is Why.BEGAN_LATE:
            plan.rest(db, alert, Next.LATE)
        elif not plan.refresh_muting(db, self._planner, alert, now_ns):
            plan.begin_round(db, self._planner, alert, now_ns)
        self._let_inhibit(db, alert, now_ns)

    def _severity(self, signal: Signal) -> Severity:
        return signal.severity or self._settings.severity.get(signal.rule, SEVERITY[signal.rule])

    def _again(self, db: sqlite3.Connection, alert: int, signal: Signal, change: Change, now_ns: int) -> None:
        since_ns = signal.time_ns if signal.total else None  # what is counted by itself knows where it began
        db.execute(
            "UPDATE alerts SET state = ?, last_ns = max(last_ns, ?), count = coalesce(?, count + 1), detail = ?,"
            " since_ns = coalesce(?, since_ns) WHERE id = ?",
            (change.state, signal.time_ns, signal.total, signal.detail, since_ns, alert),
        )
        if change.why is Why.CAUSE_BACK:
            db.execute("UPDATE alerts SET held_by = '', ended_by = '' WHERE id = ?", (alert,))
            write_log(db, now_ns, change.why, alert=alert, state=change.state, text=signal.detail)
            self._anew(db, alert, now_ns)

    def _wake(self, db: sqlite3.Connection, alert: int, now_ns: int, *, late: bool) -> None:
        """An alert that was heard of too late to tell anybody, and is said once more now, is told."""
        query = "SELECT next_why FROM alerts WHERE id = ? AND state = 'firing'"
        found = db.execute(query, (alert,)).fetchone()
        if late or found is None or found[0] != Next.LATE:
            return
        write_log(db, now_ns, Why.CAUSE_AGAIN, alert=alert, state=State.FIRING)
        plan.rest(db, alert, Next.STEP)
        self._anew(db, alert, now_ns)

    def _anew(self, db: sqlite3.Connection, alert: int, now_ns: int) -> None:
        """Tell of an alert that is open again."""
        plan.withdraw(db, alert, now_ns, "resolved")
        if not plan.refresh_muting(db, self._planner, alert, now_ns):
            plan.begin_round(db, self._planner, alert, now_ns)
        self._let_inhibit(db, alert, now_ns)

    def _end(self, db: sqlite3.Connection, alert: int, time_ns: int, change: Change, now_ns: int, by: str = "") -> None:
        db.execute(
            "UPDATE alerts SET state = ?, last_ns = ?, ended_by = ? WHERE id = ?",
            (change.state, time_ns, by or CAUSE_GONE, alert),
        )
        write_log(db, now_ns, change.why, alert=alert, state=change.state, by=by)
        # Whoever was told of the start is told of the end, however late it is heard of, and nobody else.
        plan.tell_told(db, alert, State.RESOLVED, Why.END_TOLD, now_ns)
        plan.rest(db, alert, Next.DONE)
        self._let_inhibit(db, alert, now_ns)

    def _let_inhibit(self, db: sqlite3.Connection, alert: int, now_ns: int) -> None:
        """An alert that began or ended may explain others of its gate, or no longer."""
        rule, site, gate = db.execute("SELECT rule, site, gate FROM alerts WHERE id = ?", (alert,)).fetchone()
        if rule in plan.INHIBITED_BY.values():
            plan.refresh_gate(db, self._planner, site, gate, now_ns)

    def say(self, db: sqlite3.Connection, alert: int, word: Word, by: str, now_ns: int, note: str) -> bool:
        row = db.execute("SELECT state, key FROM alerts WHERE id = ?", (alert,)).fetchone()
        change = on_word(State(row[0]), word) if row else None
        if change is None or (word is Word.REOPEN and self._is_open_elsewhere(db, alert, row[1])):
            return False
        if change.state is State.RESOLVED:
            plan.withdraw(db, alert, now_ns)
            self._end(db, alert, now_ns, change, now_ns, by)
            return True
        held_by = by if change.state is State.ACKNOWLEDGED else ""
        db.execute("UPDATE alerts SET state = ?, held_by = ? WHERE id = ?", (change.state, held_by, alert))
        write_log(db, now_ns, change.why, alert=alert, state=change.state, by=by, text=note)
        if change.state is State.ACKNOWLEDGED:
            plan.withdraw(db, alert, now_ns)
            plan.rest(db, alert, Next.HELD)
            to = set(self._settings.acknowledgeable)
            plan.tell_told(db, alert, State.ACKNOWLEDGED, Why.ACKNOWLEDGEMENT_TOLD, now_ns, to)
        else:
            self._anew(db, alert, now_ns)
        return True

    def _is_open_elsewhere(self, db: sqlite3.Connection, alert: int, key: str) -> bool:
        """Whether another alert of the key is open: a cause has one open alert."""
        query = "SELECT 1 FROM alerts WHERE key = ? AND id <> ? AND state <> 'resolved'"
        return db.execute(query, (key, alert)).fetchone() is not None
