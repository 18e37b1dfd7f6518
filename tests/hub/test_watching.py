"""What the hub's parts and watchers have in common."""

from __future__ import annotations

import asyncio

import pytest
import structlog
from structlog.testing import capture_logs

from hub import watching
from hub.watching import keep_looking, keep_running
from tests.support.servers import eventually
from wire.errors import JournalError


async def test_what_fails_is_told_once_and_tried_again_and_a_defect_ends_nothing():
    outcomes = iter(["down", "down", "", "down", "defect", "defect", "other", ""])
    done = asyncio.Event()

    async def look() -> None:
        match next(outcomes, None):
            case None:
                done.set()
                await asyncio.sleep(60)
            case "down":
                raise JournalError("disk full")
            case "":
                pass
            case other:
                raise ZeroDivisionError(other)

    structlog.reset_defaults()
    with capture_logs() as logs:
        task = asyncio.create_task(keep_looking(look, 0.001, "it cannot be looked at"))
        await asyncio.wait_for(done.wait(), 20)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    told = [entry.get("error", "defect") for entry in logs]
    assert told == ["disk full", "disk full", "defect", "defect"]
    assert {entry["event"] for entry in logs} == {"it cannot be looked at"}


async def test_a_part_that_a_defect_ended_begins_again_and_says_so_until_it_has_worked_for_a_while(monkeypatch):
    monkeypatch.setattr(watching, "AGAIN_MIN_S", 0.001)
    monkeypatch.setattr(watching, "AGAIN_MAX_S", 0.05)
    told: list[tuple[str, str]] = []
    tries = iter(["defect", "group", "works"])

    async def work() -> None:
        match next(tries):
            case "defect":
                raise ZeroDivisionError("once")
            case "group":
                raise ExceptionGroup("many", [KeyError("twice")])
            case _:
                await asyncio.sleep(60)

    task = asyncio.create_task(keep_running("crowds", work, lambda part, fault: told.append((part, fault))))
    await eventually(lambda: ("crowds", "") in told, "that it works again")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert told == [
        ("crowds", "defect: ZeroDivisionError('once')"),
        ("crowds", "defect: KeyError('twice')"),
        ("crowds", ""),
    ]


async def test_a_part_that_has_no_more_to_do_ends():
    async def work() -> None: ...

    await asyncio.wait_for(keep_running("once", work, lambda _part, _fault: None), 5)
