"""From the hub's registry to a gate's copy, over each real broker."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import date
from pathlib import Path

import aiomqtt
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from edge import follower as follower_module
from edge.follower import Follower
from edge.outbox import Outbox
from edge.policy import Circumstances, LaneRules, PersonSeen, decide_person
from edge.registry import Registry
from edge.rules import PolicySettings
from edge.spool import Spool, SpoolSettings
from edge.uplink import Uplink
from hub.cases.models import Case, Cause
from hub.database import Database
from hub.registry import publisher as publisher_module
from hub.registry import visitors
from hub.registry.fields import PEOPLE
from hub.registry.models import Person
from hub.registry.office import PeopleOffice, Touched
from hub.registry.publisher import Publisher
from hub.registry.store import Registrar, RegistryStore
from tests.support.clocks import HandClock
from tests.support.registry import SOMEBODY, entry, shard_bytes
from tests.support.servers import eventually
from wire import topics
from wire.events import Outcome, Verdict
from wire.link import BrokerSettings
from wire.messages import encode
from wire.registry import Flag, Holder, Manifest, RegistryEntry, shard_of
from wire.tokens import TokenKind, token
from wire.topics import RegistryPart

KEY = b"a key of the site, 16 bytes or more"
CROWD = [entry(f"token-{number:012d}") for number in range(3000)]
"""Enough to fill nearly every shard."""


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(publisher_module, "BEAT_EVERY_S", 0.2)
    monkeypatch.setattr(follower_module, "FETCH_WITHIN_S", 1.0)


class Hub:
    """A registry and its publisher."""

    def __init__(self, folder: Path, port: int) -> None:
        self.registrar = Registrar(RegistryStore(folder / "hub.db"))
        broker = BrokerSettings(port=port, backoff_min_s=0.05, backoff_max_s=0.2, keepalive_s=2)
        self._publisher = Publisher("site", self.registrar, broker, "registry")
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self.registrar.start()
        self._task = asyncio.create_task(self._publisher.run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
            await self.registrar.stop()

    async def put(self, *entries: RegistryEntry) -> None:
        await self.registrar.ask(lambda store: store.put(entries))


class Gate:
    """A follower on an uplink of its own."""

    def __init__(self, folder: Path, port: int, name: str = "north") -> None:
        self.clock = HandClock()
        self.registry = Registry()
        self.follower = Follower("site", folder / f"{name}-registry.db", self.registry, self.clock)
        self.outbox = Outbox(
            Spool("site", name, SpoolSettings(path=str(folder / f"{name}.db")), self.clock), self.clock
        )
        broker = BrokerSettings(port=port, backoff_min_s=0.05, backoff_max_s=0.2, keepalive_s=2)
        self._uplink = Uplink(self.outbox, broker, self.clock, "test", companions=(self.follower,))
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self.wake()
        await self.connect()

    async def wake(self) -> None:
        await self.follower.start()

    async def connect(self) -> None:
        await self.outbox.start()
        self._task = asyncio.create_task(self._uplink.run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
            await self.outbox.stop()
            await self.follower.stop()

    def knows(self, *entries: RegistryEntry) -> bool:
        return all(self.registry.find(one.token) == one for one in entries)

    @property
    def complete(self) -> bool:
        return self.registry.version > 0 and self.follower.held().waiting == 0


@pytest.fixture
async def hub(tmp_path, broker) -> AsyncIterator[Hub]:
    hub = Hub(tmp_path, broker.port)
    await hub.start()
    yield hub
    await hub.stop()


@pytest.fixture
async def gate(tmp_path, broker) -> AsyncIterator[Gate]:
    gate = Gate(tmp_path, broker.port)
    await gate.start()
    yield gate
    await gate.stop()


async def test_what_is_registered_at_the_hub_is_known_at_the_gate_and_what_is_taken_out_no_more(hub, gate):
    await hub.put(entry(SOMEBODY), entry("another-token"))
    await eventually(lambda: gate.knows(entry(SOMEBODY), entry("another-token")), "both are known")
    await hub.put(entry(SOMEBODY, Flag.ISOLATION))
    await eventually(lambda: gate.knows(entry(SOMEBODY, Flag.ISOLATION)), "the isolation is known")
    await hub.registrar.ask(lambda store: store.remove([SOMEBODY]))
    await eventually(lambda: gate.registry.find(SOMEBODY) is None, "it is taken out")
    assert gate.knows(entry("another-token"))


async def test_a_whole_crowd_arrives_and_a_broker_that_forgets_everything_changes_nothing(hub, gate, broker):
    await hub.put(*CROWD)
    await eventually(lambda: gate.knows(*CROWD), "everybody is known")
    await asyncio.to_thread(broker.kill)
    await hub.put(entry(SOMEBODY))
    assert gate.knows(*CROWD)
    await asyncio.to_thread(broker.start)
    await eventually(lambda: gate.knows(entry(SOMEBODY), *CROWD), "the news too")
    await eventually(lambda: gate.complete, "nothing is missing")


async def test_a_gate_that_was_away_knows_what_it_knew_and_fetches_only_what_changed(hub, gate, tmp_path, broker):
    await hub.put(*CROWD)
    await eventually(lambda: gate.complete and gate.knows(*CROWD), "everybody is known")
    await gate.stop()
    await hub.put(entry(SOMEBODY))
    again = Gate(tmp_path, broker.port)
    await again.wake()
    assert again.knows(*CROWD), "without any network"
    fetched: list[int] = []
    put_shard = again.registry.put_shard

    def watched(number: int, entries: list[RegistryEntry]) -> None:
        fetched.append(number)
        put_shard(number, entries)

    again.registry.put_shard = watched
    await again.connect()
    await eventually(lambda: again.knows(entry(SOMEBODY)), "the news arrives")
    assert fetched == [shard_of(SOMEBODY)]
    await again.stop()


async def test_the_copys_age_counts_from_the_hubs_last_word(hub, gate, tmp_path, broker):
    assert gate.follower.age_s() is None
    await hub.put(entry(SOMEBODY))
    await eventually(lambda: gate.follower.age_s() == 0.0, "the hub confirms it")
    await hub.stop()
    gate.clock.pass_s(3600)
    assert gate.follower.age_s() == pytest.approx(3600, abs=1)
    await gate.stop()
    restarted = Gate(tmp_path, broker.port)
    restarted.clock.pass_s(7200)
    await restarted.wake()
    assert restarted.follower.age_s() == pytest.approx(7200, abs=1)
    await restarted.follower.stop()


async def test_torn_old_and_foreign_messages_never_replace_what_is_right(hub, gate, broker):
    await hub.put(entry(SOMEBODY))
    await eventually(lambda: gate.complete and gate.knows(entry(SOMEBODY)), "it is known")
    number, version = shard_of(SOMEBODY), gate.registry.version
    good = shard_bytes([entry(SOMEBODY)])
    hostile = [
        (topics.registry("site", number), good[: len(good) // 2]),
        (topics.registry("site", number), shard_bytes([])),
        (topics.registry("site", number), b""),
        (topics.registry("site", RegistryPart.MANIFEST), encode(Manifest(1, version - 1, {}))),
        (topics.registry("site", RegistryPart.MANIFEST), b"{"),
        (topics.registry("site", RegistryPart.BEAT), b"\xff"),
        ("menshen/1/site/hub/registry/nonsense", b"1"),
    ]
    async with aiomqtt.Client("127.0.0.1", broker.port, identifier="hostile") as client:
        await client.subscribe("menshen/1/site/hub/registry/#")
        for topic, payload in hostile:
            await client.publish(topic, payload, qos=1)
    await hub.put(entry("another-token"))
    await eventually(lambda: gate.knows(entry("another-token")), "the gate goes on")
    assert gate.knows(entry(SOMEBODY))


async def test_what_a_file_said_counts_only_until_the_hub_has_said_something(hub, gate):
    gate.registry.put_shard(shard_of("from-a-file-1"), [entry("from-a-file-1")])
    gate.registry.version = 7
    await hub.put(entry(SOMEBODY))
    await eventually(lambda: gate.knows(entry(SOMEBODY)), "the hub's word arrives")
    assert gate.registry.find("from-a-file-1") is None


async def test_two_gates_know_the_same(hub, gate, tmp_path, broker):
    second = Gate(tmp_path, broker.port, "south")
    await second.start()
    await hub.put(entry(SOMEBODY))
    await eventually(lambda: gate.knows(entry(SOMEBODY)) and second.knows(entry(SOMEBODY)), "both know")
    await second.stop()


async def test_who_is_registered_at_the_office_and_then_isolated_is_refused_at_the_gate(hub, gate, tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'menshen.db'}")
    await database.start()
    office = PeopleOffice(database, hub.registrar, KEY)
    await office.put(PEOPLE, {"number": "1", "name": "李雷", "badges": "4711"}, by="hr", known=None)
    badge = token(KEY, TokenKind.BADGE, "4711")
    await eventually(lambda: gate.knows(RegistryEntry(badge, Holder.EMPLOYEE)), "the gate knows the badge")

    def isolate(session: Session) -> tuple[None, Touched]:
        person_id = session.scalars(select(Person.id)).one()
        session.add(
            Case(person_id=person_id, cause=Cause.FEVER, opened_on=date(2020, 2, 10), opened_ns=1, opened_by="officer")
        )
        return None, Touched(people=[person_id])

    await office.change(isolate)
    isolated = RegistryEntry(badge, Holder.EMPLOYEE, flags=(Flag.ISOLATION,))
    await eventually(lambda: gate.knows(isolated), "the gate knows of the isolation")
    await database.stop()


async def test_a_visitor_who_is_announced_at_the_hub_is_let_in_by_the_gate_and_after_a_cancellation_not(
    hub, gate, tmp_path
):
    database = Database(f"sqlite:///{tmp_path / 'menshen.db'}")
    await database.start()
    office = PeopleOffice(database, hub.registrar, KEY)
    await office.put(PEOPLE, {"number": "1", "name": "李雷", "badges": "4711"}, by="hr", known=None)
    guest = visitors.Guest("韩梅梅", "13800138000", "北方泵业", "修泵")

    def announce(session: Session) -> tuple[tuple[int, str], Touched]:
        hand = office.hand("hr")
        span = (hand.now_ns, hand.now_ns + 3600 * 10**9)
        visit = visitors.register(session, guest, visitors.host_of(session, "1"), span, hand)
        return (visit.id, visit.person.number), Touched(people=[visit.person_id])

    def decided(number: str) -> Outcome:
        badge = token(KEY, TokenKind.BADGE, number)
        seen, at = PersonSeen(Verdict.NORMAL, badge), Circumstances(office.now_ns())
        return decide_person(
            PolicySettings(), LaneRules("north", True, True), seen, gate.registry.find(badge), at
        ).outcome

    visit, number = await office.change(announce)
    await eventually(lambda: decided(number) is Outcome.ALLOW, "the visitor may come in")
    await office.change(lambda session: visitors.cancel(session, visit, "hr", office.now_ns()))
    await eventually(lambda: decided(number) is Outcome.DENY, "the pass is good for nothing any more")
    await database.stop()


async def test_when_the_site_resumes_reaches_the_gate_and_outlives_its_restart(tmp_path, hub, gate):
    await eventually(lambda: gate.complete, "the copy is complete")
    assert gate.registry.resumes_ns is None
    await hub.registrar.ask(lambda store: store.set_resumes_ns(1_581_264_000 * 10**9))
    await eventually(lambda: gate.registry.resumes_ns == 1_581_264_000 * 10**9, "the gate knows the day")
    await eventually(lambda: _kept(tmp_path / "north-registry.db", "resumes_ns") == 1_581_264_000 * 10**9, "on disk")
    await gate.stop()
    again = Gate(tmp_path, 1)
    await again.wake()
    assert again.registry.resumes_ns == 1_581_264_000 * 10**9, "without any network"
    await again.follower.stop()


def _kept(file: Path, key: str) -> object:
    with closing(sqlite3.connect(file)) as db:
        row = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None
