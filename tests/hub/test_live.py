"""The live board keeps count by itself, and the count is that of the journal."""

from __future__ import annotations

import asyncio

import pytest

from hub.alerts.desk import AlertDesk
from hub.alerts.store import AlertStore
from hub.archive import Archive
from hub.journal import Bad
from hub.live import MAX_PASSAGES, LiveBoard
from hub.presence import Presence
from hub.projections.runner import Runner
from tests.support.events import TIME_NS, fever
from tests.support.journals import batch
from tests.support.servers import eventually
from wire.messages import RegistryHeld, SpoolDepth, Vitals

DAY_NS = 86_400 * 10**9


@pytest.mark.parametrize("old", [0, 5, MAX_PASSAGES, 200])
async def test_the_count_of_events_is_that_of_the_journal_after_a_start_and_after_each_append(tmp_path, old):
    now_ns = TIME_NS
    archive = Archive(tmp_path / "journal.db", lambda: now_ns)
    await archive.start()
    for number in range(1, old + 1):
        await archive.append([batch([fever(number)], first=number)])
    now_ns += 2 * DAY_NS
    desk = AlertDesk(AlertStore(tmp_path / "alerts.db", [], 3600), [])
    board = LiveBoard(archive, Presence(archive, 60.0), desk, "site", lambda: now_ns)
    runner = Runner(archive, board)
    runner.cursor = await board.start()
    while await runner._step():
        pass
    assert board.snapshot().journal_events == old
    await archive.append([batch([fever(n) for n in range(old + 1, old + 4)], first=old + 1)])
    await runner._step()
    assert board.snapshot().journal_events == old + 3
    assert len(board.snapshot().passages) == min(old + 3, MAX_PASSAGES)
    await archive.stop()


async def test_a_dead_letter_shows_at_once_though_no_event_comes_and_also_after_a_restart(tmp_path):
    archive = Archive(tmp_path / "journal.db")
    await archive.start()
    for before in (0, 1):
        desk = AlertDesk(AlertStore(tmp_path / "alerts.db", [], 3600), [])
        board = LiveBoard(archive, Presence(archive, 60.0), desk, "site")
        task = asyncio.create_task(board.watch())
        await eventually(lambda: board.snapshot().dead_letters == before, "what is there is counted")  # noqa: B023
        await archive.bury([Bad("message", "topic", "no JSON", bytes([before]))])
        await eventually(lambda: board.snapshot().dead_letters == before + 1, "a new one shows")  # noqa: B023
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await archive.stop()


async def test_the_age_of_a_gates_registry_is_on_its_row(tmp_path):
    presence, held = Presence(Archive(tmp_path / "journal.db"), 60.0), RegistryHeld(7, 120_000, 4.0)
    presence.heard("site", "north")
    desk = AlertDesk(AlertStore(tmp_path / "alerts.db", [], 3600), [])
    board = LiveBoard(Archive(tmp_path / "journal.db"), presence, desk, "site")
    assert board.snapshot().gates[0].registry is None
    presence.gates["site", "north"].vitals = Vitals(1, 5, "e", 1, SpoolDepth(0, 0), registry=held)
    assert board.snapshot().gates[0].registry == held


async def test_a_gate_that_just_started_has_no_registry_out_of_date(tmp_path):
    presence, unconfirmed = Presence(Archive(tmp_path / "journal.db"), 60.0), RegistryHeld(0, 0)
    presence.heard("site", "north")
    desk = AlertDesk(AlertStore(tmp_path / "alerts.db", [], 3600), [])
    board = LiveBoard(Archive(tmp_path / "journal.db"), presence, desk, "site")
    for uptime_s, told in ((2.0, None), (40.0, unconfirmed)):
        vitals = Vitals(1, 5, "e", 1, SpoolDepth(0, 0), registry=unconfirmed, uptime_s=uptime_s)
        presence.gates["site", "north"].vitals = vitals
        assert board.snapshot().gates[0].registry == told
