"""What a simulated plant is like: a typed file, or one of those that are built in.

Numbers are of each site. Shares are from 0 to 1; what they are shares of stands beside each.
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NamedTuple
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct
from msgspec.structs import replace

from wire import settings
from wire.errors import SettingsError
from wire.events import Name

Share = Annotated[float, Meta(ge=0, le=1)]
Hour = Annotated[float, Meta(ge=0, lt=24)]
Rate = Annotated[float, Meta(ge=0, le=1000)]
Positive = Annotated[float, Meta(gt=0)]
ZONE = ZoneInfo("Asia/Shanghai")
DAY_S = 86_400.0
PERSON_LANE, VEHICLE_LANE = "people", "vehicles"


class Kind(StrEnum):
    """Where a checkpoint is."""

    ENTRANCE = "entrance"
    OFFICE = "office"
    CANTEEN = "canteen"


class Checkpoint(NamedTuple):
    """One gate, as gates call themselves: an entrance of the plant, or the door of a place inside it."""

    gate: str
    kind: Kind

    @property
    def place(self) -> str | None:
        """What its lane leads into; a door is named after its place."""
        return None if self.kind is Kind.ENTRANCE else self.gate


class Shift(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One shift of every day. It may end after midnight. `share` is its weight among the shifts."""

    name: Name
    from_h: Hour
    to_h: Hour
    share: Positive = 1.0

    @property
    def hours(self) -> float:
        return (self.to_h - self.from_h) % 24


