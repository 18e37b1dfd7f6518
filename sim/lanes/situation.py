"""What a situation is: a lane, what is told of it and when, and what ought to come of it."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from edge.clock import Instant
from edge.passage import BadgeSeen, Crossing, VehicleSeen
from edge.rules import PolicySettings
from edge.thermal.types import Reading
from wire.events import Direction, Outcome, Reason
from wire.registry import RegistryEntry
from wire.sightings import Sighting

ZERO_NS = 1_581_298_200_000_000_000
"""Situations begin on Monday 10 February 2020 at half past nine in Baotou (UTC+8)."""
GATE, LANE = "north", "people"


def moment(seconds: float) -> Instant:
    """So many seconds into a situation."""
    return Instant(ZERO_NS + int(seconds * 1e9), 10**12 + int(seconds * 1e9))


class Frame(Struct, frozen=True):
    """Whose faces a frame shows, by the numbers of their tracks."""

    at: Instant
    tracks: tuple[int, ...]


class ByHand(Struct, frozen=True):
    """A guard measures whoever showed this badge, or (`vehicle`) drives this vehicle."""

    badge: str | None
    body_c: float
    vehicle: str | None = None


class Overridden(Struct, frozen=True):
    """A guard lets in whoever showed this badge."""

    badge: str


class Washed(Struct, frozen=True):
    """A guard disinfects a vehicle."""

    vehicle: str


class DeviceWord(Struct, frozen=True):
    """The camera or the reader (`camera`, `badge`) is gone, or there again."""

    device: str
    works: bool


Word = BadgeSeen | Reading | Frame | Crossing | VehicleSeen | ByHand | Overridden | Washed | DeviceWord


class Told(Struct, frozen=True):
    """A word that reaches the lane at a moment."""

    at_s: float
    word: Word


class What(StrEnum):
    """Which event is expected."""

    PERSON = "person"
    CROSSING = "crossing"
    VEHICLE = "vehicle"
    BY_HAND = "by-hand"
    OVERRIDE = "override"


class Expected(Struct, frozen=True):
    """One event that ought to be there: about whom (their badge or vehicle, and whose temperature), when, and saying
    what.

    `entry`: somebody is inside who was not let in, and this is the event that says so.
    """

    what: What
    at_s: float
    outcome: Outcome
    reasons: frozenset[Reason]
    badge: str | None = None
    face: int | None = None
    entry: bool = False


class LaneFacts(Struct, frozen=True):
    """The lane where it happens."""

    vehicles: bool = False
    direction: Direction = Direction.IN
    counts: bool = False
    """A contact counts who goes through."""
    fail_safe: bool = False
    reads_tags: bool = False
    measures: bool = True


class Situation(Struct, frozen=True):
    """The `number`-th situation of a seed, of one kind."""

    number: int
    kind: str
    lane: LaneFacts
    policy: PolicySettings
    entries: tuple[RegistryEntry, ...]
    sightings: tuple[Sighting, ...]
    registry_age_s: float
    told: tuple[Told, ...]
    expected: tuple[Expected, ...]
    faces: dict[float, int]
    """Whose each skin temperature is: no two have the same."""
