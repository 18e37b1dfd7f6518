"""The office: who and what is registered, changed by people and brought to the gates.

A change is one transaction of the relational store with its notes in the record; then what gates may know of it is
read anew and settled in the registry's store, which publishes it. Between the two a crash or a full disk may come:
what the office owns is made whole again at the start, at every midnight (days of observation end), and after an
error as soon as it can be.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import partial
from time import time_ns
from typing import NamedTuple

import structlog
from msgspec.structs import replace
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from hub.accounts.audit import note
from hub.cases import returnees, signs
from hub.cases.models import Case
from hub.cases.settings import IsolationSettings
from hub.database import Database, T, parts
from hub.forms import declarations
from hub.forms.declarations import Health
from hub.forms.settings import FormSettings
from hub.registry import records
from hub.registry.entries import of_person, of_vehicle, with_health, with_recheck
from hub.registry.fields import PEOPLE, Cell, Fault, Kind, Unfit
from hub.registry.models import ListedArea, Person, PersonKind, Vehicle, Visit
from hub.registry.plans import Change, Plan, keys_of, plan, plan_rows
from hub.registry.records import Hand
from hub.registry.sheets import Sheet
from hub.registry.store import Registrar
from hub.resumption.models import Opening
from wire.errors import DatabaseError, RegistryError
from wire.registry import Hours, RegistryEntry

log = structlog.get_logger(__name__)

RETRY_S = 5.0


class Touched(NamedTuple):
    """Whose entries may have changed; `everything` where that cannot be told."""

    people: Collection[int] = ()
    vehicles: Collection[int] = ()
    everything: bool = False
    resumption: bool = False
    """When the site opens."""
    teams: bool = False
    """Who works when: shifts, rotas, teams."""
    day: date | None = None
    """Of which day something was said that may be over."""


class NoKey(Exception):
    """Badges and plates cannot be registered: the hub has no `token_key_file`."""


HoursOf = Callable[[Session, Sequence[int], date], Mapping[int, tuple[Hours, ...]]]
"""When each of these people may come in at the gates, on a day and around it."""


class PeopleOffice:
    """Who and what is registered at one site. Methods raise `DatabaseError` and `Unfit`."""

    def __init__(  # noqa: PLR0913 - a site decides that much
        self,
        database: Database,
        registrar: Registrar,
        key: bytes | None,
        zone: tzinfo | None = None,
        now_ns: Callable[[], int] = time_ns,
        *,
        opens_on: date | None = None,
        isolation: IsolationSettings | None = None,
        forms: FormSettings | None = None,
    ) -> None:
        """`opens_on`: when the site opens where nobody has decided on it; None: gates are told nothing then."""
        self.database = database
        self.isolation = isolation or IsolationSettings()
        self.forms = forms or FormSettings()
        self.key = key
        self.now_ns = now_ns
        self.opens_on = opens_on
        self.hours: HoursOf | None = None
        """When staff may come in, from their shifts; None: at any time."""
        self.followers: list[Callable[[Touched], Awaitable[None]]] = []
        """Who else is told what a change touched, once it is committed."""
        self.registrar = registrar
        self.whole = asyncio.Event()
        """Set once all entries were settled since the start."""
        self.zone = zone
        self._publishing = asyncio.Lock()
        self._behind = asyncio.Event()

    def today(self) -> date:
        """The site's day."""
        return self.local(self.now_ns()).date()

    def day_start_ns(self) -> int:
        """The moment when the site's day began."""
        return self.moment_ns(self.today(), time.min)

    def local(self, moment_ns: int) -> datetime:
        """A moment on the site's clock."""
        return datetime.fromtimestamp(moment_ns / 1e9, UTC).astimezone(self.zone)

    def day_of(self, moment_ns: int) -> date:
        """The site's day of a moment."""
        return self.local(moment_ns).date()

    def moment_ns(self, day: date, at: time) -> int:
        """The moment when the site's clock shows this."""
        return int(datetime.combine(day, at).replace(tzinfo=self.zone).timestamp()) * 10**9

    def hand(self, by: str) -> Hand:
        """Raises `NoKey`."""
        if self.key is None:
            raise NoKey
        return Hand(by, self.now_ns(), self.key)

    # -- changes -------------------------------------------------------------------------------------------------------

    async def preview(self, kind: Kind, sheet: Sheet) -> Plan:
        """What a file would change. Raises `NoKey`."""
        hand, today = self.hand(""), self.today()
        return await self.database.read(lambda session: self._plan(session, kind, sheet, hand, today))

    async def carry_out(self, kind: Kind, sheet: Sheet, digest: str, *, by: str) -> Plan | None:
        """Do what the preview with this digest showed, all of it. Where the register has changed since, nothing is done
        and the plan as it would be now is returned. Raises `NoKey`."""
        hand, today = self.hand(by), self.today()

        def work(session: Session) -> tuple[Plan | None, Touched]:
            found = self._plan(session, kind, sheet, hand, today)
            if found.faults or found.digest() != digest:
                return found, Touched()
            ids = self._save(session, kind, found.changes, hand)
            note(session, hand.now_ns, by, f"{kind.name}-imported", changed=len(ids))
            return None, _touched(kind, ids)

        return await self.change(work)

    async def put(self, kind: Kind, cells: Mapping[str, Cell], *, by: str, known: str | None) -> None:
        """Register one record, or change the one with the key `known`. Raises `Unfit` and `NoKey`."""
        hand, today = self.hand(by), self.today()

        def work(session: Session) -> tuple[None, Touched]:
            change = self._one(session, kind, cells, known, hand, today)
            ids = [] if change is None else self._save(session, kind, [change], hand)
            return None, _touched(kind, ids)

        await self.change(work)

    async def change(self, work: Callable[[Session], tuple[T, Touched]]) -> T:
        """Work that changes who may pass: what it says that it touched is published once it is committed."""
        result, touched = await self.database.write(work)
        await self.publish(touched)
        for follower in self.followers:
            await follower(touched)
        return result

    def _plan(self, session: Session, kind: Kind, sheet: Sheet, hand: Hand, today: date) -> Plan:
        keys, numbers = keys_of(kind, sheet)
        register = records.register_of(session, kind, keys, numbers, hand)
        return plan(kind, sheet, register, records.site_of(session, today, self.isolation.days))

    def _one(
        self, session: Session, kind: Kind, cells: Mapping[str, Cell], known: str | None, hand: Hand, today: date
    ) -> Change | None:
        """The change that a form makes, None where it changes nothing. Raises `Unfit`."""
        given = dict(cells) if known is None else {**cells, kind.key: known}
        values, _ = kind.read_all(given)
        key = str(values.get(kind.key, ""))
        register = records.register_of(session, kind, {key}, {number.normal for number in kind.numbers(values)}, hand)
        if known is None and key in register.records:
            raise Unfit([Fault(kind.key, "exists", {"found": key})])
        made = plan_rows(kind, [(1, given)], register, records.site_of(session, today, self.isolation.days))
        if made.faults:
            raise Unfit([found.fault for found in made.faults])
        return made.changes[0] if made.changes else None

    def _save(self, session: Session, kind: Kind, changes: Sequence[Change], hand: Hand) -> list[int]:
        """The ids of what changed. Whoever is back from elsewhere is isolated with it."""
        ids = records.save(session, kind, changes, hand)
        if kind is PEOPLE:
            returnees.enrol(session, self.isolation.days, self.today(), by=hand.by, now_ns=hand.now_ns, people=ids)
        return ids

    # -- to the gates --------------------------------------------------------------------------------------------------

    async def publish(self, touched: Touched) -> None:
        """Bring what may have changed to the gates; where that fails now, `keep` does it as soon as it can be."""
        if touched.teams and self.hours is not None and not touched.people:
            self._behind.set()  # everybody's hours: too many to wait for
        if touched._replace(teams=False) == Touched():
            return
        try:
            await self._settle(touched)
        except (DatabaseError, RegistryError) as error:
            log.error("gates are not told yet of a change of the register", error=str(error))
            self._behind.set()

    async def keep(self) -> None:
        """Make everything whole at the start, at every midnight and after errors, until cancelled."""
        while True:
            self._behind.clear()
            try:
                changed = await self._settle(Touched(everything=True))
                log.info("the office's entries are whole", changed=changed)
                self.whole.set()
            except (DatabaseError, RegistryError) as error:
                log.error("the office's entries cannot be made whole; trying again", error=str(error), wait_s=RETRY_S)
                await asyncio.sleep(RETRY_S)
                continue
            try:
                await asyncio.wait_for(self._behind.wait(), self.until_midnight_s())
            except TimeoutError:
                continue
            await asyncio.sleep(RETRY_S)

    async def _settle(self, touched: Touched) -> int:
        """How many tokens changed. Everything is done in parts, so that somebody's isolation never waits for it."""
        if touched.everything or touched.resumption:
            await self._settle_resumption()
        if not touched.everything:
            return await self._settle_some(touched)
        people, vehicles = await self.database.read(_all_ids)
        changed = 0
        for part in parts(people):
            changed += await self._settle_some(Touched(people=part))
        for part in parts(vehicles):
            changed += await self._settle_some(Touched(vehicles=part))
        return changed + await self._drop_unknown()

    async def _settle_some(self, touched: Touched) -> int:
        """One after the other, each from what is committed by then: so the last one leaves the newest."""
        async with self._publishing:
            work = partial(
                _entries, touched=touched, today=self.today(), now_ns=self.now_ns(), days=self.isolation.days,
                hours=self.hours,
            )  # fmt: skip
            wanted = await self.database.read(work)
            await self._add_rechecks(touched, wanted)
            await self._add_health(touched, wanted)
            return await self.registrar.ask(lambda store: store.settle(wanted))

    async def _settle_resumption(self) -> None:
        async with self._publishing:
            day = await self.database.read(lambda session: opens_on(session, self.opens_on))
            moment_ns = None if day is None else max(0, self.moment_ns(day, time.min))
            await self.registrar.ask(lambda store: store.set_resumes_ns(moment_ns))

    async def _add_rechecks(self, touched: Touched, wanted: dict[str, list[RegistryEntry]]) -> None:
        """Whom a guard's own thermometer may let in although a camera's fever has isolated them already."""
        rules = signs.Rules(self.isolation, self.day_of)
        for part in parts(touched.people):
            found = await self.database.read(partial(signs.rechecks, people=part, rules=rules))
            for person, until_ns in found.items():
                wanted[f"person {person}"] = with_recheck(wanted[f"person {person}"], until_ns)

    async def _add_health(self, touched: Touched, wanted: dict[str, list[RegistryEntry]]) -> None:
        """What gates may know of people's declarations, as far as the site wants them to."""
        if not (self.forms.hold_ill or self.forms.tell_gates):
            return
        today = self.today()
        end_ns = self.moment_ns(today + timedelta(days=1), time.min)
        found = await self.database.read(partial(_health, people=touched.people, today=today))
        for person, health in found.items():
            held = health.held and self.forms.hold_ill
            until_ns = end_ns if health.declared and self.forms.tell_gates else None
            key = f"person {person}"
            wanted[key] = with_health(wanted[key], held=held, declared_until_ns=until_ns)

    async def _drop_unknown(self) -> int:
        """Take out what belongs to records that are no longer there."""
        async with self._publishing:
            people, vehicles = await self.database.read(_all_ids)
            known = {f"person {key}" for key in people} | {f"vehicle {key}" for key in vehicles}
            return await self.registrar.ask(lambda store: store.drop_sources_but(known))

    def until_midnight_s(self) -> float:
        """How long the site's day still lasts; a second more than that."""
        now = self.local(self.now_ns())
        next_day = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), now.tzinfo)
        return max(1.0, (next_day - now).total_seconds() + 1.0)


