"""Where a report's figures come from: in a hub that runs, and for a command beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from hub.alerts.channels.mail import MailSettings
from hub.alerts.setup import make_desk
from hub.crowds.desk import CrowdDesk
from hub.database import Database
from hub.duties.desk import DutyDesk
from hub.duties.roll import Group
from hub.duties.standing import Off
from hub.projections.checks import Checks
from hub.projections.moves import Moves
from hub.projections.rollups import FILE as ROLLUPS_FILE
from hub.projections.rollups import Rollups
from hub.registry.command import FILE as REGISTRY_FILE
from hub.registry.office import PeopleOffice
from hub.registry.store import Registrar, RegistryStore
from hub.reports.figures import Alike, Mark
from hub.reports.gather import Attendance, Attended, Sources
from hub.reports.post import Post
from hub.rounds.record import FILE as ROUNDS_FILE
from hub.rounds.record import RoundRecord
from hub.settings import HubSettings


def attendance_of(duties: DutyDesk) -> Attendance:
    """Who is on duty on a day and how often measured, by the roll of that day."""

    async def attendance(day: date, marked: Mapping[str, Collection[int]]) -> Attended:
        book = await duties.book(day)
        people = [
            Alike(book.team(group.team_id), group.grid, _off(group, measured), measured, count)
            for group, counts in book.roll.counts().items()
            for measured, count in enumerate(counts)
            if count
        ]
        marks: Counter[Mark] = Counter()
        for name, ids in marked.items():
            for group, count in book.roll.groups_of(ids).items():
                marks[Mark(book.team(group.team_id), group.grid, name)] += count
        return Attended(people, marks)

    return attendance


def _off(group: Group, measured: int) -> str | None:
    """Why people of the group are not on duty: whose shift nobody knows is, where they were measured."""
    if group.off is None or (group.off is Off.UNKNOWN and measured):
        return None
    return group.off.value


def post_of(settings: HubSettings, zone: ZoneInfo | None) -> Post | None:
    """How reports are sent; None where they are not."""
    if settings.report is None:
        return None
    server = next(
        channel
        for channel in settings.channels
        if isinstance(channel, MailSettings) and channel.name == settings.report.channel
    )
    return Post(settings.site, settings.report, server, zone)


@asynccontextmanager
async def opened(settings: HubSettings) -> AsyncIterator[Sources]:
    """The stores of a hub, for somebody beside it who only reads. Raises `DatabaseError`, `JournalError`."""
    data, zone = Path(settings.data), ZoneInfo(settings.zone) if settings.zone else None
    database, registrar = Database(settings.database_url), Registrar(RegistryStore(data / REGISTRY_FILE))
    checks, rollups = Checks(data / "checks.db"), Rollups(data / ROLLUPS_FILE, zone)
    rounds, moves = RoundRecord(data / ROUNDS_FILE, zone), Moves(data / "moves.db")
    alerts = make_desk(settings)
    async with AsyncExitStack() as stack:
        for store in (database, registrar):
            await store.start()
            stack.push_async_callback(store.stop)
        for projection in (checks, rollups, rounds, moves):
            await projection.start()
            stack.push_async_callback(projection.stop)
        await alerts.run(alerts.store.open)
        stack.push_async_callback(alerts.stop)
        office = PeopleOffice(
            database, registrar, None, zone, opens_on=settings.opens_on, isolation=settings.isolation,
            forms=settings.forms,
        )  # fmt: skip
        crowds = CrowdDesk(moves, database, settings.checkpoints, settings.meals, zone)
        yield Sources(
            settings.site, database, attendance_of(DutyDesk(office, checks, settings.duties)), rollups, rounds,
            registrar, alerts, crowds, zone, settings.opens_on, settings.isolation.days,
        )  # fmt: skip
