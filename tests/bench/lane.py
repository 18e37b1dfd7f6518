"""From the last reading that a decision needs to the barrier: one lane with its real spool, and no broker at all.

Badges are read after the face was measured, and faces measured after the badge was read: rendered frames through the
real screening, one by one as a camera gives them. The clock of the lane is the camera's, that of the measurement the
wall's.

The figure depends on the machine: on what else runs (`load`), for a decision is a handful of short computations in two
threads, each of which may have to wait for a processor; and on the disk, for which the barrier waits 20 ms at most
(`commit_p99_ms`, an fsync each). `cpu` figures are this process's own computing and hardly move with the load;
`pause_ms` is its longest pause for collecting garbage.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from edge.clock import Instant
from edge.drivers.base import BadgeRead, ThermalFrame
from edge.lane import House, Lane
from edge.outbox import Outbox
from edge.registry import Registry
from edge.settings import Lane as Plugged
from edge.settings import LaneSettings
from edge.spool import Spool, SpoolSettings
from edge.thermal.settings import ThermalSettings
from edge.thermal.types import Reading
from sim.background import Background
from sim.frames import View, picture
from sim.gates import REFERENCE_C
from sim.people import stream
from sim.scene import Visit, visits
from wire.events import Outcome, Reason, Temperature, Verdict
from wire.process import answer_promptly, set_up_logging
from wire.registry import Holder, RegistryEntry
from wire.tokens import TokenKind, token

KEY = b"0123456789abcdef0123456789abcdef"
FPS = 9.0
APART_S = 20.0
QUIET_S = 0.5
"""A word that decided nothing by then decides nothing."""


class _Took(NamedTuple):
    """From a word to the barrier, in milliseconds: by the wall's clock, and of this process's computing."""

    wall_ms: float
    cpu_ms: float


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--badges", type=int, default=300, help="decisions that a badge completes")
    parser.add_argument("--people", type=int, default=40, help="people who are screened for real")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    set_up_logging("critical")
    with tempfile.TemporaryDirectory(prefix="menshen-lane-") as folder:
        figures = asyncio.run(_measure(Path(folder), arguments.badges, arguments.people))
    if arguments.json:
        print(json.dumps(figures))
    else:
        print(", ".join(f"{name} {value}" for name, value in figures.items()))
    return 0


class _Clock:
    """The camera's time, which the bench puts forward."""

    def __init__(self) -> None:
        self.at_s = 10_000.0

    def now(self) -> Instant:
        return Instant(1_581_200_000 * 10**9 + int(self.at_s * 1e9), int(self.at_s * 1e9))


class _Source:
    """A device that says what it is given."""

    def __init__(self) -> None:
        self.words: asyncio.Queue[Any] = asyncio.Queue()

    def make(self, _timekeeper: object) -> _Source:
        return self

    def trait(self, name: str, default: Any) -> Any:
        return getattr(self, name, default)

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def reads(self) -> AsyncIterator[Any]:
        while True:
            yield await self.words.get()

    frames = reads


class _Barrier(_Source):
    """Notes when it was told what."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[tuple[float, float]] = []
        self.told = asyncio.Event()

    async def show(self, outcome: Outcome, reasons: Sequence[Reason]) -> None:
        self.shown.append((time.perf_counter(), time.process_time()))
        self.told.set()


class _Gate:
    """One lane, its devices and its spool."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.camera, self.badges, self.barrier = _Clock(), _Source(), _Source(), _Barrier()
        self.outbox = Outbox(
            Spool("bench", "north", SpoolSettings(path=str(folder / "spool.db")), self.clock), self.clock
        )
        known = [RegistryEntry(token(KEY, TokenKind.BADGE, str(n)), Holder.EMPLOYEE) for n in range(100_000)]
        house = House("north", KEY, Registry(known), self.outbox, self.clock)
        settings = LaneSettings(name="people", thermal=ThermalSettings(reference_c=REFERENCE_C))
        plugs: dict[str, Any] = {"thermal": self.camera, "badge": self.badges, "actuator": self.barrier}
        self.lane = Lane(Plugged(settings, plugs), house)

    async def took(self, source: _Source, word: object) -> _Took | None:
        """Say one word; how long until the barrier was told, None when this word decided nothing."""
        self.barrier.told.clear()
        began_s, cpu_s = time.perf_counter(), time.process_time()
        source.words.put_nowait(word)
        try:
            async with asyncio.timeout(QUIET_S):
                await self.barrier.told.wait()
        except TimeoutError:
            return None
        at_s, cpu_at_s = self.barrier.shown[-1]
        return _Took((at_s - began_s) * 1000, (cpu_at_s - cpu_s) * 1000)


