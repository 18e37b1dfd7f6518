"""The `[fleet]` table of a hub's settings."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from wire.events import Name


class FleetSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of several hub processes that are one hub; the same in each process but for `name`.

    `journal` is the URL of the database that holds the event log; without it that of `database`, which must be
    PostgreSQL. A process that says nothing for `lease_s` has lost its gates to the others. `may_lead`: whether this
    process may do what only one does (console, alerts, time series, registry); all that may, need the same `data`.
    """

    name: Name
    journal: Annotated[str, Meta(pattern="^postgresql://")] | None = None
    may_lead: bool = True
    lease_s: Annotated[float, Meta(ge=1, le=60)] = 4.0
