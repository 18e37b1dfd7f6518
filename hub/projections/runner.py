"""Readers of the journal. Each has a name, a durable cursor and `apply(batch)`; the runner keeps it going for ever.

A projection that fails waits and tries the same entries again: nothing is skipped, and the others are not held up.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Protocol

import structlog

from hub.archive import Archive
from hub.board import ProjectionRow
from hub.journal import Entry
from wire.errors import MenshenError
from wire.link import Backoff

log = structlog.get_logger(__name__)

IDLE_S = 5.0
"""How long a projection sleeps at most when no bell rings."""


SHARE = 0.1
"""A projection that may lag works no more than this part of its time as long as it keeps up: of thousands of gates it
would write the same figures anew all the time."""


ENTRIES_PER_S = 400.0
"""Where fewer come, nobody pauses for long."""


class Projection(Protocol):
    """What a reader of the journal must be able to do. `apply` must be idempotent: replay is always safe."""

    name: str
    batch_entries: int

    async def start(self) -> int:
        """Get ready; the offset up to which the effects are known to be there."""

    async def apply(self, entries: Sequence[Entry]) -> None:
        """Make the entries' effects durable, and with them (or after them) the cursor. Raises `MenshenError`."""

    async def stop(self) -> None:
        """Undo `start`."""


class Runner:
    """Feeds one projection from the journal."""

    def __init__(
        self, archive: Archive, projection: Projection, backoff: Backoff | None = None, pace_s: float = 0.0
    ) -> None:
        """Whoever has read everything is asked again no sooner than after `pace_s`: a transaction for each of very many
        small commits costs more than what is in them. What comes after a pause is read at once all the same."""
        self.projection = projection
        self.cursor = 0
        self.error = ""
        self.tries = 0
        """Steps and starts tried: its progress, for the watchdog."""
        self._archive = archive
        self._pace_s = pace_s
        self._may_lag_s = float(getattr(projection, "may_lag_s", 0.0))
        """Which of them may: by so much."""
        self._took = 0
        self._is_ahead = True
        """Whether the last step took all there was."""
        self._backoff = backoff or Backoff(0.25, 30.0)

    async def run(self) -> None:
        """Until cancelled."""
        try:
            self.cursor = await self._insist_on_start()
            loop = asyncio.get_running_loop()
            while True:
                bell, begun_s = self._archive.bell(), loop.time()
                if not await self._step():
                    await _wait(bell, IDLE_S)
                elif self._is_ahead and (pause_s := self._pause_s(loop.time() - begun_s)):
                    await self._pause(pause_s)
        finally:
            await self.projection.stop()

    @property
    def keeps_up(self) -> bool:
        """Whether nothing stops it, and it is not one that may lag."""
        return not self.error and not self._may_lag_s

    async def _pause(self, pause_s: float) -> None:
        """So long, or until half of a step is there: of a backlog nobody sleeps a moment but who may lag."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + pause_s
        while (left_s := until_s - loop.time()) > 0:
            bell = self._archive.bell()
            if not self._may_lag_s and self._archive.behind(self.cursor) * 2 > self.projection.batch_entries:
                return
            await _wait(bell, left_s)

    def _pause_s(self, took_s: float) -> float:
        """After a batch that took everything there was: the longer, the more that was."""
        pace_s = min(self._pace_s, self._took / ENTRIES_PER_S)
        return max(pace_s, min(took_s / SHARE, self._may_lag_s))

    def row(self, last_offset: int) -> ProjectionRow:
        """How it stands, for the board."""
        behind = max(0, last_offset - self.cursor)
        state = "waiting" if self.error else "catching-up" if behind > self.projection.batch_entries else "live"
        return ProjectionRow(self.projection.name, behind, state, self.error)

    async def _step(self) -> bool:
        """One batch; whether there was one, or reason to try again at once."""
        self.tries += 1
        try:
            entries = await self._archive.after(self.cursor, self.projection.batch_entries)
            if not entries:
                return False
            await self.projection.apply(entries)
        except MenshenError as error:
            await self._tell_and_wait(str(error))
            return True
        except Exception as error:
            log.exception("projection failed", projection=self.projection.name, after=self.cursor)
            await self._tell_and_wait(f"defect: {error!r}")
            return True
        self.cursor = entries[-1].offset
        self._took = len(entries)
        self._is_ahead = self._took < self.projection.batch_entries
        self._recovered()
        return True

    async def _insist_on_start(self) -> int:
        while True:
            self.tries += 1
            try:
                return await self.projection.start()
            except MenshenError as error:
                await self._tell_and_wait(str(error))
            except Exception as error:
                log.exception("projection does not start", projection=self.projection.name)
                await self._tell_and_wait(f"defect: {error!r}")

    async def _tell_and_wait(self, error: str) -> None:
        if error != self.error:
            log.warning("projection waits", projection=self.projection.name, error=error)
        self.error = error
        await asyncio.sleep(self._backoff.next_s())

    def _recovered(self) -> None:
        if self.error:
            log.info("projection goes on", projection=self.projection.name)
        self.error = ""
        self._backoff.reset()


async def _wait(bell: asyncio.Event, timeout_s: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await bell.wait()
