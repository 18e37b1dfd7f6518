"""What a journal takes of batches: pure rules, the same wherever the journal is.

Of each stream only the next number is taken, and only from the card that gave the numbers before it (`hub.lineage`): a
lower one is a duplicate, a higher one a hole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from hub.lineage import Laps, extended, joins
from wire.errors import DecodeError
from wire.events import AnyEvent
from wire.messages import Batch, Numbered, StreamId, decode_event, encode_event

UNREADABLE = "unreadable"


class Taken(NamedTuple):
    """What became of a stream in one `append`: everything up to `through` is durable."""

    through: int
    resend: bool
    """Whether something else than the next number arrived, so that the gate should send again."""
    new: int
    """How many events were new."""


class Bad(NamedTuple):
    """What becomes a dead letter."""

    source: str
    topic: str
    reason: str
    payload: bytes


class Tail(NamedTuple):
    """A stream's number in the journal's own count, and its last durable number."""

    id: int
    through: int


NewRow = tuple[int, int, int, str, int, int, bytes]
"""Stream, seq, last, kind, time, when received, body."""


class New(NamedTuple):
    """An event that is next in its stream."""

    row: NewRow
    event: AnyEvent | None


class Taking:
    """What one `append` takes, of one batch after the other."""

    def __init__(self, known: Callable[[StreamId], tuple[Tail, Laps]], received_ns: int) -> None:
        """`known` is how far a stream is and which runs gave its numbers; it is asked once for each stream."""
        self.taken: dict[StreamId, Taken] = {}
        self.tails: dict[StreamId, Tail] = {}
        """How far the streams then are."""
        self.laps: dict[StreamId, Laps] = {}
        self.new: list[New] = []
        self.runs: list[tuple[int, int, str]] = []
        """What is to be noted of runs: stream, first number, run."""
        self.bad: list[tuple[Bad, int, int]] = []
        """Events that cannot be read, each with its stream's number and its own."""
        self.streams: dict[int, StreamId] = {}
        self.before: dict[int, int] = {}
        """How far the streams were, by their numbers."""
        self._known, self._received_ns = known, received_ns

    def take(self, batch: Batch) -> None:
        """What comes next of a gate's batch."""
        stream = batch.stream
        tail, had = self._open(stream)
        if not joins(batch, had, tail.through):
            self.taken.setdefault(stream, Taken(tail.through, False, 0))
            return  # of another card with the same name: the watermark tells it so
        through, hole, fresh = next_of(batch.events, tail, self._received_ns, stream, self.bad)
        self.new += fresh
        self.tails[stream] = Tail(tail.id, through)
        self.laps[stream] = extended(had, batch, tail.through, through)
        if self.laps[stream] is not had:
            self.runs.append((tail.id, *self.laps[stream][-1]))
        before = self.taken.get(stream, Taken(0, False, 0))
        self.taken[stream] = Taken(through, hole or before.resend, before.new + len(fresh))

    def take_own(self, stream: StreamId, events: Sequence[AnyEvent]) -> None:
        """The hub's own events, as they come next."""
        tail, _ = self._open(stream)
        self.new += own_of(events, tail, self._received_ns)
        self.tails[stream] = Tail(tail.id, tail.through + len(events))

    def _open(self, stream: StreamId) -> tuple[Tail, Laps]:
        if stream not in self.tails:
            self.tails[stream], self.laps[stream] = self._known(stream)
            self.streams[self.tails[stream].id] = stream
            self.before[self.tails[stream].id] = self.tails[stream].through
        return self.tails[stream], self.laps[stream]


def next_of(
    events: Sequence[Numbered], tail: Tail, received_ns: int, stream: StreamId, bad: list[tuple[Bad, int, int]]
) -> tuple[int, bool, list[New]]:
    """Of a batch's events those that come next behind the tail: (new last number, whether there is a hole, they)."""
    through = tail.through
    new: list[New] = []
    for numbered in events:
        if numbered.last <= through:
            continue  # a duplicate
        if numbered.seq > through + 1:
            return through, True, new
        body = bytes(numbered.event)
        kind, time_ns, event = UNREADABLE, received_ns, None
        try:
            event = decode_event(body)
            kind, time_ns = kind_of(event), event.time_ns
        except DecodeError as error:
            bad.append((Bad("event", str(stream), str(error), body), tail.id, through + 1))
        new.append(New((tail.id, through + 1, numbered.last, kind, time_ns, received_ns, body), event))
        through = numbered.last
    return through, False, new


def own_of(events: Sequence[AnyEvent], tail: Tail, received_ns: int) -> list[New]:
    """The hub's own events, as they come next behind the tail."""
    return [
        New((tail.id, seq, seq, kind_of(event), event.time_ns, received_ns, encode_event(event)), event)
        for seq, event in enumerate(events, start=tail.through + 1)
    ]


def kind_of(event: AnyEvent) -> str:
    return str(event.__struct_config__.tag)
