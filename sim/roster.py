"""Who belongs to a simulated site: each person's team, shift, ways and badge; each vehicle's plate and errand."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from enum import StrEnum
from typing import Any

from msgspec import Struct

from sim.meals import Seat, seat, slots
from sim.people import SimPerson, SimVehicle, population, stream, vehicles
from sim.plant import Plant
from wire.events import MAX_TIME_NS
from wire.registry import Flag, Holder, RegistryCopy, RegistryEntry
from wire.tokens import TokenKind, token

UNKNOWN_SHARE = 0.01
"""Of people: their badge is in no register."""
CONTRACTOR_SHARE = 0.1
UNREGISTERED_SHARE = 0.15
"""Of vehicles: deliveries that nobody announced."""
VISITORS_OF_DAYS = 2
"""So many days' visitors come in turn; each has a badge of a visitor."""
ISOLATION_DAYS = 14
_FOR_EVER_NS = MAX_TIME_NS
"""What the registry of a morning does not know, it grants: that a vehicle is dirty is the truth's to tell."""


class Errand(StrEnum):
    DELIVERY = "delivery"
    COMMUTER = "commuter"


class Member(Struct, frozen=True, kw_only=True):
    """One person of the plant. Indices count from 0; `returns_day` is when somebody comes back from elsewhere."""

    badge: str
    """A token."""
    holder: Holder
    registered: bool
    team: int
    shift: int
    gate: int
    office: bool
    dormitory: bool
    seat: Seat
    slot: str
    """When the team eats, as `11:30-12:00`; "" for who has no meal here."""
    returns_day: int | None


class Car(Struct, frozen=True, kw_only=True):
    """One vehicle: of a delivery, or a commuter bus, which belongs to a shift (`shift` None for deliveries)."""

    plate: str
    """A token."""
    errand: Errand
    registered: bool
    gate: int
    shift: int | None


class Site(Struct, frozen=True, kw_only=True):
    """One site's people and vehicles, the same all days; `people[i]` is the body of `members[i]`.

    Behind the `staff` first members come visitors, whose team is theirs alone and who have no shift (-1).
    """

    name: str
    seed: int
    plant: Plant
    staff: int
    people: list[SimPerson]
    members: list[Member]
    fleet: list[SimVehicle]
    cars: list[Car]


def token_key(seed: int) -> bytes:
    """A simulated plant's token key: of its seed, so the same at each run; worth nothing where people are real."""
    return hashlib.sha256(f"simulated plant {seed}".encode()).hexdigest().encode()


def sites(plant: Plant, seed: int, key: bytes) -> list[Site]:
    """All sites of a plant; a lone site has the plant's seed. Raises `ValueError` for a key that is too short."""
    names = plant.site_names()
    if len(names) == 1:
        return [site(plant, names[0], seed, key)]
    return [site(plant, name, int(stream(seed, "site", name).integers(2**32)), key) for name in names]


def site(plant: Plant, name: str, seed: int, key: bytes) -> Site:
    """One site of a plant, from its own seed."""
    people = population(seed, plant.people + plant.visitors_per_day * VISITORS_OF_DAYS)
    buses = _buses(plant)
    fleet = vehicles(seed, plant.vehicles + sum(buses))
    return Site(
        name=name,
        seed=seed,
        plant=plant,
        staff=plant.people,
        people=people,
        members=_members(plant, seed, people[: plant.people], key) + _visitors(plant, people, key),
        fleet=fleet,
        cars=_cars(plant, seed, fleet, buses, key),
    )


def _buses(plant: Plant) -> list[int]:
    """How many commuter buses each shift has."""
    if not plant.people_per_bus:
        return [0] * len(plant.shifts)
    town = plant.people * (1 - plant.dormitory_share)
    weight = sum(shift.share for shift in plant.shifts)
    return [round(town * shift.share / weight / plant.people_per_bus) for shift in plant.shifts]


