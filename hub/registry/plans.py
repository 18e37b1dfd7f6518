"""What registering these rows would change: the preview of an import, and the check of a form. Pure.

All or nothing: a plan with a fault is not carried out. A field that a file has no column for stays as it is; a record
that is not in the file stays as it is too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import NamedTuple

import msgspec

from hub.registry.entries import OBSERVATION_DAYS, is_listed, is_observed
from hub.registry.fields import Cell, Fault, Kind, Number, Record, Value
from hub.registry.sheets import Sheet
from wire.tokens import normal

MAX_FAULTS = 200


class Register(NamedTuple):
    """What is registered already, of what a plan touches: records by their key, and who holds which number."""

    records: Mapping[str, Record]
    holders: Mapping[Number, str]
    teams: frozenset[str] = frozenset()
    shifts: tuple[str, ...] = ()
    """By their names, as the site keeps them."""


class Site(NamedTuple):
    """What a site decides about returnees."""

    areas: Collection[str]
    isolation_place: bool
    today: date
    days: int = OBSERVATION_DAYS
    """Of an isolation."""


class RowFault(NamedTuple):
    """What is wrong, and in which row of the file."""

    row: int
    fault: Fault


class Change(NamedTuple):
    """One record that is new (`old` is None) or changes."""

    row: int
    old: Record | None
    new: Record

    def fields(self) -> dict[str, tuple[Value, Value]]:
        """What each field that changes was and becomes."""
        old = self.old or {}
        return {name: (old.get(name), value) for name, value in self.new.items() if old.get(name) != value}


class Plan(NamedTuple):
    """What an import would do."""

    changes: Sequence[Change]
    unchanged: int
    faults: Sequence[RowFault]
    more_faults: int
    teams: Sequence[str]
    """Teams that it would make."""
    isolating: int = 0
    """How many it would isolate, as they are back from elsewhere."""

    @property
    def new(self) -> list[Change]:
        return [change for change in self.changes if change.old is None]

    @property
    def changed(self) -> list[Change]:
        return [change for change in self.changes if change.old is not None]

    def digest(self) -> str:
        """The same for plans that do the same."""
        return hashlib.sha256(msgspec.json.encode([(change.old, change.new) for change in self.changes])).hexdigest()


def keys_of(kind: Kind, sheet: Sheet) -> tuple[set[str], set[Number]]:
    """The keys and numbers that a file names: what must be known to make a plan of it."""
    keys: set[str] = set()
    numbers: set[Number] = set()
    for row in sheet.rows:
        values, _ = kind.read_all(_cells(sheet, row.cells))
        keys.add(str(values.get(kind.key, "")))
        numbers |= {number.normal for number in kind.numbers(values)}
    return keys, numbers


def plan(kind: Kind, sheet: Sheet, register: Register, site: Site) -> Plan:
    """What a file would change."""
    rows = [(row.number, _cells(sheet, row.cells)) for row in sheet.rows]
    return plan_rows(kind, rows, register, site)


def plan_rows(kind: Kind, rows: Sequence[tuple[int, Mapping[str, Cell]]], register: Register, site: Site) -> Plan:
    """What rows of cells would change."""
    faults: list[RowFault] = []
    changes: dict[str, Change] = {}
    for number, cells in rows:
        change, wrong = _change(kind, number, cells, register, site)
        key = normal(str(change.new.get(kind.key, "")))
        if key and key in changes:
            wrong.append(Fault(kind.key, "twice", {"found": str(change.new[kind.key]), "row": str(changes[key].row)}))
        elif key:
            changes[key] = change
        faults += [RowFault(number, fault) for fault in wrong]
    faults += _taken(kind, list(changes.values()), register)
    faults = _said_once(faults)
    faults.sort(key=lambda fault: fault.row)
    real = [change for change in changes.values() if change.old is None or change.fields()]
    teams = sorted({str(change.new.get("team") or "") for change in real} - register.teams - {""})
    more = max(0, len(faults) - MAX_FAULTS)
    isolating = sum(_isolates(change, site) for change in real)
    return Plan(real, len(changes) - len(real), faults[:MAX_FAULTS], more, teams, isolating)


def _isolates(change: Change, site: Site) -> bool:
    """Whether somebody is isolated by this change: back from elsewhere, and not registered as such before."""
    new, day = change.new, change.new.get("returned_on")
    if (
        not new.get("active")
        or not isinstance(day, date)
        or day > site.today
        or not {"origin", "returned_on"} & set(change.fields())
    ):
        return False
    return is_observed(str(new.get("origin") or ""), day, site.areas, site.today, site.days)


def _cells(sheet: Sheet, cells: Sequence[Cell]) -> dict[str, Cell]:
    return {name: cells[at] if at < len(cells) else None for name, at in sheet.columns.items()}


def _change(
    kind: Kind, row: int, cells: Mapping[str, Cell], register: Register, site: Site
) -> tuple[Change, list[Fault]]:
    values, faults = kind.read_all(cells)
    faults += _shift(values, register.shifts)
    old = register.records.get(str(values.get(kind.key, "")))
    new = {**(kind.empty() if old is None else old), **values}
    missing = [field.name for field in kind.fields if field.required and field.name not in cells and old is None]
    faults += [Fault(name, "required") for name in missing]
    if not faults:
        faults += _returnee(old, new, site)
    return Change(row, old, new), faults


def _said_once(faults: Sequence[RowFault]) -> list[RowFault]:
    """That a site has no shifts at all is one error, not one in each row."""
    none = [found for found in faults if found.fault.key == "no-shifts-yet"]
    return [found for found in faults if found not in none[1:]]


def _shift(values: dict[str, Value], shifts: Sequence[str]) -> list[Fault]:
    """A shift that is named is one of the site's, and becomes spelt as it is there."""
    named = str(values.get("shift") or "")
    if not named:
        return []
    same = [shift for shift in shifts if normal(shift).lower() == normal(named).lower()]
    if named not in shifts and len(same) != 1:
        known = {"found": named[:40], "known": "、".join(shifts)}
        return [Fault("shift", "shift-unknown" if shifts else "no-shifts-yet", known)]
    values["shift"] = named if named in shifts else same[0]
    return []


