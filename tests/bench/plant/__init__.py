"""A hub's folder after ten weeks of a large plant: filled as fast as its files take it, kept to be asked again.

Everything stands where a hub keeps it, through the hub's own tables: nothing is asked here, and nothing is faster than
it would be had the events come through the gates one by one.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec

from hub.crowds.desk import CrowdDesk
from hub.database import Database
from hub.projections.moves import Moves
from hub.settings import load
from tests.bench.plant import alerts, events, people
from tests.bench.plant.size import KEY, SITE, Size

_DONE = "filled.json"
_EVENING_H = 20


class Filled(NamedTuple):
    """A filled folder: its settings file, the size, and how long filling took (0 where it was filled before)."""

    settings: Path
    size: Size
    took_s: float


def filled(folder: Path, people_count: int, passages: int, tell: Callable[[str], None]) -> Filled:
    """The folder, filled unless it is: of this size, and of the site's day that it still is."""
    done = folder / _DONE
    if done.exists():
        size = msgspec.convert(json.loads(done.read_text()), Size)
        if (size.people, size.passages) == (people_count, passages) and size.is_today():
            return Filled(folder / "hub.toml", size, 0.0)
        tell("what was filled before is of another size or day: filling anew")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    size, began_s = Size(people_count, passages, _zone(), time.time_ns()), time.monotonic()
    data = folder / "data"
    data.mkdir()
    (folder / "token.key").write_bytes(KEY)
    (folder / "hub.toml").write_text(_settings(size))
    for name, fill in (("people", people.fill), ("alerts", alerts.fill), ("events", events.fill)):
        tell(f"filling: {name}")
        fill(data, size)
    tell("filling: meals")
    asyncio.run(_meals(folder / "hub.toml", size))
    done.write_text(json.dumps(msgspec.to_builtins(size)))
    return Filled(folder / "hub.toml", size, time.monotonic() - began_s)


async def _meals(path: Path, size: Size) -> None:
    """What the watch of meals and crowds has left behind of each day."""
    settings = load(path)
    moves, database = Moves(Path(settings.data) / "moves.db"), Database(settings.database_url)
    await moves.start()
    await database.start()
    desk = CrowdDesk(moves, database, settings.checkpoints, settings.meals, size.tz)
    await desk.settle([size.today - timedelta(days=ago) for ago in range(size.days)], size.now_ns)
    await database.stop()
    await moves.stop()


def _zone() -> str:
    """One where it is evening now: the day has nearly all of its passages, and stays today for some hours."""
    ahead = (_EVENING_H - datetime.now(UTC).hour + 12) % 24 - 12
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"


def _settings(size: Size) -> str:
    """The broker is nowhere: what is asked are the pages. Gates count as heard of for as long as it runs."""
    limits = "".join(f'[[checkpoints]]\nat = "canteen-{n}"\nmost_inside = 2000\n' for n in range(size.canteens))
    return f"""site = "{SITE}"
data = "data"
token_key_file = "token.key"
zone = "{size.zone}"
[broker]
port = 9
backoff_min_s = 50.0
[web]
port = 0
[alerts]
gate_silent_after_s = 100000
registry_old_after_s = 100000
{limits}"""
