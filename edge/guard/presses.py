"""One press of a button is one deed, however often the form is sent: a double click, a reload, a link that repeats."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from edge.guard.said import Refused

T = TypeVar("T")

MOST = 500


class Presses(Generic[T]):
    """Deeds by the key of the form that they came from. What was refused may be sent again, mended."""

    def __init__(self) -> None:
        self._deeds: OrderedDict[str, asyncio.Task[T]] = OrderedDict()

    async def once(self, key: str, deed: Callable[[], Awaitable[T]]) -> T:
        """What the deed of this key gives, done now or before. Raises `Refused`, and what the deed raises."""
        task = self._deeds.get(key)
        if task is None:
            task = self._deeds[key] = asyncio.create_task(_as_coroutine(deed))
            while len(self._deeds) > MOST:
                self._deeds.popitem(last=False)
        try:
            return await asyncio.shield(task)
        except Refused:
            self._deeds.pop(key, None)
            raise

    def done(self, key: str) -> T | None:
        """What came of a press, once it is done."""
        task = self._deeds.get(key)
        return task.result() if task is not None and task.done() and not task.exception() else None


async def _as_coroutine(deed: Callable[[], Awaitable[T]]) -> T:
    return await deed()
