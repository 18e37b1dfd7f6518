"""A badge at a lane, as gates tell each other: live, and again to a gate that was away."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from wire.events import Direction, Name, TimeNs, Token

Version = Annotated[int, Meta(ge=1)]
SLICE_S = 600
"""Sightings are compared between gates by slices of this many seconds."""
MOST_IN_MESSAGE = 400
"""Sightings in one answer: under 128 KiB."""
SliceNumber = Annotated[int, Meta(ge=0, le=2**63 // (SLICE_S * 10**9))]
Print = Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]


class Sighting(Struct, frozen=True, gc=False):
    """A badge at a lane; `entered` when its holder is taken to have gone through."""

    badge: Token
    gate: Name
    lane: Name
    direction: Direction
    at_ns: TimeNs
    entered: bool = False
    v: Version = 1


class Recall(Struct, frozen=True, omit_defaults=True):
    """A gate's question to one other, or to all (`of` None): what did you see since `since_ns` that I do not know?

    `known` are fingerprints of what the asker has of each gate's own sightings, by slice of time (`edge.catching_up`).
    """

    v: Version
    gate: Name
    since_ns: TimeNs
    of: Name | None = None
    known: dict[Name, dict[SliceNumber, Print]] = {}


class Recalled(Struct, frozen=True):
    """A part of the answer: sightings of `gate` itself."""

    v: Version
    gate: Name
    sightings: Annotated[list[Sighting], Meta(max_length=MOST_IN_MESSAGE)]
