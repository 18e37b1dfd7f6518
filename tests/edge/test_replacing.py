"""A damaged spool is replaced by a new one, and power or room on the disk may go at any step of it."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import pytest

from edge.spool import Spool
from tests.edge.test_spool import agents, events, everything, make
from tests.support.clocks import HandClock
from tests.support.events import fever, routine
from wire.errors import SpoolError
from wire.events import Gap, GapCause, Urgency
from wire.messages import decode_event

_STEPS = ("BEGIN", "COMMIT", "CREATE", "PRAGMA journal_mode", "\nCREATE")


@contextmanager
def before(number: int | str, act: Callable[[str], None]) -> Iterator[list[str]]:
    """Do something before one of the steps that touch the disk, by its number or by what it is; what they are."""
    steps: list[str] = []
    is_over = False

    def step(what: str) -> None:
        if not is_over:
            steps.append(what)
            if len(steps) == number or (what == number and steps.count(what) == 1):
                act(what)

    def stepping(name: str) -> Callable[..., object]:
        real = getattr(os, name)

        def call(*args: object, **more: object) -> object:
            step(f"os.{name}")
            return real(*args, **more)

        return call

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, *args: object) -> sqlite3.Cursor:
            if sql.startswith(_STEPS):
                step(sql)
            return super().execute(sql, *args)

        def executescript(self, sql: str) -> sqlite3.Cursor:
            step(sql)
            return super().executescript(sql)

    real_connect = sqlite3.connect
    with (
        mock.patch.object(os, "rename", stepping("rename")),
        mock.patch.object(os, "unlink", stepping("unlink")),
        mock.patch.object(os, "fsync", stepping("fsync")),
        mock.patch.object(os, "listdir", stepping("listdir")),
        mock.patch.object(sqlite3, "connect", lambda *args, **more: real_connect(*args, factory=Connection, **more)),
    ):
        yield steps
        is_over = True


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """In memory where that can be had: what is killed is a process, and a disk takes longest for what is asked here."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory) as made:
        yield Path(made)


def damaged(folder: Path, how: str) -> Path:
    """A spool as after a kill, with rows in its file and in its log, of which one is destroyed."""
    folder.mkdir()
    spool = make(folder / "whole.db")
    spool.append([routine(n) for n in range(1, 9)] + [fever(1)])
    spool._db.execute("PRAGMA wal_checkpoint")
    spool.append([routine(n) for n in range(9, 12)] + [fever(2)])
    spool.next_session()
    body = bytes(everything(spool)[2].event)
    for suffix in ("", "-wal"):
        data = (folder / f"whole.db{suffix}").read_bytes().replace(body, body.replace(b"3", b"7"))
        if how == "header" and not suffix:
            data = b"\0" * 100 + data[100:]
        (folder / f"spool.db{suffix}").write_bytes(data)
    spool.close()
    return folder / "spool.db"


def use(spool: Spool) -> None:
    for urgency in Urgency:
        everything(spool, urgency)


def assert_all_there(spool: Spool, why: str) -> None:
    """All but the row that was destroyed, each number once, and a gap that tells."""
    assert agents(spool)[:10] == [str(n) for n in range(1, 12) if n != 3], why
    for urgency in Urgency:
        numbers = everything(spool, urgency)
        assert [n.seq for n in numbers[1:]] == [n.last + 1 for n in numbers[:-1]], why
    urgent = [decode_event(n.event) for n in everything(spool, Urgency.URGENT)]
    assert urgent[:2] == [fever(1), fever(2)], why
    assert GapCause.SPOOL_CORRUPT in [event.cause for event in urgent if isinstance(event, Gap)], why


@pytest.mark.parametrize("how", ["header", "row"])
def test_killed_at_any_step_of_replacing_a_damaged_file_it_loses_nothing_more(folder, how):
    """Another process each time, and a real SIGKILL; the half of the kills is followed by a second one."""
    killed = 0
    for number in range(1, 200):
        path = damaged(folder / str(number), how)
        codes = [_killed_at(path, number), *([_killed_at(path, 2 + number // 3)] if number % 2 else [])]
        again = make(path)
        use(again)
        assert_all_there(again, f"killed before step {number}")
        assert [found.name for found in path.parent.iterdir() if "salvaging" in found.name] == []
        again.close()
        if codes[0] == 0:
            break
        killed += 1
        shutil.rmtree(path.parent)
    assert 10 < killed < 199


def _killed_at(path: Path, number: int) -> int:
    """How a process ended that opened and read the spool and was to be killed before its `number`th step."""
    child = os.fork()
    if child == 0:
        try:
            with before(number, lambda what: os.kill(os.getpid(), signal.SIGKILL)):
                use(make(path))
        except BaseException:  # noqa: BLE001 - nothing of a child may get into the parent's test
            os._exit(3)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("how", ["header", "row"])
def test_where_the_disk_refuses_any_step_it_is_done_later_and_loses_nothing_more(folder, how):
    refused = 0
    for number in range(1, 200):
        path, clock = damaged(folder / str(number), how), HandClock()
        why = f"refused at step {number}"
        with before(number, refuse) as steps:
            spool = _try(make, path, clock)
        if spool is None:  # it could not even be opened: the process is started again
            spool = make(path, clock)
        with before(number - len(steps), refuse) as more:
            _try(use, spool)
        for _ in range(3):
            _try(use, spool)
            clock.pass_s(6)
        spool.append([routine(99)])
        assert_all_there(spool, why)
        assert agents(spool)[-1] == "99", why
        spool.close()
        assert agents(make(path))[-1] == "99", why
        if number > len(steps) + len(more):
            break
        refused += 1
    assert 10 < refused < 199


def refuse(what: str) -> None:
    if what.startswith("os."):
        raise OSError(errno.ENOSPC, "No space left on device")
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    raise error


def _try(work: Callable[..., Spool | None], *args: object) -> Spool | None:
    try:
        return work(*args)
    except SpoolError:
        return None


def test_of_damaged_files_only_the_last_is_kept_and_none_on_a_full_disk(folder):
    path = damaged(folder / "a", "header")
    clock = HandClock()
    for second in range(3):
        make(path, clock).close()
        path.write_bytes(b"\0" * 100 + path.read_bytes()[100:])
        clock.pass_s(1 + second)
    kept = [found.name for found in path.parent.iterdir() if ".corrupt-" in found.name]
    assert len({name.removesuffix("-wal") for name in kept}) == 1
    with before("BEGIN IMMEDIATE", refuse):
        spool = make(path, clock)
    assert [found.name for found in path.parent.iterdir() if ".corrupt-" in found.name] == []
    clock.pass_s(6)
    _try(use, spool)
    assert events(spool, Urgency.URGENT)[:2] == [fever(1), fever(2)]