def _touched(kind: Kind, ids: Collection[int]) -> Touched:
    return Touched(people=ids) if kind is PEOPLE else Touched(vehicles=ids)


def _entries(
    session: Session, touched: Touched, today: date, now_ns: int, days: int, hours: HoursOf | None
) -> dict[str, list[RegistryEntry]]:
    """What the gates should have, by the record that it follows from."""
    areas = tuple(session.scalars(select(ListedArea.name)))
    isolated = set(session.scalars(select(Case.person_id).where(Case.closed_ns.is_(None))))
    answered = returnees.answered(session)
    wanted: dict[str, list[RegistryEntry]] = {f"person {key}": [] for key in touched.people}
    wanted |= {f"vehicle {key}": [] for key in touched.vehicles}
    people = select(Person).options(selectinload(Person.badges))
    for part in parts(touched.people):
        visits = {visit.person_id: visit for visit in session.scalars(select(Visit).where(Visit.person_id.in_(part)))}
        allowed = {} if hours is None else hours(session, part, today)
        for person in session.scalars(people.where(Person.id.in_(part))):
            entries = of_person(
                person,
                isolated=person.id in isolated,
                areas=areas,
                today=today,
                days=days,
                answered=person.id in answered,
                visit=visits.get(person.id),
            )
            if person.id in allowed and person.kind is not PersonKind.VISITOR:
                entries = [replace(entry, hours=tuple(allowed[person.id])) for entry in entries]
            wanted[f"person {person.id}"] = entries
    for part in parts(touched.vehicles):
        for vehicle in session.scalars(select(Vehicle).where(Vehicle.id.in_(part))):
            wanted[f"vehicle {vehicle.id}"] = of_vehicle(vehicle, now_ns=now_ns)
    return wanted


def _health(session: Session, people: Collection[int], today: date) -> dict[int, Health]:
    found: dict[int, Health] = {}
    for part in parts(people):
        found |= declarations.health_of(session, part, today)
    return found


def opens_on(session: Session, default: date | None) -> date | None:
    """The site's day of opening by the newest decision; without any `default`."""
    newest = session.scalar(select(Opening.opens_on).order_by(Opening.id.desc()).limit(1))
    return newest or default


def _all_ids(session: Session) -> tuple[list[int], list[int]]:
    return list(session.scalars(select(Person.id))), list(session.scalars(select(Vehicle.id)))
