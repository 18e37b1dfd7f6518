"""Copies of a hub that can be trusted: taken while it runs, checked when they are made and when they are brought back.

    data/*.db ── SQLite's own copy, journal last ─┐
    keys, certificates, settings ─────────────────┼─► one .tar.gz with digests ──► checked ──► data/ of a new hub
    PostgreSQL ── pg_dump ────────────────────────┘

The journal is copied last, so that no projection in the copy is ahead of it; what is behind catches up by itself. A hub
that is brought back lacks what came after its copy: gates send what they still have, and say by a gap what they have
not. The copy holds the plant's keys and people: it is readable by its owner only, and belongs in a safe place.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Struct
from sqlalchemy.engine import make_url

from hub.database import shown
from hub.fleet.opening import reader_of
from hub.fleet.settings import FleetSettings
from hub.pictures.store import FOLDER as PICTURES
from hub.releases.shelf import FOLDER as RELEASES
from hub.settings import HubSettings
from wire.errors import BackupError, JournalError
from wire.process import SoleOwner

VERSION: Final = 1
MANIFEST: Final = "backup.json"
JOURNAL: Final = "journal.db"
LEADER: Final = "leader"
"""Whose lock file the process of a fleet has that leads."""
DUMP: Final = "database.dump"
_PASSING = ("-wal", "-shm", "-journal", ".lock", ".new")
"""Ends of the names of files that only a running hub has a use for."""
_PAGES_AT_ONCE = 2000
_STOPPED_S = 600.0
"""pg_dump and pg_restore of the largest site take less."""


class Part(Struct, frozen=True):
    """One file in the copy: its length, and its SHA-256 in hexadecimal digits."""

    length: int
    digest: str


class Manifest(Struct, frozen=True):
    """What the copy says of itself."""

    v: int
    site: str
    menshen: str
    taken_ns: int
    events: int
    """The journal's newest offset."""
    parts: dict[str, Part]


class Found(NamedTuple):
    """A copy that was read and is whole."""

    manifest: Manifest
    names: list[str]


