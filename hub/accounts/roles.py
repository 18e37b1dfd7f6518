"""What each role may do: one table, which the console asks before it shows or does anything."""

from __future__ import annotations

from enum import StrEnum

from hub.accounts.models import Role


class Permission(StrEnum):
    """One thing that the console shows or does."""

    BOARD = "board"
    """The live board and alerts: measurements by tokens, no names."""
    ALERTS = "alerts"
    """Acknowledge, silence and resolve alerts."""
    RECORDS = "records"
    """Read the journal and who was measured how often, by tokens: for other programs."""
    PEOPLE = "people"
    """See who is registered: names, teams, telephone numbers."""
    PEOPLE_EDIT = "people-edit"
    HEALTH = "health"
    """See temperatures, declarations, sick leave and cases of named people."""
    CASES_EDIT = "cases-edit"
    DUTIES_EDIT = "duties-edit"
    """Correct who was measured, record disinfections."""
    VISITORS_EDIT = "visitors-edit"
    REPORTS = "reports"
    MESSAGES = "messages"
    PRIVACY = "privacy"
    """See what is held about somebody, hand it out and erase it."""
    SITE_EDIT = "site-edit"
    """Places, areas, resumption, limits."""
    GATES_EDIT = "gates-edit"
    """Which gates belong to the site, and what they run."""
    USERS_EDIT = "users-edit"
    AUDIT = "audit"
    """Read the record of who saw and changed what."""


_P = Permission
_GUARD = frozenset({_P.BOARD, _P.PEOPLE, _P.VISITORS_EDIT, _P.DUTIES_EDIT})
_ONCALL = frozenset({_P.BOARD, _P.ALERTS, _P.PEOPLE, _P.HEALTH, _P.CASES_EDIT})
_HR = frozenset(
    {_P.BOARD, _P.PEOPLE, _P.PEOPLE_EDIT, _P.HEALTH, _P.VISITORS_EDIT, _P.DUTIES_EDIT, _P.REPORTS, _P.PRIVACY}
)
_OFFICER = _HR | _ONCALL | {_P.RECORDS, _P.MESSAGES, _P.SITE_EDIT}

MAY: dict[Role, frozenset[Permission]] = {
    Role.GUARD: _GUARD,
    Role.HR: _HR,
    Role.ONCALL: _ONCALL,
    Role.OFFICER: _OFFICER,
    # An administrator keeps the system and its users, and reads nobody's temperature.
    Role.ADMIN: frozenset({_P.BOARD, _P.SITE_EDIT, _P.GATES_EDIT, _P.USERS_EDIT, _P.AUDIT}),
    # An auditor sees everything and changes nothing.
    Role.AUDITOR: frozenset({_P.BOARD, _P.RECORDS, _P.PEOPLE, _P.HEALTH, _P.REPORTS, _P.AUDIT}),
}


def may(role: Role, permission: Permission) -> bool:
    """Whether the role has the permission."""
    return permission in MAY[role]
