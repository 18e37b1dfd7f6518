"""All that is held about one person, for them: a JSON file for programs and a page for people, in one archive."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from html import escape
from typing import Any

import msgspec
from sqlalchemy import String, cast, or_, select
from sqlalchemy.orm import Session

from hub.accounts.models import AuditEntry
from hub.privacy.register import KINDS

Rows = list[dict[str, Any]]
_STYLE = (
    "body{font-family:sans-serif;margin:1rem}table{border-collapse:collapse;margin-bottom:1rem}"
    "td,th{border:1px solid #aaa;padding:.2rem .5rem;text-align:left;vertical-align:top}"
)
_HIDDEN = {"digest", "code", "version"}
"""Columns that open something: nobody is given them."""


def collect(session: Session, person_id: int) -> dict[str, Rows]:
    """Every row about a person by kind, and the lines of the record about them."""
    found: dict[str, Rows] = {}
    for kind in KINDS:
        if kind.owner is not None:
            rows = session.execute(select(kind.table).where(kind.owner(person_id))).mappings()
            found[kind.name] = [_row(row) for row in rows]
    cases = [f"case {row['id']}" for row in found.get("cases", [])]
    about = select(AuditEntry).where(
        or_(
            AuditEntry.subject.in_([f"person {person_id}", *cases]),
            cast(AuditEntry.detail, String).contains(f'"person":{person_id}}}'),
            cast(AuditEntry.detail, String).contains(f'"person":{person_id},'),
        )
    )
    found["audit"] = [
        {"at_ns": line.at_ns, "who": line.who, "action": line.action, "subject": line.subject}
        for line in session.scalars(about.order_by(AuditEntry.id))
    ]
    return found


def archive(data: Mapping[str, Rows], title: str, words: Mapping[str, str], zone: tzinfo | None, lang: str) -> bytes:
    """`data.json` and `data.html` in a ZIP file. `words` are what kinds are called."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("data.json", msgspec.json.format(msgspec.json.encode(data), indent=1))
        file.writestr("data.html", page(data, title, words, zone, lang))
    return out.getvalue()


def page(data: Mapping[str, Rows], title: str, words: Mapping[str, str], zone: tzinfo | None, lang: str) -> str:
    """Everything as one page without any script, style sheet or picture from elsewhere."""
    head = f'<!doctype html><html lang="{lang}"><meta charset="utf-8"><title>{escape(title)}</title>'
    parts = [head, f"<style>{_STYLE}</style>", f"<h1>{escape(title)}</h1>"]
    for kind, rows in data.items():
        parts.append(f"<h2>{escape(words.get(kind, kind))} ({len(rows)})</h2>")
        if rows:
            parts.append(_table(rows, zone))
    return "".join(parts)


def _table(rows: Sequence[Mapping[str, Any]], zone: tzinfo | None) -> str:
    heads = "".join(f"<th>{escape(name)}</th>" for name in rows[0])
    lines = ("".join(f"<td>{escape(_shown(name, value, zone))}</td>" for name, value in row.items()) for row in rows)
    return f"<table><tr>{heads}</tr>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def _shown(name: str, value: object, zone: tzinfo | None) -> str:
    if value is None:
        return ""
    if name.endswith("_ns") and isinstance(value, int):
        return datetime.fromtimestamp(value / 1e9, UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %z")
    return str(value)


def _row(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): value for name, value in row.items() if name not in _HIDDEN}
