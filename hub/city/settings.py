"""Which other hubs a city's view reads (`[[city]]` in `hub.toml`)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from wire.events import Name


class CitySiteSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One other site: its name, what people call it, where its hub's console is, and the file with a token that is good
    for its reports."""

    site: Name
    title: Annotated[str, Meta(max_length=60)] = ""
    url: Annotated[str, Meta(pattern=r"^https?://[^\s/]+")]
    token_file: str
