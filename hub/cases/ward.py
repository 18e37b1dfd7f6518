"""双隔离: who is isolated, where, and for how long. Work on a session of the database; pages and office stand on it.

    open ── two readings a day ──► day `days` is over ── released
      │  ▲                                                 ▲
      │  └── moved to another place, or to hospital        │
      └──────────── early end or mistake, with a note ─────┘

A person has one open case at most; while it is open the gates refuse them (`hub.registry.entries`), also while they are
in hospital. Whoever is released has been isolated for all the days; every other end says why. Each change is noted in
the record.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from hub.accounts.audit import note
from hub.cases.models import Case, CaseReading, CaseStay, Cause, End
from hub.cases.settings import MOST_DAYS
from hub.registry.models import Person, Place, PlaceKind

BODY_C = (33.0, 43.0)
"""What a thermometer can show of a living person, in °C."""
READINGS_A_DAY = 2
CHOSEN = (End.RELEASED, End.EARLY, End.MISTAKE)
"""How a person may end a case."""


class Cannot(Exception):
    """Something cannot be done with a case as it stands; `why` is the key of the words that say so."""

    def __init__(self, why: str, **values: object) -> None:
        super().__init__(why)
        self.why = why
        self.values = values


class Opening(NamedTuple):
    """What somebody says when they open a case."""

    person_id: int
    cause: Cause
    days: int
    place_id: int | None
    note: str
    contact_of_id: int | None = None


class Row(NamedTuple):
    """An open case as the list shows it: its day, the days left, and how many readings today has."""

    case: Case
    day: int
    left: int
    today: int


class PlaceRow(NamedTuple):
    """An isolation place and how many are there."""

    place: Place
    taken: int

    @property
    def is_full(self) -> bool:
        return self.taken >= self.place.capacity


def open_case(session: Session, opening: Opening, today: date, *, by: str, now_ns: int) -> Case:
    """Isolate somebody. Raises `Cannot`."""
    person = session.get(Person, opening.person_id)
    if person is None or person.erased_ns is not None:
        raise Cannot("no-person")
    if session.scalar(select(Case.id).where(Case.person_id == person.id, Case.closed_ns.is_(None))) is not None:
        raise Cannot("open-already")
    if not 1 <= opening.days <= MOST_DAYS:
        raise Cannot("days", most=MOST_DAYS)
    if opening.place_id is not None:
        _check_place(session, opening.place_id)
    case = Case(
        person_id=person.id,
        cause=opening.cause,
        days=opening.days,
        place_id=opening.place_id,
        placed_ns=None if opening.place_id is None else now_ns,
        contact_of_id=opening.contact_of_id,
        opened_on=today,
        opened_ns=now_ns,
        opened_by=by,
        note=opening.note,
    )
    if opening.place_id is not None:
        case.stays.append(CaseStay(from_ns=now_ns, place_id=opening.place_id))
    session.add(case)
    session.flush()
    note(session, now_ns, by, "case-opened", f"case {case.id}", person=person.id, cause=opening.cause.value)
    return case


def add_reading(session: Session, case_id: int, body_c: float, symptoms: str, *, by: str, now_ns: int) -> None:
    """One of the two measurements of a day. Raises `Cannot`."""
    case = _open(session, case_id)
    if not BODY_C[0] <= body_c <= BODY_C[1]:
        raise Cannot("body", low=BODY_C[0], high=BODY_C[1])
    session.add(CaseReading(case_id=case.id, at_ns=now_ns, body_c=body_c, symptoms=symptoms, by=by))
    note(session, now_ns, by, "case-measured", f"case {case.id}")


def move(session: Session, case_id: int, place_id: int | None, hospital: str, *, by: str, now_ns: int) -> None:
    """Somebody is in another place from now on, or in a hospital, or nowhere yet. Raises `Cannot`."""
    case = _open(session, case_id)
    if place_id is not None and hospital:
        raise Cannot("place-or-hospital")
    if (place_id, hospital) == (case.place_id, case.hospital):
        raise Cannot("there-already")
    if place_id is not None:
        _check_place(session, place_id)
    case.place_id, case.hospital = place_id, hospital
    case.placed_ns = now_ns if place_id is not None or hospital else None
    case.stays.append(CaseStay(from_ns=now_ns, place_id=place_id, in_hospital=bool(hospital), hospital=hospital))
    note(session, now_ns, by, "case-moved", f"case {case.id}", place=place_id, hospital=bool(hospital))


def place_all(session: Session, case_ids: Sequence[int], place_id: int, *, by: str, now_ns: int) -> None:
    """Bring several people to a place, all of them or nobody. Raises `Cannot`."""
    row = next((row for row in places(session) if row.place.id == place_id), None)
    if row is None:
        raise Cannot("no-place")
    if not case_ids:
        raise Cannot("nobody-chosen")
    if len(case_ids) > row.place.capacity - row.taken:
        room = max(0, row.place.capacity - row.taken)
        raise Cannot("no-room-for-all", place=row.place.title, room=room, wanted=len(case_ids))
    for case_id in case_ids:
        move(session, case_id, place_id, "", by=by, now_ns=now_ns)


def report(session: Session, case_id: int, *, by: str, now_ns: int) -> None:
    """The case was reported to the district headquarters. Raises `Cannot`."""
    case = _open(session, case_id)
    if case.reported_ns is not None:
        raise Cannot("reported-already")
    case.reported_ns, case.reported_by = now_ns, by
    note(session, now_ns, by, "case-reported", f"case {case.id}")


def enter_in_grid(session: Session, case_id: int, *, by: str, now_ns: int) -> None:
    """The case was entered in the local grid (网格). Raises `Cannot`."""
    case = _open(session, case_id)
    case.grid_ns = case.grid_ns or now_ns
    note(session, now_ns, by, "case-in-grid", f"case {case.id}")


def close_case(session: Session, case_id: int, end: End, why: str, today: date, *, by: str, now_ns: int) -> Case:
    """End an isolation. Raises `Cannot` for a release before its last day is over, or an early end without a note."""
    case = _open(session, case_id)
    if end not in CHOSEN:
        raise Cannot("end")
    if end is End.RELEASED and day_of(case, today) <= case.days:
        raise Cannot("too-early", day=day_of(case, today), days=case.days)
    if end is not End.RELEASED and not why:
        raise Cannot("no-note")
    case.closed_ns, case.closed_by, case.end = now_ns, by, end
    case.note = "\n".join(line for line in (case.note, why) if line)
    note(session, now_ns, by, "case-closed", f"case {case.id}", end=end.value)
    return case


def day_of(case: Case, today: date) -> int:
    """The day of the isolation, 1 on the day of opening."""
    return (today - case.opened_on).days + 1


class ReadingDay(NamedTuple):
    """A day of an isolation, its measurements, and how many are missing."""

    day: int
    on: date
    readings: Sequence[CaseReading]

    @property
    def missing(self) -> int:
        return max(0, READINGS_A_DAY - len(self.readings))


def reading_days(case: Case, today: date, day_of_moment: Callable[[int], date]) -> list[ReadingDay]:
    """The days from the first until now or the end, the newest first, each with its measurements."""
    last = today if case.closed_ns is None else day_of_moment(case.closed_ns)
    by_day: dict[date, list[CaseReading]] = {}
    for reading in case.readings:
        by_day.setdefault(day_of_moment(reading.at_ns), []).append(reading)
    count = min((last - case.opened_on).days, 2 * MOST_DAYS)
    days = [case.opened_on + timedelta(days=number) for number in range(count + 1)]
    return [ReadingDay(number, on, by_day.get(on, [])) for number, on in enumerate(days, 1)][::-1]


def open_rows(session: Session, today: date, today_ns: int) -> list[Row]:
    """Open cases, those that are over their days first. `today_ns` is the moment when the day began."""
    query = (
        select(Case)
        .where(Case.closed_ns.is_(None))
        .options(selectinload(Case.person).selectinload(Person.team), selectinload(Case.place))
        .order_by(Case.opened_ns)
    )
    counted = (
        select(CaseReading.case_id, func.count()).where(CaseReading.at_ns >= today_ns).group_by(CaseReading.case_id)
    )
    readings = dict(session.execute(counted).all())
    rows = [
        Row(case, day_of(case, today), case.days - day_of(case, today) + 1, readings.get(case.id, 0))
        for case in session.scalars(query)
    ]
    return sorted(rows, key=lambda row: row.left)


def closed_cases(session: Session, most: int) -> Sequence[Case]:
    """The last cases that ended."""
    query = select(Case).where(Case.closed_ns.is_not(None)).options(selectinload(Case.person))
    return session.scalars(query.order_by(Case.closed_ns.desc()).limit(most)).all()


def one(session: Session, case_id: int) -> Case | None:
    """A case with everything that its page shows."""
    person = selectinload(Case.person).options(selectinload(Person.team), selectinload(Person.badges))
    of_case = (Case.place, Case.readings, Case.signs)
    load = (person, *(selectinload(part) for part in of_case), selectinload(Case.contact_of).selectinload(Case.person))
    return session.scalar(select(Case).where(Case.id == case_id).options(*load))


def places(session: Session) -> list[PlaceRow]:
    """Isolation places in use, and how many are in each."""
    taken = select(Case.place_id, func.count()).where(Case.closed_ns.is_(None)).group_by(Case.place_id)
    counts = dict(session.execute(taken).all())
    query = select(Place).where(Place.kind == PlaceKind.ISOLATION, Place.active.is_(True)).order_by(Place.name)
    return [PlaceRow(place, counts.get(place.id, 0)) for place in session.scalars(query)]


def _check_place(session: Session, place_id: int) -> None:
    row = next((row for row in places(session) if row.place.id == place_id), None)
    if row is None:
        raise Cannot("no-place")
    if row.is_full:
        raise Cannot("place-full", place=row.place.title, capacity=row.place.capacity)


def _open(session: Session, case_id: int) -> Case:
    case = session.get(Case, case_id)
    if case is None:
        raise Cannot("no-case")
    if case.closed_ns is not None:
        raise Cannot("closed")
    return case
