"""Who came to a canteen and how, by the tokens of their badges: for other programs."""

from __future__ import annotations

from datetime import date

from msgspec import Struct

from hub.crowds.desk import CrowdDesk

_NO_BADGE = "passage "
"""As `Moves` names whoever had none."""


class MealLine(Struct, frozen=True):
    """One arrival at a canteen; `badge` is "" for whoever had none, `meal` one of `Meal`."""

    site: str
    place: str
    time_ns: int
    badge: str
    meal: str


async def meals(crowds: CrowdDesk, site: str, day: date) -> list[MealLine]:
    """All arrivals of a day, canteen by canteen in the order of time. Raises `JournalError`, `DatabaseError`."""
    return [
        MealLine(site, place.name, visit.time_ns, "" if visit.who.startswith(_NO_BADGE) else visit.who, visit.meal)
        for place in await crowds.canteens()
        for visit in await crowds.visits(place, day)
    ]
