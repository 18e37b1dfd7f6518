"""What the relational store says of today, as points: isolation places, cases, declarations, shifts. Counts only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta, tzinfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.cases import ward
from hub.cases.models import Case, Cause
from hub.database import Database
from hub.duties.standing import Off
from hub.forms.declarations import day_by_team, open_concerns
from hub.measurements import FieldValue
from hub.registry.models import Shift
from hub.rollups import day_start_ns
from hub.standings.keeper import Account
from hub.standings.points import CASES, CAUSES, DECLARED, HOUR_NS, SHIFT, WARD, Point, tags_of

OffOn = Callable[[date], Awaitable[Mapping[int, Off]]]
"""Who is not on duty on a day, and why."""


def account_of(database: Database, site: str, zone: tzinfo | None, off_on: OffOn) -> Account:
    """The account of one site; it may raise `DatabaseError` and `JournalError`."""

    async def account(now_ns: int) -> Sequence[Point]:
        off = await off_on(datetime.fromtimestamp(now_ns // 10**9, zone).date())
        return await database.read(lambda session: points_of(session, site, zone, now_ns, off))

    return account


def points_of(session: Session, site: str, zone: tzinfo | None, now_ns: int, off: Mapping[int, Off]) -> list[Point]:
    """All of them; `off` is who is not on duty today."""
    day_ns = day_start_ns(now_ns, zone)
    today = datetime.fromtimestamp(now_ns // 10**9, zone).date()
    hour_ns = now_ns - now_ns % HOUR_NS
    return [
        *_isolation(session, site, hour_ns, today, day_ns),
        *_declared(session, site, today, day_ns, off),
        *_shifts(session, site, zone, today),
    ]


def _isolation(session: Session, site: str, hour_ns: int, today: date, day_ns: int) -> Iterator[Point]:
    rows = ward.open_rows(session, today, day_ns)
    places = ward.places(session)
    for place in places:
        fields: dict[str, FieldValue] = {
            "isolated": place.taken,
            "capacity": place.place.capacity,
            "percent": round(100.0 * place.taken / place.place.capacity, 1) if place.place.capacity else 100.0,
        }
        yield Point(WARD.name, tags_of(site=site, place=place.place.name), hour_ns, fields)
    causes = Counter(row.case.cause for row in rows)
    for cause in Cause:
        yield Point(CAUSES.name, tags_of(site=site, cause=cause.value), hour_ns, {"isolated": causes[cause]})
    capacity = sum(place.place.capacity for place in places)
    yield Point(
        CASES.name,
        tags_of(site=site),
        hour_ns,
        {
            "isolated": len(rows),
            "capacity": capacity,
            "free": sum(max(0, place.place.capacity - place.taken) for place in places),
            "unplaced": sum(not _is_placed(row.case) for row in rows),
            "unmeasured": sum(row.today < ward.READINGS_A_DAY for row in rows),
            "unreported": sum(row.case.reported_ns is None for row in rows),
            "over": sum(row.left <= 0 for row in rows),
        },
    )


def _is_placed(case: Case) -> bool:
    return case.place_id is not None or bool(case.hospital)


def _declared(session: Session, site: str, today: date, day_ns: int, off: Mapping[int, Off]) -> Iterator[Point]:
    """As the page of declarations has it: of everybody who is asked today, by team."""
    worrying = Counter(one.person.team.name if one.person.team else "" for one in open_concerns(session))
    for team in day_by_team(session, today, off).teams:
        fields: dict[str, FieldValue] = {
            "due": team.asked,
            "declared": team.declared,
            "missing": team.asked - team.declared,
            "concerns": worrying[team.name],
        }
        yield Point(DECLARED.name, tags_of(site=site, team=team.name), day_ns, fields)


def _shifts(session: Session, site: str, zone: tzinfo | None, today: date) -> Iterator[Point]:
    """When each shift of the day begins."""
    for shift in session.scalars(select(Shift)):
        midnight = datetime(today.year, today.month, today.day)  # noqa: DTZ001 - the site's wall clock, given its zone next
        begins = (midnight + timedelta(minutes=shift.from_min)).replace(tzinfo=zone).astimezone(zone)
        fields: dict[str, FieldValue] = {"zh": f"{shift.name} 开始", "en": f"{shift.name} begins"}
        yield Point(SHIFT.name, tags_of(site=site, shift=str(shift.id)), round(begins.timestamp()) * 10**9, fields)
