"""What a gate remembers survives a restart; a damaged file stops nothing."""

from __future__ import annotations

import asyncio
import sqlite3

from edge.memory import KEPT_NS, Keeper, Memory
from tests.support.clocks import HandClock
from tests.support.servers import eventually
from wire.events import Direction
from wire.sightings import Sighting

NOW_NS = 1_581_200_000_000_000_000
SEEN = Sighting("badge-ann", "north", "people", Direction.IN, NOW_NS, entered=True)


async def kept(path, change=lambda memory: None, now_ns: int = NOW_NS) -> Memory:
    """One life of a gate: what it knows at its start."""
    memory = Memory()
    keeper = Keeper(path, memory, HandClock(now_ns))
    await keeper.start()
    change(memory)
    await keeper.stop()
    return memory


async def test_who_is_inside_what_is_disinfected_and_notes_survive_a_restart(tmp_path):
    def live(memory: Memory) -> None:
        memory.sightings.hear(SEEN)
        memory.disinfected("plate-0001", NOW_NS + 10)
        memory.note("people-screen", b"cohort")

    await kept(tmp_path / "deep" / "gate.db", live)
    memory = await kept(tmp_path / "deep" / "gate.db")
    assert memory.sightings.of("badge-ann") == [SEEN]
    assert memory.disinfected_until_ns("plate-0001") == NOW_NS + 10
    assert memory.noted("people-screen") == b"cohort"
    assert not any(memory.fresh())


async def test_what_is_old_is_forgotten_at_a_start(tmp_path):
    def live(memory: Memory) -> None:
        memory.sightings.hear(SEEN)
        memory.disinfected("plate-0001", NOW_NS + 10)

    await kept(tmp_path / "gate.db", live)
    memory = await kept(tmp_path / "gate.db", now_ns=NOW_NS + KEPT_NS + 1)
    assert memory.sightings.of("badge-ann") == []
    assert memory.disinfected_until_ns("plate-0001") is None


async def test_a_damaged_file_is_put_aside_and_the_gate_starts_with_nothing_known(tmp_path):
    path = tmp_path / "gate.db"
    path.write_bytes(b"no database at all" * 100)
    memory = await kept(path, lambda memory: memory.sightings.hear(SEEN))
    assert [file.name.partition("-")[0] for file in tmp_path.glob("gate.db.damaged*")] == ["gate.db.damaged"]
    assert memory.sightings.of("badge-ann") == [SEEN]
    assert (await kept(path)).sightings.of("badge-ann") == [SEEN]


async def test_rows_that_nobody_can_read_are_put_aside_too(tmp_path):
    path = tmp_path / "gate.db"
    await kept(path)
    with sqlite3.connect(path) as db:
        db.execute("INSERT INTO sightings VALUES ('x', ?, ?)", (NOW_NS, b"\xc1"))
    db.close()
    memory = await kept(path)
    assert memory.sightings.of("x") == []


async def test_a_disk_that_refuses_stops_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    memory = await kept(tmp_path / "file" / "gate.db", lambda memory: memory.note("a", b"b"))
    assert memory.noted("a") == b"b"


async def test_while_it_runs_what_is_new_is_kept_and_what_is_old_forgotten(tmp_path, monkeypatch):
    monkeypatch.setattr("edge.memory.KEEP_EVERY_S", 0.01)
    memory, clock = Memory(), HandClock(NOW_NS)
    keeper = Keeper(tmp_path / "gate.db", memory, clock)
    await keeper.start()
    task = asyncio.create_task(keeper.run())
    memory.sightings.hear(SEEN)
    await eventually(lambda: not memory.sightings._fresh, "it is written")
    assert (await kept(tmp_path / "gate.db")).sightings.of("badge-ann") == [SEEN]
    clock.pass_s(KEPT_NS / 1e9 + 1)
    await eventually(lambda: memory.sightings.of("badge-ann") == [], "it is forgotten")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await keeper.stop()
