"""How large a simulated plant is and how its people behave: a typed file, or one of three that are built in."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct
from msgspec.structs import replace

from wire import settings
from wire.errors import SettingsError
from wire.events import Name

Share = Annotated[float, Meta(ge=0, le=1)]
Hour = Annotated[float, Meta(ge=0, le=22)]
ZONE = ZoneInfo("Asia/Shanghai")


class Plant(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One plant, or `sites` alike ones. Numbers are of each site; shares of passages unless they say otherwise."""

    site: Name = "sim"
    sites: Annotated[int, Meta(ge=1, le=999)] = 1
    gates: Annotated[int, Meta(ge=1, le=99)] = 2
    people: Annotated[int, Meta(ge=1, le=100_000)] = 300
    vehicles: Annotated[int, Meta(ge=0, le=100_000)] = 60
    begins: dt.date = dt.date(2020, 2, 10)
    """The first day, in China."""
    work_from_h: Hour = 8.0
    work_to_h: Hour = 17.5
    fever_share: Share = 0.002
    """Of people, each day."""
    absent_share: Share = 0.05
    """Of people, each day."""
    forgotten_badge_share: Share = 0.01
    unmeasured_share: Share = 0.02
    tailgating_share: Share = 0.005
    unread_share: Share = 0.03
    """Of vehicles' passages."""

    def site_names(self) -> list[str]:
        """`sim`, or `sim-001`, `sim-002` … where there are several."""
        return [self.site] if self.sites == 1 else [f"{self.site}-{number:03d}" for number in range(1, self.sites + 1)]

    def gate_names(self) -> list[str]:
        return [f"gate-{number:02d}" for number in range(1, self.gates + 1)]

    def day_begins_ns(self, day: int) -> int:
        """Midnight in China of the day with that number, counted from 0, in nanoseconds since 1970 UTC."""
        date = self.begins + dt.timedelta(days=day)
        return int(dt.datetime.combine(date, dt.time(), ZONE).timestamp()) * 10**9


BUILT_IN = {
    "small": Plant(),
    "plant": Plant(gates=20, people=8_000, vehicles=800),
    "city": Plant(site="city", sites=300),
}


def plant(name: str, gates: int | None = None) -> Plant:
    """The built-in plant of that name, or the one in the TOML file of that name; `gates` takes the place of its own.

    Raises `SettingsError` when it is neither, or the file is wrong.
    """
    if name in BUILT_IN:
        found = BUILT_IN[name]
    elif Path(name).suffix == ".toml":
        found = _checked(settings.load(Path(name), Plant), name)
    else:
        hint = settings.nearest(name, BUILT_IN)
        raise SettingsError([f"plant {name!r}: expected {', '.join(BUILT_IN)} or a .toml file{hint}"])
    if gates is None:
        return found
    if not 1 <= gates <= 99:
        raise SettingsError([f"{gates} gates: expected 1 to 99"])
    return replace(found, gates=gates)


def _checked(found: Plant, name: str) -> Plant:
    problems = []
    if found.work_to_h <= found.work_from_h:
        problems.append(f"{name}: work_to_h = {found.work_to_h}: expected more than work_from_h = {found.work_from_h}")
    if found.sites > 1 and len(found.site) > 28:
        problems.append(f"{name}: site = {found.site!r}: expected at most 28 characters, as its sites are numbered")
    if problems:
        raise SettingsError(problems)
    return found
