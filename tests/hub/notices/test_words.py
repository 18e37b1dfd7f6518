"""Notices in the hub: whom they are for, who has read them, and that their version only grows."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.orm import Session

from hub.database import Database
from hub.notices import words
from hub.notices.models import Audience, NoticeRow
from hub.notices.words import TooMany, Written
from hub.registry.models import Person, PersonKind, Team
from wire.notices import MOST_NOTICES
from wire.registry import digest_of

NOW, HOUR = 1_581_200_000_000_000_000, 3600 * 10**9
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


def written(audience: Audience = Audience.SITE, **more: object) -> Written:
    usual = Written(audience, None, (), "戴口罩", "masks", "", 0, None, NOW, NOW + HOUR)
    return usual._replace(**more)


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Database]:
    store = Database(database_url)
    await store.start()

    def people(session: Session) -> None:
        welders = Team(name="welders")
        for number, kind, team in (
            ("1", "employee", welders), ("2", "contractor", welders), ("3", "employee", None), ("4", "visitor", None)
        ):  # fmt: skip
            session.add(
                Person(number=number, name=number, kind=PersonKind(kind), team=team, created_ns=1, changed_ns=1)
            )

    await store.write(people)
    yield store
    await store.stop()


def person(session: Session, number: str) -> Person:
    return session.query(Person).filter_by(number=number).one()


async def test_site_team_and_gates_each_hear_what_is_for_them(store):
    def work(session: Session):
        team = person(session, "1").team_id
        made = [
            words.make(session, one, by="wang", now_ns=NOW)
            for one in (
                written(),
                written(Audience.TEAM, team_id=team),
                written(Audience.GATES, gates=("north", "south"), picture=PNG),
                written(from_ns=NOW + HOUR // 2),
            )
        ]
        ids = [row.id for row in made]
        shown = {n: {row.id for row, _ in words.for_person(session, person(session, n), NOW)} for n in "13"}
        notices, pictures = words.for_gates(session, NOW)
        return ids, shown, notices, pictures

    (site, team, gates, later), shown, notices, pictures = await store.write(work)
    assert shown == {"1": {site, team}, "3": {site}}
    assert {one.id: one.gates for one in notices.notices} == {site: (), gates: ("north", "south"), later: ()}
    assert pictures == {digest_of(PNG): PNG}


async def test_who_has_read_is_counted_once_by_team_and_only_what_was_shown_to_them(store):
    def work(session: Session):
        row = words.make(session, written(), by="wang", now_ns=NOW)
        gates = words.make(session, written(Audience.GATES, gates=("north",)), by="wang", now_ns=NOW)
        for _ in range(2):
            assert words.see(session, person(session, "1"), row.id, NOW)
            session.flush()
        assert not words.see(session, person(session, "1"), gates.id, NOW)
        assert not words.see(session, person(session, "1"), row.id, NOW + HOUR), "it is over"
        return words.seen_by(session, row), words.receipts(session, [row, gates]), words.seen_by(session, gates)

    by_team, read, of_gates = await store.write(work)
    assert [(one.team, one.seen, one.asked) for one in by_team] == [("", 0, 1), ("welders", 1, 2)]
    assert list(read.values()) == [1]
    assert of_gates == []


async def test_the_version_only_grows_though_the_clock_is_set_back_and_notices_end(store):
    versions = []

    def step(session: Session, now_ns: int, number: int | None) -> int:
        if number is None:
            row = words.make(session, written(from_ns=now_ns, until_ns=now_ns + HOUR), by="wang", now_ns=now_ns)
            number = row.id
        else:
            assert words.withdraw(session, number, by="wang", now_ns=now_ns)
        versions.append(words.for_gates(session, now_ns)[0].version)
        return number

    first = await store.write(lambda session: step(session, NOW, None))
    await store.write(lambda session: step(session, NOW - 10 * HOUR, None))
    await store.write(lambda session: step(session, NOW - 10 * HOUR, first))
    assert versions == sorted(set(versions))
    again = await store.read(lambda session: words.for_gates(session, NOW + 100 * HOUR)[0])
    assert (again.version, again.notices) == (versions[-1], [])
    assert not await store.write(lambda session: words.withdraw(session, first, by="wang", now_ns=NOW))


async def test_no_more_are_in_force_than_a_gate_can_be_told(store):
    def fill(session: Session) -> None:
        for _ in range(MOST_NOTICES):
            words.make(session, written(), by="wang", now_ns=NOW)

    await store.write(fill)
    with pytest.raises(TooMany):
        await store.write(lambda session: words.make(session, written(), by="wang", now_ns=NOW))
    ended = NOW + 2 * HOUR
    await store.write(lambda session: words.make(session, written(until_ns=ended + HOUR), by="wang", now_ns=ended))


async def test_pictures_of_what_is_over_are_cleared(store):
    def work(session: Session):
        row = words.make(session, written(picture=PNG), by="wang", now_ns=NOW)
        before = words.over_pictures(session, NOW)
        words.withdraw(session, row.id, by="wang", now_ns=NOW + 1)
        session.flush()
        return before, words.over_pictures(session, NOW + 2), words.for_gates(session, NOW + 2)[1]

    assert await store.write(work) == (set(), {digest_of(PNG)}, {})
    assert await store.read(lambda session: session.query(NoticeRow).count()) == 1
