"""What a site says about crowds and meals (`[[checkpoints]]` and `[meals]` in `hub.toml`)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from wire.events import Name

People = Annotated[int, Meta(ge=1, le=100_000)]
Minutes = Annotated[float, Meta(gt=0, le=24 * 60)]


class CheckpointSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A limit at one checkpoint. `at` is a place that lanes lead into (`place` in `gate.toml`), or a gate.

    More than `most_arriving` people within `within_min`, or more than `most_inside` at once, are a crowd. Whoever went
    in is inside until they are seen to go out, and at most for `stay_min`.
    """

    at: Name
    most_arriving: People | None = None
    within_min: Minutes = 10.0
    most_inside: People | None = None
    stay_min: Minutes = 60.0


class MealSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`tolerance_min`: so long before and after its time a team may come to the canteen. Somebody is told once
    `tell_from` people of one team came in other teams' time on one day."""

    tolerance_min: Annotated[float, Meta(ge=0, le=120)] = 5.0
    tell_from: Annotated[int, Meta(ge=1)] = 3
