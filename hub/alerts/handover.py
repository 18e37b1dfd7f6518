"""Hand-over notes: who comes on duty is told so, with what is open."""

from __future__ import annotations

import sqlite3

import msgspec

from hub.alerts import plan
from hub.alerts.chains import Planner, Receiver
from hub.alerts.lifecycle import Why
from hub.alerts.rows import open_rows
from hub.alerts.tables import write_log
from hub.alerts.texts import Lang, name, say, when
from hub.board import AlertRow

LISTED = 10


def hand_over(db: sqlite3.Connection, planner: Planner, zone: str | None, now_ns: int) -> int:
    """A note to everybody who has come on duty since this was last asked; how many. At first it only looks."""
    told = 0
    for rota, receivers in planner.duties(now_ns).items():
        names = [receiver.name for receiver in receivers]
        row = db.execute("SELECT names FROM duties WHERE rota = ?", (rota,)).fetchone()
        before = msgspec.json.decode(row[0], type=list[str]) if row else names
        db.execute("INSERT OR REPLACE INTO duties VALUES (?, ?)", (rota, msgspec.json.encode(names)))
        alerts = open_rows(db, 1000) if set(names) - set(before) else []
        for receiver in receivers:
            if receiver.name not in before:
                _tell(db, receiver, note(rota, names, alerts, "en" if receiver.lang == "en" else "zh", zone), now_ns)
                told += 1
    return told


def _tell(db: sqlite3.Connection, receiver: Receiver, text: str, now_ns: int) -> None:
    page = plan.add_page(db, None, "note", 0, receiver, now_ns, text)
    write_log(db, now_ns, Why.NOTE, page=page, by=receiver.name, text=text)


def note(rota: str, names: list[str], alerts: list[AlertRow], lang: Lang, zone: str | None) -> str:
    """The note: who is on duty, and what is open, the worst first, with who has it in hand."""
    lines = [say(lang, "handover", rota=rota, names=", ".join(names))]
    if not alerts:
        return "\n".join([*lines, say(lang, "handover-none")])
    lines.append(say(lang, "handover-open", n=len(alerts)))
    for alert in alerts[:LISTED]:
        held = f" ({say(lang, 'held', by=alert.held_by)})" if alert.held_by else ""
        lines.append(f"{name(alert.rule, lang)} {alert.site}/{alert.gate} {when(alert.since_ns, zone)}{held}")
    if len(alerts) > LISTED:
        lines.append(say(lang, "more", n=len(alerts) - LISTED))
    return "\n".join(lines)
