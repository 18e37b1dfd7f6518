"""Every address of the console and the API, and who may go through: one table, checked before anything else is done.

Each address has its `Door`: what whoever asks needs, and how it stands in the record that they saw health data. An
address without a door is open to nobody, and a hub whose pages ask for something else than this table says does not
start (`check`).
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from hub.accounts.roles import Permission
from wire.errors import MenshenError


class Key(StrEnum):
    """What opens a door without a permission of the roles' table."""

    NOBODY = "nobody"
    """Open: no person is behind it."""
    LINK = "link"
    """The address itself: signed, or with a number that nobody can guess."""
    SIGNED_IN = "signed-in"
    """Anybody with an account, for their own."""


class Seen(StrEnum):
    """How it is recorded that somebody saw health data."""

    EACH_TIME = "each-time"
    """The page notes about whom, each time."""
    HOURLY = "hourly"
    """Measurements under a token, which are followed all day: noted once an hour for each reader."""


class Door(NamedTuple):
    """What an address needs, and how looking behind it is recorded; None where no health data is behind it."""

    needs: Permission | Key
    seen: Seen | None = None
    more: tuple[Permission, ...] = ()
    """What parts of it need beside."""


_P, _HOURLY, _EACH = Permission, Seen.HOURLY, Seen.EACH_TIME
_OPEN, _LINK, _SIGNED_IN = Door(Key.NOBODY), Door(Key.LINK), Door(Key.SIGNED_IN)
_BOARD, _RECORDS = Door(_P.BOARD, _HOURLY), Door(_P.RECORDS, _HOURLY)
_HEALTH, _CASES = Door(_P.HEALTH, _EACH), Door(_P.CASES_EDIT)
_PEOPLE, _PEOPLE_EDIT = Door(_P.PEOPLE), Door(_P.PEOPLE_EDIT)
_REPORTS = Door(_P.REPORTS, _EACH)
_VISITORS, _SITE, _USERS = Door(_P.VISITORS_EDIT), Door(_P.SITE_EDIT), Door(_P.USERS_EDIT)
_GATES = Door(_P.GATES_EDIT)

