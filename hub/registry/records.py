"""People and vehicles in the database as records, and back: work on a session of the relational store.

The record of who changed what names fields, never their values: it cannot be erased, and people can.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from hub.accounts.audit import note_all
from hub.database import parts
from hub.registry import holdings
from hub.registry.entries import is_over
from hub.registry.fields import PEOPLE, VEHICLES, Kind, Number, Record, Value
from hub.registry.models import Badge, BadgeKey, ListedArea, Person, PersonKind, Place, PlaceKind, Shift, Team, Vehicle
from hub.registry.plans import Change, Register, Site
from wire.tokens import TokenKind, normal, token

_TOKENS = {"badges": TokenKind.BADGE, "plate": TokenKind.PLATE, "tag": TokenKind.TAG}
_PLAIN = ("telephone", "company", "emergency_contact", "grid", "origin", "returned_on", "exempt")


class Hand(NamedTuple):
    """Who changes something, when, and with which key tokens are made."""

    by: str
    now_ns: int
    key: bytes


class Asked(NamedTuple):
    """What somebody looks for in a list, and from where on."""

    words: str = ""
    after: str = ""
    all: bool = False
    """Also those who are no longer active."""
    most: int = 51
    now_ns: int = 0


def record_of(one: Person | Vehicle, now_ns: int) -> dict[str, Value]:
    """A person or a vehicle as a record."""
    return person_record(one) if isinstance(one, Person) else vehicle_record(one, now_ns)


def by_id(session: Session, kind: Kind, record_id: int) -> Person | Vehicle | None:
    """One person or vehicle; None for an id that is none, or of somebody who is erased."""
    if kind is VEHICLES:
        return session.get(Vehicle, record_id)
    person = session.scalars(_people().where(Person.id == record_id, Person.erased_ns.is_(None))).one_or_none()
    return person if isinstance(person, Person) else None


def person_record(person: Person) -> dict[str, Value]:
    """A person as a record."""
    return {
        "number": person.number,
        "name": person.name,
        "kind": person.kind.value,
        "team": person.team.name if person.team else "",
        "shift": person.shift.name if person.shift else "",
        "badges": tuple(sorted(badge.number for badge in person.badges if badge.key == BadgeKey.NOW)),
        **{name: getattr(person, name) for name in _PLAIN},
        "gates": tuple(gate for gate in person.gates.split(",") if gate),
        "active": person.active,
    }


def vehicle_record(vehicle: Vehicle, now_ns: int) -> dict[str, Value]:
    """A vehicle as a record."""
    names = ("plate", "tag", "owner", "telephone", "purpose", "commuter", "must_disinfect")
    return {**{name: getattr(vehicle, name) for name in names}, "active": not is_over(vehicle, now_ns)}


def site_of(session: Session, today: date, days: int) -> Site:
    """What the site decides about returnees, as it stands."""
    areas = tuple(session.scalars(select(ListedArea.name)))
    place = select(Place.id).where(Place.kind == PlaceKind.ISOLATION, Place.active.is_(True), Place.capacity > 0)
    return Site(areas, session.scalar(place.limit(1)) is not None, today, days)


def register_of(
    session: Session, kind: Kind, keys: Collection[str], numbers: Collection[Number], hand: Hand
) -> Register:
    """What is registered of what a plan names."""
    if kind is PEOPLE:
        people = [
            person for part in parts(keys) for person in session.scalars(_people().where(Person.number.in_(part)))
        ]
        records = {person.number: person_record(person) for person in people if person.erased_ns is None}
        teams = frozenset(session.scalars(select(Team.name)))
        shifts = tuple(session.scalars(select(Shift.name).order_by(Shift.from_min, Shift.name)))
    else:
        vehicles = [one for part in parts(keys) for one in session.scalars(_vehicles().where(Vehicle.plate.in_(part)))]
        records = {one.plate: vehicle_record(one, hand.now_ns) for one in vehicles}
        teams, shifts = frozenset(), ()
    kept = {number.normal for record in records.values() for number in kind.numbers(record)}
    return Register(records, _holders(session, {*numbers, *kept}, hand.key), teams, shifts)


def all_records(session: Session, kind: Kind, now_ns: int) -> Iterator[dict[str, Value]]:
    """Every record, in the order of the keys; without those who are erased."""
    if kind is PEOPLE:
        found = session.scalars(_people().where(Person.erased_ns.is_(None)).order_by(Person.number))
        yield from map(person_record, found)
    else:
        for vehicle in session.scalars(_vehicles().order_by(Vehicle.plate)):
            yield vehicle_record(vehicle, now_ns)


def found(session: Session, kind: Kind, asked: Asked, key: bytes | None) -> Sequence[Person] | Sequence[Vehicle]:
    """Up to `most` people or vehicles that match, by number or plate, after the one with `after`."""
    if kind is PEOPLE:
        people = _people().where(Person.erased_ns.is_(None), Person.number > asked.after)
        if not asked.all:
            people = people.where(Person.active.is_(True))
        if asked.words:
            people = people.where(_person_matches(asked.words, key))
        return session.scalars(people.order_by(Person.number).limit(asked.most)).all()
    vehicles = select(Vehicle).where(Vehicle.plate > asked.after)
    if not asked.all:
        vehicles = vehicles.where(or_(Vehicle.until_ns.is_(None), Vehicle.until_ns > asked.now_ns))
    if asked.words:
        plate = normal(asked.words)
        owned = Vehicle.owner.contains(asked.words, autoescape=True)
        vehicles = vehicles.where(
            or_(Vehicle.plate.contains(plate, autoescape=True), owned, Vehicle.tag == asked.words)
        )
    return session.scalars(vehicles.order_by(Vehicle.plate).limit(asked.most)).all()


def _person_matches(words: str, key: bytes | None) -> ColumnElement[bool]:
    """By the start of number or telephone, a part of the name, a team's name, or a whole badge number."""
    teams = select(Team.id).where(Team.name == words)
    ways = [
        Person.number.startswith(words, autoescape=True),
        Person.name.contains(words, autoescape=True),
        Person.telephone.startswith(words, autoescape=True),
        Person.team_id.in_(teams),
    ]
    if key is not None and normal(words):
        holders = select(Badge.person_id).where(Badge.token == token(key, TokenKind.BADGE, words))
        ways.append(Person.id.in_(holders))
    return or_(*ways)


