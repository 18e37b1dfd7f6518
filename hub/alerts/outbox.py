"""The outbox: from pages that are due to messages, and what came of each attempt, in the alerts' file.

Pages that are due at once for one receiver become one message with a count (`hub.alerts.bundles`). A message that was
tried keeps its pages and its key, so that a receiver knows a second copy as one. Every attempt is a line of the log.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

import msgspec
from msgspec import Struct

from hub.alerts.bundles import Allowance, DuePage, bundle
from hub.alerts.chains import Contact
from hub.alerts.lifecycle import Why
from hub.alerts.rows import rows_of
from hub.alerts.rules import NO_RUNBOOKS, Runbooks, runbook
from hub.alerts.tables import About, write_log
from hub.board import AlertRow

RETRY_FIRST_S = 1.0
RETRY_MOST_S = 300.0
TRIES_BEFORE_HAND_OVER = 2
"""Attempts on one channel, where its error says that trying again may help, before the receiver's next one is tried."""
MOST_PAGES = 5000
"""That are looked at in one turn, the worst first."""
_decode_route = msgspec.json.Decoder(list[Contact]).decode


class Message(Struct, frozen=True, kw_only=True):
    """What is sent to one receiver on one channel: one page, or several of a kind."""

    id: int
    key: str
    """The same for every attempt."""
    channel: str
    receiver: str
    to: str = ""
    lang: str | None = None
    kind: str = "firing"
    """`firing`, `resolved`, `acknowledged`, or `note` (then `text` is all of it)."""
    step: int = 0
    attempts: int = 0
    """Made so far."""
    alerts: tuple[AlertRow, ...] = ()
    pages: tuple[int, ...] = ()
    text: str = ""
    link: str = ""
    """Where it can be acknowledged."""
    code: str = ""
    """The same in short (`hub.alerts.codes`), for a channel that asks for it."""
    picture: bytes = b""
    """A thermal picture (JPEG) of whom it is about, where there is one."""
    runbooks: Runbooks = NO_RUNBOOKS
    """The site's own."""

    def do(self, alert: AlertRow, lang: str) -> str:
        """What is to be done about one of its alerts."""
        return runbook(alert.rule, alert.kind, lang, self.runbooks)


class Outcome(StrEnum):
    """What came of an attempt."""

    TAKEN = "taken"
    LATER = "later"
    """Not taken; trying again may help."""
    UNKNOWN = "unknown"
    """Sent, and no answer came: it may have been taken, or not. It is tried again."""
    NEVER = "never"
    """Not taken, and it would not be."""
    DEFECT = "defect"
    """Not sent at all: our own fault."""


HOPELESS = frozenset({Outcome.NEVER, Outcome.DEFECT})
"""After these the same channel would do the same again."""


class Verdict(NamedTuple):
    """What follows from an attempt: `place` in the receiver's route, and when it is tried there (None: never again)."""

    why: Why
    place: int
    wait_s: float | None


def after_attempt(outcome: Outcome, place: int, route_len: int, attempts: int, tries: int) -> Verdict:
    """What comes next of a page after an attempt.

    `attempts` were made on this channel, `tries` on all, this one included. It is never given up: behind the last
    channel comes the first again, later and later.
    """
    if outcome is Outcome.TAKEN:
        return Verdict(Why.DELIVERED, place, None)
    may_help = outcome in {Outcome.LATER, Outcome.UNKNOWN} and attempts < TRIES_BEFORE_HAND_OVER
    if route_len == 1 or may_help:
        return Verdict(Why.RETRY, place, retry_s(tries))
    wraps = place + 1 == route_len
    return Verdict(Why.HANDED_OVER, (place + 1) % route_len, retry_s(tries) if wraps else 0.0)


def retry_s(tries: int) -> float:
    """Seconds until the next attempt: doubling, bounded."""
    return float(min(RETRY_MOST_S, RETRY_FIRST_S * 2 ** min(tries - 1, 20)))


