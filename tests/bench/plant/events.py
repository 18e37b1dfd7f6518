"""The journal of a large plant, and the files of the projections that hold something for each passage.

Millions of rows are written straight into the journal's table and the projections' own, without their indexes, which
are made when the hub's own code opens the files next. Rounds of disinfection, vehicles and a share of the passages go
through the projections of rounds and figures as events: an hour's figures are as many rows with fewer events.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from msgspec.structs import astuple

from hub.journal import OWN_EPOCH, OWN_GATE, Entry, Journal
from hub.projections.checks import Checks
from hub.projections.file import FileProjection, ProjectionFile
from hub.projections.moves import KEEP_NS, Moves
from hub.projections.passes import FILE as PASSES
from hub.projections.passes import Passes
from hub.projections.rollups import FILE as ROLLUPS
from hub.projections.rollups import Rollups
from hub.registry.store import RegistryStore
from hub.registry.visits import Visits
from hub.rounds.plan import Stop, due
from hub.rounds.record import FILE as ROUNDS
from hub.rounds.record import RoundRecord
from hub.rounds.settings import RoundSettings
from tests.bench.plant.size import DAY_NS, SITE, Size, badge_token, plate_token
from tests.bench.plant.traffic import CANTEEN_LANES, DayOfPassages, Numbers, days, gate_name, place_of
from wire.events import (
    AnyEvent,
    Direction,
    Disinfection,
    Outcome,
    PersonPassage,
    Reason,
    Temperature,
    Urgency,
    VehiclePassage,
    Verdict,
    urgency_of,
)
from wire.messages import StreamId, encode_event

VEHICLES_A_DAY = 1000
_THROUGH = 40
"""One passage in so many goes through the projection of figures."""
_TRIP_NS = 2 * 10**8
"""From the gate to the journal."""
_BODY = (
    b'{"type":"person-passage","time_ns":%d,"passage":"p%d","lane":"people","outcome":"%b","verdict":"%b",'
    b'"direction":"%b","badge":"%b"%b%b}'
)
_INDEX = "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"


def fill(data: Path, size: Size) -> None:
    writer = _Writer(data, size)
    for ago, day in zip(reversed(range(size.days)), days(size), strict=True):
        writer.passages(day)
        writer.others(_others(size, ago))
    writer.finish()
    asyncio.run(_made(data))  # with the indexes again
    asyncio.run(_through(data, size, writer.entries, writer.offset))
    _cursors(data, writer.offset)


class _Bulk:
    """One of the hub's files, without indexes and without waiting for the disk while it is filled."""

    def __init__(self, path: Path) -> None:
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.execute("PRAGMA synchronous = OFF")
        for (name,) in self.db.execute(_INDEX).fetchall():
            self.db.execute(f"DROP INDEX {name}")
        self.db.execute("BEGIN")

    def add(self, table: str, rows: Iterable[tuple[object, ...]], width: int) -> None:
        self.db.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * width)})", rows)

    def close(self) -> None:
        self.db.execute("COMMIT")
        self.db.close()


