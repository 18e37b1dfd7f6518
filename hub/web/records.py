"""The record as an HTTP API, for other programs: the journal's events, all alerts, and who was measured how often.

Every list goes on behind the last thing that was read (`after`), so that a reader can follow what comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec
from fastapi import FastAPI, Query, Response

from hub.board import AlertRow
from hub.cases.record import IsolationLine
from hub.journal import Entry
from hub.projections.checks import CheckRow
from wire.events import MAX_TIME_NS

MAX_LIMIT = 10_000
MAX_BEHIND = 200
_LINES = "application/x-ndjson"


class Records(Protocol):
    """Where the API gets the record from. Every method may raise `JournalError`."""

    async def events(self, after: int, limit: int) -> Sequence[Entry]:
        """The journal's entries behind an offset."""

    async def alerts(self, after: int, limit: int) -> Sequence[AlertRow]:
        """Alerts of every state behind a number."""

    async def checks(self, from_ns: int, until_ns: int, after: tuple[str, str], limit: int) -> Sequence[CheckRow]:
        """Who was measured how often from a moment to before another, by site and badge, behind one of those."""

    async def isolations(self) -> Sequence[IsolationLine]:
        """All cases, and fevers of strangers. Raises `DatabaseError`."""


class EventLine(msgspec.Struct, frozen=True):
    """One entry of the journal, one a line; `event` None when this hub cannot read it."""

    offset: int
    site: str
    gate: str
    urgency: str
    epoch: str
    seq: int
    last: int
    time_ns: int
    received_ns: int
    event: msgspec.Raw | None


def add_records(app: FastAPI, records: Records) -> None:
    """`/api/events`, `/api/alerts`, `/api/checks` and `/api/isolations`: JSON, one object a line."""
    after, limit = Query(default=0, ge=0), Query(default=1000, ge=1, le=MAX_LIMIT)
    behind = Query(default="", max_length=MAX_BEHIND)
    since, until = Query(default=0, ge=0, le=MAX_TIME_NS), Query(default=MAX_TIME_NS, ge=0, le=MAX_TIME_NS)

    @app.get("/api/events")
    async def events(after: int = after, limit: int = limit) -> Response:
        return lines_of([_line(entry) for entry in await records.events(after, limit)])

    @app.get("/api/alerts")
    async def alerts(after: int = after, limit: int = limit) -> Response:
        return lines_of(await records.alerts(after, limit))

    @app.get("/api/checks")
    async def checks(from_ns: int = since, until_ns: int = until, after: str = behind, limit: int = limit) -> Response:
        site, _, badge = after.partition("/")
        return lines_of(await records.checks(from_ns, until_ns, (site, badge), limit))

    @app.get("/api/isolations")
    async def isolations() -> Response:
        return lines_of(await records.isolations())


def _line(entry: Entry) -> EventLine:
    stream = entry.stream
    return EventLine(
        entry.offset,
        stream.site,
        stream.gate,
        stream.urgency.value,
        stream.epoch,
        entry.seq,
        entry.last,
        entry.time_ns,
        entry.received_ns,
        None if entry.event() is None else msgspec.Raw(entry.body),
    )


def lines_of(rows: Sequence[object]) -> Response:
    """One JSON object a line."""
    return Response(msgspec.json.Encoder().encode_lines(rows), media_type=_LINES)
