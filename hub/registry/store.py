"""The site's registry as the gates see it: tokens and what each may do, in SQLite.

Every change gets a version that is larger than all before, in microseconds of the wall clock where that is larger: a
hub that was restored from a backup thus goes on above what its gates have seen. Several processes may write (the hub,
`menshen hub registry`); `changed` tells of what others wrote.

An entry's *source* says which record of the office it follows from (`person 17`); it is empty for what a gate or the
command line registered. `settle` makes what the office owns what it should be, and touches nothing else but a token
that the office takes over.

`Registrar` gives it a thread; the class itself blocks.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from hub.transactions import Transaction
from wire.errors import RegistryError
from wire.registry import RegistryEntry, shard_of

T = TypeVar("T")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entries (
    token TEXT PRIMARY KEY, shard INTEGER NOT NULL, version INTEGER NOT NULL, body BLOB, source TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS entries_by_shard ON entries (shard, token);
CREATE INDEX IF NOT EXISTS entries_by_version ON entries (version);
CREATE TABLE IF NOT EXISTS visits (
    "offset" INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL, site TEXT NOT NULL, gate TEXT NOT NULL, body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS visits_by_time ON visits (time_ns);
CREATE TABLE IF NOT EXISTS cursors (name TEXT PRIMARY KEY, "offset" INTEGER NOT NULL) WITHOUT ROWID;
"""
_ADD_SOURCE = "ALTER TABLE entries ADD COLUMN source TEXT NOT NULL DEFAULT ''"
_BY_SOURCE = "CREATE INDEX IF NOT EXISTS entries_by_source ON entries (source)"
_OWNED = "SELECT token, source FROM entries WHERE body IS NOT NULL AND"
_BUSY_S = 10.0


class Shards(NamedTuple):
    """Entries by shard as they were at `version`; a shard without any is an empty list."""

    version: int
    entries: dict[int, list[RegistryEntry]]
    resumes_ns: int | None = None


