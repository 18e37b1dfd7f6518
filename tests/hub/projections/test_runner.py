"""The runner: nothing is skipped, a failure waits, a defect in one projection does not stop the hub."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from hub.archive import Archive
from hub.journal import Entry
from hub.projections import runner as runner_module
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


class Durable(Reader):
    """A projection that keeps its effects and then its cursor in the journal, as the time series do."""

    def __init__(self, archive: Archive, failures: list[Exception], effects: list[int]) -> None:
        super().__init__(failures)
        self.archive = archive
        self.seen = effects

    async def start(self) -> int:
        if self.failures and isinstance(self.failures[0], LookupError):
            raise self.failures.pop(0)
        return await self.archive.read(lambda reader: reader.cursor(self.name))

    async def apply(self, entries: Sequence[Entry]) -> None:
        await super().apply(entries)
        await self.archive.set_cursor(self.name, entries[-1].offset)


async def read_all(archive: Archive, failures: list[Exception], effects: list[int]) -> Runner:
    """Run one projection until it has read everything that is there, then end it as a stopping hub does."""
    runner = Runner(archive, Durable(archive, failures, effects), Backoff(0.001, 0.005))
    last = await archive.read(lambda reader: reader.last_offset())
    task = asyncio.create_task(runner.run())
    await eventually(lambda: runner.cursor == last and not runner.error, "it is through")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return runner


async def test_a_cursor_survives_a_restart_and_nothing_is_skipped_or_read_again(tmp_path):
    effects: list[int] = []
    for start in (1, 11, 21):
        archive = Archive(tmp_path / "journal.db")
        await archive.start()
        await archive.append([batch([fever(n) for n in range(start, start + 10)], first=start)])
        await read_all(archive, [], effects)
        await archive.stop()
    assert effects == list(range(1, 31))


@pytest.mark.parametrize("failure", [LookupError("a defect in start"), JournalError("busy"), ZeroDivisionError()])
async def test_whatever_fails_at_start_or_later_is_tried_again(tmp_path, failure):
    archive = Archive(tmp_path / "journal.db")
    await archive.start()
    await archive.append([batch([fever(n) for n in range(1, 8)])])
    effects: list[int] = []
    runner = await read_all(archive, [failure] * 5, effects)
    assert effects == list(range(1, 8))
    assert runner.row(7).state == "live"
    await archive.stop()


async def test_an_entry_that_is_written_while_a_projection_looks_is_not_slept_over(tmp_path):
    archive = Archive(tmp_path / "journal.db")
    await archive.start()
    effects: list[int] = []
    runner = Runner(archive, Durable(archive, [], effects), Backoff(0.001, 0.005))
    task = asyncio.create_task(runner.run())
    for number in range(1, 101):
        await archive.append([batch([fever(number)], first=number)])
    await eventually(lambda: len(effects) == 100, "all are read without waiting for the idle time", 4)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await archive.stop()


async def test_who_pauses_after_little_is_woken_by_much(tmp_path, monkeypatch):
    monkeypatch.setattr(runner_module, "ENTRIES_PER_S", 0.001)
    archive = Archive(tmp_path / "journal.db")
    await archive.start()
    reader = Reader([])
    runner = Runner(archive, reader, pace_s=60.0)
    task = asyncio.create_task(runner.run())
    await archive.append([batch([fever(1)])])
    await eventually(lambda: reader.seen == [1], "what comes after a time without events is read at once")
    await archive.append([batch([fever(2)], first=2)])
    await asyncio.sleep(0.3)
    assert reader.seen == [1], "soon after it little is left to wait for more"
    await archive.append([batch([fever(3)], first=3)])
    await eventually(lambda: reader.seen == [1, 2, 3], "half of what goes into one step is not")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await archive.stop()
