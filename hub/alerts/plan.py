"""The chain of an open alert, step by step, in the alerts' file: what is due now becomes pages, and what comes next is
written.

Every function works within the transaction that it is handed. An open alert always says what it waits for (`next_why`)
and, where that has a time, when (`next_ns`); `stuck` finds those that do not.
"""

from __future__ import annotations

import sqlite3
from enum import StrEnum

import msgspec

from hub.alerts.chains import Chain, Planner, Receiver
from hub.alerts.lifecycle import State, Why, on_muting
from hub.alerts.tables import write_log


class Next(StrEnum):
    """What an alert waits for."""

    STEP = "step"
    CHAIN_OVER = "chain-over"
    LATE = "late"
    HELD = "held"
    SILENCE = "silence"
    INHIBITOR = "inhibitor"
    DONE = "done"


INHIBITED_BY = {"device-fault": "gate-silent"}
"""A rule, and the rule whose open alert at the same gate explains it."""
_decode_chain = msgspec.json.Decoder(Chain).decode


def begin_round(db: sqlite3.Connection, planner: Planner, alert: int, now_ns: int) -> None:
    """Start the chain from its first step: at the alert's start, or when it is told anew.

    The chain is copied onto the alert at its start, so that a change of settings does not move what is under way.
    """
    rule, severity, chain = db.execute("SELECT rule, severity, chain FROM alerts WHERE id = ?", (alert,)).fetchone()
    if not chain:
        chain = msgspec.json.encode(planner.chain_for(rule, severity))
        db.execute("UPDATE alerts SET chain = ? WHERE id = ?", (chain, alert))
    db.execute("UPDATE alerts SET round_step = step, round_ns = ? WHERE id = ?", (now_ns, alert))
    take_steps(db, planner, alert, now_ns)


def take_steps(db: sqlite3.Connection, planner: Planner, alert: int, now_ns: int) -> None:
    """Take the chain's next step, which is due, and write down when the one after it is.

    A step that names nobody at this moment is passed over, and the next one taken at once; a chain that names nobody to
    its end tells every channel.
    """
    query = "SELECT chain, severity, step, round_step, round_ns FROM alerts WHERE id = ?"
    raw, severity, step, round_step, round_ns = db.execute(query, (alert,)).fetchone()
    chain, told, taken = _decode_chain(raw), False, step - round_step
    due_ns: int | None = now_ns
    for _ in chain.steps:
        if told or due_ns is None:
            break
        tell = chain.step(taken).tell
        for receiver in planner.receivers(tell, severity, now_ns):
            _tell(db, alert, round_step + taken, receiver, now_ns)
            told = True
        if not told:
            write_log(db, now_ns, Why.NOBODY_ON_DUTY, alert=alert, state=State.FIRING, text=", ".join(tell))
        taken += 1
        due_ns = chain.due_ns(round_ns, taken, now_ns)
    if due_ns is None and not told and not _was_told(db, alert, round_step):
        for receiver in planner.every_channel():
            _tell(db, alert, round_step + taken - 1, receiver, now_ns)
    if due_ns is None:
        write_log(db, now_ns, Why.CHAIN_OVER, alert=alert, state=State.FIRING)
    why = Next.CHAIN_OVER if due_ns is None else Next.STEP
    values = (round_step + taken, due_ns, why, alert)
    db.execute("UPDATE alerts SET step = ?, next_ns = ?, next_why = ? WHERE id = ?", values)


def _was_told(db: sqlite3.Connection, alert: int, round_step: int) -> bool:
    """Whether there is a page of this round that is sent, or will be."""
    query = "SELECT 1 FROM pages WHERE alert = ? AND kind = 'firing' AND step >= ? AND state <> 'withdrawn'"
    return db.execute(query, (alert, round_step)).fetchone() is not None


def _tell(db: sqlite3.Connection, alert: int, step: int, receiver: Receiver, now_ns: int) -> None:
    page = add_page(db, alert, State.FIRING, step, receiver, now_ns)
    if page is None:
        return
    write_log(
        db, now_ns, Why.STEP_DUE, alert=alert, page=page, state=State.FIRING, by=receiver.name, text=f"step {step}"
    )
    if receiver.not_before_ns > now_ns:
        write_log(db, now_ns, Why.QUIET_HOURS, alert=alert, page=page, by=receiver.name, next_ns=receiver.not_before_ns)


def add_page(
    db: sqlite3.Connection, alert: int | None, kind: str, step: int, receiver: Receiver, now_ns: int, text: str = ""
) -> int | None:
    """A page for the receiver's first channel; None when there is one for that step already, or no way to reach
    them."""
    if not receiver.route:
        return None
    from_ns = max(now_ns, receiver.not_before_ns)
    done = db.execute(
        "INSERT OR IGNORE INTO pages (alert, kind, step, receiver, lang, route, channel, state, made_ns, next_ns, text)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, 'pending', ?, ?, ?)",
        (alert, kind, step, receiver.name, receiver.lang, msgspec.json.encode(receiver.route),
         receiver.route[0].channel, from_ns, from_ns, text),
    )  # fmt: skip
    return done.lastrowid if done.rowcount else None


