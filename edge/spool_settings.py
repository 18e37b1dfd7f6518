"""What a gate's settings say of its spool."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class SpoolSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the spool is and how much it may keep.

    A gate whose clock may be wrong at boot sends what it cannot date yet only when the link is up and the event known
    for `await_clock_s`, urgent events for 5 s at most: most clocks are set in that time. 0 where there is nothing
    that would set the clock. From the share `full_at` of `max_bytes` on it fills up, which is told as a fault.
    """

    path: str = "var/spool.db"
    max_bytes: Annotated[int, Meta(ge=64 * 1024)] = 512 * 1024 * 1024
    max_age_s: Annotated[float, Meta(ge=60)] = 60 * 86400.0
    await_clock_s: Annotated[float, Meta(ge=0, le=3600)] = 0.0
    full_at: Annotated[float, Meta(gt=0, le=1)] = 0.5
