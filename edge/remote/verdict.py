"""Whether a configuration that is tried works: the hub answers, and every camera that worked before works again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import NamedTuple

CONFIRM_WITHIN_S = 180.0
"""Longer than a camera needs to start and a link to come up."""
LOOK_EVERY_S = 0.5


class Seen(NamedTuple):
    """How the agent stands."""

    hub_answers: bool
    working: frozenset[str]
    """Names of the cameras that give usable frames."""


def missing(seen: Seen, before: Iterable[str], now: Iterable[str]) -> str:
    """What keeps a trial from being confirmed, in words; empty when nothing does.

    `before` are the cameras that worked under the configuration before, `now` those that this one has: one that it
    left out on purpose is not waited for.
    """
    if not seen.hub_answers:
        return "the hub does not answer"
    absent = sorted(set(before) & set(now) - seen.working)
    return f"no frames from {', '.join(absent)}" if absent else ""


async def wait_for(look: Callable[[], str], within_s: float = CONFIRM_WITHIN_S) -> str:
    """Look until nothing is missing, or the time is over: what is missing then, empty when the trial works."""
    loop = asyncio.get_running_loop()
    end_s = loop.time() + within_s
    while (found := look()) and loop.time() < end_s:  # noqa: ASYNC110 - health and link have no one event
        await asyncio.sleep(LOOK_EVERY_S)
    return found and f"not in {within_s:.0f} s: {found}"