def save(session: Session, kind: Kind, changes: Sequence[Change], hand: Hand) -> list[int]:
    """Carry out the changes of a plan, and note each; the ids of what changed."""
    return (_save_people if kind is PEOPLE else _save_vehicles)(session, changes, hand)


def _people() -> Any:  # noqa: ANN401 - a query
    """Whom the register is about; visitors have pages of their own."""
    people = select(Person).where(Person.kind != PersonKind.VISITOR)
    return people.options(joinedload(Person.team), joinedload(Person.shift), selectinload(Person.badges))


def _vehicles() -> Any:  # noqa: ANN401 - a query
    return select(Vehicle)


def _holders(session: Session, numbers: Collection[Number], key: bytes) -> dict[Number, str]:
    wanted = {(number.field, _token(number, key)): number for number in numbers}
    holders: dict[Number, str] = {}
    for part in parts(wanted):
        tokens = [made for _, made in part]
        badges = select(Badge.token, Person.number).join(Person).where(Badge.token.in_(tokens))
        rows: list[tuple[str, str | None, str]] = [("badges", *row) for row in session.execute(badges)]
        for name, column in (("plate", Vehicle.plate_token), ("tag", Vehicle.tag_token)):
            rows += [(name, *row) for row in session.execute(select(column, Vehicle.plate).where(column.in_(tokens)))]
        holders |= {wanted[name, made]: holder for name, made, holder in rows if made and (name, made) in wanted}
    return holders


def _token(number: Number, key: bytes) -> str:
    return token(key, _TOKENS[number.field], number.number)


