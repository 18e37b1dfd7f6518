"""The register's kinds of personal data."""

from __future__ import annotations

from typing import cast as typed

from sqlalchemy import String, Table, cast, literal, or_

from hub.privacy.kinds import Kind, by
from hub.registry.models import Badge, FormerBadge, Person, Vehicle, Visit

_PEOPLE, _BADGES, _FORMER, _VISITS, _VEHICLES = (
    typed("Table", one.__table__) for one in (Person, Badge, FormerBadge, Visit, Vehicle)
)

KINDS = (
    Kind(
        "badges",
        _BADGES,
        owner=by(_BADGES, "person_id"),
        deleted=True,  # without number and token nothing tells whose the journal's passages were
    ),
    Kind(
        "former_badges",
        _FORMER,
        owner=by(_FORMER, "person_id"),
        blank={"person_id": None, "number": None},  # until when a card was another's: the next holder must not inherit
        kept=frozenset({"id", "token", "from_ns", "until_ns"}),
    ),
    Kind(
        "visits",
        _VISITS,
        owner=lambda person_id: or_(_VISITS.c.person_id == person_id, _VISITS.c.host_id == person_id),
        moment=_VISITS.c.until_ns,
        blank={"host_id": None, "host": "", "reason": ""},
        kept=frozenset({"id", "person_id", "by", "from_ns", "until_ns", "cancelled"}),
    ),
    Kind(
        "vehicles",
        _VEHICLES,
        moment=_VEHICLES.c.until_ns,
        blank={"owner": "", "telephone": "", "purpose": ""},
        kept=frozenset(
            {"id", "plate", "plate_token", "tag", "tag_token", "commuter", "must_disinfect", "disinfected_until_ns"}
            | {"from_ns", "until_ns", "created_ns", "changed_ns", "old_plate_token", "old_tag_token"}
        ),
    ),
    Kind(
        "people",
        _PEOPLE,
        owner=by(_PEOPLE, "id"),
        blank={
            "number": literal("erased-").concat(cast(_PEOPLE.c.id, String)),
            "active": False,
            "returned_on": None,
            **dict.fromkeys(("name", "telephone", "company", "emergency_contact", "origin", "exempt", "gates"), ""),
        },
        kept=frozenset({"id", "kind", "team_id", "shift_id", "grid", "created_ns", "changed_ns", "erased_ns"}),
    ),
)
