"""What gates may know of who and what is registered: a person or a vehicle in, entries of the registry out. Pure.

A returnee is under observation for 14 days (or as many as the site decides) from the day of return (day 1), as a case
is: while it lasts, and where the day is not known, they are refused (`QUARANTINE`) and told from others by a listed
area (`LISTED_AREA`). After it, or once somebody has ended the isolation of this return by name, they are only
`RETURNEE`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, timedelta

from msgspec.structs import replace

from hub.registry.models import Badge, BadgeKey, Person, PersonKind, Vehicle, Visit
from wire.events import MAX_TIME_NS
from wire.registry import Flag, Holder, RegistryEntry

OBSERVATION_DAYS = 14
_HOLDERS = {
    PersonKind.EMPLOYEE: Holder.EMPLOYEE,
    PersonKind.CONTRACTOR: Holder.CONTRACTOR,
    PersonKind.VISITOR: Holder.VISITOR,
}


def is_listed(origin: str, areas: Collection[str]) -> bool:
    """Whether an origin lies in an area of the list: 湖北省武汉市 does where 湖北 or 武汉 is listed."""
    return any(area in origin for area in areas)


def is_observed(
    origin: str, returned_on: date | None, areas: Collection[str], today: date, days: int = OBSERVATION_DAYS
) -> bool:
    """Whether the days of observation are not over; without an origin nobody is back from elsewhere."""
    if not origin:
        return False
    if returned_on is None:
        return is_listed(origin, areas)
    return today < returned_on + timedelta(days=days)


def flags_of(
    person: Person,
    *,
    isolated: bool,
    areas: Collection[str],
    today: date,
    days: int = OBSERVATION_DAYS,
    answered: bool = False,
) -> tuple[Flag, ...]:
    """What gates must know of a person; `isolated`: a case of theirs is open, `answered`: that of this return ended."""
    observed = not answered and is_observed(person.origin, person.returned_on, areas, today, days)
    flags = {
        Flag.ISOLATION: isolated,
        Flag.RETURNEE: bool(person.origin) and person.returned_on is not None,
        Flag.QUARANTINE: observed,
        Flag.LISTED_AREA: observed and is_listed(person.origin, areas),
        Flag.EXEMPT: bool(person.exempt),
    }
    return tuple(flag for flag, holds in flags.items() if holds)


def of_person(
    person: Person,
    *,
    isolated: bool,
    areas: Collection[str],
    today: date,
    days: int = OBSERVATION_DAYS,
    answered: bool = False,
    visit: Visit | None = None,
) -> list[RegistryEntry]:
    """An entry for each of the badges; none for somebody who is erased or no longer active.

    `visit` is a visitor's: why and to whom they come.
    """
    if not person.active or person.erased_ns is not None:
        return []
    flags = flags_of(person, isolated=isolated, areas=areas, today=today, days=days, answered=answered)
    gates = tuple(gate for gate in person.gates.split(",") if gate)
    entries = [
        _of_badge(badge, _HOLDERS[person.kind], flags, gates) for badge in person.badges if badge.key != BadgeKey.PAST
    ]
    if visit is None:
        return entries
    return [replace(entry, reason_stated=bool(visit.reason), hosted=bool(visit.host)) for entry in entries]


def with_health(entries: Iterable[RegistryEntry], *, held: bool, declared_until_ns: int | None) -> list[RegistryEntry]:
    """The entries of somebody with what they declared: kept away until it is settled, or well until a moment."""
    ill = (Flag.DECLARED_ILL,) if held else ()
    until_ns = None if held else declared_until_ns
    return [replace(entry, flags=entry.flags + ill, declared_until_ns=until_ns) for entry in entries]


def with_recheck(entries: Iterable[RegistryEntry], until_ns: int) -> list[RegistryEntry]:
    """The entries of somebody in isolation by a camera's word alone, which a guard's thermometer may end until then."""
    return [replace(entry, recheck_until_ns=until_ns) for entry in entries]


def of_vehicle(vehicle: Vehicle, *, now_ns: int) -> list[RegistryEntry]:
    """An entry for the plate, and for the tag where there is one; none for a vehicle whose time is over."""
    if is_over(vehicle, now_ns):
        return []
    entries = _of_plate_and_tag(vehicle, vehicle.plate_token, vehicle.tag_token)
    if vehicle.old_plate_token is not None:
        entries += _of_plate_and_tag(vehicle, vehicle.old_plate_token, vehicle.old_tag_token)
    return entries


def _of_plate_and_tag(vehicle: Vehicle, plate_token: str, tag_token: str | None) -> list[RegistryEntry]:
    until_ns = vehicle.disinfected_until_ns if vehicle.must_disinfect else MAX_TIME_NS
    plate = RegistryEntry(
        plate_token,
        Holder.VEHICLE,
        from_ns=vehicle.from_ns,
        until_ns=vehicle.until_ns,
        disinfected_until_ns=until_ns,
    )
    if tag_token is None:
        return [plate]
    return [replace(plate, tag=tag_token), replace(plate, token=tag_token, plate=plate_token)]


def is_over(vehicle: Vehicle, now_ns: int) -> bool:
    """Whether a vehicle is no longer registered."""
    return vehicle.until_ns is not None and vehicle.until_ns <= now_ns


def _of_badge(badge: Badge, holder: Holder, flags: tuple[Flag, ...], gates: tuple[str, ...]) -> RegistryEntry:
    return RegistryEntry(badge.token, holder, from_ns=badge.from_ns, until_ns=badge.until_ns, flags=flags, gates=gates)
