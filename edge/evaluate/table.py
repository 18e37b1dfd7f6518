"""The fever table: one row a person, with an oral temperature and what two cameras read in several rounds."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from wire.errors import DriverError

CAMERAS = ("flir", "ici")
ROUNDS = (1, 2, 3)
_MISSING = frozenset({"", "na", "nan", "null", "none"})
_PLAUSIBLE_C = (-30.0, 60.0)


class Look(Struct, frozen=True):
    """One round: the hottest of the face and of the canthi, in °C, corrected against the blackbody by `offset_k`."""

    face_c: float
    canthi_c: float
    offset_k: float | None = None


class Person(Struct, frozen=True):
    """One row. `looks` are by camera, the rounds that there are; `room_c` None where it was not noted."""

    oral_c: float
    time_ns: int
    room_c: float | None
    looks: dict[str, tuple[Look, ...]]


def people_of(path: Path) -> list[Person]:
    """Everybody with an oral temperature, in the order of time. Raises `DriverError` that names what is amiss."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, strict=True)
            _check_columns(path, rows.fieldnames)
            people = [person for row in rows if (person := _person(path, rows.line_num, row)) is not None]
    except UnicodeDecodeError as error:
        raise DriverError(f"{path}: is no text in UTF-8 ({error.reason}); expected a table with commas") from error
    except csv.Error as error:
        raise DriverError(f"{path}: is no table with commas: {error}") from error
    if not people:
        raise DriverError(f"{path}: nobody in it has an oral temperature (oral_monitor_c)")
    return sorted(people, key=lambda person: person.time_ns)


def needed_columns() -> list[str]:
    regions = ("T_Max", "canthiMax")
    return [
        "datetime",
        "ambient_c",
        "oral_monitor_c",
        *(f"{camera}_{region}_r{number}" for camera in CAMERAS for region in regions for number in ROUNDS),
    ]


def _check_columns(path: Path, found: object) -> None:
    names = list(found) if isinstance(found, list) else []
    missing = [name for name in needed_columns() if name not in names]
    if missing:
        first = ", ".join(missing[:4]) + (" …" if len(missing) > 4 else "")
        raise DriverError(
            f"{path}: {len(missing)} of the {len(needed_columns())} columns that are needed are not there: {first}; "
            "edge/thermal/README.md tells what a fever table holds"
        )


def _person(path: Path, line: int, row: dict[str, str | None]) -> Person | None:
    def number(column: str) -> float | None:
        return _number(path, line, column, row.get(column))

    oral_c = number("oral_monitor_c")
    if oral_c is None:
        return None
    looks = {camera: _looks(camera, number) for camera in CAMERAS}
    return Person(oral_c, _time_ns(path, line, row.get("datetime")), number("ambient_c"), looks)


def _looks(camera: str, number: Callable[[str], float | None]) -> tuple[Look, ...]:
    """The rounds in which the camera read both; a round that lacks one is left out."""
    found = []
    for one in ROUNDS:
        face_c, canthi_c = number(f"{camera}_T_Max_r{one}"), number(f"{camera}_canthiMax_r{one}")
        if face_c is not None and canthi_c is not None:
            found.append(Look(face_c, canthi_c, number(f"{camera}_T_offset_r{one}")))
    return tuple(found)


def _number(path: Path, line: int, column: str, cell: str | None) -> float | None:
    text = (cell or "").strip()
    if text.lower() in _MISSING:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not _PLAUSIBLE_C[0] <= value <= _PLAUSIBLE_C[1]:
        raise DriverError(
            f"{path}, line {line}, {column}: {text!r} is no temperature in °C; leave empty what is missing"
        )
    return value


def _time_ns(path: Path, line: int, cell: str | None) -> int:
    """Wall time; a missing one is 0: before all others."""
    text = (cell or "").strip()
    if text.lower() in _MISSING:
        return 0
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise DriverError(
            f"{path}, line {line}, datetime: {text!r} is no date and time like 2020-02-09 07:45"
        ) from error
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1e9)
