"""Faults without mercy, with a seed and an oracle: `menshen chaos --minutes 60 --seed 1 --json`.

A real broker, InfluxDB, hub and gates on this machine, each a process; about every 3.4 seconds something goes wrong
with one of them, with the links, disks and clocks, or with what is sent. When all is over it is mended, and what gates
had acknowledged is held against journal, time series, alerts and checks. The exit code is 1 for any finding; then the
folder stays, with the truth, the journal and all logs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from tests.chaos import faults
from tests.chaos.faults import Fault, Kind
from tests.chaos.town import Town
from tests.chaos.verdict import Findings, judge


class Wanted(NamedTuple):
    """One run."""

    minutes: float
    seed: int
    gates: int = 3
    rate_per_s: float = 2.0
    """Events a second of each gate."""
    every_s: float = faults.EVERY_S
    quiet_within_s: float = 90.0
    kinds: tuple[Kind, ...] = tuple(Kind)
    at_most_s: float = math.inf
    """No fault lasts longer."""

    def plan(self) -> list[Fault]:
        return faults.plan(self.seed, self.minutes * 60, self.gates, self.every_s, self.kinds, self.at_most_s)


class Report(NamedTuple):
    findings: Findings
    figures: dict[str, Any]

    @property
    def is_clean(self) -> bool:
        return self.findings.clean and bool(self.figures["quiet"])


def main(argv: list[str]) -> int:
    """`menshen chaos`: 0 when nothing was lost, doubled or out of order, else 1."""
    parser = argparse.ArgumentParser(prog="menshen chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--gates", type=int, default=Wanted(0, 0).gates)
    parser.add_argument(
        "--rate-per-s", type=float, default=Wanted(0, 0).rate_per_s, help="events a second of each gate"
    )
    parser.add_argument("--every-s", type=float, default=faults.EVERY_S, help="seconds between two faults, on average")
    parser.add_argument("--at-most-s", type=float, default=math.inf, help="no fault lasts longer")
    parser.add_argument("--only", help="kinds of faults, with commas: " + ", ".join(Kind))
    parser.add_argument("--folder", type=Path, help="where to work; by default a temporary folder, kept on a finding")
    parser.add_argument("--plan", action="store_true", help="print the faults of that seed, and do nothing")
    parser.add_argument(
        "--json", action="store_true", help="print one line of JSON; what happens goes to standard error"
    )
    asked = parser.parse_args(argv)
    try:
        kinds = tuple(Kind(word.strip()) for word in asked.only.split(",")) if asked.only else tuple(Kind)
    except ValueError as error:
        parser.error(f"--only: {error}; there are: {', '.join(Kind)}")
    wanted = Wanted(
        asked.minutes, asked.seed, asked.gates, asked.rate_per_s, asked.every_s, kinds=kinds, at_most_s=asked.at_most_s
    )
    if asked.plan:
        for fault in wanted.plan():
            print(f"{fault.at_s:9.3f} s  {fault.kind:<14} gate {fault.gate}  for {fault.lasts_s:6.3f} s")
        return 0
    folder = (asked.folder or Path(tempfile.mkdtemp(prefix="menshen-chaos-"))).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    report = asyncio.run(run(folder, wanted, _tell if asked.json else print))
    figures = {**report.figures, "seed": asked.seed}
    if report.is_clean and asked.folder is None:
        shutil.rmtree(folder)
    elif not report.is_clean:
        figures["folder"] = str(folder)
    print(json.dumps(figures) if asked.json else _shown(figures))
    return 0 if report.is_clean else 1


async def run(folder: Path, wanted: Wanted, tell: Callable[[str], None]) -> Report:
    """Begin, do all faults, mend, wait until it is quiet, and judge."""
    town = Town(folder, wanted.seed, wanted.gates, wanted.rate_per_s, tell)
    clean = False
    began_s = time.monotonic()
    try:
        await town.start()
        watching = _Pauses(town)
        helpers = [asyncio.create_task(town.supervise()), asyncio.create_task(watching.watch())]
        plan = wanted.plan()
        try:
            await _do_all(town, plan, wanted.minutes * 60)
            await town.mend()
            mended_s = time.monotonic()
            quiet = await town.drain(wanted.quiet_within_s)
            drained_s = time.monotonic() - mended_s
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
        findings = await asyncio.to_thread(judge, town)
        clean = findings.clean and quiet
        figures = {
            **msgspec.to_builtins(findings),
            "faults": sum(town.done.values()),
            "faults_by_kind": dict(sorted(town.done.items())),
            "ended_by_themselves": sum(part.ended_itself for part in [*town.parts.values(), *town.extra]),
            "longest_pause_s": round(watching.longest_s, 1),
            "longest_pause_ended_at_s": round(watching.ended_s, 1),
            "drained_s": round(drained_s, 1),
            "quiet": quiet,
            "took_s": round(time.monotonic() - began_s, 1),
        }
        return Report(findings, figures)
    finally:
        await town.stop()
        town.unmount(keep=not clean)


async def _do_all(town: Town, plan: list[Fault], for_s: float) -> None:
    """Each fault at its time, however many there are at once; returns when all are over."""
    began_s = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        for fault in plan:
            await asyncio.sleep(began_s + fault.at_s - time.monotonic())
            tasks.create_task(town.do(fault))
        await asyncio.sleep(began_s + for_s - time.monotonic())


class _Pauses:
    """For how long at most nothing came into the journal."""

    def __init__(self, town: Town) -> None:
        self.longest_s = 0.0
        self.ended_s = 0.0
        """When it was over, since the plant works."""
        self._town = town

    async def watch(self) -> None:
        before, since_s = -1, time.monotonic()
        began_s = since_s
        while True:
            await asyncio.sleep(0.5)
            stored, now_s = await asyncio.to_thread(self._town.stored), time.monotonic()
            if stored != before:
                if now_s - since_s > self.longest_s:
                    self.longest_s, self.ended_s = now_s - since_s, now_s - began_s
                before, since_s = stored, now_s


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _shown(figures: dict[str, Any]) -> str:
    return json.dumps(figures, indent=2, ensure_ascii=False)
