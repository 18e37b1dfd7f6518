"""The table `[authority]` of the hub's settings."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

HostName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9.:-]{0,252}[A-Za-z0-9])?$")]


class AuthoritySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The site's own certificate authority, and mosquitto under its certificates.

    `names` are the names and addresses under which gates reach the broker, the first is what they are told; `port` is
    where it listens for them. Gates' certificates last `days`, codes `code_hours`. `broker_path` is the folder where
    mosquitto's files are written; without it beside the journal.
    """

    names: Annotated[list[HostName], Meta(min_length=1)]
    port: Annotated[int, Meta(ge=1, le=65535)] = 8883
    days: Annotated[float, Meta(gt=0, le=3650)] = 90.0
    code_hours: Annotated[float, Meta(gt=0, le=24 * 30)] = 24.0
    broker_path: str | None = None
