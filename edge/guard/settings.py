"""What a gate's file says about the guard's page (`[guard]`)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class GuardSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the page is served, and to whom. There are no passwords but those in `password_file`, one for each guard,
    which `menshen edge password` writes. Only this machine can reach 127.0.0.1; for a guard's telephone set `host`, and
    give a certificate, for the password travels. `rate_hz` bounds the pictures a second of each lane.
    """

    password_file: str
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8090
    certificate: str | None = None
    key: str | None = None
    rate_hz: Annotated[float, Meta(gt=0, le=15)] = 4.0
    session_h: Annotated[float, Meta(gt=0, le=168)] = 12.0
