"""The day's duties of a large plant: how long its pages take, how long a day is counted anew, what a measurement costs.

50,000 people in three shifts and 10 million measurements over 100 days by default, in the files that a hub has; pages
are asked over HTTP, each from a console that has just served another.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
from sqlalchemy import insert

from hub.accounts import desk
from hub.accounts.models import Role
from hub.database import Database
from hub.duties.desk import DutyDesk
from hub.duties.roll import Check, Means
from hub.projections.checks import Checks, Measured
from hub.registry.models import Badge, Person, Shift, Team
from hub.registry.office import PeopleOffice
from hub.registry.store import Registrar, RegistryStore
from hub.web.app import Office, create_app
from hub.web.serve import WebServer
from tests.support.console import WrittenBoard
from tests.support.snapshots import bad_day

ZONE = ZoneInfo("Asia/Shanghai")
TODAY = datetime(2020, 5, 20, tzinfo=ZONE)
NOW_NS = round(TODAY.timestamp() + 15 * 3600) * 10**9
SHIFTS = ((8, 16), (16, 0), (0, 8))
TEAM = 20
PASSWORD = "correct horse battery"
_PAGES = {
    "day": "/duties",
    "by_shift": "/duties?by=shift",
    "on_duty": "/duties?show=on_duty",
    "missing": "/duties?show=first_missing",
    "last_page": "/duties?show=on_duty&after=049900",
    "team": "/duties?team=7&show=on_duty",
    "search": "/duties?words=name+4711",
    "person": "/duties/4711",
    "rotas": "/rotas",
    "absences": "/absences",
    "api": "/api/duties",
}


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--people", type=int, default=50_000)
    parser.add_argument("--measurements", type=int, default=10_000_000)
    parser.add_argument("--asked", type=int, default=20, help="how often each page is asked")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="menshen-duties-") as folder:
        figures = asyncio.run(_measure(Path(folder), arguments))
    print(json.dumps(figures) if arguments.json else "\n".join(f"{name}: {value}" for name, value in figures.items()))
    return 0


async def _measure(folder: Path, arguments: argparse.Namespace) -> dict[str, float]:
    database = Database(f"sqlite:///{folder / 'menshen.db'}")
    registrar, checks = Registrar(RegistryStore(folder / "registry.db")), Checks(folder / "checks.db")
    await database.start()
    await registrar.start()
    await checks.start()
    await database.write(lambda session: _register(session, arguments.people))
    await _fill(checks, arguments.people, arguments.measurements)
    office = PeopleOffice(database, registrar, b"bench-key-0123456789", ZONE, lambda: NOW_NS)
    duties = DutyDesk(office, checks)
    figures: dict[str, float] = {"people": arguments.people, "measurements": arguments.measurements}
    began_s = time.monotonic()
    await duties.book(duties.today())
    figures["count_a_day_s"] = round(time.monotonic() - began_s, 2)
    app = create_app(
        WrittenBoard(bad_day()), site="bench", version="0", zone=ZONE,
        office=Office(database, lambda: NOW_NS, office, duties=duties),
    )  # fmt: skip
    server = WebServer(app, host="127.0.0.1", port=0)
    await server.start()
    figures |= await _pages(server.url, arguments.asked)
    figures["measurement_us"] = round(await _one_more(duties, arguments.people), 1)
    figures["person_changes_ms"] = round(await _changes(duties), 1)
    await server.stop()
    await checks.stop()
    await registrar.stop()
    await database.stop()
    return figures


async def _pages(url: str, asked: int) -> dict[str, float]:
    """Milliseconds of each page, median and worst."""
    figures = {}
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:
        await client.post("/sign-in", data={"login": "officer", "password": PASSWORD})
        took_ms: dict[str, list[float]] = {name: [] for name in _PAGES}
        for _ in range(asked):
            for name, path in _PAGES.items():
                began_s = time.monotonic()
                answer = await client.get(path)
                took_ms[name].append((time.monotonic() - began_s) * 1e3)
                answer.raise_for_status()
                if answer.status_code != httpx.codes.OK:
                    raise SystemExit(f"{path}: {answer.status_code}")
        for name, times in took_ms.items():
            figures[f"{name}_p50_ms"] = round(statistics.median(times), 1)
            figures[f"{name}_max_ms"] = round(max(times), 1)
    return figures


async def _one_more(duties: DutyDesk, people: int) -> float:
    """Microseconds that one measurement costs the rolls in memory."""
    book, draw = await duties.book(duties.today()), random.Random(2)
    count = 20_000
    began_s = time.perf_counter()
    for n in range(count):
        book.roll.add(f"token-{draw.randrange(people)}", Check(10**9 + n, NOW_NS, "north", "people", Means.GATE))
    return (time.perf_counter() - began_s) / count * 1e6


async def _changes(duties: DutyDesk) -> float:
    """Milliseconds until what changed about a person is in today's roll."""
    from hub.registry.office import Touched

    began_s = time.monotonic()
    await duties.touched(Touched(people=[4711]))
    return (time.monotonic() - began_s) * 1e3


def _register(session, people: int) -> None:
    desk.add_user(session, "officer", "officer", Role.OFFICER, PASSWORD, by="bench", now_ns=1)
    shifts = [Shift(id=n, name=f"shift {n}", from_min=a * 60, to_min=b * 60) for n, (a, b) in enumerate(SHIFTS, 1)]
    session.add_all(shifts)
    session.flush()
    teams = [{"id": n + 1, "name": f"team {n}", "grid": f"grid {n % 40}", "leader": "", "meal_slot": "",
              "shift_id": n % len(SHIFTS) + 1} for n in range(-(-people // TEAM))]  # fmt: skip
    session.execute(insert(Team), teams)
    session.execute(
        insert(Person),
        [{"id": n + 1, "number": f"{n:06d}", "name": f"name {n}", "team_id": n // TEAM + 1, "created_ns": 1,
          "changed_ns": 1} for n in range(people)],
    )  # fmt: skip
    session.execute(
        insert(Badge), [{"person_id": n + 1, "number": f"{n}", "token": f"token-{n}"} for n in range(people)]
    )


async def _fill(checks: Checks, people: int, count: int) -> None:
    """Twice a day and person, day after day until now, without the journal in between."""
    rows = _rows(people, count)
    while batch := list(islice(rows, 100_000)):
        await checks._file.run(lambda batch=batch: checks._take(batch, batch[-1].check.number))


def _rows(people: int, count: int) -> Iterator[Measured]:
    days = -(-count // (2 * people))
    draw, number = random.Random(1), 0
    start_s = int(TODAY.astimezone(UTC).timestamp()) - (days - 1) * 86400
    for day in range(days):
        for person in range(people):
            begins, ends = SHIFTS[(person // TEAM) % len(SHIFTS)]
            for hour in (begins - 0.2, (ends or 24) + 0.2):
                at_s = start_s + day * 86400 + hour * 3600 + draw.uniform(-600, 600)
                number += 1
                if number <= count and at_s * 1e9 < NOW_NS and draw.random() > 0.02:
                    yield Measured(
                        "bench", f"token-{person}", Check(number, round(at_s * 1e9), "north", "people", Means.GATE)
                    )