def _save_people(session: Session, changes: Sequence[Change], hand: Hand) -> list[int]:
    teams = {team.name: team for team in session.scalars(select(Team))}
    for name in sorted({str(change.new["team"]) for change in changes} - teams.keys() - {""}):
        teams[name] = Team(name=name)
        session.add(teams[name])
    shifts = {shift.name: shift for shift in session.scalars(select(Shift))}
    numbers = [str(change.new["number"]) for change in changes]
    found = [person for part in parts(numbers) for person in session.scalars(_people().where(Person.number.in_(part)))]
    people = {person.number: person for person in found}
    for change in changes:
        number = str(change.new["number"])
        person = people.setdefault(number, Person(number=number, created_ns=hand.now_ns, badges=[]))
        _fill_person(person, change.new, (teams, shifts), hand.now_ns)
    session.add_all(people.values())
    wanted = {str(change.new["number"]): _badges_of(change.new, hand.key) for change in changes}
    for number, badges in wanted.items():  # first those that go: another may get them
        still = {normal(one) for one in badges.values()}
        kept = [
            badge
            for badge in people[number].badges
            if badge.token in badges or (badge.key != BadgeKey.NOW and normal(badge.number) in still)
        ]
        holdings.give_back(session, [badge for badge in people[number].badges if badge not in kept], hand.now_ns)
        people[number].badges = kept
    session.flush()
    there = {number: {badge.token for badge in people[number].badges} for number in wanted}
    new = [
        holdings.Card(people[number], badge, made)
        for number, badges in wanted.items()
        for made, badge in badges.items()
        if made not in there[number]
    ]
    holdings.issue_all(session, new)
    session.flush()
    _note(session, hand, "person", [(people[str(change.new["number"])].id, change) for change in changes])
    return [person.id for person in people.values()]


def _fill_person(person: Person, record: Record, known: tuple[dict[str, Team], dict[str, Shift]], now_ns: int) -> None:
    teams, shifts = known
    for name in ("name", *_PLAIN, "active"):
        setattr(person, name, record[name])
    person.kind = PersonKind(str(record["kind"]))
    person.team = teams.get(str(record["team"]))
    person.shift = shifts.get(str(record["shift"]))
    gates = record["gates"]
    person.gates = ",".join(gates) if isinstance(gates, tuple) else ""
    person.changed_ns = now_ns


def _badges_of(record: Record, key: bytes) -> dict[str, str]:
    return {_token(number, key): number.number for number in PEOPLE.numbers(record)}


def _save_vehicles(session: Session, changes: Sequence[Change], hand: Hand) -> list[int]:
    plates = [str(change.new["plate"]) for change in changes]
    found = [one for part in parts(plates) for one in session.scalars(_vehicles().where(Vehicle.plate.in_(part)))]
    vehicles = {vehicle.plate: vehicle for vehicle in found}
    for change in changes:
        plate = str(change.new["plate"])
        vehicle = vehicles.setdefault(plate, Vehicle(plate=plate, created_ns=hand.now_ns))
        if vehicle.tag != change.new["tag"]:
            vehicle.tag_token = vehicle.old_tag_token = None  # first those that go: another may get them
    session.add_all(_filled(vehicles, changes, hand))
    session.flush()
    for change in changes:
        tag = str(change.new["tag"])
        vehicles[str(change.new["plate"])].tag_token = _token(Number("tag", tag), hand.key) if tag else None
    session.flush()
    _note(session, hand, "vehicle", [(vehicles[str(change.new["plate"])].id, change) for change in changes])
    return [vehicle.id for vehicle in vehicles.values()]


def _filled(vehicles: dict[str, Vehicle], changes: Sequence[Change], hand: Hand) -> Iterable[Vehicle]:
    for change in changes:
        vehicle = vehicles[str(change.new["plate"])]
        for name in ("tag", "owner", "telephone", "purpose", "commuter", "must_disinfect"):
            setattr(vehicle, name, change.new[name])
        vehicle.plate_token = _token(Number("plate", vehicle.plate), hand.key)
        vehicle.changed_ns = hand.now_ns
        if is_over(vehicle, hand.now_ns) is bool(change.new["active"]):
            vehicle.until_ns = None if change.new["active"] else hand.now_ns
        yield vehicle


def _note(session: Session, hand: Hand, subject: str, done: Sequence[tuple[int, Change]]) -> None:
    notes: list[tuple[str, str, dict[str, Any]]] = [
        (f"{subject}-{'added' if change.old is None else 'changed'}", f"{subject} {key}", {"fields": _names(change)})
        for key, change in done
    ]
    note_all(session, hand.now_ns, hand.by, notes)


def _names(change: Change) -> list[str]:
    return sorted(change.fields()) if change.old is not None else []
