"""The kinds of personal data that workers tell by telephone."""

from __future__ import annotations

from typing import cast

from sqlalchemy import Table

from hub.forms.models import Declaration, WorkerLink
from hub.privacy.kinds import Kind, by

_DECLARATIONS, _LINKS = cast("Table", Declaration.__table__), cast("Table", WorkerLink.__table__)

KINDS = (
    Kind(
        "declarations",
        _DECLARATIONS,
        owner=by(_DECLARATIONS, "person_id"),
        moment=_DECLARATIONS.c.at_ns,
        blank={
            "temperature_c": None,
            **dict.fromkeys(("symptoms", "told", "travelled", "gathered", "contact", "settled_note"), ""),
        },
        kept=frozenset({"id", "person_id", "day", "at_ns", "concern", "by", "settled_ns", "settled_by"}),
    ),
    Kind("worker_links", _LINKS, owner=by(_LINKS, "person_id"), deleted=True),
)
