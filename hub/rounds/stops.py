"""The places and commuter vehicles that are disinfected, as the site has them. Work on a session.

A stop's key is `place-ID` or `vehicle-ID`; its row, with the code of its QR picture, is made when it is first needed.
"""

from __future__ import annotations

import re
import secrets
from typing import NamedTuple

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from hub.accounts.audit import note
from hub.registry.models import Place, PlaceKind, Vehicle
from hub.rounds.models import RoundStop
from hub.rounds.plan import Stop

MOST_TIMES = 12
_TIME = re.compile(r"(?:[01]?\d|2[0-3]):[0-5]\d")


class NoTimes(Exception):
    """Text that is no list of times."""


class Named(NamedTuple):
    """A stop with what people call it; `code` is empty as long as it has none."""

    key: str
    stop: Stop
    title: str
    code: str


def stops(session: Session, now_ns: int) -> list[Named]:
    """All that have to be disinfected, by kind and title."""
    rows = session.scalars(select(RoundStop)).all()
    of_place = {row.place_id: row for row in rows if row.place_id is not None}
    of_vehicle = {row.vehicle_id: row for row in rows if row.vehicle_id is not None}
    found = [_of_place(one, of_place.get(one.id)) for one in session.scalars(select(Place).where(Place.active))]
    buses = select(Vehicle).where(Vehicle.commuter, or_(Vehicle.until_ns.is_(None), Vehicle.until_ns > now_ns))
    found += [_of_vehicle(one, of_vehicle.get(one.id)) for one in session.scalars(buses)]
    order = [kind.value for kind in PlaceKind]
    return sorted(found, key=lambda named: (order.index(named.stop.kind), named.title))


def by_key(session: Session, key: str, now_ns: int) -> Named | None:
    """The stop with this key."""
    return next((named for named in stops(session, now_ns) if named.key == key), None)


def by_code(session: Session, code: str, now_ns: int) -> Named | None:
    """The stop whose QR picture carries this code."""
    return next((named for named in stops(session, now_ns) if named.code and named.code == code), None)


def with_codes(session: Session, now_ns: int) -> list[Named]:
    """All stops, each with a code."""
    for named in stops(session, now_ns):
        if not named.code:
            _row(session, named)
    session.flush()
    return stops(session, now_ns)


def new_code(session: Session, key: str, *, by: str, now_ns: int) -> bool:
    """Another code for a stop: the pictures that hang there are good for nothing any more. False for none."""
    named = by_key(session, key, now_ns)
    if named is None:
        return False
    _row(session, named).code = _code()
    note(session, now_ns, by, "round-code-renewed", f"stop {key}")
    return True


def set_times(session: Session, key: str, text: str, *, by: str, now_ns: int) -> bool:
    """Give a stop times of its own; without any it has those of its kind. False for a stop that is none.

    Raises `NoTimes`.
    """
    named = by_key(session, key, now_ns)
    if named is None:
        return False
    times = times_in(text)
    _row(session, named).times = ",".join(times)
    note(session, now_ns, by, "round-times-set", f"stop {key}", times=times)
    return True


def times_in(text: str) -> list[str]:
    """Times of the day as people write several: `7:30, 12:00；18:30`. Raises `NoTimes`."""
    words = [word for word in re.split(r"[\s,;，；、]+", text.strip().replace("：", ":")) if word]
    if len(words) > MOST_TIMES or not all(_TIME.fullmatch(word) for word in words):
        raise NoTimes
    return sorted({word.zfill(5) for word in words})


def _of_place(place: Place, row: RoundStop | None) -> Named:
    stop = Stop(place.kind.value, place=place.name, times=_times(row))
    return Named(f"place-{place.id}", stop, place.title, row.code if row else "")


def _of_vehicle(vehicle: Vehicle, row: RoundStop | None) -> Named:
    tokens = {"vehicle": vehicle.plate_token, "vehicle_tag": vehicle.tag_token}
    stop = Stop(PlaceKind.COMMUTER.value, times=_times(row), **tokens)
    return Named(f"vehicle-{vehicle.id}", stop, vehicle.plate, row.code if row else "")


def _times(row: RoundStop | None) -> tuple[str, ...]:
    return tuple(time for time in row.times.split(",") if time) if row else ()


def _row(session: Session, named: Named) -> RoundStop:
    what, _, number = named.key.partition("-")
    column = RoundStop.place_id if what == "place" else RoundStop.vehicle_id
    row = session.scalar(select(RoundStop).where(column == int(number)))
    if row is None:
        row = RoundStop(**{f"{what}_id": int(number)}, code=_code())
        session.add(row)
    return row


def _code() -> str:
    return secrets.token_urlsafe(12)
