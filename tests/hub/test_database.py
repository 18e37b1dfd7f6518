"""The relational store: the same on SQLite and PostgreSQL, always of the newest schema; errors tell no names."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from hub import database
from hub.database import Database
from hub.registry.models import Person, Team
from hub.tables import METADATA
from wire.errors import DatabaseError


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Database]:
    store = Database(database_url)
    await store.start()
    yield store
    await store.stop()


def somebody(number: str = "1", name: str = "李雷") -> Person:
    return Person(number=number, name=name, created_ns=1, changed_ns=1)


def count(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(Person)) or 0


async def test_the_migrations_make_exactly_the_tables_that_the_code_declares(store, database_url):
    engine = database.engine(database.checked(database_url))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
    engine.dispose()


async def test_what_was_written_is_there_after_a_restart(store, database_url):
    await store.write(lambda session: session.add(somebody()))
    again = Database(database_url)
    await again.start()
    found = await again.read(lambda session: session.scalars(select(Person)).one())
    assert (found.number, found.name, found.active) == ("1", "李雷", True)
    await again.stop()


async def test_work_that_fails_leaves_nothing_behind_and_tells_no_values(store):
    def both(session: Session) -> None:
        session.add(somebody("1", "韩梅梅"))
        session.flush()
        session.add(somebody("1", "李雷"))
        session.flush()

    with pytest.raises(DatabaseError, match="database") as caught:
        await store.write(both)
    assert "李雷" not in str(caught.value)
    assert await store.read(count) == 0


async def test_an_error_of_the_work_itself_undoes_it_and_is_the_callers(store):
    def work(session: Session) -> None:
        session.add(somebody())
        session.flush()
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await store.write(work)
    assert await store.read(count) == 0


async def test_what_is_read_changes_nothing(store):
    await store.write(lambda session: session.add(somebody()))
    await store.read(lambda session: session.execute(delete(Person)))
    assert await store.read(count) == 1


async def test_many_writers_and_readers_at_once_lose_nothing(store):
    def writer(number: int) -> Callable[[Session], None]:
        return lambda session: session.add(somebody(str(number)))

    writing = [store.write(writer(number)) for number in range(40)]
    reading = [store.read(count) for _ in range(20)]
    await asyncio.gather(*writing, *reading)
    assert await store.read(count) == 40


async def test_references_are_kept_whole(store):
    with pytest.raises(DatabaseError):
        await store.write(
            lambda session: session.add(Person(number="1", name="x", team_id=99, created_ns=1, changed_ns=1))
        )
    await store.write(lambda session: session.add(Team(name="焊接一班")))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("nonsense", "expected sqlite:///FILE or postgresql://"),
        ("mysql://u:secret@host/name", "'mysql', expected sqlite or postgresql"),
    ],
)
def test_a_url_that_cannot_be_used_is_explained(url, expected):
    with pytest.raises(DatabaseError, match=expected):
        Database(url)


async def test_a_server_that_is_not_there_is_told_without_its_password():
    store = Database("postgresql://menshen:secret@127.0.0.1:1/name")
    with pytest.raises(DatabaseError, match=r"menshen:\*\*\*@127") as caught:
        await store.start()
    assert "secret" not in str(caught.value)
    with pytest.raises(DatabaseError, match="not started"):
        await store.read(lambda session: None)
    await store.stop()
