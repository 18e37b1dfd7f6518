"""A site whose duties are counted: office, projection of measurements and desk, on a clock that the test moves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from msgspec.structs import replace
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.database import Database
from hub.duties.desk import DutyDesk
from hub.duties.roll import Figures, Line, total
from hub.duties.standing import DutyRules
from hub.projections.checks import Checks
from hub.registry.fields import PEOPLE
from hub.registry.models import Badge, Person, Shift, Team
from hub.registry.office import PeopleOffice, Touched
from hub.registry.store import Registrar, RegistryStore
from tests.support.events import fever
from tests.support.journals import entry

T = TypeVar("T")
ZONE = ZoneInfo("Asia/Shanghai")
KEY = b"a key of the site, 16 bytes or more"
MONDAY = date(2020, 2, 10)
HOUR_NS = 3600 * 10**9


def at(hour: float, day: int = 0) -> int:
    """So many hours after the midnight of Monday, and so many days."""
    return int(datetime(2020, 2, 10, tzinfo=ZONE).timestamp()) * 10**9 + round((hour + 24 * day) * HOUR_NS)


class DutySite:
    """Three shifts (白班 8-16, 中班 16-24, 夜班 24-8) and teams as a test makes them."""

    def __init__(self, url: str, folder: Path, rules: DutyRules | None = None, opens_on: date | None = None) -> None:
        self.now_ns = at(12)
        self.folder = folder
        self.database = Database(url)
        self.registrar = Registrar(RegistryStore(folder / "registry.db", lambda: self.now_ns))
        self.office = PeopleOffice(self.database, self.registrar, KEY, ZONE, lambda: self.now_ns, opens_on=opens_on)
        self.checks = Checks(folder / "checks.db")
        self.desk = DutyDesk(self.office, self.checks, rules)
        self.offset = 0

    async def start(self) -> None:
        await self.database.start()
        await self.registrar.start()
        await self.checks.start()
        await self.database.write(_shifts)

    async def stop(self) -> None:
        await self.checks.stop()
        await self.registrar.stop()
        await self.database.stop()

    async def put(self, number: str, team: str = "一班", **cells: object) -> int:
        """Register somebody; their id."""
        given = {"number": number, "name": f"李{number}", "team": team, "badges": f"B{number}", **cells}
        clock, self.now_ns = self.now_ns, at(0, -30)
        await self.office.put(PEOPLE, given, by="hr", known=None)
        self.now_ns = clock
        return await self.database.read(
            lambda session: session.scalars(select(Person.id).where(Person.number == number)).one()
        )

    async def change(self, work: Callable[[Session], T], *people: int) -> T:
        """Work as a page does it."""
        return await self.office.change(lambda session: (work(session), Touched(people=people)))

    async def team_works(self, shift: str | None, team: str = "一班") -> None:
        def work(session: Session) -> None:
            found = session.scalars(select(Team).where(Team.name == team)).one()
            found.shift = None if shift is None else session.scalars(select(Shift).where(Shift.name == shift)).one()

        await self.database.write(work)
        await self.desk.renew()

    async def measured(self, number: str, *hours: float, day: int = 0) -> None:
        """Somebody was measured at the gate."""
        badge = await self.database.read(
            lambda session: session.scalars(select(Badge.token).where(Badge.number == f"B{number}")).one()
        )
        entries = []
        for hour in hours:
            self.offset += 1
            entries.append(entry(replace(fever(self.offset, at(hour, day)), badge=badge), self.offset))
        await self.checks.apply(entries)

    async def line(self, person: int, day: date = MONDAY) -> Line | None:
        return (await self.desk.book(day)).roll.of(person, self.now_ns)

    async def figures(self, day: date = MONDAY) -> Figures:
        return total((await self.desk.book(day)).roll.figures(self.now_ns).values())


def _shifts(session: Session) -> None:
    session.add_all(
        Shift(id=n, name=name, from_min=begins * 60, to_min=ends * 60)
        for n, (name, begins, ends) in enumerate((("白班", 8, 16), ("中班", 16, 0), ("夜班", 0, 8)), start=1)
    )
