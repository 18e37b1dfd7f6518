"""The hub, wired together: broker → ingest → journal → projections → people.

broker ── ingest ── archive (journal) ─┬─ timeseries → InfluxDB
            │                          ├─ alerts (desk) → channels
            │                          ├─ checks: who was measured
            │                          ├─ passes: who was at which checkpoint
            │                          ├─ rollups: hourly and daily figures → InfluxDB
            │                          ├─ rounds: what had to be disinfected, and was → InfluxDB
            │                          ├─ moves: who went into which place → crowds, meals → alerts
            │                          ├─ visits: who was registered at a gate → registry
            │                          ├─ cases: fevers → isolation → registry
         presence                      └─ board → console
notices (database) ── herald → broker → gates
people, cases (database) ── office → registry (store) ── publisher → broker → gates
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from time import time_ns
from zoneinfo import ZoneInfo

import structlog

from hub.accounts import desk
from hub.accounts.oidc import Provider
from hub.alerts import links
from hub.alerts.desk import AlertDesk
from hub.alerts.heartbeat import Sight, beat
from hub.alerts.setup import make_desk, make_links
from hub.archive import Archive
from hub.board import AlertRow
from hub.broker import EmbeddedBroker
from hub.cases.keeper import CaseKeeper
from hub.cases.record import IsolationLine, isolations
from hub.cases.signs import Rules
from hub.cases.watch import IsolationWatch
from hub.city.desk import CityDesk
from hub.city.view import CityView, city_view
from hub.city.view import Site as CitySite
from hub.configurations.publisher import SettingsPublisher
from hub.crowds.desk import CrowdDesk
from hub.crowds.watch import CrowdWatch
from hub.database import Database
from hub.duties.desk import DutyDesk
from hub.duties.hours import hours_by
from hub.duties.watch import DutyWatch
from hub.figures import Figures
from hub.fleet.ear import Ear
from hub.fleet.seat import Seat
from hub.forms.links import Signer
from hub.influx import InfluxSettings
from hub.ingest import Ingest
from hub.journal import Entry
from hub.live import LiveBoard
from hub.notices.herald import Herald
from hub.pictures.receiver import PictureReceiver
from hub.pictures.store import FOLDER as PICTURES
from hub.pictures.store import Pictures
from hub.presence import Presence
from hub.privacy.keeper import Retention
from hub.privacy.measured import JournalMeasured
from hub.projections.checks import CheckRow, Checks
from hub.projections.moves import Moves
from hub.projections.passes import FILE as PASSES_FILE
from hub.projections.passes import Passes
from hub.projections.rollups import FILE as ROLLUPS_FILE
from hub.projections.rollups import Rollups, publish
from hub.projections.runner import Projection, Runner
from hub.projections.timeseries import TimeSeries
from hub.registry import key
from hub.registry.command import FILE as REGISTRY_FILE
from hub.registry.office import PeopleOffice
from hub.registry.publisher import Publisher
from hub.registry.store import Registrar, RegistryStore
from hub.registry.visits import Visits
from hub.releases.publisher import ReleasePublisher
from hub.releases.shelf import FOLDER as RELEASES
from hub.releases.shelf import Shelf
from hub.reports.figures import DayReport, without_names
from hub.reports.gather import Sources, report_of
from hub.reports.post import Postman
from hub.reports.setup import attendance_of, post_of
from hub.rounds.clerk import Clerk
from hub.rounds.record import FILE as ROUNDS_FILE
from hub.rounds.record import RoundRecord
from hub.settings import HubSettings
from hub.standings.accounts import account_of
from hub.standings.file import FILE as STANDINGS_FILE
from hub.standings.file import Standings
from hub.standings.keeper import Keeper
from hub.token_keys.giver import KeyGiver
from hub.trust.service import Trust
from hub.web.app import AlertPages, Office, create_app
from hub.web.city import CityPages
from hub.web.dashboard import Boards
from hub.web.notices import NoticePages
from hub.web.privacy import PrivacyPages
from hub.web.reports import ReportPages
from hub.web.rounds import RoundPages
from hub.web.serve import WebServer
from hub.web.sign_in import Ways
from hub.web.telephones import Telephones
from wire.parts import keep_running
from wire.sealing import public_of
from wire.service import notify
from wire.tokens import read_key
from wire.watchdog import Sign, Watchdog

MakeBoards = Callable[[Figures, InfluxSettings | None, str | None], Boards]

log = structlog.get_logger(__name__)

PACE_S = 0.25
"""What pages nobody reads the journal this often at most while events come without a pause."""
PROJECTION_SIGN_S = 300.0
"""A batch of the slowest projection, with its waiting for a server that is away, takes less."""
COMMIT_SIGN_S = 120.0
NOTIFIER_SIGN_S = 300.0


class _Record:
    """The record for the HTTP API."""

    def __init__(self, archive: Archive, desk: AlertDesk, checks: Checks, office: PeopleOffice) -> None:
        self._archive, self._desk, self._checks, self._office = archive, desk, checks, office

    async def events(self, after: int, limit: int) -> list[Entry]:
        return await self._archive.after(after, limit)

    async def alerts(self, after: int, limit: int) -> list[AlertRow]:
        return await self._desk.alerts_after(after, limit)

    async def checks(self, from_ns: int, until_ns: int, after: tuple[str, str], limit: int) -> list[CheckRow]:
        return await self._checks.between(from_ns, until_ns, after, limit)

    async def isolations(self) -> list[IsolationLine]:
        rules = Rules(self._office.isolation, self._office.day_of)
        return await self._office.database.read(lambda session: isolations(session, rules))


def _pictures(settings: HubSettings) -> Pictures:
    return Pictures(Path(settings.data) / PICTURES, settings.alerts.pictures_keep_h * 3600)


class _Read:
    """The journal, of which only what every reader has read is forgotten."""

    def __init__(self, archive: Archive, runners: Sequence[Runner]) -> None:
        self._archive, self._runners = archive, runners

    async def forget(self, before_ns: int) -> int:
        return await self._archive.forget(before_ns, min(runner.cursor for runner in self._runners))


class Hub:
    """One hub. `run` works until it is cancelled, then stops everything in the reverse order."""

    def __init__(
        self, settings: HubSettings, version: str, boards: MakeBoards | None = None, seat: Seat | None = None
    ) -> None:
        """`boards` makes what the console's boards show; the room that has them hands it in (`menshen.py`).
        `seat` is what one of several processes has already; what is in it is neither started nor stopped here."""
        data = Path(settings.data)
        self._seat = seat
        self.archive = Archive(data / "journal.db") if seat is None else seat.archive
        self.presence = Presence(
            self.archive,
            settings.alerts.gate_silent_after_s,
            registry_old_after_s=settings.alerts.registry_old_after_s,
        )
        self._receiver = PictureReceiver(settings.site, _pictures(settings), settings.broker)
        self.desk = make_desk(settings, self._receiver.pictures.of_alert)
        self.board = LiveBoard(self.archive, self.presence, self.desk, settings.site)
        self.database = Database(settings.database_url)
        self.checks = Checks(data / "checks.db")
        self.passes = Passes(data / PASSES_FILE)
        self.registrar = Registrar(RegistryStore(data / REGISTRY_FILE))
        self._link(settings, data)
        zone = ZoneInfo(settings.zone) if settings.zone else None
        pages = AlertPages(self.desk, make_links(settings), self._receiver.pictures)
        self.office = self._office(settings, zone)
        self.rounds = RoundRecord(data / ROUNDS_FILE, zone)
        self._clerk = Clerk(settings.site, self.archive, self.database, settings.rounds, zone)
        self._trust = None if settings.authority is None else Trust(settings, self.database)
        self._giver = self._key_giver(settings)
        telephones = self._telephones(settings, data)
        crowds = self._crowd_desk(settings, zone)
        self._city = CityDesk(settings.city, data / "city.json") if settings.city else None
        self._first_code, self.duties = secrets.token_urlsafe(18), DutyDesk(self.office, self.checks, settings.duties)
        self.rollups = Rollups(data / ROLLUPS_FILE, zone)
        self.standings = Standings(data / STANDINGS_FILE)
        office = Office(
            self.database,
            people=self.office,
            passes=self.passes,
            telephones=telephones,
            trust=self._trust,
            crowds=crowds,
            privacy=PrivacyPages(settings.privacy, JournalMeasured(self.checks, self.archive)),
            ways=Ways(settings.console.passwords, settings.oidc is not None, self._first_code),
            provider=None if settings.oidc is None else Provider(settings.oidc),
            public_url=settings.console.public_url,
            wall=settings.console.wall,
            duties=self.duties,
            boards=None if boards is None else boards(self._figures(zone), settings.influx, settings.zone),
            shelf=self._shelf,
            reports=ReportPages(self._report, zone, settings.report is not None),
            city=None if self._city is None else CityPages(self._city_view),
        )
        app = create_app(
            self.board,
            site=settings.site,
            version=version,
            zone=zone,
            records=_Record(self.archive, self.desk, self.checks, self.office),
            alerts=pages,
            office=office,
        )
        self.web = WebServer(app, host=settings.web.host, port=settings.web.port)
        self._isolation = IsolationWatch(
            self.office, self.desk, settings.site, settings.rules.off, settings.rules.cluster_fevers
        )
        self._watch = DutyWatch(
            self.duties, self.desk, self.standings, settings.site, settings.rules.off, self._checks_caught_up,
            min(settings.privacy.checks_days, settings.privacy.corrections_days, settings.privacy.absences_days),
        )  # fmt: skip
        self._keeper = Keeper(
            self.standings,
            self.board,
            self.presence,
            self.desk,
            [self._watch.account, account_of(self.database, settings.site, zone, self.duties.off)],
        )
        self._crowds = CrowdWatch(settings.site, crowds, self.desk, settings.rules)
        projections: list[Projection] = [
            self.desk,
            CaseKeeper(self.archive, self.office, settings.site, settings.rules.confirmed_from_c),
            self.checks,
            self.passes,
            Visits(self.registrar, settings.site, settings.disinfection_valid_s),
            self.rollups,
            self.rounds,
            self.moves,
        ]
        self._sources = self._report_sources(settings, crowds, zone)
        self._postman = self._make_postman(settings, zone)
        if settings.influx is not None:
            projections.append(TimeSeries(self.archive, settings.influx))
        self._influx = settings.influx
        shown = [
            Runner(self.archive, projection, pace_s=0.0 if projection is self.desk else PACE_S)
            for projection in projections
        ]
        self._runners = [*shown, Runner(self.archive, self.board, pace_s=PACE_S)]
        self.board.runners = shown
        self.board.ingest = self.ingest
        self.ingest.readers_lag = self._readers_lag
        self._heartbeat = settings.heartbeat
        self._retention = self._make_retention(settings)
        self._public_url, self._passwords = settings.console.public_url, settings.console.passwords

    def _make_retention(self, settings: HubSettings) -> Retention:
        return Retention(
            self.office,
            settings.privacy,
            sealing=self._sealing,
            checks=self.checks,
            journal=_Read(self.archive, self._runners),
            alerts=self.desk,
            new_key=self._new_sealing_key,
        )

    def _figures(self, zone: ZoneInfo | None) -> Figures:
        return Figures(self.rollups, self.standings, self.rounds, zone)

    def _link(self, settings: HubSettings, data: Path) -> None:
        """What speaks with the broker: events in; registry and settings out."""
        site, broker = settings.site, settings.broker
        if self._seat is None:
            self.ingest = Ingest(self.archive, self.presence, broker, f"menshen-hub-{site}", site)
        else:
            self.ingest, self._ear = self._seat.ingest, Ear(self.presence, broker, site)
        self._sealing = data / key.FILE
        sealing_key = public_of(key.load_or_make(self._sealing))
        self._publisher = Publisher(site, self.registrar, broker, f"menshen-registry-{site}", sealing_key)
        self._gate_settings = SettingsPublisher(site, self.database, broker, f"menshen-settings-{site}")
        self.board.wanted = self._gate_settings.version
        self._shelf = Shelf(data / RELEASES)
        self._releases = ReleasePublisher(site, self.database, self.presence, self._shelf, broker)
        self._broker = EmbeddedBroker(broker.host, broker.port) if settings.embedded_broker.enabled else None

    def _office(self, settings: HubSettings, zone: ZoneInfo | None) -> PeopleOffice:
        """Who and what is registered."""
        token_key = None if settings.token_key_file is None else read_key(Path(settings.token_key_file))
        office = PeopleOffice(
            self.database,
            self.registrar,
            token_key,
            zone,
            opens_on=settings.opens_on,
            isolation=settings.isolation,
            forms=settings.forms,
        )
        office.hours = hours_by(settings.duties)
        return office

    def _key_giver(self, settings: HubSettings) -> KeyGiver | None:
        if self._trust is None:
            return None
        return KeyGiver(settings.site, self._trust, self.office, self.presence, settings.broker)

    def _crowd_desk(self, settings: HubSettings, zone: ZoneInfo | None) -> CrowdDesk:
        limited = [checkpoint.at for checkpoint in settings.checkpoints]
        self.moves = Moves(Path(settings.data) / "moves.db", limited, settings.rules.confirmed_from_c)
        return CrowdDesk(self.moves, self.database, settings.checkpoints, settings.meals, zone)

    def _report_sources(self, settings: HubSettings, crowds: CrowdDesk, zone: ZoneInfo | None) -> Sources:
        """Where the figures of a day stand."""
        attendance, days = attendance_of(self.duties), settings.isolation.days
        stores = (self.database, attendance, self.rollups, self.rounds, self.registrar, self.desk, crowds)
        return Sources(settings.site, *stores, zone, settings.opens_on, days)

    def _make_postman(self, settings: HubSettings, zone: ZoneInfo | None) -> Postman | None:
        post = post_of(settings, zone)
        return None if post is None else Postman(post, self.database, self._report, self.desk, time_ns)

    async def _city_view(self) -> CityView:
        """This site first, then the others."""
        assert self._city is not None, "asked for only where there is one"
        now_ns, today = time_ns(), self.office.today()
        report = without_names(await self._report(today))
        own = CitySite(site=report.site, title=report.site, report=report, read_ns=now_ns)
        return city_view([own, *self._city.sites()], today.isoformat(), now_ns)

    async def _report(self, day: date) -> DayReport:
        return await report_of(self._sources, day, time_ns())

    def _telephones(self, settings: HubSettings, data: Path) -> Telephones:
        """What the pages for telephones stand on."""
        tell = partial(self.archive.append_own, settings.site)
        rounds = RoundPages(self.rounds, settings.rounds, tell)
        client_id = f"menshen-notices-{settings.site}"
        self._herald = Herald(settings.site, self.database, settings.broker, client_id)
        notices = NoticePages(self._herald.tell, lambda: {gate for _, gate in self.presence.gates})
        signer = Signer(links.read_key(data / "forms.key"))
        return Telephones(signer, settings.console.public_url, rounds, notices)

    async def run(self, ready: asyncio.Event | None = None) -> None:
        """Start everything, then work until cancelled. Raises `MenshenError` when something cannot start."""
        if self._seat is not None:
            await self._serve(ready)
            return
        await self.archive.start()
        try:
            await self._serve(ready)
        finally:
            await self.archive.stop()

    async def _serve(self, ready: asyncio.Event | None) -> None:
        if self._broker is not None:
            await self._broker.start()
        try:
            await self.presence.start()
            await self.registrar.start()
            await self.database.start()
            await self.standings.start()
            await self.web.start()
            log.info("hub ready", console=self.web.url)
            if self._passwords and not await self.database.read(desk.has_users):
                log.info("nobody can sign in yet; make the first administrator", at=self._first_link())
            if ready is not None:
                ready.set()
            await self._work()
        finally:
            if self._seat is None:
                notify(STOPPING=1)
            self.board.stopped = True
            await self.web.stop()
            await self.registrar.stop()
            await self.database.stop()
            await self.standings.stop()
            if self._broker is not None:
                await self._broker.stop()

    async def _new_sealing_key(self) -> None:
        """Gates seal to it as soon as they hear of it."""
        self._publisher.sealing_key = public_of(key.load_or_make(self._sealing))
        await self.registrar.ask(RegistryStore.touch)

    def _first_link(self) -> str:
        """Good once, as long as there is no user."""
        return f"{(self._public_url or self.web.url).rstrip('/')}/first/{self._first_code}"

    async def _work(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for name, work in self._parts():
                tasks.create_task(keep_running(name, work, self.board.tell_fault), name=name)
            if self._seat is None:
                tasks.create_task(Watchdog(self.signs).run(), name="watchdog")

    def _parts(self) -> Iterator[tuple[str, Callable[[], Awaitable[None]]]]:
        """What works for as long as the hub does; a defect in one part ends no other."""
        if self._broker is not None:
            yield "embedded broker", self._broker.keep
        for runner in self._runners:
            yield runner.projection.name, runner.run
        yield ("ingest", self.ingest.run) if self._seat is None else ("presence of all gates", self._ear.run)
        yield "registry", self._publisher.run
        yield "pictures", self._receiver.run
        yield "gates' settings", self._gate_settings.run
        yield "releases", self._releases.run
        if self._influx is not None:
            yield "figures", partial(publish, self.rollups, self._influx)
            yield "standings' lines", partial(publish, self.standings, self._influx)
            yield "figures of rounds", partial(publish, self.rounds, self._influx)
        yield "standings", self._keeper.run
        yield "rounds' clerk", self._clerk.keep
        yield "notices", self._herald.run
        yield "crowds", self._crowds.keep
        if self._city is not None:
            yield "city", self._city.keep
        if self._postman is not None:
            yield "daily report", self._postman.keep
        yield "office", self.office.keep
        yield "retention", self._retention.keep
        yield "isolation", self._isolation.run
        yield "duties", self.duties.keep
        yield "missed checks", self._watch.run
        yield "notify", self.desk.notify
        yield "presence", self.presence.watch
        yield "board's changes", self.board.watch
        if self._trust is not None:
            yield "broker's files", self._trust.keep
        if self._giver is not None:
            yield "token key", self._giver.run
        if self._heartbeat is not None:
            yield "heartbeat", partial(beat, self._heartbeat, self._look)

    def signs(self) -> dict[str, Sign]:
        """How far each part has got, for the watchdog."""
        found = {runner.projection.name: Sign(runner.tries, PROJECTION_SIGN_S) for runner in self._runners}
        found["ingest"] = Sign(self.ingest.commits if self.ingest.has_work else None, COMMIT_SIGN_S)
        is_idle = self.desk.notifier.idle_s() > NOTIFIER_SIGN_S
        found["notify"] = Sign("idle" if is_idle else None, NOTIFIER_SIGN_S)
        return found

    def _readers_lag(self) -> bool:
        """Whether somebody who reads the journal as it grows is about to be left behind."""
        return any(runner.keeps_up and self.archive.lags(runner.cursor) for runner in self._runners)

    async def _checks_caught_up(self) -> bool:
        """Whether every measurement in the journal is counted."""
        reader = next(runner for runner in self._runners if runner.projection is self.checks)
        return not reader.error and not await self.archive.after(reader.cursor, 1)

    async def _look(self) -> Sight:
        """What the dead man's switch goes by."""
        alerts = next(runner for runner in self._runners if runner.projection is self.desk)
        return Sight(
            broker=self.ingest.connected,
            gates_known=len(self.presence.gates),
            gates_heard=self.presence.heard_of(),
            journal_error=self.ingest.error,
            alerts_error=alerts.error,
            notifier_idle_s=self.desk.notifier.idle_s(),
            untold_s=await self.desk.ask(lambda store, now_ns: store.untold_s(now_ns)),
        )
