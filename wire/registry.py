"""What a gate knows about who and what is registered: tokens and what each may do, no names.

The hub publishes a site's registry in retained shards. A *shard* holds the entries of the tokens that fall into it and
is known by the digest of its bytes; the *manifest* lists the digests of all shards that are not empty, under a version
that only grows. So a gate fetches what differs from its own copy and nothing else, and a shard that is torn, old or of
another manifest is told by its digest. The *beat* says every few seconds that a version is still the newest.
"""

from __future__ import annotations

import base64
import hashlib
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace

from wire.events import Guest, Name, Registration, TimeNs, Token

SHARDS = 1024
"""Of 120,000 entries a shard holds about 120: a change of one sends its shard (12 kB) and the manifest (26 kB)."""


class Holder(StrEnum):
    """What a token stands for."""

    EMPLOYEE = "employee"
    CONTRACTOR = "contractor"
    VISITOR = "visitor"
    VEHICLE = "vehicle"


class Flag(StrEnum):
    """What a gate must know beyond "registered". A flag that this gate does not know yet reads as `other`."""

    ISOLATION = "isolation"
    """An isolation case is open: refused at every gate."""
    RETURNEE = "returnee"
    QUARANTINE = "quarantine"
    """Back from elsewhere, and the days of observation are not over: refused at every gate."""
    LISTED_AREA = "listed-area"
    """Was in an area of the list; a site without a place to isolate may not let them in."""
    EXEMPT = "exempt"
    """May come before the site resumes work: approved, or needed to keep it safe."""
    DECLARED_ILL = "declared-ill"
    """Declared symptoms, or the contact of somebody ill, and nobody has cleared it yet: not to come in."""
    OTHER = "other"

    @classmethod
    def _missing_(cls, value: object) -> Flag:
        return cls.OTHER


MinuteOfDay = Annotated[int, Meta(ge=0, le=1440)]


class Hours(Struct, frozen=True, omit_defaults=True):
    """Minutes of the site's day from `from_min` to before `until_min`; over midnight where that is the smaller.

    `days` are ISO weekdays (1 Monday … 7 Sunday) on which the time begins; empty means every day.
    """

    from_min: MinuteOfDay = 0
    until_min: MinuteOfDay = 1440
    days: tuple[Annotated[int, Meta(ge=1, le=7)], ...] = ()


class RegistryEntry(Struct, frozen=True, omit_defaults=True, gc=False):
    """One token and what it may do. A gate keeps 120,000: none of them is a matter for the garbage collector.

    Times are UTC in nanoseconds, `until_ns` is exclusive, None is unbounded."""

    token: Token
    holder: Holder
    from_ns: TimeNs | None = None
    until_ns: TimeNs | None = None
    flags: tuple[Flag, ...] = ()
    gates: tuple[Name, ...] = ()
    """Gates where it is allowed; empty means all of the site."""
    disinfected_until_ns: TimeNs | None = None
    """For a vehicle: until when its last disinfection counts; None when none is known."""
    hours: tuple[Hours, ...] = ()
    """When it may go in; empty means at any time."""
    reason_stated: bool = False
    """For a visitor, or a vehicle from outside: why it comes is registered at the hub."""
    hosted: bool = False
    """For a visitor: whom they visit is registered at the hub."""
    declared_until_ns: TimeNs | None = None
    """Until when the holder's last declaration of being well counts; None when there is none."""
    plate: Token | None = None
    """For a vehicle's tag: the plate of the vehicle that it belongs to."""
    tag: Token | None = None
    """For a vehicle's plate: the tag of the vehicle, where it has one."""
    outside: bool = False
    """For a vehicle: it belongs to somebody else, and comes for a reason that has to be stated."""
    recheck_until_ns: TimeNs | None = None
    """For somebody whom nothing but a camera's word isolated: until when a contact thermometer's "no fever" ends it."""


def tokens_of(entry: RegistryEntry) -> frozenset[str]:
    """All tokens by which one vehicle is known."""
    return frozenset(token for token in (entry.token, entry.plate, entry.tag) if token is not None)


def entry_of(registration: Registration) -> RegistryEntry:
    """What a guard's registration lets pass: the same at the gate at once, and at all gates through the hub."""
    is_vehicle = registration.guest is Guest.VEHICLE
    return RegistryEntry(
        registration.token,
        Holder.VEHICLE if is_vehicle else Holder.VISITOR,
        from_ns=registration.time_ns,
        until_ns=registration.until_ns,
        reason_stated=registration.reason_stated,
        hosted=registration.host is not None,
        outside=is_vehicle,
    )


def entries_of(registration: Registration) -> list[RegistryEntry]:
    """All that a guard's registration lets pass: a vehicle is one, whether its plate or its tag is read."""
    entry = entry_of(registration)
    if registration.guest is not Guest.VEHICLE or registration.tag is None:
        return [entry]
    return [replace(entry, tag=registration.tag), replace(entry, token=registration.tag, plate=registration.token)]


def gives_way(old: RegistryEntry, new: RegistryEntry) -> bool:
    """Whether a guard may give a token that is registered to somebody else: a visit that is over by then, and no more.

    A visitor's badge is handed out again and again. Whom the hub registered otherwise, or put a flag on, stays.
    """
    is_visit = old.holder is new.holder and (old.holder is Holder.VISITOR or old.outside) and not old.flags
    return is_visit and None not in (old.until_ns, new.from_ns) and (old.until_ns or 0) <= (new.from_ns or 0)


class RegistryCopy(Struct, frozen=True):
    """A whole registry as a gate loads it; a higher `version` replaces a lower one."""

    v: int
    version: int
    entries: list[RegistryEntry]


Version = Annotated[int, Meta(ge=1, le=2**63 - 1)]
ShardNumber = Annotated[int, Meta(ge=0, lt=SHARDS)]
Digest = Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{16}$")]


class Shard(Struct, frozen=True):
    """All entries of one shard, in the order of their tokens."""

    v: Annotated[int, Meta(ge=1)]
    entries: list[RegistryEntry]


class Manifest(Struct, frozen=True, omit_defaults=True):
    """What the registry consists of at `version`; a shard that is not named is empty.

    `sealing_key` is the hub's public key, to which gates seal what only the hub may read (`wire.sealing`).
    `resumes_ns` is when the site resumes work; None: the hub does not say, and each gate's own setting counts.
    """

    v: Annotated[int, Meta(ge=1)]
    version: Version
    shards: dict[ShardNumber, Digest]
    sealing_key: Annotated[str, Meta(max_length=64)] = ""
    resumes_ns: TimeNs | None = None


class Beat(Struct, frozen=True):
    """The hub's word that `version` was the newest at `time_ns`."""

    v: Annotated[int, Meta(ge=1)]
    version: Version
    time_ns: TimeNs


def shard_of(token: str) -> int:
    """The shard of a token: the first ten bits of its SHA-256, so that any tokens spread evenly."""
    return int.from_bytes(hashlib.sha256(token.encode()).digest()[:2], "big") % SHARDS


def digest_of(payload: bytes) -> str:
    """What a manifest says of a shard's bytes: 96 bits of SHA-256 in URL-safe base64.

    It tells a torn or outdated shard from the right one; who may publish is the broker's business (access lists).
    """
    return base64.urlsafe_b64encode(hashlib.sha256(payload).digest()[:12]).decode()
