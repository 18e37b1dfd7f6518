"""The registry's copy on disk: shards as they came from the hub, and what the gate admitted itself. SQLite.

Everything in it can be had again from the hub, but not while the network is away: so it is kept, and a file that turns
out to be corrupt is put aside and begun anew. `synchronous = NORMAL` in WAL mode: a power cut may undo the last
commits, which the hub repeats, but never tears the file.

This class blocks; `edge.follower.Follower` gives it a thread of its own.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import structlog

from wire.errors import DecodeError, RegistryError
from wire.messages import decode
from wire.registry import RegistryEntry, Shard, digest_of

log = structlog.get_logger(__name__)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS shards (number INTEGER PRIMARY KEY, digest TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS admitted (token TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
"""
_BROKEN = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class Kept(NamedTuple):
    """What the file held: what the newest manifest said, when the hub confirmed it, all entries."""

    version: int
    sealing_key: str
    confirmed_ns: int | None
    digests: dict[int, str]
    shards: dict[int, list[RegistryEntry]]
    admitted: list[RegistryEntry]
    resumes_ns: int | None = None


class RegistryFile:
    """One gate's copy. Not thread-safe; methods raise `RegistryError`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection | None = None

    def open(self) -> Kept:
        """Open or make the file and read it all; a corrupt one is put aside. Raises `RegistryError`."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            return self._open()
        except sqlite3.DatabaseError as error:
            if (getattr(error, "sqlite_errorcode", 0) & 0xFF) not in _BROKEN:
                raise RegistryError(f"registry copy {self._path}: {error}") from error
            self._put_aside(error)
        except OSError as error:
            raise RegistryError(f"registry copy {self._path}: {error.strerror}") from error
        try:
            return self._open()
        except sqlite3.DatabaseError as error:
            raise RegistryError(f"registry copy {self._path}: {error}") from error

    def close(self) -> None:
        """Close the file; may be called twice."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def put(self, number: int, digest: str, body: bytes) -> None:
        """Keep one shard."""
        self._write("INSERT OR REPLACE INTO shards VALUES (?, ?, ?)", [(number, digest, body)])

    def follow(self, version: int, sealing_key: str, emptied: list[int], resumes_ns: int | None = None) -> None:
        """Keep what a manifest says, and forget the shards that are empty now."""
        resumes = -1 if resumes_ns is None else resumes_ns
        rows = [("version", version), ("sealing_key", sealing_key), ("resumes_ns", resumes)]
        self._write("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows)
        self._write("DELETE FROM shards WHERE number = ?", [(number,) for number in emptied])

    def confirm(self, time_ns: int) -> None:
        """Keep when the hub last said that this copy is the newest."""
        self._write("INSERT OR REPLACE INTO meta VALUES ('confirmed_ns', ?)", [(time_ns,)])

    def admit(self, entry: RegistryEntry) -> None:
        """Keep what the gate admitted itself."""
        self._write("INSERT OR REPLACE INTO admitted VALUES (?, ?)", [(entry.token, msgspec.json.encode(entry))])

    def expire(self, tokens: list[str]) -> None:
        """Forget what the gate had admitted."""
        self._write("DELETE FROM admitted WHERE token = ?", [(token,) for token in tokens])

    def _open(self) -> Kept:
        self.close()
        self._db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_SCHEMA)
        return self._read(self._db)

    def _read(self, db: sqlite3.Connection) -> Kept:
        meta = dict(db.execute("SELECT key, value FROM meta"))
        digests, shards = {}, {}
        for number, digest, body in db.execute("SELECT number, digest, body FROM shards"):
            entries = _entries(digest, body)
            if entries is not None:
                digests[number], shards[number] = digest, entries
        admitted = [entry for (body,) in db.execute("SELECT body FROM admitted") if (entry := _entry(body))]
        version, key, resumes_ns = int(meta.get("version", 0)), str(meta.get("sealing_key", "")), meta.get("resumes_ns")
        resumes_ns = None if resumes_ns in {None, -1} else int(resumes_ns)
        return Kept(version, key, meta.get("confirmed_ns"), digests, shards, admitted, resumes_ns)

    def _put_aside(self, error: sqlite3.DatabaseError) -> None:
        self.close()
        log.error("registry copy is corrupt, put aside; the hub will send it again", error=str(error))
        for suffix in ("", "-wal", "-shm"):
            part = self._path.with_name(self._path.name + suffix)
            if part.exists():
                part.replace(self._path.with_name(f"{self._path.name}{suffix}.corrupt"))

    def _write(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        if self._db is None:
            raise RegistryError(f"registry copy {self._path}: not open")
        try:
            self._db.executemany(statement, rows)
        except sqlite3.DatabaseError as error:
            raise RegistryError(f"registry copy {self._path}: {error}") from error


def _entries(digest: str, body: object) -> list[RegistryEntry] | None:
    """A shard's entries; None for one that is damaged, which the hub then sends again."""
    try:
        if isinstance(body, bytes) and digest_of(body) == digest:
            return decode(Shard, body).entries
    except DecodeError as error:
        log.warning("a kept shard cannot be read", error=str(error))
    return None


def _entry(body: bytes) -> RegistryEntry | None:
    try:
        return msgspec.json.decode(body, type=RegistryEntry)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        log.warning("an entry that the gate admitted cannot be read", error=str(error))
        return None