def tell_told(
    db: sqlite3.Connection, alert: int, kind: str, why: Why, now_ns: int, channels: set[str] | None = None
) -> None:
    """A page of that kind for everybody who was told of the alert's start, each where they were told.

    With `channels` only for those who were told by one of these.
    """
    (step,) = db.execute("SELECT round_step FROM alerts WHERE id = ?", (alert,)).fetchone()
    told = """SELECT receiver, lang, route, place, channel FROM pages WHERE id IN (SELECT max(id) FROM pages
        WHERE alert = ? AND kind = 'firing' AND state <> 'withdrawn' AND step >= ? GROUP BY receiver) ORDER BY id"""
    for receiver, lang, route, place, channel in db.execute(told, (alert, step)).fetchall():
        if channels is not None and channel not in channels:
            continue
        done = db.execute(
            "INSERT OR IGNORE INTO pages (alert, kind, step, receiver, lang, route, place, channel, state, made_ns,"
            " next_ns) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'pending', ?, ?)",
            (alert, kind, step, receiver, lang, route, place, channel, now_ns, now_ns),
        )
        if done.rowcount:
            write_log(db, now_ns, why, alert=alert, page=done.lastrowid, by=receiver)


def withdraw(db: sqlite3.Connection, alert: int, now_ns: int, kind: str = State.FIRING) -> None:
    """Take back the pages that were not sent yet."""
    query = "SELECT id, receiver FROM pages WHERE alert = ? AND state = 'pending' AND kind = ?"
    for page, receiver in db.execute(query, (alert, kind)).fetchall():
        db.execute("UPDATE pages SET state = 'withdrawn' WHERE id = ?", (page,))
        write_log(db, now_ns, Why.WITHDRAWN, alert=alert, page=page, by=receiver)


def rest(db: sqlite3.Connection, alert: int, why: Next, next_ns: int | None = None) -> None:
    """No step of the chain is to be taken; what is waited for instead."""
    db.execute("UPDATE alerts SET next_ns = ?, next_why = ? WHERE id = ?", (next_ns, why, alert))


def refresh_muting(db: sqlite3.Connection, planner: Planner, alert: int, now_ns: int) -> bool:
    """Let silences and inhibiting alerts count for one alert; whether they changed its state."""
    query = "SELECT state, rule, site, gate, next_why FROM alerts WHERE id = ?"
    state, rule, site, gate, next_why = db.execute(query, (alert,)).fetchone()
    inhibitor = _inhibitor(db, rule, site, gate)
    silence = _silence(db, rule, site, gate, now_ns)
    change = on_muting(State(state), inhibited=inhibitor is not None, silenced=silence is not None)
    if change is None or next_why == Next.LATE:
        if state == State.SILENCED and silence is not None:
            rest(db, alert, Next.SILENCE, silence[0])
        return False
    by, text = (silence[1], silence[2]) if change.state is State.SILENCED and silence else ("", "")
    text = f"alert {inhibitor}" if change.state is State.INHIBITED else text
    db.execute("UPDATE alerts SET state = ? WHERE id = ?", (change.state, alert))
    next_ns = silence[0] if change.state is State.SILENCED and silence else None
    write_log(db, now_ns, change.why, alert=alert, state=change.state, by=by, text=text, next_ns=next_ns)
    if change.state is State.FIRING:
        begin_round(db, planner, alert, now_ns)
    else:
        withdraw(db, alert, now_ns)
        rest(db, alert, Next.INHIBITOR if change.state is State.INHIBITED else Next.SILENCE, next_ns)
    return True


def refresh_gate(db: sqlite3.Connection, planner: Planner, site: str, gate: str, now_ns: int) -> None:
    """The same for all alerts of a gate that nobody has in hand; empty names stand for all sites and gates."""
    query = """SELECT id FROM alerts WHERE state IN ('firing', 'silenced', 'inhibited')
        AND (site = ? OR ? = '') AND (gate = ? OR ? = '') ORDER BY id"""
    for (alert,) in db.execute(query, (site, site, gate, gate)).fetchall():
        refresh_muting(db, planner, alert, now_ns)


def _inhibitor(db: sqlite3.Connection, rule: str, site: str, gate: str) -> int | None:
    if rule not in INHIBITED_BY:
        return None
    query = "SELECT id FROM alerts WHERE key = ? AND state <> 'resolved'"
    found = db.execute(query, (f"{INHIBITED_BY[rule]}/{site}/{gate}",)).fetchone()
    return None if found is None else int(found[0])


def _silence(db: sqlite3.Connection, rule: str, site: str, gate: str, now_ns: int) -> tuple[int, str, str] | None:
    query = """SELECT until_ns, by, note FROM silences WHERE from_ns <= ? AND until_ns > ?
        AND site IN ('', ?) AND gate IN ('', ?) AND rule IN ('', ?) ORDER BY until_ns DESC LIMIT 1"""
    found: tuple[int, str, str] | None = db.execute(query, (now_ns, now_ns, site, gate, rule)).fetchone()
    return found
