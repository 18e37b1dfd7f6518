"""What was worked out of a day's moves, as it is kept beside them: whoever looks first waits for nobody to count.

It says of which moves, and meals also of which register, it is: of others it is worked out anew. So losing it, and
rebuilding the moves from the journal, change no figure.
"""

from __future__ import annotations

import zlib

import msgspec
from msgspec import Struct

from hub.crowds.counting import Crowd, Limit, Step
from hub.crowds.meals import TeamMeals, Visit
from hub.projections.moves import Extent

Register = tuple[int | str, ...]
"""What changes whenever somebody's card or team does, or a team's time."""


class KeptLimit(Struct, frozen=True, array_like=True):
    """A limit's day."""

    extent: Extent
    peak: Step | None
    crowds: list[Crowd]


class KeptMeals(Struct, frozen=True, array_like=True):
    """A canteen's day: who came, by person where the card is known; what that is by team; who came in others' time."""

    extent: Extent
    register: Register
    people: list[int]
    cards: list[str]
    teams: list[TeamMeals]
    out: list[Visit]


def name_of_limit(limit: Limit) -> str:
    """Under which name a limit's day is kept: another limit is another day's work."""
    return f"{limit.kind.value}/{limit.most}/{limit.span_ns}"


def name_of_meals(tolerance_min: float) -> str:
    """Under which name a canteen's day is kept."""
    return f"meals/{tolerance_min:g}"


def written(found: KeptLimit | KeptMeals) -> bytes:
    """As it stands in the file."""
    return zlib.compress(msgspec.msgpack.encode(found), 1)


def limit_read(body: bytes | None) -> KeptLimit | None:
    """None for nothing, and for what another version of the hub wrote."""
    return None if body is None else _limit(body)


def meals_read(body: bytes | None) -> KeptMeals | None:
    """None for nothing, and for what another version of the hub wrote."""
    return None if body is None else _meals(body)


def _limit(body: bytes) -> KeptLimit | None:
    try:
        return msgspec.msgpack.decode(zlib.decompress(body), type=KeptLimit)
    except (msgspec.MsgspecError, zlib.error):
        return None


def _meals(body: bytes) -> KeptMeals | None:
    try:
        return msgspec.msgpack.decode(zlib.decompress(body), type=KeptMeals)
    except (msgspec.MsgspecError, zlib.error):
        return None
