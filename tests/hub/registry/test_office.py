"""The office: changes of people and vehicles are whole, noted, and at the gates; on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub.accounts import audit
from hub.accounts.models import AuditEntry
from hub.cases import ward
from hub.cases.models import Case, Cause, End
from hub.database import Database
from hub.registry import office as office_module
from hub.registry import sheets
from hub.registry.fields import PEOPLE, VEHICLES, Kind, Unfit
from hub.registry.models import ListedArea, Person, Place, PlaceKind
from hub.registry.office import PeopleOffice, Touched
from hub.registry.store import Registrar, RegistryStore
from hub.registry.visitors import announce, cancel, coming
from wire.errors import RegistryError
from wire.registry import Flag, Holder, RegistryEntry
from wire.tokens import TokenKind, token

KEY = b"a key of the site, 16 bytes or more"
NOON_NS = 1_581_307_200_000_000_000  # 2020-02-10 12:00 in Beijing
DAY_NS = 86400 * 10**9


class Site:
    """An office over real stores, on a clock that the test moves."""

    def __init__(self, url: str, folder: Path) -> None:
        self.now_ns = NOON_NS
        self.database = Database(url)
        self.registrar = Registrar(RegistryStore(folder / "registry.db", lambda: self.now_ns))
        self.office = PeopleOffice(self.database, self.registrar, KEY, ZoneInfo("Asia/Shanghai"), lambda: self.now_ns)

    async def put(self, known: str | None = None, of: Kind = PEOPLE, **cells: object) -> None:
        await self.office.put(of, cells, by="hr", known=known)

    async def at_gates(self, number: str, kind: TokenKind = TokenKind.BADGE) -> RegistryEntry | None:
        return await self.registrar.ask(lambda store: store.find(token(KEY, kind, number)))

    async def bring(self, text: str, kind: Kind = PEOPLE) -> list[str]:
        """Import a CSV file; the keys of its faults."""
        sheet = sheets.read(text.encode(), kind)
        made = await self.office.preview(kind, sheet)
        if not made.faults:
            assert await self.office.carry_out(kind, sheet, made.digest(), by="hr") is None
        return [found.fault.key for found in made.faults]

    async def whole(self) -> None:
        """What `keep` does at the start."""
        await self.office.publish(Touched(everything=True))


@pytest.fixture
async def site(database_url: str, tmp_path: Path) -> AsyncIterator[Site]:
    site = Site(database_url, tmp_path)
    await site.database.start()
    await site.registrar.start()
    yield site
    await site.registrar.stop()
    await site.database.stop()


def person(session: Session, number: str = "1") -> Person:
    return session.scalars(select(Person).where(Person.number == number)).one()


async def test_a_person_is_at_the_gates_by_each_badge_and_gone_when_no_longer_active(site):
    await site.put(number="1", name="李雷", badges="B1;B2", gates="north", team="焊接一班", kind="contractor")
    entry = await site.at_gates("b 2")
    assert (entry.holder, entry.gates) == (Holder.CONTRACTOR, ("north",))
    await site.put("1", badges="B2")
    assert await site.at_gates("B1") is None
    await site.put("1", active="no")
    assert await site.at_gates("B2") is None
    await site.put("1", active="yes")
    assert await site.at_gates("B2") is not None


async def test_each_change_is_noted_with_its_fields_and_no_values(site):
    await site.put(number="1", name="李雷", badges="B1")
    await site.put("1", telephone="13800138000")
    await site.put("1", telephone="13800138000")
    rows = await site.database.read(lambda session: session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all())
    assert [(row.who, row.action, row.detail) for row in rows] == [
        ("hr", "person-added", '{"fields":[]}'), ("hr", "person-changed", '{"fields":["telephone"]}'),
    ]  # fmt: skip
    assert await site.database.read(audit.verify) == (2, None)


async def test_a_number_or_a_badge_of_another_is_refused_and_changes_nothing(site):
    await site.put(number="1", name="李雷", badges="B1")
    for cells, key in (({"number": "1"}, "exists"), ({"number": "2", "badges": "b1"}, "number-taken")):
        with pytest.raises(Unfit) as caught:
            await site.put(name="x", **cells)
        assert [fault.key for fault in caught.value.faults] == [key]
    assert await site.database.read(lambda session: session.scalar(select(func.count(Person.id)))) == 1


async def test_a_vehicle_is_known_by_plate_and_tag_and_its_disinfection_is_not_forgotten(site):
    await site.put(of=VEHICLES, plate="京A·12345", tag="E200")
    tag = await site.at_gates("E200", TokenKind.TAG)
    assert tag.plate == token(KEY, TokenKind.PLATE, "京A12345")
    clean = RegistryEntry(tag.token, Holder.VEHICLE, disinfected_until_ns=7, plate=tag.plate)
    await site.registrar.ask(lambda store: store.put([clean]))
    await site.put("京A12345", VEHICLES, purpose="钢材")
    await site.whole()
    assert (await site.at_gates("E200", TokenKind.TAG)).disinfected_until_ns == 7
    await site.put("京A12345", VEHICLES, active="no")
    assert await site.at_gates("E200", TokenKind.TAG) is None
    site.now_ns += DAY_NS
    await site.put("京A12345", VEHICLES, active="yes", tag="E201")
    assert await site.at_gates("E201", TokenKind.TAG) is not None


async def test_somebody_with_an_open_case_is_refused_everywhere_until_it_ends(site):
    await site.put(number="1", name="李雷", badges="B1")

    def isolate(session: Session) -> tuple[None, Touched]:
        found = person(session)
        session.add(
            Case(person_id=found.id, cause=Cause.FEVER, opened_on=date(2020, 2, 10), opened_ns=1, opened_by="x")
        )
        return None, Touched(people=[found.id])

    def end(session: Session) -> tuple[None, Touched]:
        case = session.scalars(select(Case)).one()
        case.closed_ns = 2
        return None, Touched(people=[case.person_id])

    await site.office.change(isolate)
    assert (await site.at_gates("B1")).flags == (Flag.ISOLATION,)
    await site.office.change(end)
    assert (await site.at_gates("B1")).flags == ()


async def test_a_returnee_from_a_listed_area_needs_an_isolation_place_and_is_free_after_the_days(site):
    await site.database.write(lambda session: session.add(ListedArea(name="湖北")))
    cells = {"number": "1", "name": "李雷", "badges": "B1", "origin": "湖北武汉", "returned_on": date(2020, 2, 9)}
    with pytest.raises(Unfit) as caught:
        await site.put(**cells)
    assert [fault.key for fault in caught.value.faults] == ["no-isolation-place"]
    place = Place(name="iso", title="隔离点", kind=PlaceKind.ISOLATION, capacity=4)
    await site.database.write(lambda session: session.add(place))
    await site.put(**cells)
    assert Flag.QUARANTINE in (await site.at_gates("B1")).flags
    site.now_ns += 13 * DAY_NS
    await site.whole()
    assert (await site.at_gates("B1")).flags == (Flag.ISOLATION, Flag.RETURNEE)

    def release(session: Session) -> tuple[None, Touched]:
        case = session.scalars(select(Case)).one()
        ward.close_case(session, case.id, End.RELEASED, "", site.office.today(), by="officer", now_ns=site.now_ns)
        return None, Touched(people=[case.person_id])

    await site.office.change(release)
    assert (await site.at_gates("B1")).flags == (Flag.RETURNEE,)


async def test_what_was_committed_before_a_crash_is_at_the_gates_after_the_next_start(site, monkeypatch):
    async def crash(self, touched) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(PeopleOffice, "publish", crash)
        with suppress(asyncio.CancelledError):
            await site.put(number="1", name="李雷", badges="B1")
    assert await site.at_gates("B1") is None
    task = asyncio.create_task(site.office.keep())
    while await site.at_gates("B1") is None:
        await asyncio.sleep(0.01)
    task.cancel()


async def test_entries_of_a_record_that_is_no_longer_there_are_taken_out(site):
    ghost = RegistryEntry("ghost-0123456789ab", Holder.EMPLOYEE)
    await site.registrar.ask(lambda store: store.settle({"person 999": [ghost]}))
    await site.put(number="1", name="李雷", badges="B1")
    await site.whole()
    assert await site.registrar.ask(lambda store: store.find(ghost.token)) is None
    assert await site.at_gates("B1") is not None


async def test_an_error_at_the_gates_store_is_healed_without_a_restart(site, monkeypatch):
    monkeypatch.setattr(office_module, "RETRY_S", 0.01)
    task = asyncio.create_task(site.office.keep())
    broken = RegistryError("disk full")
    with monkeypatch.context() as patch:
        patch.setattr(RegistryStore, "settle", lambda *_: (_ for _ in ()).throw(broken))
        await site.put(number="1", name="李雷", badges="B1")
    while await site.at_gates("B1") is None:
        await asyncio.sleep(0.01)
    task.cancel()


async def test_what_gates_and_the_command_line_registered_is_left_alone(site):
    visitor = RegistryEntry("visitor-0123456789", Holder.VISITOR)
    await site.registrar.ask(lambda store: store.put([visitor]))
    await site.put(number="1", name="李雷", badges="B1")
    await site.whole()
    assert await site.registrar.ask(lambda store: store.find(visitor.token)) == visitor
    assert await site.registrar.ask(lambda store: store.replace([])) == (0, 1)
    assert await site.at_gates("B1") is not None


async def test_an_announced_visitor_is_at_the_gates_for_the_time_of_the_visit_until_it_is_cancelled(site):
    await site.put(number="1", name="李雷")
    texts = {"name": "张三", "telephone": "1", "host": "1", "reason": "修锅炉"}
    texts |= {"day": "2020-02-11", "from": "8:00", "until": "18:00"}
    hand = site.office.hand("hr")
    number = await site.office.change(lambda session: announce(session, texts, hand, site.office.moment_ns))
    entry = await site.at_gates(number.lower())
    assert (entry.holder, entry.hosted, entry.reason_stated) == (Holder.VISITOR, True, True)
    morning_ns = NOON_NS + 20 * 3600 * 10**9
    assert (entry.from_ns, entry.until_ns) == (morning_ns, morning_ns + 10 * 3600 * 10**9)
    await site.whole()
    assert await site.at_gates(number) == entry
    [visit] = await site.database.read(lambda session: coming(session, site.now_ns))
    assert await site.office.change(lambda session: cancel(session, visit.id, "hr", site.now_ns))
    assert await site.at_gates(number) is None


async def test_a_badge_that_goes_to_another_in_one_file_belongs_to_the_other(site):
    await site.bring("number,name,badge,team\n1,a,B1,一班\n2,b,B2,一班\n")
    assert await site.bring("number,name,badge\n1,a,B2\n2,b,B1\n3,c,B2\n") == ["number-twice"]
    assert await site.bring("number,name,badge\n1,a,B2\n2,b,B1\n") == []
    held = await site.database.read(lambda session: [person(session, n).badges[0].number for n in ("1", "2")])
    assert held == ["B2", "B1"]
    ids = await site.database.read(lambda session: person(session, "1").id)
    assert await site.registrar.ask(lambda store: store.source(token(KEY, TokenKind.BADGE, "B2"))) == f"person {ids}"


async def test_an_import_whose_preview_is_outdated_is_shown_again_and_changes_nothing(site):
    sheet = sheets.read(b"number,name\n1,a\n2,b\n", PEOPLE)
    seen = await site.office.preview(PEOPLE, sheet)
    await site.put(number="1", name="other")
    again = await site.office.carry_out(PEOPLE, sheet, seen.digest(), by="hr")
    assert (len(again.new), len(again.changed)) == (1, 1)
    assert await site.database.read(lambda session: session.scalar(select(func.count(Person.id)))) == 1
    assert await site.office.carry_out(PEOPLE, sheet, again.digest(), by="hr") is None


async def test_vehicles_exchange_tags_in_one_file(site):
    assert await site.bring("车牌,标签号\n京A12345,E1\n京A12346,E2\n", VEHICLES) == []
    assert await site.bring("车牌,标签号\n京A12345,E2\n京A12346,E1\n", VEHICLES) == []
    assert (await site.at_gates("E1", TokenKind.TAG)).plate == token(KEY, TokenKind.PLATE, "京A12346")


async def test_a_whole_plant_comes_in_at_once_and_the_same_file_again_changes_nothing(site):
    rows = "".join(f"{n},名{n},{n % 50}班,B{n}\n" for n in range(1500))
    assert await site.bring(f"工号,姓名,班组,卡号\n{rows}") == []
    assert len(await site.registrar.ask(RegistryStore.all)) == 1500
    made = await site.office.preview(PEOPLE, sheets.read(f"工号,姓名,班组,卡号\n{rows}".encode(), PEOPLE))
    assert (len(made.changes), made.unchanged) == (0, 1500)
