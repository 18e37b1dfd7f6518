"""The notifier: sends what is due, for ever, and writes down what came of it.

Each channel goes its own pace, within what its service allows: a dead one does not hold up the others. What is planned
follows the time that passes, not the clock on the wall, which may be set.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

import structlog
from msgspec.structs import replace

from hub.alerts.bundles import WINDOW_S, Allowance, Window
from hub.alerts.channels.base import Channel
from hub.alerts.lifecycle import State
from hub.alerts.links import Links
from hub.alerts.outbox import Message, Outcome
from hub.alerts.rules import NO_RUNBOOKS, Runbooks
from hub.alerts.store import AlertStore
from hub.board import AlertRow
from wire.errors import DeliveryError, JournalError

log = structlog.get_logger(__name__)
T = TypeVar("T")

IDLE_S = 5.0
AUDIT_EVERY_S = 60.0
UNWRITTEN_S = 1.0
SLOTS = 4
"""Messages that one channel sends at the same time. The rest waits in the store, so that the worst goes first."""
CLOCK_SET_FROM_S = 2.0
"""A wall clock that moves so much against the time that passed was set; less is the two drifting apart."""


class Clocks:
    """The wall clock and the time that passes, both handed in."""

    def __init__(self, now_ns: Callable[[], int] = time.time_ns, mono_s: Callable[[], float] = time.monotonic) -> None:
        self.now_ns = now_ns
        self.mono_s = mono_s
        self._wall_ns, self._mono_s = now_ns(), mono_s()

    def jump_ns(self) -> int:
        """By how much the wall clock was set since this was last asked; 0 when it was not."""
        wall_ns, mono_s = self.now_ns(), self.mono_s()
        jump_ns = wall_ns - self._wall_ns - round((mono_s - self._mono_s) * 1e9)
        self._wall_ns, self._mono_s = wall_ns, mono_s
        return jump_ns if abs(jump_ns) >= CLOCK_SET_FROM_S * 1e9 else 0


class Notifier:
    """Sends the pages of one store. `run_in_thread` runs what blocks in the thread that owns the store."""

    def __init__(
        self,
        store: AlertStore,
        channels: Sequence[Channel],
        clocks: Clocks,
        run_in_thread: Callable[[Callable[[], object]], Awaitable[object]],
        links: Links | None = None,
        picture_of: Callable[[AlertRow], bytes] | None = None,
        runbooks: Runbooks = NO_RUNBOOKS,
    ) -> None:
        self._turned_s = clocks.mono_s()
        self._store = store
        self._channels = {channel.name: channel for channel in channels}
        self._windows = {channel.name: Window(channel.per_min) for channel in channels}
        self._under_way: dict[str, set[int]] = {channel.name: set() for channel in channels}
        self._clocks = clocks
        self._in_thread = run_in_thread
        self._links = links
        self._picture_of = picture_of
        self._runbooks = runbooks
        self._audited_s = float("-inf")
        self._bell = asyncio.Event()

    def idle_s(self) -> float:
        """Since when no turn was done without an error."""
        return self._clocks.mono_s() - self._turned_s

    def ring(self) -> None:
        """Something may be due."""
        self._bell.set()

    async def start(self) -> None:
        """Know what was sent before a restart; and when the clock went back meanwhile, move what is planned."""
        now_ns = self._clocks.now_ns()
        if lost := await self._run(partial(self._store.note_lost, now_ns)):
            log.warning("the hub ended before it knew whether messages were taken; they go out again", messages=lost)
        last_ns = await self._run(self._store.last_written_ns)
        if last_ns > now_ns:
            await self._run(partial(self._store.clock_was_set, now_ns - last_ns, now_ns))
        mono_s, at_ns = self._clocks.mono_s(), max(now_ns, last_ns)
        for channel, made_ns in await self._run(partial(self._store.sent_since, at_ns - round(WINDOW_S * 1e9))):
            if channel in self._windows:
                self._windows[channel].sent(mono_s - max(0, at_ns - made_ns) / 1e9, critical=True)

    async def run(self, after_turn: Callable[[], Awaitable[None]]) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._bell.clear()
                try:
                    for message in await self.turn():
                        tasks.create_task(self.attempt(message, after_turn))
                    await after_turn()
                except JournalError as error:
                    log.error("alerts cannot be read", error=str(error))
                    await asyncio.sleep(UNWRITTEN_S)
                except Exception:
                    log.exception("the notifier failed; it goes on")
                    await asyncio.sleep(UNWRITTEN_S)
                await self._sleep()

    async def turn(self) -> list[Message]:
        """Do what is due by the clock; the messages that are to be sent now, which count as under way."""
        jump_ns = self._clocks.jump_ns()
        now_ns = self._clocks.now_ns()
        if jump_ns:
            log.warning("the clock was set", by_s=jump_ns / 1e9)
            await self._run(partial(self._store.clock_was_set, jump_ns, now_ns))
        await self._run(partial(self._store.tick, now_ns))
        await self._audit(now_ns)
        paused = frozenset(name for name, window in self._windows.items() if window.is_paused(self._clocks.mono_s()))
        busy = frozenset().union(*self._under_way.values())
        if paused:
            await self._run(partial(self._store.pass_over, paused, busy, now_ns))
        messages = await self._run(partial(self._store.due, now_ns, self._allowances(), busy))
        for message in messages:
            self._under_way[message.channel].add(message.id)
            self._windows[message.channel].sent(self._clocks.mono_s(), critical=_is_critical(message))
        self._turned_s = self._clocks.mono_s()
        return messages

    async def attempt(self, message: Message, then: Callable[[], Awaitable[None]]) -> None:
        """Send one message and write down what came of it."""
        try:
            outcome, answer = await self._send(message)
            await self._run(partial(self._store.record, message, outcome, answer, self._clocks.now_ns()))
            await then()
        except JournalError as error:
            # Not recorded: it will be sent once more, under the same key. Twice is better than never.
            log.error("attempt could not be recorded", page=message.key, error=str(error))
            await asyncio.sleep(UNWRITTEN_S)
        finally:
            self._under_way[message.channel].discard(message.id)
            self._bell.set()

    async def _send(self, message: Message) -> tuple[Outcome, str]:
        about = {"channel": message.channel, "page": message.key, "attempt": message.attempts + 1}
        try:
            told = await self._with_picture(await self._with_link(replace(message, runbooks=self._runbooks)))
            answer = await self._channels[message.channel].send(told)
        except DeliveryError as error:
            told = log.warning if error.retry else log.error
            told("its answer was lost" if error.lost else "page not taken", said=str(error), **about)
            self._windows[message.channel].pause(self._clocks.mono_s(), error.pause_s)
            return _outcome(error), str(error)
        except JournalError:
            raise  # our own file's, and no fault of the channel: it is tried again
        except Exception as error:
            log.exception("channel failed", **about)
            return Outcome.DEFECT, f"defect: {error!r}"
        log.info("page delivered", **about)
        return Outcome.TAKEN, answer

    async def _with_link(self, message: Message) -> Message:
        """With the ways to acknowledge it: a signed link, and where a channel has no room for one, a code."""
        now_ns = self._clocks.now_ns()
        link = self._links.of(message, now_ns) if self._links else ""
        if not link:
            return message
        wants_code = getattr(self._channels[message.channel], "takes_code", False)
        code = await self._run(partial(self._store.new_code, message.id, now_ns)) if wants_code else ""
        return replace(message, link=link, code=code)

    async def _with_picture(self, message: Message) -> Message:
        """With the picture of whom the page is about; on a channel that sends it apart, only if one more may go."""
        if self._picture_of is None or message.kind != State.FIRING or len(message.alerts) != 1:
            return message
        window = self._windows[message.channel]
        apart = getattr(self._channels[message.channel], "pictures_apart", False)
        if apart and window.allowance(self._clocks.mono_s()).messages <= 0:
            return message
        picture = await asyncio.to_thread(self._picture_of, message.alerts[0])
        if picture and apart:
            window.sent(self._clocks.mono_s(), critical=True)
        return replace(message, picture=picture)

    def _allowances(self) -> dict[str, Allowance]:
        at_s = self._clocks.mono_s()
        return {
            name: window.allowance(at_s)._replace(slots=SLOTS - len(self._under_way[name]))
            for name, window in self._windows.items()
        }

    async def _audit(self, now_ns: int) -> None:
        if self._clocks.mono_s() - self._audited_s < AUDIT_EVERY_S:
            return
        self._audited_s = self._clocks.mono_s()
        if found := await self._run(partial(self._store.audit, frozenset(self._channels), now_ns)):
            log.error("open alerts had no next step; they have one now", alerts=found)

    async def wait_s(self) -> float | None:
        """How long until something is due by itself; None when nothing is planned. Raises `JournalError`."""
        now_ns, mono_s = self._clocks.now_ns(), self._clocks.mono_s()
        times = [await self._run(partial(self._store.next_due_ns, now_ns)), await self._run(self._store.next_tick_ns)]
        waits_s = [(time_ns - now_ns) / 1e9 for time_ns in times if time_ns is not None]
        waits_s += [wait_s for window in self._windows.values() if (wait_s := window.free_in_s(mono_s))]
        return max(0.0, min(waits_s)) if waits_s else None

    async def _sleep(self) -> None:
        timeout_s = IDLE_S
        try:
            wait_s = await self.wait_s()
            timeout_s = IDLE_S if wait_s is None else min(IDLE_S, wait_s + 0.01)
        except JournalError as error:
            log.error("pages cannot be read", error=str(error))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._bell.wait()

    async def _run(self, work: Callable[[], T]) -> T:
        return await self._in_thread(work)  # type: ignore[return-value]


def _outcome(error: DeliveryError) -> Outcome:
    if error.lost:
        return Outcome.UNKNOWN
    return Outcome.LATER if error.retry else Outcome.NEVER


def _is_critical(message: Message) -> bool:
    return any(alert.severity == "critical" for alert in message.alerts)
