"""What the hub's watchers have in common."""

from __future__ import annotations

import asyncio

import structlog
from structlog.testing import capture_logs

from hub.watching import keep_looking
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
