"""Batches and entries for tests of the hub."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Raw

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
