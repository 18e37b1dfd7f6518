"""What a gate remembers over a restart or a power cut: where badges were, and which vehicles were disinfected.

The memory itself is in RAM, so that no decision waits for a card; `Keeper` writes what is new behind it. A power cut
may take the last moment's; a damaged file is put aside and the gate begins with nothing known, which denies nobody.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec
import structlog

from edge.clock import Timekeeper
from edge.passage.sightings import Sightings
from wire.sightings import Sighting

log = structlog.get_logger(__name__)
T = TypeVar("T")

KEPT_NS = 7 * 86_400 * 10**9
"""Older sightings are forgotten."""
MOST_TOLD = 5000
"""Sightings kept for the other gates while the link is away."""
KEEP_EVERY_S, FORGET_EVERY_S = 0.5, 3600.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS sightings (badge TEXT NOT NULL, at_ns INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (badge, at_ns, body)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS disinfected (vehicle TEXT PRIMARY KEY, until_ns INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
"""
_encoder, _decoder = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(Sighting)


class Fresh(NamedTuple):
    """What is to be kept and is not yet."""

    sightings: list[Sighting]
    disinfected: dict[str, int]
    notes: dict[str, bytes]


class Memory:
    """One gate's, shared by its lanes."""

    def __init__(self) -> None:
        self.sightings = Sightings()
        self.told: deque[Sighting] = deque(maxlen=MOST_TOLD)
        """This gate's own sightings that the other gates have not been told yet."""
        self.news = asyncio.Event()
        """Set when there is something to tell."""
        self._disinfected: dict[str, int] = {}
        self._notes: dict[str, bytes] = {}
        self._fresh = Fresh([], {}, {})

    def saw(self, sighting: Sighting) -> None:
        """A lane of this gate saw a badge."""
        self.sightings.hear(sighting)
        self.told.append(sighting)
        self.news.set()

    def disinfected(self, vehicle: str, until_ns: int) -> None:
        self._disinfected[vehicle] = self._fresh.disinfected[vehicle] = until_ns

    def disinfected_until_ns(self, vehicle: str) -> int | None:
        return self._disinfected.get(vehicle)

    def note(self, name: str, body: bytes) -> None:
        """Keep what a part of a lane wants to know after a restart, under its name."""
        if self._notes.get(name) != body:
            self._notes[name] = self._fresh.notes[name] = body

    def noted(self, name: str) -> bytes | None:
        return self._notes.get(name)

    def restore(self, kept: Fresh) -> None:
        """Take over what was kept."""
        self.sightings = Sightings(kept.sightings)
        self._disinfected, self._notes = kept.disinfected, kept.notes

    def fresh(self) -> Fresh:
        """What is new since the last call."""
        fresh, self._fresh = self._fresh._replace(sightings=self.sightings.fresh()), Fresh([], {}, {})
        return fresh


class Keeper:
    """Keeps a memory in a file, in a thread of its own."""

    def __init__(self, path: Path, memory: Memory, timekeeper: Timekeeper) -> None:
        self._path = path
        self._memory = memory
        self._timekeeper = timekeeper
        self._db: sqlite3.Connection | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="memory")
        self._fault = ""

    async def start(self) -> None:
        """Read what was kept; a file that cannot be used is put aside."""
        now_ns = self._timekeeper.now().time_ns
        await self._run(lambda: self._open(now_ns))

    async def keep(self) -> None:
        """Write what is new. A disk that refuses is told once; the memory works on without it."""
        fresh = self._memory.fresh()
        if not any(fresh):
            return
        fault = await self._run(lambda: self._write(fresh))
        if fault and fault != self._fault:
            log.error("memory cannot be kept, a restart will forget", error=fault)
        self._fault = fault

    async def run(self) -> None:
        """Keep it, and forget what is old, until cancelled."""
        forgotten = self._timekeeper.now()
        while True:
            await asyncio.sleep(KEEP_EVERY_S)
            await self.keep()
            now = self._timekeeper.now()
            if now.seconds_since(forgotten) > FORGET_EVERY_S:
                forgotten = now
                self._memory.sightings.forget(now.time_ns - KEPT_NS)

    async def stop(self) -> None:
        """Write what is new, then close."""
        await self.keep()
        await self._run(self._close)
        self._thread.shutdown()

    def _open(self, now_ns: int) -> None:
        try:
            self._read(now_ns)
        except (sqlite3.DatabaseError, msgspec.DecodeError) as error:
            aside = self._path.with_name(f"{self._path.name}.damaged-{int(time.time())}")
            log.error("memory is damaged, put aside", error=str(error), aside=str(aside))
            self._close()
            try:
                self._path.rename(aside)
                self._read(now_ns)
            except (OSError, sqlite3.DatabaseError) as second:
                log.error("memory cannot be kept, a restart will forget", error=str(second))
                self._close()
        except OSError as error:
            log.error("memory cannot be kept, a restart will forget", error=str(error))

    def _read(self, now_ns: int) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        db = self._db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript(_SCHEMA)
        db.execute("DELETE FROM sightings WHERE at_ns < ?", (now_ns - KEPT_NS,))
        db.execute("DELETE FROM disinfected WHERE until_ns < ?", (now_ns,))
        sightings = [_decoder.decode(body) for (body,) in db.execute("SELECT body FROM sightings ORDER BY at_ns")]
        disinfected = {str(vehicle): int(until) for vehicle, until in db.execute("SELECT * FROM disinfected")}
        notes = {str(name): bytes(body) for name, body in db.execute("SELECT * FROM notes")}
        self._memory.restore(Fresh(sightings, disinfected, notes))

    def _write(self, fresh: Fresh) -> str:
        """What the disk said against it, nothing when it is written."""
        if self._db is None:
            return "not open"
        rows = [(seen.badge, seen.at_ns, _encoder.encode(seen)) for seen in fresh.sightings]
        try:
            self._db.execute("BEGIN")
            self._db.executemany("INSERT OR REPLACE INTO sightings VALUES (?, ?, ?)", rows)
            self._db.executemany("INSERT OR REPLACE INTO disinfected VALUES (?, ?)", fresh.disinfected.items())
            self._db.executemany("INSERT OR REPLACE INTO notes VALUES (?, ?)", fresh.notes.items())
            self._db.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            return str(error)
        return ""

    def _close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