DOORS: dict[str, Door] = {
    # open
    "GET /healthz": _OPEN,
    "GET /readyz": _OPEN,
    "GET /wall": _OPEN,
    "GET /wall/live": _OPEN,
    "GET /api/openapi.json": _OPEN,
    "GET /sign-in": _OPEN,
    "POST /sign-in": _OPEN,
    "POST /sign-out": _OPEN,
    # by the address itself
    "GET /first/{code}": _LINK,
    "POST /first/{code}": _LINK,
    "GET /sign-in/provider": _LINK,
    "GET /sign-in/provider/back": _LINK,
    "GET /ack/{token}": _LINK,
    "POST /ack/{token}": _LINK,
    "GET /k/{code}": _LINK,
    "POST /k/{code}": _LINK,
    "GET /in/{channel}": _LINK,
    "POST /in/{channel}": _LINK,
    "GET /pass/{number}": _LINK,
    "GET /r/{code}": _LINK,
    "POST /r/{code}": _LINK,
    "GET /w": _LINK,
    "GET /w/{link}": _LINK,
    "POST /w/{link}": _LINK,
    "GET /w/form/declare": _LINK,
    "POST /w/form/declare": _LINK,
    "GET /w/form/leave": _LINK,
    "POST /w/form/leave": _LINK,
    "POST /w/notices/{number:int}/seen": _LINK,
    "GET /w/notices/{number:int}/picture": _LINK,
    "GET /visit/{link}": _LINK,
    "POST /visit/{link}": _LINK,
    "POST /enrol": _LINK,
    # one's own
    "GET /account": _SIGNED_IN,
    "POST /account": _SIGNED_IN,
    "GET /tokens": _SIGNED_IN,
    "POST /tokens": _SIGNED_IN,
    "POST /tokens/{token_id:int}/revoke": _SIGNED_IN,
    # gates and alerts
    "GET /": _BOARD,
    "GET /live": _BOARD,
    "GET /alerts": _BOARD,
    "GET /alerts/{alert}/picture": _HEALTH,
    "GET /alerts/{alert}": _BOARD,
    "POST /alerts/{alert}/{word}": Door(_P.ALERTS),
    "POST /silences/{silence}/end": Door(_P.ALERTS),
    # the API
    "GET /api/state": _BOARD,
    "GET /api/metrics": Door(_P.BOARD),
    "GET /api/live": _BOARD,
    "GET /api/alerts": _BOARD,
    "POST /api/alerts/{alert}/{word}": Door(_P.ALERTS),
    "GET /api/events": _RECORDS,
    "GET /api/checks": _RECORDS,
    "GET /api/isolations": _RECORDS,
    "GET /api/meals": _RECORDS,
    "GET /api/people/{key}": _PEOPLE,
    "PUT /api/people/{key}": _PEOPLE_EDIT,
    "GET /api/vehicles/{key}": _PEOPLE,
    "PUT /api/vehicles/{key}": _PEOPLE_EDIT,
    "POST /api/visitors": _VISITORS,
    # isolation
    "GET /cases": _HEALTH,
    "POST /cases": _CASES,
    "POST /cases/place": _CASES,
    "GET /cases/unnamed": _HEALTH,
    "POST /cases/unnamed/{sign_id:int}/name": _CASES,
    "POST /cases/unnamed/{sign_id:int}/register": _CASES,
    "POST /cases/unnamed/{sign_id:int}/dismiss": _CASES,
    "GET /cases/{case_id:int}": _HEALTH,
    "GET /alerts/{alert}/case": _HEALTH,
    "GET /cases/{case_id:int}/contacts": _HEALTH,
    "POST /cases/{case_id:int}/contacts": _CASES,
    "GET /cases/{case_id:int}/report": _HEALTH,
    "POST /cases/{case_id:int}/readings": _CASES,
    "POST /cases/{case_id:int}/report": _CASES,
    "POST /cases/{case_id:int}/grid": _CASES,
    "POST /cases/{case_id:int}/move": _CASES,
    "POST /cases/{case_id:int}/close": _CASES,
    # daily measurements, sick leave, rotas
    "GET /duties": _PEOPLE,
    "GET /duties/export": _PEOPLE,
    "GET /duties/{person_id:int}": _PEOPLE,
    "POST /duties/{person_id:int}/corrections": Door(_P.DUTIES_EDIT),
    "POST /duties/{person_id:int}/strike": Door(_P.DUTIES_EDIT),
    "POST /duties/{person_id:int}/withdraw": Door(_P.DUTIES_EDIT),
    "GET /api/duties": Door(_P.BOARD, more=(_P.PEOPLE, _P.HEALTH)),
    "GET /absences": _HEALTH,
    "POST /absences": _PEOPLE_EDIT,
    "POST /absences/{absence_id:int}/end": _PEOPLE_EDIT,
    "POST /absences/{absence_id:int}/withdraw": _PEOPLE_EDIT,
    "GET /rotas": _PEOPLE,
    "POST /rotas": _PEOPLE_EDIT,
    "POST /rotas/spread": _PEOPLE_EDIT,
    "POST /rotas/days": _PEOPLE_EDIT,
    "POST /rotas/{rota_id:int}/drop": _PEOPLE_EDIT,
    "POST /rotas/days/{day_id:int}/drop": _PEOPLE_EDIT,
    **{
        f"{method} /{kind}{path}": door
        for kind, seeing in (("absences", _HEALTH), ("rotas", _PEOPLE), ("rotas/days", _PEOPLE))
        for method, path, door in (
            ("GET", "/export", seeing),
            ("GET", "/import", _PEOPLE_EDIT),
            ("POST", "/import", _PEOPLE_EDIT),
            ("POST", "/import/{number}", _PEOPLE_EDIT),
        )
    },
    # word to the workers
    "GET /notices": Door(_P.MESSAGES),
    "POST /notices": Door(_P.MESSAGES),
    "POST /notices/{number:int}/withdraw": Door(_P.MESSAGES),
    "GET /notices/{number:int}/picture": Door(_P.MESSAGES),
    # what workers' telephones tell
    "GET /declarations": _HEALTH,
    "POST /declarations/{number:int}/settle": _CASES,
    "POST /declarations/leave/{number:int}/confirm": _PEOPLE_EDIT,
    "POST /declarations/leave/{number:int}/refuse": _PEOPLE_EDIT,
    "GET /links": _PEOPLE_EDIT,
    "POST /links/{person_id:int}/revoke": _PEOPLE_EDIT,
    # rounds of disinfection
    "GET /rounds": _PEOPLE,
    "GET /rounds/print": _SITE,
    "POST /rounds/{key}/done": Door(_P.DUTIES_EDIT),
    "POST /rounds/{key}/times": _SITE,
    "POST /rounds/{key}/code": _SITE,
    # the register
    **{
        f"{method} /{kind}{path}": door
        for kind in ("people", "vehicles")
        for method, path, door in (
            ("GET", "", _PEOPLE),
            ("POST", "", _PEOPLE_EDIT),
            ("GET", "/new", _PEOPLE_EDIT),
            ("GET", "/{record_id:int}", _PEOPLE),
            ("POST", "/{record_id:int}", _PEOPLE_EDIT),
            ("GET", "/export", _PEOPLE_EDIT),
            ("GET", "/import", _PEOPLE_EDIT),
            ("POST", "/import", _PEOPLE_EDIT),
            ("POST", "/import/{number}", _PEOPLE_EDIT),
        )
    },
    "GET /privacy": Door(_P.PRIVACY),
    "GET /people/{record_id:int}/privacy": Door(_P.PRIVACY),
    "POST /people/{record_id:int}/data": Door(_P.PRIVACY, _EACH),
    "POST /people/{record_id:int}/erase": Door(_P.PRIVACY),
    "GET /visitors": _VISITORS,
    "POST /visitors": _VISITORS,
    "POST /visitors/{visit_id:int}/cancel": _VISITORS,
    "GET /invitations": _VISITORS,
    "POST /invitations": _VISITORS,
    "GET /invitations/{number:int}": _VISITORS,
    "POST /invitations/{number:int}/approve": _VISITORS,
    "POST /invitations/{number:int}/refuse": _VISITORS,
    "GET /boards": Door(_P.BOARD),
    "GET /boards/{name}": Door(_P.BOARD),
    "GET /boards/{name}/json": Door(_P.BOARD),
    "GET /boards/{name}/answers": Door(_P.BOARD),
    "GET /crowds": Door(_P.BOARD),
    "GET /search": Door(_P.BOARD, _HOURLY, (_P.PEOPLE, _P.VISITORS_EDIT, _P.HEALTH)),
    "GET /reports": _REPORTS,
    "GET /reports/file": _REPORTS,
    "GET /api/report": Door(_P.REPORTS),
    "GET /city": Door(_P.REPORTS),
    "GET /api/city": Door(_P.REPORTS),
    "GET /resumption": Door(_P.BOARD),
    "POST /resumption/opening": _SITE,
    "POST /resumption/items/{item}": _SITE,
    "GET /site": _SITE,
    **{
        f"{address} /site/{kind}/{path}": _SITE
        for kind in ("shifts", "teams")
        for address, path in (
            ("GET", "export"),
            ("GET", "import"),
            ("POST", "import"),
            ("POST", "import/{number}"),
        )
    },
    "POST /site/{what}": _SITE,
    "POST /site/{what}/remove": _SITE,
    # gates
    "GET /gates": _GATES,
    "POST /gates": _GATES,
    "GET /gates/{gate}": _GATES,
    "POST /gates/{gate}/revoke": _GATES,
    "POST /gates/{gate}/settings": _GATES,
    "GET /updates": _GATES,
    "POST /updates": _GATES,
    "POST /updates/halt": _GATES,
    "POST /updates/back": _GATES,
    # the console itself
    "GET /users": _USERS,
    "POST /users": _USERS,
    "POST /users/{user_id}/disable": _USERS,
    "GET /audit": Door(_P.AUDIT),
}
"""By method and path, as the routes are declared."""

