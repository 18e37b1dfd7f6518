"""A hub's data as years and many people leave it: a journal of millions of events, a register of a hundred thousand.

Both are written straight into the files, for it is what comes afterwards that is measured.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from sqlalchemy import insert

from hub.alerts.chains import AllChannels
from hub.alerts.store import AlertStore
from hub.cases.models import Cursor
from hub.database import engine, upgrade
from hub.journal import Journal
from hub.projections.checks import Checks
from hub.projections.file import FileProjection
from hub.projections.moves import Moves
from hub.projections.passes import Passes
from hub.projections.rollups import Rollups
from hub.registry.models import Badge, Person, PersonKind, Team
from hub.registry.store import RegistryStore
from hub.rounds.record import RoundRecord
from tests.bench.fleet import PATTERN, PEOPLE, SITE

_DAYS = 60
_TODAY = 10_000
"""Events since midnight: the board reads today's when it starts, however old the journal is."""
_GATES = 50


def age_journal(data: Path, events: int) -> None:
    """So many passages of the last two months, read by every projection long ago."""
    path = data / "journal.db"
    journal = Journal(path)
    journal.open()
    journal.close()
    now_ns = time.time_ns()
    begin_ns, step_ns = now_ns - _DAYS * 86_400 * 10**9, (_DAYS - 1) * 86_400 * 10**9 // max(1, events)
    body = PATTERN.decode().replace("'", "''")
    old = f"""WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {events - 1}), t(i, at) AS (
        SELECT i, CASE WHEN i < {events - _TODAY} THEN {begin_ns} + i * {step_ns}
            ELSE {now_ns} - ({events} - i) * 1000000 END FROM n)
        INSERT INTO entries (stream, seq, last, kind, time_ns, received_ns, body)
        SELECT 1 + i % {_GATES}, 1 + i / {_GATES}, 1 + i / {_GATES}, 'person-passage', at, at + 90000000,
        CAST(printf('{body}', at, i, i * 7 % {PEOPLE}) AS BLOB) FROM t"""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = OFF")
        db.execute("BEGIN")
        for gate in range(_GATES):
            through = events // _GATES + (gate < events % _GATES)
            key = (gate + 1, SITE, f"old-{gate:02d}", "routine", "e0", through)
            db.execute("INSERT INTO streams VALUES (?, ?, ?, ?, ?, ?)", key)
        db.execute(old)
        db.execute("INSERT OR REPLACE INTO totals VALUES ('entries', ?)", (events,))
        db.execute("INSERT INTO cursors VALUES ('timeseries', ?)", (events,))
        db.execute("COMMIT")
    asyncio.run(_age_readers(data, events))


async def _age_readers(data: Path, events: int) -> None:
    """What two projections keep of each passage; the others only that they have read it."""
    files: list[FileProjection | Checks] = [
        Passes(data / "passes.db"), Checks(data / "checks.db"), Rollups(data / "rollups.db", None),
        RoundRecord(data / "rounds.db", None), Moves(data / "moves.db"),
    ]  # fmt: skip
    for reader in files:
        await reader.start()
        await reader.stop()
    stores = [RegistryStore(data / "registry.db"), AlertStore(data / "alerts.db", AllChannels(()))]
    for store in stores:
        store.open()
        store.close()
    made = engine(f"sqlite:///{data / 'menshen.db'}")
    upgrade(made)
    with made.begin() as db:
        db.execute(insert(Cursor), [{"name": "cases", "offset": events}])
    made.dispose()
    cursors = {"passes": "passes", "checks": "measurements", "rollups": "rollups", "rounds": "rounds", "moves": "moves",
               "registry": "visits", "alerts": "alerts"}  # fmt: skip
    for file, name in cursors.items():
        with closing(sqlite3.connect(data / f"{file}.db", isolation_level=None)) as db:
            _fill(db, data / "journal.db", file)
            db.execute('INSERT OR REPLACE INTO cursors (name, "offset") VALUES (?, ?)', (name, events))


_PASSES = f"""INSERT INTO checkpoints SELECT id, site, gate, 'people' FROM j.streams;
INSERT INTO tokens SELECT i + 1, printf('person-%015d', i) FROM
    (WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {PEOPLE - 1}) SELECT i FROM n);
INSERT INTO passes SELECT "offset", time_ns, stream, 1 + ("offset" - 1) * 7 % {PEOPLE}, 'in', 'allow' FROM j.entries;"""
_MEASUREMENTS = f"""INSERT INTO measurements
    SELECT "offset", time_ns, '{SITE}', printf('person-%015d', ("offset" - 1) * 7 % {PEOPLE}),
    printf('old-%02d', stream - 1), 'people', 'gate' FROM j.entries;"""


def _fill(db: sqlite3.Connection, journal: Path, name: str) -> None:
    """Rows first, then the indices: that is much faster."""
    rows = {"passes": _PASSES, "checks": _MEASUREMENTS}.get(name)
    if rows is None:
        return
    db.execute("PRAGMA synchronous = OFF")
    db.execute("ATTACH ? AS j", (str(journal),))
    indices = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL").fetchall()
    for index, _ in indices:
        db.execute(f"DROP INDEX {index}")
    db.executescript(f"BEGIN;{rows}COMMIT;")
    for _, sql in indices:
        db.execute(sql)
    db.execute("DETACH j")


def register(data: Path, people: int) -> None:
    """So many employees in teams of 25, each with a badge that gates know."""
    data.mkdir(parents=True, exist_ok=True)
    made = engine(f"sqlite:///{data / 'menshen.db'}")
    upgrade(made)
    now_ns = time.time_ns()
    with made.begin() as db:
        teams = [{"id": n, "name": f"班组{n}", "grid": f"网格{n % 40}"} for n in range(1, people // 25 + 2)]
        db.execute(insert(Team), teams)
        rows = [
            {"id": n, "number": f"{n:06d}", "name": f"李{n}", "kind": PersonKind.EMPLOYEE, "team_id": n // 25 + 1,
             "active": True, "created_ns": now_ns, "changed_ns": now_ns}
            for n in range(1, people + 1)
        ]  # fmt: skip
        db.execute(insert(Person), rows)
        badges = [
            {"id": n, "person_id": n, "number": str(n), "token": f"person-{n - 1:015d}"} for n in range(1, people + 1)
        ]
        db.execute(insert(Badge), badges)
    made.dispose()