def _members(plant: Plant, seed: int, people: list[SimPerson], key: bytes) -> list[Member]:
    draw = stream(seed, "roster")
    count = len(people)
    weight = sum(shift.share for shift in plant.shifts)
    teams = -(-count // plant.team_size)
    shifts = draw.choice(len(plant.shifts), size=teams, p=[shift.share / weight for shift in plant.shifts])
    offices = draw.random(teams) < plant.office_share
    seats = _seats(plant, shifts.tolist())
    meals = [slots(plant, shift) for shift in plant.shifts]
    chances = draw.random((count, 4))
    gates, days = draw.integers(plant.gates, size=count), draw.integers(21, size=count)
    return [
        Member(
            badge=token(key, TokenKind.BADGE, person.badge),
            holder=Holder.CONTRACTOR if chances[number, 0] < CONTRACTOR_SHARE else Holder.EMPLOYEE,
            registered=bool(chances[number, 1] >= UNKNOWN_SHARE),
            team=(team := number // plant.team_size),
            shift=int(shifts[team]),
            gate=int(gates[number]),
            office=bool(offices[team]) and plant.offices > 0,
            dormitory=bool(chances[number, 2] < plant.dormitory_share),
            seat=seats[team],
            slot=str(of_shift[seats[team].sitting]) if (of_shift := meals[int(shifts[team])]) else "",
            returns_day=int(days[number]) if chances[number, 3] < plant.returnee_share else None,
        )
        for number, person in enumerate(people)
    ]


def _seats(plant: Plant, shifts: list[int]) -> list[Seat]:
    """Of each team."""
    before = [0] * len(plant.shifts)
    found = []
    for shift in shifts:
        found.append(seat(plant, before[shift]))
        before[shift] += 1
    return found


def _visitors(plant: Plant, people: list[SimPerson], key: bytes) -> list[Member]:
    return [
        Member(
            badge=token(key, TokenKind.BADGE, people[number].badge),
            holder=Holder.VISITOR,
            registered=True,
            team=number,
            shift=-1,
            gate=number % plant.gates,
            office=False,
            dormitory=False,
            seat=Seat(-1, number),
            slot="",
            returns_day=None,
        )
        for number in range(plant.people, len(people))
    ]


def _cars(plant: Plant, seed: int, fleet: list[SimVehicle], buses: list[int], key: bytes) -> list[Car]:
    draw = stream(seed, "cars")
    of_shift = [shift for shift, count in enumerate(buses) for _ in range(count)]
    chances, gates = draw.random(len(fleet)), draw.integers(plant.gates, size=len(fleet))
    return [
        Car(
            plate=token(key, TokenKind.PLATE, vehicle.plate),
            errand=Errand.DELIVERY if number < plant.vehicles else Errand.COMMUTER,
            registered=number >= plant.vehicles or bool(chances[number] >= UNREGISTERED_SHARE),
            gate=int(gates[number]),
            shift=None if number < plant.vehicles else of_shift[number - plant.vehicles],
        )
        for number, vehicle in enumerate(fleet)
    ]


def registry(site: Site, isolated: Collection[int] = (), version: int = 1) -> RegistryCopy:
    """What the gates of a site know: all who are registered; `isolated` are the numbers of those who are refused."""
    people = [
        RegistryEntry(
            member.badge,
            member.holder,
            flags=(*((Flag.ISOLATION,) if number in isolated else ()), *_returnee(member)),
            **_visit(member),
        )
        for number, member in enumerate(site.members)
        if member.registered
    ]
    cars = [
        RegistryEntry(car.plate, Holder.VEHICLE, disinfected_until_ns=_FOR_EVER_NS)
        for car in site.cars
        if car.registered
    ]
    return RegistryCopy(v=1, version=version, entries=people + cars)


def _visit(member: Member) -> dict[str, Any]:
    """Visitors are announced: for a reason, with whom they visit, and until when."""
    if member.holder is not Holder.VISITOR:
        return {}
    return {"until_ns": _FOR_EVER_NS, "reason_stated": True, "hosted": True}


def _returnee(member: Member) -> tuple[Flag, ...]:
    return () if member.returns_day is None else (Flag.RETURNEE,)


def home_from_elsewhere(site: Site, day: int) -> list[int]:
    """Who is back from elsewhere for less than fourteen days, and so belongs into isolation, on the day from 0."""
    return [
        number
        for number, member in enumerate(site.members)
        if member.returns_day is not None and 0 <= day - member.returns_day < ISOLATION_DAYS
    ]
