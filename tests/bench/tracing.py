"""Contact tracing among many passages: how fast contacts are found, ranked, and passages taken in.

10 million passages of 50,000 people over 50 days by default, through 100 lanes with the rush of shifts and of lunch:
four passages a day each, and in a rush no more at a lane than can pass one. Contacts over the last 14 days are asked
for as the page does, from the case's badge to the ranked people, of people chosen at random. The relational store has
all people in teams of 20.
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
from pathlib import Path

import numpy as np
from sqlalchemy import insert
from sqlalchemy.orm import Session

from hub.cases import contacts
from hub.database import Database
from hub.journal import Entry
from hub.projections.passes import Passes
from hub.registry.models import Badge, Person, PersonKind, Team
from wire.events import Outcome, PersonPassage, Verdict, urgency_of
from wire.messages import StreamId, encode_event

_DAY_NS = 86_400 * 10**9
_BEGINS_NS = 1_581_264_000 * 10**9
_DAYS, _TRACED_DAYS = 50, 14
_RUSH_H = ((7.5, 0.4), (17.5, 0.5), (19.5, 0.4), (12.0, 2.0))
"""When people pass, and how spread: hours of the day, and a standard deviation."""
_BATCH = 5000


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--passages", type=int, default=10_000_000)
    parser.add_argument("--people", type=int, default=50_000)
    parser.add_argument("--lanes", type=int, default=100)
    parser.add_argument("--window-min", type=float, default=5.0)
    parser.add_argument("--asked", type=int, default=30, help="of so many people")
    parser.add_argument("--folder", type=Path, help="where the passages stay, to be asked again; else they are deleted")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="menshen-tracing-") as made:
        figures = asyncio.run(_measure(arguments.folder or Path(made), arguments))
    print(json.dumps(figures) if arguments.json else "\n".join(f"{name}: {value}" for name, value in figures.items()))
    return 0


async def _measure(folder: Path, asked: argparse.Namespace) -> dict[str, float]:
    passes, database = Passes(folder / "passes.db"), Database(f"sqlite:///{folder / 'people.db'}")
    have = await passes.start()
    await database.start()
    figures: dict[str, float] = {}
    if not have:
        await database.write(lambda session: _add_people(session, asked.people))
        figures |= await _fill(passes, asked)
    figures |= await _ask(passes, database, asked)
    figures["file_mb"] = round((folder / "passes.db").stat().st_size / 1e6)
    await passes.stop()
    await database.stop()
    return figures


async def _fill(passes: Passes, asked: argparse.Namespace) -> dict[str, float]:
    """The last part is taken event by event through `apply`, the rest is written straight into the file: it is the
    asking that is measured with all of them."""
    through = min(asked.passages, 200_000)
    began_s = time.perf_counter()
    await passes._file.run(lambda: _write(passes, asked, asked.passages - through))
    written_s = time.perf_counter() - began_s
    batches = list(_batches(asked, asked.passages - through, asked.passages))
    began_s = time.perf_counter()
    for batch in batches:
        await passes.apply(batch)
    took_s = time.perf_counter() - began_s
    return {"written_s": round(written_s, 1), "apply_per_s": round(through / took_s)}


def _rows(asked: argparse.Namespace, first: int, last: int) -> Iterator[tuple[int, int, int, int]]:
    """Offset, time, gate and person of each passage in the order of time; a person has their own gate, and another one
    time in ten."""
    draw = np.random.default_rng(1)
    hours, spread = (np.array(column) for column in zip(*_RUSH_H, strict=True))
    own_gate = draw.integers(asked.lanes, size=asked.people)
    through = 0
    for day, count in enumerate(np.diff(np.linspace(0, asked.passages, _DAYS + 1).astype(int)).tolist()):
        rush = draw.integers(len(hours), size=count)
        hour = np.sort(np.clip(draw.normal(hours[rush], spread[rush]), 0, 23.99))
        person = draw.integers(asked.people, size=count)
        gate = np.where(draw.random(count) < 0.1, draw.integers(asked.lanes, size=count), own_gate[person])
        time_ns = _BEGINS_NS + day * _DAY_NS + (hour * 3600e9).astype(np.int64)
        here = slice(max(0, first - through), max(0, last - through))
        offsets = range(through + 1, through + count + 1)[here]
        yield from zip(offsets, time_ns[here].tolist(), gate[here].tolist(), person[here].tolist(), strict=True)
        through += count


def _write(passes: Passes, asked: argparse.Namespace, last: int) -> None:
    with passes._file.transaction() as db:
        gates = [(number + 1, "site", f"g{number:02d}", "people") for number in range(asked.lanes)]
        db.executemany("INSERT INTO checkpoints VALUES (?, ?, ?, ?)", gates)
        db.executemany("INSERT INTO tokens VALUES (?, ?)", [(n + 1, _token(n)) for n in range(asked.people)])
        rows = (
            (offset, time_ns, gate + 1, person + 1, "in", "allow")
            for offset, time_ns, gate, person in _rows(asked, 0, last)
        )
        db.executemany("INSERT INTO passes VALUES (?, ?, ?, ?, ?, ?)", rows)
        passes._file.move(db, last)
    passes._checkpoints = {("site", gate, "people"): number for number, _, gate, _ in gates}
    passes._tokens = {_token(n): n + 1 for n in range(asked.people)}


def _batches(asked: argparse.Namespace, first: int, last: int) -> Iterator[list[Entry]]:
    batch: list[Entry] = []
    for offset, time_ns, gate, person in _rows(asked, first, last):
        event = PersonPassage(
            time_ns=time_ns, passage=f"p{offset}", lane="people", outcome=Outcome.ALLOW, verdict=Verdict.NORMAL,
            badge=_token(person),
        )  # fmt: skip
        stream = StreamId("site", f"g{gate:02d}", urgency_of(event), "e")
        batch.append(Entry(offset, stream, offset, offset, "person-passage", time_ns, time_ns, encode_event(event)))
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


async def _ask(passes: Passes, database: Database, asked: argparse.Namespace) -> dict[str, float]:
    until_ns, window_ns = _BEGINS_NS + _DAYS * _DAY_NS, round(asked.window_min * 60e9)
    from_ns = until_ns - _TRACED_DAYS * _DAY_NS
    near_ms, page_ms, found_people, own = [], [], [], []
    for person in random.Random(2).sample(range(asked.people), asked.asked):
        began_s = time.perf_counter()
        near = await passes.near([_token(person)], from_ns, until_ns, window_ns)
        near_ms.append((time.perf_counter() - began_s) * 1e3)

        def rank(session: Session, person: int = person, near: list = near) -> int:  # type: ignore[type-arg]
            somebody = session.get(Person, person + 1)
            assert somebody is not None, "all people were added"
            tokens = {one.token for one in near}
            group = contacts.group_of(session, somebody, tokens, from_ns, until_ns)
            ranked = contacts.rank(contacts.meetings(near, group.badges), group.team, group.host)
            contacts.people_of(session, [one.person_id for one in ranked[:300]])
            return len(ranked)

        found_people.append(await database.read(rank))
        page_ms.append((time.perf_counter() - began_s) * 1e3)
        own.append(len({one.own for one in near}))
    return {
        "own_passages_median": statistics.median(own),
        "contacts_median": statistics.median(found_people),
        "near_ms_median": round(statistics.median(near_ms), 1),
        "near_ms_worst": round(max(near_ms), 1),
        "ranked_ms_median": round(statistics.median(page_ms), 1),
        "ranked_ms_worst": round(max(page_ms), 1),
    }


def _add_people(session: Session, count: int) -> None:
    teams = -(-count // 20)
    session.execute(insert(Team), [{"id": n + 1, "name": f"team {n}", "grid": "", "leader": ""} for n in range(teams)])
    session.execute(
        insert(Person),
        [
            {
                "id": n + 1,
                "number": str(n),
                "name": f"person {n}",
                "kind": PersonKind.EMPLOYEE,
                "team_id": n // 20 + 1,
                "created_ns": 1,
                "changed_ns": 1,
            }
            for n in range(count)
        ],
    )
    session.execute(insert(Badge), [{"person_id": n + 1, "number": str(n), "token": _token(n)} for n in range(count)])


def _token(person: int) -> str:
    return f"token-{person:08d}"
