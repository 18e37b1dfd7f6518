"""What is held about people is declared, grows no older than it may, is erased whole and handed out whole."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import String, Text, func, select
from sqlalchemy.orm import Session

from hub.accounts import audit
from hub.accounts.models import AuditEntry
from hub.cases.models import Case, CaseReading, CaseStay, Cause, Sign, SignKind
from hub.database import Database
from hub.duties.models import Absence, AbsenceKind, Correction, DutyDay, Placement, Rota
from hub.forms.models import Concern, Declaration, Invitation, WorkerLink
from hub.notices.models import Audience, NoticeRow, Receipt
from hub.privacy import erasure, export
from hub.privacy.erasure import CannotErase
from hub.privacy.keeper import DAY_NS, Retention
from hub.privacy.kinds import Kind
from hub.privacy.register import KINDS, WITHOUT
from hub.privacy.settings import PrivacySettings
from hub.registry import key
from hub.registry.models import Badge, FormerBadge, Person, PersonKind, Visit
from hub.registry.office import PeopleOffice
from hub.registry.store import Registrar, RegistryStore
from hub.tables import METADATA
from hub.web.words import WORDS
from tests.support.console import ZONE
from wire.errors import SealError
from wire.sealing import Details, public_of, seal

NOW_NS = 1_600_000_000_000_000_000
SECRETS = ("机密李雷", "13812345678", "卡号77", "武汉机密", "咳嗽机密", "机密事由", "头痛机密", "聚餐机密", "紧急机密")


def whole_person(
    number: str = "工号77", kind: PersonKind = PersonKind.EMPLOYEE, *, closed: bool = True
) -> list[object]:
    """Somebody about whom there is something of each kind."""
    person = Person(
        number=number, name="机密李雷", kind=kind, telephone="13812345678", origin="武汉机密", company="紧急机密",
        emergency_contact="紧急机密", exempt="紧急机密", gates="北门", created_ns=1, changed_ns=1,
        badges=[Badge(number="卡号77", token=f"token-of-{number}")],
    )  # fmt: skip
    case = Case(
        person=person, cause=Cause.FEVER, opened_on=date(2020, 2, 1), opened_ns=1, opened_by="officer", note="头痛机密",
        hospital="紧急机密", closed_ns=2 if closed else None,
    )  # fmt: skip
    sign = Sign(
        source=f"s-{number[-2:]}", kind=SignKind.FEVER, time_ns=1, received_ns=1, gate="north", lane="a", passage="p-1",
        badge=f"token-of-{number}", alert_key=f"fever/token-of-{number}", person=person, case=case,
        settled_why="咳嗽机密",
    )  # fmt: skip
    return [
        person,
        case,
        sign,
        CaseReading(case=case, at_ns=1, body_c=38.2, symptoms="咳嗽机密", by="officer"),
        CaseStay(case=case, from_ns=1, in_hospital=True, hospital="紧急机密"),
        Visit(person=person, host="机密李雷", reason="机密事由", from_ns=1, until_ns=2, by="hr"),
        Absence(
            person=person, kind=AbsenceKind.SICK, from_on=date(2020, 2, 1), until_on=date(2020, 2, 2),
            symptoms="咳嗽机密", note="头痛机密", said_ns=1, said_by="hr",
        ),
        Declaration(
            person=person, day=date(2020, 2, 1), at_ns=1, temperature_c=37.7, symptoms="咳嗽机密", told="头痛机密",
            travelled="武汉机密", gathered="聚餐机密", contact="头痛机密", concern=Concern.ILL, by="worker",
            settled_note="头痛机密",
        ),
        Invitation(
            host=person, from_ns=1, until_ns=2, made_ns=1, made_by="hr", name="机密李雷", telephone="头痛机密",
            company="机密事由", reason="机密事由", plate="机密", travelled="武汉机密", contact="头痛机密",
        ),
        Correction(
            person=person, day=date(2020, 2, 1), at_ns=1, body_c=36.5, where="机密事由", why="机密事由",
            said_ns=1, said_by="hr",
        ),
    ]  # fmt: skip


def add_whole(
    session: Session, number: str = "工号77", kind: PersonKind = PersonKind.EMPLOYEE, *, closed: bool = True
) -> int:
    things = whole_person(number, kind, closed=closed)
    session.add_all(things)
    session.flush()
    person = things[0]
    assert isinstance(person, Person)
    on = date(2020, 2, 1)
    session.add(WorkerLink(person_id=person.id))
    session.add(FormerBadge(person_id=person.id, token=f"token-of-{number} before", until_ns=2))
    notice = NoticeRow(audience=Audience.SITE, zh="通知", from_ns=1, until_ns=2, by="hr", made_ns=1)
    session.add(notice)
    session.flush()
    session.add(Receipt(notice_id=notice.id, person_id=person.id, at_ns=1))
    session.add(DutyDay(day=on, person_id=person.id, note="机密事由", said_ns=1, said_by="hr"))
    session.add(Rota(person_id=person.id, from_on=on, cycle="D", said_ns=1, said_by="hr"))
    session.add(Placement(person_id=person.id, from_on=on, grid="", active=True))
    session.flush()
    return person.id


def everything(session: Session) -> str:
    """All that stands in any table, as text."""
    rows = [list(map(str, row)) for table in METADATA.sorted_tables for row in session.execute(select(table))]
    return json.dumps(rows, ensure_ascii=False)


def counts(session: Session) -> dict[str, int]:
    return {
        kind.table.name: session.scalar(select(func.count()).select_from(kind.table)) or 0
        for kind in KINDS
        if not kind.deleted
    }


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    await database.start()
    yield database
    await database.stop()


@pytest.fixture
async def office(database: Database, tmp_path: Path) -> AsyncIterator[PeopleOffice]:
    registrar = Registrar(RegistryStore(tmp_path / "registry.db"))
    await registrar.start()
    yield PeopleOffice(database, registrar, b"a key of 16 bytes", ZONE, lambda: NOW_NS)
    await registrar.stop()


# -- what is declared --------------------------------------------------------------------------------------------------


def test_every_table_is_declared_to_hold_personal_data_or_none() -> None:
    declared = {kind.table.name for kind in KINDS}
    assert declared & set(WITHOUT) == set()
    missing = set(METADATA.tables) - declared - set(WITHOUT)
    assert missing == set(), "declare them in their room's personal.py, or say in hub/privacy/register.py why not"
    assert (declared | set(WITHOUT)) - set(METADATA.tables) == set(), "these tables are no more"


def test_every_table_that_points_at_a_person_is_found_by_the_person() -> None:
    owned = {kind.table.name for kind in KINDS if kind.owner is not None}
    pointing = {
        table.name
        for table in METADATA.sorted_tables
        if any(reference.column.table.name == "people" for reference in table.foreign_keys)
    }
    assert pointing <= owned


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_column_of_personal_data_is_erased_or_kept_on_purpose(kind: Kind) -> None:
    columns = {column.name for column in kind.table.columns}
    if kind.deleted:
        assert not kind.blank
        return
    assert set(kind.blank) | kind.kept == columns
    assert set(kind.blank) & kind.kept == set()
    free_text = {column.name for column in kind.table.columns if isinstance(column.type, Text)}
    assert free_text <= set(kind.blank)
    for name, left in kind.blank.items():
        column = kind.table.c[name]
        assert left is not None or column.nullable, name
        assert not isinstance(left, str) or isinstance(column.type, String), name


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_kind_has_words_and_what_ages_has_days(kind: Kind) -> None:
    assert f"data.{kind.name}" in WORDS
    if kind.moment is not None:
        assert PrivacySettings().days(kind.name) >= 1


# -- erasing -----------------------------------------------------------------------------------------------------------


async def test_of_an_erased_person_nothing_is_left_but_rows_for_figures(database, office) -> None:
    person_id = await database.write(add_whole)
    other_id = await database.write(lambda session: add_whole(session, "工号78"))
    before = await database.read(counts)
    assert all(before.values()) or before["vehicles"] == 0
    await database.write(lambda session: erasure.erase(session, person_id, by="hr", why="asked for it", now_ns=NOW_NS))
    await database.write(lambda session: erasure.erase(session, other_id, by="hr", why="asked for it", now_ns=NOW_NS))
    before["former_badges"] += 2  # until when a card was somebody's, for whoever gets it next
    left = await database.read(everything)
    assert [secret for secret in (*SECRETS, "工号77", "token-of") if secret in left] == []
    assert await database.read(counts) == before
    line = await database.read(
        lambda session: session.scalars(select(AuditEntry).where(AuditEntry.action == "person-erased")).first()
    )
    assert (line.who, line.subject) == ("hr", f"person {person_id}")
    assert msgspec.json.decode(line.detail)["why"] == "asked for it"
    assert (await database.read(audit.verify))[1] is None


async def test_others_keep_what_is_theirs(database) -> None:
    person_id = await database.write(add_whole)
    await database.write(lambda session: add_whole(session, "工号78"))
    await database.write(lambda session: erasure.erase(session, person_id, by="hr", why="x", now_ns=NOW_NS))
    left = await database.read(everything)
    assert "token-of-工号78" in left
    assert "token-of-工号77" not in left
    assert all(secret in left for secret in SECRETS)


async def test_nobody_is_erased_twice_or_while_isolated(database) -> None:
    isolated = await database.write(lambda session: add_whole(session, closed=False))
    before = await database.read(everything)
    for person_id, why in ((isolated, "isolated"), (999, "no-person")):
        with pytest.raises(CannotErase) as caught:
            await database.write(
                lambda session, one=person_id: erasure.erase(session, one, by="hr", why="x", now_ns=NOW_NS)
            )
        assert caught.value.why == why
    assert await database.read(everything) == before


# -- retention ---------------------------------------------------------------------------------------------------------


class Remembers:
    """A file that was told to forget."""

    def __init__(self) -> None:
        self.before_ns: int | None = None

    async def forget(self, before_ns: int) -> int:
        self.before_ns = before_ns
        return 3


def retention(office: PeopleOffice, folder: Path, settings: PrivacySettings) -> tuple[Retention, Remembers, Remembers]:
    checks, journal = Remembers(), Remembers()
    return Retention(office, settings, sealing=folder / "sealing.key", checks=checks, journal=journal), checks, journal


async def test_what_is_older_than_the_settings_say_is_erased_each_day_and_the_record_says_so(
    database, office, tmp_path
) -> None:
    visitor = await database.write(lambda session: add_whole(session, "V1", PersonKind.VISITOR))
    employee = await database.write(lambda session: add_whole(session, "工号78"))
    keeper, checks, journal = retention(office, tmp_path, PrivacySettings(journal_days=100, checks_days=10))
    done = await keeper.once()
    assert (done["visitors"], done["checks"], done["journal"]) == (1, 3, 3)
    assert (checks.before_ns, journal.before_ns) == (NOW_NS - 10 * DAY_NS, NOW_NS - 100 * DAY_NS)
    assert done["declarations"] == done["cases"] == done["absences"] == 1
    people = await database.read(lambda session: {one.id: one.name for one in session.scalars(select(Person))})
    assert people == {visitor: "", employee: "机密李雷"}
    left = await database.read(everything)
    assert [secret for secret in ("咳嗽机密", "头痛机密", "聚餐机密") if secret in left] == []
    again = await keeper.once()
    assert {name: rows for name, rows in again.items() if rows} == {"checks": 3, "journal": 3}
    lines = await database.read(
        lambda session: session.scalars(select(AuditEntry.detail).where(AuditEntry.action == "retention")).all()
    )
    assert msgspec.json.decode(lines[0])["rows"]["visitors"] == 1


async def test_what_is_not_old_or_not_over_stays(database, office, tmp_path) -> None:
    await database.write(lambda session: add_whole(session, "V1", PersonKind.VISITOR, closed=False))
    keeper, _, _ = retention(office, tmp_path, PrivacySettings())
    done = await keeper.once()
    assert (done["visitors"], done["cases"], done["readings"], done["signs"]) == (0, 0, 0, 0)
    young = PrivacySettings(**{f"{name}_days": 36_500 for name in ("visitors", "declarations", "absences", "visits")})
    keeper, _, _ = retention(office, tmp_path, young)
    assert (await keeper.once())["visitors"] == 0
    assert "机密李雷" in await database.read(everything)


async def test_what_guards_registered_cannot_be_read_once_its_key_is_destroyed(office, tmp_path) -> None:
    path = tmp_path / "sealing.key"
    first = key.load_or_make(path)
    os.utime(path, ns=(NOW_NS - 8 * DAY_NS,) * 2)
    sealed = seal(public_of(first), "token", Details(name="机密李雷"))
    told = []

    async def new_key() -> None:
        told.append(key.load_or_make(path))

    settings = PrivacySettings()
    keeper = Retention(office, settings, sealing=path, checks=Remembers(), journal=Remembers(), new_key=new_key)
    await keeper.once()
    assert told == [key.load_or_make(path)]
    assert told[0] != first
    assert key.open_with(key.keys(path), "token", sealed).name == "机密李雷"
    assert not key.rotate(path, path.stat().st_mtime_ns + DAY_NS, 7 * DAY_NS)
    assert key.destroy(path, NOW_NS) == 0
    assert key.destroy(path, NOW_NS + 1) == 1
    with pytest.raises(SealError):
        key.open_with(key.keys(path), "token", sealed)
    assert [one for one in tmp_path.rglob("*") if one.is_file() and first in one.read_bytes()] == []


# -- handing out -------------------------------------------------------------------------------------------------------


async def test_everything_about_somebody_is_handed_out_and_nothing_of_others(database) -> None:
    person_id = await database.write(add_whole)
    await database.write(lambda session: add_whole(session, "工号78"))
    await database.write(lambda session: audit.note(session, 5, "officer", "person-seen", f"person {person_id}"))
    await database.write(lambda session: audit.note(session, 6, "officer", "case-seen", "case 1"))
    found = await database.read(lambda session: export.collect(session, person_id))
    text = msgspec.json.encode(found).decode()
    assert [secret for secret in SECRETS if secret not in text] == []
    assert "工号78" not in text
    assert {kind.name for kind in KINDS if kind.owner} | {"audit"} == set(found)
    assert all(found[kind.name] for kind in KINDS if kind.owner)
    assert [line["action"] for line in found["audit"]] == ["person-seen", "case-seen"]
    found["people"][0]["name"] = "<script>alert(1)</script>"
    with zipfile.ZipFile(io.BytesIO(export.archive(found, "t", {}, None, "zh"))) as file:
        assert sorted(file.namelist()) == ["data.html", "data.json"]
        assert "<script" not in file.read("data.html").decode()
        assert msgspec.json.decode(file.read("data.json"))["badges"][0]["number"] == "卡号77"
