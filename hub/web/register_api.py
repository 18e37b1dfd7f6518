"""Registration for other programs (HR's own system, a visitors' desk): people, vehicles and visitors as JSON.

`PUT` registers somebody or something new, or changes what is sent of it; what is left out stays as it is. The same
rules as in files and forms decide, and the gates know within a second.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import Depends, FastAPI, Path, Request, Response
from msgspec import UNSET, Meta, Struct, UnsetType
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.accounts.audit import note
from hub.accounts.desk import Who
from hub.accounts.roles import Permission
from hub.registry import records, visitors
from hub.registry.fields import PEOPLE, VEHICLES, Cell, Kind, Unfit
from hub.registry.models import Person, PersonKind, Vehicle
from hub.registry.office import PeopleOffice
from hub.web.access import Access, Denied, problem
from hub.web.acknowledging import body_of
from hub.web.imports import need_key
from hub.web.words import Lang, say
from wire.tokens import normal

KEY_PATTERN = r"^[\w-]{1,40}$"
Text = Annotated[str, Meta(max_length=200)] | UnsetType
Names = list[Annotated[str, Meta(max_length=80, pattern="^[^,;，；、\n]+$")]] | UnsetType
"""In a cell of a file these stand between several."""
Flag = bool | UnsetType
B = TypeVar("B", bound=Struct)


class PersonBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What is sent of a person; the number stands in the address. Days are written `2020-02-10`."""

    name: Text = UNSET
    kind: Text = UNSET
    team: Text = UNSET
    shift: Text = UNSET
    badges: Names = UNSET
    telephone: Text = UNSET
    company: Text = UNSET
    emergency_contact: Text = UNSET
    grid: Text = UNSET
    origin: Text = UNSET
    returned_on: Text = UNSET
    exempt: Text = UNSET
    gates: Names = UNSET
    active: Flag = UNSET


class VehicleBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What is sent of a vehicle; the plate stands in the address."""

    tag: Text = UNSET
    owner: Text = UNSET
    telephone: Text = UNSET
    purpose: Text = UNSET
    commuter: Flag = UNSET
    must_disinfect: Flag = UNSET
    active: Flag = UNSET


class VisitBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A visit that is announced: who comes, to whom (number or name), why, on which day from when until when."""

    name: str
    telephone: str
    host: str
    reason: str
    day: str
    begins: str = msgspec.field(name="from")
    until: str = msgspec.field(name="until")
    company: str = ""


class Registered(Struct, frozen=True):
    """What was registered: its number or plate, and whether it is new."""

    key: str
    new: bool


class Announced(Struct, frozen=True):
    """A visit that was announced: the number of its pass, and where the pass is shown."""

    number: str
    path: str


def add_register_api(app: FastAPI, access: Access, office: PeopleOffice) -> None:
    """`/api/people/NUMBER`, `/api/vehicles/PLATE` and `/api/visitors`."""
    _add_kind(app, access, office, PEOPLE, PersonBody)
    _add_kind(app, access, office, VEHICLES, VehicleBody)
    editing = access.needs(Permission.VISITORS_EDIT)

    @app.post("/api/visitors")
    async def announce(request: Request, who: Who = Depends(editing)) -> Response:
        need_key(office)
        body = await _body(request, VisitBody)
        hand = office.hand(who.login)

        def work(session: Session) -> Any:  # noqa: ANN401 - as `announce` gives it
            return visitors.announce(session, msgspec.to_builtins(body), hand, office.moment_ns)

        try:
            number = await office.change(work)
        except Unfit as error:
            return _unfit(access.language(request), error)
        return _json(Announced(number, f"/pass/{number}"))


def _add_kind(app: FastAPI, access: Access, office: PeopleOffice, kind: Kind, body: type[Struct]) -> None:
    seeing, editing = access.needs(Permission.PEOPLE), access.needs(Permission.PEOPLE_EDIT)
    key = Path(pattern=KEY_PATTERN)
    path = f"/api/{kind.name}/{{key}}"

    @app.get(path)
    async def one(key: str = key, who: Who = Depends(seeing)) -> Response:
        now_ns = access.now_ns()

        def work(session: Session) -> dict[str, Any]:
            found = _of(session, kind, key)
            if found is None:
                raise Denied(404, "no-record")
            subject = "person" if kind is PEOPLE else "vehicle"
            note(session, now_ns, who.login, f"{subject}-seen", f"{subject} {found.id}")
            return dict(records.record_of(found, now_ns))

        return _json(await access.database.write(work))

    @app.put(path)
    async def put(request: Request, key: str = key, who: Who = Depends(editing)) -> Response:
        need_key(office)
        sent = await _body(request, body)
        cells = {**_cells(sent), kind.key: key}

        def named(session: Session) -> str | None:
            found = _of(session, kind, key)
            return None if found is None else found.number if isinstance(found, Person) else found.plate

        stored = await access.database.read(named)
        try:
            await office.put(kind, cells, by=who.login, known=stored)
        except Unfit as error:
            return _unfit(access.language(request), error)
        return _json(Registered(stored or (normal(key) if kind is VEHICLES else key), stored is None))


def _of(session: Session, kind: Kind, key: str) -> Person | Vehicle | None:
    if kind is VEHICLES:
        return session.scalar(select(Vehicle).where(Vehicle.plate == normal(key)))
    people = select(Person).where(Person.kind != PersonKind.VISITOR, Person.erased_ns.is_(None))
    return session.scalar(people.where(Person.number == key))


async def _body(request: Request, kind: type[B]) -> B:
    """The body of a request. Raises `Denied`."""
    try:
        return msgspec.json.decode(await body_of(request), type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Denied(400, "not-json", what=str(error)) from error


def _cells(sent: Struct) -> dict[str, Cell]:
    """What was sent as cells of a file; what was not is not there."""
    given = msgspec.structs.asdict(sent)
    return {
        name: ";".join(value) if isinstance(value, list) else value
        for name, value in given.items()
        if value is not UNSET
    }


def _unfit(lang: Lang, error: Unfit) -> Response:
    faults = [{"at": fault.field, "what": say(lang, f"fault.{fault.key}", **fault.values)} for fault in error.faults]
    return problem(409, "; ".join(f"{fault['at']}: {fault['what']}" for fault in faults), faults=faults)


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