class _Own:
    """What takes time within the process besides deciding: commits, and pauses for garbage; in milliseconds."""

    def __init__(self, spool: Spool) -> None:
        self.commits_ms: list[float] = []
        self.pauses_ms: list[float] = [0.0]
        self._append = spool.append
        self._began_s = 0.0
        spool.append = self._commit  # type: ignore[method-assign]
        gc.callbacks.append(self._collecting)

    def _commit(self, *arguments: Any) -> None:
        began_s = time.perf_counter()
        self._append(*arguments)
        self.commits_ms.append((time.perf_counter() - began_s) * 1000)

    def _collecting(self, phase: str, _: object) -> None:
        now_s = time.perf_counter()
        if phase == "start":
            self._began_s = now_s
        else:
            self.pauses_ms.append((now_s - self._began_s) * 1000)

    def close(self) -> None:
        gc.callbacks.remove(self._collecting)


async def _measure(folder: Path, badges: int, people: int) -> dict[str, float]:
    gate = _Gate(folder)
    answer_promptly()
    own = _Own(gate.outbox.spool)
    await gate.outbox.start()
    task = asyncio.create_task(gate.lane.run())
    while not gate.barrier.shown:
        await asyncio.sleep(0.01)
    by_badge = [took for n in range(badges) if (took := await _badge_last(gate, n)) is not None]
    by_frame = [took for visit in _people(people) for took in await _frame_last(gate, visit)]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await gate.outbox.stop()
    own.close()
    return {
        **_figures("badge", by_badge),
        **_figures("frame", by_frame),
        "decisions": len(by_badge) + len(by_frame),
        "p99_ms": _p99([took.wall_ms for took in by_badge + by_frame]),
        "cpu_p99_ms": _p99([took.cpu_ms for took in by_badge + by_frame]),
        "commit_p99_ms": _p99(own.commits_ms),
        "pause_ms": round(max(own.pauses_ms), 1),
        "load": round(os.getloadavg()[0], 1),
    }


async def _badge_last(gate: _Gate, number: int) -> _Took | None:
    gate.clock.at_s += APART_S
    now = gate.clock.now()
    await gate.lane.conclude(
        Reading(number, now, now, Verdict.NORMAL, Temperature(skin_c=35.6, u_c=0.3, looks=3), None)
    )
    gate.clock.at_s += 0.5
    return await gate.took(gate.badges, BadgeRead(str(number), gate.clock.now()))


def _people(count: int) -> list[Visit]:
    schedule = visits(1, 300, 6.0, 0.1)
    return [next(schedule) for _ in range(count)]


async def _frame_last(gate: _Gate, visit: Visit) -> list[_Took]:
    """The badge as soon as somebody comes, then frame by frame until the decision."""
    gate.clock.at_s += APART_S
    view, noise = View(reference_c=REFERENCE_C), stream(1, "bench")
    place = Background(seed=1)
    began_s, took = gate.clock.at_s, []
    for number in range(int((visit.end_s - visit.begin_s) * FPS)):
        gate.clock.at_s = began_s + number / FPS
        if number == 0:
            gate.badges.words.put_nowait(BadgeRead(f"{visit.person.badge}", gate.clock.now()))
            await asyncio.sleep(0.05)
        image = picture(view, visit.posed(visit.begin_s + number / FPS), noise, background=place)
        frame = ThermalFrame(np.asarray(image), gate.clock.now())
        if (decided := await gate.took(gate.camera, frame)) is not None:
            took.append(decided)
            break
    return took


def _figures(name: str, took: Sequence[_Took]) -> dict[str, float]:
    if not took:
        return {}
    wall_ms, cpu_ms = [it.wall_ms for it in took], [it.cpu_ms for it in took]
    return {
        f"{name}_p50_ms": round(statistics.median(wall_ms), 1),
        f"{name}_p99_ms": _p99(wall_ms),
        f"{name}_cpu_p99_ms": _p99(cpu_ms),
    }


def _p99(took_ms: Sequence[float]) -> float:
    ordered = sorted(took_ms)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))], 1)
