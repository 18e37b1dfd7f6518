"""The transitions of `delivery.pml`, taken with the real code: spool, uplink, ingest and journal, without a broker.

Hypothesis draws what happens next; a rule has the name of the transition that it is (`test_delivery.py` holds the two
lists against each other), and takes several steps of the model where the code does: a batch, both urgencies, runs.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from edge.outbox import Outbox
from edge.spool import Spool, SpoolSettings
from edge.uplink import Uplink
from hub.archive import Archive
from hub.ingest import Ingest
from hub.presence import Presence
from tests.support.clocks import HandClock
from tests.support.events import fever, routine
from wire import topics
from wire.events import Urgency
from wire.link import Arrival, BrokerSettings
from wire.messages import decode_event, encode
from wire.mqtt import Message

SITE, GATE = "s", "g"


class Way:
    """What a session carries away: `Session.publish`, and nothing else."""

    def __init__(self) -> None:
        self.carried: list[Arrival] = []

    async def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> None:
        self.carried.append(Arrival(topic, payload))

    async def publish_all(self, messages: Sequence[Message], *, qos: int = 1) -> None:
        self.carried += [Arrival(message.topic, message.payload) for message in messages]


class DeliveryMachine(RuleBasedStateMachine):
    """One gate, one hub, and a way between them that does what it likes."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.up, self.down = Way(), Way()
        self.births: list[Arrival] = []
        self.given: dict[Urgency, list[object]] = {urgency: [] for urgency in Urgency}
        self.begin_gate()
        self.begin_hub()

    def do(self, work: Any) -> Any:
        return self.runner.run(work)

    # -- life -------------------------------------------------------------------------------------------------------

    def begin_gate(self) -> None:
        clock = HandClock()
        path = Path(self.folder.name) / "spool.db"
        self.outbox = Outbox(Spool(SITE, GATE, SpoolSettings(path=str(path)), clock), clock)
        self.uplink = Uplink(self.outbox, BrokerSettings(), clock, "test")
        self.do(self.outbox.start())
        self.uplink._reset_windows()

    def begin_hub(self) -> None:
        self.archive = Archive(Path(self.folder.name) / "journal.db")
        self.do(self.archive.start())
        self.ingest = Ingest(self.archive, Presence(self.archive, 60.0), BrokerSettings(), "hub", SITE)

    def window(self, urgency: Urgency) -> Any:
        return self.uplink._windows[urgency]

    # -- the gate ---------------------------------------------------------------------------------------------------

    @rule(urgent=st.booleans(), count=st.integers(1, 3))
    def put(self, urgent, count):
        urgency = Urgency.URGENT if urgent else Urgency.ROUTINE
        for _ in range(count):
            number = len(self.given[urgency]) + 1
            event = fever(number) if urgent else routine(number)
            self.do(self.outbox.put(event))
            self.given[urgency].append(event)

    @rule()
    def announce(self):
        if not all(window.open for window in self.uplink._windows.values()):
            topic = topics.status(SITE, GATE)
            self.births = [Arrival(topic, encode(self.uplink._status(online=True)))]

    @rule(urgency=st.sampled_from(Urgency))
    def send(self, urgency):
        self.do(self.uplink._send_one(self.up, urgency))

    @rule()
    def hear(self):
        if self.down.carried:
            self.do(self.uplink._hear(self.down.carried.pop(0)))

    @rule(urgency=st.sampled_from(Urgency))
    def overdue(self, urgency):
        self.window(urgency).overdue(self.runner.get_loop().time() + 1000.0)

    # -- the hub ----------------------------------------------------------------------------------------------------

    @rule()
    def take(self):
        if self.up.carried:
            self.ingest._take(self.up.carried.pop(0))

    @rule()
    def answer(self):
        if self.births:
            self.ingest._take(self.births.pop())

    @rule()
    def commit(self):
        self.do(self.ingest._commit_all())

    @rule()
    def acknowledge(self):
        if self.ingest._marked.is_set():
            self.do(self._acknowledge_once())

    async def _acknowledge_once(self) -> None:
        publishing = asyncio.create_task(self.ingest._acknowledge(self.down))
        while self.ingest._marked.is_set() or self.ingest._marks:
            await asyncio.sleep(0)
            assert not publishing.done()
        publishing.cancel()
        await asyncio.gather(publishing, return_exceptions=True)

    # -- trouble ----------------------------------------------------------------------------------------------------

    @rule(which=st.integers(0, 9))
    def lose_up(self, which):
        _lose(self.up, which)

    @rule(which=st.integers(0, 9))
    def lose_down(self, which):
        _lose(self.down, which)

    @rule(which=st.integers(0, 9))
    def double_up(self, which):
        _double(self.up, which)

    @rule(which=st.integers(0, 9))
    def double_down(self, which):
        _double(self.down, which)

    @rule()
    def shuffle_up(self):
        self.up.carried[:] = [*self.up.carried[1:], *self.up.carried[:1]]

    @rule()
    def shuffle_down(self):
        self.down.carried[:] = [*self.down.carried[1:], *self.down.carried[:1]]

    @rule()
    def lose_birth(self):
        self.births.clear()

    @rule()
    def reconnect(self):
        """What is under way to the hub may still come; what was for the old connection does not."""
        self.down.carried.clear()
        for window in self.uplink._windows.values():
            window.connect()

    @rule()
    def kill_gate(self):
        """Its lock goes with the process, nothing else does."""
        self.down.carried.clear()
        self.outbox.spool.close()
        self.do(self.outbox.stop())
        self.begin_gate()

    @rule()
    def kill_hub(self):
        self.do(self.archive.stop())
        self.begin_hub()

    @rule(urgency=st.sampled_from(Urgency))
    def hurry(self, urgency):
        self.window(urgency)._rewind()

    # -- what holds -------------------------------------------------------------------------------------------------

    @invariant()
    def nothing_is_deleted_before_the_hub_has_it_and_what_it_has_is_the_truth(self):
        for urgency in Urgency:
            through = self.archive.through(self.outbox.spool.stream(urgency))
            assert self.outbox.spool.trimmed(urgency) <= through

    def teardown(self):
        """When nothing is lost any more, everything arrives, once and in order."""
        for _ in range(8):
            self.reconnect()
            self.announce()
            self.answer()
            for _ in range(4):
                self._settle()
        for urgency in Urgency:
            assert self.outbox.spool.last_number(urgency) == len(self.given[urgency]), "no gap, no new epoch"
        entries = self.do(self.archive.after(0, 10**6))
        for urgency in Urgency:
            mine = [entry for entry in entries if entry.stream.urgency is urgency]
            assert [entry.seq for entry in mine] == list(range(1, len(mine) + 1))
            assert [decode_event(entry.body) for entry in mine] == self.given[urgency]
        depth = self.do(self.outbox.depth())
        assert (depth.urgent, depth.routine) == (0, 0)
        self.do(self.outbox.stop())
        self.do(self.archive.stop())
        self.runner.close()
        self.folder.cleanup()

    def _settle(self) -> None:
        for urgency in Urgency:
            self.send(urgency)
        while self.up.carried:
            self.take()
        self.commit()
        self.acknowledge()
        while self.down.carried:
            self.hear()


def _lose(way: Way, which: int) -> None:
    if way.carried:
        way.carried.pop(which % len(way.carried))


def _double(way: Way, which: int) -> None:
    if way.carried:
        way.carried.append(way.carried[which % len(way.carried)])


RULES = {name for name, thing in vars(DeliveryMachine).items() if hasattr(thing, "hypothesis_stateful_rule")}

TestDeliveryMachine = DeliveryMachine.TestCase
TestDeliveryMachine.settings = settings(
    max_examples=20, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
