"""Copies of a hub: made while it works, whole or not at all, and brought back."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import os
import sqlite3
import tarfile
import threading
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import menshen
from hub import backup
from hub.accounts import audit, desk
from hub.accounts.models import Role
from hub.database import Database
from hub.journal import Journal, JournalReader
from hub.pictures.store import FOLDER, Pictures
from hub.settings import HubSettings, load
from hub.trust.authority import Authority
from tests.support.events import TIME_NS, fever
from tests.support.journals import batch
from tests.support.servers import binary
from wire.errors import BackupError

pytestmark = pytest.mark.usefixtures("cheap_passwords")
PASSWORD = "correct horse battery"


def hub_file(folder: Path, extra: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "token.key").write_text("k" * 32)
    (folder / "hub.toml").write_text(f'site = "s"\ntoken_key_file = "token.key"\n{extra}')
    return folder / "hub.toml"


async def fill(of: HubSettings, events: int = 3) -> None:
    """What a hub leaves: a journal, people, keys."""
    journal = Journal(Path(of.data) / "journal.db")
    journal.open()
    journal.append([batch([fever(number) for number in range(events)])], TIME_NS)
    journal.close()
    database = Database(of.database_url)
    await database.start()
    await database.write(
        lambda session: desk.add_user(session, "li.lei", "李雷", Role.HR, PASSWORD, by="test", now_ns=TIME_NS)
    )
    await database.stop()
    (Path(of.data) / "sealing.key").write_bytes(b"s" * 32)


async def knows_its_people(of: HubSettings) -> bool:
    database = Database(of.database_url)
    await database.start()
    try:
        assert await database.read(audit.verify) == (1, None)
        return await database.read(lambda session: desk.user_of(session, "li.lei", PASSWORD)) is not None
    finally:
        await database.stop()


def offsets(of: HubSettings) -> list[int]:
    reader = JournalReader(Path(of.data) / "journal.db")
    try:
        return [entry.offset for entry in reader.after(0, 10**6)]
    finally:
        reader.close()


@pytest.fixture
async def made(tmp_path: Path) -> Path:
    """A copy of a small hub."""
    of = load(hub_file(tmp_path / "old"))
    await fill(of)
    backup.back_up(of, tmp_path / "old" / "hub.toml", tmp_path / "copy.tar.gz", "1")
    return tmp_path / "copy.tar.gz"


async def test_a_hub_is_what_it_was_and_its_copy_is_its_owner_s(made, tmp_path):
    assert made.stat().st_mode & 0o777 == 0o600
    of = load(hub_file(tmp_path / "new"))
    manifest = backup.restore(of, made)
    assert (manifest.site, manifest.events, manifest.menshen) == ("s", 3, "1")
    assert offsets(of) == [1, 2, 3]
    assert await knows_its_people(of)
    assert (Path(of.data) / "sealing.key").read_bytes() == b"s" * 32
    with tarfile.open(made) as archive:
        assert {"settings/hub.toml", "settings/token.key"} <= set(archive.getnames())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.tar.gz", "new", "old"]  # nothing left behind


async def test_a_thermal_picture_of_somebody_is_in_no_copy(tmp_path):
    of = load(hub_file(tmp_path / "old"))
    await fill(of)
    Pictures(Path(of.data) / FOLDER, 3600.0).put("s", "north", "p1", b"\xff\xd8 a face \xff\xd9")
    backup.back_up(of, tmp_path / "old" / "hub.toml", tmp_path / "copy.tar.gz", "1")
    with tarfile.open(tmp_path / "copy.tar.gz") as archive:
        assert not [name for name in archive.getnames() if name.endswith(".jpg")]


async def test_people_in_postgresql_come_back_too(tmp_path, postgresql, monkeypatch):
    binary("pg_dump", "postgresql")
    first, second = postgresql.make("backup_one"), postgresql.make("backup_two")
    newest = max(Path("/usr/lib/postgresql").glob("*/bin"))
    monkeypatch.setenv("PATH", f"{newest}{os.pathsep}{os.environ['PATH']}")
    file = hub_file(tmp_path / "old", f'database = "{first}"\n')
    await fill(load(file))
    backup.back_up(load(file), file, tmp_path / "copy.tar.gz", "1")
    of = load(hub_file(tmp_path / "new", f'database = "{second}"\n'))
    backup.restore(of, tmp_path / "copy.tar.gz")
    assert await knows_its_people(of)
    with pytest.raises(BackupError, match="expected settings that say so"):
        backup.restore(load(hub_file(tmp_path / "other")), tmp_path / "copy.tar.gz")


async def test_a_copy_made_while_the_hub_writes_is_of_one_moment(tmp_path):
    file = hub_file(tmp_path / "old")
    of = load(file)
    await fill(of)
    stop, began = threading.Event(), threading.Event()

    def write() -> None:
        journal = Journal(Path(of.data) / "journal.db")
        journal.open()
        number = 4
        while not stop.is_set():
            journal.append([batch([fever(n) for n in range(20)], number)], TIME_NS)
            number += 20
            began.set()
        journal.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert began.wait(20)
        copies = [tmp_path / f"copy-{number}.tar.gz" for number in range(3)]
        made = [await asyncio.to_thread(backup.back_up, of, file, copy, "1") for copy in copies]
    finally:
        stop.set()
        writer.join()
    for number, (copy, manifest) in enumerate(zip(copies, made, strict=True)):
        restored = load(hub_file(tmp_path / f"new-{number}"))
        backup.restore(restored, copy)
        assert offsets(restored) == list(range(1, manifest.events + 1))
    assert made[0].events < made[2].events


async def test_a_projection_in_a_copy_is_never_ahead_of_the_journal(tmp_path, monkeypatch):
    of = load(hub_file(tmp_path / "old"))
    await fill(of)
    order: list[str] = []
    for name in ("alerts.db", "zebra.db"):
        with closing(sqlite3.connect(Path(of.data) / name)) as db:
            db.execute("CREATE TABLE t (x)")
    whole = backup.copy_database
    monkeypatch.setattr(backup, "copy_database", lambda a, b: (order.append(a.name), whole(a, b)))
    backup.back_up(of, tmp_path / "old" / "hub.toml", tmp_path / "copy.tar.gz", "1")
    assert sorted(order[:-1]) == ["alerts.db", "menshen.db", "zebra.db"]
    assert order[-1] == "journal.db"


async def test_what_would_be_overwritten_is_never_touched(made, tmp_path):
    of = load(hub_file(tmp_path / "new"))
    backup.restore(of, made)
    with pytest.raises(BackupError, match="holds data already"):
        backup.restore(of, made)
    (tmp_path / "alien").mkdir()
    (tmp_path / "alien" / "hub.toml").write_text('site = "other"\n')
    with pytest.raises(BackupError, match="of site 's', expected 'other'"):
        backup.restore(load(tmp_path / "alien" / "hub.toml"), made)
    with pytest.raises(BackupError, match="a hub that has run"):
        backup.back_up(load(hub_file(tmp_path / "empty")), tmp_path / "x", tmp_path / "none.tar.gz", "1")
    assert not (tmp_path / "none.tar.gz").exists()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(where=st.floats(0, 1), bit=st.integers(0, 7), cut=st.booleans())
def test_a_copy_that_is_not_whole_is_found_out(made, where, bit, cut):
    plain = bytearray(gzip.decompress(made.read_bytes()))
    at = int(where * (len(plain) - 1))
    if cut:
        plain = plain[:at]
    else:
        plain[at] ^= 1 << bit
    broken = made.with_name("broken.tar.gz")
    broken.write_bytes(gzip.compress(bytes(plain), 1))
    try:
        found = backup.check(broken)
    except BackupError:
        return
    whole = backup.check(made)  # the bit was in what surrounds the files: names, lengths and contents are as they were
    assert (found.names, found.manifest.parts) == (whole.names, whole.manifest.parts)


def test_what_is_no_backup_says_so(tmp_path):
    (tmp_path / "x.tar.gz").write_bytes(b"garbage")
    with pytest.raises(BackupError, match="no whole backup"):
        backup.check(tmp_path / "x.tar.gz")
    with tarfile.open(tmp_path / "y.tar.gz", "w:gz"):
        pass
    with pytest.raises(BackupError, match="is it a backup of a hub"):
        backup.check(tmp_path / "y.tar.gz")


async def test_a_copy_of_a_later_version_says_what_to_do(made, tmp_path, monkeypatch):
    found = backup.check(made)
    later = found._replace(manifest=msgspec.structs.replace(found.manifest, v=99))
    monkeypatch.setattr(backup, "check", lambda _: later)
    with pytest.raises(BackupError, match="use a newer Menshen"):
        backup.restore(load(hub_file(tmp_path / "new")), made)


async def test_the_site_s_root_of_trust_is_in_it(tmp_path):
    from datetime import UTC, datetime

    of = load(hub_file(tmp_path / "old"))
    await fill(of)
    authority = Authority.load_or_make(Path(of.data) / "authority", "s", datetime.now(UTC))
    backup.back_up(of, tmp_path / "old" / "hub.toml", tmp_path / "copy.tar.gz", "1")
    restored = load(hub_file(tmp_path / "new"))
    backup.restore(restored, tmp_path / "copy.tar.gz")
    again = Authority.load_or_make(Path(restored.data) / "authority", "s", datetime.now(UTC))
    assert again.pem == authority.pem
    assert (Path(restored.data) / "authority" / "authority.key").stat().st_mode & 0o777 == 0o600


async def test_the_command_keeps_the_newest_copies_and_says_what_it_did(tmp_path, capsys):
    file = hub_file(tmp_path / "old")
    await fill(load(file))

    def say(*words: str) -> str:
        code = menshen.main(["hub", words[0], str(file), *words[1:]])
        out = capsys.readouterr()
        return out.out if code == 0 else out.err

    folder = tmp_path / "copies"
    for day in ("20200101T000000Z", "20200102T000000Z"):
        folder.mkdir(exist_ok=True)
        (folder / f"menshen-s-{day}.tar.gz").write_text("old")
    said = await asyncio.to_thread(say, "backup", "--to", str(folder), "--keep", "2")
    assert "3 events" in said
    assert "menshen-s-20200101T000000Z.tar.gz: deleted" in said
    newest = max(folder.iterdir())
    assert "whole. Site s" in await asyncio.to_thread(say, "restore", str(newest), "--check")
    assert "holds data already" in await asyncio.to_thread(say, "restore", str(newest))
    assert "is a file" in await asyncio.to_thread(say, "backup", "--to", str(tmp_path / "x.tar.gz"), "--keep", "2")


def test_a_copy_that_leads_out_of_its_folder_is_not_restored(tmp_path):
    """It may be whole by its own digests: whoever made it may not have been a hub."""
    evil, at = b"evil", tmp_path / "copy.tar.gz"
    parts = {"../../evil": backup.Part(len(evil), hashlib.sha256(evil).hexdigest())}
    manifest = msgspec.json.encode(backup.Manifest(backup.VERSION, "s", "0", 1, 0, parts))
    with tarfile.open(at, "w:gz") as archive:
        for name, content in ((backup.MANIFEST, manifest), ("../../evil", evil)):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    target = load(hub_file(tmp_path / "deep" / "er"))
    with pytest.raises(BackupError, match="leads out"):
        backup.restore(target, at)
    assert not list(tmp_path.rglob("evil"))
    assert not list(Path(target.data).glob("*.db"))
