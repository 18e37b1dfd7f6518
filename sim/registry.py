"""The registry that a simulated gate loads: nearly everybody is in it, a stated share is not, or is in isolation."""

from __future__ import annotations

from typing import NamedTuple

from sim.people import badge_number, stream, vehicles
from wire.registry import Flag, Holder, RegistryCopy, RegistryEntry
from wire.tokens import TokenKind, token

UNKNOWN_SHARE = 0.02
ISOLATION_SHARE = 0.005
UNREGISTERED_SHARE = 0.15
"""Of vehicles: deliveries that nobody announced."""


class Standing(NamedTuple):
    """Whether each person is registered, whether each person is in isolation, whether each vehicle is registered."""

    known: list[bool]
    isolated: list[bool]
    vehicles: list[bool]


def standing(seed: int, people: int, vehicle_count: int) -> Standing:
    """What the registry of that seed says of each person and vehicle; who is not registered cannot be in isolation."""
    draw = stream(seed, "registry")
    chances = draw.random((people, 2))
    known = chances[:, 0] >= UNKNOWN_SHARE
    isolated = known & (chances[:, 1] < ISOLATION_SHARE)
    registered = draw.random(vehicle_count) >= UNREGISTERED_SHARE
    return Standing(known.tolist(), isolated.tolist(), registered.tolist())


def registry(seed: int, people: int, vehicle_count: int, key: bytes) -> RegistryCopy:
    """The plant's registry. Raises `ValueError` for a key that is too short (`wire.tokens`)."""
    known, isolated, registered = standing(seed, people, vehicle_count)
    entries = [
        RegistryEntry(
            token(key, TokenKind.BADGE, badge_number(number)),
            Holder.EMPLOYEE,
            flags=(Flag.ISOLATION,) if isolated[number] else (),
        )
        for number in range(people)
        if known[number]
    ]
    entries += [
        RegistryEntry(token(key, TokenKind.PLATE, vehicle.plate), Holder.VEHICLE)
        for vehicle, is_registered in zip(vehicles(seed, vehicle_count), registered, strict=True)
        if is_registered
    ]
    return RegistryCopy(v=1, version=1, entries=entries)
