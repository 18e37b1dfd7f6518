"""How large the plant is, and what follows from that."""

from __future__ import annotations

import time
from datetime import date, datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from msgspec import Struct

from wire.tokens import TokenKind, token

KEY = b"a key of the bench, 16 bytes or more"
SITE = "baotou-1"
TEAM = 25
DAY_NS = 86_400 * 10**9
HOUR_NS = 3600 * 10**9
SHIFTS_H = ((8, 16), (16, 24), (0, 8))
A_DAY = 4
"""Passages of somebody who works: in, to the canteen and back, out."""
WORKS = 5 / 7


class Size(Struct, frozen=True, dict=True):
    """`now_ns` is when it was filled. Everybody works five days of seven, in three shifts."""

    people: int
    passages: int
    zone: str
    now_ns: int
    gates: int = 80
    """Entrances; the canteens' lanes come beside."""
    canteens: int = 4

    @cached_property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    @property
    def days(self) -> int:
        """So many days make that many passages, today being the last."""
        return max(2, round(self.passages / (self.people * A_DAY * WORKS)))

    @property
    def teams(self) -> int:
        return -(-self.people // TEAM)

    @property
    def today(self) -> date:
        return datetime.fromtimestamp(self.now_ns / 1e9, self.tz).date()

    def is_today(self) -> bool:
        return datetime.fromtimestamp(time.time(), self.tz).date() == self.today

    def midnight_ns(self, days_ago: int = 0) -> int:
        """When the site's day began, so many days ago; the zone has no summer time."""
        here = datetime.fromtimestamp(self.now_ns / 1e9, self.tz).replace(hour=0, minute=0, second=0, microsecond=0)
        return round(here.timestamp()) * 10**9 - days_ago * DAY_NS


def badge(person: int) -> str:
    """The number on a card; people are counted from 1."""
    return f"{1_000_000 + person}"


def badge_token(person: int) -> str:
    return token(KEY, TokenKind.BADGE, badge(person))


def plate(vehicle: int) -> str:
    return f"蒙B{vehicle:05d}"


def plate_token(vehicle: int) -> str:
    return token(KEY, TokenKind.PLATE, plate(vehicle))


def works(person: int, weekday: int) -> bool:
    """Teams rest two days of the week, each its own."""
    return (weekday + person // TEAM) % 7 < 5