_DUE = """
SELECT p.id, p.alert, p.kind, p.step, p.receiver, p.route, p.place, p.lang, p.message, p.text, p.attempts,
    coalesce(a.severity, 'info'), coalesce(a.site, ''), coalesce(a.gate, ''), coalesce(a.rule, '')
FROM pages p LEFT JOIN alerts a ON a.id = p.alert
WHERE p.state = 'pending' AND p.channel = ? AND p.next_ns <= ? AND NOT EXISTS (
    SELECT 1 FROM pages e WHERE e.alert = p.alert AND e.receiver = p.receiver AND e.id < p.id AND e.state = 'pending')
ORDER BY a.severity = 'critical' DESC, p.id LIMIT ?
"""


def due_messages(
    db: sqlite3.Connection, now_ns: int, allowances: Mapping[str, Allowance], busy: frozenset[int]
) -> list[Message]:
    """What is to be sent now, the worst first, as much as each channel may send; none of those under way (`busy`)."""
    found = []
    for channel, allowance in allowances.items():
        if allowance.messages <= 0 or allowance.slots <= 0:
            continue
        pages = [_page(row) for row in db.execute(_DUE, (channel, now_ns, MOST_PAGES)).fetchall()]
        pages = [page for page in pages if page.message not in busy]
        found += [_message(db, channel, together, now_ns) for together in bundle(pages, allowance)]
    db.executemany(
        "INSERT OR REPLACE INTO under_way VALUES (?, ?, ?)",
        [(message.id, message.attempts + 1, now_ns) for message in found],
    )
    return found


def note_lost(db: sqlite3.Connection, now_ns: int) -> int:
    """After a start: each attempt that was under way when the hub ended is noted; how many.

    Nobody knows whether it arrived, so its pages go out once more.
    """
    lost = db.execute("SELECT message, attempt FROM under_way ORDER BY message").fetchall()
    for message, attempt in lost:
        rows = db.execute("SELECT alert, id, receiver, channel FROM pages WHERE message = ?", (message,)).fetchall()
        for alert, page, receiver, channel in rows:
            text = f"{channel} #{attempt}: the hub ended before the answer came"
            write_log(db, now_ns, Why.ANSWER_LOST, alert=alert, page=page, message=message, by=receiver, text=text)
    db.execute("DELETE FROM under_way")
    return len(lost)


def _page(row: tuple) -> DuePage:  # type: ignore[type-arg]
    id_, alert, kind, step, receiver, route, place, lang, message, text, attempts, severity, site, gate, rule = row
    contact = _decode_route(route)[place]
    return DuePage(
        id_,
        alert,
        kind,
        step,
        receiver,
        contact.to,
        lang,
        message,
        text,
        attempts,
        severity == "critical",
        site,
        gate,
        rule,
    )


def _message(db: sqlite3.Connection, channel: str, pages: list[DuePage], now_ns: int) -> Message:
    """The message of these pages: the one that was tried before, or a new one."""
    first = pages[0]
    number = first.message
    key = key_of(first, channel) if number is None else _key_before(db, number)
    told = [page.alert for page in pages if page.alert is not None]
    if number is None:
        done = db.execute(
            "INSERT INTO messages (key, channel, receiver, made_ns, alerts) VALUES (?, ?, ?, ?, ?)",
            (key, channel, first.receiver, now_ns, msgspec.json.encode(told)),
        )
        assert done.lastrowid is not None
        number = done.lastrowid
        db.executemany("UPDATE pages SET message = ? WHERE id = ?", [(number, page.id) for page in pages])
    return Message(
        id=number,
        key=key,
        channel=channel,
        receiver=first.receiver,
        to=first.to,
        lang=first.lang,
        kind=first.kind,
        step=first.step,
        attempts=first.attempts,
        alerts=tuple(rows_of(db, told)),
        pages=tuple(page.id for page in pages),
        text=first.text,
    )


def _key_before(db: sqlite3.Connection, message: int) -> str:
    """The key that a message was tried under; its first page may have been withdrawn since."""
    return str(db.execute("SELECT key FROM messages WHERE id = ?", (message,)).fetchone()[0])


