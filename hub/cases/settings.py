"""What a site decides about isolation (`[isolation]` in `hub.toml`)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

MOST_DAYS = 60


class IsolationSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long people are isolated, and what opens and ends a case by itself.

    `days`: of everybody, also of returnees before they may work (the order: 14).
    `contact_clears`: a contact thermometer that shows no fever at most `recheck_min` minutes after a camera's fever
    ends the case that the camera opened; otherwise it is only proposed, and a person decides.
    `place_within_h`: a returnee who has no isolation place so long after the case began is an alert.
    `trace_days` and `trace_window_min`: contacts are who passed the same checkpoint at most so many minutes before or
    after, within so many days.
    """

    days: Annotated[int, Meta(ge=1, le=MOST_DAYS)] = 14
    contact_clears: bool = True
    recheck_min: Annotated[float, Meta(gt=0, le=1440)] = 120.0
    place_within_h: Annotated[float, Meta(ge=0, le=240)] = 4.0
    trace_days: Annotated[int, Meta(ge=1, le=60)] = 14
    trace_window_min: Annotated[float, Meta(gt=0, le=240)] = 5.0
