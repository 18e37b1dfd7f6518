"""A simulated plant that goes on now: what its truth says of one lane from this moment on, as what devices see.

The plant's first day is yesterday (in China), so at any time of the day its people are where they would be, and some
are ill or in isolation; at every start of one day with the same seed all is the same.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from sim.people import SimVehicle
from sim.plant import DAY_S, PERSON_LANE, ZONE, plant
from sim.roster import Site, registry, sites, token_key
from sim.scene import APPROACH_S, Drive, Visit
from sim.story import Story
from sim.truth import Misconduct, PersonTruth, Truth, VehicleTruth
from wire.errors import SettingsError
from wire.registry import RegistryCopy

_DECIDED_S = APPROACH_S + 1.0
"""From entering a lane to the decision."""
_FOR_EVER = 10**6


class Spot(NamedTuple):
    """One gate of a plant that goes on now."""

    plant: str
    seed: int
    site: str
    gate: str


def site_of(spot: Spot, now_ns: int, key: bytes | None = None) -> Site:
    """The site, its tokens of `key` (by default that of the seed). Raises `SettingsError` for a gate that is none."""
    which = replace(plant(spot.plant), begins=_yesterday(now_ns))
    named = {site: number for number, site in enumerate(which.site_names())}
    if spot.site not in named or spot.gate not in which.gate_names():
        gates = ", ".join(which.gate_names())
        raise SettingsError([f"{spot.plant}: no gate {spot.gate!r} of a site {spot.site!r}; expected one of: {gates}"])
    return sites(which, spot.seed, key or token_key(spot.seed))[named[spot.site]]


def _yesterday(now_ns: int) -> dt.date:
    return dt.datetime.fromtimestamp(now_ns / 1e9, ZONE).date() - dt.timedelta(days=1)


def known_now(site: Site, now_ns: int) -> RegistryCopy:
    """What the gates know at a moment: everybody who is isolated by then is refused."""
    story = Story(site)
    at_s = (now_ns - site.plant.begins_ns()) / 1e9
    for _ in story.days(int(at_s // DAY_S) + 1):
        pass
    return registry(site, story.isolated(at_s), version=1 + int(at_s))


def from_now(site: Site, gate: str, now_ns: int) -> Iterator[Truth]:
    """What is true at one gate from a moment on, in the order of time, for ever."""
    for day in Story(site).days(_FOR_EVER):
        yield from (truth for truth in day if truth.gate == gate and truth.time_ns > now_ns)


def visits(site: Site, gate: str, now_ns: int) -> Iterator[Visit]:
    """Who comes to the people's lane when; seconds from `now_ns` on."""
    numbers = {member.badge: number for number, member in enumerate(site.members)}
    for truth in from_now(site, gate, now_ns):
        if isinstance(truth, PersonTruth) and truth.lane == PERSON_LANE and truth.seen:
            visit = visit_of(site, numbers, truth, now_ns)
            if visit.begin_s >= 0:
                yield visit


def visit_of(site: Site, numbers: Mapping[str, int], truth: PersonTruth, zero_ns: int) -> Visit:
    """What devices see of a passage, in seconds since `zero_ns`; `numbers` are those of the members by their tokens."""
    begin_s = (truth.time_ns - zero_ns) / 1e9 - _DECIDED_S
    body = site.people[numbers[truth.person]]
    return Visit(
        begin_s=begin_s,
        person=replace(body, body_c=truth.body_c, skin_c=truth.skin_c),
        badge=None if truth.badge is None else site.people[numbers[truth.badge]].badge,
        badge_s=begin_s + APPROACH_S + 0.3 + (truth.time_ns // 1000 % 1000) / 1000,
        repeats=truth.time_ns // 1000 % 3 == 0,
        past_camera=Misconduct.PAST_CAMERA in truth.misconduct,
        follower=None if truth.follower is None else site.people[numbers[truth.follower]],
    )


def drives(site: Site, gate: str, now_ns: int) -> Iterator[Drive]:
    """Which vehicles come when; seconds from `now_ns` on."""
    plates: dict[str, SimVehicle] = {car.plate: vehicle for car, vehicle in zip(site.cars, site.fleet, strict=True)}
    for truth in from_now(site, gate, now_ns):
        if isinstance(truth, VehicleTruth):
            vehicle = plates[truth.vehicle]
            read = truth.facts.plate_read
            confidence = 0.97 if read else 0.4
            yield Drive((truth.time_ns - now_ns) / 1e9, vehicle, vehicle.plate if read else None, confidence)
