"""The outbox for asyncio: one commit for many, and a failing disk that stops nothing."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from edge.outbox import Outbox
from edge.spool import Mark, Spool, SpoolSettings
from tests.support.clocks import HandClock
from tests.support.events import fever, routine
from tests.support.servers import eventually
from wire.errors import DecodeError, SpoolError
from wire.events import Disinfection, Gap, GapCause, SecondaryMeasurement, Urgency
from wire.messages import decode_event


class Card:
    """Makes a spool's `append` fail while `broken` is set, as a card does that went read-only."""

    def __init__(self, spool: Spool) -> None:
        self.broken = ""
        self.commits: list[int] = []
        self._append = spool.append
        spool.append = self.append  # type: ignore[method-assign]

    def append(self, events, mark=None):
        if self.broken:
            raise SpoolError(self.broken)
        self._append(events, mark)
        self.commits.append(len(events))


@pytest.fixture
async def outbox(tmp_path):
    clock = HandClock()
    box = Outbox(Spool("s", "g", SpoolSettings(path=str(tmp_path / "spool.db")), clock), clock, max_waiting=50)
    await box.start()
    yield box
    await box.stop()


async def kept(box: Outbox, urgency: Urgency = Urgency.ROUTINE) -> list[object]:
    return [decode_event(numbered.event) for numbered in await box.read(urgency, 0, 10**6, 10**9)]


async def test_what_put_returned_for_is_in_the_spool(outbox):
    await outbox.put(routine(1))
    assert await kept(outbox) == [routine(1)]
    assert outbox.changed.is_set()


async def test_many_puts_share_commits_and_keep_their_order(outbox):
    card = Card(outbox.spool)
    await asyncio.gather(*(outbox.put(routine(n), Mark("script", n)) for n in range(40)))
    assert [event.agent for event in await kept(outbox)] == [str(n) for n in range(40)]
    assert len(card.commits) <= 3
    assert await outbox.mark("script") == 39


async def test_an_unreadable_event_is_refused_to_its_putter_only(outbox):
    bad = SecondaryMeasurement(time_ns=1, body_c=float("nan"), lane="a")
    results = await asyncio.gather(
        outbox.put(routine(1)), outbox.put(bad), outbox.put(routine(2)), return_exceptions=True
    )
    assert [type(result) for result in results] == [type(None), DecodeError, type(None)]
    assert await kept(outbox) == [routine(1), routine(2)]


async def test_a_stop_in_the_middle_of_a_commit_keeps_each_event_once(tmp_path):
    """The disk does not stop with the agent: what it was just keeping was kept again by the stop."""
    clock = HandClock()
    settings = SpoolSettings(path=str(tmp_path / "spool.db"))
    box = Outbox(Spool("s", "g", settings, clock), clock)
    await box.start()
    append, begun = box.spool.append, threading.Event()

    def slow(events, mark=None):
        begun.set()
        time.sleep(0.2)
        append(events, mark)

    box.spool.append = slow  # type: ignore[method-assign]
    putting = asyncio.create_task(box.put(routine(1)))
    await asyncio.to_thread(begun.wait)
    await box.stop()
    await putting
    again = Spool("s", "g", settings, clock)
    again.open()
    assert [decode_event(one.event) for one in again.read(Urgency.ROUTINE, 0, 10, 10**6)] == [routine(1)]


async def test_what_memory_cannot_hold_is_none_of_what_is_being_written(outbox):
    append, begun, go_on = outbox.spool.append, threading.Event(), threading.Event()

    def slow(events, mark=None):
        begun.set()
        go_on.wait()
        append(events, mark)

    outbox.spool.append = slow
    first = asyncio.create_task(outbox.put(routine(0)))
    await asyncio.to_thread(begun.wait)
    more = [asyncio.create_task(outbox.put(routine(n))) for n in range(1, 52)]
    await asyncio.sleep(0)
    go_on.set()
    outcomes = await asyncio.gather(first, *more, return_exceptions=True)
    refused = [n for n, outcome in enumerate(outcomes) if isinstance(outcome, SpoolError)]
    assert refused == [1, 2]
    events = await kept(outbox)
    assert [event for event in events if not isinstance(event, Gap)] == [
        routine(n) for n in range(52) if n not in refused
    ]


