"""The registry that a simulated gate loads: nearly everybody is in it, a stated share is not, or is in isolation."""

from __future__ import annotations

from sim.people import population, stream, vehicles
from wire.registry import Flag, Holder, RegistryCopy, RegistryEntry
from wire.tokens import TokenKind, token

UNKNOWN_SHARE = 0.02
ISOLATION_SHARE = 0.005
UNREGISTERED_SHARE = 0.15
"""Of vehicles: deliveries that nobody announced."""


def registry(seed: int, people: int, vehicle_count: int, key: bytes) -> RegistryCopy:
    """The plant's registry. Raises `ValueError` for a key that is too short (`wire.tokens`)."""
    draw = stream(seed, "registry")
    entries = []
    for person in population(seed, people):
        known, isolated = draw.random() >= UNKNOWN_SHARE, draw.random() < ISOLATION_SHARE
        if known:
            flags = (Flag.ISOLATION,) if isolated else ()
            entries.append(RegistryEntry(token(key, TokenKind.BADGE, person.badge), Holder.EMPLOYEE, flags=flags))
    entries += [
        RegistryEntry(token(key, TokenKind.PLATE, vehicle.plate), Holder.VEHICLE)
        for vehicle in vehicles(seed, vehicle_count)
        if draw.random() >= UNREGISTERED_SHARE
    ]
    return RegistryCopy(v=1, version=1, entries=entries)
