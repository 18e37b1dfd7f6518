"""The kinds of personal data about duty."""

from __future__ import annotations

from typing import cast

from sqlalchemy import Table

from hub.duties.models import Absence, Correction, DutyDay, Placement, Rota
from hub.privacy.kinds import Kind, by

_ABSENCES, _CORRECTIONS, _DAYS, _PLACEMENTS, _ROTAS = (
    cast("Table", one.__table__) for one in (Absence, Correction, DutyDay, Placement, Rota)
)

KINDS = (
    Kind(
        "absences",
        _ABSENCES,
        owner=by(_ABSENCES, "person_id"),
        moment=_ABSENCES.c.said_ns,
        over=_ABSENCES.c.until_on.is_not(None) | _ABSENCES.c.withdrawn_ns.is_not(None),
        blank={"symptoms": "", "note": ""},
        kept=frozenset(
            {"id", "person_id", "kind", "from_on", "until_on", "said_ns", "said_by", "ended_by", "withdrawn_ns"}
            | {"withdrawn_by"}
        ),
    ),
    Kind(
        "corrections",
        _CORRECTIONS,
        owner=by(_CORRECTIONS, "person_id"),
        moment=_CORRECTIONS.c.said_ns,
        blank={"where": "", "why": ""},
        kept=frozenset(
            {"id", "person_id", "day", "struck", "at_ns", "body_c", "said_ns", "said_by", "withdrawn_ns"}
            | {"withdrawn_by"}
        ),
    ),
    Kind(
        "duty_days",
        _DAYS,
        owner=by(_DAYS, "person_id"),
        blank={"note": ""},
        kept=frozenset({"id", "day", "team_id", "person_id", "shift_id", "said_ns", "said_by"}),
    ),
    Kind(
        "rotas",
        _ROTAS,
        owner=by(_ROTAS, "person_id"),
        kept=frozenset({"id", "team_id", "person_id", "from_on", "cycle", "said_ns", "said_by"}),
    ),
    Kind(
        "placements",
        _PLACEMENTS,
        owner=by(_PLACEMENTS, "person_id"),
        kept=frozenset({"id", "person_id", "from_on", "team_id", "shift_id", "grid", "active"}),
    ),
)
