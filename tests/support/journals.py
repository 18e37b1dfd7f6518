"""Batches and entries for tests of the hub."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import psycopg
from msgspec import Raw

from hub.fleet.journal import PostgresJournal
from hub.fleet.postgres import SCHEMA
from hub.fleet.shares import LEADER
from hub.journal import Entry
from wire.events import AnyEvent, Urgency, urgency_of
from wire.messages import Batch, Numbered, StreamId, batch_of, encode_event

URGENT = StreamId("site", "north", Urgency.URGENT, "e1")
ROUTINE = StreamId("site", "north", Urgency.ROUTINE, "e1")


def numbered(events: Sequence[AnyEvent], first: int = 1) -> list[Numbered]:
    return [Numbered(first + n, Raw(encode_event(event))) for n, event in enumerate(events)]


def batch(events: Sequence[AnyEvent], first: int = 1, stream: StreamId = URGENT) -> Batch:
    return batch_of(stream, numbered(events, first))


def entry(
    event: AnyEvent, offset: int = 1, seq: int = 1, gate: str = "north", late_s: float = 0.1, site: str = "site"
) -> Entry:
    """The event as the journal would hold it."""
    kind = str(event.__struct_config__.tag)
    received_ns = event.time_ns + int(late_s * 1e9)
    stream = StreamId(site, gate, urgency_of(event), "e1")
    return Entry(offset, stream, seq, seq, kind, event.time_ns, received_ns, encode_event(event))


class InPostgres:
    """An event log in an emptied database, of whose shares one process has all."""

    def __init__(self, url: str) -> None:
        self._url = url
        with psycopg.connect(url, autocommit=True) as db:
            db.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")

    def open(self, _folder: Path | None = None) -> PostgresJournal:
        """The log; opened again it is the same."""
        terms = dict.fromkeys(range(LEADER + 1), 1)
        journal = PostgresJournal(self._url, lambda: terms)
        journal.open()
        with psycopg.connect(self._url, autocommit=True) as db:
            put = f"INSERT INTO {SCHEMA}.shares (share, term) SELECT generate_series(0, {LEADER}), 1"
            db.execute(f"{put} ON CONFLICT DO NOTHING")
        return journal
