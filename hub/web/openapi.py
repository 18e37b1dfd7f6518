"""The description of the API (OpenAPI 3.1) at `/api/openapi.json`: what tests of the API go by, and programs too."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import FastAPI, Response
from msgspec import Struct

from hub.board import AlertRow, Snapshot
from hub.cases.record import IsolationLine
from hub.city.view import CityView
from hub.crowds.record import MealLine
from hub.projections.checks import CheckRow
from hub.reports.figures import DayReport
from hub.web.access import PROBLEM
from hub.web.alerts import WORDS, Said
from hub.web.doors import DOORS, Key
from hub.web.records import MAX_BEHIND, MAX_LIMIT, EventLine
from hub.web.register_api import KEY_PATTERN, Announced, PersonBody, Registered, VehicleBody, VisitBody
from wire.events import MAX_TIME_NS

Document = dict[str, Any]
PATH = "/api/openapi.json"


class Problem(Struct, frozen=True):
    """Problem details (RFC 9457)."""

    title: str
    status: int
    detail: str
    faults: list[dict[str, str]] = []
    """Of a question that makes no sense: where, and what was expected."""


_TYPES = (
    Snapshot, AlertRow, EventLine, CheckRow, IsolationLine, MealLine, Said, DayReport, CityView, PersonBody,
    VehicleBody, VisitBody, Registered, Announced, Problem,
)  # fmt: skip
_WHY = {
    400: "The body cannot be read, or says something impossible.",
    401: "Nobody is signed in, or the token is over.",
    403: "The token is not good for this.",
    404: "There is no such thing.",
    409: "It is not in a state for that.",
    413: "The body is too long.",
    422: "A parameter makes no sense.",
    429: "Too many requests: wait as long as it says.",
    503: "The record cannot be read at the moment.",
}


def add_openapi(app: FastAPI, version: str) -> None:
    """The document, open to everybody."""
    made = msgspec.json.encode(document(version))

    @app.get(PATH)
    async def described() -> Response:
        return Response(made, media_type="application/json")


def document(version: str) -> Document:
    """The whole description."""
    _, components = msgspec.json.schema_components(_TYPES, ref_template="#/components/schemas/{name}")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Menshen",
            "version": version,
            "description": "The hub of one site. Lists go on behind the last thing that was read (`after`).",
        },
        "paths": _paths(),
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _paths() -> Document:
    after = _query("after", "Behind this number.", 0, 2**63 - 1, 0)
    limit = _query("limit", "At most so many.", 1, MAX_LIMIT, 1000)
    from_ns = _query("from_ns", "From this moment (nanoseconds since 1970, UTC).", 0, MAX_TIME_NS, 0)
    until_ns = _query("until_ns", "To before this moment.", 0, MAX_TIME_NS, MAX_TIME_NS)
    alert = {"name": "alert", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 0}}
    word = {"name": "word", "in": "path", "required": True, "schema": {"type": "string", "enum": list(WORDS)}}
    say = _operation(
        "POST", "/api/alerts/{alert}/{word}", "Say something of an alert.", _json("AlertRow"), [alert, word]
    )
    say["requestBody"] = {"required": False, "content": {"application/json": {"schema": _ref("Said")}}}
    return {
        PATH: {
            "get": _operation("GET", PATH, "This description.", {"application/json": {"schema": {"type": "object"}}})
        },
        "/api/state": {"get": _operation("GET", "/api/state", "The live board.", _json("Snapshot"))},
        "/api/live": {"get": _operation("GET", "/api/live", "The live board at each change, as events.", _EVENTS)},
        "/api/events": {"get": _list("/api/events", "The journal, one event a line.", "EventLine", [after, limit])},
        "/api/alerts": {"get": _list("/api/alerts", "All alerts, one a line.", "AlertRow", [after, limit])},
        "/api/checks": {
            "get": _list(
                "/api/checks",
                "Who was measured how often, one a line, by site and badge.",
                "CheckRow",
                [from_ns, until_ns, _behind(), limit],
            )
        },
        "/api/isolations": {"get": _list("/api/isolations", "Who is isolated, one a line.", "IsolationLine", [])},
        "/api/meals": {"get": _meals()},
        "/api/alerts/{alert}/{word}": {"post": say},
        "/api/duties": {"get": _duties()},
        "/api/report": {"get": _report()},
        "/api/city": {"get": _operation("GET", "/api/city", "The day's figures of several sites.", _json("CityView"))},
        "/api/people/{key}": _register("people", "Somebody who is registered", "PersonBody"),
        "/api/vehicles/{key}": _register("vehicles", "A vehicle that is registered", "VehicleBody"),
        "/api/visitors": {"post": _announce()},
        "/api/metrics": {"get": _operation("GET", "/api/metrics", "How all stands, for Prometheus.", _METRICS)},
    }


def _duties() -> Document:
    """Who has to be measured; with `people` each of them, for who may see them."""
    people = {"name": "people", "in": "query", "required": False, "schema": {"type": "boolean", "default": False}}
    about = "The day's measurements (双测): figures by team, grid and shift; with `people` who is measured how often."
    answer = {"application/json": {"schema": {"type": "object", "required": ["site", "day", "time_ns", "total"]}}}
    made = _operation("GET", "/api/duties", about, answer, [_DAY, people])
    made["responses"]["404"] = _answer(_WHY[404], _PROBLEM)
    return made


def _meals() -> Document:
    made = _list("/api/meals", "Who came to a canteen on a day, one a line.", "MealLine", [_DAY])
    made["responses"]["404"] = _answer(_WHY[404], _PROBLEM)
    return made


def _register(kind: str, about: str, body: str) -> Document:
    """What is read and put by its number or plate."""
    path = f"/api/{kind}/{{key}}"
    key = {"name": "key", "in": "path", "required": True, "schema": {"type": "string", "pattern": KEY_PATTERN}}
    record = {"application/json": {"schema": {"type": "object"}}}
    seen = _operation("GET", path, f"{about}.", record, [key])
    seen["responses"]["404"] = _answer(_WHY[404], _PROBLEM)
    put = _operation("PUT", path, f"{about}: new, or what is sent of it changed.", _json("Registered"), [key])
    put["requestBody"] = {"required": True, "content": _json(body)}
    return {"get": seen, "put": put}


def _announce() -> Document:
    made = _operation("POST", "/api/visitors", "Announce a visit; its pass.", _json("Announced"))
    made["requestBody"] = {"required": True, "content": _json("VisitBody")}
    return made


def _behind() -> Document:
    """A place in a list that goes by site and badge."""
    schema = {"type": "string", "maxLength": MAX_BEHIND, "default": ""}
    about = "Behind this site and badge, with a slash between them: the last that was read."
    return {"name": "after", "in": "query", "required": False, "description": about, "schema": schema}


def _report() -> Document:
    """A day in figures; nobody is named."""
    made = _operation("GET", "/api/report", "The figures of a day; today without one.", _json("DayReport"), [_DAY])
    made["responses"]["400"] = _answer("There is no such day.", _PROBLEM)
    return made


_DAY: Document = {"name": "day", "in": "query", "required": False, "schema": {"type": "string", "format": "date"}}
_METRICS: Document = {"text/plain": {"schema": {"type": "string"}}}
_EVENTS: Document = {"text/event-stream": {"schema": {"type": "string"}}}


def _list(path: str, about: str, row: str, parameters: list[Document]) -> Document:
    lines = {"application/x-ndjson": {"schema": {"type": "string"}, "x-line": _ref(row)}}
    return _operation("GET", path, about, lines, parameters)


def _operation(
    method: str, path: str, about: str, content: Document, parameters: list[Document] | None = None
) -> Document:
    door = DOORS[f"{method} {path}"]
    wrong = {422, 503} if method == "GET" else {400, 404, 409, 413, 422, 503}
    if door.needs is Key.NOBODY:
        return {"summary": about, "operationId": _name(method, path), "responses": {"200": _answer(about, content)}}
    refused = {str(status): _answer(_WHY[status], _PROBLEM) for status in sorted(wrong | {401, 403, 429})}
    return {
        "summary": about,
        "description": f"Needs a token that is good for `{door.needs}`.",
        "operationId": _name(method, path),
        "parameters": parameters or [],
        "security": [{"token": []}],
        "responses": {"200": _answer(about, content), **refused},
    }


def _name(method: str, path: str) -> str:
    return f"{method.lower()}-" + "-".join(part.strip("{}") for part in path.split("/")[2:])


def _answer(about: str, content: Document) -> Document:
    return {"description": about, "content": content}


def _query(name: str, about: str, least: int, most: int, default: int) -> Document:
    schema = {"type": "integer", "minimum": least, "maximum": most, "default": default}
    return {"name": name, "in": "query", "required": False, "description": about, "schema": schema}


def _json(name: str) -> Document:
    return {"application/json": {"schema": _ref(name)}}


def _ref(name: str) -> Document:
    return {"$ref": f"#/components/schemas/{name}"}


_PROBLEM: Document = {PROBLEM: {"schema": _ref("Problem")}}
