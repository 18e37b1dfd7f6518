"""Entries of a registry for tests."""

from __future__ import annotations

from collections.abc import Sequence

from wire.messages import SCHEMA_VERSION, encode
from wire.registry import Flag, Holder, RegistryEntry, Shard

SOMEBODY = "somebody-0123456789ab"


def entry(token: str, *flags: Flag) -> RegistryEntry:
    return RegistryEntry(token, Holder.EMPLOYEE, flags=flags)


def shard_bytes(entries: Sequence[RegistryEntry]) -> bytes:
    return encode(Shard(SCHEMA_VERSION, list(entries)))
