"""Who is offered a changed token key, and when the change is over: on each database."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge import identity
from hub.accounts.audit import verify
from hub.database import Database
from hub.doctor import check_token_key
from hub.registry import rekeying
from hub.registry.fields import PEOPLE
from hub.registry.office import PeopleOffice
from hub.registry.store import Registrar, RegistryStore
from hub.settings import HubSettings
from hub.token_keys import desk, giver
from hub.token_keys.desk import Current, Standing
from hub.token_keys.giver import KeyGiver
from hub.trust import gates
from hub.trust.service import Trust
from tests.support.servers import eventually
from tests.support.trust import SITE, hub_settings
from wire import enrolment, key_transport, topics
from wire.findings import Level
from wire.messages import SpoolDepth, Vitals, decode
from wire.token_keys import TokenKeyHeld, TokenKeyOffer
from wire.tokens import TokenKind, fingerprint, token

OLD, NEW = b"the old key of the site", b"the new key of the site"


class Site:
    """A hub's database, registry and authority, gates with certificates, and what a broker retains."""

    def __init__(self, url: str, folder: Path) -> None:
        self.settings: HubSettings = hub_settings(folder / "hub")
        self.database = Database(url)
        self.registrar = Registrar(RegistryStore(folder / "registry.db"))
        self.trust = Trust(self.settings, self.database)
        self.keys: dict[str, identity.ec.EllipticCurvePrivateKey] = {}
        self.presence: Any = SimpleNamespace(gates={})
        self.retained: dict[str, bytes] = {}
        self.key = OLD

    async def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> None:
        assert retain
        self.retained[topic] = payload

    @property
    def office(self) -> PeopleOffice:
        return PeopleOffice(self.database, self.registrar, self.key, ZoneInfo("Asia/Shanghai"))

    async def enrol(self, gate: str) -> None:
        key = self.keys[gate] = identity.new_key()
        code = await self.trust.expect(gate, by="test")
        secret = enrolment.key_of(enrolment.plain_code(code), SITE, gate)
        asked = enrolment.make_request(secret, SITE, gate, identity.signing_request(key, SITE, gate))
        await self.trust.answer(giver.encode(cast("Any", asked)))

    async def rekey(self) -> None:
        await self.database.write(lambda it: rekeying.rekey(it, OLD, NEW, by="chief", now_ns=10**18))
        self.key = NEW

    def pulse(self, gate: str, key: bytes, why: str = "") -> None:
        said = Vitals(1, 1, "e", 1, SpoolDepth(0, 0), token_key=TokenKeyHeld(fingerprint(key), why))
        self.presence.gates[SITE, gate] = SimpleNamespace(vitals=said)

    def offered(self, gate: str) -> bytes | None:
        """The key that the gate with that name can read from what is retained for it."""
        payload = self.retained.get(topics.token_key(SITE, gate), b"")
        if not payload:
            return None
        authority = identity.x509.load_pem_x509_certificate(self.trust._authority.pem.encode()).public_key()
        offer = decode(TokenKeyOffer, payload)
        return key_transport.unseal(offer, self.keys[gate], cast("Any", authority), site=SITE, gate=gate)

    async def standing(self) -> Standing:
        return await self.database.read(desk.standing)

    @contextlib.asynccontextmanager
    async def running(self, *, whole: bool = True) -> AsyncIterator[KeyGiver]:
        office = self.office
        if whole:
            office.whole.set()
        made = KeyGiver(SITE, self.trust, office, self.presence, self.settings.broker)
        task = asyncio.create_task(made._use(cast("Any", self)))
        try:
            yield made
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def site(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    monkeypatch.setattr(giver, "LOOK_EVERY_S", 0.03)
    site = Site(database_url, tmp_path)
    await site.database.start()
    await site.registrar.start()
    await site.office.put(PEOPLE, {"number": "1", "name": "李雷", "badges": "B1"}, by="hr", known=None)
    for gate in ("north", "south"):
        await site.enrol(gate)
    yield site
    await site.registrar.stop()
    await site.database.stop()


async def test_each_enrolled_gate_is_offered_it_and_the_old_key_ends_when_all_have_it_and_not_before(site):
    async with site.running():
        await asyncio.sleep(0.1)
        assert site.retained == {}  # the key was never changed
    await site.rekey()
    site.pulse("north", OLD)
    async with site.running(whole=False):
        await asyncio.sleep(0.15)
        assert site.retained == {}  # the gates' registry may not know its tokens yet
    async with site.running() as running:
        await eventually(lambda: (site.offered("north"), site.offered("south")) == (NEW, NEW), "the offers")
        site.pulse("north", NEW)
        await eventually(lambda: running.standing.missing == ["south"], "north's word")
        assert (await site.standing()).current.is_open
        assert await site.registrar.ask(lambda store: store.find(token(OLD, TokenKind.BADGE, "B1"))) is not None
    async with site.running():  # another start of the hub knows who has it
        site.presence.gates.clear()
        site.pulse("south", NEW)
        await eventually(lambda: site.registrar is not None and site.retained != {}, "anything")
        async with asyncio.timeout(10):
            while (await site.standing()).current.is_open:
                await asyncio.sleep(0.02)
            while await site.registrar.ask(lambda store: store.find(token(OLD, TokenKind.BADGE, "B1"))):
                await asyncio.sleep(0.02)
    assert await site.registrar.ask(lambda store: store.find(token(NEW, TokenKind.BADGE, "B1"))) is not None
    assert (await site.database.read(verify))[1] is None


async def test_it_follows_a_gate_s_newest_certificate_and_leaves_who_is_put_out(site):
    await site.rekey()
    async with site.running():
        await eventually(lambda: site.offered("north") == NEW, "the offer")
        stolen = site.keys["north"], site.retained[topics.token_key(SITE, "north")]
        await site.enrol("north")  # a new card
        await eventually(lambda: site.retained[topics.token_key(SITE, "north")] != stolen[1], "the offer anew")
        assert site.offered("north") == NEW
        again = site.retained[topics.token_key(SITE, "north")]
        assert key_transport.digest_of(stolen[0].public_key()) not in again.decode()
        await site.trust.revoke("north", by="test")
        site.pulse("south", NEW)
        await eventually(lambda: site.retained[topics.token_key(SITE, "north")] == b"", "nothing for north")
        async with asyncio.timeout(10):  # who is put out is not waited for
            while (await site.standing()).current.is_open:
                await asyncio.sleep(0.02)
        await site.enrol("late")
        await eventually(lambda: site.offered("late") == NEW, "the offer to a gate that comes later")
    site.retained[topics.token_key(SITE, "north")] = b"of a hub before"
    async with site.running():
        await eventually(lambda: site.retained[topics.token_key(SITE, "north")] == b"", "what a broker kept")


async def test_a_key_file_that_is_not_the_register_s_is_given_to_nobody(site):
    await site.rekey()
    site.key = b"made anew by the installer"
    async with site.running():
        await asyncio.sleep(0.2)
    assert [topic for topic, payload in site.retained.items() if payload] == []
    [found] = check_token_key(await site.standing(), fingerprint(site.key))
    assert found.level is Level.FAULT
    assert "any gate" in found.do.en


@given(st.sets(st.sampled_from("abcd")), st.dictionaries(st.sampled_from("abcde"), st.sampled_from(["old", "new"])))
def test_whoever_did_not_say_so_is_missing(enrolled, held):
    standing = Standing(Current(1, "new", 0, is_open=True), held, tuple(enrolled))
    assert set(standing.missing) == {gate for gate in enrolled if held.get(gate) != "new"}
    [finding] = check_token_key(standing, "new")
    assert (finding.level is Level.GOOD) == (not standing.missing)
    assert all(gate in finding.found.en for gate in standing.missing)


@pytest.mark.parametrize("current", [None, Current(1, "new", 0, is_open=False)])
def test_a_hub_of_before_a_change_finds_gates_that_work_by_a_later_key(current):
    standing = Standing(current, {"north": "later", "south": "new"}, ("north", "south", "west"))
    [finding] = check_token_key(standing, "new")
    assert (finding.level, "north" in finding.found.en, "south" in finding.found.en) == (Level.FAULT, True, False)
    assert "rekey" in finding.do.en
    silent = check_token_key(standing._replace(held={}), "new")
    assert [finding.level for finding in silent] == ([] if current is None else [Level.GOOD])


def test_versions_grow_also_when_the_clock_goes_back(tmp_path):
    from sqlalchemy import create_engine
    from sqlalchemy.orm import Session

    from hub.database import Base

    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        versions = []
        for number, now in enumerate((datetime(2026, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC))):
            desk.changed(session, f"key {number}", by="x", now_ns=int(now.timestamp()) * 10**9)
            desk.changed(session, f"key {number}", by="x", now_ns=10**18)
            found = desk.current(session)
            assert found is not None
            versions.append(found.version)
        assert versions == sorted(set(versions))
        assert gates.newest(session) == {}
    engine.dispose()