def key_of(page: DuePage, channel: str) -> str:
    """The key of a message by its first page: alert, kind and step, and of people on one channel each their own."""
    if page.alert is None:
        return f"menshen-note-{page.id}"
    step = f"-{page.step}" if page.step else ""
    return f"menshen-{page.alert}-{page.kind}{step}" + ("" if page.receiver == channel else f"-p{page.id}")


def next_due_ns(db: sqlite3.Connection, now_ns: int) -> int | None:
    """When the next page falls due that is not due yet; None when there is none."""
    query = "SELECT min(next_ns) FROM pages WHERE state = 'pending' AND next_ns > ?"
    found = db.execute(query, (now_ns,)).fetchone()[0]
    return None if found is None else int(found)


_TRIED = """SELECT id, alert, receiver, route, place, attempts, tries, state FROM pages
    WHERE message = ? AND state <> 'delivered'"""
_TRIED_SO = """UPDATE pages SET state = ?, place = ?, channel = ?, attempts = ?, tries = ?, next_ns = ?, message = ?
    WHERE id = ?"""


def record_attempt(db: sqlite3.Connection, message: Message, outcome: Outcome, answer: str, now_ns: int) -> None:
    """What came of one attempt, for each page of the message, and one line of the log a page."""
    taken = outcome is Outcome.TAKEN
    db.execute("DELETE FROM under_way WHERE message = ?", (message.id,))
    for page, alert, receiver, raw, place, attempts, tries, state in db.execute(_TRIED, (message.id,)).fetchall():
        route = _decode_route(raw)
        if outcome is Outcome.UNKNOWN:
            text = f"{message.channel} #{attempts + 1}"  # how it was lost stands in the next line
            write_log(db, now_ns, Why.ANSWER_LOST, alert=alert, page=page, message=message.id, by=receiver, text=text)
        if state == "withdrawn" and not taken:
            text = f"{message.channel}: {answer}"
            write_log(db, now_ns, Why.WITHDRAWN, alert=alert, page=page, message=message.id, by=receiver, text=text)
            continue
        verdict = after_attempt(outcome, place, len(route), attempts + 1, tries + 1)
        next_ns = None if verdict.wait_s is None else now_ns + round(verdict.wait_s * 1e9)
        over, channel = verdict.why is Why.HANDED_OVER, route[verdict.place].channel
        after = ("delivered" if taken else "pending", verdict.place, channel, 0 if over else attempts + 1, tries + 1)
        db.execute(_TRIED_SO, (*after, next_ns or now_ns, None if over else message.id, page))
        text = f"{message.channel}{f' → {channel}' if over else ''}: {answer}"
        about = About(alert=alert, page=page, message=message.id, by=receiver, text=text, next_ns=next_ns)
        write_log(db, now_ns, verdict.why, **about)


def pass_over(db: sqlite3.Connection, paused: frozenset[str], busy: frozenset[int], now_ns: int) -> int:
    """Hand over what waits for channels whose service wants to be left alone, to whom of the rest can take it.

    Not what is under way (`busy`).
    """
    moved = 0
    query = """SELECT id, alert, receiver, route, place, channel, message FROM pages
        WHERE state = 'pending' AND next_ns <= ?"""
    for page, alert, receiver, raw, place, channel, message in db.execute(query, (now_ns,)).fetchall():
        route = _decode_route(raw)
        places = [(place + n) % len(route) for n in range(1, len(route))]
        open_ = [each for each in places if route[each].channel not in paused]
        if channel not in paused or not open_ or message in busy:
            continue
        to = route[open_[0]].channel
        change = "UPDATE pages SET place = ?, channel = ?, attempts = 0, message = NULL WHERE id = ?"
        db.execute(change, (open_[0], to, page))
        text = f"{channel} → {to}: the service wants to be left alone"
        write_log(db, now_ns, Why.HANDED_OVER, alert=alert, page=page, by=receiver, text=text, next_ns=now_ns)
        moved += 1
    return moved
