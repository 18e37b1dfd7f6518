"""What a gate's file says about updates from afar (`[updates]`)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class UpdateSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Only where the installer set up the loader. `path` is its folder; `keys_file` has the public keys of who may sign
    releases. Wheels are loaded with at most `rate_kb_s`, so that the link stays free for events.
    """

    path: str = "/var/lib/menshen-release"
    keys_file: str = "/etc/menshen/release-keys"
    rate_kb_s: Annotated[float, Meta(gt=0, le=100_000)] = 128.0
