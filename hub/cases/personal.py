"""The kinds of personal data about isolation. What remains of an erased case is what figures are made of."""

from __future__ import annotations

from typing import cast

from sqlalchemy import Table, select

from hub.cases.models import Case, CaseReading, CaseStay, Sign
from hub.privacy.kinds import Kind, by

_CASES, _READINGS, _SIGNS, _STAYS = (cast("Table", one.__table__) for one in (Case, CaseReading, Sign, CaseStay))
_CLOSED = select(_CASES.c.id).where(_CASES.c.closed_ns.is_not(None))

KINDS = (
    Kind(
        "readings",
        _READINGS,
        owner=lambda person_id: _READINGS.c.case_id.in_(select(_CASES.c.id).where(_CASES.c.person_id == person_id)),
        moment=_READINGS.c.at_ns,
        over=_READINGS.c.case_id.in_(_CLOSED),
        blank={"symptoms": ""},
        kept=frozenset({"id", "case_id", "at_ns", "body_c", "by"}),
    ),
    Kind(
        "stays",
        _STAYS,
        owner=lambda person_id: _STAYS.c.case_id.in_(select(_CASES.c.id).where(_CASES.c.person_id == person_id)),
        blank={"hospital": ""},
        kept=frozenset({"id", "case_id", "from_ns", "place_id", "in_hospital"}),
    ),
    Kind(
        "signs",
        _SIGNS,
        owner=by(_SIGNS, "person_id"),
        moment=_SIGNS.c.time_ns,
        over=_SIGNS.c.case_id.is_(None) | _SIGNS.c.case_id.in_(_CLOSED),
        blank={"badge": None, "passage": "", "alert_key": "", "settled_why": ""},
        kept=frozenset(
            {"id", "source", "kind", "time_ns", "received_ns", "gate", "lane", "measured_c", "by", "person_id"}
            | {"case_id", "settled_ns", "settled_by"}
        ),
    ),
    Kind(
        "cases",
        _CASES,
        owner=by(_CASES, "person_id"),
        moment=_CASES.c.closed_ns,
        over=_CASES.c.closed_ns.is_not(None),
        blank={"note": "", "hospital": ""},
        kept=frozenset(
            {"id", "person_id", "cause", "days", "place_id", "placed_ns", "contact_of_id", "opened_on", "opened_ns"}
            | {"opened_by", "reported_ns", "reported_by", "grid_ns", "closed_ns", "closed_by", "end"}
        ),
    ),
)
