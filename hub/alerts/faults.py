"""What follows when a channel will not take a page, whether its service refuses for good or the fault is ours.

The receiver's next channel has the page at once (`outbox.after_attempt`). Where there is none, nobody waits for the
clock: the next step of the chain is taken now. And it is said: an alert about the channel, to whoever can be reached
otherwise, which ends when the receiver is reached there again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from hub.alerts.lifecycle import State, Why
from hub.alerts.outbox import HOPELESS, Message, Outcome
from hub.alerts.plan import Next
from hub.alerts.rules import Rule, Signal
from hub.alerts.tables import write_log
from hub.journal import OWN_GATE

_UNREACHED = """
SELECT a.step, a.round_step FROM alerts a WHERE a.id = ? AND a.state = 'firing' AND a.next_why = ? AND a.next_ns > ?
    AND NOT EXISTS (SELECT 1 FROM pages p WHERE p.alert = a.id AND p.kind = 'firing' AND p.step = a.step - 1
        AND (p.state = 'delivered' OR (p.state = 'pending' AND p.tries = 0)))
"""
"""Alerts of whose last step nobody was reached, and nobody is just being told."""


def after_refusal(db: sqlite3.Connection, message: Message, outcome: Outcome, now_ns: int) -> None:
    """Take the next step now for every alert of a message that nobody of this step can be told of."""
    if outcome not in HOPELESS or message.kind != State.FIRING:
        return
    for alert in message.alerts:
        if not _is_at_its_end(db, message, alert.id):
            continue
        if db.execute(_UNREACHED, (alert.id, Next.STEP, now_ns)).fetchone() is None:
            continue
        db.execute("UPDATE alerts SET next_ns = ? WHERE id = ?", (now_ns, alert.id))
        text = f"{message.channel}: {message.receiver}"
        write_log(db, now_ns, Why.STEP_NOW, alert=alert.id, state=State.FIRING, text=text, next_ns=now_ns)


def signals(db: sqlite3.Connection, message: Message, outcome: Outcome, answer: str, now_ns: int) -> Iterator[Signal]:
    """What an attempt says of the channel itself. Of an alert about a channel nothing more is said."""
    key = f"{Rule.CHANNEL_FAULT}/{message.channel}/{message.receiver}"
    about_itself = message.alerts and all(alert.rule == Rule.CHANNEL_FAULT for alert in message.alerts)
    is_open = db.execute("SELECT 1 FROM alerts WHERE key = ? AND state <> 'resolved'", (key,)).fetchone() is not None
    begins = outcome in HOPELESS and not is_open and not about_itself
    if begins or (outcome is Outcome.TAKEN and is_open):
        yield Signal(
            key=key,
            rule=Rule.CHANNEL_FAULT,
            site=message.alerts[0].site if message.alerts else "",
            gate=OWN_GATE,
            time_ns=now_ns,
            firing=begins,
            detail=f"{message.channel} → {message.receiver}: {answer}"[:500],
        )


def _is_at_its_end(db: sqlite3.Connection, message: Message, alert: int) -> bool:
    """Whether the pages of this message come back to the first of the receiver's channels."""
    marks = ",".join("?" * len(message.pages))
    query = f"SELECT place FROM pages WHERE id IN ({marks}) AND alert = ?"  # noqa: S608 - marks only
    places = [place for (place,) in db.execute(query, (*message.pages, alert)).fetchall()]
    return bool(places) and not any(places)