class _Writer:
    """Hands out the journal's offsets, and the numbers within each stream."""

    def __init__(self, data: Path, size: Size) -> None:
        self.offset, self.entries = 0, list[Entry]()
        self._size, self._streams, self._through = size, dict[StreamId, int](), dict[int, int]()
        journal = Journal(data / "journal.db")
        journal.open()
        journal.close()
        asyncio.run(_made(data))
        self._journal, self._checks, self._passes, self._moves = (
            _Bulk(data / name) for name in ("journal.db", "checks.db", PASSES, "moves.db")
        )
        self._tokens = ["", *(badge_token(n) for n in range(1, size.people + 1))]
        self._passes.add("tokens", ((n, self._tokens[n]) for n in range(1, size.people + 1)), 2)
        gates = size.gates + CANTEEN_LANES
        self._names = [gate_name(size, gate) for gate in range(gates)]
        self._places = [place_of(size, gate) for gate in range(gates)]
        self._passes.add("checkpoints", ((n + 1, SITE, self._names[n], "people") for n in range(gates)), 4)
        routine = [self._stream(StreamId(SITE, name, Urgency.ROUTINE, "e")) for name in self._names]
        urgent = [self._stream(StreamId(SITE, name, Urgency.URGENT, "e")) for name in self._names]
        self._of_gate = np.array([routine, urgent])

    def passages(self, day: DayOfPassages) -> None:
        count = len(day.time_ns)
        offsets = range(self.offset + 1, self.offset + count + 1)
        self.offset += count
        streams = self._of_gate[day.fever.astype(np.int64), day.gate]
        seqs, times, gates = self._numbers(streams).tolist(), day.time_ns.tolist(), day.gate.tolist()
        people, enters, streams = day.person.tolist(), day.enters.tolist(), streams.tolist()
        skin = np.random.default_rng(offsets.start).normal(34.5, 0.4, count).tolist()
        rows = zip(offsets, times, gates, people, enters, day.measured.tolist(), day.fever.tolist(), skin, strict=True)
        bodies = [self._body(row) for row in rows]
        self._journal.add("entries", (
            (offset, stream, seq, seq, "person-passage", at_ns, at_ns + _TRIP_NS, body)
            for offset, stream, seq, at_ns, body in zip(offsets, streams, seqs, times, bodies, strict=True)
        ), 8)  # fmt: skip
        self._project(day, offsets)
        for n in range(0, count, _THROUGH):
            stream = StreamId(SITE, self._names[gates[n]], Urgency.URGENT if day.fever[n] else Urgency.ROUTINE, "e")
            self.entries.append(Entry(offsets[n], stream, seqs[n], seqs[n], "person-passage", times[n],
                                      times[n] + _TRIP_NS, bodies[n]))  # fmt: skip

    def others(self, events: Iterable[tuple[str, AnyEvent]]) -> None:
        rows = []
        for gate, event in events:
            self.offset += 1
            stream = StreamId(SITE, gate, urgency_of(event), OWN_EPOCH if gate == OWN_GATE else "e")
            number = self._stream(stream)
            seq = self._through[number] = self._through[number] + 1
            kind, body = str(event.__struct_config__.tag), encode_event(event)
            rows.append((self.offset, number, seq, seq, kind, event.time_ns, event.time_ns + _TRIP_NS, body))
            self.entries.append(
                Entry(self.offset, stream, seq, seq, kind, event.time_ns, event.time_ns + _TRIP_NS, body)
            )
        self._journal.add("entries", rows, 8)

    def finish(self) -> None:
        rows = [(number, *astuple(stream), self._through[number]) for stream, number in self._streams.items()]
        self._journal.add("streams", rows, 6)
        for file, name in ((self._checks, "measurements"), (self._passes, "passes"), (self._moves, "moves")):
            file.add("cursors", [(name, self.offset)], 2)
        self._moves.add("told", [("watch", self.offset)], 2)
        for file in (self._journal, self._checks, self._passes, self._moves):
            file.close()

    def _body(self, row: tuple[int, int, int, int, bool, bool, bool, float]) -> bytes:
        offset, at_ns, gate, person, enters, measured, fever, skin_c = row
        warmth = b',"temperature":{"skin_c":%.2f,"u_c":0.3,"looks":5,"limit_c":36.4}' % (38.1 if fever else skin_c)
        place = self._places[gate]
        how = (b"deny", b"fever") if fever else (b"allow", b"normal" if measured else b"unmeasured")
        return _BODY % (
            at_ns, offset, *how, b"in" if enters else b"out", self._tokens[person].encode(),
            warmth if measured else b"",
            b"" if place is None else b',"place":"%b"' % place.encode(),
        )  # fmt: skip

    def _project(self, day: DayOfPassages, offsets: range) -> None:
        """What the projections of measurements, passages and moves would keep of them."""
        times, gates, people = day.time_ns.tolist(), day.gate.tolist(), day.person.tolist()
        enters, names, tokens = day.enters.tolist(), self._names, self._tokens
        every = list(zip(offsets, times, gates, people, enters, strict=True))
        self._checks.add("measurements", (
            (offset, at_ns, SITE, tokens[person], names[gate], "people", "gate")
            for (offset, at_ns, gate, person, _), measured in zip(every, day.measured.tolist(), strict=True) if measured
        ), 7)  # fmt: skip
        self._passes.add("passes", (
            (offset, at_ns, gate + 1, person, "in" if way else "out", "deny" if fever else "allow")
            for (offset, at_ns, gate, person, way), fever in zip(every, day.fever.tolist(), strict=True)
        ), 6)  # fmt: skip
        if times and times[-1] > self._size.now_ns - KEEP_NS:
            self._moves.add("moves", (
                (offset, at_ns, self._places[gate], tokens[person], way)
                for offset, at_ns, gate, person, way in every if self._places[gate]
            ), 5)  # fmt: skip

    def _stream(self, stream: StreamId) -> int:
        number = self._streams.setdefault(stream, len(self._streams) + 1)
        self._through.setdefault(number, 0)
        return number

    def _numbers(self, streams: Numbers) -> Numbers:
        """The next number of each one's stream."""
        order = np.argsort(streams, kind="stable")
        _, first, counts = np.unique(streams[order], return_index=True, return_counts=True)
        seqs = np.empty_like(streams)
        seqs[order] = np.arange(len(streams)) - np.repeat(first, counts)
        before = np.zeros(len(self._through) + 1, dtype=np.int64)
        for number, through in self._through.items():
            before[number] = through
        seqs += before[streams] + 1
        for number, count in zip(*np.unique(streams, return_counts=True), strict=True):
            self._through[int(number)] += int(count)
        return seqs