def back_up(settings: HubSettings, settings_file: Path, target: Path, version: str) -> Manifest:
    """Copy the hub into the file `target`, which is there whole or not at all. Raises `BackupError`."""
    data = Path(settings.data)
    if settings.fleet is not None:
        _check_fleet(settings.fleet)
    elif not (data / JOURNAL).exists():
        raise BackupError(f"{data / JOURNAL}: there is none; expected the data of a hub that has run")
    with tempfile.TemporaryDirectory(prefix="menshen-backup-", dir=_folder(target)) as name:
        folder = Path(name)
        try:
            _copy_data(data, folder / "data")
            _copy_settings(settings, settings_file, folder / "settings")
            events = _events(settings, folder / "data" / JOURNAL)  # of a fleet: at least so many are in the dump
            if _is_postgresql(settings):
                _dump(settings.database_url, folder / DUMP)
            manifest = Manifest(VERSION, settings.site, version, time.time_ns(), events, _parts(folder))
            (folder / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
            _pack(folder, target)
        except (OSError, sqlite3.Error) as error:
            raise BackupError(f"backup to {target}: {error}") from error
    check(target)
    return manifest


def check(source: Path) -> Found:
    """Read a copy to its end and hold each file against its digest. Raises `BackupError`."""
    found: dict[str, Part] = {}
    manifest: Manifest | None = None
    try:
        with tarfile.open(source, "r:gz") as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isfile() else None
                if content is None:
                    continue
                if member.name == MANIFEST:
                    manifest = msgspec.json.decode(content.read(), type=Manifest)
                else:
                    found[member.name] = _part(content)
    except (OSError, EOFError, tarfile.TarError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BackupError(f"{source}: no whole backup: {error}") from error
    if manifest is None:
        raise BackupError(f"{source}: holds no {MANIFEST}; is it a backup of a hub?")
    wrong = sorted(name for name in found.keys() | manifest.parts.keys() if found.get(name) != manifest.parts.get(name))
    if wrong:
        raise BackupError(f"{source}: damaged or incomplete: {', '.join(wrong[:5])}")
    return Found(manifest, sorted(found))


def restore(settings: HubSettings, source: Path) -> Manifest:
    """Bring a copy back as the data of this hub, which must have none and not run. Raises `BackupError`."""
    found, data = check(source), Path(settings.data)
    if found.manifest.v > VERSION:
        raise BackupError(f"{source}: of version {found.manifest.v}, expected at most {VERSION}: use a newer Menshen")
    if found.manifest.site != settings.site:
        raise BackupError(f"{source}: of site {found.manifest.site!r}, expected {settings.site!r}")
    if data.exists() and any(path for path in data.iterdir() if not path.name.endswith(_PASSING)):
        raise BackupError(f"{data}: holds data already; move it away first")
    if _is_postgresql(settings) != (DUMP in found.names):
        kind = "PostgreSQL" if DUMP in found.names else "SQLite"
        raise BackupError(f"{source}: its people are in {kind}; expected settings that say so")
    data.mkdir(parents=True, exist_ok=True)
    with alone(data):
        _see_that_nobody_works(settings)
        try:
            _unpack(source, data, settings)
        except (OSError, tarfile.TarError, sqlite3.Error) as error:
            raise BackupError(f"restore to {data}: {error}") from error
    return found.manifest


def _see_that_nobody_works(settings: HubSettings) -> None:
    """Of a fleet: another process may have its data elsewhere. Raises `BackupError`."""
    if settings.fleet is None or not _is_postgresql(settings):
        return
    from hub.fleet.checkup import look  # noqa: PLC0415 - only a fleet needs the driver

    try:
        alive = look(settings.database_url).alive
    except JournalError as error:
        if "search_path" in str(error) or "does not exist" in str(error):
            return
        raise BackupError(str(error)) from error
    if alive:
        raise BackupError(f"{shown(settings.database_url)}: {', '.join(alive)} work with it; stop them first")


@contextmanager
def alone(data: Path) -> Iterator[None]:
    """While no hub works with this data, nor a process of a fleet leads with it. Raises `MenshenError`."""
    data.mkdir(parents=True, exist_ok=True)
    owners = [SoleOwner(data / name) for name in (JOURNAL, LEADER)]
    try:
        for owner in owners:
            owner.take()
        yield
    finally:
        for owner in owners:
            owner.release()


def forget_oldest(folder: Path, pattern: str, keep: int) -> list[Path]:
    """Delete all but the newest copies in a folder, by their names; those deleted."""
    old = sorted(folder.glob(pattern))[:-keep]
    for path in old:
        path.unlink()
    return old


def _copy_data(data: Path, target: Path) -> None:
    """All of a hub's data; databases while they are written to, the journal last.

    Thermal pictures of people stay where they are: in a copy they would outlive the time for which they are kept.
    """
    files = sorted((path for path in data.rglob("*") if path.is_file()), key=lambda path: path.name == JOURNAL)
    for path in (each for each in files if each.relative_to(data).parts[0] not in (PICTURES, RELEASES)):
        if path.name.endswith(_PASSING) or ".corrupt-" in path.name:
            continue
        copy = target / path.relative_to(data)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".db":
            copy_database(path, copy)
        else:
            shutil.copy2(path, copy)


def copy_database(source: Path, target: Path) -> None:
    """A SQLite database as it was at one moment, while others write to it. Raises `BackupError`, `sqlite3.Error`."""
    where = f"{source.resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(where, uri=True, timeout=60)) as have, closing(sqlite3.connect(target)) as copy:
        have.backup(copy, pages=_PAGES_AT_ONCE)
        copy.execute("PRAGMA journal_mode = DELETE")
        _check_database(copy, source)


def _check_database(db: sqlite3.Connection, name: Path) -> None:
    told = db.execute("PRAGMA quick_check").fetchone()[0]
    if told != "ok":
        raise BackupError(f"{name}: {told}")


def _copy_settings(settings: HubSettings, settings_file: Path, target: Path) -> None:
    """The settings, and the files that they name outside of the data."""
    target.mkdir(parents=True)
    shutil.copy2(settings_file, target / settings_file.name)
    data = Path(settings.data).resolve()
    for path in _named(settings):
        if path.is_file() and data not in path.resolve().parents:
            shutil.copy2(path, target / path.name)


def _named(value: object) -> Iterator[Path]:
    """Every file that the settings name."""
    if isinstance(value, list):
        for item in value:
            yield from _named(item)
    elif isinstance(value, Struct):
        for name in value.__struct_fields__:
            inner = getattr(value, name)
            is_file = name.endswith("_file") or name in {"ca", "certificate", "key"}
            if isinstance(inner, str) and is_file:
                yield Path(inner)
            else:
                yield from _named(inner)


def _check_fleet(fleet: FleetSettings) -> None:
    """The journal of a fleet is in the dump of its database, which is made last."""
    if fleet.journal is not None:
        raise BackupError("[fleet] journal: is a database of its own; copy it with pg_dump, after this hub's data")


def _events(settings: HubSettings, journal: Path) -> int:
    if settings.fleet is not None:
        return reader_of(settings).last_offset()
    with closing(sqlite3.connect(journal)) as db:
        newest = db.execute('SELECT max("offset") FROM entries').fetchone()[0]
    return int(newest or 0)


def _parts(folder: Path) -> dict[str, Part]:
    found = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            found[str(path.relative_to(folder))] = _part(file)
    return found


def _part(file: Any) -> Part:  # noqa: ANN401 - a binary file of pathlib or tarfile
    digest, length = hashlib.sha256(), 0
    while block := file.read(1 << 20):
        digest.update(block)
        length += len(block)
    return Part(length, digest.hexdigest())


def _pack(folder: Path, target: Path) -> None:
    new = target.with_name(target.name + ".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        with tarfile.open(fileobj=file, mode="w:gz", compresslevel=3) as archive:
            archive.add(folder / MANIFEST, MANIFEST)
            for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST):
                archive.add(path, str(path.relative_to(folder)))
        file.flush()
        os.fsync(file.fileno())
    new.replace(target)


def _unpack(source: Path, data: Path, settings: HubSettings) -> None:
    with tarfile.open(source, "r:gz") as archive, tempfile.TemporaryDirectory(dir=data, suffix=".new") as name:
        _extract(archive, Path(name))
        for path in sorted((Path(name) / "data").rglob("*.db")):
            with closing(sqlite3.connect(path)) as db:
                _check_database(db, path)
        if _is_postgresql(settings):
            _undump(settings.database_url, Path(name) / DUMP)
        for path in (Path(name) / "data").iterdir():
            shutil.move(path, data / path.name)


def _extract(archive: tarfile.TarFile, folder: Path) -> None:
    """Regular files, within the folder. tarfile's own filter came with Python 3.11.4; Debian 12 has 3.11.2."""
    for member in archive:
        content = archive.extractfile(member) if member.isfile() else None
        if content is None:
            continue
        target = folder / member.name
        if not target.resolve().is_relative_to(folder.resolve()):
            raise BackupError(f"{member.name}: leads out of the backup; nothing was restored")
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            shutil.copyfileobj(content, file)
        target.chmod(0o600 | member.mode & 0o755)


def _is_postgresql(settings: HubSettings) -> bool:
    return make_url(settings.database_url).get_backend_name() == "postgresql"


def _dump(url: str, target: Path) -> None:
    _postgres("pg_dump", url, ["--format=custom", "--no-owner", f"--file={target}"])


def _undump(url: str, source: Path) -> None:
    _postgres("pg_restore", url, ["--clean", "--if-exists", "--no-owner", "--exit-on-error", str(source)])


def _postgres(program: str, url: str, words: list[str]) -> None:
    """Run one of PostgreSQL's own programs on the database; its password is not among the words that others see."""
    parsed = make_url(url)
    own = {
        "PGHOST": parsed.host or "",
        "PGPORT": str(parsed.port or ""),
        "PGUSER": parsed.username or "",
        "PGPASSWORD": str(parsed.password or ""),
        "PGDATABASE": parsed.database or "",
    }
    where = [f"--dbname={parsed.database}"] if program == "pg_restore" else []
    try:
        subprocess.run(  # noqa: S603 - one of two programs, on words of ours
            [program, *where, *words],
            check=True, capture_output=True, text=True, timeout=_STOPPED_S,
            env=os.environ | {key: value for key, value in own.items() if value},
        )  # fmt: skip
    except FileNotFoundError as error:
        raise BackupError(f"{program} is not installed here (Debian's package postgresql-client)") from error
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        told = (getattr(error, "stderr", "") or str(error)).strip().splitlines()[-1:]
        raise BackupError(f"{program} of {shown(url)}: {' '.join(told)}") from error


def _folder(target: Path) -> Path:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BackupError(f"{target.parent}: {error.strerror}") from error
    return target.parent