class Health(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How people fall ill. Shares are of people a day; the two of spread are of each contact a day."""

    brought_in_share: Share = 0.0002
    """Infected outside."""
    other_fever_share: Share = 0.0008
    """Feverish of something that does not spread here."""
    team_spread: Share = 0.008
    canteen_spread: Share = 0.01
    """The defaults make about 2.5 new infections of one that nobody isolates."""
    fever_of_infected: Share = 0.88
    """The others stay without a fever (Guan 2020, NEJM 382:1708: 88.7 % during the stay in hospital)."""


class Conduct(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How people behave, as shares of passages unless they say otherwise."""

    absent_share: Share = 0.05
    """Of people, each day."""
    forgotten_badge_share: Share = 0.01
    lent_badge_share: Share = 0.001
    passed_back_share: Share = 0.001
    """The badge is handed back over the barrier to the next."""
    tailgating_share: Share = 0.003
    wrong_way_share: Share = 0.001
    past_camera_share: Share = 0.01
    skipped_second_share: Share = 0.004
    """Leave the plant, or come into an office, by a way that has no reader."""
    out_of_slot_share: Share = 0.02
    """Of meals: at another team's time."""
    served_late_share: Share = 0.01
    """Of a canteen's sittings: one later, together with the next."""
    breach_share: Share = 0.05
    """Of people in isolation, each day: come to work all the same."""


class Climate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Means of the coldest and the warmest time of the year, °C (Baotou: January -11, July 23), and the spread."""

    winter_c: float = -11.0
    summer_c: float = 23.0
    daily_swing_c: Annotated[float, Meta(ge=0, le=30)] = 12.0
    spell_sd_c: Annotated[float, Meta(ge=0, le=20)] = 5.0
    """Spread of a day's mean about the season's; spells last some days."""
    wind_ms: Annotated[float, Meta(ge=0, le=40)] = 3.0
    warm_passage_min: Annotated[float, Meta(ge=0, le=30)] = 4.0
    """How long one walks in the warm before the camera."""


class Faults(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What breaks: how often a gate and week, and how long it lasts on the average, in minutes."""

    power_cuts: Rate = 0.5
    power_min: Positive = 20.0
    link_outages: Rate = 1.5
    link_min: Positive = 45.0
    camera_faults: Rate = 0.3
    camera_min: Positive = 15.0
    reader_faults: Rate = 0.2
    reader_min: Positive = 8.0
    slow_link_share: Share = 0.1
    """Of gates: a link of some seconds."""
    wrong_clock_share: Share = 0.5
    """Of starts after a power cut: the clock is wrong until it is synchronised."""
    unread_plate_share: Share = 0.03


class Plant(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One plant, or `sites` alike ones."""

    site: Name = "sim"
    sites: Annotated[int, Meta(ge=1, le=999)] = 1
    gates: Annotated[int, Meta(ge=1, le=99)] = 2
    named: tuple[Name, ...] = ()
    """Names of the first gates; the others are `gate-01`, `gate-02` … by their place."""
    offices: Annotated[int, Meta(ge=0, le=99)] = 1
    """Office entrances, with a checkpoint each."""
    canteens: Annotated[int, Meta(ge=0, le=99)] = 1
    """With a checkpoint each at the door."""
    people: Annotated[int, Meta(ge=1, le=100_000)] = 300
    team_size: Annotated[int, Meta(ge=1, le=1000)] = 15
    office_share: Share = 0.15
    """Of teams."""
    dormitory_share: Share = 0.3
    """Of people: a short walk, others come from town."""
    canteen_sittings: Annotated[int, Meta(ge=1, le=20)] = 3
    """Of each shift, one after the other; teams eat by turns."""
    canteen_seats: Annotated[int, Meta(ge=1, le=10_000)] = 60
    """More people at once are a crowd."""
    sitting_min: Annotated[float, Meta(gt=0, le=240)] = 30.0
    meal_after_h: Annotated[float, Meta(ge=0, le=14)] = 3.5
    """From the beginning of a shift; one that ends before its last sitting has no meal."""
    eaters_share: Share = 0.7
    """Of people on duty: eat in the canteen."""
    returnee_share: Share = 0.02
    """Of people: come back from elsewhere within the first three weeks."""
    visitors_per_day: Annotated[int, Meta(ge=0, le=5000)] = 6
    vehicles: Annotated[int, Meta(ge=0, le=100_000)] = 60
    """That deliver; some on each day."""
    delivery_from_h: Hour = 7.0
    delivery_h: Annotated[float, Meta(gt=0, le=24)] = 10.0
    """For so many hours of each day."""
    people_per_bus: Annotated[int, Meta(ge=0, le=1000)] = 60
    """People from town to one commuter bus; 0 for no buses."""
    undisinfected_share: Share = 0.02
    """Of vehicles' entries, and of disinfection rounds: left out."""
    begins: dt.date = dt.date(2020, 2, 10)
    """The first day, in China."""
    shifts: tuple[Shift, ...] = (
        Shift(name="day", from_h=8.0, to_h=17.5, share=0.7),
        Shift(name="late", from_h=15.0, to_h=23.0, share=0.2),
        Shift(name="night", from_h=22.5, to_h=6.5, share=0.1),
    )
    health: Health = Health()
    conduct: Conduct = Conduct()
    climate: Climate = Climate()
    faults: Faults = Faults()

    def site_names(self) -> list[str]:
        """`sim`, or `sim-001`, `sim-002` … where there are several."""
        return [self.site] if self.sites == 1 else [f"{self.site}-{number:03d}" for number in range(1, self.sites + 1)]

    def entrance_names(self) -> list[str]:
        numbered = [f"gate-{number:02d}" for number in range(1, self.gates + 1)]
        return [*self.named[: self.gates], *numbered[len(self.named) :]]

    def checkpoints(self) -> list[Checkpoint]:
        """The entrances, then the doors of offices, then of canteens; who is where goes by these numbers."""
        found = [Checkpoint(name, Kind.ENTRANCE) for name in self.entrance_names()]
        for kind, count in ((Kind.OFFICE, self.offices), (Kind.CANTEEN, self.canteens)):
            found += [Checkpoint(name, kind) for name in _several(kind, count)]
        return found

    def gate_names(self) -> list[str]:
        """Of all checkpoints."""
        return [checkpoint.gate for checkpoint in self.checkpoints()]

    def office(self, number: int) -> int:
        """The checkpoint of an office, by its number from 0."""
        return self.gates + number

    def canteen(self, number: int) -> int:
        return self.gates + self.offices + number

    def places(self) -> list[str]:
        """What is to be disinfected beside the commuter vehicles; a plant has these, with a checkpoint or without."""
        offices, canteens = _several(Kind.OFFICE, self.offices or 1), _several(Kind.CANTEEN, self.canteens or 1)
        return ["workshop", *offices, "dormitory", *canteens, "isolation"]

    def begins_ns(self) -> int:
        """Midnight in China of the first day, in nanoseconds since 1970 UTC; a day has 86,400 s there."""
        return int(dt.datetime.combine(self.begins, dt.time(), ZONE).timestamp()) * 10**9

    def date(self, day: int) -> dt.date:
        """Of the day with that number, from 0."""
        return self.begins + dt.timedelta(days=day)


def _several(kind: Kind, count: int) -> list[str]:
    """`office`, or `office-1`, `office-2` … where there are several."""
    return [kind.value] if count == 1 else [f"{kind.value}-{number}" for number in range(1, count + 1)]


def _round_the_clock() -> tuple[Shift, ...]:
    """A shift every half an hour, so that at any time somebody comes and somebody goes."""
    starts = [half / 2 for half in range(48)]
    return tuple(Shift(name=f"shift-{start * 10:03.0f}", from_h=start, to_h=(start + 8) % 24) for start in starts)


BUILT_IN = {
    "small": Plant(),
    "plant": Plant(
        gates=20,
        offices=4,
        canteens=6,
        canteen_sittings=6,
        canteen_seats=150,
        people=8_000,
        vehicles=800,
        visitors_per_day=60,
        team_size=20,
    ),
    "city": Plant(site="city", sites=300),
    "demo": Plant(
        site="demo",
        gates=1,
        named=("north",),
        people=6_000,
        offices=0,
        canteens=0,
        visitors_per_day=0,
        people_per_bus=0,
        vehicles=3000,
        delivery_from_h=0.0,
        delivery_h=24.0,
        undisinfected_share=0.0,
        shifts=_round_the_clock(),
        health=Health(other_fever_share=0.08),
        conduct=Conduct(breach_share=0.1, passed_back_share=0.0, wrong_way_share=0.0, tailgating_share=0.02),
        faults=Faults(power_cuts=0.0, link_outages=0.0, camera_faults=0.0, reader_faults=0.0),
    ),
}


def plant(name: str, gates: int | None = None) -> Plant:
    """The built-in plant of that name, or the one in the TOML file of that name; `gates` takes the place of its own.

    Raises `SettingsError` when it is neither, or the file is wrong.
    """
    if name in BUILT_IN:
        found = BUILT_IN[name]
    elif Path(name).suffix == ".toml":
        found = settings.load(Path(name), Plant)
    else:
        hint = settings.nearest(name, BUILT_IN)
        raise SettingsError([f"plant {name!r}: expected {', '.join(BUILT_IN)} or a .toml file{hint}"])
    if gates is not None:
        if not 1 <= gates <= 99:
            raise SettingsError([f"{gates} gates: expected 1 to 99"])
        found = replace(found, gates=gates)
    return _checked(found, name)


def _checked(found: Plant, name: str) -> Plant:
    problems = []
    if not found.shifts:
        problems.append(f"{name}: shifts: none; expected at least one")
    problems += [
        f"{name}: shift {shift.name}: from_h = {shift.from_h} to_h = {shift.to_h}: expected 1 to 14 hours"
        for shift in found.shifts
        if not 1 <= shift.hours <= 14
    ]
    if len(set(found.gate_names())) < len(found.gate_names()):
        problems.append(f"{name}: named = {found.named}: two gates of one name; expected a name of its own for each")
    if found.sites > 1 and len(found.site) > 28:
        problems.append(f"{name}: site = {found.site!r}: expected at most 28 characters, as its sites are numbered")
    if found.climate.winter_c > found.climate.summer_c:
        problems.append(f"{name}: winter_c = {found.climate.winter_c}: expected less than summer_c")
    if problems:
        raise SettingsError(problems)
    return found
