"""What a gate knows about who and what is registered: tokens and what each may do, no names."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from wire.events import Name, TimeNs, Token


class Holder(StrEnum):
    """What a token stands for."""

    EMPLOYEE = "employee"
    CONTRACTOR = "contractor"
    VISITOR = "visitor"
    VEHICLE = "vehicle"


class Flag(StrEnum):
    """What a gate must know beyond "registered"."""

    ISOLATION = "isolation"
    """An isolation case is open: refused at every gate."""
    RETURNEE = "returnee"


class RegistryEntry(Struct, frozen=True, omit_defaults=True):
    """One token and what it may do. Times are UTC in nanoseconds, `until_ns` is exclusive, None is unbounded."""

    token: Token
    holder: Holder
    from_ns: TimeNs | None = None
    until_ns: TimeNs | None = None
    flags: tuple[Flag, ...] = ()
    gates: tuple[Name, ...] = ()
    """Gates where it is allowed; empty means all of the site."""
    disinfected_until_ns: TimeNs | None = None
    """For a vehicle: until when its last disinfection counts."""


class RegistryCopy(Struct, frozen=True):
    """A whole registry as a gate loads it; a higher `version` replaces a lower one."""

    v: int
    version: int
    entries: list[RegistryEntry]
