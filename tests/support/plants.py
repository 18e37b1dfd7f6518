"""A simulated plant heard by a hub's real stores: what its truth can be held against."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import time
from pathlib import Path
from typing import NamedTuple

from sqlalchemy.orm import Session

from hub.alerts.chains import AllChannels
from hub.alerts.course import StoreSettings
from hub.alerts.desk import AlertDesk
from hub.alerts.store import AlertStore
from hub.crowds.desk import CrowdDesk
from hub.crowds.settings import CheckpointSettings, MealSettings
from hub.database import Database
from hub.duties.desk import DutyDesk
from hub.journal import Entry
from hub.projections.checks import Checks
from hub.projections.moves import Moves
from hub.projections.rollups import Rollups
from hub.registry.models import Badge, Person, Place, PlaceKind, Shift, Team
from hub.registry.office import PeopleOffice
from hub.registry.store import Registrar, RegistryStore
from hub.registry.visits import Visits
from hub.reports.gather import Sources
from hub.reports.setup import attendance_of
from hub.rounds.record import RoundRecord
from sim.plant import ZONE, Plant
from sim.roster import Site, sites, token_key
from sim.story import Story
from sim.truth import DisinfectionTruth, Truth, event_of
from tests.support.journals import entry
from wire.events import AnyEvent, RoundDue

HOUR_NS = 3600 * 10**9


class Told(NamedTuple):
    """A site, what is true of its days, and what gates and hub say of them."""

    site: Site
    truths: list[Truth]
    entries: list[Entry]


def told(plant: Plant, seed: int, days: int) -> Told:
    """A plant's days as a hub hears them, rounds of disinfection included."""
    (site,) = sites(plant, seed, token_key(seed))
    truths = list(itertools.chain.from_iterable(Story(site).days(days)))
    said: list[tuple[str, AnyEvent]] = [(t.gate, event) for t in truths if (event := event_of(t)) is not None]
    said += [("hub", due) for truth in truths if isinstance(truth, DisinfectionTruth) and (due := due_of(truth))]
    entries = [entry(event, offset, offset, gate, site=site.name) for offset, (gate, event) in enumerate(said, 1)]
    return Told(site, truths, entries)


def due_of(truth: DisinfectionTruth) -> RoundDue:
    kind = "commuter" if truth.place is None else truth.place.split("-")[0]
    return RoundDue(
        time_ns=truth.due_ns, kind=kind, from_ns=truth.due_ns - 4 * HOUR_NS, until_ns=truth.due_ns + 4 * HOUR_NS,
        place=truth.place, vehicle=truth.vehicle,
    )  # fmt: skip


def register(session: Session, site: Site) -> None:
    """Everybody whose badge is registered, with team, shift and meal."""
    session.add_all([Place(name=name, title=name, kind=PlaceKind(name.split("-")[0])) for name in site.plant.places()])
    shifts = [
        Shift(name=shift.name, from_min=round(shift.from_h * 60), to_min=round(shift.to_h * 60))
        for shift in site.plant.shifts
    ]
    teams: dict[int, Team] = {}
    for number, member in enumerate(site.members[: site.staff]):
        if not member.registered:
            continue
        team = teams.setdefault(
            member.team,
            Team(name=f"班组{member.team:03d}", grid=f"网格{member.team % 3}", shift=shifts[member.shift],
                 meal_slot=member.slot),
        )  # fmt: skip
        person = Person(number=f"{number:05d}", name="李雷", team=team, created_ns=1, changed_ns=1)
        person.badges = [Badge(number=f"{number}", token=member.badge)]
        session.add(person)


@asynccontextmanager
async def hub_of(folder: Path, heard: Told, now_ns: int) -> AsyncIterator[Sources]:
    """What the report of a hub stands on that has heard all of it."""
    async with stores_of(folder, heard, now_ns) as (sources, _):
        yield sources


@asynccontextmanager
async def stores_of(folder: Path, heard: Told, now_ns: int) -> AsyncIterator[tuple[Sources, DutyDesk]]:
    """The same, and the desk of duties that the pages ask."""
    site = heard.site
    database, registrar = Database(f"sqlite:///{folder / 'menshen.db'}"), Registrar(RegistryStore(folder / "r.db"))
    await database.start()
    await registrar.start()
    await database.write(lambda session: register(session, site))
    checks, rollups = Checks(folder / "checks.db"), Rollups(folder / "rollups.db", ZONE)
    rounds, moves = RoundRecord(folder / "rounds.db", ZONE), Moves(folder / "moves.db")
    alerts = AlertDesk(AlertStore(folder / "a.db", AllChannels(()), StoreSettings(zone="Asia/Shanghai")), [])
    projections = (checks, rollups, rounds, moves, Visits(registrar, site.name, 86400.0), alerts)
    for projection in projections:
        await projection.start()
        await _feed(projection, heard.entries)
    office = PeopleOffice(database, registrar, None, ZONE, lambda: now_ns)
    seats = [
        CheckpointSettings(at=name, most_arriving=site.plant.canteen_seats, within_min=site.plant.sitting_min)
        for name in site.plant.places()
        if name.startswith("canteen")
    ]
    crowds = CrowdDesk(moves, database, seats, MealSettings(tolerance_min=0), ZONE)
    desk = DutyDesk(office, checks)
    duties = attendance_of(desk)
    sources = Sources(site.name, database, duties, rollups, rounds, registrar, alerts, crowds, ZONE)
    yield sources, desk
    for projection in reversed(projections):
        await projection.stop()
    await registrar.stop()
    await database.stop()


async def _feed(projection: object, entries: Sequence[Entry]) -> None:
    for begin in range(0, len(entries), 2000):
        await projection.apply(entries[begin : begin + 2000])  # type: ignore[attr-defined] # any projection


def moment_ns(plant: Plant, day: int, at: time = time.min) -> int:
    """A moment on the plant's clock, days counted from 0."""
    return plant.begins_ns() + (day * 86_400 + at.hour * 3600 + at.minute * 60) * 10**9
