"""A hub's real parts for a month: stores, projections, watches, the keeper of standings, console and InfluxDB."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from functools import partial
from itertools import groupby
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.accounts.models import Role
from hub.accounts.pace import Pace
from hub.alerts.chains import AllChannels
from hub.alerts.course import StoreSettings
from hub.alerts.desk import AlertDesk
from hub.alerts.notifier import Clocks
from hub.alerts.store import AlertStore
from hub.cases import ward
from hub.cases.keeper import CaseKeeper
from hub.cases.models import Case, Cause, End
from hub.cases.record import IsolationLine, isolations
from hub.cases.watch import IsolationWatch
from hub.crowds.desk import CrowdDesk
from hub.crowds.settings import CheckpointSettings, MealSettings
from hub.crowds.watch import CrowdWatch
from hub.database import Database
from hub.duties import corrections
from hub.duties.desk import DutyDesk
from hub.duties.watch import DutyWatch
from hub.figures import Figures
from hub.forms import declarations
from hub.forms.health import Answers
from hub.influx import InfluxSettings, Writer, open_writer
from hub.projections.checks import Checks
from hub.projections.moves import Moves
from hub.projections.rollups import Marked, Rollups, publish_once
from hub.registry import visitors
from hub.registry.models import Badge, Person, Visit
from hub.registry.office import PeopleOffice, Touched
from hub.registry.store import Registrar, RegistryStore
from hub.registry.visits import Visits
from hub.reports.gather import Sources, report_of
from hub.reports.setup import attendance_of
from hub.rounds.record import RoundRecord
from hub.rounds.settings import RoundSettings
from hub.standings.accounts import account_of
from hub.standings.file import Standings
from hub.standings.keeper import Keeper
from hub.web.app import AlertPages, Office, create_app
from hub.web.notices import NoticePages
from hub.web.reports import ReportPages
from hub.web.rounds import RoundPages
from hub.web.telephones import Telephones
from sim.plant import ZONE
from sim.roster import Site
from tests.support.console import WrittenBoard, signed_in
from tests.support.month.heard import DAY_NS, Heard
from tests.support.month.script import HOSPITAL, Deed, Script
from tests.support.plants import register
from tests.support.snapshots import bad_day
from tests.support.telephones import SIGNER

KEY = b"a key of 16 bytes or more"
ANSWERS = {
    "none": Answers(temperature_c=36.5),
    "note": Answers(temperature_c=36.4, gathered="婚宴"),
    "call": Answers(temperature_c=36.6, contact="邻居发热"),
    "ill": Answers(temperature_c=38.1, symptoms=("fever", "cough")),
}
BY = "officer"


class Clock:
    """What the hub takes for now."""

    def __init__(self, now_ns: int) -> None:
        self.now_ns = now_ns

    def __call__(self) -> int:
        return self.now_ns


@dataclass
class MonthHub:
    """What tests ask."""

    site: Site
    clock: Clock
    database: Database
    office: PeopleOffice
    duties: DutyDesk
    alerts: AlertDesk
    sources: Sources
    standings: Standings
    checks: Checks
    projections: Sequence[Any]
    watches: Sequence[Any]
    watch: DutyWatch
    isolation: IsolationWatch
    keeper: Keeper
    influx: InfluxSettings
    marked: Sequence[Marked[Any]]
    writer: Writer
    console: httpx.AsyncClient
    visits: list[int] = field(default_factory=list)

    async def hear(self, heard: Heard) -> None:
        """Some hours of events."""
        self.clock.now_ns = heard.until_ns - 1
        if heard.entries:
            for projection in self.projections:
                await projection.apply(heard.entries)
        for watch in self.watches:
            await watch.look()

    async def begin(self, day: date, deeds: Sequence[Deed]) -> None:
        """A new day of the site, and what is done in its morning."""
        self.clock.now_ns = self.office.moment_ns(day, time(0, 5))
        await self.duties.begin_day()
        await self._do_all(deeds)

    async def end(self, day: date, script: Script, deeds: Sequence[Deed]) -> None:
        """What is done in the evening; then all looks, and the time series have everything."""
        self.clock.now_ns = self.office.moment_ns(day, time(23, 0))
        for deed in await self._do_all(deeds):
            script.ended_at(deed.badge, self.clock.now_ns)
        self.clock.now_ns = self.office.moment_ns(day, time(23, 59, 50))
        for watch in (*self.watches, self.isolation):
            await watch.look()
        await self.look()

    async def look(self) -> None:
        """The standings as they are now, and all that changed to the time series."""
        await self.alerts.refresh()
        await self.keeper.look()
        await self.keeper.account()
        while self.watch.waits:
            await self.keeper.account()
        for source in self.marked:
            while await publish_once(source, self.writer):
                pass

    async def _do_all(self, deeds: Sequence[Deed]) -> list[Deed]:
        """One after the other, in one go what is of one kind; the isolations that were ended."""
        for what, some in groupby(deeds, key=lambda deed: (deed.what, deed.more if deed.what == "paper" else None)):
            self.clock.now_ns += 10**9
            if what[0] == "look":
                await self.isolation.look()
            else:
                await self.office.change(partial(self._work, deeds=list(some)))
        return [deed for deed in deeds if deed.what == "close"]

    def _work(self, session: Session, deeds: Sequence[Deed]) -> tuple[None, Touched]:
        """As the console's forms do it."""
        people = {person for deed in deeds if (person := self._one(session, deed)) is not None}
        return None, Touched(people=people, day=deeds[0].more if deeds[0].what == "paper" else None)

    def _one(self, session: Session, deed: Deed) -> int | None:
        now_ns, today = self.clock.now_ns, self.office.today()
        person = session.scalar(select(Person).join(Badge).where(Badge.token == deed.badge)) if deed.badge else None
        match deed:
            case Deed("declare", _, str(concern)):
                made = declarations.declare(session, person.id, today, ANSWERS[concern], by="phone", now_ns=now_ns)
                assert made.concern.value == concern
            case Deed("settle"):
                for one in declarations.open_concerns(session):
                    declarations.settle(session, one.id, "谈过", by=BY, now_ns=now_ns)
            case Deed("announce", _, day):
                texts = {"name": "王访", "telephone": "13800000000", "host": self._host(session), "reason": "送货",
                         "day": day.isoformat(), "from": "09:00", "until": "17:00"}  # fmt: skip
                number, _ = visitors.announce(session, texts, self.office.hand(BY), self.office.moment_ns)
                query = select(Visit.id).join(Person, Visit.person_id == Person.id).where(Person.number == number)
                self.visits.append(session.scalars(query).one())
            case Deed("cancel", _, number):
                visitors.cancel(session, self.visits[number], BY, now_ns)
            case Deed("isolate"):
                opening = ward.Opening(person.id, Cause.CONTACT, 14, None, "同桌")
                ward.open_case(session, opening, today, by=BY, now_ns=now_ns)
            case Deed("paper", _, day):
                at_ns = min(self.office.moment_ns(day, time(12)) + len(str(person.id)), now_ns)
                corrections.add(session, corrections.Written(person.id, day, at_ns, "补测"), by=BY, now_ns=now_ns)
            case _:
                self._of_case(session, person, deed, now_ns)
        return None if person is None else person.id

    def _of_case(self, session: Session, person: Person, deed: Deed, now_ns: int) -> None:
        case = session.scalars(select(Case).where(Case.person_id == person.id, Case.closed_ns.is_(None))).one()
        match deed.what:
            case "report":
                ward.report(session, case.id, by=BY, now_ns=now_ns)
            case "grid":
                ward.enter_in_grid(session, case.id, by=BY, now_ns=now_ns)
            case "place":
                (place,) = ward.places(session)
                ward.move(session, case.id, place.place.id, "", by=BY, now_ns=now_ns)
            case "hospital":
                ward.move(session, case.id, None, HOSPITAL, by=BY, now_ns=now_ns)
            case "measure":
                ward.add_reading(session, case.id, 36.6, "", by=BY, now_ns=now_ns)
            case "close":
                end, why = End(str(deed.more)), "" if deed.more == "released" else "医生同意"
                ward.close_case(session, case.id, end, why, self.office.today(), by=BY, now_ns=now_ns)
            case other:
                raise ValueError(f"{other}: nothing that anybody does")

    @staticmethod
    def _host(session: Session) -> str:
        return session.scalars(select(Person.number).where(Person.number.regexp_match("^[0-9]+$")).limit(1)).one()


