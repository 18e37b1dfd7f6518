"""Starts of the agent: a crash loop ends in a safe mode that still measures and tells.

    normal ── `CRASHES` starts within `WITHIN_S`, none ended by itself ──► safe ── ran for `STEADY_S` ──► normal

In safe mode a gate goes on with what it is there for, cameras, badge readers, barriers, spool and uplink, without what
only helps: the guard's page, plates read from pictures, tags, prompts. What crashed it is most likely among those; and
if it is not, the event that says so is sent before the next crash, for the spool keeps it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from wire.service import notify

log = structlog.get_logger(__name__)

CRASHES = 5
WITHIN_S = 600.0
STEADY_S = 3600.0
"""After so long the loop is over: the next start is a normal one."""
_KEPT = 20


class Start(NamedTuple):
    """One start: the boot, and seconds since that boot (a clock that is wrong counts nothing)."""

    boot: str
    at_s: float
    is_safe: bool = False
    was_safe: bool = False
    """The start before it was a safe one."""


def is_loop(starts: Sequence[Start], now: Start) -> bool:
    """Whether this start is one of a crash loop; `starts` are those before it that did not end by themselves.

    A machine that boots again and again counts too: how long it was off nothing tells.
    """
    near = [start for start in starts[-CRASHES:] if start.boot != now.boot or now.at_s - start.at_s <= WITHIN_S]
    return len(near) >= CRASHES


class StartBook:
    """The starts on disk, beside the spool. A disk that refuses makes no crash loop: then each start is normal."""

    def __init__(self, path: Path, boot: str) -> None:
        self._path, self._boot = path, boot

    def begin(self, at_s: float) -> Start:
        """Note a start, and whether it is to be a safe one."""
        starts = self._read()
        now = Start(self._boot, at_s)
        now = now._replace(is_safe=is_loop(starts, now), was_safe=bool(starts) and starts[-1].is_safe)
        self._write([*starts, now][-_KEPT:])
        return now

    def end(self, *, was_safe: bool = False) -> None:
        """The agent ended by itself, or has run for long enough: nothing before counts any more."""
        self._write([Start(self._boot, 0.0, is_safe=True)] if was_safe else [])

    def _read(self) -> list[Start]:
        try:
            starts = json.loads(self._path.read_text("ascii"))
            return [Start(str(boot), float(at_s), bool(safe)) for boot, at_s, safe, *_ in starts]
        except (OSError, ValueError, TypeError):
            return []

    def _write(self, starts: list[Start]) -> None:
        new = self._path.with_name(self._path.name + ".new")
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            new.write_text(json.dumps(starts))
            new.replace(self._path)


async def keep_steady(work: Coroutine[Any, Any, None], start: Start, book: StartBook) -> None:
    """Do the agent's work; what it raises is raised. When it has gone on for long enough, the starts before count no
    more, and a safe one ends by itself: the service manager starts the gate anew, in full."""
    task = asyncio.ensure_future(work)
    try:
        async with asyncio.timeout(STEADY_S):
            await asyncio.shield(task)
    except TimeoutError:
        if task.done():
            raise  # its own
        book.end(was_safe=start.is_safe)
        if not start.is_safe:
            await task
    finally:
        notify(STOPPING=1)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
