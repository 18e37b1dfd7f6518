"""The kinds of personal data that workers tell by telephone."""

from __future__ import annotations

from typing import cast

from sqlalchemy import Table, or_, select

from hub.forms.models import Declaration, Invitation, WorkerLink
from hub.privacy.kinds import Kind, by
from hub.registry.models import Visit

_DECLARATIONS, _LINKS = cast("Table", Declaration.__table__), cast("Table", WorkerLink.__table__)
_INVITATIONS, _VISITS = cast("Table", Invitation.__table__), cast("Table", Visit.__table__)

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
    Kind(
        "invitations",
        _INVITATIONS,
        owner=lambda person_id: or_(
            _INVITATIONS.c.host_id == person_id,
            _INVITATIONS.c.visit_id.in_(select(_VISITS.c.id).where(_VISITS.c.person_id == person_id)),
        ),
        moment=_INVITATIONS.c.until_ns,
        blank={
            "host_id": None,
            **dict.fromkeys(("name", "telephone", "company", "reason", "plate", "travelled", "contact"), ""),
        },
        kept=frozenset(
            {"id", "from_ns", "until_ns", "made_ns", "made_by", "filled_ns", "decision", "decided_ns", "decided_by"}
            | {"visit_id"}
        ),
    ),
    Kind("worker_links", _LINKS, owner=by(_LINKS, "person_id"), deleted=True),
)
