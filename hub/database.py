"""The hub's relational store: who people are, what they may do, and what was done about them. SQLite or PostgreSQL.

By default a file beside the journal; another database by its URL (`postgresql://…`). Work is a function of a session,
run in a thread and one transaction: `read` may run beside others, `write` is alone on SQLite (`BEGIN IMMEDIATE`).
The schema is brought to the newest version when the hub starts (Alembic, `hub/migrations`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, TypeVar

from alembic import command
from alembic.config import Config
from sqlalchemy import BigInteger, Engine, Enum, Integer, MetaData, create_engine, event
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column

from wire.errors import DatabaseError

T = TypeVar("T")

THREADS = 4
BUSY_S = 10
_AT_ONCE = 500
MIGRATIONS = Path(__file__).parent / "migrations"
_WRITES = "menshen_writes"

Key = Annotated[int, mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)]
"""A primary key that the database gives away."""
Moment = Annotated[int, mapped_column(BigInteger)]
"""Nanoseconds since 1970, UTC."""


def choice(kind: type[StrEnum]) -> Enum:
    """A column of one of the members, stored by their values as text: a new member needs no migration."""
    return Enum(
        kind, native_enum=False, length=16, values_callable=lambda members: [member.value for member in members]
    )


class Base(DeclarativeBase):
    """All tables; constraints have names, so that migrations can change them on every database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Database:
    """One relational database for asyncio. Methods raise `DatabaseError`."""

    def __init__(self, url: str) -> None:
        """Keeps the URL; raises `DatabaseError` when it is none that can be used."""
        self._url = checked(url)
        self._engine: Engine | None = None
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="database")

    async def start(self) -> None:
        """Connect, and bring the schema to the newest version."""
        await self._run(self._open)

    async def stop(self) -> None:
        if self._engine is not None:
            await self._run(self._engine.dispose)
            self._engine = None
        self._threads.shutdown()

    async def read(self, work: Callable[[Session], T]) -> T:
        """What `work` finds out, in a transaction that is rolled back."""
        return await self._run(partial(self._work, work, writes=False))

    async def write(self, work: Callable[[Session], T]) -> T:
        """What `work` returns, once its changes are committed; none of them when it raises."""
        return await self._run(partial(self._work, work, writes=True))

    def _open(self) -> None:
        try:
            made = engine(self._url)
            upgrade(made)
        except (SQLAlchemyError, OSError) as error:
            raise DatabaseError(f"database {shown(self._url)}: {_reason(error)}") from error
        self._engine = made

    def _work(self, work: Callable[[Session], T], *, writes: bool) -> T:
        if self._engine is None:
            raise DatabaseError(f"database {shown(self._url)}: not started")
        try:
            with Session(self._engine.execution_options(**{_WRITES: writes}), expire_on_commit=False) as session:
                result = work(session)
                if writes:
                    session.commit()
                return result
        except SQLAlchemyError as error:
            raise DatabaseError(f"database {shown(self._url)}: {_reason(error)}") from error

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def checked(url: str) -> str:
    """The URL with the driver that is used for it. Raises `DatabaseError`."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise DatabaseError("database url: expected sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME") from error
    match parsed.get_backend_name():
        case "sqlite":
            if parsed.database:
                Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        case "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        case other:
            raise DatabaseError(f"database url: {other!r}, expected sqlite or postgresql")
    return parsed.render_as_string(hide_password=False)


def shown(url: str) -> str:
    """The URL as it may stand in a log: without its password."""
    return make_url(url).render_as_string(hide_password=True)


def engine(url: str) -> Engine:
    """An engine whose transactions begin as `Database` says. Raises `DatabaseError` for a driver that is missing."""
    try:
        made = create_engine(url, pool_pre_ping=True)
    except ModuleNotFoundError as error:
        raise DatabaseError(
            f"database {shown(url)}: the package {error.name!r} is not installed here; "
            'install it with: pip install "menshen[postgresql]"'
        ) from error
    if made.dialect.name == "sqlite":
        event.listen(made, "connect", _set_up_sqlite)
        event.listen(made, "begin", _begin_sqlite)
    return made


def upgrade(on: Engine) -> None:
    """Bring the schema to the newest version; nothing to do where it is."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with on.execution_options(**{_WRITES: True}).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def parts(values: Iterable[T]) -> Iterator[list[T]]:
    """Lists short enough for one query."""
    rest = iter(values)
    while part := list(islice(rest, _AT_ONCE)):
        yield part


def in_parts(session: Session, query: Any, column: Any, values: Iterable[Any] | None) -> Iterator[Any]:  # noqa: ANN401 - a query and a column of it
    """The query's rows, where the column has one of these values, however many they are; all where there are none."""
    if values is None:
        yield from session.execute(query)
        return
    for part in parts(values):
        yield from session.execute(query.where(column.in_(part)))


def _set_up_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - a connection of sqlite3
    connection.isolation_level = None  # transactions begin where `_begin_sqlite` says
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", f"busy_timeout = {BUSY_S * 1000}"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _reason(error: Exception) -> str:
    """The database's own words, without the statement and its values, which may be personal."""
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]
