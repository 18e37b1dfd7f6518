"""The runner: nothing is skipped, a failure waits, a defect in one projection does not stop the hub."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from hub.archive import Archive
from hub.journal import Entry
from hub.projections.runner import Runner
from tests.support.events import fever
from tests.support.journals import batch
from tests.support.servers import eventually
from wire.errors import JournalError
from wire.link import Backoff


class Reader:
    """A projection that remembers what it was given, and fails as its script says."""

    name = "reader"
    batch_entries = 3

    def __init__(self, failures: list[Exception]) -> None:
        self.failures = failures
        self.seen: list[int] = []
        self.stopped = False

    async def start(self) -> int:
        return 0

    async def apply(self, entries: Sequence[Entry]) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.seen += [entry.offset for entry in entries]

    async def stop(self) -> None:
        self.stopped = True


@pytest.mark.parametrize("failures", [[], [JournalError("busy")] * 2, [ZeroDivisionError("a defect")]])
async def test_every_entry_is_given_once_and_in_order_whatever_fails_meanwhile(tmp_path, failures):
    archive = Archive(tmp_path / "journal.db")
    await archive.start()
    await archive.append([batch([fever(n) for n in range(1, 8)])])
    reader = Reader(list(failures))
    runner = Runner(archive, reader, Backoff(0.01, 0.05))
    task = asyncio.create_task(runner.run())
    await eventually(lambda: len(reader.seen) == 7, "the backlog is read")
    await archive.append([batch([fever(8)], first=8)])
    await eventually(lambda: len(reader.seen) == 8, "a live event is read")
    assert reader.seen == list(range(1, 9))
    assert (runner.error, runner.row(8).state) == ("", "live")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await archive.stop()
    assert reader.stopped


async def test_what_stops_a_projection_is_shown(tmp_path):
    archive = Archive(tmp_path / "journal.db")
    await archive.start()
    await archive.append([batch([fever(1)])])
    runner = Runner(archive, Reader([JournalError("server away")] * 1000), Backoff(0.01, 0.05))
    task = asyncio.create_task(runner.run())
    await eventually(lambda: runner.error == "server away", "the error is shown")
    assert (runner.row(1).state, runner.row(1).behind) == ("waiting", 1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await archive.stop()
