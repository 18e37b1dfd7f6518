"""A badge at a lane, as gates tell each other."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from wire.events import Direction, Name, TimeNs, Token


class Sighting(Struct, frozen=True):
    """A badge at a lane; `entered` when its holder is taken to have gone through."""

    badge: Token
    gate: Name
    lane: Name
    direction: Direction
    at_ns: TimeNs
    entered: bool = False
    v: Annotated[int, Meta(ge=1)] = 1
