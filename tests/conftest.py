"""Fixtures that give tests real servers (`tests.support.servers`)."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import pytest
import structlog
from argon2 import PasswordHasher
from fastapi.dependencies import models
from hypothesis import settings
from sqlalchemy import Engine, inspect

import hub.database
from hub.accounts import desk
from tests.support import servers

settings.register_profile("menshen", deadline=None)  # a machine that is busy breaks no promise
settings.load_profile("menshen")

DATA = Path(os.environ.get("MENSHEN_DATA", Path(__file__).parents[2] / "shared" / "data"))

S = TypeVar(
    "S",
    servers.Mosquitto,
    servers.EmbeddedBroker,
    servers.InfluxDB1,
    servers.VictoriaMetrics,
    servers.PostgreSQL,
    servers.HttpSink,
    servers.SmtpSink,
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long begin first, so that no worker is left alone with one at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session", autouse=True)
def migrated_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Empty SQLite files get the tables of one that was migrated, in a tenth of the time.

    The migrations themselves are tried in `tests/hub/test_database.py`, and by each hub that runs as a process.
    """
    migrate = hub.database.upgrade
    whole = tmp_path_factory.mktemp("migrated") / "whole.db"
    migrate(hub.database.engine(f"sqlite:///{whole}"))

    def upgrade(on: Engine) -> None:
        if on.dialect.name == "sqlite" and not inspect(on).get_table_names():
            with closing(sqlite3.connect(whole)) as source, closing(sqlite3.connect(on.url.database or "")) as target:
                source.backup(target)
        migrate(on)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hub.database, "upgrade", upgrade)
        yield


@pytest.fixture(scope="module", autouse=True)
def consoles_are_forgotten() -> Iterator[None]:
    """FastAPI remembers what kind of function each of a page's is, and by it each console that a test made: GBs."""
    yield
    for known in vars(models).values():
        if hasattr(known, "cache_clear"):
            known.cache_clear()


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """A command that a test ran has set up logging for itself: the next test does not inherit it."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with real recordings, which is not part of the repository."""
    if not DATA.is_dir():
        pytest.skip(f"no real data at {DATA} (set MENSHEN_DATA to where it is)")
    return DATA


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[servers.Mosquitto]:
    yield from _running(servers.Mosquitto(tmp_path / "mosquitto"))


@pytest.fixture
def embedded_broker() -> Iterator[servers.EmbeddedBroker]:
    yield from _running(servers.EmbeddedBroker())


@pytest.fixture(params=["mosquitto", "embedded_broker"])
def broker(request: pytest.FixtureRequest) -> servers.Mosquitto | servers.EmbeddedBroker:
    """Each real broker in turn."""
    found: servers.Mosquitto | servers.EmbeddedBroker = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def influxdb1(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.InfluxDB1]:
    """One InfluxDB for all tests; each takes a database of its own (`database`)."""
    yield from _running(servers.InfluxDB1(tmp_path_factory.mktemp("influxdb")))


@pytest.fixture
def own_influxdb1(tmp_path: Path) -> Iterator[servers.InfluxDB1]:
    """An InfluxDB that a test may kill."""
    yield from _running(servers.InfluxDB1(tmp_path / "influxdb"))


@pytest.fixture(scope="session")
def victoria_metrics(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.VictoriaMetrics]:
    yield from _running(servers.VictoriaMetrics(tmp_path_factory.mktemp("victoria")))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[servers.PostgreSQL]:
    """One PostgreSQL for all tests; each takes a database of its own (`database_url`)."""
    yield from _running(servers.PostgreSQL())


@pytest.fixture(scope="module")
def journal_url(postgresql: servers.PostgreSQL) -> str:
    """A database for event logs, one at a time (`tests.support.journals.InPostgres`)."""
    return postgresql.make(f"journal_{uuid4().hex[:12]}")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path, database: str) -> str:
    """An empty relational database, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'people.db'}"
    return str(request.getfixturevalue("postgresql").make(database))


@pytest.fixture
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 with the least cost: what is tested is who gets in, not how long a guess takes."""
    monkeypatch.setattr(desk, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def database() -> str:
    """A name that no other test uses."""
    return f"test_{uuid4().hex[:12]}"


@pytest.fixture
def http_sink() -> Iterator[servers.HttpSink]:
    yield from _running(servers.HttpSink())


@pytest.fixture
def smtp_sink() -> Iterator[servers.SmtpSink]:
    yield from _running(servers.SmtpSink())


def _running(server: S) -> Iterator[S]:
    server.start()
    try:
        yield server
    finally:
        server.stop()