def _returnee(old: Record | None, new: Record, site: Site) -> list[Fault]:
    """A site without an isolation place may not take in who comes from a listed area; one with it must know since when.

    Somebody who is registered already and whose origin does not change is not refused: they are here.
    """
    origin, returned_on = str(new.get("origin") or ""), new.get("returned_on")
    known = old is not None and all(old.get(name) == new.get(name) for name in ("origin", "returned_on", "active"))
    if known or not new.get("active") or not is_listed(origin, site.areas):
        return []
    if not isinstance(returned_on, date):
        return [Fault("returned_on", "listed-without-date", {"found": origin})]
    if is_observed(origin, returned_on, site.areas, site.today, site.days) and not site.isolation_place:
        return [Fault("origin", "no-isolation-place", {"found": origin})]
    return []


def _taken(kind: Kind, changes: Sequence[Change], register: Register) -> list[RowFault]:
    """Numbers that two records would have: within the file, or with one that keeps it."""
    faults = []
    in_file: dict[Number, Change] = {}
    touched = {str(change.new[kind.key]) for change in changes}
    for change in changes:
        key = str(change.new[kind.key])
        for number in kind.numbers(change.new):
            other = in_file.setdefault(number.normal, change)
            holder = register.holders.get(number.normal, key)
            values = {"found": number.number, "row": str(other.row), "holder": holder}
            if other is not change:
                faults.append(RowFault(change.row, Fault(number.field, "number-twice", values)))
            elif holder != key and holder not in touched:
                faults.append(RowFault(change.row, Fault(number.field, "number-taken", values)))
    return faults