async def _made(data: Path) -> None:
    """The projections' files as the hub makes them."""
    for one in (Checks(data / "checks.db"), Passes(data / PASSES), Moves(data / "moves.db")):
        await one.start()
        await one.stop()


def _others(size: Size, ago: int) -> Iterator[tuple[str, AnyEvent]]:
    """A day's vehicles, rounds of disinfection that were due, and those that were done: nine in ten."""
    begins_ns = size.midnight_ns(ago)
    for n in range(VEHICLES_A_DAY):
        number, at_ns = (n * 7 + ago) % 3000 + 1, begins_ns + n * DAY_NS // VEHICLES_A_DAY
        allowed = n % 25 > 0
        event = VehiclePassage(
            time_ns=at_ns, passage=f"v{ago}-{n}", lane="vehicles", outcome=Outcome.ALLOW if allowed else Outcome.DENY,
            vehicle=plate_token(number), registered=True, reasons=() if allowed else (Reason.NOT_DISINFECTED,),
        )  # fmt: skip
        yield f"g{n % 4:02d}", event
    stops = [Stop("workshop", f"workshop-{n}") for n in range(40)] + [Stop("office", f"office-{n}") for n in range(20)]
    for n, one in enumerate(due(stops, RoundSettings(), size.tz, begins_ns, min(begins_ns + DAY_NS, size.now_ns))):
        yield OWN_GATE, one
        if n % 10:
            yield "g00", Disinfection(time_ns=one.time_ns - 10**11, place=one.place, by="officer", agent="84")


async def _through(data: Path, size: Size, entries: list[Entry], last: int) -> None:
    """These events through the projections of figures and of rounds, as if they were all that there is."""
    some = (entry.event() for entry in entries)
    first = next(
        one for one in some if isinstance(one, PersonPassage) and one.temperature and one.direction is Direction.IN
    )
    if first != _example(first):
        raise RuntimeError(f"{first}: is not what a gate writes")
    projections: list[FileProjection] = [Rollups(data / ROLLUPS, size.tz), RoundRecord(data / ROUNDS, size.tz)]
    for projection in projections:
        await projection.start()
        for begin in range(0, len(entries), projection.batch_entries):
            await projection.apply(entries[begin : begin + projection.batch_entries])
        await projection._file.run(lambda file=projection._file: _move(file, last))
        await projection.stop()


def _move(file: ProjectionFile, offset: int) -> None:
    with file.transaction() as db:
        file.move(db, offset)


def _example(like: PersonPassage) -> PersonPassage:
    warmth = like.temperature
    return PersonPassage(
        time_ns=like.time_ns, passage=like.passage, lane="people", outcome=Outcome.ALLOW, verdict=Verdict.NORMAL,
        direction=Direction.IN, badge=like.badge, place=like.place,
        temperature=None if warmth is None else Temperature(skin_c=warmth.skin_c, u_c=0.3, looks=5, limit_c=36.4),
    )  # fmt: skip


def _cursors(data: Path, last: int) -> None:
    """The readers that hold nothing of passages that were let in have read everything too."""
    registry = RegistryStore(data / "registry.db")
    registry.open()
    with registry.transaction() as db:
        db.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?)", (Visits.name, last))
    registry.close()
    for name, cursor in (("alerts.db", "alerts"), ("menshen.db", "cases")):
        db = sqlite3.connect(data / name)
        db.execute('INSERT OR REPLACE INTO cursors (name, "offset") VALUES (?, ?)', (cursor, last))
        db.commit()
        db.close()