class RegistryStore:
    """One site's entries. Not thread-safe; methods raise `RegistryError`."""

    def __init__(self, path: Path, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._path = path
        self._now_ns = now_ns
        self._db: sqlite3.Connection | None = None

    def open(self) -> None:
        """Open or make the file; the version grows, so that what is published now replaces what was before."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=_BUSY_S)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(_SCHEMA)
            if "source" not in {row[1] for row in self._db.execute("PRAGMA table_info(entries)")}:
                self._db.execute(_ADD_SOURCE)
            self._db.execute(_BY_SOURCE)
        except (sqlite3.DatabaseError, OSError) as error:
            raise RegistryError(f"registry {self._path}: {error}") from error

    def close(self) -> None:
        """Close the file; may be called twice."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def touch(self) -> int:
        """A new version without a change: what a hub publishes when it starts."""
        with self.transaction() as db:
            return self._next_version(db)

    def put(self, entries: Iterable[RegistryEntry]) -> int:
        """Add or replace entries; how many of them changed something."""
        with self.transaction() as db:
            changed = [entry for entry in entries if _body(db, entry.token) != msgspec.json.encode(entry)]
            self.write(db, changed)
            return len(changed)

    def remove(self, tokens: Iterable[str]) -> int:
        """Take entries out; how many there were."""
        with self.transaction() as db:
            there = [token for token in tokens if _body(db, token) is not None]
            self._write(db, [(token, None) for token in there])
            return len(there)

    def replace(self, entries: Collection[RegistryEntry]) -> tuple[int, int]:
        """Make what the office does not own these entries and no others: how many were put, how many taken out."""
        with self.transaction() as db:
            rows = db.execute("SELECT token, body, source FROM entries WHERE body IS NOT NULL").fetchall()
            owned = {token for token, _, source in rows if source}
            old = {token: body for token, body, source in rows if not source}
            new = {entry.token: msgspec.json.encode(entry) for entry in entries if entry.token not in owned}
            put = [(token, body) for token, body in new.items() if old.get(token) != body]
            gone = [(token, None) for token in old if token not in new]
            self._write(db, [*put, *gone])
            return len(put), len(gone)

    def settle(self, wanted: Mapping[str, Collection[RegistryEntry]]) -> int:
        """Make the entries of each source that is named these and no others; how many tokens changed."""
        new = {entry.token: (source, entry) for source, entries in wanted.items() for entry in entries}
        with self.transaction() as db:
            old = [row for source in wanted for row in db.execute(f"{_OWNED} source = ?", (source,))]
            rows: list[tuple[str, bytes | None, str]] = [(token, None, own) for token, own in old if token not in new]
            for token, (source, entry) in new.items():
                there = db.execute("SELECT body, source FROM entries WHERE token = ?", (token,)).fetchone()
                body, owner = there or (None, "")
                encoded = msgspec.json.encode(_with_disinfection(entry, body))
                if (encoded, source) != (body, owner):
                    rows.append((token, encoded, source))
            self._write_owned(db, rows)
            return len(rows)

    def drop_sources_but(self, known: Collection[str]) -> int:
        """Take out what belongs to records of the office that are none of these; how many tokens."""
        with self.transaction() as db:
            rows = db.execute(f"{_OWNED} source != ''").fetchall()
            gone: list[tuple[str, bytes | None, str]] = [(token, None, own) for token, own in rows if own not in known]
            self._write_owned(db, gone)
            return len(gone)

    def source(self, token: str) -> str:
        """The record of the office that a registered token follows from; empty where it follows from none."""
        with self.transaction() as db:
            row = db.execute("SELECT source FROM entries WHERE token = ? AND body IS NOT NULL", (token,)).fetchone()
        return "" if row is None else str(row[0])

    def sources(self) -> list[str]:
        """Of each entry the record of the office that it follows from; empty where it follows from none."""
        with self.transaction() as db:
            return [row[0] for row in db.execute("SELECT source FROM entries WHERE body IS NOT NULL")]

    def resumes_ns(self) -> int | None:
        """When the site resumes work, as gates are told; None where they are told nothing of it."""
        with self.transaction() as db:
            return _resumes_ns(db)

    def set_resumes_ns(self, moment_ns: int | None) -> bool:
        """Tell gates when the site resumes work; whether that is news."""
        with self.transaction() as db:
            if _resumes_ns(db) == moment_ns:
                return False
            db.execute(
                "INSERT OR REPLACE INTO meta VALUES ('resumes_ns', ?)", (-1 if moment_ns is None else moment_ns,)
            )
            self._next_version(db)
            return True

    def find(self, token: str) -> RegistryEntry | None:
        """One entry."""
        with self.transaction() as db:
            return self.entry(db, token)

    def entry(self, db: sqlite3.Connection, token: str) -> RegistryEntry | None:
        """One entry, within a transaction."""
        body = _body(db, token)
        return None if body is None else msgspec.json.decode(body, type=RegistryEntry)

    def of_same_source(self, db: sqlite3.Connection, token: str) -> list[str]:
        """The tokens of the office's record that a token follows from, within a transaction; none where it does not."""
        row = db.execute("SELECT source FROM entries WHERE token = ?", (token,)).fetchone()
        if row is None or not row[0]:
            return []
        return [one for one, _ in db.execute(f"{_OWNED} source = ?", (row[0],))]

    def write(self, db: sqlite3.Connection, entries: Iterable[RegistryEntry]) -> None:
        """Add or replace entries, within a transaction."""
        self._write(db, [(entry.token, msgspec.json.encode(entry)) for entry in entries])

    def put_if_new(self, db: sqlite3.Connection, entry: RegistryEntry) -> None:
        """Add an entry, within a transaction, unless its token is registered or was taken out before."""
        if db.execute("SELECT 1 FROM entries WHERE token = ?", (entry.token,)).fetchone() is None:
            self.write(db, [entry])

    def all(self) -> list[RegistryEntry]:
        """Every entry, in the order of the tokens."""
        with self.transaction() as db:
            rows = db.execute("SELECT body FROM entries WHERE body IS NOT NULL ORDER BY token").fetchall()
        return [msgspec.json.decode(body, type=RegistryEntry) for (body,) in rows]

    def version(self) -> int:
        """The version of the last change, whoever made it; cheap to ask for again and again."""
        if self._db is None:
            raise RegistryError(f"registry {self._path}: not open")
        try:
            return self._version(self._db)
        except sqlite3.DatabaseError as error:
            raise RegistryError(f"registry {self._path}: {error}") from error

    def shards_since(self, version: int) -> Shards:
        """The shards in which something changed after `version`, whole, and the version that they make."""
        with self.transaction() as db:
            numbers = [row[0] for row in db.execute("SELECT DISTINCT shard FROM entries WHERE version > ?", (version,))]
            entries = {number: _in_shard(db, number) for number in sorted(numbers)}
            return Shards(self._version(db), entries, _resumes_ns(db))

    def _write(self, db: sqlite3.Connection, rows: list[tuple[str, bytes | None]]) -> None:
        self._write_owned(db, [(token, body, _owner(db, token)) for token, body in rows])

    def _write_owned(self, db: sqlite3.Connection, rows: list[tuple[str, bytes | None, str]]) -> None:
        if rows:
            version = self._next_version(db)
            values = [(token, shard_of(token), version, body, source) for token, body, source in rows]
            db.executemany(
                "INSERT OR REPLACE INTO entries (token, shard, version, body, source) VALUES (?, ?, ?, ?, ?)", values
            )

    def _next_version(self, db: sqlite3.Connection) -> int:
        version = max(self._version(db) + 1, self._now_ns() // 1000)
        db.execute("INSERT OR REPLACE INTO meta VALUES ('version', ?)", (version,))
        return version

    def _version(self, db: sqlite3.Connection) -> int:
        row = db.execute("SELECT value FROM meta WHERE key = 'version'").fetchone()
        return 0 if row is None else int(row[0])

    def transaction(self) -> Transaction:
        """A transaction on the file, for what belongs to the registry and changes with it."""
        if self._db is None:
            raise RegistryError(f"registry {self._path}: not open")
        return Transaction(self._db, f"registry {self._path}", RegistryError)


class Registrar:
    """The store for asyncio, with a thread of its own."""

    def __init__(self, store: RegistryStore) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="registry")

    async def start(self) -> None:
        """Raises `RegistryError`."""
        await self.ask(RegistryStore.open)

    async def stop(self) -> None:
        await self.ask(RegistryStore.close)
        self._thread.shutdown()

    async def ask(self, work: Callable[[RegistryStore], T]) -> T:
        """Work with the store in its thread. Raises `RegistryError`."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, self._store)


def _body(db: sqlite3.Connection, token: str) -> bytes | None:
    row = db.execute("SELECT body FROM entries WHERE token = ?", (token,)).fetchone()
    return None if row is None else row[0]


def _resumes_ns(db: sqlite3.Connection) -> int | None:
    row = db.execute("SELECT value FROM meta WHERE key = 'resumes_ns'").fetchone()
    return None if row is None or row[0] < 0 else int(row[0])


def _owner(db: sqlite3.Connection, token: str) -> str:
    """Whoever changes an entry of the office, the office still owns it."""
    row = db.execute("SELECT source FROM entries WHERE token = ?", (token,)).fetchone()
    return "" if row is None else str(row[0])


def _with_disinfection(entry: RegistryEntry, body: bytes | None) -> RegistryEntry:
    """A disinfection that gates have reported since counts on."""
    if body is None:
        return entry
    known_ns = msgspec.json.decode(body, type=RegistryEntry).disinfected_until_ns or 0
    later = known_ns > (entry.disinfected_until_ns or 0)
    return msgspec.structs.replace(entry, disinfected_until_ns=known_ns) if later else entry


def _in_shard(db: sqlite3.Connection, number: int) -> list[RegistryEntry]:
    rows = db.execute("SELECT body FROM entries WHERE shard = ? AND body IS NOT NULL ORDER BY token", (number,))
    return [msgspec.json.decode(body, type=RegistryEntry) for (body,) in rows]
