"""The alerts projection and the notifier: from a journalled event to a person who was told, retried until delivered."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import structlog

from hub.alerts.channels import Channel
from hub.alerts.rules import signals_of
from hub.alerts.store import AlertStore, Page
from hub.board import AlertRow
from hub.journal import Entry
from wire.errors import DeliveryError, JournalError

log = structlog.get_logger(__name__)
T = TypeVar("T")

RETRY_FIRST_S = 1.0
RETRY_MOST_S = 300.0
IDLE_S = 5.0
SLOTS = 4
"""Pages that one channel sends at the same time. The rest waits in the store, so that the worst goes first."""


class AlertDesk:
    """Owns the alert store's thread. As a projection it turns events into alerts; `notify` tells people."""

    name = "alerts"
    batch_entries = 2000

    def __init__(
        self, store: AlertStore, channels: Sequence[Channel], now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self.open: list[AlertRow] = []
        """Firing alerts, worst and newest first, as of the last change."""
        self.changed = asyncio.Event()
        """Set at every change of the alerts."""
        self._store = store
        self._channels = {channel.name: channel for channel in channels}
        self._now_ns = now_ns
        self._due = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="alerts")

    async def start(self) -> int:
        await self._run(self._store.open)
        await self._refresh()
        self._due.set()
        return await self._run(partial(self._store.cursor, self.name))

    async def apply(self, entries: Sequence[Entry]) -> None:
        signals = [(signal, entry.received_ns) for entry in entries for signal in signals_of(entry)]
        await self._run(partial(self._store.take, self.name, entries[-1].offset, signals))
        if signals:
            self._due.set()
            await self._refresh()

    async def alerts_after(self, alert_id: int, limit: int) -> list[AlertRow]:
        """See `AlertStore.alerts_after`."""
        return await self._run(partial(self._store.alerts_after, alert_id, limit))

    async def stop(self) -> None:
        for channel in self._channels.values():
            await channel.close()
        await self._run(self._store.close)
        self._thread.shutdown()

    async def notify(self) -> None:
        """Send what is due, for ever. Each channel goes its own pace: a dead one does not hold up the others."""
        async with asyncio.TaskGroup() as tasks:
            busy: dict[str, set[int]] = {name: set() for name in self._channels}
            while True:
                self._due.clear()
                await self._look_again()
                for page in await self._due_pages():
                    at_work = busy.get(page.channel)  # None: a channel that is no longer in the settings
                    if at_work is not None and page.id not in at_work and len(at_work) < SLOTS:
                        at_work.add(page.id)
                        tasks.create_task(self._attempt(page, at_work))
                await self._sleep_until_due()

    async def _look_again(self) -> None:
        """Somebody may have ended an alert from the command line."""
        try:
            before, self.open = self.open, await self._run(self._store.open_alerts)
        except JournalError as error:
            log.error("alerts cannot be read", error=str(error))
            return
        if self.open != before:
            self.changed.set()

    async def _due_pages(self) -> list[Page]:
        try:
            return await self._run(partial(self._store.due, self._now_ns(), 2 * SLOTS))
        except JournalError as error:
            log.error("pages cannot be read", error=str(error))
            return []

    async def _attempt(self, page: Page, at_work: set[int]) -> None:
        try:
            answer, delivered = await self._send(page)
            wait_s = 0.0 if delivered else _retry_s(page.attempts)
            next_ns = self._now_ns() + int(wait_s * 1e9)
            await self._run(partial(self._store.record, page, answer, delivered=delivered, next_ns=next_ns))
            await self._refresh()
        except JournalError as error:
            # Not recorded: it will be sent once more, under the same key. Twice is better than never.
            log.error("attempt could not be recorded", page=page.dedup_key, error=str(error))
            await asyncio.sleep(RETRY_FIRST_S)
        finally:
            at_work.discard(page.id)
            self._due.set()

    async def _send(self, page: Page) -> tuple[str, bool]:
        try:
            answer = await self._channels[page.channel].send(page)
        except DeliveryError as error:
            told = log.warning if error.retry else log.error
            told(
                "page not taken", channel=page.channel, page=page.dedup_key, attempt=page.attempts + 1, said=str(error)
            )
            return str(error), False
        except Exception as error:
            log.exception("channel failed", channel=page.channel, page=page.dedup_key)
            return f"defect: {error!r}", False
        log.info("page delivered", channel=page.channel, page=page.dedup_key, attempt=page.attempts + 1)
        return answer, True

    async def _sleep_until_due(self) -> None:
        timeout_s = IDLE_S
        try:
            now_ns = self._now_ns()
            next_ns = await self._run(partial(self._store.next_due_ns, now_ns))
            if next_ns is not None:
                timeout_s = min(IDLE_S, (next_ns - now_ns) / 1e9 + 0.01)
        except JournalError as error:
            log.error("pages cannot be read", error=str(error))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._due.wait()

    async def _refresh(self) -> None:
        self.open = await self._run(self._store.open_alerts)
        self.changed.set()

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _retry_s(attempts: int) -> float:
    """Seconds until the next attempt: doubling, bounded. It is never given up."""
    return float(min(RETRY_MOST_S, RETRY_FIRST_S * 2 ** min(attempts, 20)))
