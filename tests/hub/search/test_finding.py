"""What a word finds in the relational store, on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date

import pytest
from sqlalchemy.orm import Session

from hub.cases.models import Case, Cause, Sign, SignKind
from hub.database import Database
from hub.registry.models import Badge, Person, PersonKind, Place, PlaceKind, Team, Vehicle, Visit
from hub.search import finding
from wire.tokens import TokenKind, token

KEY = b"a key of the site, 16 bytes or more"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    await database.start()
    await database.write(fill)
    yield database
    await database.stop()


def person(number: str, name: str, **more: object) -> Person:
    return Person(number=number, name=name, created_ns=1, changed_ns=1, **more)


def fill(session: Session) -> None:
    lei = person("1001", "李雷", telephone="13904721234", team=Team(name="焊接一班"))
    lei.badges = [Badge(number="B 17", token=token(KEY, TokenKind.BADGE, "B 17"))]
    left = person("1002", "李雷生", active=False)
    guest = person("v-1", "王访", kind=PersonKind.VISITOR, company="Siemens AG")
    erased = person("1003", "李雷", erased_ns=5)
    place = Place(name="iso-1", title="东隔离点", kind=PlaceKind.ISOLATION, capacity=5)
    case = Case(person=lei, cause=Cause.FEVER, place=place, opened_on=date(2020, 2, 9), opened_ns=9, opened_by="x")
    gone = Case(
        person=erased, cause=Cause.OTHER, opened_on=date(2020, 2, 1), opened_ns=1, opened_by="x", closed_ns=2,
        hospital="市医院",
    )  # fmt: skip
    sign = Sign(
        source="s", kind=SignKind.FEVER, time_ns=1, received_ns=1, gate="g", lane="l", alert_key="fever 1", person=lei
    )
    car = Vehicle(plate="蒙B12345", plate_token="p", tag="E200", owner="张师傅", created_ns=1, changed_ns=1)
    visit = Visit(person=guest, host="李雷", reason="r", from_ns=1, until_ns=2)
    session.add_all([lei, left, guest, erased, case, gone, sign, car, visit])


async def found(database: Database, find, text: str) -> list[str]:
    """The names of what is found."""

    def name(row) -> str:
        return getattr(row, "name", None) or getattr(row, "plate", None) or row.person.name

    words = finding.words_of(text, KEY)
    return await database.read(lambda session: [name(row) for row in find(session, words).rows])


@pytest.mark.parametrize(
    "text", ["1001", "100", "李雷", "雷", "13904721234", "1390", "1234", "焊接一班", "b17", " B 17 "]
)
async def test_somebody_is_found_by_number_name_telephone_team_and_badge_and_the_best_is_first(database, text):
    assert (await found(database, finding.people, text))[0] == "李雷"


@pytest.mark.parametrize("text", ["%", "_", "001", "B1", "904", "王访"])
async def test_nobody_is_found_by_a_part_that_could_be_anybodys_nor_by_signs_of_the_query(database, text):
    assert await found(database, finding.people, text) == []


async def test_who_left_is_found_and_who_is_erased_is_not_by_whatever_word(database):
    assert await found(database, finding.people, "李雷") == ["李雷", "李雷生"]
    assert await found(database, finding.cases, "李雷") == ["李雷"]
    assert await found(database, finding.people, "1003") == []


@pytest.mark.parametrize("text", ["王访", "siemens", "李雷"])
async def test_a_visit_is_found_by_who_comes_and_to_whom_and_from_where(database, text):
    assert await found(database, finding.visits, text) == ["王访"]


@pytest.mark.parametrize("text", ["蒙b12345", "12345", "蒙 B 123", "E200", "张师"])
async def test_a_vehicle_is_found_by_plate_tag_and_owner(database, text):
    assert await found(database, finding.vehicles, text) == ["蒙B12345"]


@pytest.mark.parametrize("text", ["1001", "李雷", "B17", "东隔离", "iso-1", "ISO-1", "13904721234"])
async def test_a_case_is_found_by_whose_it_is_and_where_they_are(database, text):
    assert await found(database, finding.cases, text) == ["李雷"]


async def test_a_case_is_found_by_its_number_however_it_is_written(database):
    number = await database.read(lambda s: finding.cases(s, finding.words_of("东隔离", KEY)).rows[0].id)
    for text in (f"{number}", f"#{number}", f"case {number}", f"案{number}", f"隔离 {number}"):
        assert "李雷" in await found(database, finding.cases, text), text
    assert await found(database, finding.cases, "9" * 30) == []


async def test_the_alerts_of_whoever_is_named_are_known_by_their_keys(database):
    def keys(text: str) -> dict[str, int]:
        return database.read(lambda session: list(finding.alert_keys(session, finding.words_of(text, KEY))))

    assert await keys("李雷") == ["fever 1"]
    assert await keys("王访") == []


async def test_only_so_many_are_shown_and_that_there_are_more_is_said(database):
    await database.write(lambda s: s.add_all([person(f"n{n:03}", "many") for n in range(finding.MOST + 1)]))
    many = await database.read(lambda session: finding.people(session, finding.words_of("MANY", None)))
    assert (len(many.rows), many.more) == (finding.MOST, True)
    await database.write(lambda s: s.delete(s.query(Person).filter_by(number="n000").one()))
    assert not (await database.read(lambda session: finding.people(session, finding.words_of("many", None)))).more
