"""How long what is held about people is kept (`[privacy]` in `hub.toml`)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from hub.alerts.oncall import DayTime

Days = Annotated[int, Meta(ge=1, le=36_500)]


class PrivacySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Days after which each kind is erased; the row stays for figures. Counted from the end of what it tells of.

    `visitors_days`: after a visitor's last visit all that names them. `registrations_days`: what guards registered at
    a gate, and the keys that it was sealed with. `checks_days`: who was measured when, by tokens. `alerts_days`: whom
    an alert was about, and who was told of it. `journal_days`: the journal's own
    events; without it they are kept. `at` is when this is done each day.
    """

    visitors_days: Days = 90
    registrations_days: Days = 90
    declarations_days: Days = 180
    absences_days: Days = 365
    corrections_days: Days = 365
    readings_days: Days = 365
    signs_days: Days = 365
    cases_days: Days = 1095
    visits_days: Days = 90
    invitations_days: Days = 90
    vehicles_days: Days = 365
    sign_ins_days: Days = 30
    checks_days: Days = 365
    alerts_days: Days = 365
    journal_days: Days | None = None
    seal_days: Days = 7
    """A new key for what guards register, so often: old ones are destroyed by `registrations_days`."""
    at: DayTime = "03:30"

    def days(self, kind: str) -> int:
        """Of a kind that ages."""
        found: int = getattr(self, f"{kind}_days")
        return found
