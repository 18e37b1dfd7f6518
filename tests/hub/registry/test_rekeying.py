"""The site's token key changes: nobody is stopped at a gate in between, and what was told of somebody stays theirs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

import menshen
from hub.accounts import audit
from hub.database import Base, Database
from hub.privacy import erasure
from hub.registry import holdings, rekeying, visits
from hub.registry.fields import PEOPLE, VEHICLES, Kind
from hub.registry.models import Badge, BadgeKey, Person
from hub.registry.office import PeopleOffice, Touched
from hub.registry.rekeying import Rekeyed
from hub.registry.store import Registrar, RegistryStore
from wire.errors import RegistryError
from wire.registry import RegistryEntry
from wire.tokens import TokenKind, read_key, token

OLD, NEW, NEWEST = (word * 20 for word in (b"old ", b"new ", b"newest "))
NOON_NS = 1_581_307_200_000_000_000


class Site:
    def __init__(self, url: str, folder: Path) -> None:
        self.database = Database(url)
        self.registrar = Registrar(RegistryStore(folder / "registry.db", lambda: NOON_NS))
        self.key = OLD

    @property
    def office(self) -> PeopleOffice:
        """As a hub that was started with the present key has it."""
        return PeopleOffice(self.database, self.registrar, self.key, ZoneInfo("Asia/Shanghai"), lambda: NOON_NS)

    async def put(self, known: str | None = None, of: Kind = PEOPLE, **cells: object) -> None:
        await self.office.put(of, cells, by="hr", known=known)

    async def rekey(self, new: bytes) -> Rekeyed:
        old = self.key
        done = await self.database.write(lambda session: rekeying.rekey(session, old, new, by="chief", now_ns=NOON_NS))
        self.key = new
        await self.office.publish(Touched(everything=True))
        return done

    async def holder(self, key: bytes, time_ns: int) -> str | None:
        """Whose the token of B1 under that key was at a moment: what measurements, passages and cases go by."""
        made = token(key, TokenKind.BADGE, "B1")

        def work(session: Session) -> str | None:
            found = holdings.holder_at(holdings.holders_of(session, [made]), made, time_ns)
            return None if found is None else session.get_one(Person, found).number

        return await self.database.read(work)

    async def finish(self) -> int:
        count = await self.database.write(lambda session: rekeying.finish(session, by="chief", now_ns=NOON_NS))
        await self.office.publish(Touched(everything=True))
        return count

    async def at_gate(self, key: bytes, number: str, kind: TokenKind = TokenKind.BADGE) -> RegistryEntry | None:
        """What a gate with that key knows of what it reads."""
        return await self.registrar.ask(lambda store: store.find(token(key, kind, number)))


@pytest.fixture
async def site(database_url: str, tmp_path: Path) -> AsyncIterator[Site]:
    site = Site(database_url, tmp_path)
    await site.database.start()
    await site.registrar.start()
    yield site
    await site.registrar.stop()
    await site.database.stop()


def badges(session: Session) -> list[tuple[str, BadgeKey]]:
    return [(badge.number, badge.key) for badge in session.scalars(select(Badge).order_by(Badge.id))]


async def test_in_between_everybody_passes_at_gates_with_either_key_and_afterwards_with_the_new_one_alone(site):
    await site.put(number="1", name="李雷", badges="B1;B2", gates="north")
    await site.put(of=VEHICLES, plate="京A·12345", tag="E200")
    assert await site.rekey(NEW) == Rekeyed(2, 1, 0)
    site.key = OLD
    assert await site.rekey(NEW) == Rekeyed(0, 0, 0)  # as after a power cut before the key's file was replaced
    for number, kind in (("b 2", TokenKind.BADGE), ("京A12345", TokenKind.PLATE), ("E200", TokenKind.TAG)):
        old, new = [await site.at_gate(key, number, kind) for key in (OLD, NEW)]
        assert (old.holder, old.gates, old.flags) == (new.holder, new.gates, new.flags)
    tag = await site.at_gate(OLD, "E200", TokenKind.TAG)
    assert tag.plate == token(OLD, TokenKind.PLATE, "京A12345")  # a gate sees that plate and tag are one vehicle
    with pytest.raises(RegistryError, match="--finish"):
        await site.rekey(NEWEST)
    site.key = NEW
    assert await site.finish() == 3
    assert await site.at_gate(OLD, "B1") is None
    assert await site.at_gate(OLD, "E200", TokenKind.TAG) is None
    assert await site.at_gate(NEW, "B1") is not None
    await site.rekey(NEWEST)
    assert [bool(await site.at_gate(key, "B1")) for key in (OLD, NEW, NEWEST)] == [False, True, True]
    assert await site.database.read(audit.verify) == (5, None)


async def test_isolation_and_disinfection_hold_at_gates_with_either_key(site):
    await site.put(number="1", name="李雷", badges="B1")
    await site.put(of=VEHICLES, plate="京A12345", tag="E200")
    await site.rekey(NEW)
    await site.put("1", active="no")
    assert [await site.at_gate(key, "B1") for key in (OLD, NEW)] == [None, None]

    def disinfect(store: RegistryStore) -> None:
        with store.transaction() as db:
            visits._disinfected(db, store, token(OLD, TokenKind.TAG, "E200"), NOON_NS)

    await site.registrar.ask(disinfect)
    for key in (OLD, NEW):
        for number, kind in (("京A12345", TokenKind.PLATE), ("E200", TokenKind.TAG)):
            assert (await site.at_gate(key, number, kind)).disinfected_until_ns == NOON_NS


async def test_what_was_told_under_the_old_token_stays_the_person_s_also_when_the_record_is_changed(site):
    await site.put(number="1", name="李雷", badges="B1;B2")
    await site.put(number="2", name="韩梅梅")
    await site.rekey(NEW)
    await site.put("1", telephone="13800138000")
    for done in (False, True):
        if done:
            await site.finish()
            await site.put("1", telephone="13800138001")

        for key in (OLD, NEW):
            assert await site.holder(key, NOON_NS - 1) == "1"
    await site.put("1", badges="B2")  # the card is handed on, under both keys that it was ever known by
    assert sorted(await site.database.read(badges)) == [("B2", BadgeKey.NOW), ("B2", BadgeKey.PAST)]
    await site.put("2", badges="B1")
    assert (await site.at_gate(NEW, "B1")) is not None
    assert [await site.holder(key, NOON_NS - 1) for key in (OLD, NEW)] == ["1", "1"]
    assert [await site.holder(key, NOON_NS + 1) for key in (OLD, NEW)] == [None, "2"]


async def test_cards_that_were_handed_on_before_the_key_was_changed_stay_whose_they_were(site):
    await site.put(number="1", name="李雷", badges="B1")
    await site.put("1", badges="")
    await site.put(number="2", name="韩梅梅", badges="B1")
    for _ in range(2):  # as after a power cut before the key's file was replaced
        site.key = OLD
        await site.rekey(NEW)
        assert [await site.holder(key, NOON_NS - 1) for key in (OLD, NEW)] == ["1", "1"]
        assert [await site.holder(key, NOON_NS + 1) for key in (OLD, NEW)] == ["2", "2"]
    await site.put("2", badges="")
    await site.finish()
    await site.put(number="3", name="王五", badges="B1")
    assert [await site.holder(key, NOON_NS - 1) for key in (OLD, NEW)] == ["1", "1"]
    assert [await site.holder(key, NOON_NS + 1) for key in (OLD, NEW)] == [None, "3"]


async def test_a_card_given_back_before_the_key_was_changed_brings_its_next_holder_nothing_of_before(site):
    await site.put(number="1", name="李雷", badges="B1")
    await site.put("1", badges="")
    await site.rekey(NEW)
    await site.put(number="2", name="韩梅梅", badges="B1")
    assert [await site.holder(key, NOON_NS - 1) for key in (OLD, NEW)] == ["1", "1"]
    assert [await site.holder(key, NOON_NS + 1) for key in (OLD, NEW)] == [None, "2"]


async def test_of_whoever_is_erased_no_token_is_left_under_any_key(site):
    await site.put(number="1", name="李雷", badges="B1")
    await site.rekey(NEW)

    def erase(session: Session) -> int:
        person = session.scalars(select(Person)).one()
        erasure.erase(session, person.id, by="chief", why="asked", now_ns=NOON_NS)
        return person.id

    erased = await site.database.write(erase)
    assert await site.database.read(lambda session: holdings.of_person(session, erased)) == []
    assert await site.database.read(badges) == []
    assert [await site.holder(key, NOON_NS - 1) for key in (OLD, NEW)] == [None, None]


async def test_a_badge_that_only_its_token_is_known_of_keeps_it(site):
    await site.put(number="1", name="李雷", badges="B1")

    def unknown(session: Session) -> None:
        person = session.scalars(select(Person)).one()
        person.badges.append(Badge(number="token abcdefgh", token="abcdefgh-token-of-a-badge"))

    await site.database.write(unknown)
    assert await site.rekey(NEW) == Rekeyed(1, 0, 1)
    assert await site.registrar.ask(lambda store: store.find("abcdefgh-token-of-a-badge")) is not None


@settings(max_examples=20, deadline=None)
@given(
    numbers=st.sets(st.text("AB12 ", min_size=1, max_size=4).filter(str.strip), max_size=6),
    steps=st.lists(st.sampled_from(["rekey", "finish", "save"]), max_size=6),
)
def test_over_any_order_of_changes_each_badge_has_one_token_a_key_and_gates_know_at_most_two(numbers, steps):
    made = create_engine("sqlite://")
    Base.metadata.create_all(made)
    keys = [OLD]
    with Session(made) as session:
        wanted = {"".join(number.split()): number for number in numbers}
        held = [Badge(number=number, token=token(OLD, TokenKind.BADGE, number)) for number in wanted.values()]
        session.add(Person(number="1", name="x", created_ns=1, changed_ns=1, badges=held))
        session.flush()
        is_open = False
        for step in steps:
            if step == "finish":
                rekeying.finish(session, by="x", now_ns=1)
                is_open = False
            elif step == "rekey" and not is_open:
                keys.append(b"key %d, long enough" % len(keys))
                rekeying.rekey(session, keys[-2], keys[-1], by="x", now_ns=1)
                is_open = True
            session.expire_all()
        found = {badge.token: badge for badge in session.scalars(select(Badge))}
        expected = {token(key, TokenKind.BADGE, number) for key in keys for number in wanted}
        assert set(found) == expected
        now = {token(keys[-1], TokenKind.BADGE, number) for number in wanted}
        assert {made for made, badge in found.items() if badge.key == BadgeKey.NOW} == now
        old = {token(keys[-2], TokenKind.BADGE, number) for number in wanted} if is_open else set()
        assert {made for made, badge in found.items() if badge.key == BadgeKey.OLD} == old
    made.dispose()


def test_the_command_changes_the_key_once_and_says_what_is_next(tmp_path, capsys):
    (tmp_path / "token.key").write_bytes(OLD)
    (tmp_path / "token.key").chmod(0o600)
    (tmp_path / "hub.toml").write_text('site = "baotou"\ntoken_key_file = "token.key"\n')

    def say(*words: str) -> tuple[int, str]:
        code = menshen.main(["hub", "registry", *words[:1], str(tmp_path / "hub.toml"), *words[1:]])
        out = capsys.readouterr()
        return code, out.out + out.err

    assert say("add", "--badge", "4711")[0] == 0
    code, said = say("rekey")
    assert code == 0
    assert "1 entries of guards or this command are under the old key only" in said
    new = read_key(tmp_path / "token.key")
    assert new != OLD.strip()
    assert (tmp_path / "token.key").stat().st_mode & 0o777 == 0o600
    assert not list(tmp_path.glob("token.key.*"))
    assert "0 tokens" in say("rekey", "--finish")[1]
    owner = rekeying.next_key(tmp_path / "token.key")
    assert rekeying.next_key(tmp_path / "token.key") == owner  # what was interrupted goes on with the same
