"""The projection behind contact tracing: who was at which checkpoint when, from the journal.

A passage stands under its offset in the journal, so that a replay changes nothing; the cursor moves in the same
transaction. Only tokens of badges are here. Who passed within some minutes of somebody is found by an index, whatever
the number of passages.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from hub.journal import Entry
from hub.projections.file import FileProjection
from hub.transactions import for_rows
from wire.events import Direction, Outcome, PersonPassage

FILE = "passes.db"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS checkpoints (
    id INTEGER PRIMARY KEY, site TEXT NOT NULL, gate TEXT NOT NULL, lane TEXT NOT NULL, UNIQUE (site, gate, lane)
);
CREATE TABLE IF NOT EXISTS tokens (id INTEGER PRIMARY KEY, token TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS passes (
    "offset" INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL, checkpoint INTEGER NOT NULL, token INTEGER NOT NULL,
    direction TEXT NOT NULL, outcome TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS passes_by_token ON passes (token, time_ns);
CREATE INDEX IF NOT EXISTS passes_by_checkpoint ON passes (checkpoint, time_ns, token);
"""


class Pass(NamedTuple):
    """Somebody at a checkpoint."""

    time_ns: int
    gate: str
    lane: str
    direction: Direction
    outcome: Outcome


class Near(NamedTuple):
    """Another badge at the same checkpoint about the time of one of somebody's own passages (`own`, its number)."""

    token: str
    own: int
    apart_ns: int
    """The least between the two."""
    last_ns: int
    """When the other was last there, of those times."""
    gate: str
    lane: str


class Passes(FileProjection):
    """Owns the file of passages, and a thread for it. Methods raise `JournalError`."""

    name = "passes"

    def __init__(self, path: Path) -> None:
        super().__init__(path, "passages", _SCHEMA)
        self._checkpoints: dict[tuple[str, str, str], int] = {}
        self._tokens: dict[str, int] = {}

    async def of(self, tokens: Collection[str], from_ns: int, until_ns: int, most: int = 1000) -> list[Pass]:
        """Where somebody with these badges was from one moment to before another, the last first."""
        return await self._file.run(partial(self._of, tokens, from_ns, until_ns, most))

    async def near(self, tokens: Collection[str], from_ns: int, until_ns: int, window_ns: int) -> list[Near]:
        """Other badges within the window of each passage of these from one moment to before another."""
        return await self._file.run(partial(self._near, tokens, from_ns, until_ns, window_ns))

    def _open(self) -> int:
        offset = self._file.open()
        with self._file.transaction() as db:
            self._checkpoints = {tuple(row[1:]): row[0] for row in db.execute("SELECT * FROM checkpoints")}
            self._tokens = dict(db.execute("SELECT token, id FROM tokens"))
        return offset

    def _take(self, entries: Sequence[Entry]) -> None:
        checkpoints, tokens = dict(self._checkpoints), dict(self._tokens)
        with self._file.transaction() as db:
            rows = []
            for entry in entries:
                event = entry.event()
                if isinstance(event, PersonPassage) and event.badge is not None:
                    at = (entry.stream.site, entry.stream.gate, event.lane)
                    checkpoint = checkpoints.get(at) or _add_checkpoint(db, checkpoints, at)
                    token = tokens.get(event.badge) or _add_token(db, tokens, event.badge)
                    rows.append(
                        (entry.offset, entry.time_ns, checkpoint, token, event.direction.value, event.outcome.value)
                    )
            for_rows(db, "INSERT OR REPLACE INTO passes VALUES ", rows)
            self._file.move(db, entries[-1].offset)
        self._checkpoints, self._tokens = checkpoints, tokens

    def _of(self, tokens: Collection[str], from_ns: int, until_ns: int, most: int) -> list[Pass]:
        ids = self._ids(tokens)
        query = f"""SELECT p.time_ns, c.gate, c.lane, p.direction, p.outcome FROM passes p
            JOIN checkpoints c ON c.id = p.checkpoint
            WHERE p.token IN ({_marks(ids)}) AND p.time_ns >= ? AND p.time_ns < ? ORDER BY p.time_ns DESC LIMIT ?"""  # noqa: S608 - only marks are put in
        with self._file.transaction() as db:
            rows = db.execute(query, (*ids, from_ns, until_ns, most)).fetchall()
        return [Pass(row[0], row[1], row[2], Direction(row[3]), Outcome(row[4])) for row in rows]

    def _near(self, tokens: Collection[str], from_ns: int, until_ns: int, window_ns: int) -> list[Near]:
        ids = self._ids(tokens)
        query = f"""
            WITH own AS MATERIALIZED (
                SELECT "offset", time_ns, checkpoint FROM passes
                WHERE token IN ({_marks(ids)}) AND time_ns >= ? AND time_ns < ?
            )
            SELECT t.token, own."offset", min(abs(p.time_ns - own.time_ns)), max(p.time_ns), c.gate, c.lane
            FROM own CROSS JOIN passes p INDEXED BY passes_by_checkpoint
                ON p.checkpoint = own.checkpoint AND p.time_ns BETWEEN own.time_ns - ? AND own.time_ns + ?
            JOIN tokens t ON t.id = p.token JOIN checkpoints c ON c.id = own.checkpoint
            WHERE p.token NOT IN ({_marks(ids)})
            GROUP BY own."offset", p.token"""  # noqa: S608 - only marks are put in
        with self._file.transaction() as db:
            return [Near(*row) for row in db.execute(query, (*ids, from_ns, until_ns, window_ns, window_ns, *ids))]

    def _ids(self, tokens: Collection[str]) -> list[int]:
        return sorted({self._tokens[token] for token in tokens if token in self._tokens})


def _marks(ids: Collection[int]) -> str:
    return ",".join("?" * len(ids))


def _add_checkpoint(db: sqlite3.Connection, known: dict[tuple[str, str, str], int], at: tuple[str, str, str]) -> int:
    done = db.execute("INSERT INTO checkpoints (site, gate, lane) VALUES (?, ?, ?)", at)
    assert done.lastrowid is not None, "an INSERT gives a row id"
    known[at] = done.lastrowid
    return done.lastrowid


def _add_token(db: sqlite3.Connection, known: dict[str, int], token: str) -> int:
    done = db.execute("INSERT INTO tokens (token) VALUES (?)", (token,))
    assert done.lastrowid is not None, "an INSERT gives a row id"
    known[token] = done.lastrowid
    return done.lastrowid