async def test_what_comes_in_the_instant_before_a_commit_pushes_nothing_out_of_it(outbox):
    outbox._writer.cancel()
    puts = [asyncio.create_task(outbox.put(routine(n))) for n in range(50)]
    await asyncio.sleep(0)
    writing = asyncio.create_task(outbox._write())
    puts.append(asyncio.create_task(outbox.put(routine(50))))
    await writing
    async with asyncio.timeout(5):
        outcomes = await asyncio.gather(*puts, return_exceptions=True)
    refused = [n for n, outcome in enumerate(outcomes) if outcome is not None]
    told = [event for event in await kept(outbox) if not isinstance(event, Gap)]
    assert told == [routine(n) for n in range(51) if n not in refused]


async def test_a_card_that_keeps_an_event_and_then_has_no_room_to_drop_old_ones_keeps_it_once(tmp_path):
    clock = HandClock()
    spool = Spool("s", "g", SpoolSettings(path=str(tmp_path / "spool.db"), max_bytes=64 * 1024), clock)
    box = Outbox(spool, clock)
    await box.start()
    drop, refused = spool.drop_oldest, 0

    def full(cause, to_bytes):
        nonlocal refused
        refused += 1
        raise SpoolError("database or disk is full")

    spool.drop_oldest = full
    for number in range(800):
        async with asyncio.timeout(5):
            await box.put(routine(number))
    assert refused
    spool.drop_oldest = drop
    assert [event.agent for event in await kept(box)] == [str(n) for n in range(800)]
    await box.put(routine(800))
    assert spool.depth().bytes <= 64 * 1024
    await box.stop()


async def test_a_failing_card_keeps_events_in_memory_until_it_works_again(outbox):
    card = Card(outbox.spool)
    card.broken = "disk I/O error"
    waiting = [asyncio.create_task(outbox.put(routine(n))) for n in range(5)]
    await eventually(lambda: outbox.fault == "disk I/O error", "the fault is told")
    card.broken = ""
    await asyncio.gather(*waiting)
    assert [event.agent for event in await kept(outbox)] == ["0", "1", "2", "3", "4"]
    assert outbox.fault == ""


async def test_what_memory_cannot_hold_is_counted_in_a_gap_and_the_urgent_stay(outbox):
    card = Card(outbox.spool)
    card.broken = "disk I/O error"
    waiting = [asyncio.create_task(outbox.put(fever(1)))]
    waiting += [asyncio.create_task(outbox.put(routine(n))) for n in range(60)]
    await eventually(lambda: bool(outbox.fault), "the fault is told")
    card.broken = ""
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert sum(isinstance(result, SpoolError) for result in results) == 11
    urgent = await kept(outbox, Urgency.URGENT)
    gaps = [event for event in urgent if isinstance(event, Gap)]
    assert [(gap.cause, gap.lost) for gap in gaps] == [(GapCause.WRITE_FAILED, 11)]
    assert fever(1) in urgent
    assert len([event for event in await kept(outbox) if isinstance(event, Disinfection)]) == 49


async def test_a_full_disk_gives_up_the_oldest_rather_than_the_new_once_memory_runs_out(outbox):
    await asyncio.gather(*(outbox.put(routine(n)) for n in range(30)))
    card = Card(outbox.spool)
    card.broken = "database or disk is full"
    waiting = [asyncio.create_task(outbox.put(routine(98)))]
    tries = outbox.tries
    await eventually(lambda: outbox.tries > tries + 1, "the disk is tried again")
    assert outbox.spool.depth().routine == 30, "nothing is given up while memory keeps what comes"
    waiting += [asyncio.create_task(outbox.put(routine(99))) for _ in range(25)]
    await eventually(lambda: outbox.spool.depth().routine < 30, "the oldest are dropped")
    card.broken = ""
    await asyncio.gather(*waiting)
    events = await kept(outbox)
    assert isinstance(events[0], Gap)
    assert events[-1] == routine(99)
