"""What the relational store says of today is counted, and names nobody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.orm import Session

from hub.cases import ward
from hub.cases.models import Cause
from hub.cases.ward import Opening
from hub.database import Database
from hub.duties.standing import Off
from hub.forms.models import Concern, Declaration
from hub.registry.models import Person, PersonKind, Place, PlaceKind, Shift, Team
from hub.standings.accounts import account_of
from hub.standings.points import CASES, CAUSES, DECLARED, SHIFT, STANDINGS, WARD, Point, point_line

ZONE = ZoneInfo("Asia/Shanghai")
TODAY = date(2020, 2, 10)
NOW = round(datetime(2020, 2, 10, 9, 30, tzinfo=ZONE).timestamp()) * 10**9
DAY = round(datetime(2020, 2, 10, tzinfo=ZONE).timestamp()) * 10**9
HOUR_NS = 3600 * 10**9


@pytest.fixture
async def database(database_url) -> AsyncIterator[Database]:
    database = Database(database_url)
    await database.start()
    yield database
    await database.stop()


def person(session: Session, number: str, team: Team | None, kind: PersonKind = PersonKind.EMPLOYEE) -> Person:
    found = Person(number=number, name=f"名{number}", kind=kind, team=team, created_ns=1, changed_ns=1)
    session.add(found)
    session.flush()
    return found


def declare(session: Session, who: Person, concern: Concern, **more: object) -> None:
    told = {"person_id": who.id, "day": TODAY, "at_ns": NOW, "concern": concern, "by": who.number}
    session.add(Declaration(**{**told, **more}))


def a_day(session: Session) -> None:
    """A team of four and somebody in none: one isolated, one declared well, one ill, two not at all; and a visitor."""
    shift = Shift(name="白班", from_min=8 * 60, to_min=17 * 60 + 30)
    team = Team(name="一班", shift=shift)
    places = [
        Place(name="ward-1", title="隔离楼", kind=PlaceKind.ISOLATION, capacity=4),
        Place(name="ward-2", title="宿舍", kind=PlaceKind.ISOLATION, capacity=2),
    ]
    session.add_all([shift, team, *places])
    isolated, well, ill, _silent = (person(session, str(number), team) for number in range(4))
    alone = person(session, "9", None)
    person(session, "visit-1", None, PersonKind.VISITOR)
    opened = Opening(isolated.id, Cause.FEVER, 14, places[0].id, "")
    ward.open_case(session, opened, TODAY, by="test", now_ns=NOW)
    declare(session, well, Concern.NONE)
    declare(session, ill, Concern.NONE)
    declare(session, ill, Concern.ILL)
    declare(session, alone, Concern.CALL, settled_ns=NOW)


async def off_on(_day: date) -> dict[int, Off]:
    """The isolated one of `a_day` does not come."""
    return {1: Off.ISOLATED}


async def points(database: Database) -> dict[str, list[Point]]:
    found: dict[str, list[Point]] = {}
    for point in await account_of(database, "site", ZONE, off_on)(NOW):
        found.setdefault(point.name, []).append(point)
    return found


async def test_places_cases_and_declarations_are_counted_by_place_cause_and_team(database):
    await database.write(a_day)
    found = await points(database)
    assert {dict(one.tags)["place"]: one.fields for one in found[WARD.name]} == {
        "ward-1": {"isolated": 1, "capacity": 4, "percent": 25.0},
        "ward-2": {"isolated": 0, "capacity": 2, "percent": 0.0},
    }
    assert {dict(one.tags)["cause"]: one.fields["isolated"] for one in found[CAUSES.name]} == {
        cause.value: int(cause is Cause.FEVER) for cause in Cause
    }
    [site] = found[CASES.name]
    assert site.fields == {
        "isolated": 1, "capacity": 6, "free": 5, "unplaced": 0, "unmeasured": 1, "unreported": 1, "over": 0,
    }  # fmt: skip
    assert {dict(one.tags).get("team", ""): one.fields for one in found[DECLARED.name]} == {
        "一班": {"due": 3, "declared": 2, "missing": 1, "concerns": 1},
        "": {"due": 1, "declared": 1, "missing": 0, "concerns": 0},
    }
    assert {one.time_ns for one in found[DECLARED.name]} == {DAY}
    assert {one.time_ns for one in found[WARD.name]} == {NOW - NOW % HOUR_NS}


async def test_a_shift_is_marked_where_it_begins_on_the_sites_clock(database):
    await database.write(a_day)
    [shift] = (await points(database))[SHIFT.name]
    assert shift.time_ns == DAY + 8 * HOUR_NS
    assert shift.fields == {"zh": "白班 开始", "en": "白班 begins"}


async def test_no_person_is_in_it_and_every_name_is_declared(database):
    await database.write(a_day)
    declared = {one.name: one for one in STANDINGS}
    for made in (await points(database)).values():
        for point in made:
            assert "名" not in point_line(point)
            known = declared[point.name]
            assert {key for key, _ in point.tags} <= {"site", *known.tags}
            assert point.fields.keys() == known.fields.keys()


async def test_a_site_without_anybody_is_told_as_empty(database):
    found = await points(database)
    assert found.keys() == {CAUSES.name, CASES.name}
    assert found[CASES.name][0].fields["isolated"] == 0
