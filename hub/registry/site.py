"""Teams, shifts, places and listed areas: what a site is made of. Work on a session; each change with its note."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.accounts.audit import note
from hub.registry.fields import Fault, Unfit, Wrong, end_of, time_of
from hub.registry.models import ListedArea, Place, PlaceKind, Shift, Team
from hub.registry.office import Touched

Texts = Mapping[str, str]
Thing = Team | Shift | Place | ListedArea
_TIME = r"(?:[01]\d|2[0-3]):[0-5]\d"
_SLOTS = re.compile(rf"{_TIME}-{_TIME}(?:,{_TIME}-{_TIME}){{0,3}}")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")


class Site(NamedTuple):
    """What the page of the site shows."""

    teams: list[Team]
    shifts: list[Shift]
    places: list[Place]
    areas: list[ListedArea]


def site(session: Session) -> Site:
    """All of it, by name."""
    return Site(
        list(session.scalars(select(Team).order_by(Team.name))),
        list(session.scalars(select(Shift).order_by(Shift.from_min, Shift.name))),
        list(session.scalars(select(Place).order_by(Place.name))),
        list(session.scalars(select(ListedArea).order_by(ListedArea.name))),
    )


def put(session: Session, what: str, key: int | None, texts: Texts, by: str, now_ns: int) -> tuple[None, Touched]:
    """Make a team, shift, place or area, or change the one with the key. Raises `Unfit`, and `KeyError` for a kind or
    a key that is none."""
    model, values_of = _KINDS[what]
    thing = model() if key is None else session.get(model, key)
    if thing is None:
        raise KeyError(key)
    values = values_of(session, texts)
    same = session.scalars(select(model).where(model.name == values["name"])).first()
    if same is not None and same.id != key:
        raise Unfit([Fault("name", "exists", {"found": values["name"]})])
    for name, value in values.items():
        setattr(thing, name, value)
    session.add(thing)
    session.flush()
    note(session, now_ns, by, f"{what}-{'added' if key is None else 'changed'}", f"{what} {thing.id}", **values)
    return None, Touched(everything=what == "area", teams=what in {"team", "shift"})


def remove(session: Session, what: str, key: int, by: str, now_ns: int) -> tuple[None, Touched]:
    """Take an area off the list. Raises `KeyError` for one that is none."""
    thing = session.get(ListedArea, key) if what == "area" else None
    if thing is None:
        raise KeyError(key)
    session.delete(thing)
    note(session, now_ns, by, "area-removed", f"area {key}", name=thing.name)
    return None, Touched(everything=True)


def clock(minute: int) -> str:
    """A minute of the day as people write it."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _text(texts: Texts, name: str, most: int, *, required: bool = False) -> str:
    text = " ".join(texts.get(name, "").split())
    if required and not text:
        raise Unfit([Fault(name, "required")])
    if len(text) > most:
        raise Unfit([Fault(name, "long", {"found": str(len(text)), "most": str(most)})])
    if not text.isprintable():
        raise Unfit([Fault(name, "control", {"found": ""})])
    return text


def _minute(texts: Texts, name: str, read: Callable[[str], str] = time_of) -> int:
    try:
        hour, minute = read(_text(texts, name, 20, required=True)).split(":")
    except Wrong as wrong:
        raise Unfit([Fault(name, wrong.key, wrong.values_)]) from None
    return int(hour) * 60 + int(minute)


def _team(session: Session, texts: Texts) -> dict[str, Any]:
    slot = re.sub("[;；，、]", ",", _text(texts, "meal_slot", 60).replace(" ", "")).replace("：", ":")
    if slot and not _SLOTS.fullmatch(slot):
        raise Unfit([Fault("meal_slot", "slot", {"found": slot})])
    shift = texts.get("shift", "")
    known = session.get(Shift, int(shift)) if shift.isascii() and shift.isdigit() and len(shift) < 18 else None
    if shift and known is None:
        raise Unfit([Fault("shift", "no-shift")])
    return {
        "name": _text(texts, "name", 60, required=True),
        "grid": _text(texts, "grid", 60),
        "leader": _text(texts, "leader", 60),
        "meal_slot": slot,
        "shift_id": None if known is None else known.id,
    }


def _shift(_session: Session, texts: Texts) -> dict[str, Any]:
    name = _text(texts, "name", 60, required=True)
    return {"name": name, "from_min": _minute(texts, "from"), "to_min": _minute(texts, "to", end_of)}


def _place(_session: Session, texts: Texts) -> dict[str, Any]:
    name = _text(texts, "name", 32, required=True)
    if not _NAME.fullmatch(name):
        raise Unfit([Fault("name", "gate", {"found": name})])
    kind = texts.get("kind", "")
    if kind not in {known.value for known in PlaceKind}:
        raise Unfit([Fault("kind", "required")])
    capacity = _text(texts, "capacity", 6) or "0"
    if not (capacity.isascii() and capacity.isdigit()):
        raise Unfit([Fault("capacity", "count", {"found": capacity})])
    if kind == PlaceKind.ISOLATION and int(capacity) == 0:
        raise Unfit([Fault("capacity", "no-capacity")])
    title = _text(texts, "title", 80, required=True)
    active = texts.get("active", "") == "yes"
    return {"name": name, "title": title, "kind": PlaceKind(kind), "capacity": int(capacity), "active": active}


def _area(_session: Session, texts: Texts) -> dict[str, Any]:
    return {"name": _text(texts, "name", 80, required=True)}


_Values = Callable[[Session, Texts], dict[str, Any]]
_KINDS: dict[str, tuple[type[Any], _Values]] = {
    "team": (Team, _team),
    "shift": (Shift, _shift),
    "place": (Place, _place),
    "area": (ListedArea, _area),
}
