"""The console with its office over real stores, served on a free port of this machine, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import time_ns
from typing import Self

from hub.accounts import desk
from hub.accounts.models import Role
from hub.crowds.desk import CrowdDesk
from hub.crowds.settings import CheckpointSettings
from hub.database import Database
from hub.duties.desk import DutyDesk
from hub.forms.settings import FormSettings
from hub.projections.checks import Checks
from hub.projections.moves import Moves
from hub.registry.office import PeopleOffice
from hub.registry.store import Registrar, RegistryStore
from hub.releases.shelf import Shelf
from hub.settings import HubSettings
from hub.trust.service import Trust
from hub.web.app import Office, create_app
from hub.web.city import CityPages
from hub.web.reports import ReportPages
from hub.web.serve import WebServer
from tests.support.console import ZONE, WrittenBoard
from tests.support.reports import usual_city, usual_report
from tests.support.snapshots import bad_day
from tests.support.telephones import Recorded
from wire.registry import RegistryEntry

KEY = b"a key of the site, 16 bytes or more"
PASSWORD = "correct horse battery"
LIMITS = [
    CheckpointSettings(at="canteen", most_arriving=3, most_inside=4),
    CheckpointSettings(at="north", most_arriving=30),
]


class ServedOffice:
    """A console where one user of each role may sign in with `PASSWORD`."""

    def __init__(
        self,
        folder: Path,
        *,
        key: bytes | None = KEY,
        now_ns: Callable[[], int] = time_ns,
        authority: HubSettings | None = None,
        **forms: bool,
    ) -> None:
        self.board = WrittenBoard(bad_day())
        self._authority = authority
        self._forms = FormSettings(**forms)
        self._folder = folder
        self._key = key
        self._now_ns = now_ns
        self.url = ""

    def start(self) -> Self:
        ready = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(ready),), name="office")
        self._thread.start()
        if not ready.wait(20):
            raise RuntimeError("the console did not start within 20 s")
        return self

    def entry(self, token: str) -> RegistryEntry | None:
        """What the gates are told of a token."""

        def work(store: RegistryStore) -> RegistryEntry | None:
            with store.transaction() as db:
                return store.entry(db, token)

        return asyncio.run_coroutine_threadsafe(self.registrar.ask(work), self.loop).result(10)

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(10)

    async def _serve(self, ready: threading.Event) -> None:
        self.loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        database = Database(f"sqlite:///{self._folder / 'menshen.db'}")
        registrar = self.registrar = Registrar(RegistryStore(self._folder / "registry.db"))
        await database.start()
        await registrar.start()
        for role in Role:
            await database.write(
                lambda session, role=role: desk.add_user(
                    session, role.value, "王芳", role, PASSWORD, by="test", now_ns=1
                )
            )
        people = self.people = PeopleOffice(database, registrar, self._key, ZONE, self._now_ns, forms=self._forms)
        self.telephones = Recorded(self._folder)
        await self.telephones.start()
        moves = Moves(self._folder / "moves.db", ["north"])
        await moves.start()
        crowds = CrowdDesk(moves, database, LIMITS, zone=ZONE)
        self.checks = Checks(self._folder / "checks.db")
        await self.checks.start()
        self.duties = DutyDesk(people, self.checks)
        counting = asyncio.create_task(self.duties.keep())
        office = Office(
            database,
            self._now_ns,
            people,
            telephones=self.telephones.pages(),
            crowds=crowds,
            duties=self.duties,
            reports=ReportPages(usual_report, ZONE),
            city=CityPages(usual_city),
            shelf=Shelf(self._folder / "releases"),
            trust=None if self._authority is None else Trust(self._authority, database, self._now_ns),
        )
        app = create_app(self.board, site="baotou-1", version="0", zone=ZONE, office=office)
        server = WebServer(app, host="127.0.0.1", port=0)
        await server.start()
        self.url = server.url
        ready.set()
        await self._stopping.wait()
        await server.stop()
        counting.cancel()
        await self.checks.stop()
        await self.telephones.stop()
        await moves.stop()
        await registrar.stop()
        await database.stop()


@contextmanager
def served_office(
    folder: Path,
    *,
    key: bytes | None = KEY,
    now_ns: Callable[[], int] = time_ns,
    authority: HubSettings | None = None,
    **forms: bool,
) -> Iterator[ServedOffice]:
    """An office without anybody registered; with the settings of an authority it enrols gates."""
    office = ServedOffice(folder, key=key, now_ns=now_ns, authority=authority, **forms).start()
    try:
        yield office
    finally:
        office.stop()
