"""The alerts of one hub in SQLite: their states, their pages and their log, with the cursor in the same transaction.

Whatever begins, ends or changes an alert puts what must be told about it into the outbox in that same transaction, so
that a crash can neither lose a page nor send one for an alert that is not there. What is older than `page_within_s`
when it reaches the hub enters the record and tells nobody; but a clock that is not synchronised cannot say how old
something is, and what may be happening now is told. Nobody is told of an end before its start.

Which word about an alert is the newer one is a matter of its number in the gate's stream, never of a clock.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from hub.alerts import chats, codes, facts, faults, outbox, plan, retention, rows
from hub.alerts.audit import audit
from hub.alerts.bundles import Allowance
from hub.alerts.chains import Planner
from hub.alerts.chats import Reply, Said, Who
from hub.alerts.course import Course, StoreSettings
from hub.alerts.handover import hand_over
from hub.alerts.lifecycle import State, Why, Word
from hub.alerts.links import Claim
from hub.alerts.outbox import Message, Outcome
from hub.alerts.rules import Fact, Rule, Signal
from hub.alerts.tables import THE_ONE, LogLine, bring_up, read_log, write_log
from hub.board import AlertRow
from hub.projections.file import ProjectionFile
from wire.errors import JournalError


class Silence(Struct, frozen=True):
    """Who silenced what until when. An empty name stands for all."""

    id: int
    site: str
    gate: str
    rule: str
    from_ns: int
    until_ns: int
    by: str
    note: str


class AlertStore(ProjectionFile):
    """The alerts of one hub. Every method may raise `JournalError`."""

    def __init__(self, path: Path, planner: Planner, settings: StoreSettings | None = None) -> None:
        super().__init__(path, "alerts", "alerts", bring_up)
        self._planner = planner
        self._settings = settings or StoreSettings()
        self._course = Course(planner, self._settings)

    # -- events -------------------------------------------------------------------------------------------------------

    def take(self, offset: int, heard: Sequence[tuple[Signal | Fact, int]], now_ns: int) -> None:
        """What events say, each with the time when it reached the journal, and the cursor, all together."""
        with self.transaction() as db:
            for said, received_ns in heard:
                if isinstance(said, Fact):
                    for signal in facts.take(db, said, self._settings.cluster_fevers, self._settings.zone):
                        self._course.take(db, signal, received_ns, now_ns)
                else:
                    self._course.take(db, said, received_ns, now_ns)
            self.move(db, offset)

    def tell(self, signals: Sequence[Signal], now_ns: int) -> None:
        """What the hub itself has made out, told again and again: what is no more than what is known changes nothing.

        A cause is news where its alert is not there yet or its `total` has grown; when it began may be known better
        now, which is no news.
        """
        with self.transaction() as db:
            for signal in signals:
                if self._is_more(db, signal):
                    self._course.take(db, signal, now_ns, now_ns)
                elif signal.firing:
                    query = f"UPDATE alerts SET since_ns = ?2 WHERE {THE_ONE}"  # noqa: S608 - our own text
                    db.execute(query, (signal.key, signal.time_ns))

    # -- people's words -----------------------------------------------------------------------------------------------

    def acknowledge(self, alert: int, by: str, now_ns: int, note: str = "") -> bool:
        """Take an alert in hand: nobody else is told. Whether it was waiting for that."""
        return self._word(alert, Word.ACKNOWLEDGE, by, now_ns, note)

    def resolve(self, alert: int, by: str, now_ns: int, note: str = "") -> bool:
        """End an alert by a person's word; whether it was open."""
        return self._word(alert, Word.RESOLVE, by, now_ns, note)

    def reopen(self, alert: int, by: str, now_ns: int, note: str = "") -> bool:
        """Take back an acknowledgement or an end: the chain begins anew. Whether there was one."""
        return self._word(alert, Word.REOPEN, by, now_ns, note)

    def silence(self, silence: Silence, now_ns: int) -> int:
        """Silence what is like this until then (`id` and `from_ns` are set here); the silence's number.

        Raises `JournalError` for one without a name or an end that is to come.
        """
        if not silence.by.strip() or silence.until_ns <= now_ns:
            raise JournalError("silence: expected a name and an end that is still to come")
        with self.transaction() as db:
            done = db.execute(
                "INSERT INTO silences (site, gate, rule, from_ns, until_ns, by, note) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (silence.site, silence.gate, silence.rule, now_ns, silence.until_ns, silence.by, silence.note),
            )
            plan.refresh_gate(db, self._planner, silence.site, silence.gate, now_ns)
        assert done.lastrowid is not None
        return done.lastrowid

    def end_silence(self, silence: int, by: str, now_ns: int) -> bool:
        """End a silence before its time; whether it was in force."""
        with self.transaction() as db:
            query = "UPDATE silences SET until_ns = ?, note = note || ? WHERE id = ? AND until_ns > ?"
            if not db.execute(query, (now_ns, f" (ended by {by})", silence, now_ns)).rowcount:
                return False
            site, gate = db.execute("SELECT site, gate FROM silences WHERE id = ?", (silence,)).fetchone()
            plan.refresh_gate(db, self._planner, site, gate, now_ns)
        return True

    def acknowledge_by_link(self, message: int, by: str, now_ns: int) -> list[int] | None:
        """Acknowledge everything that a message told of; the alerts that were waiting. None for a link that was
        used."""
        with self.transaction() as db:
            query = "UPDATE messages SET link_used_ns = ? WHERE id = ? AND link_used_ns IS NULL"
            if not db.execute(query, (now_ns, message)).rowcount:
                return None
            alerts = [row.id for row in self._told_by(db, message)]
            return [
                alert
                for alert in alerts
                if self._course.say(db, alert, Word.ACKNOWLEDGE, by, now_ns, f"link {message}")
            ]

    def acknowledge_by_answer(self, message: int, by: str, now_ns: int) -> int:
        """Acknowledge everything that a message told of, for whoever answered it; how many alerts were waiting."""
        with self.transaction() as db:
            alerts = [row.id for row in self._told_by(db, message)]
            said = [self._course.say(db, alert, Word.ACKNOWLEDGE, by, now_ns, f"answer {message}") for alert in alerts]
        return sum(said)

    def answer(self, channel: str, who: Who, said: Said, now_ns: int) -> Reply | None:
        """Somebody speaks in a chat: see `hub.alerts.chats`."""
        with self.transaction() as db:

            def take(alert: int, by: str, note: str) -> bool:
                return self._course.say(db, alert, Word.ACKNOWLEDGE, by, now_ns, note)

            return chats.answer(db, channel, who, said, take, now_ns)

    def new_code(self, message: int, now_ns: int) -> str:
        """A short code that leads to a message, for a day and once."""
        with self.transaction() as db:
            return codes.new_code(db, message, now_ns)

    def claim_of(self, code: str, now_ns: int) -> Claim | None:
        """What a short code stands for; None for one that is none, or no longer good."""
        with self.transaction() as db:
            found = codes.message_of(db, code, now_ns)
        return None if found is None else Claim(*found)

    # -- time ---------------------------------------------------------------------------------------------------------

    def tick(self, now_ns: int) -> bool:
        """What is due by the clock: steps of chains, ends of silences. Whether anything was."""
        with self.transaction() as db:
            query = "SELECT id, state FROM alerts WHERE next_ns <= ? ORDER BY severity = 'critical' DESC, next_ns"
            due = db.execute(query, (now_ns,)).fetchall()
            for alert, state in due:
                if state == State.FIRING:
                    plan.take_steps(db, self._planner, alert, now_ns)
                else:
                    plan.refresh_muting(db, self._planner, alert, now_ns)
        return bool(due)

    def audit(self, channels: frozenset[str], now_ns: int) -> int:
        """Give every open alert that has no next step one (`hub.alerts.audit`); how many had none."""
        with self.transaction() as db:
            found = audit(db, self._planner, channels, now_ns)
            for signal in found:
                if signal.rule not in signal.detail:  # an alert about an alert is mended, and not told of once more
                    self._course.take(db, signal, now_ns, now_ns)
        return len(found)

    def hand_over(self, now_ns: int) -> int:
        """Tell those who have come on duty (`hub.alerts.handover`); how many."""
        with self.transaction() as db:
            return hand_over(db, self._planner, self._settings.zone, now_ns)

    def stand(self, site: str, rules: Collection[Rule], signals: Sequence[Signal], now_ns: int) -> None:
        """What stands now by these rules, all of it: an alert that is not among them has no cause any more, one whose
        `total` changed is counted anew. What a person resolved is told again only when it has grown."""
        with self.transaction() as db:
            wanted = {signal.key: signal for signal in signals}
            for signal in rows.gone(db, site, rules, wanted, now_ns):
                self._course.take(db, signal, now_ns, now_ns)
            known = rows.newest_of(db, wanted)
            for key, signal in wanted.items():
                if rows.is_news(known.get(key), signal):
                    self._course.take(db, signal, now_ns, now_ns)

    def missed(self, signals: Sequence[Signal], now_ns: int) -> None:
        """What the day's duties say (`hub.duties.missing`), again and again: only what is news is taken."""
        with self.transaction() as db:
            for signal in signals:
                if facts.is_news(db, signal):
                    self._course.take(db, signal, now_ns, now_ns)

    def next_tick_ns(self) -> int | None:
        """When the clock next has something to say; None when nothing is planned."""
        with self.transaction() as db:
            found = db.execute("SELECT min(next_ns) FROM alerts WHERE next_ns IS NOT NULL").fetchone()[0]
        return None if found is None else int(found)

    def last_written_ns(self) -> int:
        """When the last line of the log was written; 0 at first."""
        with self.transaction() as db:
            row = db.execute("SELECT time_ns FROM log ORDER BY id DESC LIMIT 1").fetchone()
        return 0 if row is None else int(row[0])

    def sent_since(self, since_ns: int) -> list[tuple[str, int]]:
        """The channel and the time of each message since then."""
        with self.transaction() as db:
            return db.execute(
                "SELECT channel, made_ns FROM messages WHERE made_ns > ? ORDER BY id", (since_ns,)
            ).fetchall()

    def clock_was_set(self, by_ns: int, now_ns: int) -> None:
        """The hub's clock was set by so much: what is planned stays as far ahead as it was. Ends of silences are
        dates."""
        with self.transaction() as db:
            db.execute(
                "UPDATE alerts SET next_ns = next_ns + ? WHERE next_ns IS NOT NULL AND state = 'firing'", (by_ns,)
            )
            db.execute("UPDATE alerts SET round_ns = round_ns + ? WHERE state <> 'resolved'", (by_ns,))
            db.execute("UPDATE pages SET next_ns = next_ns + ? WHERE state = 'pending'", (by_ns,))
            write_log(db, now_ns, Why.CLOCK_SET, text=f"{by_ns / 1e9:+.3f} s")

    # -- the outbox ---------------------------------------------------------------------------------------------------

    def due(
        self, now_ns: int, allowances: Mapping[str, Allowance], busy: frozenset[int] = frozenset()
    ) -> list[Message]:
        """See `outbox.due_messages`."""
        with self.transaction() as db:
            return outbox.due_messages(db, now_ns, allowances, busy)

    def note_lost(self, now_ns: int) -> int:
        """See `outbox.note_lost`."""
        with self.transaction() as db:
            return outbox.note_lost(db, now_ns)

    def next_due_ns(self, now_ns: int) -> int | None:
        """See `outbox.next_due_ns`."""
        with self.transaction() as db:
            return outbox.next_due_ns(db, now_ns)

    def record(self, message: Message, outcome: Outcome, answer: str, now_ns: int) -> None:
        """What came of one attempt."""
        with self.transaction() as db:
            outbox.record_attempt(db, message, outcome, answer, now_ns)
            faults.after_refusal(db, message, outcome, now_ns)
            for signal in faults.signals(db, message, outcome, answer, now_ns):
                self._course.take(db, signal, now_ns, now_ns)

    def pass_over(self, paused: frozenset[str], busy: frozenset[int], now_ns: int) -> int:
        """See `outbox.pass_over`."""
        with self.transaction() as db:
            return outbox.pass_over(db, paused, busy, now_ns)

    def untold_s(self, now_ns: int) -> float:
        """For how long the oldest page that is due has been waiting for a channel that takes it; 0 when none is."""
        query = """SELECT min(CASE WHEN tries > 0 THEN made_ns ELSE next_ns END) FROM pages
            WHERE state = 'pending' AND (tries > 0 OR next_ns <= ?)"""
        with self.transaction() as db:
            found = db.execute(query, (now_ns,)).fetchone()[0]
        return 0.0 if found is None else (now_ns - found) / 1e9

    def forget(self, before_ns: int) -> int:
        """See `retention.forget`: some of what ended before that; how many alerts."""
        with self.transaction() as db:
            return retention.forget(db, before_ns)

    def weekly_test(self, due_ns: int, text: str, now_ns: int) -> bool:
        """A test page to every channel, once for the time at which it is due; whether it was now."""
        with self.transaction() as db:
            row = db.execute("SELECT \"offset\" FROM cursors WHERE name = 'weekly-test'").fetchone()
            db.execute("INSERT OR REPLACE INTO cursors VALUES ('weekly-test', ?)", (max(due_ns, row[0] if row else 0),))
            if row is None or row[0] >= due_ns:
                return False
            for receiver in self._planner.every_channel():
                page = plan.add_page(db, None, "note", 0, receiver, now_ns, text)
                write_log(db, now_ns, Why.TEST, page=page, by=receiver.name)
        return True

    # -- the record ---------------------------------------------------------------------------------------------------

    def open_alerts(self, limit: int = 200) -> list[AlertRow]:
        """Alerts that are not resolved, worst and newest first."""
        with self.transaction() as db:
            return rows.open_rows(db, limit)

    def alerts_after(self, alert: int, limit: int) -> list[AlertRow]:
        """Alerts of every state in the order in which they began, those behind a number."""
        with self.transaction() as db:
            return rows.rows_after(db, alert, limit)

    def during(self, from_ns: int, until_ns: int) -> list[AlertRow]:
        """Alerts that were open at some time from one moment to before another, the oldest first."""
        with self.transaction() as db:
            return rows.rows_during(db, from_ns, until_ns)

    def newest(self, limit: int) -> list[AlertRow]:
        """Alerts of every state, newest first."""
        with self.transaction() as db:
            return rows.newest_rows(db, limit)

    def found(self, words: str, number: int | None, rules: Sequence[Rule], limit: int) -> list[AlertRow]:
        """Alerts with this number, of these rules, or whose gate, lane or text holds the words, newest first."""
        with self.transaction() as db:
            return rows.found_rows(db, words, number, rules, limit)

    def alert(self, alert: int) -> AlertRow | None:
        with self.transaction() as db:
            return rows.row_of(db, alert)

    def newest_of(self, keys: Collection[str]) -> dict[str, AlertRow]:
        """The newest alert of each key that has any."""
        with self.transaction() as db:
            return rows.newest_of(db, keys)

    def told_by(self, message: int) -> list[AlertRow]:
        """The alerts that a message told of."""
        with self.transaction() as db:
            return self._told_by(db, message)

    def log(self, alert: int | None = None, limit: int = 1000) -> list[LogLine]:
        """The last lines of an alert's log, or of everything; oldest first."""
        with self.transaction() as db:
            return read_log(db, alert, limit)

    def silences(self, now_ns: int) -> list[Silence]:
        """Those in force."""
        query = "SELECT id, site, gate, rule, from_ns, until_ns, by, note FROM silences WHERE until_ns > ? ORDER BY id"
        with self.transaction() as db:
            return [Silence(*row) for row in db.execute(query, (now_ns,))]

    # -- within -------------------------------------------------------------------------------------------------------

    def _word(self, alert: int, word: Word, by: str, now_ns: int, note: str) -> bool:
        with self.transaction() as db:
            return self._course.say(db, alert, word, by, now_ns, note)

    def _is_more(self, db: sqlite3.Connection, signal: Signal) -> bool:
        query = f"SELECT count, state FROM alerts WHERE {THE_ONE}"  # noqa: S608 - our own text
        row = db.execute(query, (signal.key,)).fetchone()
        if not signal.firing:
            return row is not None and row[1] != State.RESOLVED
        return row is None or (signal.total or 1) > row[0]

    def _told_by(self, db: sqlite3.Connection, message: int) -> list[AlertRow]:
        found = db.execute("SELECT alerts FROM messages WHERE id = ?", (message,)).fetchone()
        return rows.rows_of(db, msgspec.json.decode(found[0], type=list[int]) if found else [])
