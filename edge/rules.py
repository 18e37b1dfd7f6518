"""What a site says about who may pass (`[policy]` in the gate's file): rules that a plant may want to change.

A fever, isolation, quarantine, an unknown badge, nobody's badge and an unregistered vehicle are denied at every site:
the order leaves no choice there. All other reasons deny, re-measure or are only noted, as the tables say.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from wire.events import Name

Effect = Literal["deny", "remeasure", "note"]
"""What a reason does: keeps out, has the guard measure or look again, or only stands in the record."""
Strict = Literal["deny", "remeasure"]
Hours = Annotated[float, Meta(gt=0, le=24 * 366)]
Seconds = Annotated[float, Meta(ge=0, le=86_400)]


class PersonEffects(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What each reason does on a lane for people (`[policy.person]`)."""

    unmeasured: Strict = "remeasure"
    suspect: Strict = "remeasure"
    several_people: Strict = "remeasure"
    no_mask: Effect = "remeasure"
    not_valid_now: Effect = "deny"
    not_at_this_gate: Effect = "deny"
    not_at_this_hour: Effect = "deny"
    not_resumed: Effect = "deny"
    not_declared: Effect = "remeasure"
    declared_ill: Effect = "deny"
    no_stated_reason: Effect = "deny"
    no_host: Effect = "deny"
    no_isolation_place: Effect = "deny"
    two_gates: Effect = "deny"
    registry_old: Effect = "note"


class VehicleEffects(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What each reason does on a lane for vehicles (`[policy.vehicle]`); the occupants are people like others."""

    vehicle_unread: Strict = "remeasure"
    unmeasured: Strict = "remeasure"
    suspect: Strict = "remeasure"
    several_people: Effect = "note"
    no_mask: Effect = "remeasure"
    not_disinfected: Effect = "deny"
    tag_mismatch: Strict = "deny"
    not_valid_now: Effect = "deny"
    not_at_this_gate: Effect = "deny"
    not_at_this_hour: Effect = "deny"
    not_resumed: Effect = "deny"
    no_stated_reason: Effect = "deny"
    registry_old: Effect = "note"


class PolicySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The site's rules.

    `resumes` is when the site resumes work (a date and time with its offset): before it only exempted people come in.
    Once a hub has said when, that counts.
    `utc_offset_h` is the site's time zone, for hours and weekdays. `mask_required` counts where a camera tells of
    masks. A vehicle's disinfection that was recorded here counts for `disinfection_valid_h`. `antipassback` hard denies
    a badge that is inside already, soft notes and reports it; it is about the plant's own entrances, wants lanes with a
    way each, and forgets who went in after `antipassback_forget_h`. `walk_s` is the least time from another gate, by
    its name, to this one, `lane_walk_s` that between two lanes here. `contact_fever_c` is the fever of a contact
    thermometer, in °C. A copy of the registry older than `registry_max_age_h` gives every decision the reason
    `registry-old`.
    """

    resumes: Annotated[datetime, Meta(tz=True)] | None = None
    utc_offset_h: Annotated[float, Meta(ge=-12, le=14)] = 8.0
    isolation_place: bool = True
    mask_required: bool = True
    declaration_required: bool = False
    disinfection_required: bool = True
    disinfection_valid_h: Hours = 24.0
    antipassback: Literal["hard", "soft", "off"] = "off"
    antipassback_forget_h: Hours = 14.0
    walk_s: dict[Name, Seconds] = {}
    lane_walk_s: Seconds = 2.0
    contact_fever_c: Annotated[float, Meta(ge=36.5, le=38.5)] = 37.3
    registry_max_age_h: Hours | None = None
    person: PersonEffects = PersonEffects()
    vehicle: VehicleEffects = VehicleEffects()

    @property
    def resumes_ns(self) -> int:
        """UTC in nanoseconds; 0 where no date is set."""
        return 0 if self.resumes is None else int(self.resumes.timestamp()) * 10**9
