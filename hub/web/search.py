"""`/search`: one field over people, visitors, vehicles, cases and alerts. Each kind is looked through only for who may
see it, and what is found of somebody's health is noted, case by case and person by person."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from fastapi import Depends, FastAPI, Request, Response
from sqlalchemy.orm import Session

from hub.accounts.audit import note_all
from hub.accounts.desk import Who
from hub.accounts.roles import Permission
from hub.alerts.desk import AlertDesk
from hub.alerts.rules import Rule
from hub.alerts.store import AlertStore
from hub.board import AlertRow
from hub.cases.models import Case
from hub.registry.office import PeopleOffice
from hub.search import finding
from hub.search.finding import MOST, Found, Words
from hub.web.access import Access
from hub.web.words import LANGS, say

Find = Callable[[Session, Words], Found]
_KINDS: dict[str, tuple[Permission, Find]] = {
    "people": (Permission.PEOPLE, finding.people),
    "visits": (Permission.VISITORS_EDIT, finding.visits),
    "vehicles": (Permission.PEOPLE, finding.vehicles),
    "cases": (Permission.HEALTH, finding.cases),
}


class _Room(NamedTuple):
    access: Access
    office: PeopleOffice
    desk: AlertDesk | None


class _Stored(NamedTuple):
    """What the relational store has: by kind, and the keys of alerts about people who were found."""

    found: dict[str, Found]
    alerts_of: dict[str, int]


def add_search(app: FastAPI, access: Access, office: PeopleOffice, desk: AlertDesk | None) -> None:
    """`/search`."""
    room = _Room(access, office, desk)
    looking = access.needs(Permission.BOARD)

    @app.get("/search")
    async def search(request: Request, q: str = "", who: Who = Depends(looking)) -> Response:
        words = finding.words_of(q, office.key)
        found = await _find(room, words, who) if words.text else {}
        kinds = [*(kind for kind, (needed, _) in _KINDS.items() if who.may(needed)), *(["alerts"] if desk else [])]
        return access.draw(
            request, who, "search.html", "find", words=words.text, found=found, kinds=kinds, most=MOST,
            local=office.local,
        )  # fmt: skip


async def _find(room: _Room, words: Words, who: Who) -> dict[str, Found]:
    """Everything that `who` may see, by kind; what is health data is in the record before it is shown."""
    kinds = {kind: find for kind, (needed, find) in _KINDS.items() if who.may(needed)}

    def read(session: Session) -> _Stored:
        found = {kind: find(session, words) for kind, find in kinds.items()}
        keys = finding.alert_keys(session, words) if who.may(Permission.HEALTH) else {}
        return _Stored(found, keys)

    stored = await room.access.database.read(read)
    alerts = await _alerts(room.desk, words, stored.alerts_of)
    await _note(room, who, stored, alerts)
    return {**stored.found, "alerts": alerts}


async def _alerts(desk: AlertDesk | None, words: Words, keys: dict[str, int]) -> Found:
    if desk is None:
        return Found()
    rules = [rule for rule in Rule if any(words.text.lower() in say(lang, f"rule.{rule}").lower() for lang in LANGS)]

    def read(store: AlertStore, _now_ns: int) -> list[AlertRow]:
        named = list(store.newest_of(keys).values())
        known = {row.id for row in named}
        others = store.found(words.text, words.number, rules, MOST + 1)
        return [*named, *(row for row in others if row.id not in known)]

    rows = await desk.ask(read)
    return Found(rows[:MOST], len(rows) > MOST)


async def _note(room: _Room, who: Who, stored: _Stored, alerts: Found) -> None:
    """Who found which cases and whose fevers. Alerts beside these name nobody: the door notes them, as at `/alerts`."""
    cases = [row.id for row in stored.found.get("cases", Found()).rows if isinstance(row, Case)]
    shown = {row.key for row in alerts.rows if isinstance(row, AlertRow)}
    people = sorted({person for key, person in stored.alerts_of.items() if key in shown})
    notes: list[tuple[str, str, dict[str, Any]]] = [
        *(("case-found", f"case {case}", {}) for case in cases),
        *(("fever-found", f"person {person}", {}) for person in people),
    ]
    if notes:
        now_ns = room.access.now_ns()
        await room.access.database.write(lambda session: note_all(session, now_ns, who.login, notes))
