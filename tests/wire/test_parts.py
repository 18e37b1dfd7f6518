"""A defect in one part of a process ends no other."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.servers import eventually
from wire import parts
from wire.parts import keep_running


async def test_a_part_that_a_defect_ended_begins_again_and_says_so_until_it_has_worked_for_a_while(monkeypatch):
    monkeypatch.setattr(parts, "AGAIN_MIN_S", 0.001)
    monkeypatch.setattr(parts, "AGAIN_MAX_S", 0.05)
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