API_PERMISSIONS = tuple(
    permission
    for permission in Permission
    if any(permission in {door.needs, *door.more} for address, door in DOORS.items() if " /api/" in address)
)
"""What a program's token can be good for."""


def door_of(method: str, path: str) -> Door | None:
    """The door of a route, None where it has none. HEAD is GET without a body."""
    return DOORS.get(f"{'GET' if method == 'HEAD' else method} {path}")


def check(app: FastAPI) -> None:
    """Raises `MenshenError` where a page has no door, or asks for another permission than its door."""
    for address, asked in addresses(app):
        door = DOORS.get(address)
        if door is None:
            raise MenshenError(f"{address}: is in no line of hub/web/doors.py, so nobody could open it")
        said = {need for need in asked if need != door.needs}
        if said:
            raise MenshenError(f"{address}: asks for {', '.join(said)}, its door in hub/web/doors.py for {door.needs}")


def addresses(app: FastAPI) -> Iterator[tuple[str, set[Permission]]]:
    """Each route of the app as `METHOD path`, and the permissions that its own dependencies ask for."""
    for route in app.routes:
        if isinstance(route, APIRoute):
            for method in sorted(route.methods or ()):
                yield f"{method} {route.path}", set(_asked(route.dependant))


def _asked(dependant: Dependant) -> Iterator[Permission]:
    permission = getattr(dependant.call, "permission", None)
    if isinstance(permission, Permission):
        yield permission
    for inner in dependant.dependencies:
        yield from _asked(inner)
