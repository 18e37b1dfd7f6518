"""The alerts projection: from a journalled event to alerts, people's words about them, and the notifier that tells
people."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

import structlog

from hub.alerts.channels.apps import Called
from hub.alerts.channels.base import Channel
from hub.alerts.chats import NOBODY, Directory, Reply, Said
from hub.alerts.facts import Weekly, times_of
from hub.alerts.links import Links
from hub.alerts.notifier import Clocks, Notifier
from hub.alerts.replies import Answer
from hub.alerts.rules import RuleSettings, said_of
from hub.alerts.store import AlertStore
from hub.alerts.texts import say
from hub.board import AlertRow
from hub.journal import Entry
from wire.errors import DeliveryError, JournalError
from wire.link import Backoff

log = structlog.get_logger(__name__)
T = TypeVar("T")

CLOCK_EVERY_S = 20.0
LISTEN_AGAIN_S, LISTEN_AGAIN_MOST_S = 2.0, 300.0
_WEEK_NS = 8 * 86_400 * 10**9


class Site(NamedTuple):
    """What the desk knows of its site, from settings."""

    name: str
    rules: RuleSettings = RuleSettings()
    links: Links | None = None
    weekly_test: Weekly | None = None
    zone: str | None = None
    picture_of: Callable[[AlertRow], bytes] | None = None
    directory: Directory = NOBODY


ANY_SITE = Site("")


class AlertDesk:
    """Owns the alert store's thread. As a projection it turns events into alerts; `notify` tells people."""

    name = "alerts"
    batch_entries = 2000

    def __init__(
        self,
        store: AlertStore,
        channels: Sequence[Channel],
        site: Site = ANY_SITE,
        clocks: Clocks | None = None,
    ) -> None:
        self.open: list[AlertRow] = []
        """Alerts that are not resolved, worst and newest first, as of the last change."""
        self.changed = asyncio.Event()
        """Set at every change of the alerts."""
        self.clocks = clocks or Clocks()
        self.store = store
        self._channels = channels
        self._site = site
        self.run = store.run
        self.runbooks = site.rules.runbooks
        self.notifier = Notifier(store, channels, self.clocks, self.run, site.links, site.picture_of, self.runbooks)

    async def start(self) -> int:
        cursor = await self.run(self.store.open)
        await self.notifier.start()
        await self.refresh()
        self.notifier.ring()
        return cursor

    async def apply(self, entries: Sequence[Entry]) -> None:
        heard = [(said, entry.received_ns) for entry in entries for said in said_of(entry, self._site.rules)]
        await self.run(partial(self.store.take, entries[-1].offset, heard, self.clocks.now_ns()))
        if heard:
            self.notifier.ring()
            await self.refresh()

    async def stop(self) -> None:
        for channel in self._channels:
            await channel.close()
        await self.store.stop()

    async def notify(self) -> None:
        """Send what is due, for ever, and look at the clock."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.notifier.run(self.refresh))
            tasks.create_task(self._watch_clock())
            for channel in self._channels:
                if (listen := getattr(channel, "listen", None)) is not None:
                    tasks.create_task(self._listen(channel.name, partial(listen, self.answered)))
                if (converse := getattr(channel, "converse", None)) is not None:
                    tasks.create_task(self._listen(channel.name, partial(converse, self.hear)))

    async def look_at_clock(self) -> None:
        """What the time of day brings: who comes on duty, the weekly test. Raises `JournalError`."""
        await self.run(partial(self.store.hand_over, self.clocks.now_ns()))
        if self._site.weekly_test is not None:
            await self.run(partial(self._test, self._site.weekly_test))
        self.notifier.ring()

    def _test(self, week: Weekly) -> None:
        now_ns = self.clocks.now_ns()
        due = times_of(week, self._site.zone, now_ns - _WEEK_NS, now_ns)
        if due:
            self.store.weekly_test(due[-1], f"{say('zh', 'test')}\n{say('en', 'test')}", now_ns)

    async def _listen(self, name: str, listen: Callable[[], Awaitable[None]]) -> None:
        """Hear answers on a channel for ever; a service that fails is asked again, more and more rarely."""
        backoff, told = Backoff(LISTEN_AGAIN_S, LISTEN_AGAIN_MOST_S), ""
        while True:
            began_s = self.clocks.mono_s()
            try:
                await listen()
            except (DeliveryError, JournalError) as error:
                if str(error) != told:
                    log.warning("answers cannot be heard", channel=name, error=str(error))
                told = str(error)
            except Exception:
                log.exception("listening failed", channel=name)
            else:
                return  # this one hears none
            if self.clocks.mono_s() - began_s > LISTEN_AGAIN_MOST_S:
                backoff.reset()
                told = ""
            await asyncio.sleep(backoff.next_s())

    async def answered(self, answer: Answer) -> int:
        """Somebody answered a message: what it told of is in their hands. How many alerts were waiting for that."""
        waited = await self.ask(lambda store, now_ns: store.acknowledge_by_answer(answer.message, answer.by, now_ns))
        log.info("answered", message=answer.message, alerts=waited)
        return waited

    async def hear(self, channel: str, said: Said) -> Reply | None:
        """Somebody speaks to a robot: what it answers, None for a copy of what was heard before. Raises
        `JournalError`."""
        who = self._site.directory.who(channel, said)
        reply = await self.ask(lambda store, now_ns: store.answer(channel, who, said, now_ns))
        if reply is not None:
            alerts = [row.id for row in reply.alerts]
            log.info("answered in a chat", channel=channel, outcome=str(reply.outcome), alerts=alerts)
        return reply

    def called(self, name: str) -> Called | None:
        """The channel of that name whose service calls the hub."""
        return next((one for one in self._channels if one.name == name and isinstance(one, Called)), None)

    async def _watch_clock(self) -> None:
        while True:
            try:
                await self.look_at_clock()
            except JournalError as error:
                log.error("alerts cannot be read", error=str(error))
            except Exception:
                log.exception("who comes on duty cannot be told; pages go on")
            await asyncio.sleep(CLOCK_EVERY_S)

    async def ask(self, work: Callable[[AlertStore, int], T]) -> T:
        """Something of the store at this moment, in its thread; what it changed is told. Raises `JournalError`."""
        done = await self.run(partial(work, self.store, self.clocks.now_ns()))
        self.notifier.ring()
        return done

    async def forget(self, before_ns: int) -> int:
        """Erase what ended before that, but for rows for figures; how many alerts."""
        count = 0
        while done := await self.run(partial(self.store.forget, before_ns)):
            count += done
        return count

    async def alerts_after(self, alert_id: int, limit: int) -> list[AlertRow]:
        """See `AlertStore.alerts_after`."""
        return await self.run(partial(self.store.alerts_after, alert_id, limit))

    async def refresh(self) -> None:
        """Somebody may have changed alerts from the command line, too."""
        before, self.open = self.open, await self.run(self.store.open_alerts)
        if self.open != before:
            self.changed.set()
