"""What a hub's file says about rounds of disinfection (`[rounds]`)."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from hub.alerts.oncall import DayTime

Kind = Literal["workshop", "office", "dormitory", "canteen", "isolation", "commuter"]
Times = Annotated[list[DayTime], Meta(max_length=12)]


class RoundSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """By when each place is disinfected, at most `within_h` hours before it, on these weekdays (1 is Monday; all where
    none are named). `times` are every place's but for the kinds in `kinds`; a place of its own times has them in the
    console (the order asks for several rounds a day where it matters most)."""

    times: Times = field(default_factory=lambda: ["08:00", "20:00"])
    within_h: Annotated[float, Meta(gt=0, le=24)] = 4.0
    weekdays: list[Annotated[int, Meta(ge=1, le=7)]] = []
    kinds: dict[Kind, Times] = {}
