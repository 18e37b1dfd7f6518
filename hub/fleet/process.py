"""One of several processes that are one hub.

broker ── ingest (own gates) ── journal (PostgreSQL) ◄── the other processes
             ▲                     │
           member ◄── leases       └── while it leads: everything else of a hub (`hub.server`)

Ingest works in every process; what only one may do works in the one that leads. It stops as soon as its lease is over,
and the lock of the data folder lets nobody begin before it has.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from hub.backup import LEADER
from hub.fleet.archive import FleetArchive
from hub.fleet.ingest import FleetIngest
from hub.fleet.journal import PostgresJournal
from hub.fleet.leases import Leases
from hub.fleet.member import Member
from hub.fleet.seat import Seat
from hub.fleet.settings import FleetSettings
from hub.presence import Presence
from hub.server import COMMIT_SIGN_S, Hub
from hub.settings import HubSettings
from wire.errors import JournalError, MenshenError
from wire.process import SoleOwner
from wire.service import notify
from wire.watchdog import Sign, Watchdog

log = structlog.get_logger(__name__)

LEADING_LOOK_S = 0.05
TRY_AGAIN_S = 10.0
"""After it could not lead, a process leaves it to others for so long."""
BEAT_SIGN_S = 60.0


class FleetHub:
    """Works until it is cancelled, then gives everything back."""

    def __init__(self, settings: HubSettings, fleet: FleetSettings, make: Callable[[Seat], Hub]) -> None:
        """`make` makes the hub that this process is while it leads."""
        if settings.embedded_broker.enabled:
            raise MenshenError(
                "[embedded_broker]: ends with its process; the processes of a [fleet] need one of their own"
            )
        url = fleet.journal or settings.database_url
        self.member = Member(Leases(url, fleet.name, fleet.lease_s), fleet.lease_s, may_lead=self._may_lead)
        self.archive = FleetArchive(PostgresJournal(url, self.member.terms))
        client_id = f"menshen-hub-{settings.site}-{fleet.name}"
        presence = Presence(self.archive, settings.alerts.gate_silent_after_s)  # nobody watches it: the leader's is
        self.ingest = FleetIngest(self.archive, presence, settings.broker, client_id, settings.site, self.member)
        self.member.changed = self.ingest.look
        self.leading: Hub | None = None
        """The hub that this process is, while it leads."""
        self._make, self._allowed, self._not_before_s = make, fleet.may_lead, 0.0
        self._data = Path(settings.data)
        self._folder = SoleOwner(self._data / LEADER)

    async def run(self, ready: asyncio.Event | None = None) -> None:
        """Raises `MenshenError` when something cannot start."""
        await self.archive.start()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.member.run(self.archive), name="leases")
                tasks.create_task(self.ingest.run(), name="ingest")
                tasks.create_task(self._lead(), name="lead")
                tasks.create_task(Watchdog(self.signs).run(), name="watchdog")
                if ready is not None:
                    ready.set()
        finally:
            notify(STOPPING=1)
            await self.archive.stop()

    def signs(self) -> dict[str, Sign]:
        """How far each part has got, for the watchdog."""
        found = {} if self.leading is None else dict(self.leading.signs())
        found["ingest"] = Sign(self.ingest.commits if self.ingest.has_work else None, COMMIT_SIGN_S)
        found["leases"] = Sign(self.member.beats, BEAT_SIGN_S)
        return found

    def _may_lead(self) -> bool:
        return self._allowed and time.monotonic() >= self._not_before_s

    async def _lead(self) -> None:
        """Be the hub for as long as this process leads, again and again."""
        while True:
            await self._until(leads=True)
            try:
                await self._lead_once()
            except MenshenError as error:
                log.error("this process cannot lead, another may", error=str(error))
                self._not_before_s = time.monotonic() + TRY_AGAIN_S
                if self.member.leads:
                    await self._give_up()

    async def _give_up(self) -> None:
        try:
            await self.member.give_up_leading(self.archive)
        except JournalError as error:
            log.warning("the lead is not given up, it runs out", error=str(error))

    async def _lead_once(self) -> None:
        """Until it leads no longer. Raises `MenshenError` when the hub does not start or fails."""
        await asyncio.to_thread(self._take_folder)
        try:
            self.leading = self._make(Seat(self.archive, self.ingest))
            log.info("this process leads")
            work = asyncio.ensure_future(self.leading.run())
            watching = asyncio.ensure_future(self.archive.watch())
            ending = asyncio.ensure_future(self._until(leads=False))
            try:
                await asyncio.wait([work, watching, ending], return_when=asyncio.FIRST_COMPLETED)
                for task in (work, watching):
                    if task.done():
                        task.result()
            finally:
                for task in (work, watching, ending):
                    task.cancel()
                await asyncio.gather(work, watching, ending, return_exceptions=True)
                log.info("this process leads no longer")
        finally:
            self.leading = None
            self._folder.release()

    def _take_folder(self) -> None:
        try:
            self._data.mkdir(parents=True, exist_ok=True)
            self._folder.take()
        except OSError as error:
            raise MenshenError(f"{self._data}: {error.strerror}; whoever leads keeps its files there") from error

    async def _until(self, *, leads: bool) -> None:
        """A lease that is over tells nobody, so it is looked at."""
        while self.member.leads is not leads:  # noqa: ASYNC110 - see above
            await asyncio.sleep(LEADING_LOOK_S)