class _Record:
    """What other programs read."""

    def __init__(self, alerts: AlertDesk, checks: Checks, office: PeopleOffice, keeper: CaseKeeper) -> None:
        self._alerts, self._checks, self._office, self._keeper = alerts, checks, office, keeper

    async def events(self, after: int, limit: int) -> list[Any]:
        return []

    async def alerts(self, after: int, limit: int) -> list[Any]:
        return await self._alerts.alerts_after(after, limit)

    async def checks(self, from_ns: int, until_ns: int, after: tuple[str, str], limit: int) -> list[Any]:
        return await self._checks.between(from_ns, until_ns, after, limit)

    async def isolations(self) -> list[IsolationLine]:
        return await self._office.database.read(lambda session: isolations(session, self._keeper.rules))


@asynccontextmanager
async def month_hub(folder: Path, site: Site, influx: InfluxSettings) -> AsyncIterator[MonthHub]:
    """A hub on the day before the first."""
    clock = Clock(site.plant.begins_ns() - DAY_NS)
    database, registrar = Database(f"sqlite:///{folder / 'menshen.db'}"), Registrar(RegistryStore(folder / "r.db"))
    await database.start()
    await registrar.start()
    await database.write(partial(_register, site=site))
    checks, rollups = Checks(folder / "checks.db"), Rollups(folder / "rollups.db", ZONE)
    rounds, moves = RoundRecord(folder / "rounds.db", ZONE), Moves(folder / "moves.db")
    store = AlertStore(folder / "alerts.db", AllChannels(()), StoreSettings(zone="Asia/Shanghai"))
    alerts = AlertDesk(store, [], clocks=Clocks(now_ns=clock))
    office = PeopleOffice(database, registrar, KEY, ZONE, clock)
    cases = CaseKeeper(SimpleNamespace(read=_nothing), office, site.name, 37.3)  # type: ignore[arg-type] # of an archive it asks where to begin
    projections = [alerts, cases, checks, Visits(registrar, site.name, 86_400.0), rollups, rounds, moves]
    for projection in projections:
        await projection.start()
    canteens = [name for name in site.plant.places() if name.startswith("canteen")]
    seats = [
        CheckpointSettings(at=name, most_arriving=site.plant.canteen_seats, within_min=site.plant.sitting_min)
        for name in canteens
    ]
    crowds = CrowdDesk(moves, database, seats, MealSettings(tolerance_min=0), ZONE)
    duties, standings = DutyDesk(office, checks), Standings(folder / "standings.db")
    await standings.start()
    watch = DutyWatch(duties, alerts, standings, site.name, (), _yes)
    board, presence = WrittenBoard(bad_day()), SimpleNamespace(gates={})
    accounts = [watch.account, account_of(database, site.name, ZONE, duties.off)]
    keeper = Keeper(standings, board, presence, alerts, accounts, clock)  # type: ignore[arg-type] # no gate pulses here
    sources = Sources(site.name, database, attendance_of(duties), rollups, rounds, registrar, alerts, crowds, ZONE)
    pages = ReportPages(lambda day: report_of(sources, day, clock.now_ns), ZONE)
    telephones = Telephones(SIGNER, None, RoundPages(rounds, RoundSettings(), _untold), NoticePages(_quiet, list))  # type: ignore[arg-type]
    pace = Pace(burst=1e9)  # the clock stands still while a month is asked
    offices = Office(database, clock, office, telephones, crowds=crowds, duties=duties, reports=pages, pace=pace)
    app = create_app(
        board, site=site.name, version="0", zone=ZONE, office=offices, alerts=AlertPages(alerts),
        records=_Record(alerts, checks, office, cases),
    )  # fmt: skip
    writer = open_writer(influx)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub", timeout=60) as console:
        console.cookies.update(await signed_in(database, Role.OFFICER, now_ns=clock.now_ns + 60 * DAY_NS))
        yield MonthHub(
            site, clock, database, office, duties, alerts, sources, standings, checks, projections,
            [watch, CrowdWatch(site.name, crowds, alerts, now_ns=clock)], watch,
            IsolationWatch(office, alerts, site.name), keeper, influx, [standings, rollups, rounds], writer, console,
        )  # fmt: skip
    writer.close()
    await standings.stop()
    for projection in reversed(projections):
        await projection.stop()
    await registrar.stop()
    await database.stop()


def _register(session: Session, site: Site) -> None:
    register(session, site)
    session.flush()
    for place in ward.places(session):
        place.place.capacity = 40
    returns = {m.badge: m.returns_day for m in site.members if m.returns_day is not None}
    for token, person in session.execute(select(Badge.token, Person).join(Person)):
        if token in returns:
            person.origin, person.returned_on = "河北保定", site.plant.date(returns[token])


async def _untold(_event: object) -> None:
    """Nobody disinfects by telephone here."""


def _quiet() -> None:
    """Nobody writes notices here."""


async def _yes() -> bool:
    return True


async def _nothing(_work: object) -> int:
    return 1


def figures_of(hub: MonthHub) -> Figures:
    """The hub's own figures, as the console's boards read them."""
    return Figures(hub.sources.rollups, hub.standings, hub.sources.rounds, ZONE)


def days_of(site: Site, count: int) -> list[date]:
    """The first days of a plant."""
    return [site.plant.begins + timedelta(days=number) for number in range(count)]
