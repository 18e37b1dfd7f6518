"""What one process of a fleet says to its gates, and for whom it listens: without a database or a broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from hub.fleet.ingest import FleetIngest
from hub.ingest import ROUTINE, URGENT
from tests.support.servers import eventually
from wire import topics
from wire.events import Urgency
from wire.link import BrokerSettings
from wire.messages import Status, StreamId

SITE = "site"


class Line:
    """A connection that notes what is subscribed to."""

    def __init__(self) -> None:
        self.heard: set[str] = set()

    async def subscribe(self, found: list[str]) -> None:
        self.heard |= set(found)

    async def unsubscribe(self, topic: str) -> None:
        self.heard.discard(topic)


class Hub:
    """An ingest whose gates are those of `own`, of streams that are nowhere yet."""

    def __init__(self, *own: str) -> None:
        self.own, self.lapses = set(own), 0
        streams = [StreamId(SITE, gate, urgency, "e1") for gate in own for urgency in Urgency]
        archive = SimpleNamespace(through=lambda _: 0, laps=lambda _: (), streams=lambda: dict.fromkeys(streams, 0))
        self.ingest = FleetIngest(archive, None, BrokerSettings(), "hub", SITE, self)  # type: ignore[arg-type]

    def term_of(self, _site: str, gate: str) -> int | None:
        return 1 if gate in self.own else None

    def is_born(self, gate: str) -> None:
        address = topics.parse(topics.status(SITE, gate))
        self.ingest._take_status(address, Status(1, True, "e1", 1))

    def said(self) -> set[str]:
        """The gates that were told something since it was asked last."""
        marks, self.ingest._marks = self.ingest._marks, {}
        return {stream.gate for stream in marks}

    @asynccontextmanager
    async def following(self, link: str) -> AsyncIterator[Line]:
        line = Line()
        task = asyncio.create_task(self.ingest._follow(link, line))  # type: ignore[arg-type]
        try:
            yield line
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_births_of_other_gates_do_not_keep_a_gate_from_being_told_again(monkeypatch):
    monkeypatch.setattr("hub.fleet.ingest.DOUBT_S", 0.2)
    hub = Hub("north")
    async with hub.following(URGENT):
        await eventually(lambda: hub.said() == {"north"}, "its first word")
        for _ in range(100):  # other processes' gates, and shares that come and go, at any moment
            hub.is_born("south")
            hub.ingest.look()
            await asyncio.sleep(0.01)
            if hub.said() == {"north"}:
                return
    pytest.fail("it was not told again")


async def test_a_process_that_was_stopped_for_a_while_says_nothing_of_what_it_knew_before(monkeypatch):
    monkeypatch.setattr("hub.fleet.ingest.DOUBT_S", 0.05)
    hub = Hub("north", "south")
    async with hub.following(URGENT):
        await eventually(lambda: hub.said() == {"north", "south"}, "their first word")
        hub.own.discard("north")  # by the clock: nobody has told it yet
        said: set[str] = set()
        await eventually(lambda: "south" in said or said.update(hub.said()), "the one that it has still")  # type: ignore[func-returns-value]
        assert said == {"south"}


async def test_the_urgent_connection_coming_back_forgets_no_subscription_of_the_other():
    hub = Hub("north", "south")
    everything = {topics.events(SITE, gate, Urgency.ROUTINE) for gate in ("north", "south")}
    async with hub.following(ROUTINE) as line:
        await eventually(lambda: line.heard == everything, "subscribed")
        await eventually(lambda: hub.said() == {"north", "south"}, "their first word")
        hub.own.discard("south")
        async with hub.following(URGENT):
            await eventually(lambda: hub.said() == {"north"}, "told again for what was on the way")
            await eventually(
                lambda: line.heard == {topics.events(SITE, "north", Urgency.ROUTINE)}, "no more than its own"
            )
